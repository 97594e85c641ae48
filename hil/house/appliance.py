"""What an appliance draws: nothing, its standby, its rating by a thermostat's beat, or the curve of a running cycle.

Which state it is in is its program's affair (`hil/appliances`); here is only what the meter sees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from heg.model.appliances import PowerState
from hil.house.quantities import MICROSECONDS, kilowatts, milliwatts


@dataclass(frozen=True, slots=True)
class ApplianceConfig:
    """What is built into an appliance. While on it draws its rating for `beat_on_s`, then nothing for `beat_off_s`.

    A beat of 0 s off draws all the time, as a lamp does; 600 and 900 are a freezer's.
    """

    rated_kw: float = 1.0
    standby_kw: float = 0.002
    phase: int = 1
    initially: str = "standby"
    lag_s: float = 0.5
    beat_on_s: float = 600.0
    beat_off_s: float = 0.0

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("rated_kw", self.rated_kw, 0.0, 50.0),
            ("standby_kw", self.standby_kw, 0.0, 1.0),
            ("lag_s", self.lag_s, 0.0, 120.0),
            ("beat_on_s", self.beat_on_s, 1.0, 86_400.0),
            ("beat_off_s", self.beat_off_s, 0.0, 86_400.0),
        ):
            if not low <= value <= high:
                raise ValueError(f"appliance {name} = {value}: expected a value between {low} and {high}")
        if self.phase not in (1, 2, 3):
            raise ValueError(f"appliance phase = {self.phase}: expected 1, 2 or 3")
        if self.initially not in list(PowerState):
            raise ValueError(f"appliance initially = {self.initially!r}: expected {', '.join(PowerState)}")


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean kW of each step of a cycle."""

    power_kw: tuple[float, ...]
    step_s: float

    @property
    def length_s(self) -> float:
        """How long it runs."""
        return len(self.power_kw) * self.step_s


class Appliance:
    """State of one appliance; `step` moves it on by a whole number of microseconds."""

    def __init__(self, config: ApplianceConfig) -> None:
        self.config = config
        self.state = PowerState(config.initially)
        self.power_milliwatt = 0
        self.consumed_nanojoule = 0
        self._curve: Curve | None = None
        self._for_us = 0
        self._lagging_milliwatt = 0.0

    @property
    def power_kw(self) -> float:
        """What it draws now."""
        return kilowatts(self.power_milliwatt)

    @property
    def running(self) -> bool:
        """True while a cycle runs."""
        return self._curve is not None and self._for_us < self._curve.length_s * MICROSECONDS

    def switch(self, state: PowerState) -> None:
        """Take a state; whatever ran is broken off unless it stays on."""
        if state is not self.state:
            self.state, self._for_us = state, 0
            if state is not PowerState.ON:
                self._curve = None

    def begin(self, curve: Curve, ran_s: float = 0.0) -> None:
        """Be on, and run a cycle from now, or go on with one that ran for a while."""
        self.switch(PowerState.ON)
        self._curve, self._for_us = curve, round(ran_s * MICROSECONDS)

    def step(self, dt_us: int) -> int:
        """Move on by `dt_us`; return what it draws in this step in milliwatts."""
        lag_s = self.config.lag_s
        pull = 1.0 if lag_s <= 0 else 1.0 - math.exp(-dt_us / (lag_s * MICROSECONDS))
        self._lagging_milliwatt += (milliwatts(self._wanted_kw()) - self._lagging_milliwatt) * pull
        self._for_us += dt_us
        self.power_milliwatt = round(self._lagging_milliwatt)
        self.consumed_nanojoule += self.power_milliwatt * dt_us
        return self.power_milliwatt

    def _wanted_kw(self) -> float:
        if self.state is not PowerState.ON:
            return self.config.standby_kw if self.state is PowerState.STANDBY else 0.0
        if self._curve is not None:
            at = int(self._for_us / (self._curve.step_s * MICROSECONDS))
            return self._curve.power_kw[at] if at < len(self._curve.power_kw) else self.config.standby_kw
        beat_us = (self.config.beat_on_s + self.config.beat_off_s) * MICROSECONDS
        return self.config.rated_kw if self._for_us % beat_us < self.config.beat_on_s * MICROSECONDS else 0.0
