"""The house's past, brought by its owner: a CSV of slots that this unit did not measure itself (`heg import`).

Forecasts need weeks of the house's own slots. Whoever comes from another system, or has the meter operator's file,
need not wait for them. What the unit has measured itself is never written over.
"""

import csv
import math
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from heg.data.door import Door, Resolution
from heg.model.instance import Location
from heg.model.slots import SLOT_MINUTES, Profile, slot_start

MOST_SLOTS = 40_000
"""What is brought at once, the newest: a year and more of quarter hours."""
_MOST_LINES = 2_000_000
_MOST_KW = 1000.0
_SERIES = {"demand_kw": "slot.demand", "production_kw": "slot.production"}
_ROWS_OF_A_PAGE = 1000
_RESOLUTIONS = {5: Resolution.MINUTE, 15: Resolution.QUARTER, 30: Resolution.QUARTER, 60: Resolution.HOUR}


class PastError(ValueError):
    """The file is not such a past; says line, what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Past:
    """Mean kW of each slot by variable, UTC slot starts, gaps left out."""

    slots: dict[str, dict[datetime, float]]
    gaps: int = 0


@dataclass(frozen=True, slots=True)
class Brought:
    """What came of it: slots written, slots that were already known, cells that were empty, and the span."""

    written: int
    known: int
    gaps: int
    first: datetime | None
    last: datetime | None


def read_past(lines: Iterable[str], slot_minutes: int, before: datetime) -> Past:
    """Read `time_utc, demand_kw[, production_kw]` (5, 15, 30 or 60 minutes) onto the unit's slots; PastError otherwise.

    Rows from `before` on are left out, further columns ignored, empty cells are gaps.
    """
    try:
        return _read(csv.DictReader(lines), slot_minutes, before)
    except csv.Error as error:
        raise PastError(f"expected a CSV file: {error}") from error


async def bring_past(door: Door, unit: str, past: Past, slot_minutes: int) -> Brought:
    """Write the slots that the store does not know yet."""
    here = Location(unit)
    written = known = 0
    times: list[datetime] = []
    for variable, values in past.slots.items():
        newest = sorted(values)[-MOST_SLOTS:]
        if not newest:
            continue
        end = newest[-1] + timedelta(minutes=slot_minutes)
        there = {slot async for slot in _known(door, variable, here, newest[0], end, slot_minutes)}
        for time in newest:
            if time in there:
                known += 1
                continue
            receipt = door.write(variable, here, values[time], time=time)
            if receipt.refusal is not None:
                raise PastError(f"{time.isoformat()}: {receipt.refusal}")
            written += 1
            times.append(time)
    return Brought(written, known, past.gaps, min(times, default=None), max(times, default=None))


def _read(rows: "csv.DictReader[str]", slot_minutes: int, before: datetime) -> Past:
    columns = [name for name in _SERIES if name in (rows.fieldnames or ())]
    if "time_utc" not in (rows.fieldnames or ()) or "demand_kw" not in columns:
        came = ", ".join(rows.fieldnames or ()) or "an empty file"
        raise PastError(f"line 1: expected columns time_utc, demand_kw and perhaps production_kw; came {came[:200]}")
    read = list(_rows(rows, columns))
    step = _step([time for time, _ in read])
    kept = [(time, cells) for time, cells in read if time + timedelta(minutes=step) <= before]
    slots = {
        _SERIES[name]: _on_grid({time: cells[name] for time, cells in kept if name in cells}, step, slot_minutes)
        for name in columns
    }
    return Past(slots, sum(len(columns) - len(cells) for _, cells in kept))


async def _known(
    door: Door, variable: str, here: Location, start: datetime, end: datetime, slot_minutes: int
) -> AsyncIterator[datetime]:
    length = timedelta(minutes=slot_minutes)
    cursor: str | None = None
    while True:
        page = await door.history(
            variable, here, start, end, _RESOLUTIONS[slot_minutes], cursor=cursor, limit=_ROWS_OF_A_PAGE
        )
        for row in page.rows:
            yield slot_start(row.time, length)
        cursor = page.next_cursor
        if cursor is None:
            return


def _rows(rows: "csv.DictReader[str]", columns: list[str]) -> Iterator[tuple[datetime, dict[str, float]]]:
    for number, row in enumerate(rows, start=2):
        if number > _MOST_LINES:
            raise PastError(f"line {number}: expected at most {_MOST_LINES} lines")
        time = _time(row.get("time_utc"), number)
        cells = {name: _number(row.get(name), name, number) for name in columns}
        yield time, {name: value for name, value in cells.items() if value is not None}


def _step(times: list[datetime]) -> int:
    """The slot length of the file: what most rows are apart."""
    if len(times) < 2:
        raise PastError(f"expected at least two rows, came {len(times)}")
    apart: dict[float, int] = {}
    for number, (before, after) in enumerate(pairwise(times), start=3):
        minutes = (after - before) / timedelta(minutes=1)
        if minutes <= 0:
            raise PastError(f"line {number}: expected times in order, each once; came {after.isoformat()}")
        apart[minutes] = apart.get(minutes, 0) + 1
    common = max(apart, key=lambda minutes: apart[minutes])
    if common not in SLOT_MINUTES:
        raise PastError(f"expected rows 5, 15, 30 or 60 minutes apart, came {common:g}")
    return int(common)


def _on_grid(values: dict[datetime, float], step: int, slot_minutes: int) -> dict[datetime, float]:
    """The same energy on the unit's slots; a slot of which a part is missing is a gap."""
    length = timedelta(minutes=step)
    found: dict[datetime, float] = {}
    for run in _runs(sorted(values), length):
        profile = Profile(run[0], step, tuple(values[time] for time in run)).resampled(slot_minutes)
        found.update((profile.start + at * profile.slot, value) for at, value in enumerate(profile.values))
    return found


def _runs(times: list[datetime], length: timedelta) -> Iterator[list[datetime]]:
    """Stretches without a gap, none longer than a profile may be."""
    run: list[datetime] = []
    for time in times:
        if slot_start(time, length) != time:
            raise PastError(f"{time.isoformat()}: expected a slot start, a multiple of {length} in UTC")
        if run and (time - run[-1] != length or len(run) >= 24 * 60):
            yield run
            run = []
        run.append(time)
    if run:
        yield run


def _time(cell: str | None, number: int) -> datetime:
    try:
        time = datetime.fromisoformat(cell or "")
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        came = (cell or "nothing")[:40]
        raise PastError(f"line {number}: time_utc: expected a time such as 2026-03-01T00:00:00Z, came {came!r}")
    return time.astimezone(UTC)


def _number(cell: str | None, name: str, number: int) -> float | None:
    if cell is None or not cell.strip():
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= _MOST_KW:
        raise PastError(f"line {number}: {name}: expected kW from 0 to {_MOST_KW:g}, came {cell[:40]!r}")
    return value
