"""What a rig is built from, read from tables of a TOML file. Every mistake names its key and what was expected."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hil.appliances.farm import MOST
from hil.appliances.settings import ApplianceSettings, CycleSettings
from hil.devices.charger import ChargerSettings
from hil.devices.meter import MeterSettings
from hil.devices.pv import PvSettings
from hil.devices.storage import StorageSettings
from hil.house.appliance import ApplianceConfig
from hil.house.battery import BatteryConfig
from hil.house.house import Constant, HouseConfig, Weather
from hil.house.producer import ProducerConfig
from hil.house.vehicle import VehicleConfig
from hil.replay.fetch import recorded_home
from hil.replay.generated import generated_home
from hil.replay.recording import Recording, read_backtest
from hil.replay.weather import Replay
from hil.rig import Bus, DeviceSettings, RigPlan, SerialBus, TcpBus

T = TypeVar("T")
Table = Mapping[str, Any]

GOOD_DAY_UTC = datetime(2024, 8, 9, 6, tzinfo=UTC)
"""A summer day of the recorded home with about as much sun as load, from its morning on."""

_DEVICES: dict[str, type[DeviceSettings]] = {
    "meter": MeterSettings,
    "pv": PvSettings,
    "storage": StorageSettings,
    "charger": ChargerSettings,
}
_BUSES: dict[str, type[Bus]] = {"tcp": TcpBus, "serial": SerialBus}


class PlanError(ValueError):
    """A table of a scenario is not understood."""


@dataclasses.dataclass(frozen=True, slots=True)
class WeatherPlan:
    """Where load and sun come from: `recorded` (CityLearn home), `generated`, `file` (backtest format), `constant`."""

    kind: str = "recorded"
    home: int = 1
    pv_kwp: float = 5.0
    path: str = ""
    demand_kw: float = 0.5
    sun_kw: float = 0.0
    seed: int = 1
    texture: bool = True

    def __post_init__(self) -> None:
        if self.kind not in ("recorded", "generated", "file", "constant"):
            raise ValueError(f"weather kind = {self.kind!r}: expected recorded, generated, file or constant")


def weather_of(
    plan: WeatherPlan, start_utc: datetime, *, offline: bool = False, pv_most_kw: float = 5.0
) -> tuple[Weather, str]:
    """The weather a plan asks for and, in words, where it comes from."""
    if plan.kind == "constant":
        return Constant(plan.demand_kw, plan.sun_kw), f"constant load {plan.demand_kw:g} kW, sun {plan.sun_kw:g} kW"
    recording = _recording(plan, offline=offline)
    said = f"{recording.source} (licence: {recording.licence})"
    if recording.filled:
        said += f", {recording.filled} missing readings filled from the slot before"
    replay = Replay(recording, start_utc, seed=plan.seed, pv_most_kw=pv_most_kw, texture=plan.texture)
    return replay, said


def rig_plan(tables: Table, start_utc: datetime, *, offline: bool = False) -> RigPlan:
    """The rig that the tables of a scenario describe; PlanError names what is wrong."""
    house = _house(tables.get("house", {}))
    most_kw = sum(built.rated_kw for built in house.producers.values())
    weather, source = weather_of(
        typed(WeatherPlan, tables.get("weather", {}), "weather"), start_utc, offline=offline, pv_most_kw=most_kw
    )
    plain = RigPlan(house, weather, source=source)
    devices = {name: _kinded(_DEVICES, table, f"devices.{name}") for name, table in tables.get("devices", {}).items()}
    buses = {name: _kinded(_BUSES, table, f"buses.{name}") for name, table in tables.get("buses", {}).items()}
    for name, settings in devices.items():
        if isinstance(settings, PvSettings):
            _known(settings.producer, house.producers, f"devices.{name}.producer")
        elif isinstance(settings, StorageSettings):
            _known(settings.battery, house.batteries, f"devices.{name}.battery")
        elif isinstance(settings, ChargerSettings):
            _known(settings.vehicle, house.vehicles, f"devices.{name}.vehicle")
    appliances = {name: _appliance(table, f"appliances.{name}") for name, table in tables.get("appliances", {}).items()}
    if len(appliances) > MOST:
        raise PlanError(f"[appliances]: expected at most {MOST}, found {len(appliances)}")
    if both := sorted(set(appliances) & set(devices or plain.devices)):
        raise PlanError(f"[appliances] {both[0]}: a device is called so already")
    wiring = dict(tables.get("wiring", {}))
    for name in wiring:
        _known(name, devices or plain.devices, "wiring")
    return dataclasses.replace(
        plain, devices=devices or plain.devices, buses=buses, wiring=wiring, appliances=appliances
    )


def typed(kind: type[T], table: Any, where: str) -> T:
    """A frozen dataclass from a table; unknown keys and wrong types are refused by name."""
    if not isinstance(table, Mapping):
        raise PlanError(f"[{where}]: expected a table, found {table!r}")
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(table) - known):
        raise PlanError(f"[{where}] {unknown[0]}: not known here; expected one of {', '.join(sorted(known))}")
    try:
        return msgspec.convert(dict(table), type=kind)
    except msgspec.ValidationError as error:
        raise PlanError(f"[{where}]: {error}") from error
    except ValueError as error:
        raise PlanError(f"[{where}] {error}") from error


def _house(table: Table) -> HouseConfig:
    plain = dict(table)
    if "batteries" in plain:
        plain["batteries"] = {
            name: typed(BatteryConfig, inner, f"house.batteries.{name}") for name, inner in plain["batteries"].items()
        }
    if "producers" in plain:
        plain["producers"] = {
            name: typed(ProducerConfig, inner, f"house.producers.{name}") for name, inner in plain["producers"].items()
        }
    if "vehicles" in plain:
        plain["vehicles"] = {
            name: typed(VehicleConfig, inner, f"house.vehicles.{name}") for name, inner in plain["vehicles"].items()
        }
    known = {field.name for field in dataclasses.fields(HouseConfig)}
    if unknown := sorted(set(plain) - known):
        raise PlanError(f"[house] {unknown[0]}: not known here; expected one of {', '.join(sorted(known))}")
    try:
        return HouseConfig(**plain)
    except (TypeError, ValueError) as error:
        raise PlanError(f"[house] {error}") from error


def _appliance(table: Any, where: str) -> ApplianceSettings:
    if not isinstance(table, Mapping):
        raise PlanError(f"[{where}]: expected a table, found {table!r}")
    inner = {"draws": ApplianceConfig, "cycle": CycleSettings}
    built = typed(ApplianceSettings, {key: value for key, value in table.items() if key not in inner}, where)
    parts: dict[str, Any] = {
        key: typed(kind, table[key], f"{where}.{key}") for key, kind in inner.items() if key in table
    }
    return dataclasses.replace(built, **parts)


def _kinded(kinds: Mapping[str, type[T]], table: Any, where: str) -> T:
    if not isinstance(table, Mapping) or table.get("kind") not in kinds:
        raise PlanError(f"[{where}] kind: expected one of {', '.join(sorted(kinds))}")
    return typed(kinds[table["kind"]], {key: value for key, value in table.items() if key != "kind"}, where)


def _known(name: str, among: Mapping[str, object], where: str) -> None:
    if name not in among:
        raise PlanError(f"[{where}]: {name!r} is not there; expected one of {', '.join(sorted(among))}")


def _recording(plan: WeatherPlan, *, offline: bool) -> Recording:
    if plan.kind == "generated":
        return generated_home(pv_kwp=plan.pv_kwp, seed=plan.seed)
    if plan.kind == "file":
        return read_backtest(Path(plan.path))
    return recorded_home(home=plan.home, pv_kwp=plan.pv_kwp, offline=offline)
