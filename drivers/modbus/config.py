"""`[modbus]` in heg.toml. What the owner knows of single devices stands in `[device.NAME]`."""

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from drivers.modbus.template import names as template_names

DEFAULT_PORT = 502
MOST_TARGETS = 1024
_LARGEST_NETWORK = 24

UnitId = Annotated[int, Meta(ge=0, le=255, description="a Modbus unit id from 0 to 255, such as 1")]
Seconds = Annotated[float, Meta(ge=0.2, le=3600.0, description="seconds from 0.2 to 3600, such as 1.0")]
Gap = Annotated[float, Meta(ge=0.0, le=5.0, description="seconds from 0 to 5, such as 0.02")]
Timeout = Annotated[float, Meta(ge=0.05, le=30.0, description="seconds from 0.05 to 30, such as 1.0")]


class SerialBus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One RS-485 line with the unit ids that are looked for on it."""

    port: Annotated[str, Meta(min_length=1, max_length=255, description='a serial port such as "/dev/ttyUSB0"')]
    units: tuple[UnitId, ...] = (1,)
    baudrate: Annotated[int, Meta(ge=1200, le=1000000, description="bits a second, such as 19200")] = 9600
    parity: Annotated[str, Meta(pattern="^[NEO]$", description='"N", "E" or "O"')] = "N"
    stopbits: Annotated[int, Meta(ge=1, le=2, description="1 or 2 stop bits")] = 1
    gap_s: Gap = 0.02
    timeout_s: Timeout = 0.5


class TemplatedEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device without SunSpec that a template describes (docs/users/modbus-templates.md), such as a charge point.

    `unit` is the template's own unless said. `serial` refuses another device at that address. `max_a` is what its
    circuit stands, amperes a phase.
    """

    template: Annotated[str, Meta(description='a template\'s name such as "keba-p30"')]
    host: Annotated[str, Meta(min_length=1, max_length=260, description='"address" or "address:port"')]
    unit: UnitId | None = None
    serial: str = ""
    phases: Annotated[int, Meta(ge=1, le=3, description="1 or 3 phases")] = 3
    max_a: Annotated[float, Meta(ge=6.0, le=80.0, description="amperes from 6 to 80, such as 16")] | None = None

    def __post_init__(self) -> None:
        """Refuse what names no template, no single address, or no wiring there is."""
        if self.template not in template_names():
            raise ValueError(f"template = {self.template!r}: expected one of {', '.join(template_names())}")
        if len(targets((self.host,))) != 1:
            raise ValueError(f"host = {self.host!r}: expected one address, such as 192.168.1.50")
        if self.phases == 2:
            raise ValueError("phases = 2: expected 1 or 3")

    @property
    def target(self) -> tuple[str, int]:
        """Host and port."""
        return targets((self.host,))[0]


class ModbusConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to look for SunSpec devices, how often to read them.

    `hosts` are `address`, `address:port`, `address:first-last` or a network of at most 256 addresses (`10.0.0.0/24`).
    `connection_point` is the serial number (or the name you gave) of the meter there; without it the first meter found.
    """

    hosts: tuple[str, ...] = ()
    units: tuple[UnitId, ...] = (1,)
    serial: tuple[SerialBus, ...] = ()
    device: tuple[TemplatedEntry, ...] = ()
    connection_point: str = ""
    grid_charging: bool = True
    interval_s: Seconds = 1.0
    slow_interval_s: Seconds = 10.0
    timeout_s: Timeout = 1.0
    gap_s: Gap = 0.0
    rescan_s: Annotated[float, Meta(ge=5.0, le=86400.0, description="seconds from 5 to 86400, such as 300")] = 300.0

    def __post_init__(self) -> None:
        """Refuse hosts that mean nothing, already when the file is checked."""
        targets(self.hosts)


def targets(hosts: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """All (host, port) pairs of a scan list, each once; ValueError names the entry that is wrong."""
    found: dict[tuple[str, int], None] = {}
    for entry in hosts:
        for target in _targets_of(entry):
            found[target] = None
            if len(found) > MOST_TARGETS:
                raise ValueError(f"hosts: expected at most {MOST_TARGETS} addresses and ports in all")
    return tuple(found)


def _targets_of(entry: str) -> Iterator[tuple[str, int]]:
    host, ports = _split(entry.strip(), entry)
    hosts = _network(host, entry) if "/" in host else [host]
    for address in hosts:
        for port in ports:
            yield address, port


def _split(text: str, entry: str) -> tuple[str, range]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise _wrong(entry)
        port_text = rest[1:]
    elif text.count(":") > 1:
        host, port_text = text, ""
    else:
        host, _, port_text = text.partition(":")
    if not host or any(letter.isspace() for letter in host) or len(host) > 253:
        raise _wrong(entry)
    return host, _ports(port_text, entry)


def _ports(text: str, entry: str) -> range:
    if not text:
        return range(DEFAULT_PORT, DEFAULT_PORT + 1)
    first, dash, last = text.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise _wrong(entry)
    low, high = int(first), int(last) if dash else int(first)
    if not 1 <= low <= high <= 65535:
        raise _wrong(entry)
    return range(low, high + 1)


def _network(text: str, entry: str) -> list[str]:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise _wrong(entry) from error
    if network.num_addresses > 2 ** (32 - _LARGEST_NETWORK):
        raise ValueError(f"hosts: {entry!r}: expected a network of at most 256 addresses, such as 192.168.1.0/24")
    return [str(address) for address in network.hosts()]


def _wrong(entry: str) -> ValueError:
    return ValueError(
        f'hosts: {entry!r}: expected "address", "address:port", "address:first-last" or a network, '
        'such as "192.168.1.0/24"'
    )
