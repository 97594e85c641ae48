"""How the sockets of SSDP are opened on Linux, bound to one link each (ip(7), ipv6(7); UPnP Annex A for IPv6)."""

import errno
import socket
import struct
from dataclasses import dataclass

from drivers.upnp.links import LocalLink
from drivers.upnp.ssdp.packet import GROUP_V4, GROUPS_V6, SSDP_PORT

_HOPS = 2
_BUFFER_BYTES = 1024 * 1024
_IP_MULTICAST_ALL, _IPV6_MULTICAST_ALL = 49, 29
"""Off: a socket hears its own group on its own link, not what others of this machine have joined."""

Destination = tuple[str, int] | tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Group:
    """A multicast group on one link."""

    host_header: str
    address: Destination


def destinations(link: LocalLink) -> tuple[Group, ...]:
    """Where everybody on a link is spoken to."""
    if not link.is_v6:
        return (Group(f"{GROUP_V4}:{SSDP_PORT}", (GROUP_V4, SSDP_PORT)),)
    return tuple(Group(f"[{group.upper()}]:{SSDP_PORT}", (group, SSDP_PORT, 0, link.index)) for group in GROUPS_V6)


def searching_socket(link: LocalLink, port: int) -> tuple[socket.socket, int]:
    """Searches leave from here and are answered here; on another port where this one is taken. OSError."""
    opened = _udp(link)
    try:
        if link.is_v6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, link.index)
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOPS)
        else:
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, _mreqn(link.link.address, link))
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _HOPS)
        try:
            opened.bind(_own(link, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            opened.bind(_own(link, 0))
    except OSError:
        opened.close()
        raise
    return opened, opened.getsockname()[1]


def hearing_sockets(link: LocalLink) -> list[socket.socket]:
    """Bound to the groups themselves: nothing that is sent to this machine alone is taken from other programs."""
    opened: list[socket.socket] = []
    if not link.multicast:
        return opened
    try:
        for group in destinations(link):
            one = _udp(link)
            opened.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(group.address)
            if link.is_v6:
                one.setsockopt(socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL, 0)
                request = socket.inet_pton(socket.AF_INET6, group.address[0]) + struct.pack("=I", link.index)
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
            else:
                one.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
                one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _mreqn(group.address[0], link))
    except OSError:
        for one in opened:
            one.close()
        raise
    return opened


def asked_socket(link: LocalLink) -> socket.socket | None:
    """Bound to our own address, for who searches us alone (UPnP Device Architecture 1.1, 1.3.3). OSError.

    None where another program holds port 1900 for all addresses or ours: what is meant for it would come here.
    """
    if not link.multicast:
        return None
    opened = _udp(link)
    try:
        opened.bind(_own(link, SSDP_PORT))  # without SO_REUSEADDR: it is refused where somebody is there already
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # whoever comes later may be there, too
    except OSError as error:
        opened.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return opened


def _udp(link: LocalLink) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if link.is_v6 else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)  # hundreds may answer at once
    if link.is_v6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return opened


def _own(link: LocalLink, port: int) -> Destination:
    return (link.link.address, port, 0, link.index) if link.is_v6 else (link.link.address, port)


def _mreqn(group: str, link: LocalLink) -> bytes:
    return socket.inet_aton(group) + socket.inet_aton(link.link.address) + struct.pack("=i", link.index)
