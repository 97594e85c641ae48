"""Which slot of the day and which kind of day consecutive slots are, where the house's people live.

Slots are UTC intervals; habits follow the local clock. On the days of 23 and 25 hours a slot belongs to the local
time it begins at, so habits go on undisturbed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

DAY_MINUTES = 1440
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WEEKDAY = 3
"""The first of January 1970 was a Thursday; Monday is 0."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """For each of consecutive slots: its place in the day, from 0 on, and whether it is a weekend's (1) or not (0)."""

    slot_of_day: Indices
    weekend: Indices

    def hours(self, slot_minutes: int) -> Values:
        """Return the hour of the day at the middle of each slot."""
        return np.asarray((self.slot_of_day + 0.5) * (slot_minutes / 60.0), dtype=np.float64)

    def __len__(self) -> int:
        """Return the number of slots."""
        return len(self.slot_of_day)


def zone_of(name: str) -> tzinfo:
    """Return the time zone; UTC where this machine does not know it (the configuration refuses such a name before)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def calendar_of(start: datetime, slot_minutes: int, count: int, zone: tzinfo = UTC) -> Calendar:
    """Return the calendar of `count` slots from `start` (aware) on."""
    first = (start - _EPOCH) // timedelta(minutes=1)
    minutes = first + slot_minutes * np.arange(count, dtype=np.int64)
    local = minutes + _offsets(start, slot_minutes, count, zone)
    days, of_day = np.divmod(local, DAY_MINUTES)
    weekday = (days + _EPOCH_WEEKDAY) % 7
    return Calendar(of_day // slot_minutes, (weekday >= 5).astype(np.int64))


def _offsets(start: datetime, slot_minutes: int, count: int, zone: tzinfo) -> Indices:
    """Minutes from UTC of each slot: asked once a day, and slot by slot only on a day on which they change."""
    offsets = np.zeros(count, dtype=np.int64)
    if zone is UTC:
        return offsets
    a_day = DAY_MINUTES // slot_minutes
    slot = timedelta(minutes=slot_minutes)
    begin = 0
    while begin < count:
        end = min(begin + a_day, count)
        known = _offset(start + begin * slot, zone)
        if known == _offset(start + end * slot, zone):
            offsets[begin:end] = known
        else:
            offsets[begin:end] = [_offset(start + at * slot, zone) for at in range(begin, end)]
        begin = end
    return offsets


def _offset(moment: datetime, zone: tzinfo) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return 0 if offset is None else offset // timedelta(minutes=1)
