"""The UDP side of SSDP, shared by all appliances of a process: one socket hears the group for all of them.

Each appliance has one socket more, at its own address: what it says comes from there, and a search may be sent to it
alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from appliance.addresses import interface_of
from appliance.upnp.ssdp import GROUP_V4, GROUP_V6, LARGEST_DATAGRAM, PORT, Heard, Search, read, read_answer

logger = logging.getLogger(__name__)

_AT_ONCE = 64
"""Datagrams taken in one turn of the loop."""
_HOPS = 2
_IP_MULTICAST_ALL = 49
"""linux/in.h; Python has no name for it."""

OnSearch = Callable[[Search, "Peer"], None]
OnHeard = Callable[[Heard, "Peer"], None]
Peer = tuple[str, int] | tuple[str, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Ear:
    """Somebody who wants to know of searches, at one address of ours."""

    address: str
    on_search: OnSearch


class Ground:
    """Where the appliances of a process hear and speak. Made on the running loop; `close()` when all have gone."""

    def __init__(self, *, port: int = PORT, on_heard: OnHeard | None = None) -> None:
        self.port = port
        self._on_heard = on_heard
        self._groups: dict[tuple[int, int], socket.socket] = {}
        self._ears: list[Ear] = []
        self.ignored = 0
        """Datagrams that were no search and no announcement."""

    def speak(self, ear: Ear) -> Mouth:
        """Let an appliance hear and speak at its address. Raises OSError where the address is not ours."""
        mouth = Mouth(self, ear)
        try:
            self._join(mouth)
        except OSError:
            mouth.close()
            raise
        self._ears.append(ear)
        return mouth

    def leave(self, ear: Ear) -> None:
        """Let one go; with the last one the group: the kernel lets a socket join on twenty interfaces in its life."""
        with contextlib.suppress(ValueError):
            self._ears.remove(ear)
        if not self._ears:
            self.close()

    def answered(self, datagram: bytes, peer: Peer) -> None:
        """Take the answer to a search of ours."""
        heard = read_answer(datagram)
        if heard is None or self._on_heard is None:
            self.ignored += 1
        else:
            self._on_heard(heard, peer)

    def heard(self, heard: Heard, peer: Peer) -> None:
        """Take what was announced to one of us."""
        if self._on_heard is not None:
            self._on_heard(heard, peer)

    def close(self) -> None:
        """Let go of the group."""
        for group in self._groups.values():
            asyncio.get_running_loop().remove_reader(group)
            group.close()
        self._groups.clear()
        self._ears.clear()

    def _join(self, mouth: Mouth) -> None:
        key = (mouth.family, mouth.scope)
        if (group := self._groups.get(key)) is None:
            group = self._groups[key] = _listening(mouth.family, mouth.scope, self.port)
            asyncio.get_running_loop().add_reader(group, self._hear, group)
        try:
            _join_group(group, mouth)
        except OSError as error:
            logger.debug("%s: its network knows no multicast: %s", mouth.address, error)

    def _hear(self, group: socket.socket) -> None:
        for datagram, peer in _received(group):
            if not at_home(peer[0]):
                self.ignored += 1
                continue
            match read(datagram, multicast=True):
                case Search() as search:
                    for ear in tuple(self._ears):
                        ear.on_search(search, peer)
                case Heard() as heard if self._on_heard is not None:
                    self._on_heard(heard, peer)
                case None:
                    self.ignored += 1


class Mouth:
    """One appliance's own socket: it speaks to the group and to one, and hears who speaks to it alone."""

    __slots__ = ("_ear", "_ground", "_socket", "address", "family", "scope")

    def __init__(self, ground: Ground, ear: Ear) -> None:
        self._ground = ground
        self._ear = ear
        self.address = ear.address
        address, _, zone = ear.address.partition("%")
        self.family = int(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.scope = interface_of(ear.address) if self.family == socket.AF_INET6 else 0
        local = (
            (address, ground.port, 0, self.scope if zone else 0)
            if self.family == socket.AF_INET6
            else (address, ground.port)
        )
        self._socket = _speaking(self.family, self.scope, local)
        asyncio.get_running_loop().add_reader(self._socket, self._hear)

    @property
    def group_host(self) -> str:
        """The group as the HOST header has it."""
        return f"{GROUP_V4}:{self._ground.port}" if self.family == socket.AF_INET else f"[FF02::C]:{self._ground.port}"

    def to_group(self, datagram: bytes) -> None:
        """Say something to everybody."""
        group = (GROUP_V4, self._ground.port)
        self.to(datagram, group if self.family == socket.AF_INET else (GROUP_V6, self._ground.port, 0, self.scope))

    def to(self, datagram: bytes, peer: Peer) -> None:
        """Say something to one."""
        with contextlib.suppress(OSError):  # no route, no room: SSDP is repeated anyway
            self._socket.sendto(datagram, peer)

    def close(self) -> None:
        """Be silent from now on."""
        self._ground.leave(self._ear)
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _hear(self) -> None:
        for datagram, peer in _received(self._socket):
            if not at_home(peer[0]):
                self._ground.ignored += 1
                continue
            match read(datagram, multicast=False):
                case Search() as search:
                    self._ear.on_search(search, peer)
                case Heard() as heard:  # on loopback, where there is no group, a gateway speaks to each
                    self._ground.heard(heard, peer)
                case None:
                    self._ground.answered(datagram, peer)


@lru_cache(512)
def at_home(address: str) -> bool:
    """Tell whether an address is one of a home network: nobody else is answered, and nobody else can be flooded."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return found.is_private or found.is_link_local


def _received(source: socket.socket) -> list[tuple[bytes, Peer]]:
    found: list[tuple[bytes, Peer]] = []
    with contextlib.suppress(OSError):
        while len(found) < _AT_ONCE:
            found.append(source.recvfrom(LARGEST_DATAGRAM + 1))
    return found


def _listening(family: int, scope: int, port: int) -> socket.socket:
    """Bound to the group's address, so that searches sent to one address go to the socket that is there."""
    listening = _udp(family)
    try:
        if family == socket.AF_INET:
            listening.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)  # only from networks that we joined on
        listening.bind((GROUP_V4, port) if family == socket.AF_INET else (GROUP_V6, port, 0, scope))
    except OSError:
        listening.close()
        raise
    return listening


def _speaking(family: int, scope: int, local: Peer) -> socket.socket:
    speaking = _udp(family)
    try:
        speaking.bind(local)
        if family == socket.AF_INET:
            speaking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(local[0]))
            speaking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _HOPS)
        else:
            speaking.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, scope)
            speaking.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOPS)
    except OSError:
        speaking.close()
        raise
    return speaking


def _udp(family: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # others of this machine speak SSDP, too
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made


def _join_group(group: socket.socket, mouth: Mouth) -> None:
    try:
        if mouth.family == socket.AF_INET:
            member = struct.pack("4s4s", socket.inet_aton(GROUP_V4), socket.inet_aton(mouth.address))
            group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        else:
            member = socket.inet_pton(socket.AF_INET6, GROUP_V6) + struct.pack("@I", mouth.scope)
            group.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:  # another appliance of ours has joined on this interface
            raise
