"""The demo speaks to nobody but itself: what comes out of its machine's network cable meanwhile is listened to."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.support.namespaces import WIRE, Network, needs_networks, wired
from tests.support.processes import wait_until
from tests.system.test_demo import demo

pytestmark = [needs_networks, pytest.mark.system]

_EVERY_PROTOCOL = 3
"""ETH_P_ALL of linux/if_ether.h."""


def without_ipv6(net: Network) -> None:
    """The kernel itself asks for routers on a link with IPv6: that is not what is looked for."""
    with net.entered():
        for scope in ("all", "default", WIRE):
            path = Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6")
            if path.exists():
                path.write_text("1")


def heard(ear: socket.socket) -> list[bytes]:
    """Every frame that came so far."""
    frames = []
    ear.setblocking(False)
    try:
        while True:
            frames.append(ear.recv(2048))
    except BlockingIOError:
        return frames


def test_nothing_of_the_demo_leaves_the_loopback(tmp_path: Path) -> None:
    with wired("machine", "street", addresses=(["10.77.0.1/24"], ["10.77.0.2/24"])) as (machine, street):
        without_ipv6(machine)
        without_ipv6(street)
        with street.entered():
            ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERY_PROTOCOL))
            ear.bind((WIRE, 0))
        with ear:
            with machine.entered():
                before = machine.traffic()
                with demo(tmp_path, 8462) as running:
                    running.wait(lambda: running.address in running.lines(), "the page")
                    running.wait(
                        lambda: (running.state()["appliances"] or {}).get("in_hand", 0) > 0,
                        "appliances are found and one is told something",
                    )
                assert machine.traffic().since(before).packets_out == 0
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
                    mouth.sendto(b"seen", ("10.77.0.2", 9))
            wait_until(lambda: machine.traffic().since(before).packets_out > 0, "the cable is a cable")
            frames = heard(ear)
            assert frames, "the ear hears"
            assert all(frame[12:14] == b"\x08\x06" or b"seen" in frame for frame in frames), (
                "ARP and the test's own word"
            )
