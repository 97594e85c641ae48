"""What the kernel says of network interfaces and their addresses (rtnetlink(7)): requests and answers. Pure.

The kernel is no stranger, but its messages are still bounded and read by their lengths.
"""

import ipaddress
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MOST_BYTES = 65536
GROUPS = 0x1 | 0x10 | 0x100
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR."""
_DONE, _ERROR = 3, 2
_NEW_LINK, _GET_LINK, _NEW_ADDRESS, _GET_ADDRESS = 16, 18, 20, 22
_REQUEST_DUMP = 0x1 | 0x300
_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBi")
_ATTRIBUTE = struct.Struct("=HH")
_IFLA_MASTER, _IFLA_LINKINFO, _IFLA_INFO_SLAVE_KIND = 10, 18, 4
_IFLA_NAME, _IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 3, 1, 2, 8
_UNUSABLE = 0x40 | 0x08
"""IFA_F_TENTATIVE (still looked for twice on the link) and IFA_F_DADFAILED."""

IFF_UP, IFF_LOOPBACK, IFF_POINTOPOINT, IFF_RUNNING, IFF_MULTICAST = 0x1, 0x8, 0x10, 0x40, 0x1000

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


@dataclass(frozen=True, slots=True)
class NetworkInterface:
    """An interface as the kernel has it; `flags` are IFF_*.

    One that `is_port` belongs to another (a bridge, a bond): what comes by it comes to that one alone, whatever
    addresses it has itself. Each container that starts brings such a one.
    """

    index: int
    name: str
    flags: int
    is_port: bool = False


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """An address of an interface, with its network, that can be used now."""

    index: int
    address: Interface


@dataclass(frozen=True, slots=True)
class DumpEnd:
    """The answer to a request is whole (`error` 0), or there is none."""

    error: int = 0


Message = NetworkInterface | InterfaceAddress | DumpEnd


def links_request() -> bytes:
    """Ask for all interfaces."""
    return _HEADER.pack(_HEADER.size + _LINK.size, _GET_LINK, _REQUEST_DUMP, 1, 0) + _LINK.pack(0, 0, 0, 0, 0)


def addresses_request() -> bytes:
    """Ask for all addresses."""
    size = _HEADER.size + _ADDRESS.size
    return _HEADER.pack(size, _GET_ADDRESS, _REQUEST_DUMP, 2, 0) + _ADDRESS.pack(0, 0, 0, 0, 0)


def messages(data: bytes) -> Iterator[Message]:
    """What one datagram of the kernel says of interfaces; the rest of it is passed over."""
    at = 0
    while at + _HEADER.size <= len(data):
        size, kind, _flags, _sequence, _port = _HEADER.unpack_from(data, at)
        if size < _HEADER.size or at + size > len(data):
            return
        body = data[at + _HEADER.size : at + size]
        if (message := _message(kind, body)) is not None:
            yield message
        at += (size + 3) & ~3


def _message(kind: int, body: bytes) -> Message | None:
    if kind == _DONE:
        return DumpEnd()
    if kind == _ERROR and len(body) >= 4:
        return DumpEnd(-struct.unpack_from("=i", body)[0])
    if kind == _NEW_LINK and len(body) >= _LINK.size:
        _family, _type, index, flags, _change = _LINK.unpack_from(body)
        found = dict(attributes(body[_LINK.size :]))
        name = found.get(_IFLA_NAME, b"").rstrip(b"\0").decode("ascii", "replace")
        return NetworkInterface(index, name, flags, _is_port(found)) if name else None
    if kind == _NEW_ADDRESS and len(body) >= _ADDRESS.size:
        return _address(body)
    return None


def _is_port(found: Mapping[int, bytes]) -> bool:
    """Routing domains (vrf) have members, too, but each hears for itself."""
    kind = dict(attributes(found.get(_IFLA_LINKINFO, b""))).get(_IFLA_INFO_SLAVE_KIND, b"")
    return _IFLA_MASTER in found and kind.rstrip(b"\0") != b"vrf"


def _address(body: bytes) -> InterfaceAddress | None:
    family, prefix, flags, _scope, index = _ADDRESS.unpack_from(body)
    found = dict(attributes(body[_ADDRESS.size :]))
    if len(more := found.get(_IFA_FLAGS, b"")) == 4:
        flags |= struct.unpack("=I", more)[0]
    raw = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS, b"")
    if flags & _UNUSABLE:
        return None
    if family == socket.AF_INET and len(raw) == 4 and prefix <= 32:
        return InterfaceAddress(index, ipaddress.IPv4Interface((raw, prefix)))
    if family == socket.AF_INET6 and len(raw) == 16 and prefix <= 128:
        return InterfaceAddress(index, ipaddress.IPv6Interface((raw, prefix)))
    return None


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the attributes of a message, kind and value, as far as their lengths are sound."""
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if size < _ATTRIBUTE.size or at + size > len(data):
            return
        yield kind & 0x3FFF, data[at + _ATTRIBUTE.size : at + size]
        at += (size + 3) & ~3
