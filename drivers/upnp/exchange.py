"""One question over HTTP and its answer, as values: what is asked of the driver is judged without a socket."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from drivers.upnp.parts import Caller

PRODUCT = "Linux/any UPnP/1.1 heg/1"
"""The header SERVER (UPnP Device Architecture 1.1, 1.2.2). Versions are nobody's business."""
Address = IPv4Address | IPv6Address
_HOMES = {
    4: tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))),
    6: (ip_network("fc00::/7"),),
}
XML = 'text/xml; charset="utf-8"'


@dataclass(frozen=True, slots=True)
class Asked:
    """A whole request. `headers` finds a name however it is written; addresses are without their zones."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    peer: str
    host: str
    """Our address that was asked."""
    interface: str = ""
    """Our interface by which it asks; empty on loopback."""

    @property
    def caller(self) -> Caller:
        """Who asks."""
        return Caller(self.peer, self.interface)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to it. `counted` names a refusal; `then` is called when the answer is on its way."""

    status: int = HTTPStatus.OK
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    counted: str = ""
    then: Callable[[], None] | None = None


Handler = Callable[[Asked], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers which method at a path, or at every path that begins with it."""

    method: str
    path: str
    handler: Handler
    largest_body: int = 0
    below: bool = False


def address_of(text: str) -> Address | None:
    """Return the address that a text says, without its zone and as IPv4 where it is one; None for anything else."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def on_loopback(host: str) -> bool:
    """Tell whether an address is of this machine alone."""
    address = address_of(host)
    return address is not None and address.is_loopback


def at_home(address: Address | None) -> bool:
    """Tell whether an address is of a home network or of this machine: the firewall lets in the same."""
    if address is None:
        return False
    return address.is_loopback or address.is_link_local or any(address in home for home in _HOMES[address.version])
