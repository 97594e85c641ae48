"""Keeping the store small: retention of each resolution, the bound on the file, and room when the disk is full."""

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple, Protocol

from heg.data.store.files import transaction
from heg.data.store.frames import Row, encode_frame
from heg.data.store.rollups import Level
from heg.data.store.settings import Retention

_LEVEL = 2**40
_MINUTE_MS = 60_000
_CHUNK = 64
_FILL_AT_MOST = 0.9
_FREE_AT_MOST = 0.25


class Frames(Protocol):
    """What upkeep must know of frames."""

    def rows_of(self, body: bytes, only: frozenset[int] | None = None) -> list[Row]:
        """Return a frame's rows."""

    def outlives(self, series: int) -> bool:
        """Tell whether rows of a series stay when raw values expire."""


def rollup_id(level: Level, start_ms: int) -> int:
    """Return the key of a bucket: each resolution grows at its own end of the table."""
    return level * _LEVEL + start_ms // _MINUTE_MS


def rollup_start_ms(number: int) -> int:
    """Return the start of the bucket with this key."""
    return number % _LEVEL * _MINUTE_MS


class Age(NamedTuple):
    """Which frames are old: those that end before a time and, of this boot, arrived before a monotonic time too.

    Labels alone do not tell: what was written before NTP came carries the labels of another year.
    """

    before_ms: int
    boot: int
    arrived_before_ms: int


ANY_AGE = Age(2**62, 0, 0)


class Now(NamedTuple):
    """The present by both clocks: the time by which rows expire, the boot, and the monotonic time within it."""

    time_ms: int
    boot: int
    monotonic_ms: int

    def older_than(self, span: timedelta | None) -> Age | None:
        """What is older than a span; None when nothing ever is."""
        if span is None:
            return None
        span_ms = round(span.total_seconds() * 1000)
        return Age(self.time_ms - span_ms, self.boot, self.monotonic_ms - span_ms)


def expire_raw(connection: sqlite3.Connection, age: Age, limit: int, frames: Frames) -> int:
    """Take raw values out of the oldest frames, up to the first that is not old; returns how many frames changed.

    Commands, evidence and configuration stay. Runs inside the caller's transaction.
    """
    (newest,) = connection.execute("SELECT coalesce(max(id), 0) FROM frame").fetchone()
    query = (
        "SELECT id, kept, body FROM frame WHERE rows > kept AND id < (SELECT coalesce(min(id), ?) FROM frame"
        " WHERE rows > kept AND (until_ms >= ? OR (boot = ? AND arrived_ms >= ?))) ORDER BY id LIMIT ?"
    )
    chosen = connection.execute(query, (newest + 1, *age, limit)).fetchall()
    for number, kept, body in chosen:
        # The newest frame stays even when it is empty: its number is what cursors count on.
        if not kept and number != newest:
            connection.execute("DELETE FROM frame WHERE id = ?", (number,))
        else:
            left = [row for row in frames.rows_of(body) if frames.outlives(row.series)]
            connection.execute(
                "UPDATE frame SET body = ?, expired = expired + rows - ?, rows = ?, kept = ? WHERE id = ?",
                (encode_frame(left), len(left), len(left), len(left), number),
            )
    return len(chosen)


def expire_records(connection: sqlite3.Connection, age: Age, limit: int) -> int:
    """Delete the oldest frames whole, up to the first that is not old; returns how many.

    Runs inside the caller's transaction.
    """
    query = (
        "DELETE FROM frame WHERE id IN (SELECT id FROM frame WHERE id < (SELECT min(id) FROM frame"
        " WHERE until_ms >= ? OR (boot = ? AND arrived_ms >= ?) OR id = (SELECT max(id) FROM frame))"
        " ORDER BY id LIMIT ?)"
    )
    return connection.execute(query, (*age, limit)).rowcount


def expire_rollups(connection: sqlite3.Connection, level: Level, before_ms: int, limit: int) -> int:
    """Delete the oldest buckets of a level; returns how many. Runs inside the caller's transaction."""
    query = "DELETE FROM rollup WHERE id IN (SELECT id FROM rollup WHERE id >= ? AND id < ? ORDER BY id LIMIT ?)"
    span = (rollup_id(level, 0), rollup_id(level, before_ms))
    return connection.execute(query, (*span, limit)).rowcount


def keep_retention(connection: sqlite3.Connection, retention: Retention, now: Now, frames: Frames) -> None:
    """Delete what is older than it may get, in small transactions."""
    if (raw := now.older_than(retention.raw)) is not None:
        _repeat(connection, lambda: expire_raw(connection, raw, _CHUNK, frames))
    if (records := now.older_than(retention.records)) is not None:
        _repeat(connection, lambda: expire_records(connection, records, _CHUNK))
    for level in Level:
        if (age := now.older_than(retention.of_level(level))) is not None:
            _expire_level(connection, level, age.before_ms)


def keep_size(connection: sqlite3.Connection, max_bytes: int, frames: Frames) -> None:
    """Keep the file below its bound: oldest raw values first, then oldest records, then the minutes."""
    far_ms = 2**52
    steps: tuple[Callable[[], int], ...] = (
        lambda: expire_raw(connection, ANY_AGE, _CHUNK, frames),
        lambda: expire_records(connection, ANY_AGE, _CHUNK),
        lambda: expire_rollups(connection, Level.MINUTE, far_ms, 16 * _CHUNK),
        lambda: expire_rollups(connection, Level.QUARTER, far_ms, 16 * _CHUNK),
    )
    for step in steps:
        while used_bytes(connection) > _FILL_AT_MOST * max_bytes:
            with transaction(connection):
                if not step():
                    break
    if _free_share(connection) > _FREE_AT_MOST:
        give_back(connection)


def make_room(connection: sqlite3.Connection, frames: Frames) -> bool:
    """Take the oldest raw values out and give their room back to the disk; False when there are none."""
    # The log first: what it holds twice is the room in which the oldest rows can be taken out.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with transaction(connection):
        made = expire_raw(connection, ANY_AGE, _CHUNK, frames)
    give_back(connection)
    return made > 0


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return how much of the file is in use."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * page_bytes)


def give_back(connection: sqlite3.Connection) -> None:
    """Return unused pages to the file system and cut the log."""
    connection.execute("PRAGMA incremental_vacuum").fetchall()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


class RetentionClock:
    """The time by which rows expire: follows the labels, but no sooner than a leap has lasted a day.

    A clock that wakes in the wrong year must not have the whole past deleted.
    """

    LEAP = timedelta(hours=1)
    BELIEVED_AFTER_S = 86_400.0

    def __init__(self, trusted_ms: int, now_s: float) -> None:
        self._trusted_ms = trusted_ms
        self._now_s = now_s
        self._leapt_since_s: float | None = None

    def now_ms(self, label_ms: int, now_s: float) -> int:
        """Return the time to expire by; `label_ms` is what the clock shows, `now_s` monotonic."""
        elapsed_ms = round((now_s - self._now_s) * 1000)
        self._now_s = now_s
        expected_ms = self._trusted_ms + elapsed_ms
        if label_ms - expected_ms <= self.LEAP / timedelta(milliseconds=1):
            self._leapt_since_s = None
            self._trusted_ms = label_ms
        elif self._leapt_since_s is None:
            self._leapt_since_s = now_s
            self._trusted_ms = expected_ms
        elif now_s - self._leapt_since_s >= self.BELIEVED_AFTER_S:
            self._leapt_since_s = None
            self._trusted_ms = label_ms
        else:
            self._trusted_ms = expected_ms
        return self._trusted_ms


def _expire_level(connection: sqlite3.Connection, level: Level, before_ms: int) -> None:
    _repeat(connection, lambda: expire_rollups(connection, level, before_ms, 16 * _CHUNK))


def _repeat(connection: sqlite3.Connection, step: Callable[[], int]) -> None:
    while True:
        with transaction(connection):
            if not step():
                return


def _free_share(connection: sqlite3.Connection) -> float:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    return free / pages if pages else 0.0
