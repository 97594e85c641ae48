"""Who is who in the house: which devices meter the connection point, produce or store, read from their capabilities."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from heg.data.door import Door
from heg.model.capabilities import (
    ApplianceCapability,
    Capability,
    MeterCapability,
    ProducerCapability,
    StorageCapability,
    VehicleCapability,
)
from heg.model.instance import ANY, Instance, Location
from heg.model.records import DeviceRecord, DeviceStatus

ROLE_NAMES: Mapping[type[Capability], str] = {
    MeterCapability: "meter",
    ProducerCapability: "producer",
    StorageCapability: "storage",
    VehicleCapability: "vehicle",
    ApplianceCapability: "appliance",
}


@dataclass(frozen=True, slots=True)
class Home:
    """What the web must know of the unit it shows: its name in locations, its time zone (IANA) and the version.

    `step_test_s` is how long it waits for a step test, in house seconds; `planning` whether a slot loop plans here.
    """

    unit: str
    zone: str
    version: str
    step_test_s: float = 300.0
    planning: bool = True

    @property
    def here(self) -> Location:
        """The unit itself."""
        return Location(self.unit)


@dataclass(frozen=True, slots=True)
class Member:
    """An attached device with the place it reports at."""

    place: Location
    record: DeviceRecord
    seen: Instance

    @property
    def roles(self) -> tuple[str, ...]:
        """Names of what it can do; the meter at the connection point is called `grid`."""
        return tuple(dict.fromkeys(_role(capability) for capability in self.record.capabilities))

    def can(self, capability: type[Capability]) -> bool:
        """Tell whether it has this capability."""
        return any(isinstance(one, capability) for one in self.record.capabilities)


@dataclass(frozen=True, slots=True)
class Household:
    """The attached devices by role, in the order of their names.

    `changed` grows with every device's record, also of one that is removed and so no member.
    """

    members: tuple[Member, ...]
    grid: Member | None
    producers: tuple[Member, ...]
    storages: tuple[Member, ...]
    chargers: tuple[Member, ...] = ()
    appliances: tuple[Member, ...] = ()
    changed: int = 0

    @classmethod
    def of(cls, door: Door, unit: str) -> Self:
        """Read the household as it stands."""
        return cls.among(door.latest_all("device", Location(unit, ANY, ANY)))

    @classmethod
    def among(cls, instances: Iterable[Instance]) -> Self:
        """Sort device records into roles; a removed device is nobody."""
        known = tuple(instances)
        members = tuple(
            sorted(
                (
                    Member(Location(one.location.unit, one.location.device), one.value, one)
                    for one in known
                    if isinstance(one.value, DeviceRecord) and one.value.status is not DeviceStatus.REMOVED
                ),
                key=lambda member: member.place,
            )
        )
        return cls(
            members=members,
            grid=_grid_meter(members),
            producers=tuple(member for member in members if member.can(ProducerCapability)),
            storages=tuple(member for member in members if member.can(StorageCapability)),
            chargers=tuple(member for member in members if member.can(VehicleCapability)),
            appliances=tuple(member for member in members if member.can(ApplianceCapability)),
            changed=max((one.sequence for one in known), default=0),
        )

    def named(self, name: str) -> Member | None:
        """Return the device of this name."""
        return next((member for member in self.members if member.place.device == name), None)


def _role(capability: Capability) -> str:
    if isinstance(capability, MeterCapability) and capability.at_connection_point:
        return "grid"
    return ROLE_NAMES[type(capability)]


def _grid_meter(members: Iterable[Member]) -> Member | None:
    meters = [member for member in members if member.can(MeterCapability)]
    marked = [member for member in meters if "grid" in member.roles]
    if marked:
        return marked[0]
    # A house with one meter needs no mark: it is the one at the connection point.
    return meters[0] if len(meters) == 1 else None
