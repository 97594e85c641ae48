"""Counters through the manager: registers jump, reset and roll over; the series only ever counts what flowed."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.devices.counting import Books
from heg.model.capabilities import MeterCapability, ProducerCapability
from heg.model.counters import CounterEvent
from heg.runtime.clock import Clock
from tests.devices.test_manager import METER, Unit, info
from tests.support.stepped import stepped

KEY = ("energy.import", "")


def books(before: float | None = None) -> Books:
    return Books((ProducerCapability(5.0),), lambda _key: before)


def test_what_flows_is_counted_and_a_jump_is_not() -> None:
    book = books()
    assert book.take(KEY, 100.0, 0.0).kwh == 100.0
    assert book.take(KEY, 100.02, 10.0).kwh == pytest.approx(100.02)
    assert book.take(KEY, 1500.0, 20.0) == book.take(KEY, 1.0, 25.0)  # two readings that contradict each other
    assert book.take(KEY, 1500.0, 30.0).kwh is None
    confirmed = book.take(KEY, 1500.01, 40.0)
    assert confirmed.event is CounterEvent.JUMPED
    assert confirmed.kwh == pytest.approx(100.03)
    assert book.take(KEY, 1500.02, 50.0).kwh == pytest.approx(100.04)


def test_a_register_rolls_over_where_it_says() -> None:
    book = books()
    book.take(KEY, 4294.960, 0.0, wraps_at_kwh=4294.967296)
    rolled = book.take(KEY, 0.002704, 30.0)
    assert rolled.event is CounterEvent.ROLLED_OVER
    assert rolled.kwh == pytest.approx(4294.97)


def test_after_a_restart_the_series_never_falls() -> None:
    assert books(before=120.0).take(KEY, 100.0, 0.0).kwh == 120.0
    assert books(before=120.0).take(KEY, 121.0, 0.0).kwh == 121.0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_whatever_the_register_says_the_series_never_falls_and_never_flows_faster_than_it_could(
    readings: list[float],
) -> None:
    book = books()
    told = [value for index, kwh in enumerate(readings) if (value := book.take(KEY, kwh, 10.0 * index).kwh) is not None]
    assert all(later >= earlier for earlier, later in itertools.pairwise(told))
    assert told[-1] - told[0] <= len(readings) * (10.0 * 10 / 3600 + 10.0 * 120 / 3600 + 0.1)


@stepped
async def test_a_jump_is_an_alarm_until_it_is_settled(clock: Clock) -> None:
    unit = Unit(clock)
    meter = unit.manager.attach(info("A", METER), interval_s=1.0)
    for kwh in (10.0, 10.01, 5000.0):
        meter.report("energy.import", kwh)
        await unit.after(10)
    assert unit.alarm("meter", "counter.energy.import").active
    assert unit.newest("energy.import", "meter").value == pytest.approx(10.01)
    for kwh in (5000.01, 5000.02):
        meter.report("energy.import", kwh)
        await unit.after(10)
    assert not unit.alarm("meter", "counter.energy.import").active
    assert unit.newest("energy.import", "meter").value == pytest.approx(10.03)


def test_a_meter_may_count_more_than_a_producer() -> None:
    meter = Books((MeterCapability(),), lambda _key: None)
    meter.take(KEY, 0.0, 0.0)
    assert meter.take(KEY, 50.0, 3600.0).kwh == 50.0
