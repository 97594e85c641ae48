"""This machine's addresses, asked of the kernel (rtnetlink): no file of /proc, which a sandbox may hide."""

import ipaddress
import logging
import socket
import struct
from collections.abc import Iterator

from heg.web.tls.names import Address

logger = logging.getLogger(__name__)

_HEADER = struct.Struct("=IHHII")
_ADDRESS = struct.Struct("=BBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_GET_ADDRESSES, _NEW_ADDRESS, _ERROR, _DONE = 22, 20, 2, 3
_REQUEST_DUMP = 0x301
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_PASSING = 0x01 | 0x20 | 0x40
"""Flags of an address made for privacy and changed daily, of one that goes, and of one not yet proven to be ours."""
_LARGEST_BYTES = 65_536
_MOST_MESSAGES = 64


def own_addresses() -> frozenset[Address]:
    """Return the lasting addresses of all interfaces; none where the kernel does not say."""
    found: set[Address] = set()
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as kernel:
            kernel.settimeout(1.0)
            kernel.send(_HEADER.pack(_HEADER.size + _ADDRESS.size, _GET_ADDRESSES, _REQUEST_DUMP, 1, 0) + bytes(8))
            for _ in range(_MOST_MESSAGES):
                addresses, done = parse(kernel.recv(_LARGEST_BYTES))
                found |= addresses
                if done:
                    break
    except OSError as error:
        logger.warning("this machine's addresses are not known: %s", error)
    return frozenset(found)


def parse(data: bytes) -> tuple[frozenset[Address], bool]:
    """Read one datagram of the answer: lasting addresses, and whether it was the last."""
    found: set[Address] = set()
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, offset)
        if kind in (_DONE, _ERROR) or length < _HEADER.size:
            return frozenset(found), True
        if kind == _NEW_ADDRESS and (address := _read(data[offset + _HEADER.size : offset + length])) is not None:
            found.add(address)
        offset += (length + 3) & ~3
    return frozenset(found), False


def _read(message: bytes) -> Address | None:
    if len(message) < _ADDRESS.size:
        return None
    family, _, flags, *_ = _ADDRESS.unpack_from(message)
    # A flag for privacy means "secondary" in IPv4, where each is as lasting as the others.
    if family not in (socket.AF_INET, socket.AF_INET6) or (family == socket.AF_INET6 and flags & _PASSING):
        return None
    said = dict(_attributes(message[_ADDRESS.size :]))
    raw = said.get(_IFA_LOCAL, said.get(_IFA_ADDRESS, b""))
    try:
        return ipaddress.ip_address(raw)
    except ValueError:
        return None


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size:
            return
        yield kind, data[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
