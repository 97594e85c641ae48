"""The UPnP driver: one supervised task in which discovery and the parts that talk and host run side by side.

A part is added in `Whole`: what it needs of the others it is given there.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Protocol

from drivers.upnp.appliances import Appliances, Gateway
from drivers.upnp.config import UpnpConfig, target_of
from drivers.upnp.discovery import Discovery
from drivers.upnp.fetching import Fetcher, new_session
from drivers.upnp.hosting.gateway import GatewayDevice
from drivers.upnp.hosting.identity import gateway_uuid, machine_id
from drivers.upnp.hosting.reach import OnLinks, Reach
from drivers.upnp.orders import Place
from drivers.upnp.parts import Link
from drivers.upnp.server import HttpServer, events_to
from drivers.upnp.wake import SecureOn, Waker
from heg.devices.contract import DriverContext

PROTOCOL = "upnp"


class Part(Protocol):
    """A task of the driver."""

    async def run(self) -> None:
        """Work until cancelled."""


class UpnpDriver:
    """Finds, keeps and serves appliances until cancelled."""

    def __init__(self, config: UpnpConfig, context: DriverContext) -> None:
        self._config = config
        self._context = context

    async def run(self) -> None:
        """Run all parts. Those that say goodbye end before discovery closes the sockets by which they say it."""
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(new_session())
            whole = Whole(self._config, self._context, Fetcher(session, self._context.clock))
            async with asyncio.TaskGroup() as below, asyncio.TaskGroup() as tasks:
                below.create_task(whole.discovery.run(), name="upnp Discovery")
                for part in whole.parts:
                    tasks.create_task(part.run(), name=f"upnp {type(part).__name__}")


class Whole:
    """All parts of the driver, each with what it needs of the others."""

    def __init__(self, config: UpnpConfig, context: DriverContext, fetcher: Fetcher) -> None:
        self._refused: Counter[str] = Counter()
        uuid = gateway_uuid(machine_id(), context.unit)
        waker = Waker(self._links)
        self._appliances = appliances = Appliances(
            context,
            Gateway(uuid, config.port),
            waker,
            SecureOn(config.secure_on),
            besides=self._besides,
            most=config.most_appliances,
        )
        self.discovery = Discovery(
            config, context.clock, fetcher, appliances, known=lambda: _known(context), owns=appliances.owns
        )
        device = GatewayDevice(context, uuid, appliances, self._refused)
        routes = (*device.routes(), events_to(appliances.hearing))
        server = HttpServer(context.clock, config.port, routes, self._refused)
        network = self.discovery.network
        advertiser = device.advertiser(Reach(network, server, map(target_of, config.search_targets)), server)
        network.add_announcer(OnLinks(network, server, advertiser))
        self.parts: tuple[Part, ...] = (server, appliances, device, advertiser)
        context.on_scan(PROTOCOL, self.scan)
        context.on_refusals(PROTOCOL, self._refusals)

    def _links(self) -> tuple[Link, ...]:
        return self.discovery.network.links()

    def _besides(self, uuid: str) -> tuple[Place, ...]:
        return self.discovery.table.places(uuid)

    def _refusals(self) -> Mapping[str, int]:
        return self._refused + Counter({str(code): count for code, count in self.discovery.complaints.counts.items()})

    async def scan(self) -> str:
        """Search now; says what is there, and what was refused of strangers since the start."""
        self._appliances.take_back()
        found = await self.discovery.scan()
        refused = ", ".join(f"{name} {count}" for name, count in sorted(self._refused.items()))
        return f"{found}; refused of strangers: {refused}" if refused else found


def _known(context: DriverContext) -> tuple[str, ...]:
    return tuple(info.identity.removeprefix("uuid:") for info in context.known(PROTOCOL))
