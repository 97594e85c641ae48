"""A series with gaps, and the profiles without gaps that it is told as. Pure.

What is not known stays unknown through every sum: a gap is filled by whoever plans, never by a feed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from heg.model.slots import Profile, slot_start

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` until before `end`, both UTC and full hours."""

    start: datetime
    end: datetime

    def slots(self, slot_minutes: int) -> int:
        """How many slots of a length it has."""
        return (self.end - self.start) // timedelta(minutes=slot_minutes)


@dataclass(frozen=True, slots=True)
class Series:
    """`values[i]` holds from `start + i * slot_minutes` for a slot; None where nobody has said it."""

    start: datetime
    slot_minutes: int
    values: tuple[float | None, ...]

    @property
    def slot(self) -> timedelta:
        """Length of a slot."""
        return timedelta(minutes=self.slot_minutes)

    def at(self, moment: datetime) -> float | None:
        """The value that holds at a moment; None where it is not known."""
        index = (moment - self.start) // self.slot
        return self.values[index] if 0 <= index < len(self.values) else None

    def known_until(self, moment: datetime) -> datetime:
        """The end of what is known without a gap from `moment` on; `moment` itself when it is not known then."""
        index = (moment - self.start) // self.slot
        if not 0 <= index < len(self.values) or self.values[index] is None:
            return moment
        while index < len(self.values) and self.values[index] is not None:
            index += 1
        return self.start + index * self.slot

    def runs(self) -> tuple[Profile, ...]:
        """What is known, as profiles without a gap, in order."""
        return tuple(self._runs())

    def _runs(self) -> Iterator[Profile]:
        at = 0
        for unknown, group in groupby(self.values, key=lambda value: value is None):
            run = tuple(value for value in group if value is not None)
            if unknown:
                at = self._next_known(at)
            else:
                yield Profile(self.start + at * self.slot, self.slot_minutes, run)
                at += len(run)

    def _next_known(self, at: int) -> int:
        return next((index for index in range(at, len(self.values)) if self.values[index] is not None), at)

    def mapped(self, change: Callable[[float], float]) -> Series:
        """Every known value changed."""
        values = tuple(None if value is None else change(value) for value in self.values)
        return Series(self.start, self.slot_minutes, values)


def constant(span: Span, value: float) -> Series:
    """One value all the time."""
    return Series(span.start, 60, (value,) * span.slots(60))


def sampled(span: Span, slot_minutes: int, value: Callable[[datetime], float | None]) -> Series:
    """A series by a rule of each slot's start."""
    step = timedelta(minutes=slot_minutes)
    return Series(
        span.start, slot_minutes, tuple(value(span.start + index * step) for index in range(span.slots(slot_minutes)))
    )


def placed(span: Span, slot_minutes: int, said: Sequence[tuple[datetime, float]]) -> Series:
    """A series from what was said of single slots; what lies outside the span is left out."""
    values: list[float | None] = [None] * span.slots(slot_minutes)
    step = timedelta(minutes=slot_minutes)
    for time, value in said:
        index = (time - span.start) // step
        if 0 <= index < len(values):
            values[index] = value
    return Series(span.start, slot_minutes, tuple(values))


def hour_floor(moment: datetime) -> datetime:
    """The full UTC hour at or before a moment."""
    return slot_start(moment, timedelta(hours=1))
