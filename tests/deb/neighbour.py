"""Run on another machine of the home network: searches, knocks, and hears magic packets; tells by JSON."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable

GROUP = "239.255.255.250"
QUIET_S = 2.5
"""After so long nobody answers any more: a searched one has a second."""
SEARCH = (
    f'M-SEARCH * HTTP/1.1\r\nHOST: {GROUP}:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n'
).encode()


def search(own: str, to: str = GROUP) -> list[str]:
    """Who answers a search that is sent from an own address."""
    found = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
        one.bind((own, 0))
        one.sendto(SEARCH, (to, 1900))
        one.settimeout(QUIET_S)
        with contextlib.suppress(TimeoutError):
            while True:
                found.add(one.recvfrom(4096)[1][0])
    return sorted(found)


def connect(own: str, to: str, port: str) -> str:
    """What a connection finds."""
    try:
        socket.create_connection((to, int(port)), 1.5, (own, 0)).close()
    except OSError as error:
        return type(error).__name__
    return "open"


def hear_magic(broadcast: str, seconds: float = 20.0) -> str | None:
    """The card that the next magic packet of the network wakes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((broadcast, 9))
        one.settimeout(seconds)
        tell("ready")
        try:
            packet = one.recv(4096)
        except TimeoutError:
            return None
    card = packet[6:12]
    return card.hex(":") if packet[:102] == b"\xff" * 6 + card * 16 else f"no magic packet: {packet.hex()}"


def card() -> str:
    """The card of this end of the cable."""
    said = subprocess.run(["ip", "link", "show", "lan"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"link/ether (\S+)", said)
    return found[1] if found else said


def tell(what: object) -> None:
    """One line."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


DOING: dict[str, Callable[..., object]] = {
    "search": search,
    "connect": connect,
    "hear-magic": hear_magic,
    "card": card,
}

if __name__ == "__main__":
    tell(DOING[sys.argv[1]](*sys.argv[2:]))
