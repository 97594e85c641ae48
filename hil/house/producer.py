"""A photovoltaic generator with its inverter: what the sun offers, what a limit leaves of it.

Power here is positive when producing. A limit is followed with a first-order lag downwards and upwards; clouds
are followed at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hil.house.quantities import MICROSECONDS, kilowatts, milliwatts


@dataclass(frozen=True, slots=True)
class ProducerConfig:
    """What is built into a PV inverter."""

    rated_kw: float = 5.0
    apparent_kva: float = 5.5
    lag_s: float = 1.0
    phase_shares: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)

    def __post_init__(self) -> None:
        if not 0.05 <= self.rated_kw <= 10_000 or self.apparent_kva < self.rated_kw:
            raise ValueError(
                f"producer rated_kw = {self.rated_kw}, apparent_kva = {self.apparent_kva}: "
                "expected a rating above 0.05 kW and an apparent power not below it"
            )


class Producer:
    """State of one PV inverter."""

    def __init__(self, config: ProducerConfig) -> None:
        self.config = config
        self.limit = 1.0
        self.connected = True
        self.reactive_kvar = 0.0
        self.power_milliwatt = 0
        self.available_milliwatt = 0
        self.produced_nanojoule = 0
        self._limit_lagging = 1.0

    @property
    def power_kw(self) -> float:
        """AC power now, positive when producing."""
        return kilowatts(self.power_milliwatt)

    @property
    def throttled(self) -> bool:
        """True while a limit takes away some of what the sun offers."""
        return self.available_milliwatt - self.power_milliwatt > 1000

    def step(self, dt_us: int, available_kw: float) -> int:
        """Move on by `dt_us` with this much sun; return the AC power of this step in milliwatts."""
        lag_s = self.config.lag_s
        pull = 1.0 if lag_s <= 0 else 1.0 - math.exp(-dt_us / (lag_s * MICROSECONDS))
        self._limit_lagging += (min(max(self.limit, 0.0), 1.0) - self._limit_lagging) * pull
        ceiling_kw = self.config.rated_kw * self._limit_lagging
        self.available_milliwatt = milliwatts(min(max(available_kw, 0.0), self.config.rated_kw))
        self.power_milliwatt = min(self.available_milliwatt, milliwatts(ceiling_kw)) if self.connected else 0
        self.produced_nanojoule += self.power_milliwatt * dt_us
        return self.power_milliwatt
