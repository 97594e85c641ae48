"""Slots, profiles and tubes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.slots import SLOT_MINUTES, Profile, Tube, slot_start

START = datetime(2026, 3, 1, tzinfo=UTC)
kilowatts = st.lists(st.floats(-50, 50), max_size=60).map(tuple)
lengths = st.sampled_from(SLOT_MINUTES)


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    minutes = draw(lengths)
    return Profile(START + timedelta(minutes=minutes * draw(st.integers(-40, 40))), minutes, draw(kilowatts))


@given(st.datetimes(timezones=st.just(UTC)), lengths)
def test_every_moment_lies_in_the_slot_that_starts_before_it(moment: datetime, minutes: int) -> None:
    length = timedelta(minutes=minutes)
    start = slot_start(moment, length)
    assert start <= moment < start + length
    assert start.minute % minutes == 0
    assert start.second == start.microsecond == 0


def test_a_local_day_of_25_hours_has_25_utc_hours_and_no_slot_twice() -> None:
    rome = ZoneInfo("Europe/Rome")
    midnight, next_midnight = datetime(2026, 10, 25, tzinfo=rome), datetime(2026, 10, 26, tzinfo=rome)
    hours = (next_midnight.astimezone(UTC) - midnight.astimezone(UTC)) // timedelta(hours=1)
    starts = [slot_start(midnight + timedelta(0), timedelta(hours=1)) + timedelta(hours=n) for n in range(hours)]
    assert hours == len(set(starts)) == 25
    assert slot_start(next_midnight, timedelta(hours=1)) == starts[-1] + timedelta(hours=1)


@pytest.mark.parametrize(
    ("start", "minutes", "values", "complaint"),
    [
        (START, 7, (), "slot length"),
        (START.replace(tzinfo=None), 15, (), "aware"),
        (START + timedelta(minutes=5), 15, (), "multiple"),
        (START, 15, (float("nan"),), "finite"),
        (START, 5, (0.0,) * 40_000, "at most"),
    ],
)
def test_what_is_no_profile_is_refused(
    start: datetime, minutes: int, values: tuple[float, ...], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Profile(start, minutes, values)


@given(profiles(), lengths)
def test_resampling_keeps_the_energy_of_what_is_covered(profile: Profile, minutes: int) -> None:
    other = profile.resampled(minutes)
    covered = profile.cut(other.start, other.end)
    assert other.slot_minutes == minutes
    assert other.energy_kwh == pytest.approx(covered.energy_kwh, abs=1e-9)
    assert profile.end - other.end < other.slot
    assert other.start - profile.start < other.slot


@given(profiles(), st.sampled_from([15, 30, 60]))
def test_each_wider_slot_holds_the_energy_of_its_own_time(profile: Profile, minutes: int) -> None:
    other = profile.resampled(minutes)
    for index, value in enumerate(other.values):
        start = other.start + other.slot * index
        inside = profile.cut(start, start + other.slot) if minutes >= profile.slot_minutes else None
        if inside is not None:
            assert inside.end - inside.start == other.slot, "only slots that are wholly known"
            assert value * minutes / 60 == pytest.approx(inside.energy_kwh, abs=1e-9)


@given(profiles(), lengths)
def test_splitting_and_joining_again_changes_nothing(profile: Profile, minutes: int) -> None:
    if minutes <= profile.slot_minutes:
        again = profile.resampled(minutes).resampled(profile.slot_minutes)
        assert again.values == pytest.approx(profile.values)
        assert again.start == profile.start


@given(profiles(), st.integers(-100, 100), st.integers(-100, 100))
def test_a_cut_holds_what_the_profile_held(profile: Profile, first: int, last: int) -> None:
    start, end = START + timedelta(minutes=7 * first), START + timedelta(minutes=7 * last)
    part = profile.cut(start, end)
    for index, value in enumerate(part.values):
        moment = part.start + part.slot * index
        assert start <= moment
        assert moment + part.slot <= end
        assert profile.at(moment) == value
    if start <= profile.start and end >= profile.end:
        assert part.values == profile.values


def test_at_knows_nothing_before_and_after() -> None:
    profile = Profile(START, 15, (1.0, 2.0))
    assert [profile.at(START + timedelta(minutes=m)) for m in (-1, 0, 14, 15, 29, 30)] == [None, 1, 1, 2, 2, None]


@given(profiles(), kilowatts)
def test_a_sum_holds_the_energy_of_the_slots_that_both_have(left: Profile, values: tuple[float, ...]) -> None:
    right = Profile(START, left.slot_minutes, values)
    total = left.plus(right)
    expected = left.cut(total.start, total.end).energy_kwh + right.cut(total.start, total.end).energy_kwh
    assert total.energy_kwh == pytest.approx(expected, abs=1e-9)


def test_profiles_of_two_slot_lengths_are_not_added() -> None:
    with pytest.raises(ValueError, match="resample"):
        Profile(START, 15, (1.0,)).plus(Profile(START, 60, (1.0,)))


def test_a_tube_that_is_upside_down_is_refused() -> None:
    with pytest.raises(ValueError, match="slot 1"):
        Tube(Profile(START, 15, (0.0, 2.0)), Profile(START, 15, (1.0, 1.0)))


_KW = st.floats(-9, 9, allow_subnormal=False)  # a quarter of the smallest subnormal number is nothing


@given(st.lists(st.tuples(_KW, st.floats(0, 5), _KW), min_size=1, max_size=20))
def test_following_a_tube_means_no_energy_outside(rows: list[tuple[float, float, float]]) -> None:
    low = Profile(START, 15, tuple(low for low, _, _ in rows))
    tube = Tube(low, Profile(START, 15, tuple(low + width for low, width, _ in rows)))
    profile = Profile(START, 15, tuple(value for _, _, value in rows))
    assert tube.follows(profile) == (tube.outside_kwh(profile) == 0.0)
    assert tube.follows(tube.low)
    assert tube.follows(tube.high)
    assert not tube.follows(profile.cut(START, profile.end - timedelta(minutes=15)))
