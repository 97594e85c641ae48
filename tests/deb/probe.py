"""Run inside the service's sandbox: tries what the gateway needs and what it shall not have, and tells by JSON."""

from __future__ import annotations

import json
import mmap
import os
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path


def _hash() -> None:
    import argon2

    argon2.PasswordHasher().hash("correct horse")


def _sockets() -> None:
    socket.create_server(("0.0.0.0", 8499)).close()
    socket.getaddrinfo("localhost", 80)


def _hear_a_group() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("239.255.255.250", 1900))
        group, loopback = socket.inet_aton("239.255.255.250"), socket.if_nametoindex("lo")
        member = group + bytes(4) + loopback.to_bytes(4, sys.byteorder)
        one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)


def _keep_to_an_interface() -> None:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
        one.bind(("0.0.0.0", 8498))


def _wake() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        one.sendto(b"\xff" * 6, ("127.255.255.255", 9))


def _know_neighbours() -> None:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE).close()


def _executable_memory() -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


NEEDED: dict[str, Callable[[], object]] = {
    "hash a password": _hash,
    "step back": lambda: os.nice(5),
    "limit itself": lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    "keep state": lambda: Path(os.environ["STATE_DIRECTORY"], "probe").write_text("1"),
    "change its configuration": lambda: Path("/etc/heg/probe").write_text("1"),
    "listen and resolve": _sockets,
    "hear a group": _hear_a_group,
    "keep to an interface": _keep_to_an_interface,
    "wake": _wake,
    "know neighbours": _know_neighbours,
    "know the machine": lambda: int(Path("/etc/machine-id").read_text(), 16),
    "read a credential": lambda: Path(os.environ["CREDENTIALS_DIRECTORY"], "heg_probe").read_text(),
    "know the boot": lambda: int(os.environ["HEG_BOOT_ID"], 16),
}
WITHHELD: dict[str, Callable[[], object]] = {
    "write its own program": lambda: Path("/usr/lib/heg/probe").write_text("1"),
    "write the system": lambda: Path("/etc/probe").write_text("1"),
    "write the firewall": lambda: Path("/etc/heg-firewall.d/probe.nft").write_text("1"),
    "read the credentials' folder": lambda: list(Path("/etc/heg-credentials").iterdir()),
    "see homes": lambda: list(Path("/root").iterdir()),
    "see others' processes": lambda: Path("/proc/1/stat").read_text(),
    "see the kernel's switches": lambda: Path("/proc/sys/kernel/hostname").read_text(),
    "take a low port": lambda: socket.create_server(("0.0.0.0", 443)).close(),
    "read the wire": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
    "ping raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close(),
    "run what it wrote": _executable_memory,
    "make a device": lambda: os.mknod("/var/lib/heg-probe/device", 0o20600, os.makedev(1, 1)),
    "be root": lambda: os.setuid(0),
}


def is_possible(what: Callable[[], object]) -> bool:
    """Whether it can be done; whatever stands in the way."""
    try:
        what()
    except Exception:  # noqa: BLE001 - each way of being refused is one
        return False
    return True


if __name__ == "__main__":
    told = {name: is_possible(what) for name, what in (NEEDED | WITHHELD).items()}
    json.dump(told, sys.stdout)
