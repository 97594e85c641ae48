"""A CSV file of slots: which rows lie in a span, which lines are bad, line by line, never the file whole. Pure.

The backtest format: `time_utc` (slot starts with a zone), then a column a series; an empty cell is a gap. Separated by
comma or semicolon, decimal point. Everything in it may be wrong: each bad line is named, the others count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import BinaryIO

from drivers.feeds.series import Series, Span, placed
from heg.model.slots import SLOT_MINUTES, slot_start

TIME = "time_utc"
LONGEST_LINE = 4096
MOST_LINES = 2_000_000
MOST_NAMED = 20
_LOOKED_AT = 16
"""Rows whose distances tell the slot length: the shortest one counts, so that a gap at the start does no harm."""


class TableError(ValueError):
    """The file as a whole is of no use; says what was expected, what came."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column and what its values may be. A column that is `needed` must be there."""

    column: str
    low: float
    high: float
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Rows:
    """What a file says of a span, by column, absent where the file has none. `bad` names at most `MOST_NAMED` lines."""

    span: Span
    series: Mapping[str, Series]
    bad: tuple[str, ...] = ()
    bad_lines: int = 0
    torn: bool = False
    """The last line has no end: it may still be being written and was left out."""


@dataclass(slots=True)
class _Reading:
    wanted: Mapping[int, Wanted]
    time_at: int
    delimiter: str
    said: dict[str, list[tuple[datetime, float]]] = field(default_factory=dict)
    seen: set[datetime] = field(default_factory=set)
    first: list[datetime] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    bad_lines: int = 0

    def refuse(self, number: int, why: str) -> None:
        self.bad_lines += 1
        if len(self.bad) < MOST_NAMED:
            self.bad.append(f"line {number}: {why}")


def read_table(file: BinaryIO, wanted: Sequence[Wanted], span: Span, *, settled: bool = True) -> Rows:
    """Read what lies in a span. `settled`: the file stands still, so that a last line without an end is whole.

    Raises `TableError` where the head or the slots make no sense.
    """
    reading = _head(_text(file.readline(LONGEST_LINE)), wanted)
    torn = False
    for number in range(2, MOST_LINES + 2):
        raw = file.readline(LONGEST_LINE)
        if not raw:
            break
        if not raw.endswith(b"\n"):
            if len(raw) >= LONGEST_LINE:
                reading.refuse(number, f"expected at most {LONGEST_LINE} bytes")
                _skip_line(file)
                continue
            torn = not settled
            if torn:
                break
        _take(reading, number, raw, span)
    else:
        raise TableError(f"expected at most {MOST_LINES} lines")
    return Rows(span, _series(reading, span), tuple(reading.bad), reading.bad_lines, torn)


def _head(line: str, wanted: Sequence[Wanted]) -> _Reading:
    delimiter = ";" if line.count(";") > line.count(",") else ","
    names = [cell.strip().strip('"') for cell in line.removeprefix("\ufeff").strip().split(delimiter)]
    needed = [TIME, *(one.column for one in wanted if one.needed)]
    missing = [name for name in needed if name not in names]
    if missing:
        came = ", ".join(names)[:200]
        raise TableError(f"expected a first line with the columns {', '.join(needed)}, came {came!r}")
    by_index = {names.index(one.column): one for one in wanted if one.column in names}
    return _Reading(by_index, names.index(TIME), delimiter, {one.column: [] for one in by_index.values()})


def _take(reading: _Reading, number: int, raw: bytes, span: Span) -> None:
    text = _text(raw).strip()
    if not text:
        return
    cells = text.split(reading.delimiter)
    time = _time(cells[reading.time_at]) if reading.time_at < len(cells) else None
    if time is None:
        reading.refuse(number, f"{TIME}: expected a time such as 2024-07-28T22:00:00Z, came {text[:40]!r}")
        return
    if len(reading.first) < _LOOKED_AT:
        reading.first.append(time)
    if not span.start <= time < span.end:
        return
    if time in reading.seen:
        reading.refuse(number, f"expected each slot once, came {time.isoformat()} again; the first counts")
        return
    reading.seen.add(time)
    for index, one in reading.wanted.items():
        value = _value(cells[index] if index < len(cells) else "", one)
        if isinstance(value, str):
            reading.refuse(number, value)
        elif value is not None:
            reading.said[one.column].append((time, value))


def _value(cell: str, one: Wanted) -> float | str | None:
    """The number of a cell, None for a gap, or what is wrong with it."""
    cell = cell.strip().strip('"')
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        return f"{one.column}: expected a number with a decimal point, came {cell[:40]!r}"
    if not math.isfinite(value) or not one.low <= value <= one.high:
        return f"{one.column}: expected {one.low:g} to {one.high:g}, came {cell[:40]!r}"
    return value


def _series(reading: _Reading, span: Span) -> dict[str, Series]:
    minutes = _slot_minutes(reading.first)
    series = {}
    for column, said in reading.said.items():
        on_grid = [(time, value) for time, value in said if slot_start(time, timedelta(minutes=minutes)) == time]
        if off := len(said) - len(on_grid):
            reading.refuse(0, f"{column}: {off} rows do not begin at a multiple of {minutes} min and do not count")
        series[column] = placed(span, minutes, on_grid)
    return series


def _slot_minutes(times: Iterable[datetime]) -> int:
    distances = [(later - before) / timedelta(minutes=1) for before, later in pairwise(sorted(set(times)))]
    if not distances:
        return 60  # one row or none: nothing tells its length
    if (shortest := min(distances)) not in SLOT_MINUTES:
        expected = ", ".join(map(str, SLOT_MINUTES))
        raise TableError(f"{TIME}: expected rows every {expected} minutes, came {shortest:g} minutes")
    return round(shortest)


def _time(cell: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(cell.strip().strip('"'))
        return time.astimezone(UTC) if time.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace")


def _skip_line(file: BinaryIO) -> None:
    while (raw := file.readline(LONGEST_LINE)) and not raw.endswith(b"\n"):
        pass
