"""The problem with nothing left to doubt: finite numbers, whole series, bounds in order. Made by `tidy`."""

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

    Its energy stays between `floor_kwh` and `capacity_kwh`; below `least_charge_kw` it does not charge.
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

    @property
    def one_way(self) -> float:
        """Efficiency one way: half the losses on charging, half on discharging."""
        return float(np.sqrt(self.round_trip_efficiency))

    def soc_after_kwh(self, power_kw: Floats, hours: Floats) -> Floats:
        """Return the energy at the start and after each slot (spec ebr.md, The MILP 2)."""
        stored_kw = np.where(power_kw > 0.0, power_kw * self.one_way, power_kw / self.one_way)
        return np.concatenate(([self.soc_kwh], self.soc_kwh + np.cumsum(stored_kw * hours)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class House:
    """A house over N slots: forecasts in kW, prices in EUR/kWh, limits in kW at the connection point (inf: none)."""

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
