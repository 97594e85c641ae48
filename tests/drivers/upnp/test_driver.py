"""The whole driver on loopback: it finds appliances, hears them, and is found and asked by them."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from drivers.upnp.config import UpnpConfig
from drivers.upnp.driver import UpnpDriver
from drivers.upnp.hosting.identity import gateway_uuid, machine_id
from heg.data.door import CommandAnswer, Outcome
from heg.data.interface import DataInterface
from heg.devices.manager import DeviceManager
from heg.model.appliances import GATEWAY_DEVICE
from heg.model.instance import ANY, Location
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from hil.appliances.settings import ApplianceSettings
from hil.devices.meter import MeterSettings
from hil.house.house import Constant, HouseConfig
from hil.rig import Rig, RigPlan
from tests.drivers.upnp.serving import Serving, free_port
from tests.support.stepped import stepped

EMPTY = HouseConfig(batteries={}, producers={})
WHOLE = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:{action} xmlns:u="{service}">
{inner}</u:{action}></s:Body></s:Envelope>"""
SERVICE = "urn:heg-energy:service:EnergyManagement:1"


class Hearing(asyncio.DatagramProtocol):
    """A stranger on loopback that is spoken to, as an appliance is."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(data.decode())


@dataclass
class Whole:
    """What a test sees."""

    clock: Clock
    rig: Rig
    data: DataInterface
    manager: DeviceManager
    asked: Serving
    stranger: Hearing
    orders: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    async def until(self, so: object, within_s: float = 30.0) -> None:
        end_s = self.clock.monotonic_s() + within_s
        while not so():  # type: ignore[operator]
            assert self.clock.monotonic_s() < end_s, "it never came"
            await self.clock.sleep(0.05)

    async def asks(self, name: str, action: str, source: str = "", **arguments: str) -> tuple[int, str]:
        """Have an appliance ask the gateway for something."""
        one = self.rig.appliances[name]
        given = {"UUID": f"uuid:{one.uuid}", "Address": one.address, **arguments}
        inner = "".join(f"<{key}>{value}</{key}>" for key, value in given.items())
        body = WHOLE.format(action=action, service=SERVICE, inner=inner).encode()
        headers = {"SOAPACTION": f'"{SERVICE}#{action}"', "Content_Type": "text/xml"}
        status, _, said = await self.asked.ask("POST", "/control", body, source or one.address, **headers)
        return status, said.decode()


@contextlib.asynccontextmanager
async def whole(clock: Clock, *names: str) -> AsyncIterator[Whole]:
    appliances = {name: ApplianceSettings() for name in names}
    plan = RigPlan(EMPTY, Constant(0.5), {"meter": MeterSettings()}, appliances=appliances)
    async with Rig(plan, clock) as rig:
        loop = asyncio.get_running_loop()
        transport, stranger = await loop.create_datagram_endpoint(Hearing, ("127.0.0.1", 0))
        stranger_port = transport.get_extra_info("sockname")[1]
        targets = [one.address for one in rig.appliances.values()]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            search_port = probe.getsockname()[1]
        config = UpnpConfig(
            interfaces=("lo",),
            search_targets=(*targets, f"127.0.0.1:{stranger_port}"),
            port=free_port(),
            search_port=search_port,
        )
        data = DataInterface(clock, "home")
        manager = DeviceManager(data.admit(CUSTOMER, "devices"), clock, unit="home", time_zone="Europe/Rome")
        asked = Serving(None, config.port, None)  # type: ignore[arg-type]
        found = Whole(clock, rig, data, manager, asked, stranger)

        async def answer(place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
            found.orders.append((place.device, arguments))
            return CommandAnswer(Outcome.DONE, detail={"id": len(found.orders)})

        door = data.admit(CUSTOMER, "automation")
        for command in ("command.register", "command.withdraw"):
            door.answer(command, Location("home", ANY, ANY), answer)
        tasks = [asyncio.create_task(one.run()) for one in (manager, UpnpDriver(config, manager.side_of("upnp")))]
        try:
            yield found
        finally:
            for task in reversed(tasks):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            for writer in asked.opened:
                writer.close()
            await clock.sleep(0.01)
            transport.close()
            await data.close()


@stepped
async def test_an_appliance_is_found_and_asks_in_turn(clock: Clock) -> None:
    async with whole(clock, "washer", "dryer") as home:
        await home.until(lambda: len(home.manager.devices()) == 2)
        status, body = await home.asks("washer", "WakeUpTime", Time="06:30:00")
        assert (status, "<RegID>1</RegID>" in body) == (200, True)
        status, body = await home.asks("washer", "Withdraw", RegID="1")
        assert status == 200
        name = home.orders[0][0]
        assert home.orders == [
            (name, {"kind": "wake_up", "start": "06:30:00"}),
            (name, {"id": 1}),
        ]
        assert name in home.manager.devices()
        _, body = await home.asks("washer", "WakeUpTime", source=home.rig.appliances["dryer"].address, Time="06:30:00")
        assert "<errorCode>805</errorCode>" in body
        _, body = await home.asks("washer", "WakeUpTime", UUID=f"uuid:{gateway_uuid('a', 'b')}", Time="06:30:00")
        assert "<errorCode>803</errorCode>" in body


@stepped
async def test_it_announces_itself_to_each_on_loopback_and_says_goodbye(clock: Clock) -> None:
    uuid = gateway_uuid(machine_id(), "home")
    async with whole(clock, "washer") as home:
        await home.until(lambda: len(home.manager.devices()) == 1)
        heard = [one for one in home.stranger.heard if one.startswith("NOTIFY")]
        assert any(f"NT: {GATEWAY_DEVICE}\r\nNTS: ssdp:alive" in one for one in heard)
        location = re.search(r"LOCATION: http://127\.0\.0\.1:(\d+)(\S+)", heard[0])
        assert location is not None
        status, _, body = await home.asked.ask("GET", location[2])
        assert status == 200
        assert f"<UDN>uuid:{uuid}</UDN>".encode() in body
        status, _, body = await home.asked.ask("GET", "/")
        assert status == 200
        before = len(home.stranger.heard)
    assert [one.split("\r\n")[3] for one in home.stranger.heard[before:]] == ["NTS: ssdp:byebye"] * 4
