"""The frozen image one control cycle decides from, read through the door (DESIGN.md, Two clocks).

Nothing in it is a bare float: a value is `Known` with its age, or `Unknown` with the reason, and whoever reads it has
to choose what not knowing means. Unknown is never "no limit".
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from heg.control.claims import ClaimBook
from heg.data.door import Door
from heg.devices.contract import AttachedActuator
from heg.model.appliances import PowerState
from heg.model.capabilities import ApplianceCapability, Capability, MeterCapability
from heg.model.instance import ANY, Instance, Location, Quality
from heg.model.leases import Claim
from heg.model.records import DeviceRecord

NOMINAL_V = 230.0
PHASES = ("phase.a", "phase.b", "phase.c")


@dataclass(frozen=True, slots=True)
class Known:
    """A good value that is young enough; `arrived_s` tells one arrival from the next."""

    value: float
    age_s: float
    arrived_s: float


@dataclass(frozen=True, slots=True)
class Unknown:
    """No value to act upon, and why: `lost` (not there), `stale` (too old), `bad` (the device says so)."""

    why: str
    age_s: float | None = None


Reading = Known | Unknown


def value_or(reading: Reading, fallback: float) -> float:
    """Return the value, or what the reader chose not knowing to mean."""
    return reading.value if isinstance(reading, Known) else fallback


@dataclass(frozen=True, slots=True)
class Ages:
    """How old a value may get, in seconds, before nobody acts upon it."""

    meter_s: float = 5.0
    power_s: float = 5.0
    soc_s: float = 60.0
    limit_s: float = 60.0


@dataclass(frozen=True, slots=True)
class GridImage:
    """The connection point: kW and amperes per phase, importing positive. `meter` is the device's name, "" if none."""

    meter: str
    power_kw: Reading
    phase_a: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class ActuatorImage:
    """One actuator as it stands: `power_kw` at its terminals (charging, producing positive), SoC as a share.

    `connection` is a charger's word on the car (`unplugged`, `plugged`, `charging`), "" where it has none that is good.
    """

    name: str
    identity: str
    capability: Capability
    present: bool
    power_kw: Reading
    soc: Reading
    charge_limit_kw: Reading
    discharge_limit_kw: Reading
    claims: tuple[Claim, ...] = ()
    connection: str = ""


@dataclass(frozen=True, slots=True)
class ApplianceImage:
    """One appliance as it stands; `state` is the one last known and told at `since_s`, None where none ever was."""

    name: str
    identity: str
    capability: ApplianceCapability
    present: bool
    state: PowerState | None
    since_s: float = -math.inf
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All one cycle sees. `now_s` is monotonic. `appliances` are those that somebody claims or that are in hand."""

    now_s: float
    grid: GridImage
    actuators: Mapping[str, ActuatorImage]
    appliances: Mapping[str, ApplianceImage] = field(default_factory=dict)


class SnapshotReader:
    """Takes snapshots of one unit. `meter` names the meter of the connection point; empty: the one that says it is."""

    def __init__(self, door: Door, unit: str, ages: Ages, book: ClaimBook, *, phases: int = 3, meter: str = "") -> None:
        self._door, self._unit = door, unit
        self._ages, self._book = ages, book
        self._phases = phases
        self._meter = meter
        self._found = ""

    def take(
        self,
        actuators: Iterable[AttachedActuator],
        now_s: float,
        *,
        appliances: Iterable[AttachedActuator] = (),
        in_hand: Collection[str] = (),
    ) -> Snapshot:
        """Freeze what is known now. Of hundreds of appliances only those are looked at that are claimed or in hand."""
        claims = self._claims(now_s)
        images = (self._actuator(one, claims.get(one.name, ()), now_s) for one in actuators)
        asked = self._asked(appliances, in_hand, claims)
        return Snapshot(now_s, self._grid(now_s), {image.name: image for image in images}, asked)

    def asked(
        self, appliances: Iterable[AttachedActuator], in_hand: Collection[str], now_s: float
    ) -> dict[str, ApplianceImage]:
        """Freeze the appliances alone that are claimed or in hand."""
        return self._asked(appliances, in_hand, self._claims(now_s))

    def _claims(self, now_s: float) -> dict[str, tuple[Claim, ...]]:
        return self._book.alive(self._door.latest_all("claim", Location(self._unit, ANY, ANY)), now_s)

    def _asked(
        self,
        appliances: Iterable[AttachedActuator],
        in_hand: Collection[str],
        claims: Mapping[str, tuple[Claim, ...]],
    ) -> dict[str, ApplianceImage]:
        asked = (one for one in appliances if one.name in claims or one.name in in_hand)
        images = (self.appliance(one, claims.get(one.name, ())) for one in asked)
        return {image.name: image for image in images if image is not None}

    def appliance(self, one: AttachedActuator, claims: tuple[Claim, ...] = ()) -> ApplianceImage | None:
        """Freeze one appliance; None for any other device."""
        if not isinstance(one.capability, ApplianceCapability):
            return None
        known = self._door.latest("state.power", Location(self._unit, one.name))
        state = next((state for state in PowerState if known is not None and state == known.value), None)
        since_s = -math.inf if known is None else known.arrived_s
        return ApplianceImage(one.name, one.info.identity, one.capability, one.present, state, since_s, claims)

    def _grid(self, now_s: float) -> GridImage:
        meter = self._meter or self._find_meter()
        if not meter:
            nothing = Unknown("lost")
            return GridImage("", nothing, (nothing,) * self._phases)
        power = self._reading("power.active", Location(self._unit, meter), self._ages.meter_s, now_s)
        phases = tuple(
            self._reading("current", Location(self._unit, meter, part), self._ages.meter_s, now_s)
            for part in PHASES[: self._phases]
        )
        return GridImage(meter, power, phases)

    def _find_meter(self) -> str:
        """Return the meter that says it stands at the connection point; among hundreds of devices it stays the same."""
        if self._found and _at_connection_point(self._door.latest("device", Location(self._unit, self._found))):
            return self._found
        self._found = self._search()
        return self._found

    def _search(self) -> str:
        for instance in self._door.latest_all("device", Location(self._unit, ANY, ANY)):
            if _at_connection_point(instance):
                return instance.location.device
        return ""

    def _actuator(self, one: AttachedActuator, claims: tuple[Claim, ...], now_s: float) -> ActuatorImage:
        place = Location(self._unit, one.name)
        return ActuatorImage(
            one.name,
            one.info.identity,
            one.capability,
            one.present,
            self._reading("power.active", place, self._ages.power_s, now_s),
            self._reading("soc", place, self._ages.soc_s, now_s),
            self._reading("limit.charge", place, self._ages.limit_s, now_s),
            self._reading("limit.discharge", place, self._ages.limit_s, now_s),
            claims,
            self._word("state.connection", place),
        )

    def _word(self, variable: str, place: Location) -> str:
        instance = self._door.latest(variable, place)
        good = instance is not None and instance.quality is Quality.GOOD
        return str(instance.value) if good and instance is not None else ""

    def _reading(self, variable: str, place: Location, most_s: float, now_s: float) -> Reading:
        return reading_of(self._door.latest(variable, place), most_s, now_s)


def _at_connection_point(instance: Instance | None) -> bool:
    record = None if instance is None else instance.value
    return isinstance(record, DeviceRecord) and any(
        isinstance(item, MeterCapability) and item.at_connection_point for item in record.capabilities
    )


def reading_of(instance: Instance | None, most_s: float, now_s: float) -> Reading:
    """Judge one instance by quality and age."""
    if instance is None:
        return Unknown("lost")
    age_s = instance.age_s(now_s)
    if instance.quality is not Quality.GOOD:
        return Unknown(str(instance.quality), age_s)
    if age_s > most_s:
        return Unknown("stale", age_s)
    value = instance.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Unknown("bad", age_s)
    return Known(float(value), age_s, instance.arrived_s)
