"""Times of day are labels that somebody may set: on a computer without a clock of its own, at every start."""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from heg.runtime.clock import Clock

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""One that has its zone; a file that says none is damaged."""
_SET_BY = timedelta(seconds=5)
"""A label that runs apart from time by more was set."""


class Labels:
    """Reads the clock, and tells by how much it was set since it was read last."""

    __slots__ = ("_clock", "_last", "_sleeping")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: tuple[datetime, float] | None = None
        self._sleeping = False

    def sleeps(self) -> None:
        """Take note that the computer is about to sleep: until it woke nobody knows how much of a step was sleep."""
        self._sleeping = True

    def awoke(self) -> None:
        """Take note that it woke."""
        self._sleeping, self._last = False, None

    def read(self) -> tuple[datetime, timedelta]:
        """Return what the clock shows, and the step that it made; none is zero."""
        utc, s = self._clock.utc(), self._clock.monotonic_s()
        step = timedelta()
        if self._last is not None and not self._sleeping:
            step = (utc - self._last[0]) - timedelta(seconds=s - self._last[1])
        self._last = (utc, s)
        return utc, step if abs(step) > _SET_BY else timedelta()
