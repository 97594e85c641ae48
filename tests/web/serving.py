"""A web server on a real socket in front of a real data interface and a house on paper, and a client that asks it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from heg.data.interface import DataInterface
from heg.data.store.store import SqliteStore
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.web.accounts.desk import AccountsDesk
from heg.web.accounts.principals import Doors
from heg.web.gate import Gate
from heg.web.listen import open_listener, page_address
from heg.web.server import WebServer
from heg.web.settings import WebSettings
from tests.web.house import HOME, PaperHouse

ORDER_HEADERS = {"X-Heg-Request": "1", "Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Served:
    """The house behind the server, and the asker in front of it."""

    def __init__(
        self, house: PaperHouse, data: DataInterface, address: str, session: aiohttp.ClientSession, web: WebServer
    ) -> None:
        self.web = web
        self.house = house
        self.data = data
        self.address = address
        self.session = session

    @property
    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1])

    async def get(self, path: str, **headers: str) -> Said:
        return await self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    async def order(self, name: str, body: object, headers: Mapping[str, str] = ORDER_HEADERS) -> Said:
        return await self.ask("POST", f"/api/v1/commands/{name}", data=json.dumps(body).encode(), headers=headers)

    async def ask(self, method: str, path: str, **options: Any) -> Said:
        async with self.session.request(method, self.address + path, **options) as response:
            return Said(response.status, response.headers.copy(), await response.text())

    async def raw(self, request: bytes) -> bytes:
        """Send bytes as they are and read until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        try:
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(
    clock: Clock,
    *,
    attach: bool = True,
    desk: AccountsDesk | None = None,
    store: SqliteStore | None = None,
    **settings: Any,
) -> AsyncIterator[Served]:
    """Serve a house on paper on a free port, with a `desk` behind a login; everything is gone afterwards."""
    chosen = WebSettings(port=0, **settings)
    data = DataInterface(clock, HOME.unit, store)
    await data.open()
    house = PaperHouse(data, clock)
    if attach:
        house.attach()
    with open_listener(chosen) as listener:
        gate = None if desk is None else Gate(desk, Doors(data.admit))
        web = WebServer(data.admit(CUSTOMER, "web"), clock, HOME, chosen, listener, gate)
        running = asyncio.create_task(web.run(), name="web")
        try:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
                yield Served(house, data, page_address(listener), session, web)
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            await data.close()
