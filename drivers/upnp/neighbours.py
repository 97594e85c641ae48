"""Whose network card answers at an address: the kernel's table of neighbours, asked while they are awake.

By rtnetlink(7), one neighbour at a time, so that it costs the same however many there are. A card's address is
`aa:bb:cc:dd:ee:ff`.
"""

import ipaddress
import re
import socket
import struct

from drivers.upnp.netlink import attributes
from drivers.upnp.parts import Link

_CARD = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.ASCII)
_NOBODY = "00:00:00:00:00:00"
_NEW_NEIGHBOUR, _GET_NEIGHBOUR = 28, 30
_REQUEST = 0x1
_HEADER = struct.Struct("=IHHII")
_NEIGHBOUR = struct.Struct("=BxxxiHBB")
_ATTRIBUTE = struct.Struct("=HH")
_NDA_DST, _NDA_LLADDR = 1, 2
_MOST_BYTES = 4_096
_ANSWER_WITHIN_S = 0.2
"""The kernel answers before the request returns; a wait is for nothing to hang on."""


def card_of(address: str, link: Link) -> str:
    """Return the address of the network card that answers at an IP address on a link; empty when unknown."""
    plain = address.partition("%")[0]
    try:
        ip = ipaddress.ip_address(plain)
        if ip.is_loopback:
            return _played(ip.packed)
        return _asked(plain, socket.if_nametoindex(link.name))
    except (OSError, ValueError):
        return ""


def is_card(text: str) -> bool:
    """Tell whether a text is a network card's address that somebody can have."""
    return _CARD.fullmatch(text) is not None and text != _NOBODY


def request(address: str, index: int) -> bytes:
    """Ask the kernel for one neighbour on the interface of an index."""
    packed = ipaddress.ip_address(address).packed
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    wanted = _NEIGHBOUR.pack(family, index, 0, 0, 0) + _ATTRIBUTE.pack(_ATTRIBUTE.size + len(packed), _NDA_DST) + packed
    return _HEADER.pack(_HEADER.size + len(wanted), _GET_NEIGHBOUR, _REQUEST, 1, 0) + wanted


def answered(data: bytes) -> str:
    """Return the card that the kernel's answer names; empty when it names none."""
    if len(data) < _HEADER.size + _NEIGHBOUR.size:
        return ""
    size, kind, _bits, _sequence, _port = _HEADER.unpack_from(data)
    if kind != _NEW_NEIGHBOUR or not _HEADER.size + _NEIGHBOUR.size <= size <= len(data):
        return ""
    card = dict(attributes(data[_HEADER.size + _NEIGHBOUR.size : size])).get(_NDA_LLADDR, b"")
    text = card.hex(":")
    return text if is_card(text) else ""


def _played(address: bytes) -> str:
    """Nobody has a card on loopback: whoever plays an appliance there goes by one made of its address."""
    return (b"\x02\x00" + address[-4:]).hex(":")


def _asked(address: str, index: int) -> str:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(_ANSWER_WITHIN_S)
        kernel.bind((0, 0))
        kernel.sendto(request(address, index), (0, 0))
        return answered(kernel.recv(_MOST_BYTES))
