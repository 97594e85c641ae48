"""By which names and addresses this machine is asked for: what a Host header may say and a certificate bears. Pure."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MOST_NAMES = 32
"""A certificate bears no more; a machine with many bridges has more addresses than anybody types."""
_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,254})(?::([0-9]{1,5}))?", re.ASCII)
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Host:
    """A Host header: name or address, without brackets and in small letters, and the port if it was said."""

    name: str
    port: int | None

    @property
    def bracketed(self) -> str:
        """As an URL has it, without the port."""
        return f"[{self.name}]" if ":" in self.name else self.name


def read_host(header: str) -> Host | None:
    """Read a Host header; None when it is none."""
    found = _HOST.fullmatch(header.lower())
    if found is None:
        return None
    name = found[1].strip("[]").removesuffix(".")
    return Host(name, None if found[2] is None else int(found[2])) if name else None


def address_of(text: str) -> Address | None:
    """Read an address; None when it is a name. One of IPv4 that came by a socket of IPv6 is one of IPv4."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


@dataclass(frozen=True, slots=True)
class OwnNames:
    """The names of this machine, in the order in which people should try them, and its addresses.

    A name that a stranger's DNS could give to this machine's address is none of ours (DNS rebinding): a plain host
    name, `.local` and what the owner says, no guess at the domain of the router.
    """

    names: tuple[str, ...]
    addresses: frozenset[Address] = frozenset()

    def cover(self, host: str) -> bool:
        """Tell whether a Host header (with or without port) names this machine."""
        asked = read_host(host)
        if asked is None:
            return False
        if (address := address_of(asked.name)) is not None:
            return address in self.addresses or address.is_loopback
        return asked.name in self.names

    @property
    def on_a_certificate(self) -> tuple[str, ...]:
        """Names first, then addresses; link-local ones stand in no URL."""
        typed = sorted((one for one in self.addresses if not one.is_link_local), key=lambda one: (one.version, one))
        return tuple(dict.fromkeys([*self.names, *map(str, typed), "127.0.0.1", "::1"]))[:MOST_NAMES]


def own_names(hostname: str, unit: str, said: Iterable[str], addresses: Iterable[Address]) -> OwnNames:
    """Return what this machine is called: by itself, as a unit, by its owner."""
    full = hostname.lower().rstrip(".")
    short = full.partition(".")[0]
    machine = [] if short in ("", "localhost") else [f"{short}.local", short, full]
    wanted = [*(one.lower() for one in said), *machine, unit.lower(), "localhost"]
    return OwnNames(tuple(dict.fromkeys(filter(is_name, wanted))), frozenset(addresses))


def is_name(text: str) -> bool:
    """Tell whether a text is a host name that a certificate can bear; a number alone is an address in disguise."""
    labels = text.split(".")
    return len(text) <= 253 and all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdigit()
