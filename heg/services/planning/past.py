"""The past that forecasts stand on: the mean of each slot of five weeks, in memory, bounded; gaps stay gaps.

Read once from the store at start, a day a page so that nobody waits for it; then slot by slot as the books close.
"""

import logging
import math
from array import array
from datetime import UTC, datetime, timedelta

from heg.data.door import Door, Resolution
from heg.model.instance import Location
from heg.model.plan import SeriesHistory
from heg.model.refusals import RefusalCode
from heg.runtime.clock import Clock
from heg.services.planning.settings import HISTORY_DAYS

logger = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE = timedelta(days=1)
_BREATH_S = 0.05
"""Between two pages: the store's thread has other things to do, and so has the control cycle."""
_AGAIN_S = 5.0
_TRIES = 60


class SeriesPast:
    """The last `days` of one series: a ring of slots, each with the slot it belongs to."""

    def __init__(self, slot_minutes: int, days: int = HISTORY_DAYS) -> None:
        self.slot_minutes = slot_minutes
        self._slot = timedelta(minutes=slot_minutes)
        self._size = days * 24 * 60 // slot_minutes
        self._values = array("f", [math.nan]) * self._size
        self._belongs = array("q", [-1]) * self._size

    def put(self, start: datetime, kw: float, *, provisional: bool = False) -> None:
        """Keep a slot's mean; a `provisional` one gives way to what is known already."""
        if not math.isfinite(kw):
            return
        index = (start - _EPOCH) // self._slot
        at = index % self._size
        if provisional and self._belongs[at] == index:
            return
        self._values[at], self._belongs[at] = kw, index

    def until(self, end: datetime, running_kw: float | None = None) -> SeriesHistory:
        """Return the slots that end at `end`, from the first known one on, None where nothing was measured."""
        last = (end - _EPOCH) // self._slot
        found: list[float | None] = []
        for index in range(last - self._size, last):
            at = index % self._size
            if self._belongs[at] == index:
                found.append(round(self._values[at], 4))
            elif found:
                found.append(None)
        return SeriesHistory(slot_minutes=self.slot_minutes, end=end, values_kw=tuple(found), running_kw=running_kw)


async def read_past(door: Door, clock: Clock, place: Location, variable: str, past: SeriesPast) -> int:
    """Read what the store has of a series into `past`; returns the number of slots found.

    Slots of less than an hour are read from quarter hours: minutes of five weeks would cost the store's thread seconds.
    """
    resolution = Resolution.HOUR if past.slot_minutes == 60 else Resolution.QUARTER
    parts = max(1, 15 // past.slot_minutes)
    now = clock.utc()
    found = 0
    for days in range(1, HISTORY_DAYS + 1):
        # The newest day first: a plan that is made meanwhile has the best of it.
        start, end = now - days * _PAGE, now - (days - 1) * _PAGE
        for _ in range(_TRIES):
            page = await door.history(variable, place, start, end, resolution, limit=1000)
            if page.refusal is None or page.refusal.code is not RefusalCode.NOT_READY:
                break
            await clock.sleep(_AGAIN_S)
        if page.refusal is not None:
            logger.warning("%s cannot be read, forecasts begin anew: %s", variable, page.refusal)
            return found
        for row in page.rows:
            if isinstance(row.value, int | float):
                for part in range(parts):
                    past.put(row.time + part * timedelta(minutes=past.slot_minutes), float(row.value), provisional=True)
                found += 1
        await clock.sleep(_BREATH_S)
    return found


class SlotMean:
    """The mean of the slot that runs, from samples that each hold until the next. Times are monotonic."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._last: tuple[float, float] | None = None
        self.seconds = 0.0

    @property
    def kw(self) -> float | None:
        """The mean so far, None before anything was measured."""
        return self._sum / self.seconds if self.seconds > 0 else None

    def add(self, now_s: float, kw: float | None) -> None:
        """Take a sample; None ends what held before, and counts for nothing."""
        if self._last is not None:
            since_s, held_kw = self._last
            self._sum += held_kw * (now_s - since_s)
            self.seconds += now_s - since_s
        self._last = None if kw is None else (now_s, kw)

    def restart(self, now_s: float) -> float | None:
        """A new slot begins: return the mean of the one that ends. What flows now goes on to hold."""
        self.add(now_s, None if self._last is None else self._last[1])
        ended = self.kw
        self._sum = self.seconds = 0.0
        return ended
