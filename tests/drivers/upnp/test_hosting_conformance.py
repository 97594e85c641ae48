"""The gateway before programs nobody here wrote: gssdp, gupnp, libupnp and minissdpd, in networks of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from drivers.upnp.hosting.reach import OnLinks
from drivers.upnp.hosting.subscribers import Terms
from drivers.upnp.interfaces import read_links
from drivers.upnp.parts import Link
from drivers.upnp.ssdp.network import SsdpNetwork
from heg.model.appliances import GATEWAY_DEVICE, GATEWAY_SERVICE
from heg.runtime.clock import Clock
from tests.drivers.upnp.hosted import UUID, WASHER, House, hosted
from tests.support.namespaces import WIRE, Network, needs_networks, wired
from tests.support.peers import SOURCES, SYSTEM_PYTHON, built_on_libupnp, needs, needs_gupnp, needs_libupnp, program
from tests.support.processes import wait_until
from tests.support.talking import pause, talking

pytestmark = [needs_networks, pytest.mark.system]
GATEWAY, STREET = "10.77.0.1", "10.77.0.2"
PORT = 8465


@contextlib.contextmanager
def a_gateway(terms: Terms | None = None, *, six: bool = False) -> Iterator[Network]:
    """A gateway at one end of a cable, its sockets of SSDP those of discovery; yields the other end.

    It speaks IPv4, or IPv6 at link-local addresses: its peers have one address each, by which it knows who asks.
    """
    ours, theirs = (f"{GATEWAY}/16",), (f"{STREET}/16",)
    with wired(addresses=(ours, theirs)) as (home, street):
        # libupnp binds to every address, and the kernel has yet to be sure of the link's own.
        for net in (home, street):
            wait_until(partial(_is_settled, net), "it has its addresses")
        asker = link_local(street) if six else STREET

        async def main(clock: Clock, stop: asyncio.Event) -> None:
            house = House(clock, {WASHER: asker})
            network = SsdpNetwork(8466, lambda *_: None)
            try:
                async with hosted(
                    clock, house=house, wires=network, links=(Link(WIRE, GATEWAY),), port=PORT, terms=terms
                ) as one:
                    network.add_announcer(OnLinks(network, one.served.server, one.advertiser))
                    assert network.adopt(one for one in read_links(frozenset({WIRE})) if one.is_v6 is six)
                    await stop.wait()
            finally:
                network.close()

        with home.beside(main):
            yield street


def link_local(net: Network) -> str:
    """The link's own address of IPv6."""
    said = net.says("ip", "-6", "-o", "addr", "show", "dev", WIRE, "scope", "link")
    return said.split()[3].partition("/")[0]


def _is_settled(net: Network) -> bool:
    addresses = net.says("ip", "addr", "show", "dev", WIRE)
    return "fe80:" in addresses and "tentative" not in addresses


@needs("gssdp-discover")
def test_gssdp_finds_all_that_it_is() -> None:
    with a_gateway() as street:
        said = street.says(program("gssdp-discover"), "-i", WIRE, "--timeout=2", "-t", "ssdp:all")
        for name in (
            f"uuid:{UUID}::upnp:rootdevice",
            f"uuid:{UUID}::{GATEWAY_DEVICE}",
            f"uuid:{UUID}::{GATEWAY_SERVICE}",
        ):
            assert f"USN:      {name}\n" in said
        assert f"Location: http://{GATEWAY}:{PORT}/device.xml" in said
        said = street.says(program("gssdp-discover"), "-i", WIRE, "--timeout=2", "-t", GATEWAY_SERVICE)
        assert said.count("resource available") == 1


@needs("gupnp-event-dumper")
def test_gupnps_event_dumper_hears_the_first_event() -> None:
    with a_gateway() as street:
        environment = {**os.environ, "G_MESSAGES_DEBUG": "gupnp-event-dumper"}
        with talking(street, "stdbuf", "-oL", program("gupnp-event-dumper"), env=environment) as dumper:
            assert dumper.until("|OpenRegistrations|").split("|")[1:] == [
                f"uuid:{UUID}",
                "urn:heg-energy:serviceId:EnergyManagement1",
                "OpenRegistrations",
                "0",
            ]
            dumper.until("|RegistrationUpdateID|0")


@needs_gupnp()
def test_a_control_point_of_gupnp_calls_subscribes_and_renews() -> None:
    with a_gateway(Terms(shortest_s=4, longest_s=4)) as street:
        command = (SYSTEM_PYTHON, SOURCES / "gupnp_control_point.py", WIRE)
        with talking(street, *command) as point:

            def call(action: str, names: str, values: str, outputs: str = "RegID") -> dict[str, Any]:
                assert point.process.stdin is not None
                point.process.stdin.write(json.dumps([action, names.split(), values.split(), outputs.split()]) + "\n")
                point.process.stdin.flush()
                said = point.until("{")
                while '"event"' in said:
                    said = point.until("{")
                return dict(json.loads(said))

            found = json.loads(point.until("found"))
            assert found == {
                "found": f"uuid:{UUID}",
                "name": "Home energy gateway (home)",
                "model": "heg",
                "page": f"http://{GATEWAY}:{PORT}/",
            }
            told = json.loads(point.until("actions"))
            assert set(told["actions"]) == {"WakeUpTime", "NoStandbyPeriod", "Withdraw", "X_ListRegistrations"}
            assert {"OpenRegistrations", "RegistrationUpdateID", "RegID", "Time"} <= set(told["variables"])
            point.until('"event": "RegistrationUpdateID", "value": 0')
            who = "UUID Address"
            mine = f"uuid:{WASHER} {STREET}"
            assert call("WakeUpTime", f"{who} Time", f"{mine} 06:30:00") == {"answer": ["1"], "done": True}
            point.until('"event": "OpenRegistrations", "value": 1')
            period = call("NoStandbyPeriod", f"{who} StartTime StopTime", f"{mine} 22:00:00 05:00:00")
            assert period == {"answer": ["2"], "done": True}
            faults = {
                ("WakeUpTime", f"{who} Time", f"{mine} 26:30:00"): 600,
                ("WakeUpTime", who, mine): 402,
                ("GetPowerState", who, mine): 401,
                ("Withdraw", f"{who} RegID", f"{mine} 0"): 601,
                ("Withdraw", f"{who} RegID", f"{mine} 99"): 803,
                ("WakeUpTime", f"{who} Time", f"uuid:{WASHER} 10.77.0.3 06:30:00"): 805,
                ("WakeUpTime", f"{who} Time", f"{mine} {'0' * 65}"): 605,
            }
            for (action, names, values), code in faults.items():
                assert call(action, names, values)["fault"] == code, action
            assert call("Withdraw", f"{who} RegID", f"{mine} 1", "")["done"]
            point.until('"event": "OpenRegistrations", "value": 1')
            pause(4.5)  # renewals of its four seconds
            assert call("Withdraw", f"{who} RegID", f"{mine} 2", "")["done"]
            point.until('"event": "OpenRegistrations", "value": 0')
            assert call("unsubscribe", "", "") == {"unsubscribed": True}
            assert not [line for line in point.said if "lost" in line]


@needs_libupnp()
@pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
def test_a_control_point_of_libupnp_does_everything(tmp_path: Path, six: bool) -> None:
    built = built_on_libupnp(SOURCES / "libupnp_control_point.c", tmp_path / "control_point")
    with a_gateway(six=six) as street:
        asker, at = (link_local(street), "//[fe80") if six else (STREET, f"//{GATEWAY}")
        said = street.run(built, WIRE, f"uuid:{WASHER}", asker, at).stdout.splitlines()
    assert said[:3] == ["init 0", "register 0", "search 0"]
    assert said[3].startswith(f"found http:{at}")
    assert said[4] == "subscribe 0 1800 uuid:"
    assert [line for line in said if line.startswith("event")] == ["event 0 1", "event 1 1"]
    orders = [line for line in said if line.startswith(("WakeUpTime", "NoSuchThing"))]
    assert orders == ["WakeUpTime 0 1", "WakeUpTime 600 -", "WakeUpTime 402 -", "NoSuchThing 401 -"]
    assert said[-2:] == ["renew 0 600", "unsubscribe 0"]


@needs("minissdpd")
def test_minissdpd_lists_every_name_at_once(tmp_path: Path) -> None:
    asked = tmp_path / "minissdpd.sock"
    with a_gateway() as street:
        daemon = street.start(program("minissdpd"), "-d", "-i", WIRE, "-s", asked, "-p", tmp_path / "pid")
        try:
            wait_until(lambda: len(known_to(asked)) >= 4, "it listens and knows four names", limit_s=10.0)
            known = known_to(asked)
        finally:
            daemon.kill()
            daemon.wait(10)
    assert {name for name, *_ in known} == {f"uuid:{UUID}", "upnp:rootdevice", GATEWAY_DEVICE, GATEWAY_SERVICE}
    assert {location for _, _, location in known} == {f"http://{GATEWAY}:{PORT}/device.xml"}


def known_to(path: Path) -> list[tuple[str, str, str]]:
    """Everything that minissdpd knows: name, USN and location of each (request type 3); nothing before it listens."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(3.0)
        try:
            asking.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):  # its socket is there a moment before it listens
            return []
        asking.sendall(bytes([3, 8]) + b"ssdp:all")
        answer = asking.recv(65536)
    at, texts = 1, []
    while at < len(answer):
        length = answer[at]
        texts.append(answer[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return [(texts[n + 1], texts[n + 2], texts[n]) for n in range(0, len(texts) - 2, 3)]


def search_from(place: str) -> bytes:
    """A search as anybody writes it."""
    lines = ("M-SEARCH * HTTP/1.1", f"HOST: {place}:1900", 'MAN: "ssdp:discover"', f"ST: {GATEWAY_SERVICE}", "", "")
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
def test_who_searches_it_alone_is_answered_from_where_it_was_asked(six: bool) -> None:
    family, group = (socket.AF_INET6, "ff02::c") if six else (socket.AF_INET, "239.255.255.250")
    with a_gateway(six=six) as street, street.entered():
        index = socket.if_nametoindex(WIRE)
        with socket.socket(family, socket.SOCK_DGRAM) as everybody:
            everybody.settimeout(0.2)
            if six:
                everybody.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            else:
                everybody.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(STREET))
            place = ""

            def answered() -> bool:
                nonlocal place
                everybody.sendto(search_from(group), (group, 1900))
                with contextlib.suppress(TimeoutError):
                    place = everybody.recvfrom(2048)[1][0]
                return bool(place)

            wait_until(answered, "the gateway is there")
        with socket.socket(family, socket.SOCK_DGRAM) as alone:
            alone.settimeout(5.0)
            # Connected, it hears that port of that host alone, as whoever is behind a firewall.
            alone.connect((place, 1900, 0, index) if six else (place, 1900))
            alone.send(search_from(place))
            said = alone.recv(2048)
        assert said.startswith(b"HTTP/1.1 200 OK\r\n")
        assert f"USN: uuid:{UUID}::{GATEWAY_SERVICE}\r\n".encode() in said
