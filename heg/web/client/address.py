"""Where a gateway is, as people write it: an address, perhaps a port. Pure."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from heg.model.sockets import WEB, WEB_TLS

_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_EXPECTED = "an address such as 192.168.1.20, gateway.local:8463 or [fd00::20]:8463"


class AddressError(ValueError):
    """A text is no address of a gateway; the message says what was expected. It never repeats a password."""


@dataclass(frozen=True, slots=True)
class Address:
    """A gateway's address. Without `tls` it is on this machine: nothing else is spoken to unencrypted."""

    host: str
    port: int
    tls: bool

    @property
    def written(self) -> str:
        """Host and port as they stand in an address and in the Host header; a zone is of this machine only."""
        host = self.host.partition("%")[0]
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.written}"


def parse_address(text: str) -> Address:
    """Read `HOST[:PORT]`, perhaps behind `https://`. Raises `AddressError`."""
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise AddressError(f"expected {_EXPECTED}")
    scheme, behind, rest = text.rpartition("://")
    if behind and scheme.lower() not in ("http", "https"):
        raise AddressError(f"expected {_EXPECTED}, came another kind of address")
    host, port = _parts(rest)
    here = is_loopback(host)
    tls = scheme.lower() == "https" or (not here and not behind)
    if not tls and not here:
        expected = "https:// for another machine (without encryption a password could be read on the way)"
        raise AddressError(f"expected {expected}, came http://")
    # A name in the hosts file could lead elsewhere; what is not encrypted goes to this machine by its number.
    host = "127.0.0.1" if host == "localhost" and not tls else host
    return Address(host, port or (WEB_TLS.default_port if tls else WEB.default_port), tls)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by a name that no foreign DNS can give."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parts(rest: str) -> tuple[str, int | None]:
    # One bare IPv6 address has no port; with one it stands in brackets.
    if rest.count(":") > 1 and not rest.startswith("["):
        rest = f"[{rest}]"
    try:
        split = urlsplit(f"//{rest}")
        host, port = split.hostname or "", split.port
    except ValueError:
        raise AddressError(f"expected {_EXPECTED}") from None
    if split.username is not None or split.path.strip("/") or split.query or split.fragment or port == 0:
        raise AddressError(f"expected {_EXPECTED} and nothing else: names and passwords are asked for")
    if not _is_host(host):
        raise AddressError(f"expected {_EXPECTED}, came {host[:60]!r}")
    return host, port


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return len(host) <= 253 and _NAME.fullmatch(host) is not None
    return True
