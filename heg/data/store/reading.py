"""Reading the store: one value, a page of history, and rows in arrival order. Runs on the worker's thread.

What is on disk, what waits for the disk and what is not flushed yet are read as one.
"""

import heapq
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from heg.data.door import Answer, Condition, Function, HistoryPage, HistoryRow, Resolution
from heg.data.history import EPOCH, HistoryRequest, raw_row
from heg.data.store.cursors import make_cursor, read_cursor
from heg.data.store.disk import Disk
from heg.data.store.frames import Row, from_ms
from heg.data.store.rollups import LEVEL, Buckets, Level, Stats, merge_into, of_open, stats_of
from heg.data.store.upkeep import rollup_id, rollup_start_ms
from heg.data.store.values import value_of
from heg.model.instance import Instance
from heg.model.refusals import Refusal, RefusalCode

_FRAMES_A_PAGE = 200
_FRAMES_A_SLICE = 100
_BUCKETS_A_PAGE = 20_000
_END = 2**62
_MILLISECOND = timedelta(milliseconds=1)

BAD_CURSOR = Refusal(RefusalCode.OUT_OF_RANGE, "the cursor of the page before", "another text", "begin without cursor")


class Position(NamedTuple):
    """Where a raw row stands in time order; boot and sequence tell rows of the same millisecond apart."""

    time_ms: int
    boot: int
    sequence: int


class FollowPage(NamedTuple):
    """Rows in arrival order, the cursor behind them, and whether rows before them had expired unread."""

    instances: tuple[Instance, ...]
    cursor: str
    gap: bool
    refusal: Refusal | None = None


class Predicate:
    """A condition on rows: the same as `Condition.holds` on instances, without making instances."""

    def __init__(self, condition: Condition) -> None:
        self.from_ms = -(2**62) if condition.time_from is None else ceil_ms(condition.time_from)
        self.until_ms = 2**62 if condition.time_until is None else ceil_ms(condition.time_until)
        self._condition = condition
        self._low = condition.value_min
        self._high = condition.value_max

    def holds(self, row: Row) -> bool:
        """Tell whether a row satisfies the condition."""
        if not self.from_ms <= row.time_ms < self.until_ms:
            return False
        if self._condition.quality is not None and row.quality is not self._condition.quality:
            return False
        if self._condition.value_is is not None and row.value != self._condition.value_is:
            return False
        if self._low is None and self._high is None:
            return True
        if not isinstance(row.value, float):
            return False
        return (self._low is None or row.value >= self._low) and (self._high is None or row.value <= self._high)


class Tally:
    """The figures of a query, made of rows in arrival order; `frame` is the last one counted."""

    def __init__(self, condition: Condition) -> None:
        self.predicate = Predicate(condition)
        self.frame = 0
        self._count = self._numbers = 0
        self._total = 0.0
        self._low, self._high = float("inf"), float("-inf")
        self._first: Row | None = None
        self._last: Row | None = None

    def add(self, row: Row) -> None:
        """Count a row if it satisfies the condition."""
        if not self.predicate.holds(row):
            return
        self._count += 1
        self._first = row if self._first is None or row.time_ms < self._first.time_ms else self._first
        self._last = row if self._last is None or row.time_ms >= self._last.time_ms else self._last
        if isinstance(row.value, float):
            self._numbers += 1
            self._total += row.value
            self._low, self._high = min(self._low, row.value), max(self._high, row.value)

    def answer(self, request: int, variable: str, function: Function) -> Answer:
        """The one value; first and last are by time, the later arrival wins a tie."""
        if function is Function.COUNT:
            return Answer(request, float(self._count))
        if self._first is None or self._last is None:
            return Answer(request)
        if function in (Function.FIRST, Function.LAST, Function.NEWEST):
            found = self._first if function is Function.FIRST else self._last
            return Answer(request, value_of(variable, found.value), from_ms(found.time_ms))
        if not self._numbers:
            return Answer(request, refusal=Refusal(RefusalCode.UNSUPPORTED, f"numbers for {function}", variable))
        figures = {
            Function.AVERAGE: self._total / self._numbers,
            Function.SUM: self._total,
            Function.MINIMUM: self._low,
            Function.MAXIMUM: self._high,
        }
        return Answer(request, figures[function])


class Reader:
    """One look at the store: `tail` are the rows that are not flushed yet, in arrival order."""

    def __init__(self, disk: Disk, connection: sqlite3.Connection, tail: Sequence[Row]) -> None:
        self._disk = disk
        self._connection = connection
        self._tail = tail

    def tally(self, ids: frozenset[int], tally: Tally) -> bool:
        """Count the next frames into a tally, then what is not on disk; False while there is more to count."""
        predicate = tally.predicate
        query = "SELECT id, body FROM frame WHERE until_ms >= ? AND from_ms < ? AND id > ? ORDER BY id LIMIT ?"
        span = (predicate.from_ms, predicate.until_ms, tally.frame, _FRAMES_A_SLICE)
        found = self._connection.execute(query, span).fetchall()
        for tally.frame, body in found:
            for row in self._disk.rows_of(body, ids):
                tally.add(row)
        if len(found) == _FRAMES_A_SLICE:
            return False
        for _, row in self._undurable(ids):
            tally.add(row)
        return True

    def history(self, request: HistoryRequest, ids: frozenset[int]) -> HistoryPage:
        """One page of rows in time order."""
        if request.resolution is Resolution.RAW:
            return self._raw_page(request, ids)
        return self._rolled_page(request, ids, LEVEL[request.resolution])

    def follow(self, cursor: str | None, limit: int) -> FollowPage:
        """Rows on disk in arrival order behind a cursor (None: from the oldest on)."""
        frame, sequence = 0, 0
        if cursor is not None:
            fields = read_cursor(cursor, "follow", (str, int, int))
            if fields is None:
                return FollowPage((), cursor, gap=False, refusal=BAD_CURSOR)
            if fields[0] != self._disk.store_id:  # another store since: everything in this one is news
                return self.follow(None, limit)._replace(gap=True)
            frame, sequence = int(fields[1]), int(fields[2])
        return self._follow_from(frame, sequence, limit, fresh=cursor is None)

    def _follow_from(self, frame: int, sequence: int, limit: int, *, fresh: bool) -> FollowPage:
        found: list[Instance] = []
        gap, at = False, (frame, sequence)
        query = "SELECT id, expired, body FROM frame WHERE id >= ? ORDER BY id"
        for number, expired, body in self._connection.execute(query, (frame,)):
            unread = number > frame or sequence < _END
            gap = gap or (not fresh and (number > at[0] + 1 or (expired > 0 and unread)))
            fresh = False
            for row in self._disk.rows_of(body):
                if number == frame and row.sequence <= sequence:
                    continue
                if len(found) >= limit:
                    return FollowPage(tuple(found), self._follow_cursor(*at), gap)
                if (instance := self._instance(row)) is not None:
                    found.append(instance)
                at = (number, row.sequence)
            at = (number, _END)
        return FollowPage(tuple(found), self._follow_cursor(*at), gap)

    def _follow_cursor(self, frame: int, sequence: int) -> str:
        return make_cursor("follow", self._disk.store_id, frame, sequence)

    def _instance(self, row: Row) -> Instance | None:
        name = self._disk.names.name(row.series)
        if name is None:
            return None
        return Instance(
            name.variable,
            name.location,
            value_of(name.variable, row.value),
            from_ms(row.time_ms),
            row.quality,
            name.owner,
            name.source,
            self._disk.names.policy(row.series),
            sequence=row.sequence,
        )

    # -- raw rows

    def _undurable(self, ids: frozenset[int]) -> Iterator[tuple[int, Row]]:
        for frame in self._disk.pending:
            for row in self._disk.rows_of(frame.body, ids):
                yield self._disk.boot, row
        for row in self._tail:
            if row.series in ids:
                yield self._disk.boot, row

    def _raw_page(self, request: HistoryRequest, ids: frozenset[int]) -> HistoryPage:
        start_ms, end_ms = ceil_ms(request.start), ceil_ms(request.end)
        after = Position(start_ms, -1, -1)
        if request.cursor is not None:
            fields = read_cursor(request.cursor, "raw", (int, int, int))
            if fields is None:
                return HistoryPage((), refusal=BAD_CURSOR)
            after = Position(*(int(field) for field in fields))
        rows: list[HistoryRow] = []
        reached = after
        for position, row in self._in_time_order(ids, after, end_ms):
            if row is None or len(rows) >= request.limit:
                reached = position if row is None else reached
                return HistoryPage(tuple(rows), make_cursor("raw", *reached))
            rows.append(raw_row(from_ms(row.time_ms), value_of(request.variable, row.value)))
            reached = position
        return HistoryPage(tuple(rows))

    def _in_time_order(
        self, ids: frozenset[int], after: Position, end_ms: int
    ) -> Iterator[tuple[Position, Row | None]]:
        """Rows behind a position by time; a None marks where this page must stop so that no request takes for ever.

        Frames overlap in time only where rows came late or the clock jumped: a row may be given as soon as no frame
        that is still unread begins before it.
        """
        heap: list[tuple[Position, Row]] = []

        def take(boot: int, row: Row) -> None:
            position = Position(row.time_ms, boot, row.sequence)
            if after < position and row.time_ms < end_ms:
                heapq.heappush(heap, (position, row))

        for boot, row in self._undurable(ids):
            take(boot, row)
        # What outlives the raw values is rare, and a frame says whether it holds such rows: a month of books is not
        # looked for in a month of measurements.
        rare = all(self._disk.outlives(series) for series in ids)
        some = "AND kept > 0" if rare else ""
        query = f"SELECT id, from_ms FROM frame WHERE until_ms >= ? AND from_ms < ? {some} ORDER BY from_ms, id"  # noqa: S608
        frames = self._connection.execute(query, (after.time_ms, end_ms)).fetchall()
        for read, (number, begins_ms) in enumerate(frames):
            while heap and heap[0][0].time_ms < begins_ms:
                yield heapq.heappop(heap)
            if read >= _FRAMES_A_PAGE and begins_ms > after.time_ms:
                yield Position(begins_ms, -1, -1), None
                return
            for boot, body in self._connection.execute("SELECT boot, body FROM frame WHERE id = ?", (number,)):
                for row in self._disk.rows_of(body, ids):
                    take(boot, row)
        while heap:
            yield heapq.heappop(heap)

    # -- roll-ups

    def _rolled_page(self, request: HistoryRequest, ids: frozenset[int], level: Level) -> HistoryPage:
        start_ms, end_ms = ceil_ms(request.start), ceil_ms(request.end)
        if request.cursor is not None:
            fields = read_cursor(request.cursor, "rolled", (int,))
            if fields is None:
                return HistoryPage((), refusal=BAD_CURSOR)
            start_ms = max(start_ms, int(fields[0]))
        rows: list[HistoryRow] = []
        for bucket_ms, stats in self._buckets(ids, level, start_ms, end_ms):
            if stats is None or len(rows) >= request.limit:
                return HistoryPage(tuple(rows), make_cursor("rolled", bucket_ms))
            rows.append(stats.row(bucket_ms))
        return HistoryPage(tuple(rows))

    def _buckets(
        self, ids: frozenset[int], level: Level, start_ms: int, end_ms: int
    ) -> Iterator[tuple[int, Stats | None]]:
        fresh = self._not_on_disk(ids, level, start_ms, end_ms)
        query = "SELECT id, body FROM rollup WHERE id >= ? AND id < ? ORDER BY id"
        first = -(-start_ms // 60_000) * 60_000
        last = -(-end_ms // 60_000) * 60_000
        span = (rollup_id(level, max(0, first)), rollup_id(level, max(0, last)))
        for read, (number, body) in enumerate(self._connection.execute(query, span)):
            bucket_ms = rollup_start_ms(number)
            for earlier in sorted(start for start in fresh if start < bucket_ms):
                yield from _joined(earlier, fresh.pop(earlier), ids)
            if read >= _BUCKETS_A_PAGE:
                yield bucket_ms, None
                return
            bucket = self._disk.bucket_of(body, bucket_ms, ids)
            merge_into(bucket, fresh.pop(bucket_ms, {}))
            yield from _joined(bucket_ms, bucket, ids)
        for start in sorted(fresh):
            yield from _joined(start, fresh[start], ids)

    def _not_on_disk(self, ids: frozenset[int], level: Level, start_ms: int, end_ms: int) -> Buckets:
        buckets = of_open(self._disk.open_buckets, level)
        late = stats_of((row for _, row in self._undurable(ids)), level)
        for start, bucket in late.items():
            merge_into(buckets.setdefault(start, {}), bucket)
        return {start: bucket for start, bucket in buckets.items() if start_ms <= start < end_ms}


def ceil_ms(time: datetime) -> int:
    """Milliseconds since 1970, rounded up: a bound on labels, which are whole milliseconds."""
    return -((EPOCH - time) // _MILLISECOND)


def _joined(start_ms: int, bucket: dict[int, Stats], ids: frozenset[int]) -> Iterator[tuple[int, Stats | None]]:
    whole: Stats | None = None
    for series in sorted(ids & bucket.keys()):
        whole = bucket[series] if whole is None else whole.merged(bucket[series])
    if whole is not None:
        yield start_ms, whole
