"""Series that come from outside slot by slot (prices, CO2, others' forecasts): merged, kept, and their gaps filled.

Pure. What was once said of a slot holds until something else is said of it. A gap is filled from the same slot of the
days before, and the caller is told how many were filled and from when on.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from heg.model.slots import Profile

DAYS_KEPT = 9
_DAYS_AHEAD = 4
_DAYS_AVERAGED = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Filled:
    """One value a slot. `known` of them were said; `first_gap` is the start of the first one that was not, if any."""

    values: tuple[float, ...]
    known: int
    first_gap: datetime | None = None

    @property
    def gaps(self) -> int:
        """How many slots nobody spoke of."""
        return len(self.values) - self.known


class SlotBook:
    """The slots of one series from `DAYS_KEPT` days ago to a few days ahead. Values beyond `most` are not believed."""

    def __init__(self, slot_minutes: int, most: float) -> None:
        self._minutes = slot_minutes
        self._slot = timedelta(minutes=slot_minutes)
        self._day = 24 * 60 // slot_minutes
        self._most = most
        self._values: dict[int, float] = {}

    @property
    def empty(self) -> bool:
        """True while nobody has said anything."""
        return not self._values

    def learn(self, profiles: Iterable[Profile], now: datetime) -> bool:
        """Take what is said, the newest word last; True when something changed of the slots from now on."""
        at = self._index(now)
        first, last = at - DAYS_KEPT * self._day, at + _DAYS_AHEAD * self._day
        changed = False
        for profile in profiles:
            usable = profile.cut(now - timedelta(days=DAYS_KEPT + 1), now + timedelta(days=_DAYS_AHEAD + 1))
            fine = usable.resampled(self._minutes)
            begin = self._index(fine.start)
            for index, value in enumerate(fine.values, start=begin):
                if not first <= index < last or not abs(value) <= self._most:
                    continue
                changed = changed or (index >= at and self._values.get(index) != value)
                self._values[index] = value
        for index in [one for one in self._values if not first <= one < last]:
            del self._values[index]
        return changed

    def known(self, start: datetime, slots: int) -> tuple[float | None, ...]:
        """Return what was said of the slots from `start` on, None where nothing was."""
        begin = self._index(start)
        return tuple(self._values.get(begin + offset) for offset in range(slots))

    def filled(self, start: datetime, slots: int) -> Filled | None:
        """Return a value for each slot: what was said, the same slot of the last days, else the mean of what is known.

        None when nothing at all is known.
        """
        if self.empty:
            return None
        begin = self._index(start)
        mean = sum(self._values.values()) / len(self._values)
        values: list[float] = []
        known, first_gap = 0, None
        for index in range(begin, begin + slots):
            said = self._values.get(index)
            if said is not None:
                known += 1
            elif first_gap is None:
                first_gap = start + (index - begin) * self._slot
            values.append(said if said is not None else self._as_before(index, mean))
        return Filled(tuple(values), known, first_gap)

    def _as_before(self, index: int, otherwise: float) -> float:
        before = (self._values.get(index - days * self._day) for days in range(1, DAYS_KEPT + _DAYS_AHEAD + 1))
        found = [value for value in before if value is not None][:_DAYS_AVERAGED]
        return sum(found) / len(found) if found else otherwise

    def _index(self, moment: datetime) -> int:
        return (moment - _EPOCH) // self._slot
