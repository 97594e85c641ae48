"""The problem with nothing left to doubt: finite numbers, whole series, bounds in order. Made by `tidy`."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from heg.model.plan import Degradation, Objective

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What a person wants in the vehicle: kWh at the start of a slot (N: the horizon's end), EUR per kWh short."""

    slot: int
    energy_kwh: float
    penalty_eur_per_kwh: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Store:
    """A storage, stationary or in a vehicle. Rates are kW at the terminals for each slot, both positive.

    Its energy stays between `floor_kwh` and `capacity_kwh`; below `least_charge_kw` it does not charge. Where
    `first_kw` is given, that is what it does in the first slot (what would it have cost otherwise).
    """

    name: str
    capacity_kwh: float
    floor_kwh: float
    soc_kwh: float
    charge_kw: Floats
    discharge_kw: Floats
    plugged: Bools
    round_trip_efficiency: float
    wear_eur_per_kwh: float
    end_value_eur_per_kwh: float
    least_charge_kw: float = 0.0
    target: Target | None = None
    first_kw: float | None = None

    @property
    def one_way(self) -> float:
        """Efficiency one way: half the losses on charging, half on discharging."""
        return float(np.sqrt(self.round_trip_efficiency))

    def soc_after_kwh(self, power_kw: Floats, hours: Floats) -> Floats:
        """Return the energy at the start and after each slot (spec ebr.md, The MILP 2)."""
        stored_kw = np.where(power_kw > 0.0, power_kw * self.one_way, power_kw / self.one_way)
        return np.concatenate(([self.soc_kwh], self.soc_kwh + np.cumsum(stored_kw * hours)))


DIGITS_KW = 9
"""A cycle's powers are told apart to a microwatt."""


@dataclass(frozen=True, slots=True, eq=False)
class Cycle:
    """An appliance's cycle: kW of each of its slots; it runs in slots from `earliest` on and is over before `latest`.

    `number` is its place among all that were asked for.
    """

    number: int
    name: str
    power_kw: Floats
    earliest: int
    latest: int
    interruptible: bool


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A block of the rate as far as it is still ahead: so much energy (the last one: inf) costs so much more."""

    width_kwh: float
    price: float


@dataclass(frozen=True, slots=True, eq=False)
class Kink:
    """A grid power at which a kWh's price rises in each slot (nan: nowhere); below it the price is lower by `below`."""

    at_kw: Floats
    rise: Floats
    below: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class House:
    """A house over N slots: forecasts in kW, prices in EUR/kWh, limits in kW at the connection point (inf: none).

    `desired_kw` and `previous_kw` (one series for each storage) are nan where nothing is said. `peak_kw`, the highest
    import that the plan has or that was paid for, and `peak_shadow`, what a kWh beyond it costs in each slot, are known
    once there is a plan (guide.py).
    """

    start: datetime
    slot_minutes: int
    hours: Floats
    demand_kw: Floats
    production_kw: Floats
    curtailable: bool
    import_price: Floats
    export_price: Floats
    co2_price: Floats
    objective: Objective
    low_kw: Floats
    high_kw: Floats
    contract_low_kw: float
    contract_high_kw: float
    tube_low_kw: Floats
    tube_high_kw: Floats
    outside_tube_price: float
    stores: tuple[Store, ...]
    time_limit_s: float
    gap: float
    degradations: tuple[Degradation, ...]
    peak_price: float
    peak_so_far_kw: float
    steps: tuple[Step, ...]
    desired_kw: Floats
    desired_price: float
    asked: tuple[str, ...]
    cycles: tuple[Cycle, ...]
    previous_kw: tuple[Floats, ...]
    peak_kw: float = math.inf
    peak_shadow: Floats | None = None

    @property
    def slots(self) -> int:
        """N."""
        return len(self.hours)

    @property
    def net_kw(self) -> Floats:
        """What the house draws without its storages, all production used."""
        return self.demand_kw - self.production_kw

    @property
    def buy_price(self) -> Floats:
        """What an imported kWh costs as the objective counts it."""
        return self.co2_price if self.objective is Objective.CO2 else self.import_price + self.co2_price

    @property
    def sell_price(self) -> Floats:
        """What an exported kWh brings as the objective counts it."""
        return np.zeros(self.slots) if self.objective is Objective.CO2 else self.export_price

    @property
    def least_buy_price(self) -> Floats:
        """What the next imported kWh costs at least, whatever block it falls in."""
        return self.buy_price + min(step.price for step in self.steps) if self.steps else self.buy_price

    @property
    def desired(self) -> Bools:
        """Tell in which slots being away from the desired power costs something."""
        return np.isfinite(self.desired_kw) & (self.desired_price > 0.0)

    @property
    def kept_high_kw(self) -> Floats:
        """The power that is not gone beyond while that can be helped: the limit, or the planned peak."""
        return np.minimum(self.high_kw, self.peak_kw) if math.isfinite(self.peak_kw) else self.high_kw

    @property
    def kinks(self) -> tuple[Kink, ...]:
        """Where the price at the margin changes, but for the change from selling to buying."""
        kinks = []
        if self.has_tube:
            outside = np.full(self.slots, self.outside_tube_price)
            kinks.append(Kink(self.tube_low_kw, outside, below=self.outside_tube_price))
            kinks.append(Kink(self.tube_high_kw, outside))
        if self.desired.any():
            kinks.append(Kink(self.desired_kw, np.full(self.slots, 2.0 * self.desired_price), self.desired_price))
        if self.peak_shadow is not None and self.peak_shadow.any():
            kinks.append(Kink(np.full(self.slots, self.peak_kw), self.peak_shadow))
        return tuple(kinks)

    @property
    def has_tube(self) -> bool:
        """Tell whether energy outside the tube costs anything."""
        return (
            self.objective is Objective.ENERGY_CO2_DISTRIBUTION
            and self.outside_tube_price > 0.0
            and bool(np.isfinite(self.tube_low_kw).any() or np.isfinite(self.tube_high_kw).any())
        )

    @property
    def has_limits(self) -> bool:
        """Tell whether the connection point has limits at all."""
        return bool(np.isfinite(self.low_kw).any() or np.isfinite(self.high_kw).any())

    @property
    def has_kept_limits(self) -> bool:
        """Tell whether it has limits or a planned peak."""
        return self.has_limits or math.isfinite(self.peak_kw)
