"""A battery with its inverter: what it is told, what it can do, what it does and what it loses.

Signs are the house's: power is positive when charging. A command reaches the power stage after a dead time and
is followed with a first-order lag; the state of charge narrows what is possible (taper near full and near the
reserve). Losses are split evenly between charging and discharging.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from hil.house.quantities import (
    MICROSECONDS,
    MILLION,
    kilowatt_hours,
    kilowatts,
    milliwatts,
    nanojoules,
    parts_per_million,
)


@dataclass(frozen=True, slots=True)
class BatteryConfig:
    """What is built into a battery.

    `self_consumption` says whether the inverter tracks the house by itself, with a meter of its own, while nobody
    commands it; otherwise it idles then.
    """

    capacity_kwh: float = 10.0
    round_trip_efficiency: float = 0.9
    max_charge_kw: float = 5.0
    max_discharge_kw: float = 5.0
    reserve: float = 0.1
    initial_soc: float = 0.5
    taper_above: float = 0.95
    taper_above_reserve: float = 0.03
    standby_kw: float = 0.012
    lag_s: float = 1.0
    dead_time_s: float = 0.25
    self_consumption: bool = True
    phase_shares: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("capacity_kwh", self.capacity_kwh, 0.01, 10_000.0),
            ("round_trip_efficiency", self.round_trip_efficiency, 0.3, 1.0),
            ("reserve", self.reserve, 0.0, 0.99),
            ("initial_soc", self.initial_soc, 0.0, 1.0),
            ("lag_s", self.lag_s, 0.0, 120.0),
            ("dead_time_s", self.dead_time_s, 0.0, 120.0),
        ):
            if not low <= value <= high:
                raise ValueError(f"battery {name} = {value}: expected a value between {low} and {high}")


@dataclass(frozen=True, slots=True)
class Order:
    """What the inverter is told: a fixed power, or (power_kw None) its own mode, always within the two limits.

    The limits bound the charging-positive power: `low_kw` <= power <= `high_kw`. A low limit above zero forces
    charging, a high limit below zero forces discharging (SunSpec 124, InWRte and OutWRte).
    """

    power_kw: float | None = None
    low_kw: float = -math.inf
    high_kw: float = math.inf
    connected: bool = True


OWN_MODE = Order()
"""No command at all: the inverter does what it does when left alone."""

_TAPER_FLOOR = 0.02
_HAIR_NANOJOULE = 10**10
"""10 J: nearer than this to full or to the reserve is there."""


class Battery:
    """State of one battery; `step` moves it on by a whole number of microseconds."""

    def __init__(self, config: BatteryConfig) -> None:
        self.config = config
        self.order = OWN_MODE
        self.reserve = config.reserve
        self.reactive_kvar = 0.0
        self.power_milliwatt = 0
        self.stored_nanojoule = nanojoules(config.capacity_kwh * config.initial_soc)
        self.charged_nanojoule = 0
        self.discharged_nanojoule = 0
        self.lost_nanojoule = 0
        self._capacity_nanojoule = nanojoules(config.capacity_kwh)
        self._one_way_ppm = parts_per_million(math.sqrt(config.round_trip_efficiency))
        self._standby_milliwatt = milliwatts(config.standby_kw)
        self._lagging_milliwatt = 0.0
        self._orders: deque[tuple[int, Order]] = deque()
        self._in_force = OWN_MODE
        self._age_us = 0

    @property
    def soc(self) -> float:
        """State of charge, 0 to 1."""
        return self.stored_nanojoule / self._capacity_nanojoule

    @property
    def power_kw(self) -> float:
        """AC power now, positive when charging."""
        return kilowatts(self.power_milliwatt)

    @property
    def stored_kwh(self) -> float:
        """Energy in the cells."""
        return kilowatt_hours(self.stored_nanojoule)

    @property
    def limits_kw(self) -> tuple[float, float]:
        """What the state of charge allows now, as (lowest, highest) charging-positive power."""
        return -self._discharge_limit_kw(), self._charge_limit_kw()

    def command(self, order: Order) -> None:
        """Hand the inverter an order; it takes force after the dead time."""
        if order == self.order:
            return
        self.order = order
        self._orders.append((self._age_us + round(self.config.dead_time_s * MICROSECONDS), order))

    def step(self, dt_us: int, grid_milliwatt: int, storages: int = 1) -> int:
        """Move on by `dt_us`; return the AC power of this step in milliwatts.

        `grid_milliwatt` is what the inverter's own meter saw last, `storages` among how many it shares the work.
        """
        self._age_us += dt_us
        while self._orders and self._orders[0][0] <= self._age_us:
            self._in_force = self._orders.popleft()[1]
        wanted_kw, lag_s = self._wanted(grid_milliwatt / storages)
        pull = 1.0 if lag_s <= 0 else 1.0 - math.exp(-dt_us / (lag_s * MICROSECONDS))
        self._lagging_milliwatt += (wanted_kw * MILLION - self._lagging_milliwatt) * pull
        low_kw, high_kw = self.limits_kw
        reachable = min(max(self._lagging_milliwatt, low_kw * MILLION), high_kw * MILLION)
        self._lagging_milliwatt = reachable
        self._flow(round(reachable), dt_us)
        return self.power_milliwatt

    def _wanted(self, grid_milliwatt: float) -> tuple[float, float]:
        order = self._in_force
        if not order.connected:
            return 0.0, 0.0
        if order.power_kw is not None:
            wanted_kw, lag_s = order.power_kw, self.config.lag_s
        elif self.config.self_consumption:
            # Its own loop sits in the inverter: no bus and so no dead time, and never slower than a second.
            wanted_kw, lag_s = (self.power_milliwatt - grid_milliwatt) / MILLION, min(self.config.lag_s, 1.0)
        else:
            wanted_kw, lag_s = 0.0, self.config.lag_s
        return min(max(wanted_kw, order.low_kw), order.high_kw), lag_s

    def _charge_limit_kw(self) -> float:
        if self._capacity_nanojoule - self.stored_nanojoule < _HAIR_NANOJOULE:
            return 0.0
        room = (1.0 - self.soc) / (1.0 - self.config.taper_above)
        return self.config.max_charge_kw * min(1.0, max(room, _TAPER_FLOOR))

    def _discharge_limit_kw(self) -> float:
        spare = self.soc - self.reserve
        if spare * self._capacity_nanojoule < _HAIR_NANOJOULE:
            return 0.0
        return self.config.max_discharge_kw * min(1.0, max(spare / self.config.taper_above_reserve, _TAPER_FLOOR))

    def _flow(self, power_milliwatt: int, dt_us: int) -> None:
        """Move energy, clipped to what the cells can take or give in this step; losses are what does not arrive."""
        before = self.stored_nanojoule
        if power_milliwatt > 0:
            room = self._capacity_nanojoule - before
            most = room * MILLION // (self._one_way_ppm * dt_us)
            self.power_milliwatt = min(power_milliwatt, most)
            self.stored_nanojoule += self.power_milliwatt * dt_us * self._one_way_ppm // MILLION
        elif power_milliwatt < 0:
            floor = math.ceil(self._capacity_nanojoule * self.reserve)
            most = max(0, before - floor) * self._one_way_ppm // (MILLION * dt_us)
            self.power_milliwatt = -min(-power_milliwatt, most)
            self.stored_nanojoule -= -(self.power_milliwatt * dt_us * MILLION // self._one_way_ppm)
        else:
            self.power_milliwatt = 0
        self.stored_nanojoule -= min(self.stored_nanojoule, self._standby_milliwatt * dt_us)
        moved = self.power_milliwatt * dt_us
        if moved > 0:
            self.charged_nanojoule += moved
        else:
            self.discharged_nanojoule -= moved
        self.lost_nanojoule += moved - (self.stored_nanojoule - before)
