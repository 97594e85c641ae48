"""The store's worker: everything that touches SQLite, on the one thread that owns the connection.

It never raises for what a disk can do. What cannot be written stays in `Pending`, bounded, and is tried again with the
next flush; a damaged file is put aside and a new one begun (DESIGN.md, The door; spec data-interface.md, What storage
must stand).
"""

import contextlib
import errno
import functools
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from heg.data.store.columns import DamagedError
from heg.data.store.files import (
    CorruptError,
    check_whole,
    hold_reserve,
    open_store,
    put_aside,
    spend_reserve,
    transaction,
)
from heg.data.store.frames import Row, decode_frame, from_ms
from heg.data.store.names import Dictionary, SeriesName
from heg.data.store.pending import Frame, Pending
from heg.data.store.rollups import (
    Bucket,
    Level,
    OpenBuckets,
    Stats,
    absorb,
    decode_bucket,
    encode_bucket,
    merge_into,
    stats_of,
)
from heg.data.store.schema import CURRENT, Schema
from heg.data.store.settings import StoreSettings
from heg.data.store.upkeep import make_room, rollup_id, rollup_start_ms
from heg.data.store.values import from_json, outlives_raw, row_of, to_json
from heg.model.instance import Instance, Quality
from heg.model.policy import Policy

_CHUNK_FRAMES = 50
_RECENT_FRAMES = 30

logger = logging.getLogger(__name__)

Work = Callable[[sqlite3.Connection], None]
Batch = Sequence[tuple[Instance, bytes | None]]
"""Instances in arrival order, each with its JSON if it is a record."""


class DiskState(StrEnum):
    """How the disk behind the store is."""

    CLOSED = "closed"
    GOOD = "good"
    FULL = "full"
    FAULTY = "faulty"


@dataclass(frozen=True, slots=True)
class DiskHealth:
    """What the owner should know. `note` speaks of the last time a file was put aside."""

    state: DiskState = DiskState.CLOSED
    detail: str = ""
    note: str = ""
    quarantined: int = 0
    damaged: int = 0
    lost_rows: int = 0


@dataclass(frozen=True, slots=True)
class Restored:
    """The newest row of a series, as the last run left it."""

    name: SeriesName
    policy: Policy
    row: Row


class Disk:
    """Create it anywhere, use it on one thread only."""

    def __init__(self, settings: StoreSettings, schema: Schema = CURRENT) -> None:
        self.settings = settings
        self.names = Dictionary()
        self.pending = Pending(settings.max_pending_bytes)
        self.open_buckets: OpenBuckets = {}
        self.boot = 0
        self.store_id = ""
        self._schema = schema
        self._connection: sqlite3.Connection | None = None
        self._next_frame = 1
        self._state = DiskState.CLOSED
        self._detail = self._note = ""
        self._quarantined = self._damaged = 0

    def health(self) -> DiskHealth:
        """Return how the disk is."""
        lost = self.pending.dropped_rows
        return DiskHealth(self._state, self._detail, self._note, self._quarantined, self._damaged, lost)

    @property
    def connection(self) -> sqlite3.Connection | None:
        """The open file, or None while there is none."""
        return self._connection

    def open(self, label_ms: int) -> tuple[Restored, ...]:
        """Open and recover the file; returns what the image is refilled with (nothing if it cannot be opened)."""
        restored: list[Restored] = []

        def work(connection: sqlite3.Connection) -> None:
            restored.extend(self._newest(connection))

        self._attempt(work, label_ms)
        return tuple(restored)

    def check(self, label_ms: int) -> DiskHealth:
        """Look the whole file over; a damaged one is put aside. Slow with a large file, so it comes after opening."""
        self._attempt(check_whole, label_ms)
        return self.health()

    def flush(self, batch: Batch, label_ms: int) -> DiskHealth:
        """Put a batch into a frame and the frame onto the disk."""
        if batch:
            rows = [row_of(instance, record, self.names.id_of(instance)) for instance, record in batch]
            kept = sum(outlives_raw(instance.variable) for instance, _ in batch)
            arrived_ms = round(batch[-1][0].arrived_s * 1000)
            self.pending.add(Frame.of(rows, label_ms, arrived_ms, kept))
        if len(self.pending):
            self._attempt(self._commit_pending, label_ms)
        return self.health()

    def commit_now(self, batch: Batch, label_ms: int) -> DiskHealth:
        """Commit rows that must not wait; they come again with their flush, which puts them into its frame."""
        rows = [row_of(instance, record, self.names.id_of(instance)) for instance, record in batch]

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                self.names.save(connection)
                connection.executemany(
                    "INSERT OR REPLACE INTO prompt VALUES (?, ?, ?, ?, ?, ?)",
                    [(self.boot, r.sequence, r.series, r.time_ms, str(r.quality), to_json(r.value)) for r in rows],
                )
            self.names.saved()

        self._attempt(work, label_ms)
        return self.health()

    def rename(self, batch: Batch, unit: str, devices: Mapping[str, str], label_ms: int) -> DiskHealth:
        """Give devices other names, and commit with it what must not wait: all of it, or nothing."""
        self.names.rename(unit, devices)
        return self.commit_now(batch, label_ms)

    def run(self, work: Work, label_ms: int) -> bool:
        """Do other work on the open file under the same care; False when it could not be done."""
        return self._attempt(work, label_ms, settles=False)

    def close(self) -> None:
        """Close the file; the log is folded into it."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        self._state = DiskState.CLOSED

    def rows_of(self, body: bytes, only: frozenset[int] | None = None) -> list[Row]:
        """Return a frame's rows; a damaged one is counted and gives none."""
        try:
            return decode_frame(body, only)
        except DamagedError as error:
            self._count_damaged("frame", error)
            return []

    def bucket_of(self, body: bytes, start_ms: int, only: frozenset[int] | None = None) -> dict[int, Stats]:
        """Return a roll-up's stats by series; a damaged one is counted and gives none."""
        try:
            return decode_bucket(body, start_ms, only)
        except DamagedError as error:
            self._count_damaged("roll-up", error)
            return {}

    def outlives(self, series: int) -> bool:
        """Tell whether rows of a series stay when raw values expire."""
        name = self.names.name(series)
        return name is not None and outlives_raw(name.variable)

    # -- care

    def _attempt(self, work: Work, label_ms: int, *, settles: bool = True) -> bool:
        """Work on the open file, mending once; `settles` tells that success proves the disk good (a write)."""
        for _ in range(2):
            try:
                connection = self._connection or self._open(label_ms)
                work(connection)
            except (sqlite3.Error, OSError) as error:
                if not self._mend(error, label_ms):
                    return False
            else:
                if settles and not len(self.pending):
                    self._state, self._detail = DiskState.GOOD, ""
                return True
        return False

    def _mend(self, error: Exception, label_ms: int) -> bool:
        """Take note of a fault; True when trying again at once makes sense."""
        fault = _fault_of(error)
        if self._detail != str(error):
            logger.error("store %s: %s", self.settings.path, error)
        self._detail = str(error)
        if fault is _Fault.CORRUPT:
            return self._quarantine(label_ms)
        if fault is _Fault.FULL:
            self._state = DiskState.FULL
            return self._make_room()
        self._state = DiskState.FAULTY
        self._drop_connection()
        return False

    def _quarantine(self, label_ms: int) -> bool:
        self._drop_connection()
        self._quarantined += 1
        mark = from_ms(label_ms).strftime("%Y%m%dT%H%M%SZ")
        try:
            aside = put_aside(self.settings.path, mark)
        except OSError as error:
            self._state, self._detail = DiskState.FAULTY, str(error)
            return False
        self._note = f"the store was damaged ({self._detail}); it is kept as {aside.name} and a new one is in use"
        self.names.all_unsaved()
        return True

    def _make_room(self) -> bool:
        connection = self._connection
        if connection is None:
            return False
        try:
            spend_reserve(self.settings)
            return make_room(connection, self)
        except sqlite3.Error:
            return False

    def _drop_connection(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _count_damaged(self, what: str, error: DamagedError) -> None:
        self._damaged += 1
        logger.error("store %s: a damaged %s is left out: %s", self.settings.path, what, error)

    # -- opening

    def _open(self, label_ms: int) -> sqlite3.Connection:
        opened = open_store(self.settings, self._schema)
        connection = opened.connection
        try:
            self._begin(connection, label_ms)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._note = opened.note or self._note
        hold_reserve(self.settings)
        return connection

    def _begin(self, connection: sqlite3.Connection, label_ms: int) -> None:
        (store_id,) = connection.execute("SELECT value FROM meta WHERE key = 'store'").fetchone()
        if store_id != self.store_id:
            self.pending.renumber(self.names.load(connection))
        (last_boot,) = connection.execute("SELECT coalesce(max(id), 0) FROM boot").fetchone()
        boot = self.boot or last_boot + 1
        (last_frame,) = connection.execute("SELECT coalesce(max(id), 0) FROM frame").fetchone()
        with transaction(connection):
            connection.execute("INSERT OR IGNORE INTO boot VALUES (?, ?)", (boot, label_ms))
            last_frame = self._fold_prompt(connection, boot, last_frame)
            if not self.store_id:
                self._recompute_open(connection)
        self.boot, self.store_id, self._next_frame = boot, store_id, last_frame + 1

    def _fold_prompt(self, connection: sqlite3.Connection, boot: int, last_frame: int) -> int:
        """Put what an earlier run committed at once, and had no time to flush, into frames of its own."""
        query = "SELECT boot, sequence, series, time_ms, quality, value FROM prompt WHERE boot <> ? ORDER BY 1, 2"
        by_boot: dict[int, list[Row]] = {}
        for earlier, sequence, series, time_ms, quality, value in connection.execute(query, (boot,)):
            row = Row(sequence, series, time_ms, Quality(quality), from_json(value))
            by_boot.setdefault(earlier, []).append(row)
        for earlier, rows in by_boot.items():
            last_frame += 1
            # Its label is that of the frame before it, by which the open roll-ups at the end of that run are told.
            before = connection.execute("SELECT label_ms FROM frame ORDER BY id DESC LIMIT 1").fetchone()
            label_ms = rows[-1].time_ms if before is None else before[0]
            kept = sum(self.outlives(row.series) for row in rows)
            _insert_frame(connection, last_frame, earlier, Frame.of(rows, label_ms, 0, kept))
            save_newest(connection, rows)
        connection.execute("DELETE FROM prompt WHERE boot <> ?", (boot,))
        return last_frame

    def _recompute_open(self, connection: sqlite3.Connection) -> None:
        """Write the roll-ups that the last run held open in memory: minute from frames, the rest from finer."""
        last = connection.execute("SELECT label_ms FROM frame ORDER BY id DESC LIMIT 1").fetchone()
        if last is None:
            return
        minute_ms = Level.MINUTE.start_ms(last[0])
        rows: list[Row] = []
        query = "SELECT body FROM frame WHERE until_ms >= ? AND from_ms < ? ORDER BY id"
        for (body,) in connection.execute(query, (minute_ms, minute_ms + Level.MINUTE.span_ms)):
            rows.extend(self.rows_of(body))
        self._put_bucket(connection, Level.MINUTE, minute_ms, stats_of(rows, Level.MINUTE).get(minute_ms, {}))
        for level in (Level.QUARTER, Level.HOUR, Level.DAY):
            start_ms = level.start_ms(last[0])
            whole: dict[int, Stats] = {}
            finer = Level(level - 1)
            span = (rollup_id(finer, start_ms), rollup_id(finer, start_ms + level.span_ms))
            for number, body in connection.execute(
                "SELECT id, body FROM rollup WHERE id >= ? AND id < ? ORDER BY 1", span
            ):
                merge_into(whole, self.bucket_of(body, rollup_start_ms(number)))
            self._put_bucket(connection, level, start_ms, whole)

    def _newest(self, connection: sqlite3.Connection) -> list[Restored]:
        found: dict[int, Row] = {}
        for series, time_ms, quality, value in connection.execute("SELECT * FROM newest"):
            found[series] = Row(0, series, time_ms, Quality(quality), from_json(value))
        query = "SELECT body FROM frame ORDER BY id DESC LIMIT ?"
        for (body,) in connection.execute(query, (_RECENT_FRAMES,)):
            for row in self.rows_of(body):
                known = found.get(row.series)
                if isinstance(row.value, float) and (known is None or row.time_ms >= known.time_ms):
                    found[row.series] = row
        named = ((self.names.name(series), row) for series, row in found.items())
        return [Restored(name, self.names.policy(row.series), row) for name, row in named if name is not None]

    # -- committing

    def _commit_pending(self, connection: sqlite3.Connection) -> None:
        while chunk := self.pending.first(_CHUNK_FRAMES):
            after = self.open_buckets
            with transaction(connection):
                self.names.save(connection)
                for number, frame in enumerate(chunk, self._next_frame):
                    _insert_frame(connection, number, self.boot, frame)
                    rows = self.rows_of(frame.body)
                    after = absorb(after, rows, frame.label_ms, functools.partial(self._merge_bucket, connection))
                    save_newest(connection, rows)
                last = (self.boot, chunk[-1].last_sequence)
                connection.execute("DELETE FROM prompt WHERE boot = ? AND sequence <= ?", last)
            self.names.saved()
            self.open_buckets = after
            self._next_frame += len(chunk)
            self.pending.drop_first(len(chunk))

    def _merge_bucket(self, connection: sqlite3.Connection, level: Level, start_ms: int, later: Bucket) -> None:
        whole: dict[int, Stats] = {}
        number = rollup_id(level, start_ms)
        for (body,) in connection.execute("SELECT body FROM rollup WHERE id = ?", (number,)):
            whole = self.bucket_of(body, start_ms)
        merge_into(whole, later)
        self._put_bucket(connection, level, start_ms, whole)

    def _put_bucket(self, connection: sqlite3.Connection, level: Level, start_ms: int, bucket: Bucket) -> None:
        if bucket:
            row = (rollup_id(level, start_ms), encode_bucket(bucket, start_ms))
            connection.execute("INSERT OR REPLACE INTO rollup VALUES (?, ?)", row)


class _Fault(StrEnum):
    CORRUPT = "corrupt"
    FULL = "full"
    OTHER = "other"


def _fault_of(error: Exception) -> _Fault:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if isinstance(error, CorruptError) or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _Fault.CORRUPT
    if code == sqlite3.SQLITE_FULL:
        return _Fault.FULL
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _Fault.FULL
    return _Fault.OTHER


def _insert_frame(connection: sqlite3.Connection, number: int, boot: int, frame: Frame) -> None:
    connection.execute(
        "INSERT INTO frame VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
        (
            number,
            boot,
            frame.first_sequence,
            frame.last_sequence,
            frame.from_ms,
            frame.until_ms,
            frame.label_ms,
            frame.arrived_ms,
            frame.rows,
            frame.kept,
            frame.body,
        ),
    )


def save_newest(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Keep the last of each series that is no number: configuration and switches must come back, however old."""
    last = {row.series: row for row in rows if not isinstance(row.value, float)}
    connection.executemany(
        "INSERT OR REPLACE INTO newest VALUES (?, ?, ?, ?)",
        [(row.series, row.time_ms, str(row.quality), to_json(row.value)) for row in last.values()],
    )
