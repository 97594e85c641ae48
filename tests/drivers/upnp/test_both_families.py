"""The whole driver on a link with IPv4 and IPv6: asked by one, an appliance asks by the other."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import pytest

from drivers.upnp.config import UpnpConfig
from drivers.upnp.driver import UpnpDriver
from heg.data.door import CommandAnswer, Door, Outcome
from heg.data.interface import DataInterface
from heg.devices.manager import DeviceManager
from heg.model.instance import ANY, Location
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from tests.drivers.upnp.documents import notify, uuid_number
from tests.drivers.upnp.street import Appliance
from tests.support.attached import Attached
from tests.support.namespaces import WIRE, Network, cable, needs_networks, network
from tests.support.stepped import stepped

pytestmark = needs_networks
ONE = uuid_number(1)
GROUP, GROUP_V6 = "239.255.255.250", "ff02::c"
PORT = 8465
GUESTS = "guests0"
SERVICE = "urn:heg-energy:service:EnergyManagement:1"
ORDER = f"""<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:WakeUpTime xmlns:u="{SERVICE}">
<UUID>uuid:{ONE}</UUID><Address>{{address}}</Address><Time>06:30:00</Time></u:WakeUpTime></s:Body></s:Envelope>"""


@dataclass
class OnBoth(Attached):
    """A gateway on a link, with an appliance and a neighbour, each of them at an address of either family."""

    clock: Clock
    manager: DeviceManager
    gateway: Network
    appliance: Network
    neighbour: Network
    door: Door
    there: list[Appliance] = field(default_factory=list)

    async def has(self, where: Network, host: str) -> Appliance:
        """Have the appliance, or what calls itself so, at an address."""
        six = ":" in host
        one = Appliance(ONE, f"{host}%{WIRE}" if six else host, 1900)
        group = GROUP_V6 if six else GROUP
        self.there.append(one)
        await one.start(group=group, inside=where.entered())
        one.say(notify("alive", ONE, one.location), (group, 1900, 0, 0) if six else (group, 1900))
        return one

    async def asks(self, where: Network, address: str, ours: str = "") -> str:
        """Ask the gateway in the appliance's name, at one of its addresses; "RegID" or the error's code."""
        six = ":" in address
        with where.entered():
            asking = socket.socket(socket.AF_INET6 if six else socket.AF_INET)
            index = socket.if_nametoindex(WIRE)
        ours = ours or (self.gateway.link_local() if six else "10.77.0.1")
        asking.setblocking(False)
        asking.bind((address, 0, 0, index) if six else (address, 0))
        await asyncio.get_running_loop().sock_connect(asking, (ours, PORT, 0, index) if six else (ours, PORT))
        reader, writer = await asyncio.open_connection(sock=asking)
        body = ORDER.format(address=address).encode()
        host = f"[{ours}]:{PORT}" if six else f"{ours}:{PORT}"
        writer.write(
            f"POST /control HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n"
            f'SOAPACTION: "{SERVICE}#WakeUpTime"\r\n\r\n'.encode()
            + body
        )
        said = (await reader.read()).decode()
        writer.close()
        return "RegID" if "<RegID>1</RegID>" in said else said.partition("<errorCode>")[2].partition("<")[0]


@contextlib.asynccontextmanager
async def on_both(clock: Clock) -> AsyncIterator[OnBoth]:
    with network("gateway") as gateway, network("appliance") as appliance, network("neighbour") as neighbour:
        gateway.ip(f"link add {WIRE} type bridge", f"link set {WIRE} up")
        for number, net in enumerate((appliance, neighbour), 2):
            cable(gateway, net, f"port{number}", WIRE)
            gateway.ip(f"link set port{number} master {WIRE}")
            net.addresses(f"10.77.0.{number}/16")
        gateway.addresses("10.77.0.1/16")
        gateway.carries(WIRE)
        data = DataInterface(clock, "home")
        manager = DeviceManager(data.admit(CUSTOMER, "devices"), clock)
        door = data.admit(CUSTOMER, "automation")
        door.answer("command.register", Location("home", ANY, ANY), _registered)
        link = OnBoth(clock, manager, gateway, appliance, neighbour, door)
        driver = UpnpDriver(UpnpConfig(interfaces=(WIRE, GUESTS), search_mx_s=1), manager.side_of("upnp"))
        with gateway.entered():
            tasks = [asyncio.create_task(one.run()) for one in (manager, driver)]
            try:
                await clock.sleep(2.0)
                yield link
            finally:
                for one in link.there:
                    await one.stop()
                for task in reversed(tasks):
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
                await data.close()


async def _registered(_place: Location, _arguments: Mapping[str, object]) -> CommandAnswer:
    return CommandAnswer(Outcome.DONE, detail={"id": 1})


@pytest.mark.parametrize("first_by_six", [False, True])
@stepped
async def test_an_appliance_asks_from_each_address_where_it_is_discovered(clock: Clock, *, first_by_six: bool) -> None:
    async with on_both(clock) as link:
        hosts = ["10.77.0.2", link.appliance.link_local()]
        home, besides = reversed(hosts) if first_by_six else hosts
        await link.has(link.appliance, home)
        await link.until(link.manager.devices)
        assert link.record(*link.manager.devices()).address == home
        assert await link.asks(link.appliance, home) == "RegID"
        assert await link.asks(link.appliance, besides) == "805", "it is not announced there"
        also = await link.has(link.appliance, besides)
        await clock.sleep(2.0)
        assert link.record(*link.manager.devices()).address == home
        assert await link.asks(link.appliance, besides) == "RegID"
        assert await link.asks(link.appliance, home) == "RegID"
        group = (GROUP_V6, 1900, 0, 0) if ":" in besides else (GROUP, 1900)
        also.say(notify("byebye", ONE), group)
        await clock.sleep(2.0)
        assert await link.asks(link.appliance, besides) == "805"


@stepped
async def test_an_appliance_asks_from_a_second_network_of_the_interface(clock: Clock) -> None:
    async with on_both(clock) as link:
        link.gateway.addresses("10.88.0.1/24")
        link.appliance.ip(f"addr flush dev {WIRE}")
        link.appliance.addresses("10.88.0.2/24")
        await clock.sleep(40.0)  # it is listened there, too
        await link.has(link.appliance, "10.88.0.2")
        await link.until(link.manager.devices)
        assert await link.asks(link.appliance, "10.88.0.2", "10.88.0.1") == "RegID"


@stepped
async def test_a_neighbour_does_not_ask_in_another_name_wherever_it_announces_it(clock: Clock) -> None:
    async with on_both(clock) as link:
        await link.has(link.appliance, "10.77.0.2")
        await link.until(link.manager.devices)
        theirs = ["10.77.0.3", link.neighbour.link_local()]
        for host in theirs:
            await link.has(link.neighbour, host)
        await clock.sleep(2.0)
        for host in theirs:
            assert await link.asks(link.neighbour, host) == "805"
        assert await link.asks(link.appliance, "10.77.0.2") == "RegID"


@stepped
async def test_neighbours_who_announce_it_everywhere_do_not_keep_it_from_asking(clock: Clock) -> None:
    async with on_both(clock) as link:
        await link.has(link.appliance, "10.77.0.2")
        await link.until(link.manager.devices)
        link.neighbour.addresses("10.77.0.4/16", "10.77.0.5/16")
        for host in ("10.77.0.3", "10.77.0.4", "10.77.0.5"):
            await link.has(link.neighbour, host)
        await link.has(link.appliance, link.appliance.link_local())
        await clock.sleep(400.0)  # it was searched for meanwhile: the kernel knows the card of who answered
        assert await link.asks(link.appliance, link.appliance.link_local()) == "RegID"
        assert await link.asks(link.neighbour, "10.77.0.5") == "805"


@pytest.mark.parametrize("six", [False, True])
@stepped
async def test_an_appliances_number_in_another_network_is_somebody_else(clock: Clock, *, six: bool) -> None:
    async with on_both(clock) as link:
        host = link.appliance.link_local() if six else "10.77.0.2"
        await link.has(link.appliance, host)
        await link.until(link.manager.devices)
        with network("guests") as guests:
            cable(link.gateway, guests, GUESTS, WIRE)
            link.gateway.addresses("10.99.0.1/16", on=GUESTS)
            guests.ip(f"addr flush dev {WIRE}")
            guests.addresses(f"{host}/{64 if six else 16}")
            await clock.sleep(60.0)  # it is listened there, too
            ours = link.gateway.link_local(GUESTS) if six else "10.77.0.1"
            assert await link.asks(guests, host, ours) == "805"
            assert await link.asks(link.appliance, host) == "RegID"
