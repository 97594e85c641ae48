"""What an appliance draws, as the house's meter and books see it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.appliances import PowerState
from hil.house.appliance import Appliance, ApplianceConfig, Curve
from hil.house.house import Constant, House, HouseConfig

QUICK: dict[str, Any] = {"lag_s": 0.0}


def house_of(**appliances: ApplianceConfig) -> House:
    return House(HouseConfig(batteries={}, producers={}, appliances=appliances), Constant(0.5))


def test_a_state_is_what_it_draws_on_its_phase() -> None:
    house = house_of(lamp=ApplianceConfig(rated_kw=1.5, standby_kw=0.1, phase=2, **QUICK))
    lamp = house.appliances["lamp"]
    for state, kw in ((PowerState.STANDBY, 0.1), (PowerState.ON, 1.5), (PowerState.OFF, 0.0)):
        lamp.switch(state)
        house.step()
        assert lamp.power_kw == pytest.approx(kw)
        assert house.appliances_kw == pytest.approx(kw)
        assert house.grid_kw == pytest.approx(0.5 + kw)
        assert house.grid.active[1] / 1e6 == pytest.approx(0.5 * 0.35 + kw, abs=1e-5)


def test_a_thermostat_beats_from_when_it_was_switched_on() -> None:
    house = house_of(freezer=ApplianceConfig(rated_kw=0.2, initially="on", beat_on_s=600, beat_off_s=900, **QUICK))
    seen = []
    for minute in range(1, 51):
        house.advance_to(minute * 60.0 - 1.0)
        seen.append(house.appliances_kw > 0.1)
    assert seen == ([True] * 10 + [False] * 15) * 2


def test_a_cycle_follows_its_curve_and_is_broken_off_by_any_other_state() -> None:
    house = house_of(washer=ApplianceConfig(standby_kw=0.0, **QUICK))
    washer = house.appliances["washer"]
    washer.begin(Curve((2.0, 0.5, 1.0), 900.0))
    for quarter, kw in enumerate((2.0, 0.5, 1.0)):
        house.advance_to(quarter * 900.0 + 450.0)
        assert washer.power_kw == pytest.approx(kw)
        assert washer.running
    house.advance_to(2701.0)
    assert not washer.running
    assert washer.power_kw == 0.0
    assert washer.consumed_nanojoule / 3.6e15 == pytest.approx(0.875, rel=1e-3)
    washer.begin(Curve((2.0,), 900.0))
    washer.switch(PowerState.STANDBY)
    assert not washer.running


@given(st.lists(st.tuples(st.sampled_from(list(PowerState)), st.integers(1, 50), st.booleans()), max_size=12))
def test_energy_adds_up_with_appliances(script: list[tuple[PowerState, int, bool]]) -> None:
    house = house_of(one=ApplianceConfig(rated_kw=2.0, beat_on_s=3, beat_off_s=2), two=ApplianceConfig(phase=3))
    for state, steps, cycle in script:
        one = house.appliances["one"]
        one.switch(state)
        if cycle:
            one.begin(Curve((1.0, 0.3), 2.0))
        for _ in range(steps):
            house.step()
    assert house.imbalance_nanojoule() == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"phase": 4}, "phase"), ({"initially": "asleep"}, "on, standby, off"), ({"rated_kw": -1}, "rated")],
)
def test_what_cannot_be_built_is_said(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Appliance(ApplianceConfig(**wrong))
