"""Loop lag: how late the event loop wakes what asked to be woken, in real milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from heg.runtime.clock import Clock, ClockMode


@dataclass(frozen=True, slots=True)
class LagReport:
    """Lateness of `wakes` wake-ups in real milliseconds."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    wakes: int


class LagMeter:
    """A long-running task that wakes on a grid and publishes, every `wakes` wake-ups, how late they were.

    `on_wake` hears of every single one (real milliseconds). `interval_s` is real seconds between wake-ups; in stepped
    mode loop seconds, and the lag is nought by construction.
    """

    def __init__(
        self,
        clock: Clock,
        publish: Callable[[LagReport], None],
        *,
        on_wake: Callable[[float], None] | None = None,
        interval_s: float = 0.25,
        wakes: int = 100,
    ) -> None:
        self._clock = clock
        self._publish = publish
        self._on_wake = on_wake
        self._speed = clock.speed if clock.mode is not ClockMode.STEPPED else 1.0
        self._interval_s = interval_s * self._speed
        self._wakes = wakes

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            late_ms = [await self._one_wake_ms() for _ in range(self._wakes)]
            self._publish(summarise(late_ms))

    async def _one_wake_ms(self) -> float:
        due_s = self._clock.monotonic_s() + self._interval_s
        await self._clock.sleep_until(due_s)
        late_ms = max(0.0, (self._clock.monotonic_s() - due_s) / self._speed * 1e3)
        if self._on_wake is not None:
            self._on_wake(late_ms)
        return late_ms


def summarise(late_ms: Sequence[float]) -> LagReport:
    """Give the percentiles (nearest rank) of at least one measurement."""
    ordered = sorted(late_ms)
    last = len(ordered) - 1
    return LagReport(ordered[round(0.5 * last)], ordered[round(0.99 * last)], ordered[last], len(ordered))
