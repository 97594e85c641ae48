"""The whole driver on loopback: it finds appliances, hears them, and is found and asked by them."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from appliance.gateway import Gateways
from appliance.simulated import SimulatedAppliance
from appliance.upnp.description import Identity
from appliance.upnp.device import Place
from appliance.upnp.ground import Ground
from drivers.upnp.config import UpnpConfig
from drivers.upnp.driver import UpnpDriver
from drivers.upnp.hosting.identity import gateway_uuid, machine_id
from heg.data.door import CommandAnswer, Outcome
from heg.data.interface import DataInterface
from heg.devices.manager import DeviceManager
from heg.model.appliances import GATEWAY_DEVICE
from heg.model.instance import ANY, Location
from heg.model.policy import CUSTOMER
from heg.model.timings import Timings
from heg.runtime.clock import Clock
from heg.services.automation.service import Automation
from heg.services.automation.settings import AutomationSettings
from hil.appliances.settings import ApplianceSettings
from hil.devices.meter import MeterSettings
from hil.house.house import Constant, HouseConfig
from hil.ports import free_port
from hil.rig import Rig, RigPlan
from tests.drivers.upnp.serving import Serving
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
    driving: asyncio.Task[None] | None = None
    taken: socket.socket | None = None
    begin_again: Callable[[], Awaitable[None]] | None = None

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
async def whole(
    clock: Clock, *names: str, automation: bool = False, also: str = "", taken: bool = False
) -> AsyncIterator[Whole]:
    appliances = {name: ApplianceSettings() for name in names}
    plan = RigPlan(EMPTY, Constant(0.5), {"meter": MeterSettings()}, appliances=appliances)
    async with Rig(plan, clock) as rig:
        loop = asyncio.get_running_loop()
        transport, stranger = await loop.create_datagram_endpoint(Hearing, ("127.0.0.1", 0))
        stranger_port = transport.get_extra_info("sockname")[1]
        targets = [one.address for one in rig.appliances.values()] + ([also] if also else [])
        config = UpnpConfig(
            interfaces=("lo",),
            search_targets=(*targets, f"127.0.0.1:{stranger_port}"),
            port=free_port(),
            search_port=free_port(),
        )
        data = DataInterface(clock, "home")
        manager = DeviceManager(data.admit(CUSTOMER, "devices"), clock, unit="home", time_zone="Europe/Rome")
        asked = Serving(None, config.port, None)  # type: ignore[arg-type]
        found = Whole(clock, rig, data, manager, asked, stranger)
        if taken:
            found.taken = socket.create_server(("127.0.0.1", config.port))

        async def answer(place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
            found.orders.append((place.device, arguments))
            return CommandAnswer(Outcome.DONE, detail={"id": len(found.orders)})

        door = data.admit(CUSTOMER, "automation")
        tasks = [asyncio.create_task(manager.run())]
        if automation:
            settings = AutomationSettings(unit="home", timings=Timings.for_cycle(1.0), zone=ZoneInfo("Europe/Rome"))
            tasks.append(asyncio.create_task(Automation(door, clock, settings).run()))
        else:
            for command in ("command.register", "command.withdraw"):
                door.answer(command, Location("home", ANY, ANY), answer)

        async def begin_again() -> None:
            if found.driving is not None:
                await _end(found.driving)
            found.driving = asyncio.create_task(UpnpDriver(config, manager.side_of("upnp")).run())

        found.begin_again = begin_again
        await begin_again()
        try:
            yield found
        finally:
            assert found.driving is not None
            for task in (found.driving, *reversed(tasks)):
                await _end(task)
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


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@stepped
async def test_what_is_asked_is_kept_by_the_house_whatever_becomes_of_the_driver(clock: Clock) -> None:
    async with whole(clock, "washer", "dryer", automation=True) as home:
        await home.until(lambda: len(home.manager.devices()) == 2)
        assert "<RegID>1</RegID>" in (await home.asks("washer", "WakeUpTime", Time="06:30:00"))[1]
        assert "<RegID>1</RegID>" in (await home.asks("washer", "WakeUpTime", Time="06:30:00"))[1]  # asked once
        period = {"StartTime": "22:00:00", "StopTime": "05:00:00"}
        assert "<RegID>2</RegID>" in (await home.asks("dryer", "NoStandbyPeriod", **period))[1]
        too_long = {"StartTime": "22:00:00", "StopTime": "21:00:00"}
        assert "<errorCode>601</errorCode>" in (await home.asks("dryer", "NoStandbyPeriod", **too_long))[1]
        assert "<errorCode>805</errorCode>" in (await home.asks("dryer", "Withdraw", RegID="1"))[1]
        assert "<errorCode>803</errorCode>" in (await home.asks("dryer", "Withdraw", RegID="9"))[1]
        assert home.begin_again is not None
        await home.begin_again()
        await clock.sleep(5.0)
        assert "<X_RegIDs>1</X_RegIDs>" in (await home.asks("washer", "X_ListRegistrations"))[1]
        _, _, page = await home.asked.ask("GET", "/")
        assert b"<td>be woken</td>" in page
        assert b"<td>not be put to standby</td>" in page
        assert (await home.asks("washer", "Withdraw", RegID="1"))[0] == 200
        assert "<errorCode>803</errorCode>" in (await home.asks("washer", "Withdraw", RegID="1"))[1]
        assert b"<td>be woken</td>" not in (await home.asked.ask("GET", "/"))[2]
        said = []
        for number in range(9):
            await clock.sleep(6.0)
            said.append((await home.asks("washer", "WakeUpTime", Time=f"0{number}:15:00"))[1])
        assert ["<RegID>" in one for one in said] == [True] * 8 + [False]
        assert "<errorCode>804</errorCode>" in said[-1]


@stepped
async def test_the_appliance_program_on_loopback_hears_of_the_gateway_and_asks(clock: Clock) -> None:
    """Where there is no multicast it is told by itself, as it is searched by itself."""
    gateways = Gateways(clock)
    ground = Ground(port=19_045, on_heard=lambda heard, peer: ignored(gateways.heard(heard, peer)))
    uuid = gateway_uuid("an appliance", "of its own")
    kettle = SimulatedAppliance(Identity(uuid, "Kettle"), ground, clock, Place("127.0.41.9", 0))
    await kettle.start()
    try:
        async with whole(clock, automation=True, also="127.0.41.9:19045") as home:
            await home.until(lambda: home.manager.devices() and gateways.there())
            assert [one.uuid for one in gateways.there()] == [gateway_uuid(machine_id(), "home")]
            assert await gateways.ask(kettle.upnp, "WakeUpTime", {"Time": "06:30:00"}) == {"RegID": "1"}
            [(name, one)] = home.manager.registrations()
            assert (name, one.identity) == (*home.manager.devices(), f"uuid:{uuid}")
        await clock.sleep(0.1)
        assert gateways.there() == []
    finally:
        await kettle.stop()
        ground.close()


def ignored(_what: object) -> None:
    pass


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


@stepped
async def test_where_its_port_is_taken_nobody_is_told_of_it_until_it_is_free(clock: Clock) -> None:
    async with whole(clock, "washer", taken=True) as home:
        await home.until(lambda: len(home.manager.devices()) == 1)
        await clock.sleep(20.0)
        assert [one for one in home.stranger.heard if "EnergyGateway" in one and one.startswith("NOTIFY")] == []
        assert home.taken is not None
        home.taken.close()
        await home.until(lambda: any("NTS: ssdp:alive" in one for one in home.stranger.heard))
        assert (await home.asked.ask("GET", "/device.xml"))[0] == 200
