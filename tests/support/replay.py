"""A recorded home lived through again by rig and gateway, over real sockets, and what it cost.

The same home, sun, seed and prices are played to a house without battery, to one whose gateway only follows the
self-consumption rule, and to ones whose gateway plans: with perfect foresight, with a noisy forecast of the sun, with
its own forecasts. The bill is the rig's: its true counters at the connection point, slot by slot of the recording.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from heg.data.door import Door
from heg.data.interface import DataInterface
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.model.instance import Location
from heg.model.plan import Plan
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.services.past import Past, bring_past
from hil.plan import rig_plan
from hil.replay.recording import read_backtest
from tests.support.house import House, a_house
from tests.support.recordings import RECORDINGS

HOMES = (
    "home_a_spot_60min",
    "home_b_feedin_60min",
    "home_b_tou_60min",
    "home_c_spot_nopv_60min",
    "home_d_fr_spot_30min",
)
START_UTC = datetime(2024, 9, 16, tzinfo=UTC)
HISTORY_DAYS = 35
UNIT = "demo"
END_VALUE_SHARE = 0.9
"""What the energy left at the end is worth, as a share of the span's mean import price: alike for all."""


class Mode(StrEnum):
    """Who leads the battery, and what it knows."""

    NO_BATTERY = "no_battery"
    RULE = "rule"
    PERFECT = "perfect"
    NOISY = "noisy"
    OWN = "own"

    @property
    def plans(self) -> bool:
        """Tell whether the gateway plans."""
        return self in (Mode.PERFECT, Mode.NOISY, Mode.OWN)


@dataclass(frozen=True, slots=True)
class Home:
    """One recorded home: its file, its rows with prices (a missing price is the slot's before), its slot."""

    name: str
    path: Path
    start: datetime
    slot: timedelta
    demand_kw: Sequence[float]
    production_kw: Sequence[float]
    import_eur_per_kwh: Sequence[float]
    export_eur_per_kwh: Sequence[float]

    def index(self, moment: datetime) -> int:
        """Which row a moment lies in."""
        return (moment - self.start) // self.slot

    @property
    def has_sun(self) -> bool:
        """Tell whether the home produces."""
        return any(self.production_kw)


@dataclass(frozen=True, slots=True)
class Span:
    """What is played: from when, how long, at what pace, with which seed."""

    start: datetime = START_UTC
    days: float = 14.0
    cycle_s: float = 60.0
    slot_minutes: int = 15
    seed: int = 1
    texture: bool = True


@dataclass(frozen=True, slots=True)
class Bill:
    """What one house paid: EUR for energy less what the energy it kept is worth, beside where that came from."""

    home: str
    mode: Mode
    energy_eur: float
    kept_kwh: float
    kept_eur: float
    import_kwh: float
    export_kwh: float
    degradations: Mapping[str, int] = field(default_factory=dict)

    @property
    def cost_eur(self) -> float:
        """The figure that is compared."""
        return self.energy_eur - self.kept_eur


def homes(folder: Path = RECORDINGS) -> tuple[Home, ...]:
    """The recorded homes that are there."""
    return tuple(read_home(folder / f"{name}.csv") for name in HOMES if (folder / f"{name}.csv").is_file())


def read_home(path: Path) -> Home:
    """Read one file of the backtest format with its prices."""
    recording = read_backtest(path)
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return Home(
        path.stem,
        path,
        recording.start_utc,
        timedelta(seconds=recording.slot_s),
        recording.demand_kw,
        recording.production_kw,
        tuple(_filled(row["import_eur_per_kwh"] for row in rows)),
        tuple(_filled(row["export_eur_per_kwh"] for row in rows)),
    )


async def replay(clock: Clock, folder: Path, home: Home, mode: Mode, span: Span) -> Bill:
    """Live through a span and give the bill. The clock must stand at the span's start."""
    state_dir = folder / "state"
    state_dir.mkdir()
    if mode in (Mode.NOISY, Mode.OWN):
        await remember(clock, state_dir, home, span)
    sections = gateway_sections(folder, home, mode, span)
    plan = rig_plan(rig_tables(home, mode, span), span.start)
    async with a_house(clock, folder, plan=plan, sections=sections) as house:
        return await _live(clock, house, home, mode, span)


async def _live(clock: Clock, house: House, home: Home, mode: Mode, span: Span) -> Bill:
    ledger = _Ledger(home, span)
    stored_before = _stored_kwh(house)
    seen: dict[str, int] = {}
    door = house.data.admit(CUSTOMER, "replay")
    end = span.start + timedelta(days=span.days)
    while clock.utc() < end:
        books = house.rig.house.grid.books
        before = books.imported, books.exported
        slot = clock.utc()
        left_s = min(home.slot.total_seconds(), (end - slot).total_seconds())
        await clock.sleep(left_s)
        books = house.rig.house.grid.books
        ledger.book(slot, books.imported - before[0], books.exported - before[1])
        if mode.plans:
            _note(door, seen)
    return ledger.bill(mode, _stored_kwh(house) - stored_before, seen)


def _note(door: Door, seen: dict[str, int]) -> None:
    newest = door.latest("plan", Location(UNIT))
    plan = newest.value if newest is not None else None
    for lack in plan.degradations if isinstance(plan, Plan) else ():
        seen[lack.code] = seen.get(lack.code, 0) + 1


class _Ledger:
    """The bill of a house, from the rig's counters and the recording's prices."""

    def __init__(self, home: Home, span: Span) -> None:
        self._home = home
        first, last = home.index(span.start), home.index(span.start + timedelta(days=span.days))
        prices = home.import_eur_per_kwh[first : max(last, first + 1)]
        self._worth_eur_per_kwh = END_VALUE_SHARE * sum(prices) / len(prices)
        self._eur = self._import_kwh = self._export_kwh = 0.0

    def book(self, slot: datetime, imported_nanojoule: int, exported_nanojoule: int) -> None:
        at = self._home.index(slot)
        import_kwh, export_kwh = imported_nanojoule / 3.6e15, exported_nanojoule / 3.6e15
        self._import_kwh += import_kwh
        self._export_kwh += export_kwh
        self._eur += import_kwh * self._home.import_eur_per_kwh[at] - export_kwh * self._home.export_eur_per_kwh[at]

    def bill(self, mode: Mode, kept_kwh: float, seen: Mapping[str, int]) -> Bill:
        kept_eur = kept_kwh * self._worth_eur_per_kwh
        return Bill(self._home.name, mode, self._eur, kept_kwh, kept_eur, self._import_kwh, self._export_kwh, seen)


def _stored_kwh(house: House) -> float:
    return sum(battery.stored_kwh for battery in house.rig.house.batteries.values())


def rig_tables(home: Home, mode: Mode, span: Span) -> dict[str, Any]:
    """Describe the house of this home to the rig (`hil.plan`)."""
    pv_kw = 1.2 * max(*home.production_kw, 0.1)
    batteries = {"battery": {"self_consumption": False, "initial_soc": 0.5, "reserve": 0.0, "standby_kw": 0.0}}
    tables: dict[str, Any] = {
        "weather": {"kind": "file", "path": str(home.path), "seed": span.seed, "texture": span.texture},
        "house": {
            "step_s": 5.0 if span.cycle_s >= 30 else 0.25,
            "batteries": {} if mode is Mode.NO_BATTERY else batteries,
            "producers": {"pv": {"rated_kw": pv_kw, "apparent_kva": 1.1 * pv_kw}},
        },
        "devices": {"meter": {"kind": "meter"}, "pv": {"kind": "pv"}},
    }
    if mode is not Mode.NO_BATTERY:
        tables["devices"]["battery"] = {"kind": "storage"}
    return tables


def gateway_sections(folder: Path, home: Home, mode: Mode, span: Span) -> dict[str, Any]:
    """Configure the gateway for this home; what its feeds read is written to `folder`."""
    sections: dict[str, Any] = {
        "control": {"cycle_s": span.cycle_s},
        "modbus": {"interval_s": span.cycle_s, "slow_interval_s": 5 * span.cycle_s},
        "contract": {"max_import_kw": 17.0, "max_export_kw": 17.0},
        "planning": {"enabled": mode.plans, "slot_minutes": span.slot_minutes},
    }
    if mode.plans:
        sections["feeds"] = {"tariff": {"csv": {"path": str(home.path)}}}
    if mode in (Mode.PERFECT, Mode.NOISY):
        path = folder / "forecast.csv"
        _write_forecast(path, home, mode, span)
        sections["feeds"]["forecast"] = {"csv": {"path": str(path)}}
    return sections


def _write_forecast(path: Path, home: Home, mode: Mode, span: Span) -> None:
    """Perfect: load and sun as they will be. Noisy: the sun only, times a daily (20 %) and an hourly (15 %) error."""
    first = home.index(span.start)
    last = min(home.index(span.start + timedelta(days=span.days + 2)), len(home.demand_kw))
    errors = _errors(span.seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(
            ("time_utc", "demand_kw", "production_kw") if mode is Mode.PERFECT else ("time_utc", "production_kw")
        )
        for at in range(first, last):
            time = home.start + at * home.slot
            label = time.isoformat().replace("+00:00", "Z")
            if mode is Mode.PERFECT:
                rows.writerow((label, home.demand_kw[at], home.production_kw[at]))
            else:
                rows.writerow((label, round(home.production_kw[at] * errors(time), 4)))


def _errors(seed: int) -> Any:
    """The error of a moment, the same for the same seed whatever is asked in between."""

    def error(time: datetime) -> float:
        day = random.Random(f"{seed} {time:%Y-%m-%d}").gauss(0.0, 0.20)
        hour = random.Random(f"{seed} {time:%Y-%m-%d %H}").gauss(0.0, 0.15)
        return max(0.0, 1.0 + day) * max(0.0, 1.0 + hour)

    return error


async def remember(clock: Clock, state_dir: Path, home: Home, span: Span) -> None:
    """Give the store what the unit would have written in the weeks before: the house's own slots."""
    slots: dict[str, dict[datetime, float]] = {"slot.demand": {}, "slot.production": {}}
    for time, demand_kw, production_kw in _past(home, span):
        slots["slot.demand"][time] = demand_kw
        slots["slot.production"][time] = production_kw
    data = DataInterface(clock, UNIT, SqliteStore(clock, StoreSettings(state_dir / "store.sqlite")))
    await data.open()
    await bring_past(data.admit(CUSTOMER, "import"), UNIT, Past(slots), span.slot_minutes)
    await data.close()


def _past(home: Home, span: Span) -> Iterator[tuple[datetime, float, float]]:
    step = timedelta(minutes=span.slot_minutes)
    time = max(home.start, span.start - timedelta(days=HISTORY_DAYS))
    while time < span.start:
        at = home.index(time)
        yield time, home.demand_kw[at], home.production_kw[at]
        time += step


def _filled(cells: Iterator[str]) -> Iterator[float]:
    last = 0.0
    for cell in cells:
        last = float(cell) if cell.strip() else last
        yield last
