"""A page for a home network of loopback addresses: real sockets, real handshakes, a login behind them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from heg.data.interface import DataInterface
from heg.model.policy import CUSTOMER
from heg.model.records import CertificateRecord
from heg.runtime.clock import Clock
from heg.web.accounts.desk import AccountsDesk
from heg.web.accounts.principals import Doors
from heg.web.gate import Gate
from heg.web.lan import Lan
from heg.web.listen import open_listener
from heg.web.server import WebServer
from heg.web.settings import LanSettings, WebSettings
from heg.web.tls.vault import Vault
from hil.ports import free_ports
from tests.web.house import HOME, PaperHouse

STRANGERS = "127.0.0.2"
"""An address of this machine that is not the one on which it speaks unencrypted."""


class LanServed:
    """A page that is served, and who asks it over TLS."""

    def __init__(
        self, clock: Clock, settings: WebSettings, data: DataInterface, lan: Lan, session: aiohttp.ClientSession
    ) -> None:
        assert settings.lan is not None
        self.lan = settings.lan
        self.port = settings.port
        self.data = data
        self.clock = clock
        self.turned_away = lan.refused
        self.session = session
        self.vault = Vault(Path(self.lan.state_dir))
        self.reader = data.admit(CUSTOMER, "reader")

    @property
    def https(self) -> str:
        return f"https://{self.lan.host}:{self.lan.port}"

    @property
    def address(self) -> str:
        """As somebody who is past the browser's warning asks it."""
        return self.https

    @property
    def record(self) -> CertificateRecord:
        """What the unit says that it shows."""
        found = self.reader.latest("certificate", HOME.here)
        assert found is not None
        assert isinstance(found.value, CertificateRecord)
        return found.value

    @property
    def trusting(self) -> aiohttp.Fingerprint:
        """Trusts what has the fingerprint that somebody compared; no date of this machine has a say in that."""
        return aiohttp.Fingerprint(bytes.fromhex(self.record.fingerprint))

    async def connect(
        self, **wanted: ssl.TLSVersion
    ) -> tuple[ssl.SSLObject, asyncio.StreamReader, asyncio.StreamWriter]:
        """Shake hands, whoever it is."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        for name, version in wanted.items():
            setattr(context, name, version)
        reader, writer = await asyncio.open_connection(self.lan.host, self.lan.port, ssl=context)
        return writer.get_extra_info("ssl_object"), reader, writer

    async def ask(self, method: str, url: str, **options: Any) -> tuple[int, str, Any]:
        async with self.session.request(method, url, allow_redirects=False, **options) as response:
            return response.status, await response.text(), response

    async def until_shown(self) -> None:
        """Wait until the home network has its page."""
        for _ in range(400):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(self.lan.host, self.lan.redirect_port)
                writer.close()
                await writer.wait_closed()
                _, _, writer = await self.connect()
                writer.close()
                await writer.wait_closed()
                return
            await self.clock.sleep(0.5)
        raise AssertionError("the home network has no page")


@contextlib.asynccontextmanager
async def serving_lan(
    clock: Clock, folder: Path, *, wait: bool = True, desk: AccountsDesk | None = None, **settings: Any
) -> AsyncIterator[LanServed]:
    """Serve a house on paper to a home network; everything is gone afterwards."""
    page, tls, redirect = free_ports(3)
    lan_settings = LanSettings(STRANGERS, str(folder), tls, redirect, **settings)
    chosen = WebSettings(port=page, lan=lan_settings)
    data = DataInterface(clock, HOME.unit)
    PaperHouse(data, clock).attach()
    accounts = AccountsDesk(clock, folder) if desk is None else desk
    if desk is None:
        await accounts.open()
    gate = Gate(accounts, Doors(data.admit))
    web = data.admit(CUSTOMER, "web")
    lan = Lan(web, clock, HOME.unit, lan_settings)
    with open_listener(chosen) as listener:
        running = asyncio.ensure_future(WebServer(web, clock, HOME, chosen, listener, gate, lan=lan).run())
        try:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True, ssl=False)) as session:
                served = LanServed(clock, chosen, data, lan, session)
                if wait:
                    await served.until_shown()
                yield served
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            if desk is None:
                await accounts.close()
            await data.close()
