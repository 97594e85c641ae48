"""Roll-ups: count, sum, extremes, first and last of the good numbers of each bucket, merged as rows come, late or not.

`Stats` merge in any order, so a late row needs no second look at what was rolled up before. The buckets that contain
the present are kept open in memory and written when they are over; everything else is merged on disk at once.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple, Self

from heg.data.door import HistoryRow, Resolution
from heg.data.history import SPAN
from heg.data.store.columns import DamagedError, Reader, Writer, seal, unseal
from heg.data.store.frames import Row, from_ms, stored_number
from heg.model.instance import Quality


class Level(IntEnum):
    """The resolutions, finest first; each is made of the one before."""

    MINUTE = 0
    QUARTER = 1
    HOUR = 2
    DAY = 3

    @property
    def span_ms(self) -> int:
        """Length of a bucket."""
        return round(SPAN[RESOLUTION[self]].total_seconds() * 1000)

    def start_ms(self, time_ms: int) -> int:
        """Start of the bucket in which a time lies."""
        return time_ms // self.span_ms * self.span_ms


RESOLUTION = {
    Level.MINUTE: Resolution.MINUTE,
    Level.QUARTER: Resolution.QUARTER,
    Level.HOUR: Resolution.HOUR,
    Level.DAY: Resolution.DAY,
}
LEVEL = {resolution: level for level, resolution in RESOLUTION.items()}


class Stats(NamedTuple):
    """What is kept of the good numbers of one series in one bucket."""

    size: int
    total: float
    low: float
    high: float
    first_ms: int
    first: float
    last_ms: int
    last: float

    @classmethod
    def of(cls, time_ms: int, value: float) -> Self:
        """The stats of one value."""
        return cls(1, value, value, value, time_ms, value, time_ms, value)

    def merged(self, later: "Stats") -> "Stats":
        """Both together; `later` arrived later, which decides between equal times."""
        first = self if self.first_ms <= later.first_ms else later
        last = later if later.last_ms >= self.last_ms else self
        return Stats(
            self.size + later.size,
            self.total + later.total,
            min(self.low, later.low),
            max(self.high, later.high),
            first.first_ms,
            first.first,
            last.last_ms,
            last.last,
        )

    def row(self, start_ms: int) -> HistoryRow:
        """As a row of history."""
        mean = stored_number(self.total / self.size)
        return HistoryRow(from_ms(start_ms), mean, self.low, self.high, self.first, self.last, self.size)


Bucket = Mapping[int, Stats]
"""The stats of one bucket by series."""
Buckets = dict[int, dict[int, Stats]]
"""Buckets of one level by start in ms."""


def stats_of(rows: Iterable[Row], level: Level) -> Buckets:
    """Return the stats of good numbers among rows (in arrival order), by bucket and series."""
    buckets: Buckets = {}
    for row in rows:
        if row.quality is Quality.GOOD and isinstance(row.value, float):
            bucket = buckets.setdefault(level.start_ms(row.time_ms), {})
            _merge_one(bucket, row.series, Stats.of(row.time_ms, row.value))
    return buckets


def merge_into(bucket: dict[int, Stats], later: Bucket) -> None:
    """Merge what arrived later into a bucket."""
    for series, stats in later.items():
        _merge_one(bucket, series, stats)


def encode_bucket(bucket: Bucket, start_ms: int) -> bytes:
    """Return the body of a bucket."""
    ordered = sorted(bucket)
    chosen = [bucket[series] for series in ordered]
    writer = Writer()
    writer.integers(ordered)
    writer.integers([stats.size for stats in chosen])
    writer.integers([stats.first_ms - start_ms for stats in chosen])
    writer.integers([stats.last_ms - start_ms for stats in chosen])
    for figures in (
        [stored_number(stats.total) for stats in chosen],
        [stats.low for stats in chosen],
        [stats.high for stats in chosen],
        [stats.first for stats in chosen],
        [stats.last for stats in chosen],
    ):
        writer.numbers(figures)
    return seal(writer.payload(), quick=True)


def decode_bucket(body: bytes, start_ms: int, only: frozenset[int] | None = None) -> dict[int, Stats]:
    """Return the stats by series, of some only if asked; raises `DamagedError` and nothing else."""
    try:
        reader = Reader(unseal(body))
        series = reader.integers()
        size = len(series)
        chosen = [index for index, one in enumerate(series) if only is None or one in only]
        if not chosen:
            return {}
        counts, firsts, lasts = reader.integers(size), reader.integers(size), reader.integers(size)
        columns = [reader.numbers(size, chosen) for _ in range(5)]
    except (OverflowError, MemoryError, UnicodeDecodeError) as error:
        raise DamagedError(repr(error)) from error
    if any(count < 1 for count in counts):
        raise DamagedError("a bucket without values")
    return {
        series[index]: Stats(
            counts[index], total, low, high, start_ms + firsts[index], first, start_ms + lasts[index], last
        )
        for index, total, low, high, first, last in zip(chosen, *columns, strict=True)
    }


class Open(NamedTuple):
    """The bucket of one level that contains the present, as far as it is not on disk."""

    start_ms: int
    bucket: Bucket


OpenBuckets = Mapping[Level, Open]
Change = Callable[[Level, int, Bucket], None]


def absorb(open_now: OpenBuckets, rows: Iterable[Row], label_ms: int, merge_on_disk: Change) -> OpenBuckets:
    """Take the rows of a flush in: hand every closed bucket to `merge_on_disk` and return the open ones.

    Pure but for that call, so that a flush the disk refuses changes nothing here either.
    """
    after: dict[Level, Open] = {}
    incoming = stats_of(rows, Level.MINUTE)
    for level in Level:
        start_ms = level.start_ms(label_ms)
        before = open_now.get(level, Open(start_ms, {}))
        closing: Buckets = {}
        if before.start_ms == start_ms:
            present = dict(before.bucket)
        else:
            present = {}
            closing[before.start_ms] = dict(before.bucket)
        for start, bucket in incoming.items():
            merge_into(present if start == start_ms else closing.setdefault(start, {}), bucket)
        after[level] = Open(start_ms, present)
        incoming = {}
        for start, bucket in closing.items():
            if bucket:
                merge_on_disk(level, start, bucket)
                if level is not Level.DAY:
                    merge_into(incoming.setdefault(Level(level + 1).start_ms(start), {}), bucket)
    return after


def of_open(open_now: OpenBuckets, level: Level) -> Buckets:
    """Return what the open buckets add to the buckets of a level: its own and every finer one's."""
    buckets: Buckets = {}
    # A coarser bucket opened earlier, so what it holds arrived before what still waits in a finer one.
    for finer in reversed(Level):
        if finer <= level and finer in open_now:
            merge_into(buckets.setdefault(level.start_ms(open_now[finer].start_ms), {}), open_now[finer].bucket)
    return {start: bucket for start, bucket in buckets.items() if bucket}


def _merge_one(bucket: dict[int, Stats], series: int, later: Stats) -> None:
    earlier = bucket.get(series)
    bucket[series] = later if earlier is None else earlier.merged(later)
