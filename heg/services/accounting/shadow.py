"""The houses that were not: one without a battery, and one whose battery only follows the self-consumption rule. Pure.

The rule's battery has the size, rates, reserve and efficiency of the real one and follows `Regime.BALANCE`. What the
real cells lose beyond their stated efficiency (standby, ageing) the other one loses too: it is the same battery.

In both the vehicle charges at full rate from the moment it is plugged, until it has what its owner asked for; where
nobody said how much that is, it charges as the real one did, and then nothing is claimed to be saved by its timing.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from heg.model.regimes import Regime, RegimeOrder, StorageNow, power_kw
from heg.services.accounting.shape import Known

_BALANCE = RegimeOrder(Regime.BALANCE)
_LONGEST_STEP_S = 900.0
_LOOSE_SHARE = 0.02
"""Share of the capacity within which a state of charge may waver without the other battery's following it."""


@dataclass(frozen=True, slots=True)
class Battery:
    """What all storages together can do; kW are magnitudes."""

    capacity_kwh: float
    charge_kw: float
    discharge_kw: float
    round_trip_efficiency: float
    reserve_share: float

    @property
    def one_way(self) -> float:
        """Efficiency of charging, and of discharging."""
        return math.sqrt(self.round_trip_efficiency)

    def gained_kwh(self, charged_kwh: float, discharged_kwh: float) -> float:
        """Return what arrives in the cells of energy at the terminals."""
        return charged_kwh * self.one_way - discharged_kwh / self.one_way


@dataclass(frozen=True, slots=True)
class Flow:
    """Energy at the connection point and out of the battery, kWh."""

    import_kwh: float = 0.0
    export_kwh: float = 0.0
    discharged_kwh: float = 0.0


def without_battery(steps: Iterable[Known]) -> Flow:
    """Return what the house without a battery would have bought and sold."""
    bought = sold = 0.0
    for step in steps:
        kwh = step.house_kw * step.seconds / 3600.0
        bought, sold = bought + max(kwh, 0.0), sold + max(-kwh, 0.0)
    return Flow(bought, sold)


@dataclass(frozen=True, slots=True)
class RuleBattery:
    """The battery of the house that follows the rule: what it holds (kWh), and what the real cells have lost."""

    stored_kwh: float
    drift_kwh: float = 0.0
    followed_kwh: float = 0.0

    def through(self, steps: Sequence[Known], size: Battery | None) -> tuple["RuleBattery", Flow]:
        """Follow the rule; without a size there is no battery now and the house does without."""
        if size is None:
            return self, without_battery(steps)
        stored_kwh = min(max(self.stored_kwh, 0.0), size.capacity_kwh)
        bought = sold = discharged = 0.0
        for step in steps:
            for seconds in _parts(step.seconds):
                kw = power_kw(_BALANCE, step.house_kw, _now(size, stored_kwh), seconds)
                kwh = kw * seconds / 3600.0
                stored_kwh += size.gained_kwh(max(kwh, 0.0), max(-kwh, 0.0))
                discharged += max(-kwh, 0.0)
                net_kwh = step.house_kw * seconds / 3600.0 + kwh
                bought, sold = bought + max(net_kwh, 0.0), sold + max(-net_kwh, 0.0)
        return replace(self, stored_kwh=stored_kwh), Flow(bought, sold, discharged)

    def like(self, unexplained_kwh: float, size: Battery) -> "RuleBattery":
        """Lose (or gain) what the real cells did beyond what flowed; the wavering of a coarse reading is not followed.

        A reading in whole per cents goes up and down by more than the cells do. Following each step would let an empty
        battery keep every rise and forget every fall.
        """
        drift_kwh = self.drift_kwh + unexplained_kwh
        loose_kwh = _LOOSE_SHARE * size.capacity_kwh
        followed_kwh = min(max(self.followed_kwh, drift_kwh - loose_kwh), drift_kwh + loose_kwh)
        stored_kwh = self.stored_kwh + followed_kwh - self.followed_kwh
        return RuleBattery(min(max(stored_kwh, 0.0), size.capacity_kwh), drift_kwh, followed_kwh)


@dataclass(frozen=True, slots=True)
class Car:
    """A plugged vehicle: since when (its session), its full rate, and what it still wants (None: nobody said)."""

    session: str
    charge_kw: float
    wanted_kwh: float | None = None


@dataclass(frozen=True, slots=True)
class AtOnce:
    """The vehicle of the other houses: what it and the real one have charged in this session."""

    session: str = ""
    real_kwh: float = 0.0
    charged_kwh: float = 0.0

    def step(self, car: Car | None, seconds: float, real_kwh: float) -> tuple["AtOnce", float]:
        """Return the state after `seconds` in which the real one took `real_kwh`, and what this one took."""
        if car is None:
            return AtOnce(), real_kwh
        before = self if self.session == car.session else AtOnce(car.session)
        real_after_kwh = before.real_kwh + real_kwh
        behind_kwh = max(0.0, real_after_kwh - before.charged_kwh)
        if car.wanted_kwh is None:
            took_kwh = behind_kwh if real_kwh > 0 else real_kwh
        else:
            left_kwh = max(0.0, real_after_kwh + car.wanted_kwh - before.charged_kwh)
            took_kwh = max(behind_kwh, min(left_kwh, car.charge_kw * seconds / 3600.0))
        return AtOnce(car.session, real_after_kwh, before.charged_kwh + took_kwh), took_kwh


def _now(size: Battery, stored_kwh: float) -> StorageNow:
    return StorageNow(
        -size.discharge_kw,
        size.charge_kw,
        stored_kwh / size.capacity_kwh,
        size.capacity_kwh,
        size.reserve_share,
        size.round_trip_efficiency,
    )


def _parts(seconds: float) -> Iterable[float]:
    """A long step in equal parts, and never more than a few hundred of them."""
    count = min(max(1, math.ceil(seconds / _LONGEST_STEP_S)), 500)
    return (seconds / count for _ in range(count))
