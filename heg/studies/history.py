"""A home's recorded past from a CSV file, for studies: whole series of equal slots, with what was missing filled.

Columns `time_utc, demand_kw, import_eur_per_kwh` and perhaps `production_kw, export_eur_per_kwh, co2_eur_per_kwh`; mean
kW of each slot, UTC slot starts. An empty cell is a missing reading, a row that is not there one of all columns.
"""

import csv
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TextIO

from heg.studies.closed_loop import Recording

SHORTEST_MINUTES = 5
LONGEST_MINUTES = 60
MOST_BYTES = 200_000_000
MOST_SLOTS = 600_000
"""Five years of five minutes and more."""

LONGEST_LINE = 2_000
MOST_KW = 1_000.0
MOST_EUR = 100.0
_ROUNDING_KW = 0.05
"""As much below zero a counter's rounding may bring a mean; it counts as nothing flowing."""

_PRICE = "import_eur_per_kwh"
_NEEDED = ("demand_kw", _PRICE)
_OPTIONAL = ("production_kw", "export_eur_per_kwh", "co2_eur_per_kwh")


class HistoryError(ValueError):
    """The file is no history; says line, what was expected and what came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A recording without gaps; `missing` says how many readings of a slot had to be filled, where any had to."""

    recording: Recording
    missing: Mapping[int, int] = field(default_factory=dict)
    priced: bool = True
    """The file says what energy cost."""

    def missing_slots(self, slots: range) -> int:
        """Return in how many of these slots a reading was missing."""
        return sum(1 for slot in self.missing if slot in slots)

    def missing_cells(self, slots: range) -> int:
        """Return how many readings were missing in these slots."""
        return sum(cells for slot, cells in self.missing.items() if slot in slots)


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    time: datetime
    cells: tuple[float | None, ...]


def read_history(path: Path, *, needs_prices: bool = True) -> History:
    """Read a file; where no prices are needed the column may be left out, and they are 0.

    Raises `HistoryError` where it is no history, `OSError` where it cannot be read.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise HistoryError(f"expected at most {MOST_BYTES // 1_000_000} MB, came {size / 1e6:.0f}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return history_of(file, needs_prices=needs_prices)
    except UnicodeDecodeError as error:
        raise HistoryError(f"expected text in UTF-8 ({error.reason} at byte {error.start})") from error


def history_of(file: TextIO, *, needs_prices: bool = True) -> History:
    """Read an open file. Raises `HistoryError`."""
    rows = csv.reader(_lines(file))
    try:
        header = [name.strip() for name in next(rows, [])]
        columns = _columns(header, needs_prices=needs_prices)
        return _assembled([*columns], list(_rows(rows, header.index("time_utc"), columns)))
    except csv.Error as error:
        raise HistoryError(f"line {rows.line_num}: expected a CSV file: {error}") from error


def _lines(file: TextIO) -> Iterator[str]:
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise HistoryError(f"line {number}: expected at most {LONGEST_LINE} characters")
        yield line


def _columns(header: list[str], *, needs_prices: bool) -> dict[str, int]:
    needed = [name for name in _NEEDED if needs_prices or name != _PRICE]
    missing = [name for name in ("time_utc", *needed) if name not in header]
    if missing:
        came = ", ".join(header)[:200] or "an empty file"
        raise HistoryError(
            f"line 1: expected columns time_utc, {', '.join(_NEEDED)} and perhaps {', '.join(_OPTIONAL)}; "
            f"missing {', '.join(missing)}; came {came}"
        )
    twice = [
        name for name, count in Counter(header).items() if count > 1 and name in {"time_utc", *_NEEDED, *_OPTIONAL}
    ]
    if twice:
        raise HistoryError(f"line 1: expected each column once; came twice: {', '.join(twice)}")
    return {name: header.index(name) for name in (*_NEEDED, *_OPTIONAL) if name in header}


def _rows(rows: Iterable[list[str]], time_at: int, columns: dict[str, int]) -> Iterator[_Row]:
    count = 0
    for number, row in enumerate(rows, start=2):
        if not row or not any(cell.strip() for cell in row):
            continue
        count += 1
        if count > MOST_SLOTS:
            raise HistoryError(f"line {number}: expected at most {MOST_SLOTS} rows")
        time = _time(row[time_at] if time_at < len(row) else "", number)
        cells = (_number(row[at] if at < len(row) else "", name, number) for name, at in columns.items())
        yield _Row(number, time, tuple(cells))


def _time(cell: str, number: int) -> datetime:
    try:
        time = datetime.fromisoformat(cell.strip())
    except ValueError:
        expected = "expected a UTC time such as 2026-03-01T00:00:00Z"
        raise HistoryError(f"line {number}: time_utc: {expected}, came {cell[:40]!r}") from None
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    if not 1980 <= time.year < 2200:
        raise HistoryError(f"line {number}: time_utc: expected a year from 1980 to 2199, came {cell[:40]!r}")
    return time


def _number(cell: str, name: str, number: int) -> float | None:
    cell = cell.strip()
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        raise HistoryError(f"line {number}: {name}: expected a number or nothing, came {cell[:40]!r}") from None
    if math.isnan(value):
        return None
    power = name.endswith("_kw")
    low, high, unit = (-_ROUNDING_KW, MOST_KW, "kW") if power else (-MOST_EUR, MOST_EUR, "EUR/kWh")
    if not low <= value <= high:
        least = 0.0 if power else low
        raise HistoryError(f"line {number}: {name}: expected {least:g} to {high:g} {unit}, came {cell[:40]}")
    return max(0.0, value) if power else value


def _assembled(names: list[str], rows: list[_Row]) -> History:
    if len(rows) < 2:
        raise HistoryError(f"expected at least two rows under the header, came {len(rows)}")
    minutes = _slot_minutes(rows)
    slot = timedelta(minutes=minutes)
    start = rows[0].time
    count = (rows[-1].time - start) // slot + 1
    if count > min(MOST_SLOTS, 4 * len(rows) + 24 * 60):
        raise HistoryError(f"expected rows every {minutes} minutes, came {len(rows)} where {count} should be")
    series: dict[str, list[float | None]] = {name: [None] * count for name in names}
    for row in rows:
        at = (row.time - start) // slot
        for name, cell in zip(names, row.cells, strict=True):
            series[name][at] = cell
    for name in (one for one in _NEEDED if one in series):
        if all(value is None for value in series[name]):
            raise HistoryError(f"{name}: expected a reading at least somewhere, came an empty column")
    given = {name: values for name, values in series.items() if any(value is not None for value in values)}
    lacking = (sum(values[slot] is None for values in given.values()) for slot in range(count))
    a_day = 24 * 60 // minutes
    filled = {name: _filled(values, a_day) for name, values in given.items()}
    nothing = (0.0,) * count
    return History(
        recording=Recording(
            start=start,
            slot_minutes=minutes,
            demand_kw=filled["demand_kw"],
            production_kw=filled.get("production_kw", nothing),
            import_eur_per_kwh=filled.get(_PRICE, nothing),
            export_eur_per_kwh=filled.get("export_eur_per_kwh", nothing),
            co2_eur_per_kwh=filled.get("co2_eur_per_kwh", ()),
        ),
        missing={slot: cells for slot, cells in enumerate(lacking) if cells},
        priced=_PRICE in given,
    )


def _slot_minutes(rows: Sequence[_Row]) -> int:
    """Return what most rows are apart. Every row has to lie on that grid."""
    apart: Counter[timedelta] = Counter()
    for before, row in pairwise(rows):
        step = row.time - before.time
        if step <= timedelta(0):
            raise HistoryError(
                f"line {row.line}: time_utc: expected a time after the one before, {before.time:%Y-%m-%dT%H:%MZ}, "
                f"came {row.time:%Y-%m-%dT%H:%MZ}; local times repeat an hour in autumn: give UTC"
            )
        apart[step] += 1
    step, _ = apart.most_common(1)[0]
    minutes = step / timedelta(minutes=1)
    if not (SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES and minutes == int(minutes) and 60 % int(minutes) == 0):
        expected = f"rows {SHORTEST_MINUTES} to {LONGEST_MINUTES} minutes apart, a whole number of them in an hour"
        raise HistoryError(f"expected {expected}; most rows are {minutes:g} minutes apart")
    for row in rows:
        if (row.time - rows[0].time) % step:
            raise HistoryError(
                f"line {row.line}: time_utc: expected a multiple of {minutes:g} minutes after the first row, came "
                f"{row.time:%Y-%m-%dT%H:%M:%SZ}"
            )
    return int(minutes)


def _filled(values: list[float | None], a_day: int) -> tuple[float, ...]:
    """Return a whole series: what was read at the same time a day before, at the beginning a day or more after."""
    filled = list(values)
    for slot in range(a_day, len(filled)):
        if filled[slot] is None:
            filled[slot] = filled[slot - a_day]
    for slot in range(len(filled) - a_day - 1, -1, -1):
        if filled[slot] is None:
            filled[slot] = filled[slot + a_day]
    known = [value for value in filled if value is not None]
    mean = math.fsum(known) / len(known)
    return tuple(mean if value is None else value for value in filled)
