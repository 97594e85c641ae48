"""Which links appliances are looked for on: the home network's, never the internet's, loopback only by name. Pure."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from drivers.upnp.netlink import (
    IFF_LOOPBACK,
    IFF_MULTICAST,
    IFF_POINTOPOINT,
    IFF_RUNNING,
    IFF_UP,
    Interface,
    InterfaceAddress,
    NetworkInterface,
)
from drivers.upnp.parts import Link

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LINK_LOCAL_V6 = ipaddress.IPv6Network("fe80::/10")
_HOME_V4 = tuple(
    ipaddress.IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")
)
_MOST_NETWORKS = 16
"""Of one interface; each has sockets of its own."""


@dataclass(frozen=True, slots=True)
class LocalLink:
    """A link with what the sockets need: the interface's number, and who is a neighbour there."""

    link: Link
    index: int
    networks: frozenset[Network]
    """A set: the order changes with every new address of IPv6's privacy extensions, and means nothing."""
    multicast: bool = True

    @property
    def is_v6(self) -> bool:
        """Whether it speaks IPv6."""
        return ":" in self.link.address

    def neighbour(self, source: str) -> str | None:
        """A sender's address as hosts are called here (with the zone where it needs one); None for who is none."""
        try:
            address = ipaddress.ip_address(source.partition("%")[0])
        except ValueError:
            return None
        if not any(address in network for network in self.networks) or address.is_multicast:
            return None
        return f"{address}%{self.link.name}" if address in _LINK_LOCAL_V6 else str(address)


def chosen(
    interfaces: Iterable[NetworkInterface], addresses: Iterable[InterfaceAddress], named: frozenset[str]
) -> tuple[LocalLink, ...]:
    """One link for each usable interface: of IPv6, and of each network of IPv4 in which it has an address.

    Where the owner names interfaces, exactly those.
    """
    of: dict[int, list[Interface]] = {}
    for one in addresses:
        of.setdefault(one.index, []).append(one.address)
    found: list[LocalLink] = []
    for interface in sorted(interfaces, key=lambda one: one.index):
        if _is_usable(interface, named):
            found += _links(interface, of.get(interface.index, []), by_name=interface.name in named)
    return tuple(found)


def _is_usable(interface: NetworkInterface, named: frozenset[str]) -> bool:
    if not interface.flags & IFF_UP or not interface.flags & IFF_RUNNING:
        return False
    if named:
        return interface.name in named
    return bool(interface.flags & IFF_MULTICAST) and not (
        interface.is_port or interface.flags & (IFF_LOOPBACK | IFF_POINTOPOINT)
    )


def _links(interface: NetworkInterface, addresses: list[Interface], *, by_name: bool) -> list[LocalLink]:
    loopback = bool(interface.flags & IFF_LOOPBACK)
    v4 = [one for one in addresses if isinstance(one, ipaddress.IPv4Interface)]
    v6 = [one for one in addresses if isinstance(one, ipaddress.IPv6Interface)]
    ours_v4 = [one for one in v4 if by_name or any(one.ip in network for network in _HOME_V4)]
    ours_v6 = [one for one in v6 if one.ip.is_link_local or (loopback and one.ip.is_loopback)]
    # An interface that only has addresses of the internet is a line to it: no IPv6 there either.
    towards_internet = bool(v4) and not ours_v4
    found = [_link(interface, one, {one.network}) for one in _one_of_each(ours_v4)]
    if ours_v6 and not towards_internet:
        found.append(_link(interface, ours_v6[0], {one.network for one in v6}))
    return found


def _link(interface: NetworkInterface, ours: Interface, networks: Iterable[Network]) -> LocalLink:
    multicast = bool(interface.flags & IFF_MULTICAST)
    return LocalLink(Link(interface.name, str(ours.ip)), interface.index, frozenset(networks), multicast)


def _one_of_each(addresses: Iterable[ipaddress.IPv4Interface]) -> list[ipaddress.IPv4Interface]:
    """Return the first address of each network: who is in it sends nothing to those in the others.

    One that lies in another is part of it, and in a network of one are no neighbours.
    """
    first: dict[ipaddress.IPv4Network, ipaddress.IPv4Interface] = {}
    for one in addresses:
        first.setdefault(one.network, one)
    return [
        one
        for network, one in first.items()
        if network.prefixlen < network.max_prefixlen
        and not any(network != each and network.subnet_of(each) for each in first)
    ][:_MOST_NETWORKS]
