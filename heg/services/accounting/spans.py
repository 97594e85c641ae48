"""Which slots and which local days a stretch of time belongs to. Pure; slots are UTC, days are people's.

A slot belongs to the local day, and the month, in which it starts: days of 23 and 25 hours have as many slots fewer
or more, and no slot is ever in two of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from heg.model.slots import slot_start

GAP_S = 300.0
"""A stretch that is longer, and was not measured, is booked as one span however many slots it covers."""
_MOST_DAYS = 400


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a stretch: booked from `start` (a slot's) until `until`; `seconds` of the stretch lie in it."""

    start: datetime
    until: datetime
    seconds: float


class Calendar:
    """Local days and months of one time zone, begun where their first slot begins."""

    def __init__(self, time_zone: str, slot_minutes: int) -> None:
        self._zone = ZoneInfo(time_zone)
        self.slot = timedelta(minutes=slot_minutes)

    def slot_of(self, moment: datetime) -> datetime:
        """Return the start of the slot a moment lies in."""
        return slot_start(moment, self.slot)

    def day(self, slot: datetime) -> datetime:
        """Return the start of the first slot of the local day that a slot belongs to."""
        return self._first_slot(slot, month=False)

    def month(self, slot: datetime) -> datetime:
        """Return the start of the first slot of the local month that a slot belongs to."""
        return self._first_slot(slot, month=True)

    def next_day(self, slot: datetime) -> datetime:
        """Return the start of the first slot of the next local day."""
        local = slot.astimezone(self._zone)
        noon = local.replace(hour=12, minute=0, second=0, microsecond=0, fold=0) + timedelta(days=1)
        return self._up(noon.replace(hour=0))

    def _first_slot(self, slot: datetime, *, month: bool) -> datetime:
        local = slot.astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return self._up(local.replace(day=1) if month else local)

    def _up(self, local: datetime) -> datetime:
        moment = local.astimezone(UTC)
        start = slot_start(moment, self.slot)
        return start if start == moment else start + self.slot


def pieces(calendar: Calendar, since: datetime, until: datetime, *, measured: bool) -> list[Piece]:
    """Cut a stretch of time at slot starts; an unmeasured one that is long only at local days and at its last slot.

    The piece that was not measured keeps all its slots in one span: what flowed is known, when is not.
    """
    if until <= since:
        slot = calendar.slot_of(since)
        return [Piece(slot, slot + calendar.slot, 0.0)]
    long = not measured and (until - since).total_seconds() > GAP_S
    edges = [since, *(_day_edges if long else _slot_edges)(calendar, since, until), until]
    return [_piece(calendar, first, last) for first, last in pairwise(edges) if last > first]


def _piece(calendar: Calendar, first: datetime, last: datetime) -> Piece:
    start, ends = calendar.slot_of(first), calendar.slot_of(last)
    return Piece(start, max(ends, start + calendar.slot), (last - first).total_seconds())


def _slot_edges(calendar: Calendar, since: datetime, until: datetime) -> Iterator[datetime]:
    edge = calendar.slot_of(since) + calendar.slot
    while edge < until:
        yield edge
        edge += calendar.slot


def _day_edges(calendar: Calendar, since: datetime, until: datetime) -> Iterator[datetime]:
    last = calendar.slot_of(until)
    edge = calendar.next_day(since)
    for _ in range(_MOST_DAYS):
        if edge >= last:
            break
        yield edge
        edge = calendar.next_day(edge)
    if last > since:
        yield last
