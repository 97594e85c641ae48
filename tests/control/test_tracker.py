"""Emulated `balance` against delay: DESIGN.md, Two clocks 5, and the figures of the issue."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.control.tracker import LoadInterval, LoadTracker, MeterDelay, follow
from heg.control.trim import Trim
from tests.control.days import day_load_kw
from tests.control.delayed_plant import Moment, Plant, balanced, wrong_way_share

STEP_KW = 3.0
BAND_KW = max(0.05, 0.02 * STEP_KW)
STEP_AT_S = 30.0


def step_answer(
    plant: Plant, *, at_s: float = STEP_AT_S, seconds: float = 630.0, step_kw: float = STEP_KW
) -> list[Moment]:
    past = balanced(lambda now_s: 0.4 if now_s < at_s else 0.4 + step_kw, seconds, plant)
    return [now for now in past if now.at_s > at_s]


def settled_after_s(answer: list[Moment], since_s: float = STEP_AT_S) -> float:
    outside = [now.at_s for now in answer if abs(now.grid_kw) > BAND_KW]
    return max(outside, default=since_s) - since_s


def overshoot(answer: list[Moment], step_kw: float = STEP_KW) -> float:
    return max(-now.grid_kw * (1 if step_kw > 0 else -1) for now in answer) / abs(step_kw)


def swing_kw(answer: list[Moment], after_s: float) -> float:
    late = [now.grid_kw for now in answer if now.at_s > after_s]
    return max(late) - min(late)


def test_the_step_of_the_design_settles_in_ten_seconds() -> None:
    answer = step_answer(Plant(meter_age_s=1.0, lag_s=2.0))
    assert settled_after_s(answer) <= 10.0
    assert overshoot(answer) < 0.15
    assert swing_kw(answer, STEP_AT_S + 60) < BAND_KW


@settings(max_examples=60, deadline=None)
@given(
    meter_age_s=st.floats(0.5, 3.0),
    lag_s=st.floats(0.0, 5.0),
    phase_s=st.floats(0.0, 1.0),
    resolution_kw=st.sampled_from([0.001, 0.01]),
    step_kw=st.sampled_from([3.0, -3.0]),
)
def test_over_all_ages_and_lags_the_step_settles_and_stays(
    meter_age_s: float, lag_s: float, phase_s: float, resolution_kw: float, step_kw: float
) -> None:
    plant = Plant(meter_age_s, lag_s, resolution_kw=resolution_kw)
    at_s = STEP_AT_S + phase_s
    answer = step_answer(plant, at_s=at_s, seconds=180.0, step_kw=step_kw)
    assert settled_after_s(answer, at_s) <= 2.0 + meter_age_s + 4 * lag_s + 2 * plant.dt_s
    assert overshoot(answer, step_kw) < 0.15
    assert swing_kw(answer, at_s + 60) < BAND_KW


@pytest.mark.parametrize("storage_age_s", [0.5, 1.0])
@pytest.mark.parametrize("lag_s", [0.0, 2.0, 5.0])
def test_a_storage_whose_value_is_older_than_the_meters_is_not_chased(storage_age_s: float, lag_s: float) -> None:
    answer = step_answer(Plant(0.5, lag_s, storage_age_s=storage_age_s), seconds=200.0)
    assert settled_after_s(answer) <= 2.0 + 0.5 + 4 * lag_s + 1.0
    assert overshoot(answer) < 0.15


def test_no_limit_cycle_in_ten_minutes_however_old_the_meter() -> None:
    for meter_age_s in (0.5, 1.0, 3.0):
        assert swing_kw(step_answer(Plant(meter_age_s, 2.0)), STEP_AT_S + 60) < BAND_KW


def test_little_energy_goes_the_wrong_way_over_a_day() -> None:
    load = day_load_kw(1)
    past = balanced(lambda now_s: load[int(now_s)], 86_400, Plant(1.0, 2.0, dt_s=0.5))
    assert wrong_way_share(past) < 0.02


def test_a_storage_that_gives_less_than_told_is_trimmed() -> None:
    answer = step_answer(Plant(gain=0.96), seconds=200.0)
    assert abs(answer[-1].grid_kw) < 0.03


def test_a_storage_at_its_limit_winds_nothing_up() -> None:
    trim = Trim()
    for second in range(60):
        trim.learn(float(second), 5.0, 3.0)
    assert trim.kw == 0.0


def test_while_nothing_moves_the_load_is_a_point() -> None:
    tracker = LoadTracker()
    for second in range(10):
        tracker.storages(float(second), -1.0)
        tracker.grid(float(second), 0.5)
    assert tracker.load() == LoadInterval(1.5, 1.5)


def test_while_a_storage_moves_the_load_is_what_any_age_allows() -> None:
    tracker = LoadTracker(MeterDelay(0.0, 2.0, slack_s=0.0, storage_behind_s=0.0))
    for second, kw in enumerate([0.0, 0.0, 0.0, -1.0, -3.0]):
        tracker.storages(float(second), kw)
    tracker.grid(4.0, 2.0)
    assert tracker.load() == LoadInterval(2.0, 5.0)


def test_nothing_is_known_before_both_have_spoken() -> None:
    tracker = LoadTracker()
    assert tracker.load() is None
    tracker.grid(0.0, 1.0)
    assert tracker.load() is None


@given(low=st.floats(-10, 10), width=st.floats(0, 5), previous=st.floats(-5, 5))
def test_a_command_is_kept_where_it_may_be_right(low: float, width: float, previous: float) -> None:
    def law(load_kw: float) -> float:
        return max(-5.0, min(5.0, -load_kw))

    next_kw = follow(law, LoadInterval(low, low + width), previous)
    assert law(low + width) <= next_kw <= law(low)
    if law(low + width) <= previous <= law(low):
        assert next_kw == previous


def test_a_slow_cycle_sees_only_its_newest_sample() -> None:
    tracker = LoadTracker(MeterDelay().scaled(60.0))
    tracker.storages(0.0, 0.0)
    tracker.storages(60.0, -3.0)
    tracker.grid(60.0, 0.4)
    load = tracker.load()
    assert load is not None
    assert load.width_kw < 0.1
