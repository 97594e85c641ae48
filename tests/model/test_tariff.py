"""Billing periods on every calendar, and blocks against a sum kWh by kWh."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.data.encoding import decode, encode
from heg.model.plan import Block
from heg.model.tariff import BillingPeriod, TariffTerms, blocks_eur, next_block_eur_per_kwh

ZONES = ("Europe/Rome", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana", "UTC")
MOMENTS = st.datetimes(datetime(2019, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
PERIODS = st.builds(BillingPeriod, st.sampled_from((1, 2, 3, 12)), st.integers(1, 12), st.integers(1, 31))
SECOND = timedelta(seconds=1)


def begins(period: BillingPeriod, day: date) -> bool:
    """Whether a period begins on a day, by what the contract says."""
    last = monthrange(day.year, day.month)[1]
    return (day.month - period.month) % period.months == 0 and day.day == min(period.day, last)


@given(MOMENTS, PERIODS, st.sampled_from(ZONES))
def test_every_moment_lies_in_one_period_that_begins_on_the_contract_s_day(
    moment: datetime, period: BillingPeriod, zone_name: str
) -> None:
    zone = ZoneInfo(zone_name)
    start, end = period.around(moment, zone)
    assert start <= moment < end
    assert period.around(start, zone) == (start, end)
    assert period.around(end - SECOND, zone) == (start, end)
    assert period.around(end, zone)[0] == end, "without a gap"
    first, after = start.astimezone(zone).date(), end.astimezone(zone).date()
    assert begins(period, first)
    assert begins(period, after)
    days = ((after - first).days - 1) if period.months == 1 else 0
    assert not any(begins(period, first + timedelta(days=day)) for day in range(1, days + 1))
    assert (start - SECOND).astimezone(zone).date() < first


@pytest.mark.parametrize(
    ("zone", "month", "hours"), [("Europe/Rome", 3, 31 * 24 - 1), ("Europe/Rome", 10, 31 * 24 + 1), ("UTC", 2, 28 * 24)]
)
def test_a_month_has_the_hours_that_people_live(zone: str, month: int, hours: int) -> None:
    start, end = BillingPeriod().around(datetime(2026, month, 15, tzinfo=UTC), ZoneInfo(zone))
    assert end - start == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("period", "first", "after"),
    [
        (BillingPeriod(1, 1, 31), date(2026, 2, 28), date(2026, 3, 31)),
        (BillingPeriod(2, 1, 15), date(2026, 1, 15), date(2026, 3, 15)),
        (BillingPeriod(3, 11, 1), date(2026, 2, 1), date(2026, 5, 1)),
        (BillingPeriod(12, 2, 29), date(2026, 2, 28), date(2027, 2, 28)),
        (BillingPeriod(12, 10, 1), date(2025, 10, 1), date(2026, 10, 1)),
    ],
)
def test_two_months_a_quarter_a_year_and_days_that_a_month_lacks(
    period: BillingPeriod, first: date, after: date
) -> None:
    start, end = period.around(datetime(2026, 3, 10, tzinfo=UTC), ZoneInfo("UTC"))
    assert (start.date(), end.date()) == (first, after)


STEPS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(-20, 40)), min_size=1, max_size=5, unique_by=lambda step: step[0]
)


@given(STEPS, st.integers(0, 80), st.integers(0, 80))
def test_blocks_are_the_sum_kwh_by_kwh(steps: list[tuple[int, int]], so_far: int, more: int) -> None:
    blocks = tuple(Block(from_kwh=kwh, eur_per_kwh=cents / 100) for kwh, cents in steps)

    def price_of(kwh: int) -> float:
        held = [cents for begin, cents in sorted(steps) if begin <= kwh]
        return held[-1] / 100 if held else 0.0

    each = sum(price_of(kwh) for kwh in range(so_far, so_far + more))
    assert blocks_eur(blocks, so_far, more) == pytest.approx(each)
    assert next_block_eur_per_kwh(blocks, so_far) == price_of(so_far)
    halves = blocks_eur(blocks, so_far, more / 2) + blocks_eur(blocks, so_far + more / 2, more / 2)
    assert halves == pytest.approx(each), "however it is cut"


def test_terms_outlive_a_restart() -> None:
    steps = (Block(from_kwh=150.0, eur_per_kwh=0.05),)
    terms = TariffTerms("Europe/Rome", BillingPeriod(2, 3, 15), steps, 4.5, BillingPeriod())
    assert decode(encode(terms), TariffTerms) == terms
