"""A charger's wishes: whole steps, rests of the contactor, what the voltage does to them."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.control.charging import REST_S, Charging, nearest, whole
from heg.model.capabilities import VehicleCapability
from heg.model.leases import Claimant
from heg.model.regimes import GridBand, Regime, RegimeOrder

THREE = VehicleCapability(0.0, 11.04, 4.14, step_a=1.0, phases=3)
ONE = VehicleCapability(0.0, 3.68, 1.38, step_a=1.0, phases=1)
SURPLUS = RegimeOrder(Regime.ABSORB)
PLANNED = RegimeOrder(Regime.CHARGE, 8.0)


def told(charging: Charging, wanted_kw: float, now_s: float, order: RegimeOrder = SURPLUS, **more: object) -> float:
    """One cycle: asked for, and told as asked."""
    claimant = more.get("claimant", Claimant.PLAN)
    assert isinstance(claimant, Claimant)
    power_kw = charging.asked(THREE, wanted_kw, order, claimant, now_s)
    charging.told(power_kw, now_s)
    return power_kw


@pytest.mark.parametrize(
    ("power_kw", "below", "near"),
    [(0.0, 0.0, 0.0), (3.9, 0.0, 4.14), (4.14, 4.14, 4.14), (5.1, 4.83, 4.83), (5.2, 4.83, 5.52), (99.0, 98.67, 11.04)],
)
def test_steps(power_kw, below, near):
    assert whole(THREE, power_kw) == pytest.approx(below)
    assert nearest(THREE, power_kw) == pytest.approx(near)


def test_a_stop_and_the_next_start_lie_apart():
    charging = Charging()
    assert told(charging, 5.1, 0.0) == pytest.approx(4.83)
    assert told(charging, 0.0, 100.0) == pytest.approx(4.14), "a cloud: it goes on at the least"
    assert told(charging, -2.0, REST_S) == 0.0
    assert told(charging, 9.0, REST_S + 1.0) == 0.0
    assert told(charging, 9.0, 2 * REST_S - 0.1) == 0.0
    assert told(charging, 9.2, 2 * REST_S) == pytest.approx(8.97)


def test_what_a_plan_or_a_person_says_stops_it_at_once():
    charging = Charging()
    told(charging, 8.0, 0.0, PLANNED)
    assert told(charging, 0.0, 5.0, RegimeOrder(Regime.HOLD)) == 0.0
    assert told(charging, 8.0, 10.0, PLANNED) == 0.0, "but a start after a stop waits"
    assert told(charging, 8.0, 10.0, PLANNED, claimant=Claimant.MANUAL) == pytest.approx(8.28)
    assert told(charging, 0.0, 11.0, SURPLUS, claimant=Claimant.SAFETY) == 0.0


def test_a_car_that_left_leaves_no_rest_behind():
    charging = Charging()
    told(charging, 8.0, 0.0, PLANNED)
    charging.left(10.0)
    assert told(charging, 8.0, 12.0, PLANNED) == pytest.approx(8.28)


def test_noise_moves_no_step_of_a_car_that_follows_the_surplus():
    charging = Charging()
    seen = [told(charging, 4.83 + 0.1 * math.sin(at), 400.0 + at) for at in range(200)]
    assert len(set(seen)) <= 2
    assert sum(a != b for a, b in pairwise(seen)) <= 1
    assert told(charging, 6.3, 700.0) == pytest.approx(5.52), "a clear rise is followed, to the step that is sure"


@pytest.mark.parametrize("charger", [THREE, ONE])
def test_a_high_voltage_is_learnt_and_told_less_for(charger):
    charging = Charging()
    charging.told(charger.max_rate_kw, 0.0)
    charging.measured(charger.max_rate_kw * 1.04, 5.0)
    assert charging.stretch == 1.0, "not settled"
    charging.measured(charger.max_rate_kw * 1.04, 20.0)
    assert charging.stretch == pytest.approx(1.04)
    flowing = charging.placed(charger, 0.9 * charger.max_rate_kw) * 1.04
    assert 0.8 * charger.max_rate_kw < flowing <= 0.9 * charger.max_rate_kw
    charging.measured(0.3, 40.0)
    assert charging.stretch == 1.0, "a full car says nothing of the voltage"


orders = st.sampled_from(
    [
        SURPLUS,
        PLANNED,
        RegimeOrder(Regime.BALANCE),
        RegimeOrder(Regime.HOLD),
        RegimeOrder(Regime.LIMIT, band=GridBand(0, 4)),
    ]
)
moments = st.lists(st.tuples(st.floats(0.1, 200.0), st.floats(-12.0, 15.0), orders), max_size=60)


@given(moments, st.sampled_from([THREE, ONE]))
def test_whatever_is_wished_it_is_whole_steps_and_the_contactor_rests(script, charger):
    charging, now_s, was_on = Charging(), 0.0, False
    starts: list[float] = []
    for pause_s, wanted_kw, order in script:
        now_s += pause_s
        power_kw = charging.asked(charger, wanted_kw, order, Claimant.PLAN, now_s)
        charging.told(power_kw, now_s)
        steps = power_kw / charger.step_kw
        assert abs(steps - round(steps)) < 1e-6
        assert power_kw == 0.0 or power_kw >= charger.smallest_charge_kw - 1e-9
        if power_kw > 0 and not was_on:
            starts.append(now_s)
        was_on = power_kw > 0
    assert all(later - before >= REST_S for before, later in pairwise(starts))
