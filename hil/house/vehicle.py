"""A car behind a charge point: it is there or not, draws what it is offered, and drives its energy away.

Power is positive when charging, and it only charges. The charge point offers amperes a phase (0: contactor open); the
car follows with a first-order lag, never above its on-board charger, tapers near full, and draws nothing below 6 A.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hil.house.quantities import (
    MICROSECONDS,
    MILLION,
    kilowatt_hours,
    kilowatts,
    nanojoules,
    parts_per_million,
)

SMALLEST_A = 6.0
"""The least that may be offered while charging (IEC 61851-1)."""
_DAY_S = 86_400.0
_TAPER_FLOOR = 0.1
_HAIR_NANOJOULE = 10**10


@dataclass(frozen=True, slots=True)
class Trip:
    """The car leaves and comes back, seconds since the house began, having used so much energy (kWh).

    `daily` repeats it every 24 hours.
    """

    leaves_s: float
    returns_s: float
    used_kwh: float = 8.0
    daily: bool = False

    def __post_init__(self) -> None:
        if not self.leaves_s < self.returns_s or (self.daily and self.returns_s - self.leaves_s >= _DAY_S):
            raise ValueError(
                f"trip leaves_s = {self.leaves_s}, returns_s = {self.returns_s}: expected to return after leaving, "
                "and daily trips within a day"
            )


@dataclass(frozen=True, slots=True)
class VehicleConfig:
    """What is built into a car. `charging_efficiency` is one way, from socket to cells; `phase` is used by 1 phase."""

    capacity_kwh: float = 60.0
    max_charge_kw: float = 11.0
    phases: int = 3
    phase: int = 1
    charging_efficiency: float = 0.92
    initial_soc: float = 0.5
    plugged: bool = False
    full_at: float = 1.0
    taper_above: float = 0.9
    lag_s: float = 1.5
    trips: tuple[Trip, ...] = ()

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("capacity_kwh", self.capacity_kwh, 0.1, 1_000.0),
            ("max_charge_kw", self.max_charge_kw, 1.0, 400.0),
            ("charging_efficiency", self.charging_efficiency, 0.3, 1.0),
            ("initial_soc", self.initial_soc, 0.0, 1.0),
            ("full_at", self.full_at, 0.1, 1.0),
            ("taper_above", self.taper_above, 0.0, 0.999),
            ("lag_s", self.lag_s, 0.0, 120.0),
        ):
            if not low <= value <= high:
                raise ValueError(f"vehicle {name} = {value}: expected a value between {low} and {high}")
        if self.phases not in (1, 3) or self.phase not in (1, 2, 3):
            raise ValueError(
                f"vehicle phases = {self.phases}, phase = {self.phase}: expected 1 or 3 phases, phase 1 to 3"
            )

    @property
    def phase_shares(self) -> tuple[float, float, float]:
        """On which phases it draws."""
        if self.phases == 3:
            return 1 / 3, 1 / 3, 1 / 3
        first, second, third = (1.0 if here == self.phase else 0.0 for here in (1, 2, 3))
        return first, second, third


class Vehicle:
    """State of one car; `step` moves it on by a whole number of microseconds."""

    def __init__(self, config: VehicleConfig) -> None:
        self.config = config
        self.plugged = config.plugged
        self.offered_a = 0.0
        self.power_milliwatt = 0
        self.capacity_nanojoule = nanojoules(config.capacity_kwh)
        self.stored_nanojoule = round(self.capacity_nanojoule * config.initial_soc)
        self.charged_nanojoule = 0
        self.driven_nanojoule = 0
        self.lost_nanojoule = 0
        self.arrivals = int(config.plugged)
        self._one_way_ppm = parts_per_million(config.charging_efficiency)
        self._lagging_milliwatt = 0.0
        self._at_us = 0

    @property
    def soc(self) -> float:
        """State of charge, 0 to 1."""
        return self.stored_nanojoule / self.capacity_nanojoule

    @property
    def power_kw(self) -> float:
        """AC power now, positive when charging."""
        return kilowatts(self.power_milliwatt)

    @property
    def stored_kwh(self) -> float:
        """Energy in the cells."""
        return kilowatt_hours(self.stored_nanojoule)

    @property
    def wants(self) -> bool:
        """True while it is plugged and not full: it closes the circuit when it is offered current."""
        full = self.capacity_nanojoule * self.config.full_at
        return self.plugged and full - self.stored_nanojoule >= _HAIR_NANOJOULE

    def plug_in(self, soc: float | None = None, capacity_kwh: float | None = None) -> None:
        """It comes home; with a state of charge or a capacity of its own it is another car, and its books restart."""
        if capacity_kwh is not None:
            share, self.capacity_nanojoule = self.soc, nanojoules(capacity_kwh)
            self.stored_nanojoule = round(self.capacity_nanojoule * share)
        if soc is not None:
            self.stored_nanojoule = round(self.capacity_nanojoule * min(max(soc, 0.0), 1.0))
        self.arrivals += not self.plugged
        self.plugged = True

    def unplug(self, used_kwh: float = 0.0) -> None:
        """It goes, and will have used this much when it comes back."""
        self.plugged = False
        self.offered_a = 0.0
        used = min(nanojoules(max(0.0, used_kwh)), self.stored_nanojoule)
        self.stored_nanojoule -= used
        self.driven_nanojoule += used

    def step(self, dt_us: int, voltage_v: float) -> int:
        """Move on by `dt_us`; return the AC power of this step in milliwatts."""
        self._travel(self._at_us, self._at_us + dt_us)
        self._at_us += dt_us
        wanted_kw = self._wanted_kw(voltage_v)
        lag_s = self.config.lag_s
        pull = 1.0 if lag_s <= 0 else 1.0 - math.exp(-dt_us / (lag_s * MICROSECONDS))
        self._lagging_milliwatt += (wanted_kw * MILLION - self._lagging_milliwatt) * pull
        if not self.plugged or self.offered_a < SMALLEST_A:
            self._lagging_milliwatt = 0.0  # the contactor is open
        self._flow(round(self._lagging_milliwatt), dt_us)
        return self.power_milliwatt

    def _wanted_kw(self, voltage_v: float) -> float:
        if not self.wants or self.offered_a < SMALLEST_A:
            return 0.0
        offered_kw = self.offered_a * voltage_v * self.config.phases / 1000
        room = (self.config.full_at - self.soc) / max(self.config.full_at - self.config.taper_above, 1e-3)
        return min(offered_kw, self.config.max_charge_kw * min(1.0, max(room, _TAPER_FLOOR)))

    def _flow(self, power_milliwatt: int, dt_us: int) -> None:
        """Move energy, clipped to what the cells can take; losses are what does not arrive."""
        room = self.capacity_nanojoule - self.stored_nanojoule
        self.power_milliwatt = max(0, min(power_milliwatt, room * MILLION // (self._one_way_ppm * dt_us)))
        moved = self.power_milliwatt * dt_us
        arrived = moved * self._one_way_ppm // MILLION
        self.stored_nanojoule += arrived
        self.charged_nanojoule += moved
        self.lost_nanojoule += moved - arrived

    def _travel(self, from_us: int, until_us: int) -> None:
        for trip in self.config.trips:
            if self._passes(trip.leaves_s, from_us, until_us, daily=trip.daily):
                self.unplug(trip.used_kwh)
            if self._passes(trip.returns_s, from_us, until_us, daily=trip.daily):
                self.plug_in()

    @staticmethod
    def _passes(at_s: float, from_us: int, until_us: int, *, daily: bool) -> bool:
        at_us, day_us = round(at_s * MICROSECONDS), round(_DAY_S * MICROSECONDS)
        if daily and until_us > at_us:
            at_us += (until_us - 1 - at_us) // day_us * day_us
        return from_us <= at_us < until_us
