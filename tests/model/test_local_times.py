from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.local_times import next_occurrence, time_of_day

ROME = ZoneInfo("Europe/Rome")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # its summer time is half an hour


@pytest.mark.parametrize(
    "text", ["24:00:00", "7:00:00", "07:00", "07:60:00", " 07:00:00", "07:00:00\n", "", "\u0660\u0667:00:00"]
)
def test_what_is_no_time_of_day_is_none(text: str) -> None:
    assert time_of_day(text) is None


def test_a_time_of_day_is_read() -> None:
    assert time_of_day("07:05:59") == time(7, 5, 59)


@pytest.mark.parametrize(
    ("zone", "after", "clock", "expected"),
    [
        (ROME, "2026-07-01T04:00+00:00", "06:30:00", "2026-07-01T04:30+00:00"),
        (ROME, "2026-07-01T04:30+00:00", "06:30:00", "2026-07-02T04:30+00:00"),
        # The night without 02:00 to 03:00: the clock leaps at 01:00 UTC.
        (ROME, "2026-03-28T20:00+00:00", "02:30:00", "2026-03-29T01:00+00:00"),
        (ROME, "2026-03-28T20:00+00:00", "02:00:00", "2026-03-29T01:00+00:00"),
        (ROME, "2026-03-28T20:00+00:00", "03:00:00", "2026-03-29T01:00+00:00"),
        (ROME, "2026-03-29T01:00+00:00", "02:30:00", "2026-03-30T00:30+00:00"),
        # The night with 02:00 to 03:00 twice: the first one.
        (ROME, "2026-10-24T20:00+00:00", "02:30:00", "2026-10-25T00:30+00:00"),
        (ROME, "2026-10-25T00:30+00:00", "02:30:00", "2026-10-26T01:30+00:00"),
        (LORD_HOWE, "2026-10-03T10:00+00:00", "02:15:00", "2026-10-03T15:30+00:00"),
    ],
)
def test_the_next_time_the_clock_shows_it(zone: ZoneInfo, after: str, clock: str, expected: str) -> None:
    wanted = time_of_day(clock)
    assert wanted is not None
    assert next_occurrence(wanted, datetime.fromisoformat(after), zone) == datetime.fromisoformat(expected)


@given(
    st.datetimes(datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2030-01-01"), timezones=st.just(UTC)),
    st.times().map(lambda one: one.replace(microsecond=0)),
    st.sampled_from([ROME, LORD_HOWE, ZoneInfo("America/New_York"), ZoneInfo("UTC")]),
)
def test_it_lies_ahead_and_no_more_than_a_long_day(after: datetime, clock: time, zone: ZoneInfo) -> None:
    found = next_occurrence(clock, after, zone)
    assert after < found <= after + timedelta(hours=25)
    shown = found.astimezone(zone)
    leapt = shown.utcoffset() != (found - timedelta(seconds=1)).astimezone(zone).utcoffset()
    assert shown.time() == clock or leapt
