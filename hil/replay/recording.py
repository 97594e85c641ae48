"""Recorded homes: the project's backtest format and the CityLearn data set's own files.

Backtest format: `time_utc, demand_kw, production_kw` and perhaps prices (`import_eur_per_kwh, export_eur_per_kwh,
co2_eur_per_kwh`), UTC slot starts, empty cells where a reading is missing.
CityLearn: one row an hour, `Equipment Electric Power [kWh]` and `Solar Generation [W/kW]`; the year begins at
2016-07-31 23:00 local standard time and is laid over the year from 2024-07-28T22:00Z, so that weekdays match.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise
from pathlib import Path

from hil.replay.prices import Prices

CITYLEARN_START = datetime(2024, 7, 28, 22, tzinfo=UTC)
_MOST_ROWS = 1_000_000
_MOST_KW = 1_000.0
_MOST_EUR = 20.0
_PRICE_COLUMNS = ("import_eur_per_kwh", "export_eur_per_kwh", "co2_eur_per_kwh")


class RecordingError(ValueError):
    """A file is not a recording; says file, line, what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Mean power per slot. `filled` counts readings that were missing and taken from the slot before."""

    source: str
    licence: str
    start_utc: datetime
    slot_s: int
    demand_kw: Sequence[float]
    production_kw: Sequence[float]
    filled: int = 0
    prices: Prices | None = None

    @property
    def end_utc(self) -> datetime:
        """End of the last slot; replay begins again from the first."""
        return self.start_utc + timedelta(seconds=self.slot_s * len(self.demand_kw))


def read_backtest(path: Path) -> Recording:
    """Read a file of the backtest format; RecordingError when it is not one."""
    times: list[datetime] = []
    demand, production = _Column("demand_kw"), _Column("production_kw")
    priced = _PriceColumns(path.name)
    with path.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        _demand_columns(path.name, rows.fieldnames, ("time_utc", "demand_kw", "production_kw"))
        for number, row in enumerate(rows, start=2):
            _not_too_long(path.name, number)
            times.append(_time(row["time_utc"], f"{path.name}:{number}"))
            demand.take(row["demand_kw"], f"{path.name}:{number}")
            production.take(row["production_kw"], f"{path.name}:{number}")
            priced.take(row, number)
    if len(times) < 2:
        raise RecordingError(f"{path.name}: expected at least two rows, found {len(times)}")
    slot_s = round((times[1] - times[0]).total_seconds())
    for number, (before, after) in enumerate(pairwise(times), start=3):
        if round((after - before).total_seconds()) != slot_s:
            raise RecordingError(f"{path.name}:{number}: expected a slot of {slot_s} s, found {after - before}")
    return Recording(
        f"recorded home {path.stem}",
        "see the file's own source",
        times[0],
        slot_s,
        demand.values,
        production.values,
        demand.filled + production.filled,
        priced.prices(),
    )


def write_past(path: Path, recording: Recording, until: datetime, days: int) -> None:
    """The slots of the days before `until` in the backtest format; before its start the recording's end stands in."""
    slot = timedelta(seconds=recording.slot_s)
    last = (until - recording.start_utc) // slot
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("time_utc", "demand_kw", "production_kw"))
        for at in range(last - timedelta(days=days) // slot, last):
            time = (recording.start_utc + at * slot).isoformat().replace("+00:00", "Z")
            index = at % len(recording.demand_kw)
            rows.writerow((time, recording.demand_kw[index], recording.production_kw[index]))


def read_citylearn(text: str, *, home: str, pv_kwp: float) -> Recording:
    """Read one building file of CityLearn's 2022 challenge; `pv_kwp` scales its measured PV shape."""
    rows = csv.DictReader(StringIO(text))
    use, sun = "Equipment Electric Power [kWh]", "Solar Generation [W/kW]"
    _demand_columns(home, rows.fieldnames, (use, sun))
    demand, production = _Column(use), _Column(sun)
    for number, row in enumerate(rows, start=2):
        _not_too_long(home, number)
        demand.take(row[use], f"{home}:{number}")
        production.take(row[sun], f"{home}:{number}", most=2_000.0)
    return Recording(
        f"recorded home: CityLearn 2022, {home}, PV {pv_kwp:g} kWp",
        "MIT (CityLearn 1.8.0, J. R. Vazquez-Canteli, Intelligent Environments Laboratory)",
        CITYLEARN_START,
        3600,
        demand.values,
        tuple(watts_per_kwp * pv_kwp / 1000 for watts_per_kwp in production.values),
        demand.filled + production.filled,
    )


class _Column:
    """Readings of one column, a gap filled by the reading before it."""

    def __init__(self, name: str) -> None:
        self.values: list[float] = []
        self.filled = 0
        self._name = name

    def take(self, cell: str | None, where: str, most: float = _MOST_KW) -> None:
        if cell is None or not cell.strip():
            self.filled += 1
            self.values.append(self.values[-1] if self.values else 0.0)
            return
        try:
            value = float(cell)
        except ValueError:
            raise RecordingError(f"{where}: {self._name}: expected a number, found {cell[:40]!r}") from None
        if not 0.0 <= value <= most:
            raise RecordingError(f"{where}: {self._name}: expected 0 to {most:g}, found {value:g}")
        self.values.append(value)


class _PriceColumns:
    """The columns of prices, where a file has them; a missing price stays missing: the gateway has to do without."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._columns: dict[str, list[float | None]] = {name: [] for name in _PRICE_COLUMNS}
        self._any = False

    def take(self, row: Mapping[str, str | None], number: int) -> None:
        for name, values in self._columns.items():
            cell = (row.get(name) or "").strip()
            values.append(self._price(cell, f"{self._file}:{number}: {name}") if cell else None)
            self._any = self._any or bool(cell)

    def prices(self) -> Prices | None:
        bought, sold, co2 = (tuple(self._columns[name]) for name in _PRICE_COLUMNS)
        return Prices(bought, sold, co2) if self._any else None

    @staticmethod
    def _price(cell: str, where: str) -> float:
        try:
            value = float(cell)
        except ValueError:
            raise RecordingError(f"{where}: expected a number, found {cell[:40]!r}") from None
        if not -_MOST_EUR <= value <= _MOST_EUR:
            raise RecordingError(f"{where}: expected -{_MOST_EUR:g} to {_MOST_EUR:g}, found {value:g}")
        return value


def _demand_columns(where: str, found: Iterable[str] | None, needed: Sequence[str]) -> None:
    missing = set(needed) - set(found or ())
    if missing:
        raise RecordingError(f"{where}: expected columns {', '.join(needed)}; missing {', '.join(sorted(missing))}")


def _time(cell: str, where: str) -> datetime:
    try:
        when = datetime.fromisoformat(cell)
    except ValueError:
        raise RecordingError(
            f"{where}: expected a UTC time such as 2024-07-28T22:00:00Z, found {cell[:40]!r}"
        ) from None
    if when.tzinfo is None:
        raise RecordingError(f"{where}: expected a time with a zone, such as 2024-07-28T22:00:00Z, found {cell!r}")
    return when.astimezone(UTC)


def _not_too_long(where: str, number: int) -> None:
    if number > _MOST_ROWS:
        raise RecordingError(f"{where}: expected at most {_MOST_ROWS} rows")
