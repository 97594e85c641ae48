"""A clock that a test puts ahead, for what waits minutes in a test that lives in real time."""

from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from heg.runtime.clock import Clock, ClockMode, SlotStarts


class AheadClock:
    """Another clock, so many seconds later; sleeps last as long as they do there."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_s = 0.0

    def goes_ahead(self, seconds: float) -> None:
        """Let so many seconds have gone by."""
        self._ahead_s += seconds

    @property
    def mode(self) -> ClockMode:
        return self._clock.mode

    @property
    def speed(self) -> float:
        return self._clock.speed

    def monotonic_s(self) -> float:
        return self._clock.monotonic_s() + self._ahead_s

    def elapsed_s(self) -> float:
        return self._clock.elapsed_s() + self._ahead_s

    def utc(self) -> datetime:
        return self._clock.utc() + timedelta(seconds=self._ahead_s)

    def real_s(self) -> float:
        return self._clock.real_s()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def sleep_until(self, monotonic_s: float) -> None:
        await self._clock.sleep_until(monotonic_s - self._ahead_s)

    def holding(self) -> AbstractContextManager[None]:
        return self._clock.holding()

    def slots(self, length: timedelta) -> SlotStarts:
        return SlotStarts(self, length)

    def jump_utc(self, seconds: float) -> None:
        self._clock.jump_utc(seconds)
