"""The driver's talking half in a home: data interface, device manager, HTTP server for events, on one stepped loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from drivers.upnp.appliances import Appliances, Gateway
from drivers.upnp.neighbours import card_of
from drivers.upnp.parts import GoneWhy, Link
from drivers.upnp.server import HttpServer, events_to
from drivers.upnp.wake import Datagram, SecureOn, Waker
from heg.data.interface import DataInterface
from heg.devices.contract import Actuator, DeviceInfo
from heg.devices.manager import MOST_DEVICES, DeviceManager
from heg.model.appliances import PowerState
from heg.model.leases import SetPoint
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from hil.ports import free_port
from tests.drivers.upnp.peer import Peer, peers
from tests.support.attached import Attached

OURS = "0a0a0a0a-0000-4000-8000-000000000001"
LOOPBACK = Link("lo", "127.0.0.1")
CARD = "02:00:7f:00:00:0b"
"""The first peer's network card: on loopback it is made of its address."""
ON, STANDBY, OFF = (SetPoint(power_state=state) for state in (PowerState.ON, PowerState.STANDBY, PowerState.OFF))


class Remembering(DeviceManager):
    """A device manager that remembers these from earlier runs."""

    earlier: tuple[DeviceInfo, ...] = ()
    last: Mapping[str, str] = {}

    def known(self, protocol: str) -> tuple[DeviceInfo, ...]:
        return self.earlier or super().known(protocol)

    def last_word(self, identity: str, variable: str) -> object | None:
        return self.last.get(identity) if self.earlier else super().last_word(identity, variable)


class Home(Attached):
    """What a test sees."""

    def __init__(
        self,
        clock: Clock,
        *,
        earlier: tuple[DeviceInfo, ...] = (),
        last: Mapping[str, str] | None = None,
        secure_on: SecureOn | None = None,
        card: Callable[[str, Link], str] = card_of,
        most: int = 512,
        most_devices: int = MOST_DEVICES,
    ) -> None:
        self.clock = clock
        self.data = DataInterface(clock, "home")
        self.manager = Remembering(self.data.admit(CUSTOMER, "devices"), clock, most_devices=most_devices)
        self.manager.earlier, self.manager.last = earlier, last or {}
        self.door = self.data.admit(CUSTOMER, "test")
        self.packets: list[Datagram] = []
        self.port = free_port()
        waker = Waker(lambda: (LOOPBACK,), send=lambda datagram, _port: self.packets.append(datagram))
        self.appliances = Appliances(self.manager, Gateway(OURS, self.port), waker, secure_on, card=card, most=most)
        self.refused: Counter[str] = Counter()
        self.server = HttpServer(clock, self.port, [events_to(self.appliances.hearing)], self.refused)
        self.server.listen((LOOPBACK,))

    def refusals(self, name: str) -> dict[str, int]:
        """What was refused of an appliance, by name."""
        return {str(code): count for code, count in self.manager._devices[self._identity(name)].refusals.items()}

    async def settled(self, *appliances: Peer) -> None:
        """Have these been found, asked and subscribed to."""
        for one in appliances:
            self.appliances.found(one.described)
        kept = [self.appliances._appliances[one.uuid] for one in appliances]
        await self.until(lambda: all(one.settled and one.events.sid and not one.busy for one in kept))

    @property
    def kettle(self) -> Actuator:
        """What control may do to the first peer."""
        return self.actuator("kettle-1").actuator

    async def goes_to_sleep(self, peer: Peer) -> None:
        """Have one say that it sleeps, then goodbye."""
        await peer.become("Standby")
        self.appliances.gone(peer.uuid, GoneWhy.BYEBYE)

    def _identity(self, name: str) -> str:
        return self.record(name).identity


@contextlib.asynccontextmanager
async def a_home(clock: Clock, *wanted: Peer, **more: Any) -> AsyncIterator[Home]:
    """Everything up; the appliances are there and not found yet."""
    home = Home(clock, **more)
    tasks = [
        asyncio.create_task(home.manager.run()),
        asyncio.create_task(home.server.run()),
        asyncio.create_task(home.appliances.run()),
    ]
    try:
        async with peers(*wanted):
            await home.until(lambda: home.server.places and home.appliances.calls is not None)
            yield home
            for task in tasks:
                if task.done():
                    task.result()
            await _end(tasks[2:])
            await _end(tasks[:2])
    finally:
        await _end(tasks)
        await home.data.close()


@contextlib.asynccontextmanager
async def met(clock: Clock, peer: Peer | None = None, **more: Any) -> AsyncIterator[tuple[Home, Peer]]:
    """A home in which one appliance was found, asked and subscribed to: `kettle-1`."""
    one = peer or Peer()
    async with a_home(clock, one, **more) as home:
        await home.settled(one)
        yield home, one


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
