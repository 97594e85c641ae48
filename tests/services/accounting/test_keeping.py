"""Days are the sums of their slots, whatever their length; prices that come late still reach what was booked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from heg.data.encoding import decode, encode
from heg.model.books import SpanSums, Tariff, priced, saved, together
from heg.model.records import BooksRecord, RecentBooks
from heg.model.slots import Profile
from heg.model.tariff import Viewpoint
from heg.services.accounting.keeping import Changed, Keeping
from heg.services.accounting.ledger import Closed
from heg.services.accounting.records import record_of
from heg.services.accounting.spans import Calendar, pieces
from heg.services.accounting.tariff import DAY_AHEAD, EXPORT, IMPORT, TariffBook
from tests.services.accounting.hand import BATTERY

HOUR = timedelta(hours=1)
ROME = Calendar("Europe/Rome", 60)
SPRING = datetime(2026, 3, 28, 23, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 24, 22, tzinfo=UTC)


USUAL = Tariff(0.30, 0.10, None, 1.0)


def record(tariff: Tariff = USUAL, **more: Any) -> BooksRecord:
    energies: dict[str, Any] = {
        "import_kwh": 1.0,
        "none_import_kwh": 3.0,
        "rule_import_kwh": 2.0,
        "demand_kwh": 3.0,
        **more,
    }
    sums = SpanSums(SPRING, SPRING + HOUR, 3600.0, 3600.0, **energies)
    return record_of(Closed(sums, None, None, BATTERY), tariff)


def booked(keeping: Keeping, start: datetime, hours: int) -> list[Changed]:
    return [keeping.put(start + at * HOUR, record()) for at in range(hours)]


@pytest.mark.parametrize(("start", "hours"), [(SPRING, 23), (AUTUMN, 25), (SPRING + 23 * HOUR, 24)])
def test_a_day_has_the_hours_that_people_live(start: datetime, hours: int) -> None:
    assert ROME.day(start) == start
    assert ROME.day(start - HOUR) < start
    assert ROME.next_day(start) == start + hours * HOUR
    keeping = Keeping(ROME)
    changes = booked(keeping, start, hours + 1)
    assert [bool(one.days) for one in changes] == [False] * hours + [True]
    whole = changes[-1].days[start]
    assert whole.minutes == hours * 60
    assert whole.actual.import_kwh == pytest.approx(hours)


def test_a_zone_whose_midnight_is_off_the_grid_begins_its_day_with_the_first_slot_after_it() -> None:
    kathmandu = Calendar("Asia/Kathmandu", 60)  # UTC+5:45: midnight is at 18:15
    assert kathmandu.day(datetime(2026, 5, 3, 20, tzinfo=UTC)) == datetime(2026, 5, 3, 19, tzinfo=UTC)
    # The slot from 18 o'clock on starts before midnight, so it is yesterday's.
    assert kathmandu.day(datetime(2026, 5, 3, 18, tzinfo=UTC)) == datetime(2026, 5, 2, 19, tzinfo=UTC)


def test_every_slot_of_a_year_is_in_exactly_one_day() -> None:
    for calendar in (ROME, Calendar("Asia/Kathmandu", 60), Calendar("America/New_York", 60)):
        day = calendar.day(datetime(2026, 1, 1, tzinfo=UTC))
        for _ in range(370):
            after = calendar.next_day(day)
            assert calendar.day(after) == after
            assert calendar.day(after - HOUR) == day
            day = after


def test_a_month_is_the_sum_of_its_days() -> None:
    keeping = Keeping(ROME)
    start = datetime(2026, 2, 28, 23, tzinfo=UTC)
    changes = booked(keeping, start, 31 * 24)  # March in Rome has 31 days less an hour, and the next month's first
    months = {month: one for change in changes for month, one in change.months.items()}
    assert list(months) == [start]
    assert months[start].minutes == (31 * 24 - 1) * 60
    assert len(keeping.recent.days) == 31
    this_month = keeping.this_month(start + 31 * 24 * HOUR, record())
    assert this_month is not None
    assert this_month[1].minutes == 120


def test_what_is_kept_comes_back_and_goes_on() -> None:
    keeping = Keeping(ROME)
    start = SPRING - 3 * 24 * HOUR
    booked(keeping, start, 3 * 24 + 5)
    recent = decode(encode(keeping.recent), RecentBooks)
    again = Keeping(ROME, recent)
    assert not again.restore({SPRING + at * HOUR: record() for at in range(5)}, SPRING + 5 * HOUR).days
    today = again.today(SPRING + 5 * HOUR, None)
    assert today == keeping.today(SPRING + 5 * HOUR, None)
    assert again.this_month(SPRING + 5 * HOUR, None) == keeping.this_month(SPRING + 5 * HOUR, None)


def test_a_day_that_ended_while_we_were_down_is_summed_up() -> None:
    again = Keeping(ROME)
    changed = again.restore({SPRING + at * HOUR: record() for at in range(20)}, SPRING + 30 * HOUR)
    assert changed.days[SPRING].minutes == 20 * 60


def test_prices_that_come_late_reach_the_slot_its_day_and_nothing_else() -> None:
    keeping, tariffs = Keeping(ROME), TariffBook(60)
    unpriced = record(Tariff())
    assert (unpriced.priced_share, unpriced.actual.energy_eur) == (0.0, 0.0)
    for at in range(25):
        keeping.put(SPRING - 24 * HOUR + at * HOUR, unpriced)
    now = SPRING + 2 * HOUR
    for series, eur in ((IMPORT, 0.5), (EXPORT, 0.1)):
        tariffs.learn(series, [Profile(SPRING - 24 * HOUR, 60, (eur,) * 12)], now)
    changed = keeping.reprice(tariffs, 0.95)
    assert set(changed.slots) == {SPRING - 24 * HOUR + at * HOUR for at in range(12)}
    day = changed.days[SPRING - 24 * HOUR]
    assert day.priced_share == pytest.approx(0.5)
    assert day.actual.energy_eur == pytest.approx(12 * 0.5)
    assert day.no_battery.energy_eur == pytest.approx(36 * 0.5)
    assert not keeping.reprice(tariffs, 0.95).slots


def test_a_slot_that_is_lived_twice_is_the_sum_of_both() -> None:
    keeping = Keeping(ROME)
    keeping.put(SPRING, record())
    changed = keeping.put(SPRING, record())
    assert changed.slots[SPRING].actual.import_kwh == pytest.approx(2.0)
    assert changed.slots[SPRING].actual.energy_eur == pytest.approx(0.6)


def test_a_day_that_is_over_may_get_one_more_span() -> None:
    keeping = Keeping(ROME)
    booked(keeping, SPRING - 24 * HOUR, 26)
    changed = keeping.put(SPRING - 10 * HOUR, record())
    assert changed.days[SPRING - 24 * HOUR].actual.import_kwh == pytest.approx(25.0)


def test_memory_is_bounded() -> None:
    keeping = Keeping(ROME)
    booked(keeping, SPRING, 100 * 24)
    assert len(keeping.recent.days) <= 62
    assert keeping._slots.keys() == {one for one in keeping._slots if one >= keeping.first_kept(max(keeping._slots))}


def test_emptying_the_battery_is_no_saving() -> None:
    sums = SpanSums(SPRING, SPRING + HOUR, 3600.0, 3600.0, import_kwh=0.0, none_import_kwh=2.0, stored_before_kwh=5.0)
    emptied = record_of(Closed(sums, 3.0, None, BATTERY), Tariff(0.30, 0.10, None, 1.0, stored_eur_per_kwh=0.30))
    found = saved(emptied, emptied.no_battery)
    assert found.energy_eur == pytest.approx(0.60)
    assert found.stored_eur == pytest.approx(-0.60)
    assert found.eur == pytest.approx(0.0)


def test_money_is_energy_times_price_and_co2_is_apart() -> None:
    booked_ = record(Tariff(0.30, 0.10, 0.05, 1.0), export_kwh=2.0)
    assert booked_.actual.energy_eur == pytest.approx(1.0 * 0.30 - 2.0 * 0.10)
    assert booked_.actual.co2_eur == pytest.approx(0.05)
    assert priced(booked_, Tariff()).actual.energy_eur == 0.0


def test_sums_do_not_depend_on_the_order_of_adding() -> None:
    parts = [record(import_kwh=0.1 * at, production_kwh=0.3) for at in range(10)]
    left, right = together(parts), together([x for x in (together(parts[:4]), together(parts[4:])) if x is not None])
    assert left == right


def test_a_stretch_is_cut_at_every_slot_and_a_gap_only_at_days() -> None:
    quarters = Calendar("UTC", 15)
    start = datetime(2026, 3, 1, 10, 7, tzinfo=UTC)
    cut = pieces(quarters, start, start + timedelta(minutes=30), measured=True)
    assert [(one.start.minute, one.seconds) for one in cut] == [(0, 480), (15, 900), (30, 420)]
    gap = pieces(quarters, start, start + timedelta(days=2), measured=False)
    assert [one.start.isoformat()[5:16] for one in gap] == ["03-01T10:00", "03-02T00:00", "03-03T00:00", "03-03T10:00"]
    assert sum(one.seconds for one in gap) == 2 * 86400


def test_the_retailer_s_money_is_the_market_s_both_ways() -> None:
    tariffs = TariffBook(60, Viewpoint.RETAILER)
    for series, eur in ((IMPORT, 0.5), (EXPORT, 0.1), (DAY_AHEAD, -0.02)):
        if series in tariffs.series:
            tariffs.learn(series, [Profile(SPRING, 60, (eur,) * 12)], SPRING)
    found = tariffs.over(SPRING, SPRING + HOUR, 1.0)
    assert (found.import_eur_per_kwh, found.export_eur_per_kwh, found.known_share) == (-0.02, -0.02, 1.0)
