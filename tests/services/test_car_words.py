"""What a person says of a car: times by the house's clock, shares, and everything that means nothing."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.refusals import Refusal, RefusalCode
from heg.services.car_words import Said, next_time, read_words

BERLIN = ZoneInfo("Europe/Berlin")
EVENING = datetime(2024, 8, 9, 16, tzinfo=UTC)


def said(now: datetime = EVENING, capacity_kwh: float | None = 60.0, **arguments: Any) -> Said:
    found = read_words(arguments, now, BERLIN, capacity_kwh)
    assert isinstance(found, Said), found
    return found


def test_the_next_half_past_seven_is_tomorrow():
    assert said(departure="07:30", target=0.8) == Said(departure=datetime(2024, 8, 10, 5, 30, tzinfo=UTC), target=0.8)
    assert said(departure="7:30").departure == datetime(2024, 8, 10, 5, 30, tzinfo=UTC)
    assert said(departure="18:01").departure == datetime(2024, 8, 9, 16, 1, tzinfo=UTC)
    assert said(departure="18:00").departure == datetime(2024, 8, 10, 16, tzinfo=UTC), "now is no departure"


def test_a_time_in_utc_and_energy_instead_of_a_share():
    given_ = said(departure_utc="2024-08-10T07:30:00+02:00", soc_kwh=24.0)
    assert given_ == Said(soc=0.4, departure=datetime(2024, 8, 10, 5, 30, tzinfo=UTC))
    assert said(capacity_kwh=50.0, soc_kwh=25.0).soc == 0.5


@pytest.mark.parametrize(
    ("night", "clock", "utc"),
    [
        (datetime(2024, 3, 30, 20, tzinfo=UTC), time(2, 30), datetime(2024, 3, 31, 1, 30, tzinfo=UTC)),
        (datetime(2024, 10, 26, 20, tzinfo=UTC), time(2, 30), datetime(2024, 10, 27, 0, 30, tzinfo=UTC)),
        (datetime(2024, 3, 30, 20, tzinfo=UTC), time(7, 30), datetime(2024, 3, 31, 5, 30, tzinfo=UTC)),
        (datetime(2024, 10, 26, 20, tzinfo=UTC), time(7, 30), datetime(2024, 10, 27, 6, 30, tzinfo=UTC)),
    ],
)
def test_nights_in_which_the_clocks_change(night, clock, utc):
    assert next_time(clock, night, BERLIN) == utc


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        ({}, RefusalCode.WRONG_TYPE, "a departure, a target or a state of charge"),
        ({"target": None}, RefusalCode.WRONG_TYPE, "a departure"),
        ({"speed": 3}, RefusalCode.UNSUPPORTED, "arguments among"),
        ({"target": 80}, RefusalCode.OUT_OF_RANGE, "80 % is 0.8"),
        ({"target": -0.1}, RefusalCode.OUT_OF_RANGE, "target from 0 to 1"),
        ({"target": "much"}, RefusalCode.WRONG_TYPE, "target as a number"),
        ({"target": True}, RefusalCode.WRONG_TYPE, "target as a number"),
        ({"soc": float("nan")}, RefusalCode.WRONG_TYPE, "soc as a number"),
        ({"soc": 0.4, "soc_kwh": 20.0}, RefusalCode.CONFLICT, "soc or soc_kwh"),
        ({"soc_kwh": 61.0}, RefusalCode.OUT_OF_RANGE, "soc_kwh from 0 to 60"),
        ({"capacity_kwh": 0.0}, RefusalCode.OUT_OF_RANGE, "capacity_kwh from 1"),
        ({"departure": "half past"}, RefusalCode.BAD_TIME, "07:30"),
        ({"departure": "25:00"}, RefusalCode.BAD_TIME, "07:30"),
        ({"departure": "07:30+02:00"}, RefusalCode.BAD_TIME, "07:30"),
        ({"departure": 730}, RefusalCode.BAD_TIME, "07:30"),
        ({"departure": "07:30", "departure_utc": "2024-08-10T05:30:00Z"}, RefusalCode.CONFLICT, "departure or"),
        ({"departure_utc": "2024-08-10T05:30:00"}, RefusalCode.BAD_TIME, "such as"),
        ({"departure_utc": "2024-08-09T15:59:00Z"}, RefusalCode.OUT_OF_RANGE, "within 7 days"),
        ({"departure_utc": "2024-08-17T16:01:00Z"}, RefusalCode.OUT_OF_RANGE, "within 7 days"),
        ({"departure_utc": "9999-12-31T23:59:59-23:59"}, RefusalCode.BAD_TIME, "such as"),
    ],
)
def test_what_means_nothing_is_refused_with_what_was_expected(arguments, code, expected):
    refusal = read_words(arguments, EVENING, BERLIN, 60.0)
    assert isinstance(refusal, Refusal)
    assert refusal.code is code
    assert expected in refusal.expected


def test_a_share_without_a_capacity_says_how_to_mend_it():
    refusal = read_words({"soc": 0.4}, EVENING, BERLIN, None)
    assert isinstance(refusal, Refusal)
    assert "capacity_kwh" in refusal.mend
    assert read_words({"soc": 0.4, "capacity_kwh": 50.0}, EVENING, BERLIN, None) == Said(soc=0.4, capacity_kwh=50.0)


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=50), st.lists(st.integers())
)
names = st.sampled_from(["soc", "soc_kwh", "departure", "departure_utc", "target", "capacity_kwh", "forget", "other"])
moments = st.integers(946_684_800, 7_258_118_400).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(st.dictionaries(names, anything), moments)
def test_whatever_is_said_it_is_understood_or_refused(arguments, now):
    found = read_words(arguments, now, BERLIN, 60.0)
    if isinstance(found, Refusal):
        return
    assert found.soc is None or 0.0 <= found.soc <= 1.0
    assert found.target is None or 0.0 <= found.target <= 1.0
    assert found.departure is None or now < found.departure <= now + timedelta(days=7)


@given(moments, st.times())
def test_the_next_time_by_the_clock_is_within_a_day_and_an_hour_or_two(now, clock):
    found = next_time(clock, now, BERLIN)
    assert now < found <= now + timedelta(hours=26)
