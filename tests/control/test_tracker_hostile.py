"""The tracker on meters and storages as they are: noisy, quantised, jittering, late beyond what was assumed."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.control.delay import OLDEST_S, AgeLearner
from heg.control.trim import Trim
from heg.model.regimes import GridBand, Regime, RegimeOrder, wanted_kw
from tests.control.days import restless_hours_kw, rig_day_kw
from tests.control.delayed_plant import Plant, balanced, knowing, missed_share, naive, played, wrong_way_share
from tests.control.test_tracker import BAND_KW, STEP_AT_S, overshoot, settled_after_s, step_answer, swing_kw


def held(load: list[float], now_s: float) -> float:
    """A course of one value a second, each until the next."""
    return load[int(now_s)]


@settings(max_examples=80, deadline=None)
@given(
    meter_age_s=st.floats(0.5, 3.0),
    lag_s=st.floats(0.0, 5.0),
    resolution_kw=st.floats(0.001, 0.01),
    set_point_step_kw=st.sampled_from([0.0, 0.001, 0.01]),
    meter_noise_kw=st.floats(0.0, 0.003),
    seed=st.integers(0, 99),
    phase_s=st.floats(0.0, 1.0),
)
def test_noise_and_steps_of_real_devices_change_nothing(
    meter_age_s: float,
    lag_s: float,
    resolution_kw: float,
    set_point_step_kw: float,
    meter_noise_kw: float,
    seed: int,
    phase_s: float,
) -> None:
    plant = Plant(
        meter_age_s,
        lag_s,
        resolution_kw=resolution_kw,
        set_point_step_kw=set_point_step_kw,
        meter_noise_kw=meter_noise_kw,
        seed=seed,
    )
    at_s = STEP_AT_S + phase_s
    answer = step_answer(plant, at_s=at_s, seconds=150.0)
    noise_kw = resolution_kw + set_point_step_kw + 2 * meter_noise_kw
    near = [now.at_s for now in answer if abs(now.grid_kw) > BAND_KW + noise_kw]
    assert max(near, default=at_s) - at_s <= 2.0 + meter_age_s + 4 * lag_s + 2 * plant.dt_s
    assert overshoot(answer) < 0.15
    assert swing_kw(answer, at_s + 60) < BAND_KW


@pytest.mark.parametrize(
    "plant",
    [
        Plant(2.0, 2.0, age_jitter_s=1.5),
        Plant(2.0, 0.0, age_jitter_s=1.5),
        Plant(1.5, 2.0, meter_hold_s=3.0),
        Plant(1.0, 0.0, dead_s=1.0),
        Plant(1.0, 2.0, ramp_kw_per_s=0.5),
        Plant(3.0, 2.0, dead_s=2.0),
        Plant(1.0, 2.0, gain=0.85),
        Plant(3.0, 2.0, gain=1.15),
        Plant(3.0, 2.0, cycle_s=2.0),
        Plant(3.0, 2.0, cycle_s=5.0),
        Plant(1.0, 2.0, storage_age_s=3.0),
        Plant(1.0, 2.0, resolution_kw=0.1, set_point_step_kw=0.05),
    ],
    ids=lambda plant: ",".join(str(getattr(plant, name)) for name in Plant.__slots__[:2]),
)
@pytest.mark.parametrize("step_kw", [3.0, -3.0])
def test_what_is_outside_the_promise_is_slower_but_neither_overshoots_nor_hunts(plant: Plant, step_kw: float) -> None:
    answer = step_answer(plant, seconds=240.0, step_kw=step_kw)
    assert overshoot(answer, step_kw) < 0.15
    assert swing_kw(answer, STEP_AT_S + 90) < BAND_KW
    assert settled_after_s(answer) < 60.0


@pytest.mark.parametrize("lag_s", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("meter_age_s", [5.0, 7.0, 10.0])
def test_a_meter_older_than_assumed_is_found_out_and_the_hunting_ends(meter_age_s: float, lag_s: float) -> None:
    answer = step_answer(Plant(meter_age_s, lag_s), seconds=630.0)
    assert swing_kw(answer, STEP_AT_S + 200) < BAND_KW


def test_a_house_full_of_pulsing_load_teaches_no_wrong_age() -> None:
    for seed in (3, 4):
        load = restless_hours_kw(seed, hours=1)
        learner, own, seen = AgeLearner(4.5), [(-OLDEST_S - 1.0, 0.0)], set()
        for now in balanced(partial(held, load), 3600, Plant(2.0, 1.0, dt_s=0.25)):
            if now.at_s % 1.0 == 0.0:
                own = [*own[-20:], (now.at_s, now.storage_kw)]
                learner.learn(now.at_s, now.grid_kw, own)
                seen.add(learner.age_s)
        assert seen == {None}


@settings(max_examples=60, deadline=None)
@given(
    regime=st.sampled_from([Regime.BALANCE, Regime.COVER, Regime.ABSORB, Regime.CHARGE, Regime.LIMIT]),
    before_kw=st.floats(-3, 3),
    after_kw=st.floats(-3, 3),
    meter_age_s=st.floats(0.5, 3.0),
    lag_s=st.floats(0.0, 5.0),
)
def test_every_regime_that_follows_the_house_settles_where_its_law_says(
    regime: Regime, before_kw: float, after_kw: float, meter_age_s: float, lag_s: float
) -> None:
    order = RegimeOrder(regime, power_kw=1.5, band=GridBand(-0.5, 1.0))
    plant = Plant(meter_age_s, lag_s)
    past = balanced(lambda now_s: before_kw if now_s < 40.0 else after_kw, 100.0, plant, order=order)
    aim_kw = wanted_kw(order, after_kw)
    bound_s = 40.0 + 2.0 + meter_age_s + 4 * lag_s + 2 * plant.dt_s
    assert all(abs(now.storage_kw - aim_kw) <= 0.06 + 0.01 for now in past if now.at_s > bound_s)
    if regime in (Regime.ABSORB, Regime.CHARGE):
        assert min(now.storage_kw for now in past) >= 0.0
    if regime is Regime.COVER:
        assert max(now.storage_kw for now in past) <= 0.0


def test_a_day_of_the_rig_moves_little_energy_the_wrong_way() -> None:
    past = balanced(partial(held, rig_day_kw()), 86_400, Plant(1.0, 2.0, dt_s=0.5))
    assert wrong_way_share(past) < 0.02


def test_in_restless_hours_it_stays_near_what_can_be_done_and_beats_taking_the_meter_at_its_word() -> None:
    load_kw, plant = partial(held, restless_hours_kw(3)), Plant(3.0, 2.0, dt_s=0.25)
    ours = missed_share(balanced(load_kw, 7200, plant))
    assert ours < 1.1 * missed_share(played(load_kw, 7200, plant, knowing(load_kw, plant)))
    assert ours < 0.8 * missed_share(played(load_kw, 7200, plant, naive(plant)))


def test_a_storage_that_tapers_is_not_pushed_and_is_right_again_below() -> None:
    plant = Plant(1.0, 1.0, most_kw=2.0)
    past = balanced(lambda now_s: 3.0 if now_s < 120.0 else 1.0, 240.0, plant)
    after = [now for now in past if now.at_s > 120.0]
    assert settled_after_s(after, 120.0) < 8.0
    assert max(-now.grid_kw for now in after if now.at_s > 124.0) < 0.15


def test_trim_learns_a_gain_in_steps_that_show() -> None:
    trim, power_kw = Trim(), 0.0
    for second in range(120):
        trim.learn(float(second), 2.0, power_kw)
        power_kw = 0.85 * (2.0 + trim.kw)
    assert power_kw == pytest.approx(2.0, abs=0.025)
    trim.learn(121.0, -1.0, -0.85)
    assert trim.kw == pytest.approx(-0.176, abs=0.02)


def test_a_storage_that_was_held_meanwhile_teaches_nothing() -> None:
    trim = Trim()
    readings = [(float(second), -3.0) for second in range(22)] + [(28.0, 0.0), (29.0, 0.0), (30.0, -2.98)]
    for at_s, measured_kw in readings:
        trim.learn(at_s, -3.0, measured_kw)
        assert trim.kw == 0.0


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5), st.integers(1, 30)), max_size=20))
def test_trim_is_bounded_whatever_is_measured(rows: list[tuple[float, float, int]]) -> None:
    trim, now_s = Trim(), 0.0
    for aim_kw, measured_kw, seconds in rows:
        for _ in range(seconds):
            now_s += 1.0
            trim.learn(now_s, aim_kw, measured_kw)
            assert abs(trim.kw) <= max(0.15, 0.25 * abs(aim_kw)) + 1e-9
