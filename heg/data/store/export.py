"""An owner's data as a zip that is made while it is read: tables for numbers and states, JSON lines for records.

Pure but for the file it reads: each call makes the next piece, of one frame or some hundred roll-ups, so that neither a
flush nor the memory waits for the whole. Runs on the worker's thread.
"""

import csv
import io
import sqlite3
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import IO, Any

import msgspec

from heg.data.encoding import to_plain
from heg.data.selection import Selection
from heg.data.store.disk import Disk
from heg.data.store.frames import Row, from_ms
from heg.data.store.names import SeriesName
from heg.data.store.rollups import RESOLUTION, Level, of_open
from heg.data.store.upkeep import rollup_start_ms
from heg.data.store.values import value_of

_LEVEL = 2**40
_BUCKETS_A_PIECE = 200
_QUICK = 1
_VALUES = ("time", "variable", "unit", "device", "part", "value", "quality", "source")
_ROLLUPS = ("time", "resolution", "variable", "unit", "device", "part", "mean", "low", "high", "first", "last", "count")
_README = """Everything that this gateway keeps of {owner}{device}{span}.

values.csv     measured numbers and states, in the order in which they came; time is UTC
rollups.csv    means, extremes, first and last of 1 min, 15 min, 1 h and 1 day (UTC), also where raw values have expired
records.jsonl  what is more than a number: plans, prices, commands, evidence, settings; one JSON object a line

The people and tokens of the gateway, and its audit log (heg audit export), are kept apart and are not in here.
Units and meanings of the variables: docs/integrators/variables.md.
"""


class Archive:
    """The zip under way."""

    def __init__(self, selection: Selection) -> None:
        self.done = False
        self._selection = selection
        self._out = _Drain()
        self._zip = zipfile.ZipFile(self._out, "w", zipfile.ZIP_DEFLATED, compresslevel=_QUICK)
        self._entry: IO[bytes] | None = None
        self._steps: list[Callable[[Disk, sqlite3.Connection, Sequence[Row]], bool]] = [
            self._readme,
            self._values,
            self._records,
            self._rollups,
            self._end,
        ]
        self._behind = -1

    def piece(self, disk: Disk, connection: sqlite3.Connection, tail: Sequence[Row]) -> bytes:
        """Return the next bytes, which may be none yet; `done` tells the last. `tail` is what is not flushed yet."""
        if not self._steps[0](disk, connection, tail):
            self._close_entry()
            self._steps.pop(0)
            self._behind = -1
            self.done = not self._steps
        return self._out.take()

    def close(self) -> None:
        """Let go of what was begun: whoever was reading may have gone."""
        self._close_entry()
        self._zip.close()
        self._out.take()

    def _readme(self, _disk: Disk, _connection: sqlite3.Connection, _tail: Sequence[Row]) -> bool:
        one = self._selection
        device = "" if one.device is None else f", of {one.device or 'the unit itself'}"
        since, until = (None if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC" for time in _ends(one))
        span = "" if one.always else f", from {since or 'the beginning'} until {until or 'now'}"
        self._zip.writestr(zipfile.ZipInfo("README.txt"), _README.format(owner=one.owner, device=device, span=span))
        return False

    def _values(self, disk: Disk, connection: sqlite3.Connection, tail: Sequence[Row]) -> bool:
        rows, more = self._next_rows(disk, connection, tail)
        if self._entry is None:
            self._open_entry("values.csv", _VALUES)
        self._write(_table(self._value_cells(disk, rows)))
        return more

    def _records(self, disk: Disk, connection: sqlite3.Connection, tail: Sequence[Row]) -> bool:
        rows, more = self._next_rows(disk, connection, tail)
        if self._entry is None:
            self._open_entry("records.jsonl", ())
        self._write(b"".join(_record_lines(disk, rows)))
        return more

    def _rollups(self, disk: Disk, connection: sqlite3.Connection, _tail: Sequence[Row]) -> bool:
        if self._entry is None:
            self._open_entry("rollups.csv", _ROLLUPS)
        query = "SELECT id, body FROM rollup WHERE id > ? ORDER BY id LIMIT ?"
        found = connection.execute(query, (self._behind, _BUCKETS_A_PIECE)).fetchall()
        for number, body in found:
            self._behind = number
            start_ms, level = rollup_start_ms(number), Level(number // _LEVEL)
            self._write(_table(self._rollup_cells(disk, level, start_ms, disk.bucket_of(body, start_ms))))
        if found:
            return True
        for level in Level:
            for start_ms, bucket in of_open(disk.open_buckets, level).items():
                self._write(_table(self._rollup_cells(disk, level, start_ms, bucket)))
        return False

    def _end(self, _disk: Disk, _connection: sqlite3.Connection, _tail: Sequence[Row]) -> bool:
        self._zip.close()
        return False

    # -- rows

    def _next_rows(self, disk: Disk, connection: sqlite3.Connection, tail: Sequence[Row]) -> tuple[list[Row], bool]:
        """The rows of the next frame; behind the last one those that wait for the disk, and no more."""
        query = "SELECT id, body FROM frame WHERE id > ? AND rows > 0 ORDER BY id LIMIT 1"
        found = connection.execute(query, (self._behind,)).fetchone()
        if found is not None:
            self._behind = found[0]
            return [row for row in disk.rows_of(found[1]) if self._takes(disk, row)], True
        waiting = [row for frame in disk.pending for row in disk.rows_of(frame.body)]
        return [row for row in (*waiting, *tail) if self._takes(disk, row)], False

    def _takes(self, disk: Disk, row: Row) -> bool:
        name = disk.names.name(row.series)
        return name is not None and self._wants(name) and self._selection.at(from_ms(row.time_ms))

    def _wants(self, name: SeriesName) -> bool:
        return self._selection.names(name.owner, name.location)

    def _value_cells(self, disk: Disk, rows: Iterable[Row]) -> Iterator[Sequence[object]]:
        for row in rows:
            name = disk.names.name(row.series)
            if name is not None and not isinstance(row.value, bytes):
                place = name.location
                time = from_ms(row.time_ms).isoformat()
                yield time, name.variable, place.unit, place.device, place.part, row.value, row.quality, name.source

    def _rollup_cells(self, disk: Disk, level: Level, start_ms: int, bucket: Any) -> Iterator[Sequence[object]]:
        for series, stats in bucket.items():
            name = disk.names.name(series)
            if name is None or not self._wants(name) or not self._selection.at(from_ms(start_ms)):
                continue
            row, place = stats.row(start_ms), name.location
            span = RESOLUTION[level].value
            figures = (row.value, row.low, row.high, row.first, row.last, row.count)
            yield row.time.isoformat(), span, name.variable, place.unit, place.device, place.part, *figures

    # -- the zip

    def _open_entry(self, name: str, head: Sequence[str]) -> None:
        # Whoever has a year of seconds has more than four gigabytes of them.
        self._entry = self._zip.open(name, "w", force_zip64=True)
        if head:
            self._write(_table((head,)))

    def _write(self, data: bytes) -> None:
        if self._entry is not None and data:
            self._entry.write(data)

    def _close_entry(self) -> None:
        if self._entry is not None:
            self._entry.close()
            self._entry = None


class _Drain(io.RawIOBase):
    """Takes what the zip writes, and gives it away; a zip that cannot seek writes sizes behind each entry."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """Return what was written since the last call."""
        taken, self._parts = b"".join(self._parts), []
        return taken


def _table(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([_cell(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _cell(cell: object) -> object:
    # A device's own words must not become a formula in somebody's spreadsheet.
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _record_lines(disk: Disk, rows: Iterable[Row]) -> Iterator[bytes]:
    for row in rows:
        name = disk.names.name(row.series)
        if name is not None and isinstance(row.value, bytes):
            line = {
                "time": from_ms(row.time_ms).isoformat(),
                "variable": name.variable,
                "location": str(name.location),
                "source": name.source,
                "quality": str(row.quality),
                "value": to_plain(value_of(name.variable, row.value)),
            }
            yield msgspec.json.encode(line) + b"\n"


def _ends(selection: Selection) -> tuple[datetime | None, datetime | None]:
    return selection.since, selection.until
