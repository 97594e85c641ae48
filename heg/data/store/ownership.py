"""What belongs to an owner: handed out whole as JSON lines, or erased so that it is truly gone."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from heg.data.encoding import to_plain
from heg.data.store.disk import Disk
from heg.data.store.files import files_aside, remove_with_log, transaction
from heg.data.store.frames import Row, encode_frame, from_ms
from heg.data.store.names import SeriesName
from heg.data.store.rollups import RESOLUTION, Level, Open, encode_bucket
from heg.data.store.upkeep import rollup_start_ms
from heg.data.store.values import value_of
from heg.model.policy import Stakeholder

_LEVEL = 2**40
_FRAMES_A_CHUNK = 20
_BUCKETS_A_CHUNK = 500
_ERASE_SERIES = (
    "DELETE FROM newest WHERE series = ?",
    "DELETE FROM prompt WHERE series = ?",
    "DELETE FROM series WHERE id = ?",
)

Place = tuple[str, int]
"""Where an export stands: in which table, behind which key."""
START: Place = ("frame", 0)


def export_chunk(
    disk: Disk, connection: sqlite3.Connection, owner: Stakeholder, place: Place, tail: Sequence[Row]
) -> tuple[list[str], Place | None]:
    """Return the next lines of an owner's data and where to go on; None at the end."""
    ids = disk.names.ids_owned_by(owner)
    table, behind = place
    if table == "frame":
        query = "SELECT id, body FROM frame WHERE id > ? ORDER BY id LIMIT ?"
        found = connection.execute(query, (behind, _FRAMES_A_CHUNK)).fetchall()
        lines = [line for _, body in found for line in _row_lines(disk, disk.rows_of(body, ids))]
        return lines, ("frame", found[-1][0]) if found else ("rollup", -1)
    if table == "rollup":
        query = "SELECT id, body FROM rollup WHERE id > ? ORDER BY id LIMIT ?"
        found = connection.execute(query, (behind, _BUCKETS_A_CHUNK)).fetchall()
        lines = [line for number, body in found for line in _bucket_lines(disk, number, body, ids)]
        return lines, ("rollup", found[-1][0]) if found else ("tail", 0)
    undurable = [row for frame in disk.pending for row in disk.rows_of(frame.body, ids)]
    undurable += [row for row in tail if row.series in ids]
    return list(_row_lines(disk, undurable)), None


def erase(disk: Disk, connection: sqlite3.Connection, owner: Stakeholder) -> None:
    """Take every row, roll-up and name of an owner out of the store, its log, its copies and its free pages."""
    gone = disk.names.ids_owned_by(owner)
    connection.execute("PRAGMA secure_delete = ON").fetchall()
    try:
        with transaction(connection):
            _erase_frames(disk, connection, gone)
            _erase_rollups(disk, connection, gone)
            for statement in _ERASE_SERIES:
                connection.executemany(statement, [(one,) for one in gone])
        disk.pending.without(gone)
        disk.open_buckets = {
            level: Open(o.start_ms, {s: stats for s, stats in o.bucket.items() if s not in gone})
            for level, o in disk.open_buckets.items()
        }
        disk.names.forget(gone)
        # Secure deletion has overwritten the pages; the vacuum also rewrites what lay in their unused parts.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.execute("PRAGMA secure_delete = OFF").fetchall()
    for aside in files_aside(disk.settings.path):
        remove_with_log(aside)


def _erase_frames(disk: Disk, connection: sqlite3.Connection, gone: frozenset[int]) -> None:
    for (number,) in connection.execute("SELECT id FROM frame ORDER BY id").fetchall():
        (body,) = connection.execute("SELECT body FROM frame WHERE id = ?", (number,)).fetchone()
        rows = disk.rows_of(body)
        left = [row for row in rows if row.series not in gone]
        if len(left) != len(rows) or not rows:  # a damaged frame may hold anything: it goes
            kept = sum(disk.outlives(row.series) for row in left)
            change = (encode_frame(left), len(left), kept, number)
            connection.execute("UPDATE frame SET body = ?, rows = ?, kept = ? WHERE id = ?", change)


def _erase_rollups(disk: Disk, connection: sqlite3.Connection, gone: frozenset[int]) -> None:
    for (number,) in connection.execute("SELECT id FROM rollup ORDER BY id").fetchall():
        (body,) = connection.execute("SELECT body FROM rollup WHERE id = ?", (number,)).fetchone()
        start_ms = rollup_start_ms(number)
        bucket = disk.bucket_of(body, start_ms)
        left = {series: stats for series, stats in bucket.items() if series not in gone}
        if not left:
            connection.execute("DELETE FROM rollup WHERE id = ?", (number,))
        elif len(left) != len(bucket):
            connection.execute("UPDATE rollup SET body = ? WHERE id = ?", (encode_bucket(left, start_ms), number))


def _row_lines(disk: Disk, rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        if (name := disk.names.name(row.series)) is not None:
            yield _line(
                name,
                time=from_ms(row.time_ms).isoformat(),
                quality=str(row.quality),
                value=to_plain(value_of(name.variable, row.value)),
            )


def _bucket_lines(disk: Disk, number: int, body: bytes, ids: frozenset[int]) -> Iterator[str]:
    start_ms = rollup_start_ms(number)
    resolution = str(RESOLUTION[Level(number // _LEVEL)])
    for series, stats in disk.bucket_of(body, start_ms).items():
        name = disk.names.name(series)
        if series in ids and name is not None:
            row = stats.row(start_ms)
            yield _line(
                name,
                time=row.time.isoformat(),
                resolution=resolution,
                value=row.value,
                low=row.low,
                high=row.high,
                first=row.first,
                last=row.last,
                count=row.count,
            )


def _line(name: SeriesName, **fields: Any) -> str:
    place = {"variable": name.variable, "location": str(name.location), "owner": str(name.owner), "source": name.source}
    return msgspec.json.encode(place | fields).decode()
