"""The plugged car as the planner sees it, from what its person said and its charger metered. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from heg.model.capabilities import VehicleCapability
from heg.model.plan import Degradation, DegradationCode, VehicleInputs
from heg.model.records import VehicleRecord

ASSUMED_CAPACITY_KWH = 50.0
ASSUMED_SOC = 0.2
"""Of a car nobody spoke of: rather too low, for a car that is full ends its charging by itself."""
_MOST_KWH = 1000.0


@dataclass(frozen=True, slots=True)
class Plugged:
    """A plugged car: its charger's name and ability, and what is known of it."""

    charger: str
    capability: VehicleCapability
    record: VehicleRecord

    @property
    def departure(self) -> datetime | None:
        """When it leaves, None where nobody said or what was said is no time."""
        return moment_of(self.record.departure_utc)


def moment_of(text: str) -> datetime | None:
    """Read a UTC time; None when it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None


def first_to_leave(plugged: Sequence[Plugged]) -> Plugged | None:
    """Return the car that is planned with: the planner knows one, and who leaves first has least time.

    A car of which nobody said when it leaves and how full is not planned at all: a plan without a need would not buy a
    kWh for it, and its person wants it charged (docs/users/car.md); control's idle rule charges it.
    """
    spoken = [(leaves, one.charger, one) for one in plugged if (leaves := one.departure) and one.record.target_soc]
    return min(spoken, key=lambda one: one[:2])[2] if spoken else None


def inputs_of(
    car: Plugged, start: datetime, slot: timedelta, slots: int, charge_limit_kw: float | None
) -> tuple[VehicleInputs, tuple[Degradation, ...]]:
    """Return the car for a horizon that begins at `start`, and what had to be assumed."""
    record, lacks = car.record, []
    capacity_kwh = record.capacity_kwh if record.capacity_kwh and 0 < record.capacity_kwh <= _MOST_KWH else None
    assumed = [] if capacity_kwh is not None else [f"a capacity of {ASSUMED_CAPACITY_KWH:g} kWh"]
    capacity_kwh = capacity_kwh or ASSUMED_CAPACITY_KWH
    soc = record.soc
    if soc is None:
        soc = ASSUMED_SOC + max(record.charged_kwh, 0.0) / capacity_kwh
        assumed.append(f"{100 * ASSUMED_SOC:g} % charged when it came")
    if assumed:
        text = f"Nobody said enough of the car at {car.charger}: assumed {' and '.join(assumed)}."
        lacks.append(Degradation(DegradationCode.VEHICLE_SOC_ASSUMED, text))
    there, target_slot = slots, None
    if (departure := car.departure) is not None:
        if departure <= start:
            # Its person may come any moment: what is not in it yet is wanted now.
            target_slot = 1 if record.target_soc is not None else None
            text = (
                f"The car at {car.charger} was to leave at {departure:%H:%M} UTC and is still plugged: what is "
                "missing is charged at once."
            )
            lacks.append(Degradation(DegradationCode.TARGET_PAST, text))
        else:
            leaves = (departure - start) // slot
            there = min(leaves, slots)
            target_slot = leaves if record.target_soc is not None and leaves <= slots else None
    capability = car.capability
    max_rate_kw = max(capability.max_rate_kw, 0.0)
    if charge_limit_kw is not None:
        max_rate_kw = min(max_rate_kw, charge_limit_kw)
    return (
        VehicleInputs(
            capacity_kwh=capacity_kwh,
            min_rate_kw=min(capability.min_rate_kw, 0.0),
            max_rate_kw=max_rate_kw,
            soc_kwh=min(max(soc, 0.0), 1.0) * capacity_kwh,
            plugged=tuple(index < there for index in range(slots)),
            target_kwh=min(max(record.target_soc or 0.0, 0.0), 1.0) * capacity_kwh,
            target_slot=target_slot,
            min_charge_kw=min(capability.smallest_charge_kw, max_rate_kw),
            round_trip_efficiency=capability.round_trip_efficiency,
        ),
        tuple(lacks),
    )
