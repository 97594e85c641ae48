"""Times of day are labels that somebody may set: on a computer without a clock of its own, at every start."""

from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from heg.model.local_times import next_occurrence
from heg.runtime.clock import Clock

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""One that has its zone; a file that says none is damaged."""
_SET_BY = timedelta(seconds=5)
"""A label that runs apart from time by more was set."""


def same_time_of_day(moment: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clock shows next after `after` what it shows at `moment`."""
    return next_occurrence(moment.astimezone(zone).time(), after, zone)


class Labels:
    """Reads the clock, and tells by how much it was set since it was read last; what the machine slept is no step."""

    __slots__ = ("_clock", "_last")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: tuple[datetime, float] | None = None

    def read(self) -> tuple[datetime, timedelta]:
        """Return what the clock shows, and the step that it made; none is zero."""
        utc, s = self._clock.utc(), self._clock.elapsed_s()
        before, before_s = self._last or (utc, s)
        self._last = (utc, s)
        step = utc - before - timedelta(seconds=s - before_s)
        return utc, step if abs(step) > _SET_BY else timedelta()
