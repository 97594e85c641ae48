"""Magic packets as they stand on a wire: caught there by tcpdump, read by tshark, which nobody here wrote."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from drivers.upnp.neighbours import card_of
from drivers.upnp.parts import Link
from drivers.upnp.wake import Sleeper, Waker, directed_broadcast
from heg.model.appliances import WakeMethod
from heg.model.refusals import Refusal
from tests.drivers.upnp.lan import running
from tests.support.namespaces import WIRE, Network, needs_networks, wired
from tests.support.peers import needs

pytestmark = [needs_networks, pytest.mark.system]

CARD = "aa:bb:cc:00:11:22"
SIXTEEN_TIMES = ",".join([CARD] * 16)
FIELDS = ("eth.dst", "ip.dst", "ipv6.dst", "udp.dstport", "wol.sync", "wol.mac")
# A packet may leave by any port, and tshark's list gives seven of those that Linux lends to other protocols (44818).
BY_CONTENT = "udp.try_heuristic_first:TRUE"
FOUR, SIX = Link(WIRE, "10.77.0.1"), Link(WIRE, "fd77::1")


@dataclass(frozen=True)
class Caught:
    """One packet by tshark's words."""

    card: str
    to: str
    port: str
    woken: str


@contextmanager
def caught(net: Network, file: Path, count: int) -> Iterator[tuple[list[Caught], list[str]]]:
    """Have tcpdump catch so many packets meanwhile; at the end they, and the passwords in them, are read."""
    packets: list[Caught] = []
    passwords: list[str] = []
    watch = ("tcpdump", "--immediate-mode", "-U", "-i", WIRE, "-c", count, "-w", file, "udp", "port", "9")
    with running(net, *watch, ready="listening on") as watching:
        yield packets, passwords
        watching.says("packets? captured")
    read = ("tshark", "-r", file, "-o", BY_CONTENT)
    lines = net.says(*read, "-T", "fields", "-E", "separator=;", *_each("-e", FIELDS)).splitlines()
    for line in lines:
        card, four, six, port, sync, woken = line.split(";")
        assert sync.replace(":", "") == "ff" * 6
        packets.append(Caught(card, four or six, port, woken))
    passwords += re.findall(r"Password: (\S+)", net.says(*read, "-O", "wol"))


@needs("tcpdump", "tshark")
def test_packets_of_a_link_with_both_families(tmp_path: Path) -> None:
    with wired() as (near, far), caught(far, tmp_path / "packets", 4) as (packets, passwords), near.entered():
        waker = Waker(lambda: (FOUR, SIX))
        assert waker.wake(Sleeper(CARD, WakeMethod.WOL), FOUR) is None
        assert waker.wake(Sleeper(CARD, WakeMethod.WOL), SIX, bytes.fromhex("0a1b2c3d4e5f")) is None
        with pytest.raises(AssertionError):
            near.says("ip", "route", "get", "1.2.3.4")  # and no route leads anywhere else
    assert [(one.to, one.card) for one in packets[:3]] == [
        ("255.255.255.255", "ff:ff:ff:ff:ff:ff"),
        ("10.77.255.255", "ff:ff:ff:ff:ff:ff"),
        ("ff02::1", "33:33:00:00:00:01"),
    ]
    assert {(one.port, one.woken) for one in packets} == {("9", SIXTEEN_TIMES)}
    assert passwords == ["0a:1b:2c:3d:4e:5f"]


@needs("tcpdump", "tshark")
def test_packets_of_a_link_with_ipv6_alone(tmp_path: Path) -> None:
    addresses = (("fd77::1/64",), ("fd77::2/64",))
    with (
        wired(addresses=addresses) as (near, far),
        caught(far, tmp_path / "packets", 2) as (packets, passwords),
        near.entered(),
    ):
        local = Link(WIRE, near.link_local())
        with pytest.raises(ConnectionRefusedError):  # so that the kernel knows its card
            socket.create_connection((f"{far.link_local()}%{WIRE}", 80), timeout=5)
        assert card_of(f"{far.link_local()}%{WIRE}", local) == far.card()
        assert card_of("fd77::77", local) == ""
        waker = Waker(lambda: (local,))
        assert waker.wake(Sleeper(CARD, WakeMethod.WOL), local, bytes.fromhex("0a141e28")) is None
        assert waker.wake(Sleeper(CARD, WakeMethod.WOL), None) is None
    assert packets == [Caught("33:33:00:00:00:01", "ff02::1", "9", SIXTEEN_TIMES)] * 2
    assert passwords == ["10.20.30.40"]


@needs("tcpdump", "tshark")
def test_a_card_on_wireless_is_sent_one_by_its_address_too(tmp_path: Path) -> None:
    with wired() as (near, far), caught(far, tmp_path / "packets", 3) as (packets, _), near.entered():
        waker = Waker(lambda: (FOUR,))
        assert waker.wake(Sleeper(CARD, WakeMethod.WOWLAN, "10.77.0.2"), FOUR) is None
        assert card_of("10.77.0.2", FOUR) == far.card()
        assert card_of("10.77.0.3", FOUR) == ""
        assert card_of("10.77.0.2", Link("lo", "10.77.0.1")) == "", "on that interface alone"
        with pytest.raises(OSError, match="No route to host"):
            socket.create_connection(("10.77.0.3", 80), timeout=10)
        assert card_of("10.77.0.3", FOUR) == "", "nobody answers there"
    assert [one.to for one in packets] == ["255.255.255.255", "10.77.255.255", "10.77.0.2"]
    assert packets[2].card != "ff:ff:ff:ff:ff:ff"


def test_each_network_of_an_interface_has_its_own_broadcast() -> None:
    with wired(addresses=(("10.77.0.1/16", "192.168.100.1/24", "10.77.1.1/16"), ())) as (near, _far), near.entered():
        for address, broadcast in (
            ("10.77.0.1", "10.77.255.255"), ("10.77.1.1", "10.77.255.255"), ("192.168.100.1", "192.168.100.255"),
        ):  # fmt: skip
            assert directed_broadcast(Link(WIRE, address)) == broadcast


def test_a_link_that_is_down_is_said() -> None:
    with wired() as (near, _far), near.entered():
        near.ip(f"link set {WIRE} down")
        refusal = Waker(lambda: (FOUR,)).wake(Sleeper(CARD, WakeMethod.WOL), FOUR)
        assert isinstance(refusal, Refusal)
        assert "Network is" in refusal.came
        assert directed_broadcast(Link("nowhere0", "10.77.0.1")) == ""


def _each(option: str, values: tuple[str, ...]) -> list[str]:
    return [one for value in values for one in (option, value)]
