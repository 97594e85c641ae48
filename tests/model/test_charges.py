"""Blocks and peak as a horizon has them: how far the books have counted, and what stands where they have not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from heg.model.books import BillingRecord, SoFar
from heg.model.charges import Charges, charges_of
from heg.model.plan import Block, Blocks, DegradationCode
from heg.model.tariff import TariffTerms

HOUR = timedelta(hours=1)
OCTOBER = datetime(2026, 9, 30, 22, tzinfo=UTC)
NOVEMBER, DECEMBER = (datetime(2026, month, day, 23, tzinfo=UTC) for month, day in ((10, 31), (11, 30)))
"""Midnights in Rome."""
STEPS = (Block(from_kwh=100.0, eur_per_kwh=0.05), Block(from_kwh=200.0, eur_per_kwh=0.20))
TERMS = TariffTerms("Europe/Rome", blocks=STEPS, peak_eur_per_kw=4.0)
COUNTED = BillingRecord(
    (SoFar(OCTOBER, OCTOBER, 400.0), SoFar(NOVEMBER, NOVEMBER, 120.0, 300.0, 200.0)),
    (SoFar(NOVEMBER, NOVEMBER, 3.5, 6.0, 5.0),),
    0.25,
)


def charges(start: datetime, billed: BillingRecord | None = COUNTED, terms: TariffTerms | None = TERMS) -> Charges:
    return charges_of(terms, billed, start, 24, HOUR)


def test_blocks_and_peak_from_where_the_books_have_got_to() -> None:
    found = charges(NOVEMBER + 10 * 24 * HOUR)
    assert found.blocks == Blocks(so_far_kwh=120.25, steps=STEPS)
    assert (found.peak_eur_per_kw, found.peak_so_far_kw) == (4.0, 3.5)
    assert found.lacks == ()
    assert found.on((0.3,) * 24) == (0.3,) * 24


@pytest.mark.parametrize("terms", [None, TariffTerms("Europe/Rome")])
def test_a_contract_that_asks_no_more_than_its_prices(terms: TariffTerms | None) -> None:
    assert charges(NOVEMBER, terms=terms) == Charges()


def test_a_period_that_ends_within_the_horizon_prices_the_blocks_before_and_after() -> None:
    found = charges(DECEMBER - 6 * HOUR)
    assert found.blocks is None
    assert found.on((0.3,) * 24) == pytest.approx((0.35,) * 6 + (0.3,) * 18)
    assert found.peak_so_far_kw == 3.5
    assert charges(DECEMBER - 24 * HOUR).blocks == Blocks(so_far_kwh=120.25, steps=STEPS), "to its last slot"


def test_a_new_period_begins_at_nothing_and_lacks_nothing() -> None:
    found = charges(DECEMBER + HOUR)
    assert found.blocks == Blocks(steps=STEPS)
    assert found.peak_so_far_kw == 0.0
    assert found.lacks == ()


def test_what_was_not_counted_is_named_and_stands_as_what_was() -> None:
    since = NOVEMBER + 5 * 24 * HOUR
    partly = BillingRecord((SoFar(NOVEMBER, since, 50.0),), (SoFar(NOVEMBER, since, 2.0),))
    found = charges(NOVEMBER + 10 * 24 * HOUR, partly)
    assert found.blocks == Blocks(so_far_kwh=100.0, steps=STEPS)
    assert found.peak_so_far_kw == 2.0
    assert {one.code for one in found.lacks} == {DegradationCode.BILLING_PARTLY_KNOWN}
    assert "05 Nov 23:00 UTC: the time before counts as the time since" in found.lacks[0].text
    assert "the peak" in found.lacks[1].text
    soon = charges(since + 12 * HOUR, partly)
    assert soon.blocks == Blocks(so_far_kwh=50.0, steps=STEPS), "half a day says nothing of five"
    assert "counts as nothing" in soon.lacks[0].text


def test_books_that_know_nothing_are_a_lack_and_no_error() -> None:
    found = charges(NOVEMBER + 10 * 24 * HOUR, None)
    assert found.blocks == Blocks(steps=STEPS)
    assert "nothing is counted yet" in found.lacks[0].text
    assert len(found.lacks) == 2
