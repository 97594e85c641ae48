"""Blocks and peak slot by slot come to what the whole period's bill says, for each house and on any calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.data.encoding import decode, encode
from heg.model.books import BillingRecord, SpanSums, Tariff, priced, saved, together
from heg.model.plan import Block
from heg.model.records import BooksRecord, HouseBooks
from heg.model.tariff import BillingPeriod, TariffTerms
from heg.services.accounting.billing import Billing
from heg.services.accounting.keeping import Keeping
from heg.services.accounting.ledger import Closed
from heg.services.accounting.records import record_of
from heg.services.accounting.spans import Calendar

HOUR = timedelta(hours=1)
NOVEMBER = datetime(2026, 10, 31, 23, tzinfo=UTC)
"""Its midnight in Rome; October has an hour more."""
BLOCKS = (Block(from_kwh=10.0, eur_per_kwh=0.05), Block(from_kwh=25.0, eur_per_kwh=0.20))
TERMS = TariffTerms("Europe/Rome", blocks=BLOCKS, peak_eur_per_kw=4.0)
HOUSES = ("actual", "no_battery", "rule")


def booked(billing: Billing, start: datetime, actual: float, none: float = 0.0, rule: float = 0.0) -> BooksRecord:
    sums = SpanSums(
        start,
        start + HOUR,
        3600,
        3600,
        import_kwh=actual,
        none_import_kwh=none,
        rule_import_kwh=rule,
        demand_kwh=actual,
    )
    return billing.book(start, record_of(Closed(sums, None, None, None), Tariff(0.3, 0.1, None, 1.0)))


def bill(kwh: float) -> float:
    """What the blocks add to a period's bill, by hand."""
    return 0.05 * min(max(kwh - 10, 0), 15) + 0.20 * max(kwh - 25, 0)


def house(record: BooksRecord, name: str) -> HouseBooks:
    found = getattr(record, name)
    assert isinstance(found, HouseBooks)
    return found


def new(terms: TariffTerms = TERMS, left: BillingRecord | None = None) -> Billing:
    billing = Billing(left)
    billing.learn(terms)
    return billing


@settings(deadline=None)
@given(
    st.lists(st.tuples(*(st.floats(0.0, 8.0) for _ in HOUSES)), min_size=1, max_size=60),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(2, 9),
    st.booleans(),
)
def test_the_slots_come_to_the_bill_of_each_period(
    imports: list[tuple[float, ...]], first: datetime, step: int, restarts: bool
) -> None:
    billing = new()
    at, days = first.replace(minute=0, second=0, microsecond=0), []
    for slot in imports:
        days.append((at, booked(billing, at, *slot)))
        at += step * 13 * HOUR
        if restarts:
            billing = new(left=decode(encode(billing.left(0.0)), BillingRecord))
    months: dict[tuple[int, int], list[BooksRecord]] = {}
    for start, record in days:
        local = start.astimezone(ZoneInfo("Europe/Rome"))
        months.setdefault((local.year, local.month), []).append(record)
    for records in months.values():
        whole = together(records)
        assert whole is not None
        for name in HOUSES:
            mine = house(whole, name)
            assert mine.blocks_eur == pytest.approx(bill(mine.import_kwh), abs=1e-4)
            assert mine.peak_eur == pytest.approx(4.0 * mine.peak_import_kw, abs=2e-3)
            assert mine.energy_eur == pytest.approx(0.3 * mine.import_kwh + mine.blocks_eur + mine.peak_eur, abs=1e-4)


def test_a_battery_that_keeps_below_the_peak_and_the_block_saved_both() -> None:
    billing = new()
    records = [booked(billing, NOVEMBER + hour * HOUR, 2.0, 2.0 + 4.0 * (hour == 3), 3.0) for hour in range(10)]
    whole = together(records)
    assert whole is not None
    assert whole.actual.peak_eur == 8.0
    assert whole.no_battery.peak_eur == 24.0
    assert (whole.actual.blocks_eur, whole.no_battery.blocks_eur) == pytest.approx((bill(20), bill(24)))
    assert saved(whole, whole.no_battery).energy_eur == pytest.approx(0.3 * 4 + 16.0 + bill(24) - bill(20))
    assert saved(whole, whole.rule).energy_eur == pytest.approx(0.3 * 10 + 4.0 + bill(30) - bill(20))


def test_a_price_that_comes_late_leaves_blocks_and_peak_as_they_were_booked() -> None:
    billing = new()
    sums = SpanSums(NOVEMBER, NOVEMBER + HOUR, 3600, 3600, import_kwh=12.0, demand_kwh=12.0)
    record = billing.book(NOVEMBER, record_of(Closed(sums, None, None, None), Tariff()))
    assert record.actual.energy_eur == pytest.approx(0.1 + 48.0)
    again = priced(record, Tariff(0.5, 0.1, None, 1.0))
    assert again.actual.energy_eur == pytest.approx(6.0 + 0.1 + 48.0)


def test_a_new_month_begins_at_nothing_and_a_clock_set_back_finds_the_old_one_again() -> None:
    billing = new()
    booked(billing, NOVEMBER - HOUR, 30.0)
    assert booked(billing, NOVEMBER, 8.0).actual.blocks_eur == 0.0
    assert booked(billing, NOVEMBER - HOUR, 1.0).actual.blocks_eur == pytest.approx(0.20)
    assert booked(billing, NOVEMBER + HOUR, 4.0).actual.blocks_eur == pytest.approx(0.05 * 2)
    assert [one.actual for one in billing.left(0.5).energy_kwh] == [31.0, 12.0]
    assert billing.left(0.5).running_kwh == 0.5
    assert billing.next_kwh_eur(NOVEMBER) == 0.05


def test_what_runs_is_charged_and_not_counted() -> None:
    billing = new()
    sums = SpanSums(NOVEMBER, NOVEMBER + HOUR, 3600, 3600, import_kwh=12.0)
    record = record_of(Closed(sums, None, None, None), Tariff(0.3, 0.1, None, 1.0))
    assert billing.charged(NOVEMBER, record).actual.energy_eur == pytest.approx(3.6 + 0.1 + 48.0)
    assert billing.left(0.0) == BillingRecord()


def test_a_contract_without_them_counts_nothing() -> None:
    billing = new(TariffTerms("Europe/Rome"))
    assert booked(billing, NOVEMBER, 12.0).actual.energy_eur == pytest.approx(3.6)
    assert billing.left(0.0) == BillingRecord()


@pytest.mark.parametrize("period", [BillingPeriod(), BillingPeriod(12, 7, 1), BillingPeriod(3, 9, 1)])
def test_a_new_contract_counts_from_its_period_s_beginning_what_the_books_have(period: BillingPeriod) -> None:
    keeping, plain = Keeping(Calendar("Europe/Rome", 60)), Billing()
    july = datetime(2026, 6, 30, 22, tzinfo=UTC)
    slots = (NOVEMBER - july) // HOUR + 15 * 24 + 7
    for hour in range(slots):
        keeping.put(july + hour * HOUR, booked(plain, july + hour * HOUR, 0.25 + 0.5 * (hour % 24 == 18), 0.25, 0.5))
    now = july + slots * HOUR
    billing = new(TariffTerms("Europe/Rome", period, BLOCKS, 4.0, period))
    booked(billing, now - HOUR, 0.25)
    billing.recall(keeping.since, now)
    begun = period.around(now, ZoneInfo("Europe/Rome"))[0]
    [energy], [peak] = billing.left(0.0).energy_kwh, billing.left(0.0).peak_kw
    hours = (now - begun) // HOUR
    assert energy.start == energy.since == begun
    peaks = sum((begun + hour * HOUR - july) // HOUR % 24 == 18 for hour in range(hours))
    assert (energy.actual, energy.no_battery) == pytest.approx((0.25 * hours + 0.5 * peaks, 0.25 * hours))
    assert (peak.actual, peak.no_battery, peak.rule) == (0.75, 0.25, 0.5)
    counted = billing.left(0.0)
    billing.recall(keeping.since, now)
    assert billing.left(0.0) == counted, "once"


def test_books_that_do_not_reach_back_tell_since_when() -> None:
    keeping, plain = Keeping(Calendar("Europe/Rome", 60)), Billing()
    begun = NOVEMBER + 9 * 24 * HOUR
    for hour in range(30):
        keeping.put(begun + hour * HOUR, booked(plain, begun + hour * HOUR, 1.0))
    billing = new()
    billing.recall(keeping.since, begun + 30 * HOUR)
    [energy] = billing.left(0.0).energy_kwh
    assert (energy.start, energy.since, energy.actual) == (NOVEMBER, begun, 30.0)
