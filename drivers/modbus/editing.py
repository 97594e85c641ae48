"""How a device is written into `[modbus]` and taken out again. Pure; nothing of the protocol is loaded."""

from collections.abc import Iterator, Mapping
from typing import Any

from drivers.modbus.config import targets
from drivers.modbus.template import names as template_names
from heg.devices.contract import NewDevice, SectionEditor
from heg.model.edits import Append, Discard, Edit, Put

_KNOWN = ("unit", "template", "serial", "phases", "max_a")
_DEFAULT_UNITS = (1,)


def _add(section: Mapping[str, Any], new: NewDevice) -> tuple[Edit, ...]:
    for name in new.settings:
        if name not in _KNOWN:
            raise ValueError(f"expected any of {', '.join(_KNOWN)}, came {name}")
    if new.address.startswith("/"):
        return tuple(_on_a_line(section, new))
    if len(targets((new.address,))) != 1:
        raise ValueError(f'expected one address, such as "192.168.1.50" or "192.168.1.50:502", came {new.address!r}')
    if "template" in new.settings:
        return (_templated(section, new),)
    return tuple(_on_the_network(section, new))


def _templated(section: Mapping[str, Any], new: NewDevice) -> Edit:
    if new.settings["template"] not in template_names():
        raise ValueError(
            f"expected template as one of {', '.join(template_names())}, came {new.settings['template']!r}"
        )
    if any(_target(entry.get("host", "")) == _target(new.address) for entry in section.get("device", ())):
        raise ValueError(f"expected an address of its own, {new.address} is configured already")
    return Append(("device",), {"host": new.address, **new.settings})


def _on_the_network(section: Mapping[str, Any], new: NewDevice) -> Iterator[Edit]:
    hosts, units = section.get("hosts", ()), tuple(section.get("units", _DEFAULT_UNITS))
    known = any(targets((new.address,))[0] in targets((host,)) for host in hosts)
    unit = _unit(new)
    if known and unit in units:
        raise ValueError(f"expected an address of its own, {new.address} unit {unit} is looked at already")
    if not known:
        yield Append(("hosts",), new.address)
    if unit not in units:
        yield Put(("units",), [*units, unit])


def _on_a_line(section: Mapping[str, Any], new: NewDevice) -> Iterator[Edit]:
    if "template" in new.settings:
        raise ValueError("expected a template's device on the network; on a serial line only SunSpec is looked for")
    lines = section.get("serial", ())
    unit = _unit(new)
    line = next((one for one in lines if one.get("port") == new.address), None)
    if line is None:
        yield Append(("serial",), {"port": new.address, "units": [unit]})
        return
    units = tuple(line.get("units", _DEFAULT_UNITS))
    if unit in units:
        raise ValueError(f"expected a unit of its own, {new.address} unit {unit} is looked at already")
    yield Discard(("serial",), (line,))
    yield Append(("serial",), {**line, "units": [*units, unit]})


def _remove(section: Mapping[str, Any], address: str) -> tuple[Edit, ...]:
    place, _, _ = address.rpartition("/")
    return tuple(_without(section, place))


def _without(section: Mapping[str, Any], place: str) -> Iterator[Edit]:
    hosts = tuple(host for host in section.get("hosts", ()) if _target(host) == place)
    if hosts:
        yield Discard(("hosts",), hosts)
    entries = tuple(entry for entry in section.get("device", ()) if _target(entry.get("host", "")) == place)
    if entries:
        yield Discard(("device",), entries)
    lines = tuple(line for line in section.get("serial", ()) if line.get("port") == place)
    if lines:
        yield Discard(("serial",), lines)


def _rename(section: Mapping[str, Any], old: str, new: str) -> tuple[Edit, ...]:
    return (Put(("connection_point",), new),) if section.get("connection_point") == old else ()


def _target(host: str) -> str:
    """Where an entry leads, as addresses of devices say it; empty where it is a whole network."""
    found = targets((host,))
    return f"{found[0][0]}:{found[0][1]}" if len(found) == 1 else ""


def _unit(new: NewDevice) -> int:
    unit = new.settings.get("unit", _DEFAULT_UNITS[0])
    if isinstance(unit, bool) or not isinstance(unit, int) or not 0 <= unit <= 255:
        raise ValueError(f"expected unit as a Modbus unit id from 0 to 255, came {unit!r}")
    return unit


EDITOR = SectionEditor(_add, _remove, _rename)
