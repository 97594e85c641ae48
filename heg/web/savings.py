"""What was saved: booked spans as columns, and the totals of today and this month, from the books as they stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from heg.data.door import Door, Resolution
from heg.model.books import saved
from heg.model.instance import Location
from heg.model.records import BooksRecord, HouseBooks, RecentBooks
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.web.messages import iso
from heg.web.savings_messages import CostColumns, HouseCost, SavedEur, Savings, SavingsNow, SavingsTable

MOST_ROWS = 3000
"""A month of quarter hours: what one answer may hold."""
_PAGE_ROWS = 1000


class By(StrEnum):
    """What a row is."""

    SLOT = "slot"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class _Source:
    """The variable of spans that are over, and of the one that runs ("": none)."""

    over: str
    running: str
    shortest: timedelta


_SOURCES: Mapping[By, _Source] = {
    By.SLOT: _Source("books.slot", "", timedelta(minutes=5)),
    By.DAY: _Source("books.day", "books.today", timedelta(hours=23)),
    By.MONTH: _Source("books.month", "books.this_month", timedelta(days=28)),
}


def savings_now(door: Door, here: Location) -> SavingsNow | None:
    """Return what was saved today and this month so far; None before anything was booked."""
    today, month = (_newest(door, here, variable) for variable in ("books.today", "books.this_month"))
    if today is None or month is None:
        return None
    return SavingsNow(today=_savings(*today), this_month=_savings(*month))


async def savings_table(door: Door, here: Location, start: datetime, end: datetime, by: By) -> SavingsTable | Refusal:
    """Return the books of each span that began in [start, end), the running one last.

    Raises `RefusedError` where the door refuses to show the past.
    """
    source = _SOURCES[by]
    if (end - start) / source.shortest > MOST_ROWS:
        expected = f"at most {MOST_ROWS} rows"
        return Refusal(RefusalCode.TOO_LARGE, expected, f"{iso(start)} to {iso(end)}", "ask for a shorter span")
    at_hand = _recent(door, here, by)
    # Whole and sorted from its first on: only what is older must be looked for in the store.
    until = min(end, *at_hand) if at_hand else end
    found = {one: record for one, record in at_hand.items() if start <= one < end}
    if start < until:
        found |= await _stored(door, here, source.over, start, until)
    running = _newest(door, here, source.running) if source.running else None
    if running is not None and start <= running[0] < end:
        found[running[0]] = running[1]
    else:
        running = None
    spans = sorted(found)
    return _table(by, spans, [found[one] for one in spans], running=running is not None)


async def _stored(
    door: Door, here: Location, variable: str, start: datetime, end: datetime
) -> dict[datetime, BooksRecord]:
    """The last word on each span: one whose prices came late was written again."""
    found: dict[datetime, BooksRecord] = {}
    cursor: str | None = None
    while True:
        page = await door.history(variable, here, start, end, Resolution.RAW, cursor=cursor, limit=_PAGE_ROWS)
        if page.refusal is not None:
            raise RefusedError(page.refusal)
        found.update({row.time: row.value for row in page.rows if isinstance(row.value, BooksRecord)})
        cursor = page.next_cursor
        if cursor is None:
            return found


def _recent(door: Door, here: Location, by: By) -> dict[datetime, BooksRecord]:
    one = door.latest("books.recent", here)
    if by is By.SLOT or one is None or not isinstance(one.value, RecentBooks):
        return {}
    return {each.start: each.books for each in (one.value.days if by is By.DAY else one.value.months)}


def _newest(door: Door, here: Location, variable: str) -> tuple[datetime, BooksRecord] | None:
    one = door.latest(variable, here)
    if one is None or not isinstance(one.value, BooksRecord):
        return None
    return one.time, one.value


def _savings(start: datetime, record: BooksRecord) -> Savings:
    return Savings(
        start_utc=iso(start),
        minutes=record.minutes,
        actual=_house(record.actual),
        no_battery=_house(record.no_battery),
        rule=_house(record.rule),
        saved_no_battery=_saved(record, record.no_battery),
        saved_rule=_saved(record, record.rule),
        self_consumption=record.self_consumption,
        cycles=round(record.cycles, 3),
        priced_share=record.priced_share,
        metered_share=record.metered_share,
        integrated=record.integrated,
    )


def _house(house: HouseBooks) -> HouseCost:
    return HouseCost(
        import_kwh=round(house.import_kwh, 3),
        export_kwh=round(house.export_kwh, 3),
        energy_eur=round(house.energy_eur, 4),
        co2_eur=round(house.co2_eur, 4),
        peak_import_kw=round(house.peak_import_kw, 3),
        stored_kwh=house.stored_kwh,
    )


def _saved(record: BooksRecord, house: HouseBooks) -> SavedEur:
    found = saved(record, house)
    return SavedEur(
        eur=round(found.eur, 4),
        energy_eur=round(found.energy_eur, 4),
        co2_eur=round(found.co2_eur, 4),
        stored_eur=round(found.stored_eur, 4),
    )


def _table(by: By, starts: Sequence[datetime], records: Sequence[BooksRecord], *, running: bool) -> SavingsTable:
    return SavingsTable(
        by=by,
        running=running,
        start_utc=[iso(one) for one in starts],
        minutes=[one.minutes for one in records],
        demand_kwh=[round(one.demand_kwh, 4) for one in records],
        production_kwh=[round(one.production_kwh, 4) for one in records],
        charged_kwh=[round(one.charged_kwh, 4) for one in records],
        discharged_kwh=[round(one.discharged_kwh, 4) for one in records],
        vehicle_kwh=[round(one.vehicle_kwh, 4) for one in records],
        self_consumption=[one.self_consumption for one in records],
        cycles=[round(one.cycles, 4) for one in records],
        priced_share=[one.priced_share for one in records],
        metered_share=[one.metered_share for one in records],
        import_eur_per_kwh=[one.import_eur_per_kwh for one in records],
        export_eur_per_kwh=[one.export_eur_per_kwh for one in records],
        co2_eur_per_kwh=[one.co2_eur_per_kwh for one in records],
        actual=_columns([one.actual for one in records]),
        no_battery=_columns([one.no_battery for one in records]),
        rule=_columns([one.rule for one in records]),
        saved_no_battery_eur=[round(saved(one, one.no_battery).eur, 4) for one in records],
        saved_rule_eur=[round(saved(one, one.rule).eur, 4) for one in records],
    )


def _columns(houses: Sequence[HouseBooks]) -> CostColumns:
    return CostColumns(
        import_kwh=[round(one.import_kwh, 4) for one in houses],
        export_kwh=[round(one.export_kwh, 4) for one in houses],
        energy_eur=[round(one.energy_eur, 4) for one in houses],
        co2_eur=[round(one.co2_eur, 4) for one in houses],
        peak_import_kw=[round(one.peak_import_kw, 3) for one in houses],
        stored_kwh=[one.stored_kwh for one in houses],
    )
