"""The appliance in networks of its own, towards control points that nobody here wrote."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import subprocess
from pathlib import Path

import pytest

from appliance.addresses import interface_of
from appliance.gateway import GatewayError, Gateways
from appliance.simulated import SimulatedAppliance
from appliance.upnp.description import Identity
from appliance.upnp.device import Place
from appliance.upnp.ground import Ground
from heg.model.appliances import APPLIANCE_DEVICE, APPLIANCE_SERVICE, PowerState
from heg.runtime.clock import Clock
from tests.appliance.asker import GATEWAY, Listener, raw
from tests.appliance.machine import a_program
from tests.support.namespaces import Network, needs_networks, wired
from tests.support.peers import SYSTEM_PYTHON, needs, needs_gupnp
from tests.support.processes import wait_until
from tests.support.stepped import run_stepped

pytestmark = [pytest.mark.system, needs_networks]

UUID = "0cf4c7a6-5a12-4d1c-9a3e-0000000000{:02d}"
ADDRESS = "10.77.0.2"


class Farm:
    """Appliances on one side of a cable, on a loop of their own."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.appliances: list[SimulatedAppliance] = []
        self.gateways: list[str] = []
        self.loop: asyncio.AbstractEventLoop | None = None

    async def run(self, clock: Clock, stop: asyncio.Event) -> None:
        gateways = Gateways(clock)
        ground = Ground(on_heard=lambda heard, peer: self._note(gateways.heard(heard, peer)))
        for number, address in enumerate(self.addresses):
            identity = Identity(UUID.format(number), f"appliance {number}")
            one = SimulatedAppliance(identity, ground, clock, Place(address, 8467))
            await one.start()
            self.appliances.append(one)
        self.loop = asyncio.get_running_loop()
        await stop.wait()
        for one in self.appliances:
            await one.stop()
        ground.close()

    def press(self, state: PowerState) -> None:
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self.appliances[0].press, state)

    def _note(self, gateway: object) -> None:
        if gateway is not None:
            self.gateways.append(str(gateway))


def ready(farm: Farm) -> None:
    wait_until(lambda: farm.loop is not None, "the appliances are there", limit_s=10)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_search_finds_all_of_them_within_its_time_and_each_from_its_own_address(family: socket.AddressFamily) -> None:
    v4 = family == socket.AF_INET
    addresses = [f"10.77.1.{number}" if v4 else f"fd77::1:{number:x}" for number in range(1, 21)]
    farm = Farm(*addresses)
    with wired("asks", "farm") as (asks, far):
        far.addresses(*(f"{one}/{16 if v4 else 64}" for one in addresses))
        with far.beside(farm.run):
            ready(farm)
            answers = _searched(asks, family, within_s=1)
    assert sorted(answers) == sorted(addresses)
    for address, datagram in answers.items():
        host = address if v4 else f"[{address}]"
        assert f"LOCATION: http://{host}:8467/description.xml" in datagram


def test_a_laptop_that_is_plugged_in_again_and_again_hears_searches_to_the_end() -> None:
    """Each plug is another interface; the kernel lets a socket join on twenty of them."""
    docks = [f"10.88.{number}.1" for number in range(21)]
    farm = Farm(docks[0])
    with wired("asks", "farm") as (asks, far):
        far.ip(*(line for number in range(len(docks)) for line in _dock(number)))
        for number, address in enumerate(docks):
            far.addresses(f"{address}/24", on=f"dock{number}")
        with far.beside(farm.run):
            ready(farm)
            loop = farm.loop
            assert loop is not None
            for address in (*docks, ADDRESS):
                moves = farm.appliances[0].upnp.renumber(address)
                asyncio.run_coroutine_threadsafe(moves, loop).result(10)
            assert list(_searched(asks, socket.AF_INET, within_s=1)) == [ADDRESS]


def test_a_group_that_somebody_has_for_himself_costs_nothing_while_it_is_tried_again() -> None:
    async def main(clock: Clock) -> None:
        ground = Ground()
        one = SimulatedAppliance(Identity(UUID.format(0), "one"), ground, clock, Place(ADDRESS, 8467))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as his:
            his.bind(("239.255.255.250", 1900))
            before = _open_files()
            for _ in range(3):
                with pytest.raises(OSError, match="in use"):
                    await one.start()
            assert _open_files() == before
        await one.start()
        await one.stop()

    with wired("asks", "farm") as (_, far), far.entered():
        run_stepped(main)


def test_a_card_that_was_drawn_and_put_back_at_once_is_another_one(tmp_path: Path) -> None:
    """As a dock does while a computer sleeps: the address is the same, and who had joined the group there is deaf."""

    def joined() -> bool:
        with far.entered():
            text = Path("/proc/thread-self/net/igmp").read_text()
        return re.search(r"\tdock0 *:[^\t]*\n(\t{4}.*\n)*\t{4}FAFFFFEF ", text) is not None

    plug = (*_dock(0), "addr add 10.88.0.1/24 dev dock0")

    async def main(clock: Clock, stop: asyncio.Event) -> None:
        await a_program(tmp_path, clock, UUID.format(0), "10.88.0.1").run(stop)

    with wired("asks", "farm") as (_, far):
        far.ip(*plug)
        with far.beside(main):
            wait_until(joined, "it hears its group", limit_s=15)
            far.ip("link del dock0", *plug)
            assert not joined()
            wait_until(joined, "it hears it again", limit_s=15)


def test_who_wakes_in_another_network_while_that_is_looked_at_gets_there_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main(clock: Clock) -> None:
        program = a_program(tmp_path, clock, UUID.format(0), ADDRESS)
        await asyncio.gather(program._back(), program._look_at_network())
        assert program.upnp.running
        await program.upnp.stop()
        await program.desk.close()
        program._folder.close()

    with wired("asks", "farm") as (_, far), far.entered():
        run_stepped(main)
    assert "not on the network" not in caplog.text


def test_on_which_card_an_address_is() -> None:
    with wired("asks", "farm") as (_, far), far.entered():
        card = socket.if_nametoindex("lan0")
        link = _link_address()
        assert [interface_of(one) for one in (ADDRESS, "fd77::2", link, f"{link}%lan0")] == [card] * 4
        assert [interface_of(one) for one in ("10.77.0.9", "fd77::9", f"{link}%lan9", "nonsense")] == [0] * 4


def test_it_announces_itself_to_the_group_and_says_goodbye() -> None:
    farm = Farm(ADDRESS)
    with wired("asks", "farm") as (asks, far):
        with asks.entered():
            hears = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            hears.bind(("239.255.255.250", 1900))
            member = socket.inet_aton("239.255.255.250") + socket.inet_aton("10.77.0.1")
            hears.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            hears.settimeout(5)
        with hears:
            with far.beside(farm.run):
                ready(farm)
                said = [hears.recvfrom(4096) for _ in range(10)]
            said += [hears.recvfrom(4096) for _ in range(5)]
    told = [dict(_pairs(data)) for data, _ in said]
    assert {peer[0] for _, peer in said} == {ADDRESS}
    names = ["upnp:rootdevice", f"uuid:{UUID.format(0)}", APPLIANCE_DEVICE, APPLIANCE_SERVICE]
    assert [one["NT"] for one in told[:4]] == names
    assert [one["NTS"] for one in told] == ["ssdp:alive"] * 10 + ["ssdp:byebye"] * 5
    assert {one["HOST"] for one in told} == {"239.255.255.250:1900"}


def test_at_addresses_of_the_link_it_is_found_and_tells_its_subscribers() -> None:
    """An address of the link says nothing without the link: whoever answers must know over which it was asked."""
    with wired("asks", "farm", addresses=([], [])) as (asks, far):
        wait_until(lambda: "fe80:" in asks.says("ip", "addr") and "fe80:" in far.says("ip", "addr"), "both have theirs")
        with asks.entered():
            here = _link_address()
        with far.entered():
            there = _link_address()
        farm = Farm(f"{there}%lan0")

        async def listens(clock: Clock) -> list[tuple[int, dict[str, str]]]:
            async with Listener(f"{here}%lan0") as listener:
                head = f"Host: [{there}]:8467\r\nCALLBACK: <http://[{here}]:{listener.port}/>\r\nNT: upnp:event\r\n"
                request = f"SUBSCRIBE /power/events HTTP/1.1\r\n{head}Connection: close\r\n\r\n"
                answer = await raw(f"{there}%lan0", 8467, request.encode(), source=f"{here}%lan0")
                assert b"Second-" in answer, answer
                farm.press(PowerState.OFF)
                async with asyncio.timeout(5):
                    while len(listener.told()) < 2:
                        await clock.sleep(0.01)
                return listener.told()

        with far.beside(farm.run):
            ready(farm)
            told = asks.loop(listens)
    assert told[-1][1] == {"PowerState": "OFF"}


@needs("gssdp-discover")
def test_gssdp_discover_finds_it() -> None:
    farm = Farm(ADDRESS)
    with wired("asks", "farm") as (asks, far), far.beside(farm.run):
        ready(farm)
        said = asks.says("gssdp-discover", "-i", "lan0", "--timeout=3", "-t", APPLIANCE_DEVICE)
    assert f"uuid:{UUID.format(0)}::{APPLIANCE_DEVICE}" in said
    assert f"Location: http://{ADDRESS}:8467/description.xml" in said


@needs("gupnp-event-dumper", "stdbuf")
def test_gupnp_event_dumper_subscribes_and_is_told(tmp_path: Path) -> None:
    farm = Farm(ADDRESS)
    log = tmp_path / "events"
    with (
        wired("asks", "farm", addresses=(["10.77.0.1/16"], ["10.77.0.2/16"])) as (asks, far),
        far.beside(farm.run),
        log.open("wb") as out,
    ):
        ready(farm)
        command = ["env", "G_MESSAGES_DEBUG=all", "stdbuf", "-oL", "gupnp-event-dumper"]
        dumper = asks.start(*command, stdout=out, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: farm.appliances[0].upnp.subscribers == 2, "both services have a listener", limit_s=15)
            # The dumper forgets what comes before it has read the service's description, often the first state.
            wait_until(lambda: "Subscribing to PowerState" in log.read_text(), "it listens", limit_s=10)
            farm.press(PowerState.STANDBY)
            wait_until(lambda: "PowerState|Standby" in log.read_text(), "the change is told", limit_s=10)
        finally:
            dumper.kill()
            dumper.wait(10)
    assert farm.appliances[0].upnp.undelivered == 0


_GUPNP = """
import sys, gi
gi.require_version("GUPnP", "1.6")
from gi.repository import GLib, GObject, GUPnP
loop, who = GLib.MainLoop(), {"UUID": sys.argv[3], "Address": "10.77.0.1"}
def ask(service, name, out=(), **more):
    given = {**who, **more}
    call = GUPnP.ServiceProxyAction.new_from_list(name, list(given), list(given.values()))
    try:
        service.call_action(call, None)
        print(name, "done", call.get_result_list(list(out), [GObject.TYPE_STRING] * len(out))[1], flush=True)
    except GLib.Error as error:
        print(name, "fault", error.code, error.message, flush=True)
def there(_, device):
    service = device.get_service(sys.argv[2])
    ask(service, "OperationOff", ["RegID"])
    ask(service, "GetPowerState", ["PowerState"])
    ask(service, "Withdraw", RegID="7")
    ask(service, "OperationOn", Address="10.77.0.9")
    ask(service, "Explode")
    loop.quit()
context = GUPnP.Context.new("lan0", 0)
point = GUPnP.ControlPoint.new(context, sys.argv[1])
point.connect("device-proxy-available", there)
point.set_active(True)
GLib.timeout_add_seconds(15, loop.quit)
loop.run()
"""


@needs_gupnp()
def test_a_control_point_of_gupnp_commands_it() -> None:
    farm = Farm(ADDRESS)
    with (
        wired("asks", "farm", addresses=(["10.77.0.1/16"], ["10.77.0.2/16"])) as (asks, far),
        far.beside(farm.run),
    ):
        ready(farm)
        said = asks.says(SYSTEM_PYTHON, "-c", _GUPNP, APPLIANCE_DEVICE, APPLIANCE_SERVICE, GATEWAY).splitlines()
        state = farm.appliances[0].state
    assert [line.split()[:2] for line in said] == [
        ["OperationOff", "done"],
        ["GetPowerState", "done"],
        ["Withdraw", "fault"],
        ["OperationOn", "fault"],
        ["Explode", "fault"],
    ], said
    assert [line.split()[2] for line in said[2:]] == ["803", "805", "401"]
    assert said[1] == "GetPowerState done ['OFF']"
    assert state is PowerState.OFF


def test_nobody_answers_where_there_is_no_gateway() -> None:
    async def main(clock: Clock) -> None:
        gateways, ground = Gateways(clock), Ground()
        one = SimulatedAppliance(Identity(UUID.format(0), "one"), ground, clock, Place(ADDRESS, 8467))
        await one.start()
        try:
            with pytest.raises(GatewayError, match="no energy gateway answered"):
                await gateways.find(one.upnp)
        finally:
            await one.stop()
            ground.close()

    with wired("asks", "farm") as (_, far), far.entered():
        run_stepped(main)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _dock(number: int) -> tuple[str, ...]:
    return (
        f"link add dock{number} type veth peer name bay{number}",
        f"link set dock{number} up",
        f"link set bay{number} up",
    )


def _link_address() -> str:
    lines = Path("/proc/thread-self/net/if_inet6").read_text().splitlines()
    packed = next(line.split()[0] for line in lines if line.endswith("lan0") and line.startswith("fe80"))
    return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(packed))


def _searched(asks: Network, family: socket.AddressFamily, within_s: int) -> dict[str, str]:
    group = "239.255.255.250" if family == socket.AF_INET else "ff02::c"
    with asks.entered():
        asking = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET:
            asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.77.0.1"))
        else:
            asking.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("lan0"))
    found: dict[str, str] = {}
    with asking:
        message = f'M-SEARCH * HTTP/1.1\r\nHOST: {group}:1900\r\nMAN: "ssdp:discover"\r\nMX: {within_s}\r\n'
        asking.sendto(f"{message}ST: {APPLIANCE_DEVICE}\r\n\r\n".encode(), (group, 1900))
        asking.settimeout(within_s + 0.5)
        with contextlib.suppress(TimeoutError):
            while len(found) < 20:
                data, peer = asking.recvfrom(4096)
                found[peer[0]] = data.decode()
    return found


def _pairs(datagram: bytes) -> list[tuple[str, str]]:
    lines = datagram.decode().split("\r\n")[1:]
    return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines) if name]
