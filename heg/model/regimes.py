"""Regimes: how a storage follows measured power within a slot (spec ebr.md, How a command is followed).

The law is pure: what the house alone draws, what the storage can do now, in; kW at the terminals, out. How it is
followed on measurements that are late and inverters that lag is the tracker's business (heg/control).
"""

import math
from dataclasses import dataclass
from enum import StrEnum


class Regime(StrEnum):
    """What a storage does, and never does, within a slot."""

    HOLD = "hold"
    BALANCE = "balance"
    COVER = "cover"
    ABSORB = "absorb"
    CHARGE = "charge"
    DISCHARGE = "discharge"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class GridBand:
    """The band (kW at the connection point, positive importing) that `limit` keeps."""

    low_kw: float
    high_kw: float


@dataclass(frozen=True, slots=True)
class RegimeOrder:
    """A regime with its kW (`charge` and `discharge`, magnitude), its band (`limit`) and the SoC at which it ends."""

    regime: Regime
    power_kw: float = 0.0
    band: GridBand | None = None
    ends_at_soc: float | None = None


@dataclass(frozen=True, slots=True)
class StorageNow:
    """What a storage can do at this moment: its rates (kW, `min_rate_kw` <= 0 <= `max_rate_kw`) and its energy.

    `soc` and `reserve_share` are shares of `capacity_kwh`; losses are split evenly between charging and discharging.
    """

    min_rate_kw: float
    max_rate_kw: float
    soc: float
    capacity_kwh: float
    reserve_share: float = 0.0
    round_trip_efficiency: float = 0.9

    def interval_kw(self, period_s: float, *, floor: float = 0.0, ceiling: float = 1.0) -> tuple[float, float]:
        """Return the lowest and highest power that keep the SoC between reserve (or `floor`, the higher) and `ceiling`
        for `period_s` more seconds. Zero always lies between: a storage outside its bounds is left alone, not driven.
        """
        one_way = math.sqrt(self.round_trip_efficiency)
        hours = max(period_s, 1e-3) / 3600.0
        spare_kwh = max(0.0, self.soc - max(self.reserve_share, floor)) * self.capacity_kwh
        room_kwh = max(0.0, ceiling - self.soc) * self.capacity_kwh
        low_kw = max(min(self.min_rate_kw, 0.0), -spare_kwh * one_way / hours)
        high_kw = min(max(self.max_rate_kw, 0.0), room_kwh / one_way / hours)
        return low_kw, high_kw


def wanted_kw(order: RegimeOrder, uncontrolled_kw: float) -> float:
    """Return what a regime asks of a storage without limits, when the house without it draws `uncontrolled_kw`.

    `uncontrolled_kw` is the power at the connection point minus the storage's own (positive importing). Of the table
    in spec ebr.md, *surplus on top* of a planned charge reads: charge at the planned kW, and at the whole surplus when
    that is more; so a plan whose forecast was right is done as planned.
    """
    surplus_kw = -uncontrolled_kw
    match order.regime:
        case Regime.HOLD:
            return 0.0
        case Regime.BALANCE:
            return surplus_kw
        case Regime.COVER:
            return min(0.0, surplus_kw)
        case Regime.ABSORB:
            return max(0.0, surplus_kw)
        case Regime.CHARGE:
            return max(abs(order.power_kw), surplus_kw)
        case Regime.DISCHARGE:
            return -abs(order.power_kw)
        case Regime.LIMIT:
            return _into_band(order.band, uncontrolled_kw)


def permitted_kw(order: RegimeOrder) -> tuple[float, float]:
    """Return the interval that the regime's *never* leaves whatever is measured: `cover` never charges, and so on."""
    match order.regime:
        case Regime.HOLD:
            return 0.0, 0.0
        case Regime.COVER | Regime.DISCHARGE:
            return -math.inf, 0.0
        case Regime.ABSORB | Regime.CHARGE:
            return 0.0, math.inf
        case Regime.BALANCE | Regime.LIMIT:
            return -math.inf, math.inf


def power_kw(order: RegimeOrder, uncontrolled_kw: float, storage: StorageNow, period_s: float = 1.0) -> float:
    """Return kW at the terminals: the regime's wish inside the storage's limits for the next `period_s` seconds."""
    low_kw, high_kw = limits_kw(order, storage, period_s)
    return min(max(wanted_kw(order, uncontrolled_kw), low_kw), high_kw)


def limits_kw(order: RegimeOrder, storage: StorageNow, period_s: float = 1.0) -> tuple[float, float]:
    """Return the lowest and highest kW that storage, regime and the SoC at which it ends leave; zero lies between.

    `ends_at_soc` is a ceiling for regimes that only charge and a floor for all that may discharge.
    """
    lowest_kw, highest_kw = permitted_kw(order)
    floor, ceiling = 0.0, 1.0
    if order.ends_at_soc is not None:
        if lowest_kw < 0.0:
            floor = order.ends_at_soc
        else:
            ceiling = order.ends_at_soc
    low_kw, high_kw = storage.interval_kw(period_s, floor=floor, ceiling=ceiling)
    return max(low_kw, lowest_kw), min(high_kw, highest_kw)


def _into_band(band: GridBand | None, uncontrolled_kw: float) -> float:
    if band is None or band.low_kw > band.high_kw:
        return 0.0
    return min(max(uncontrolled_kw, band.low_kw), band.high_kw) - uncontrolled_kw
