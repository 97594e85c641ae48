"""The UPnP driver: one supervised task in which discovery and the parts that talk and host run side by side.

A part is added in `compose`: what it needs of the others it is given there.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import Protocol

from drivers.upnp.config import UpnpConfig
from drivers.upnp.discovery import Discovery
from drivers.upnp.fetching import Fetcher, new_session
from drivers.upnp.parts import Described, GoneWhy, Watcher
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
        """Run all parts."""
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(new_session())
            parts = compose(self._config, self._context, Fetcher(session, self._context.clock))
            async with asyncio.TaskGroup() as tasks:
                for part in parts:
                    tasks.create_task(part.run(), name=f"upnp {type(part).__name__}")


def compose(config: UpnpConfig, context: DriverContext, fetcher: Fetcher) -> tuple[Part, ...]:
    """All parts of the driver, each with what it needs of the others."""
    watchers: tuple[Watcher, ...] = ()
    discovery = Discovery(config, context.clock, fetcher, Watchers(watchers), known=_known(context))
    context.on_scan(PROTOCOL, discovery.scan)
    return (discovery,)


class Watchers:
    """Several watchers as one, told in their order."""

    def __init__(self, watchers: tuple[Watcher, ...]) -> None:
        self._watchers = watchers

    def found(self, appliance: Described) -> None:
        """Tell all."""
        for watcher in self._watchers:
            watcher.found(appliance)

    def gone(self, uuid: str, why: GoneWhy) -> None:
        """Tell all."""
        for watcher in self._watchers:
            watcher.gone(uuid, why)


def _known(context: DriverContext) -> tuple[str, ...]:
    return tuple(info.identity.removeprefix("uuid:") for info in context.known(PROTOCOL))
