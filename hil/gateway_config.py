"""The gateway's configuration for a rig: where its devices are, and what an owner would know of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from hil.appliances.handle import ApplianceHandle
from hil.devices.server import SerialTransport
from hil.handles import ChargerHandle, Handle, MeterHandle, StorageHandle
from hil.ports import free_port
from hil.replay.prices import Prices, write_prices
from hil.replay.weather import Replay
from hil.rig import Rig


def gateway_config(
    rig: Rig,
    *,
    state_dir: Path,
    port: int,
    sections: Mapping[str, Any],
    timeout_s: float = 1.0,
    prices: Path | None = None,
) -> str:
    """A `heg.toml`. `sections` go over what the rig's devices need, key by key; `false` leaves a section out.

    `timeout_s` is in house seconds; `prices` is where `write_prices_of` put the house's.
    """
    tables: dict[str, Any] = {
        "unit": {"id": "demo", "state_dir": str(state_dir), "time_zone": "Europe/Berlin"},
        "contract": {"max_import_kw": 17.0, "max_export_kw": 10.0, "phases": 3, "max_a_per_phase": 25.0},
        "web": {"port": port},
        "device": {name: _owner_knows(handle) for name, handle in rig.handles.items()},
        "modbus": _modbus(rig, timeout_s),
    }
    if rig.appliances:
        tables["device"] |= {name: _owner_says(handle) for name, handle in rig.appliances.items()}
        tables["upnp"] = _upnp(rig)
    if prices is not None and (priced := _priced(rig)) is not None:
        file = {"path": str(prices.resolve())}
        if priced[1].published:
            file["publication"] = priced[1].published
        tables["feeds"] = {"tariff": {"csv": file}}
    return toml(_over(tables, sections))


def write_prices_of(rig: Rig, path: Path) -> None:
    """Write the coming year of the prices that the rig's recording has; nothing when it has none."""
    priced = _priced(rig)
    if priced is not None:
        replay, prices = priced
        first = replay.start_utc - timedelta(days=1)
        write_prices(path, prices, replay.recording.start_utc, replay.recording.slot_s, first)


def _priced(rig: Rig) -> tuple[Replay, Prices] | None:
    weather = rig.plan.weather
    if not isinstance(weather, Replay) or weather.recording.prices is None:
        return None
    return weather, weather.recording.prices


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The tables below with those above laid over them, key by key and table by table."""
    laid = dict(below)
    for key, value in above.items():
        under = laid.get(key)
        laid[key] = _over(under, value) if isinstance(value, Mapping) and isinstance(under, Mapping) else value
    return {key: value for key, value in laid.items() if value is not False or not isinstance(below.get(key), Mapping)}


def _owner_knows(handle: Handle) -> dict[str, Any]:
    known: dict[str, Any] = {"serial": handle.device.serial}
    if isinstance(handle, MeterHandle):
        return {**known, "role": "meter"}
    if isinstance(handle, ChargerHandle):
        car = handle.device.vehicle.config
        round_trip = max(0.5, round(car.charging_efficiency**2, 4))
        return {**known, "role": "vehicle", "capacity_kwh": car.capacity_kwh, "round_trip_efficiency": round_trip}
    if not isinstance(handle, StorageHandle):
        return {**known, "role": "producer"}
    built = handle.device.battery.config
    return {
        **known,
        "role": "storage",
        "capacity_kwh": built.capacity_kwh,
        "max_charge_kw": built.max_charge_kw,
        "max_discharge_kw": built.max_discharge_kw,
        "round_trip_efficiency": built.round_trip_efficiency,
        "reserve_share": built.reserve,
        # The rig's 704 keeps its set-points in memory; 124 stands for the inverters that do not.
        "volatile": handle.device.settings.variant == "704",
    }


def _owner_says(handle: ApplianceHandle) -> dict[str, Any]:
    settings = handle.settings
    said: dict[str, Any] = {"identity": f"uuid:{handle.uuid}", "importance": settings.importance}
    for key in ("min_on_minutes", "min_off_minutes"):
        if (minutes := getattr(settings, key)) is not None:
            said[key] = minutes
    return said


def _upnp(rig: Rig) -> dict[str, Any]:
    """Appliances on the loopback are asked one by one: multicast is off there. Those of a network are found by it."""
    local = sorted(handle.address for handle in rig.appliances.values() if handle.address.startswith("127."))
    if not local:
        return {}
    return {
        "interfaces": ["lo"],
        "search_targets": local,
        "search_interval_s": 60.0,
        "port": free_port(),
        "search_port": free_port(),
    }


def _modbus(rig: Rig, timeout_s: float) -> dict[str, Any]:
    """Where to look: every address of the rig with every unit id on it."""
    hosts: dict[str, set[int]] = {}
    serial: dict[str, dict[str, Any]] = {}
    sunspec = [handle for handle in rig.handles.values() if not isinstance(handle, ChargerHandle)]
    for handle in sunspec:
        if isinstance(handle.transport, SerialTransport):
            line = serial.setdefault(handle.address, {"port": handle.address, "units": [], "parity": "N"})
            line["units"] = sorted({*line["units"], handle.unit_id})
            line["baudrate"] = handle.transport.baudrate
        else:
            hosts.setdefault(handle.address, set()).add(handle.unit_id)
    section: dict[str, Any] = {"hosts": sorted(hosts), "timeout_s": timeout_s}
    if hosts:
        section["units"] = sorted(set().union(*hosts.values()))
    if serial:
        section["serial"] = list(serial.values())
    if chargers := [handle for handle in rig.handles.values() if isinstance(handle, ChargerHandle)]:
        section["device"] = [_templated(handle) for handle in chargers]
    meters = [handle for handle in rig.handles.values() if isinstance(handle, MeterHandle)]
    if meters:
        section["connection_point"] = meters[0].device.serial
    return section


def _templated(handle: ChargerHandle) -> dict[str, Any]:
    """A device without SunSpec: its template says how it speaks, the owner where it is and how it is wired."""
    return {
        "template": "keba-p30",
        "host": handle.address,
        "unit": handle.unit_id,
        "phases": handle.device.vehicle.config.phases,
    }


def toml(tables: Mapping[str, Any], prefix: str = "") -> str:
    """TOML of plain tables. JSON's strings, numbers and lists are TOML's too."""
    plain, below = [], []
    for key, value in tables.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            header = (
                f"\n[{name}]\n" if not value or any(not isinstance(inner, Mapping) for inner in value.values()) else ""
            )
            below.append(header + toml(value, name + "."))
        elif isinstance(value, list) and value and all(isinstance(entry, Mapping) for entry in value):
            below += [f"\n[[{name}]]\n{toml(entry, name + '.')}" for entry in value]
        else:
            plain.append(f"{key} = {json.dumps(value)}\n")
    return "".join(plain + below)
