"""Taking what belongs to an owner out of the file so that it is truly gone: rows, roll-ups, names, log, copies.

Small transactions one after the other, each the work of a moment, so that flushes come between; what is under way is
noted in the file, and goes on after a crash. Runs on the worker's thread.
"""

import sqlite3

import msgspec

from heg.data.selection import STAYS, Estimate, Selection
from heg.data.store.disk import Disk
from heg.data.store.files import files_aside, remove_with_log, transaction
from heg.data.store.frames import Row, encode_frame, from_ms
from heg.data.store.names import parse_owner
from heg.data.store.reading import ceil_ms
from heg.data.store.rollups import Level, Open, encode_bucket
from heg.data.store.upkeep import rollup_id, rollup_start_ms

_UNDER_WAY = "erasing"
_FRAMES_A_STEP = 20
_BUCKETS_A_STEP = 200
_FAR_MS = 2**52
_MINUTE_MS = 60_000


class Scope(msgspec.Struct, frozen=True):
    """What is under way, as the file notes it: whose, where, from and until (ms), and the last frame there was.

    Which series are meant stands by number: a device that is renamed meanwhile is erased all the same, and one that
    takes its name is not. `alone`: no other series was there.
    """

    owner: str
    device: str | None
    from_ms: int
    until_ms: int
    last_frame: int
    series: tuple[int, ...]
    alone: bool

    @property
    def always(self) -> bool:
        """True where no time bounds it."""
        return self.from_ms <= -_FAR_MS and self.until_ms >= _FAR_MS


def estimate(disk: Disk, connection: sqlite3.Connection, selection: Selection) -> Estimate:
    """Count without reading the rows: what there is to be erased must be told within a moment."""
    ids = _ids(disk, selection)
    span = _span(selection)
    rows, first, last = connection.execute(
        "SELECT coalesce(sum(rows), 0), min(from_ms), max(until_ms) FROM frame"
        " WHERE rows > 0 AND until_ms >= ? AND from_ms < ?",
        span,
    ).fetchone()
    rollups = 0
    for level in Level:
        first_id, last_id = _rollup_span(level, *span)
        query = "SELECT count(*) FROM rollup WHERE id >= ? AND id < ?"
        rollups += connection.execute(query, (first_id, last_id)).fetchone()[0]
    if not ids:
        return Estimate(0, 0, 0, None, None)
    begins = None if first is None else from_ms(max(first, span[0]))
    ends = None if last is None else from_ms(min(last, span[1]))
    return Estimate(int(rows), rollups, len(ids), begins, ends)


def under_way(connection: sqlite3.Connection) -> "Eraser | None":
    """Return the erasure that an earlier run did not end."""
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (_UNDER_WAY,)).fetchone()
    if found is None:
        return None
    try:
        return Eraser(msgspec.json.decode(found[0], type=Scope))
    except (msgspec.DecodeError, TypeError):
        connection.execute("DELETE FROM meta WHERE key = ?", (_UNDER_WAY,))
        return None


def begin(disk: Disk, connection: sqlite3.Connection, selection: Selection) -> "Eraser":
    """Note what is to go; take it out of everything but the frames and roll-ups, which the steps come to."""
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM frame").fetchone()
    ids = _ids(disk, selection)
    alone = len(ids) == len(disk.names)
    scope = Scope(str(selection.owner), selection.device, *_span(selection), last, tuple(sorted(ids)), alone)
    eraser = Eraser(scope)
    connection.execute("PRAGMA secure_delete = ON").fetchall()
    with transaction(connection):
        row = (_UNDER_WAY, msgspec.json.encode(scope).decode())
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", row)
        for table in ("prompt", "newest"):
            for series, time_ms in connection.execute(f"SELECT series, time_ms FROM {table}").fetchall():  # noqa: S608
                if eraser.takes(disk, series, time_ms) and not _stays(disk, series):
                    change = f"DELETE FROM {table} WHERE series = ? AND time_ms = ?"  # noqa: S608
                    connection.execute(change, (series, time_ms))
    disk.pending.keep(lambda row: not eraser.takes(disk, row.series, row.time_ms) or _stays(disk, row.series))
    disk.open_buckets = {level: eraser.without(disk, level, one) for level, one in disk.open_buckets.items()}
    _remove_copies(disk)
    return eraser


class Eraser:
    """One erasure under way."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.rows = 0
        self._ids = frozenset(scope.series)
        self._frame = 0
        self._rollup = -1

    @property
    def selection(self) -> Selection:
        """What is being erased."""
        scope = self.scope
        since = None if scope.from_ms <= -_FAR_MS else from_ms(scope.from_ms)
        until = None if scope.until_ms >= _FAR_MS else from_ms(scope.until_ms)
        return Selection(parse_owner(scope.owner), scope.device, since, until)

    def takes(self, disk: Disk, series: int, time_ms: int) -> bool:
        """Tell whether a row goes. A number without a name is from a damaged row, or its name has gone before."""
        return self.scope.from_ms <= time_ms < self.scope.until_ms and self._names(disk, series)

    def without(self, disk: Disk, level: Level, one: Open) -> Open:
        """Return an open bucket without what goes: a bucket that is touched loses the whole of a series."""
        if not self._touches(one.start_ms, level):
            return one
        return Open(one.start_ms, {s: stats for s, stats in one.bucket.items() if not self._names(disk, s)})

    def step(self, disk: Disk, connection: sqlite3.Connection) -> bool:
        """Erase a little; False when there is nothing left to erase."""
        connection.execute("PRAGMA secure_delete = ON").fetchall()
        with transaction(connection):
            return self._frames(disk, connection) or self._rollups(disk, connection)

    def finish(self, disk: Disk, connection: sqlite3.Connection) -> None:
        """Forget names that nothing bears any more, rewrite the file, cut the log, remove the copies."""
        with transaction(connection):
            self._forget_names(disk, connection)
            connection.execute("DELETE FROM meta WHERE key = ?", (_UNDER_WAY,))
        # Secure deletion has overwritten the pages; the vacuum also rewrites what lay in their unused parts.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("PRAGMA secure_delete = OFF").fetchall()
        _remove_copies(disk)

    def _frames(self, disk: Disk, connection: sqlite3.Connection) -> bool:
        query = (
            "SELECT id, from_ms, until_ms, rows FROM frame"
            " WHERE id > ? AND id <= ? AND until_ms >= ? AND from_ms < ? ORDER BY id LIMIT ?"
        )
        scope = self.scope
        span = (self._frame, scope.last_frame, scope.from_ms, scope.until_ms, _FRAMES_A_STEP)
        found = connection.execute(query, span).fetchall()
        (newest,) = connection.execute("SELECT coalesce(max(id), 0) FROM frame").fetchone()
        for number, first_ms, last_ms, rows in found:
            self._frame = number
            inside = scope.from_ms <= first_ms and last_ms < scope.until_ms
            if inside and number != newest and self._all_mine(disk):
                connection.execute("DELETE FROM frame WHERE id = ?", (number,))
                self.rows += rows
            else:
                self._rewrite(disk, connection, number)
        return bool(found)

    def _rewrite(self, disk: Disk, connection: sqlite3.Connection, number: int) -> None:
        (body,) = connection.execute("SELECT body FROM frame WHERE id = ?", (number,)).fetchone()
        rows: list[Row] = disk.rows_of(body)
        left = [row for row in rows if not self.takes(disk, row.series, row.time_ms)]
        if len(left) == len(rows) and rows:
            return
        self.rows += len(rows) - len(left)
        # A damaged frame may hold anything: it goes.
        kept = sum(disk.outlives(row.series) for row in left)
        change = (encode_frame(left), len(left), kept, number)
        connection.execute("UPDATE frame SET body = ?, rows = ?, kept = ? WHERE id = ?", change)

    def _rollups(self, disk: Disk, connection: sqlite3.Connection) -> bool:
        for level in Level:
            first, last = _rollup_span(level, self.scope.from_ms, self.scope.until_ms)
            query = "SELECT id, body FROM rollup WHERE id > ? AND id >= ? AND id < ? ORDER BY id LIMIT ?"
            found = connection.execute(query, (self._rollup, first, last, _BUCKETS_A_STEP)).fetchall()
            for number, body in found:
                self._rollup = number
                self._rewrite_bucket(disk, connection, number, body)
            if found:
                return True
        return False

    def _rewrite_bucket(self, disk: Disk, connection: sqlite3.Connection, number: int, body: bytes) -> None:
        start_ms = rollup_start_ms(number)
        bucket = {} if self._all_mine(disk) else disk.bucket_of(body, start_ms)
        left = {series: stats for series, stats in bucket.items() if not self._names(disk, series)}
        if not left:
            connection.execute("DELETE FROM rollup WHERE id = ?", (number,))
        elif len(left) != len(bucket):
            connection.execute("UPDATE rollup SET body = ? WHERE id = ?", (encode_bucket(left, start_ms), number))

    def _touches(self, start_ms: int, level: Level) -> bool:
        return self.scope.from_ms < start_ms + level.span_ms and start_ms < self.scope.until_ms

    def _names(self, disk: Disk, series: int) -> bool:
        return series in self._ids or disk.names.name(series) is None

    def _all_mine(self, disk: Disk) -> bool:
        return self.scope.alone and len(disk.names) == len(self._ids)

    def _forget_names(self, disk: Disk, connection: sqlite3.Connection) -> None:
        if not self.scope.always:
            return  # the same series have other times
        borne = {row.series for frame in disk.pending for row in disk.rows_of(frame.body)}
        for (body,) in connection.execute("SELECT body FROM frame WHERE id >= ?", (self.scope.last_frame,)):
            borne.update(row.series for row in disk.rows_of(body))
        for table in ("prompt", "newest"):
            borne.update(one for (one,) in connection.execute(f"SELECT series FROM {table}"))  # noqa: S608
        for one in disk.open_buckets.values():
            borne.update(one.bucket)
        gone = {one for one in self._ids if disk.names.name(one) is not None} - borne
        connection.executemany("DELETE FROM series WHERE id = ?", [(one,) for one in gone])
        disk.names.forget(gone)


def _ids(disk: Disk, selection: Selection) -> frozenset[int]:
    owned = disk.names.ids_owned_by(selection.owner)
    if selection.device is None:
        return owned
    named = ((one, disk.names.name(one)) for one in owned)
    return frozenset(one for one, name in named if name is not None and name.location.device == selection.device)


def _span(selection: Selection) -> tuple[int, int]:
    since = -_FAR_MS if selection.since is None else ceil_ms(selection.since)
    return since, _FAR_MS if selection.until is None else ceil_ms(selection.until)


def _rollup_span(level: Level, first_ms: int, last_ms: int) -> tuple[int, int]:
    """The keys of the buckets that a span touches, however little."""
    first, last = max(0, first_ms - level.span_ms + 1), max(0, last_ms)
    return rollup_id(level, -(-first // _MINUTE_MS) * _MINUTE_MS), rollup_id(level, -(-last // _MINUTE_MS) * _MINUTE_MS)


def _stays(disk: Disk, series: int) -> bool:
    name = disk.names.name(series)
    return name is not None and name.variable in STAYS


def _remove_copies(disk: Disk) -> None:
    for aside in files_aside(disk.settings.path):
        remove_with_log(aside)
