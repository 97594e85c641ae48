"""Who holds a port of this machine: without TLS all that tells a gateway from somebody else's program.

Any user may listen on a port above 1024 while the gateway is down, and would be handed passwords and tokens.
"""

import ipaddress
import os
import pwd
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENS, _ESTABLISHED = "0A", "01"
_LOCAL, _REMOTE, _STATE, _UID = 1, 2, 3, 7
"""Columns of these tables (proc(5), /proc/net/tcp)."""
GATEWAYS_USER = "heg"


@dataclass(frozen=True, slots=True)
class Holder:
    """A socket at a port as the kernel's table has it: addresses, state, and whose it is."""

    local: str
    remote: str
    state: str
    uid: int


def stranger_at(connected: socket.socket, tables: Iterable[Path] = _TABLES) -> str | None:
    """Return who else holds the port of this machine that a socket is connected to, or has taken its connection.

    None where it is root's, one's own or the gateway's, and where the system does not tell.
    """
    ours, theirs = _written(connected.getsockname()), _written(connected.getpeername())
    found = [one for table in tables for one in _holders(table, theirs.partition(":")[2])]
    if not found:
        return None
    # What takes a connection and closes its door has it still: whose that is counts as well.
    taken = [one for one in found if one.state == _ESTABLISHED and (one.local, one.remote) == (theirs, ours)]
    doors = _doors([one for one in found if one.state == _LISTENS], theirs)
    if not doors:
        return "nobody who still listens"
    trusted = {0, os.geteuid(), *_uid_of(GATEWAYS_USER)}
    strangers = sorted(one.uid for one in (*doors, *taken) if one.uid not in trusted)
    return _name_of(strangers[0]) if strangers else None


def _doors(listening: list[Holder], theirs: str) -> list[Holder]:
    """Who is given a connection: what listens at just this address goes before what listens at all."""
    exact = [one for one in listening if one.local == theirs]
    return exact or [one for one in listening if not one.local.partition(":")[0].strip("0")]


def _holders(table: Path, port: str) -> Iterator[Holder]:
    try:
        rows = table.read_text("ascii").splitlines()[1:]
    except (OSError, UnicodeDecodeError):
        return
    for columns in map(str.split, rows):
        if len(columns) > _UID and columns[_LOCAL].endswith(f":{port}"):
            yield Holder(columns[_LOCAL], columns[_REMOTE], columns[_STATE], int(columns[_UID]))


def _written(address: tuple[Any, ...]) -> str:
    """An address as the kernel writes it: words of 32 bits in the machine's own order."""
    packed = ipaddress.ip_address(address[0]).packed
    words = (struct.unpack("=I", packed[at : at + 4])[0] for at in range(0, len(packed), 4))
    return "".join(f"{word:08X}" for word in words) + f":{address[1]:04X}"


def _uid_of(name: str) -> tuple[int, ...]:
    try:
        return (pwd.getpwnam(name).pw_uid,)
    except KeyError:
        return ()


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
