"""When a certificate begins, ends and is renewed, whatever a machine's clock believes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.records import CertificateRecord
from heg.web.tls.lifetime import BEFORE, DOUBTED_FOR_S, EARLIEST, RENEWED_BEFORE, due, span

TODAY = datetime(2027, 5, 1, tzinfo=UTC)


def made(now: datetime) -> CertificateRecord:
    begin, end = span(now)
    return CertificateRecord("", "", ("gateway",), "itself", begin, end)


@pytest.mark.parametrize("clock", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC), EARLIEST, TODAY])
def test_it_is_good_now_and_for_two_years_by_phones_rules(clock: datetime) -> None:
    begin, end = span(clock)
    assert begin < TODAY < end - timedelta(days=300)
    assert end - begin < timedelta(days=825)


def test_a_clock_that_fell_back_to_1970_renews_nothing() -> None:
    assert not due(made(TODAY), datetime(1970, 1, 1, tzinfo=UTC), doubted_s=1e9)


def test_it_is_renewed_before_its_end() -> None:
    record = made(TODAY)
    assert not due(record, record.end - RENEWED_BEFORE - timedelta(seconds=1))
    assert due(record, record.end - RENEWED_BEFORE)
    assert due(record, record.end + timedelta(days=900))


def test_a_clock_some_weeks_behind_renews_nothing() -> None:
    assert not due(made(TODAY), TODAY - BEFORE + timedelta(seconds=1), doubted_s=1e9)


def test_one_made_by_a_clock_ahead_is_made_anew_after_a_day_of_doubt() -> None:
    ahead = made(datetime(2099, 1, 1, tzinfo=UTC))
    assert not due(ahead, TODAY, doubted_s=DOUBTED_FOR_S - 1)
    assert due(ahead, TODAY, doubted_s=DOUBTED_FOR_S)


@given(st.integers(0, 84_000))
def test_one_just_made_is_never_due(days: int) -> None:
    now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days)
    assert not due(made(now), now)
