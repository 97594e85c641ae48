"""The gateway's own device for tests: its server, its tasks, and a house that answers what appliances ask."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

from drivers.upnp.hosting.advertiser import Advertiser
from drivers.upnp.hosting.gateway import GatewayDevice
from drivers.upnp.hosting.reach import Reach
from drivers.upnp.hosting.subscribers import Terms
from drivers.upnp.parts import Caller, Datagrams, Link
from heg.data.door import CommandAnswer, Outcome
from heg.data.interface import DataInterface
from heg.devices.contract import DriverContext
from heg.devices.manager import DeviceManager
from heg.model.appliances import ApplianceFault, Registration, RequestKind, RequestState
from heg.model.instance import ANY, Location
from heg.model.policy import CUSTOMER
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock
from tests.drivers.upnp.serving import LOOPBACK, Serving, serving

UUID = "11111111-2222-5333-8444-555555555555"
"""The gateway's."""
WASHER = "0f5c1d1e-0000-4000-8000-00000000000a"
"""An appliance that is discovered."""
DRYER = "0f5c1d1e-0000-4000-8000-00000000000b"
GATEWAY_SERVICE = "urn:heg-energy:service:EnergyManagement:1"


class House:
    """An `Askers` whose house registers and withdraws, and a real manager beside for what the driver learns of it."""

    def __init__(self, clock: Clock, where: Mapping[str, str] | None = None) -> None:
        self.clock = clock
        self.where = dict(where or {WASHER: "127.0.0.7", DRYER: "127.0.0.8"})
        self.asked: list[tuple[str, str, Mapping[str, object]]] = []
        self.refusal: tuple[Refusal, dict[str, object]] | None = None
        data = DataInterface(clock, "home")
        self.door = data.admit(CUSTOMER, "devices")
        self.manager = DeviceManager(self.door, clock, time_zone="Europe/Rome")
        self.context: DriverContext = self.manager.side_of("upnp")
        self._next = 0

    def is_at(self, uuid: str, caller: Caller) -> bool | None:
        return self.where[uuid] == caller.address if uuid in self.where else None

    async def ask(self, uuid: str, command: str, arguments: Mapping[str, object]) -> CommandAnswer | None:
        self.asked.append((uuid, command, arguments))
        if self.refusal is not None:
            refusal, detail = self.refusal
            return CommandAnswer(Outcome.REFUSED, refusal=refusal, detail=detail)
        if command == "command.register":
            self._next += 1
            self.write(uuid, self._next, RequestKind(str(arguments["kind"])))
            return CommandAnswer(Outcome.DONE, detail={"id": self._next})
        number = arguments["id"]
        assert isinstance(number, int)
        for _, one in self.context.registrations():
            if one.id == number and one.identity == uuid:
                self.end(one)
                return CommandAnswer(Outcome.DONE)
        refusal = Refusal(RefusalCode.OUT_OF_RANGE, "a registration that is open", str(number))
        return CommandAnswer(Outcome.REFUSED, refusal=refusal, detail={"fault": int(ApplianceFault.NOT_REGISTERED)})

    def write(self, uuid: str, number: int, kind: RequestKind) -> None:
        start = self.clock.utc() + timedelta(hours=7)
        stop = None if kind is RequestKind.WAKE_UP else start + timedelta(hours=1)
        one = Registration(number, uuid, kind, start, stop, self.clock.utc())
        self.door.write("registration", Location("home", "washer", str(number)), one)

    def end(self, one: Registration) -> None:
        ended = replace(one, state=RequestState.WITHDRAWN)
        for instance in self.door.latest_all("registration", Location("home", ANY, ANY)):
            if isinstance(instance.value, Registration) and instance.value.id == one.id:
                self.door.write("registration", instance.location, ended)


class Wires:
    """`Datagrams` that keep what was sent."""

    def __init__(self, links: Iterable[Link] = (LOOPBACK,)) -> None:
        self.in_use = tuple(links)
        self.sent: list[tuple[Link, bytes]] = []
        self.answered: list[tuple[Link, bytes, tuple[str, int]]] = []

    def links(self) -> tuple[Link, ...]:
        return self.in_use

    def to_all(self, link: Link, datagram: bytes) -> None:
        self.sent.append((link, datagram))

    def to_one(self, link: Link, datagram: bytes, place: tuple[str, int]) -> None:
        self.answered.append((link, datagram, place))


@dataclass
class Hosted:
    """A running device."""

    served: Serving
    house: House
    device: GatewayDevice
    wires: Wires
    advertiser: Advertiser
    refused: Counter[str] = field(default_factory=Counter)

    async def call(self, action: str, source: str = "127.0.0.7", **arguments: str) -> tuple[int, dict[str, str], str]:
        """Call an action; returns HTTP status, headers, body. What is not said of UUID and Address is the washer's."""
        said = {"UUID": f"uuid:{WASHER}", "Address": source, **arguments}
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in said.items())
        return await self.post(action, inner, source)

    async def post(self, action: str, inner: str, source: str = "127.0.0.7") -> tuple[int, dict[str, str], str]:
        """Call an action with arguments as they are written."""
        body = (
            '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
            's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
            f'<u:{action} xmlns:u="{GATEWAY_SERVICE}">{inner}</u:{action}></s:Body></s:Envelope>'
        )
        status, headers, answer = await self.served.ask(
            "POST",
            "/control",
            body.encode(),
            source,
            SOAPACTION=f'"{GATEWAY_SERVICE}#{action}"',
            Content_Type='text/xml; charset="utf-8"',
        )
        return status, headers, answer.decode()


@contextlib.asynccontextmanager
async def hosted(
    clock: Clock,
    *,
    house: House | None = None,
    links: Iterable[Link] = (LOOPBACK,),
    wires: Datagrams | None = None,
    port: int = 0,
    terms: Terms | None = None,
    moderation_s: float = 2.0,
) -> AsyncIterator[Hosted]:
    """Run the device on these links; at the end it has said goodbye and nothing of it is left."""
    links = tuple(links)
    house = house or House(clock)
    kept = Wires(links)
    refused: Counter[str] = Counter()
    device = GatewayDevice(house.context, UUID, house, refused, terms=terms, moderation_s=moderation_s)
    async with serving(clock, device.routes(), links, port, refused) as served:
        advertiser = device.advertiser(Reach(wires, served.server) if wires else kept, served.server, Random(1))
        tasks = [asyncio.create_task(one.run()) for one in (device, advertiser)]
        await clock.sleep(0)
        try:
            yield Hosted(served, house, device, kept, advertiser, refused)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        assert task.cancelled() or task.exception() is None, task.exception()
