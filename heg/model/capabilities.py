"""What a device can do, as data. A service asks for a capability, never for a make."""

from dataclasses import dataclass, field

from heg.model.appliances import Importance, WakeMethod
from heg.model.regimes import Regime

_KILOVOLT = 0.23


@dataclass(frozen=True, slots=True)
class MeterCapability:
    """A meter of `phases` phases; `at_connection_point` marks the one the envelope is held against."""

    phases: int = 1
    at_connection_point: bool = False


@dataclass(frozen=True, slots=True)
class ProducerCapability:
    """A producer (PV) of `rated_kw`; `curtailable` when its power can be limited."""

    rated_kw: float
    phases: int = 1
    curtailable: bool = False


@dataclass(frozen=True, slots=True)
class WriteBudget:
    """How a register may be written: volatile ones at will, others at most `per_day` times a day.

    `every_s` is the least time between two new values that a maker asks for, also where nothing wears.
    """

    volatile: bool = False
    per_day: int = 200
    every_s: float = 0.0


@dataclass(frozen=True, slots=True)
class StorageCapability:
    """A storage: rates at its terminals in kW (charging positive, `min_rate_kw` <= 0 <= `max_rate_kw`).

    `native` are the regimes the device does by itself (only mode and limits are written); `set_power` says that a kW
    can be commanded. `revert_s` is the device's own dead-man time after a command, 0 where it has none.
    """

    capacity_kwh: float
    min_rate_kw: float
    max_rate_kw: float
    round_trip_efficiency: float = 0.9
    reserve_share: float = 0.0
    phases: int = 3
    set_power: bool = True
    native: frozenset[Regime] = frozenset({Regime.HOLD})
    writes: WriteBudget = field(default_factory=WriteBudget)
    revert_s: float = 0.0
    response_lag_s: float = 2.0


@dataclass(frozen=True, slots=True)
class VehicleCapability:
    """A vehicle's charger: rates in kW, smallest charging power and the step it moves in (amperes a phase).

    kW and amperes are converted at 230 V. `capacity_kwh` and `round_trip_efficiency` are the owner's word on the car,
    None when nothing was said. `surplus_only`: unplanned, it charges from the house's surplus alone, not at once.
    `revert_s` is the charger's own dead-man time after a command, 0 where it has none.
    """

    min_rate_kw: float
    max_rate_kw: float
    smallest_charge_kw: float = 0.0
    step_a: float = 0.0
    phases: int = 3
    writes: WriteBudget = field(default_factory=WriteBudget)
    revert_s: float = 0.0
    capacity_kwh: float | None = None
    round_trip_efficiency: float = 0.9
    surplus_only: bool = False

    @property
    def step_kw(self) -> float:
        """One step of the charging current, kW."""
        return self.step_a * self.phases * _KILOVOLT


@dataclass(frozen=True, slots=True)
class ApplianceCapability:
    """A switchable appliance that draws `rated_kw` while it works, as far as is known.

    `wake` is how it is woken, `settle_s` how long a change of its power state may take. `importance`, `min_on_s` and
    `min_off_s` are the owner's word: what it is never shed before, and how long it stays as it is at least.
    """

    rated_kw: float
    phases: int = 1
    wake: WakeMethod = WakeMethod.NONE
    settle_s: float = 90.0
    importance: Importance = Importance.FLEXIBLE
    min_on_s: float = 600.0
    min_off_s: float = 600.0


Capability = MeterCapability | ProducerCapability | StorageCapability | VehicleCapability | ApplianceCapability
