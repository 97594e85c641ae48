"""The plugged car as the planner sees it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.capabilities import VehicleCapability
from heg.model.plan import DegradationCode
from heg.model.records import VehicleRecord
from heg.services.planning.vehicle import Plugged, first_to_leave, inputs_of

NOON = datetime(2024, 8, 9, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
CHARGER = VehicleCapability(0.0, 11.0, smallest_charge_kw=4.1)
SAID = VehicleRecord(
    True, soc=0.4, capacity_kwh=60.0, departure_utc="2024-08-09T18:07:00+00:00", target_soc=0.8, stated=True
)


def test_what_was_said_becomes_a_window_and_a_target() -> None:
    car, lacks = inputs_of(Plugged("charger", CHARGER, SAID), NOON, QUARTER, 96, None)
    assert lacks == ()
    assert sum(car.plugged) == car.target_slot == 24  # the quarter in which it leaves is no longer counted on
    assert (car.capacity_kwh, car.soc_kwh, car.target_kwh) == pytest.approx((60.0, 24.0, 48.0))
    assert (car.max_rate_kw, car.min_charge_kw) == (11.0, 4.1)


def test_a_departure_beyond_the_horizon_is_no_target_yet() -> None:
    car, _ = inputs_of(Plugged("charger", CHARGER, SAID), NOON, QUARTER, 8, 7.0)
    assert all(car.plugged)
    assert car.target_slot is None
    assert car.max_rate_kw == 7.0


def test_a_car_that_should_have_left_is_charged_at_once_and_it_is_said() -> None:
    car, lacks = inputs_of(Plugged("charger", CHARGER, SAID), NOON + timedelta(hours=7), QUARTER, 8, None)
    assert all(car.plugged)
    assert car.target_slot == 1
    assert car.target_kwh == pytest.approx(48.0)
    assert [one.code for one in lacks] == [DegradationCode.TARGET_PAST]


def test_of_a_car_nobody_spoke_of_what_is_assumed_is_said() -> None:
    silent = VehicleRecord(True, charged_kwh=5.0)
    car, lacks = inputs_of(Plugged("charger", CHARGER, silent), NOON, QUARTER, 8, None)
    assert [one.code for one in lacks] == [DegradationCode.VEHICLE_SOC_ASSUMED]
    assert "50 kWh" in lacks[0].text
    assert car.soc_kwh == pytest.approx(0.2 * 50 + 5)


def test_the_one_that_leaves_first_is_planned_with() -> None:
    late = Plugged("a", CHARGER, replace(SAID, departure_utc="2024-08-10T06:00:00Z"))
    silent = Plugged("b", CHARGER, VehicleRecord(True))
    early = Plugged("c", CHARGER, SAID)
    assert first_to_leave((late, silent, early)) is early
    assert first_to_leave((late, silent)) is late
    assert first_to_leave((silent,)) is None, "it charges at once; a plan would not buy a kWh for it"
    assert first_to_leave(()) is None


@given(
    st.text(max_size=30) | st.floats(-300, 300).map(lambda hours: (NOON + timedelta(hours=hours)).isoformat()),
    st.none() | st.floats(-1, 2),
    st.none() | st.floats(-10, 1e6),
    st.none() | st.floats(-1, 2),
    st.floats(-5, 500),
    st.integers(1, 96),
)
def test_whatever_is_said_the_inputs_are_sound(
    departure: str, soc: float | None, capacity: float | None, target: float | None, charged: float, slots: int
) -> None:
    record = VehicleRecord(
        True, soc=soc, capacity_kwh=capacity, charged_kwh=charged, departure_utc=departure, target_soc=target
    )
    car, _ = inputs_of(Plugged("charger", CHARGER, record), NOON, QUARTER, slots, None)
    assert len(car.plugged) == slots
    assert 0 <= car.soc_kwh <= car.capacity_kwh
    assert 0 <= car.target_kwh <= car.capacity_kwh
    assert car.target_slot is None or 0 <= car.target_slot <= slots
