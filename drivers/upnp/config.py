"""`[upnp]` in heg.toml: where appliances are looked for. Alone the section's name is enough."""

import ipaddress
import re
from dataclasses import replace
from typing import Annotated

import msgspec
from msgspec import Meta

from heg.model.sockets import EVERYWHERE, SSDP, UPNP, UPNP_SEARCH, OpenSocket, Reach
from heg.runtime.secrets import SecretReference

SSDP_PORT = 1900
DEFAULT_PORT = 8465
DEFAULT_SEARCH_PORT = 8466
MOST_APPLIANCES = 512
_MOST_TARGETS = 512
_MOST_INTERFACES = 16
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)

InterfaceName = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_.:@-]{1,15}$", description='a network interface such as "eth0"')
]
Port = Annotated[int, Meta(ge=1024, le=65535, description="a port from 1024 to 65535, such as 8465")]


class UpnpConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where appliances are looked for, and where the gateway is there for them.

    `interfaces` are all of the home network unless named; loopback only when named. `search_targets` are asked one by
    one besides (`address` or `address:port`): appliances on loopback, where multicast is off. `secure_on` holds, by
    UUID, the passwords of those network cards that wake up by a SecureOn password only: six bytes such as
    `0a:1b:2c:3d:4e:5f`, or four numbers such as `10.20.30.40`.
    """

    interfaces: Annotated[
        tuple[InterfaceName, ...],
        Meta(max_length=_MOST_INTERFACES, description='at most 16 network interfaces, such as ["eth0", "wlan0"]'),
    ] = ()
    search_targets: Annotated[
        tuple[str, ...], Meta(max_length=_MOST_TARGETS, description='at most 512 addresses, such as ["127.0.0.1:1901"]')
    ] = ()
    search_interval_s: Annotated[
        float, Meta(ge=5.0, le=86400.0, description="seconds from 5 to 86400, such as 300")
    ] = 300.0
    search_mx_s: Annotated[int, Meta(ge=1, le=5, description="whole seconds from 1 to 5, such as 2")] = 2
    port: Port = DEFAULT_PORT
    search_port: Port = DEFAULT_SEARCH_PORT
    most_appliances: Annotated[
        int, Meta(ge=1, le=MOST_APPLIANCES, description=f"a number from 1 to {MOST_APPLIANCES}")
    ] = MOST_APPLIANCES
    secure_on: dict[str, SecretReference] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse targets and UUIDs that mean nothing, already when the file is checked."""
        for entry in self.search_targets:
            target_of(entry)
        for uuid in self.secure_on:
            if _UUID.fullmatch(uuid) is None:
                example = "5ac10000-0000-4000-8000-00000000beef"
                raise ValueError(f"secure_on with appliances' UUIDs, such as {example}, came {uuid[:41]!r}")


def open_sockets(config: UpnpConfig) -> tuple[OpenSocket, ...]:
    """Return where a gateway of this section listens, of the one table."""
    ports = {UPNP: config.port, UPNP_SEARCH: config.search_port, SSDP: SSDP_PORT}
    if config.interfaces == ("lo",):
        rows = {row: replace(row, reach=Reach.LOOPBACK) for row in ports}
        return tuple(OpenSocket(rows[row], EVERYWHERE, port) for row, port in ports.items())
    return tuple(OpenSocket(row, EVERYWHERE, port) for row, port in ports.items())


def target_of(entry: str) -> tuple[str, int]:
    """Address and port of one search target; ValueError says what was expected."""
    host, port = _halves(entry)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise _wrong(entry) from None
    if address.is_multicast or address.is_unspecified or not (port.isascii() and port.isdecimal()):
        raise _wrong(entry)
    if not 1 <= int(port[:6]) <= 65535:
        raise _wrong(entry)
    return str(address), int(port)


def _halves(entry: str) -> tuple[str, str]:
    usual = str(SSDP_PORT)
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        return host, rest[1:] if rest.startswith(":") else rest or usual
    if entry.count(":") != 1:
        return entry, usual
    host, _, port = entry.partition(":")
    return host, port


def _wrong(entry: str) -> ValueError:
    return ValueError(
        f"search_targets: {entry!r}: expected one machine's address, with its port where that is not {SSDP_PORT}, "
        'such as "127.0.0.11" or "127.0.0.1:1901"'
    )
