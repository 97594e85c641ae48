"""Who is who for the plan: meter, producers, storages and chargers, and what they measure, read through the door."""

from dataclasses import dataclass

from heg.data.door import Door
from heg.model.capabilities import (
    Capability,
    MeterCapability,
    ProducerCapability,
    StorageCapability,
    VehicleCapability,
)
from heg.model.instance import ANY, Instance, Location, Quality
from heg.model.records import DeviceRecord, DeviceStatus

_WEATHER = ("feed", "weather")
"""Protocol and model of the device as which a weather feed is attached."""


@dataclass(frozen=True, slots=True)
class Household:
    """Attached devices by role, in the order of their names. `meter` is the connection point's ("": none).

    `lost` are those that do not answer now; `awaited` the meters and storages that only the last run knew so far.
    """

    meter: str = ""
    producers: tuple[tuple[str, ProducerCapability], ...] = ()
    storages: tuple[tuple[str, StorageCapability], ...] = ()
    chargers: tuple[tuple[str, VehicleCapability], ...] = ()
    lost: frozenset[str] = frozenset()
    awaited: frozenset[str] = frozenset()
    tells_weather: bool = False
    """A weather feed is configured, whether it speaks or not."""

    @property
    def movable(self) -> frozenset[str]:
        """Names of all storages and chargers that answer."""
        return frozenset(name for name, _ in (*self.storages, *self.chargers)) - self.lost


def household(door: Door, unit: str) -> Household:
    """Read the household as it stands."""
    records = [
        (instance.location.device, instance.value, instance.sequence == 0)
        for instance in sorted(door.latest_all("device", Location(unit, ANY, ANY)), key=lambda one: one.location)
        if isinstance(instance.value, DeviceRecord) and instance.value.status is not DeviceStatus.REMOVED
    ]
    here = [(name, record) for name, record, left in records if not left]
    # What the last run left has not spoken in this one.
    awaited = {name for name, record, left in records if left and any(map(_is_needed, record.capabilities))}
    can = [(name, capability) for name, record in here for capability in record.capabilities]
    return Household(
        _grid_meter([(name, one) for name, one in can if isinstance(one, MeterCapability)]),
        tuple((name, one) for name, one in can if isinstance(one, ProducerCapability)),
        tuple((name, one) for name, one in can if isinstance(one, StorageCapability)),
        tuple((name, one) for name, one in can if isinstance(one, VehicleCapability)),
        frozenset(name for name, record in here if record.status is DeviceStatus.LOST),
        frozenset(awaited),
        any((record.protocol, record.model) == _WEATHER for _, record in here),
    )


def _is_needed(capability: Capability) -> bool:
    return isinstance(capability, StorageCapability | MeterCapability)


def _grid_meter(meters: list[tuple[str, MeterCapability]]) -> str:
    marked = [name for name, capability in meters if capability.at_connection_point]
    if marked:
        return marked[0]
    return meters[0][0] if len(meters) == 1 else ""  # a house with one meter needs no mark


def number(instance: Instance | None, now_s: float, most_s: float) -> float | None:
    """Return the value of a good instance that is no older than `most_s`, else None."""
    if instance is None or instance.quality is not Quality.GOOD or instance.age_s(now_s) > most_s:
        return None
    value = instance.value
    return None if isinstance(value, bool) or not isinstance(value, int | float) else float(value)


@dataclass(frozen=True, slots=True)
class Flows:
    """What flows now in kW, None where it is not known. Demand is the house without storages and vehicles."""

    demand_kw: float | None
    production_kw: float | None


def flows(door: Door, unit: str, members: Household, now_s: float, most_s: float) -> Flows:
    """Read what flows now; a house without a producer produces nothing, and that is known."""

    def power(name: str) -> float | None:
        return number(door.latest("power.active", Location(unit, name)), now_s, most_s)

    produced = [power(name) for name, _ in members.producers]
    production = _sum(produced)
    # A charger that has never said what it draws has no meter: it counts as part of the house.
    metered = [name for name, _ in members.chargers if door.latest("power.active", Location(unit, name)) is not None]
    taken = _sum([power(name) for name in (*(name for name, _ in members.storages), *metered)])
    grid = power(members.meter) if members.meter else None
    if grid is None or production is None or taken is None:
        return Flows(None, None if production is None else max(0.0, production))
    return Flows(max(0.0, grid + production - taken), max(0.0, production))


def _sum(powers: list[float | None]) -> float | None:
    known = [one for one in powers if one is not None]
    return sum(known) if len(known) == len(powers) else None
