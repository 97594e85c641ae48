"""The ledger by hand: days whose answer a person can compute, and whatever happens, energy is booked once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.services.accounting.levels import INTO, MADE, OUT
from heg.services.accounting.shadow import Car
from tests.services.accounting.hand import START, HandHouse, Kept

QUARTER = timedelta(minutes=15)
WH = 0.001


def test_an_hour_of_sun_a_person_can_compute() -> None:
    # 1 kW of load, 3 kW of sun, the battery takes 1.5 kW: 0.5 kW is exported. The rule would have taken all 2 kW.
    kept = Kept(HandHouse(demand_kw=1.0, sun_kw=3.0, battery_kw=1.5)).lives(3600)
    assert [one.sums.start for one in kept.closed] == [START + at * QUARTER for at in range(4)]
    for one in kept.closed:
        sums = one.sums
        assert sums.demand_kwh == pytest.approx(0.25, abs=WH)
        assert sums.production_kwh == pytest.approx(0.75, abs=WH)
        assert sums.charged_kwh == pytest.approx(0.375, abs=WH)
        assert (sums.import_kwh, sums.export_kwh) == pytest.approx((0.0, 0.125), abs=WH)
        assert (sums.none_import_kwh, sums.none_export_kwh) == pytest.approx((0.0, 0.5), abs=WH)
        assert (sums.rule_import_kwh, sums.rule_export_kwh) == pytest.approx((0.0, 0.0), abs=WH)
        assert (sums.seconds, sums.metered_s) == pytest.approx((900, 900), abs=1)
    assert kept.closed[-1].stored_kwh == pytest.approx(5 + 1.5 * 0.9)
    assert kept.closed[-1].rule_kwh == pytest.approx(5 + 2.0 * 0.9, abs=0.01)


def test_the_rules_battery_stops_at_its_reserve_and_at_its_rate() -> None:
    kept = Kept(HandHouse(demand_kw=7.0, stored_kwh=5.0)).lives(3600)
    # 4 kWh above the reserve give 3.6 kWh at the terminals, at most 5 kW; the rest is bought.
    assert kept.sum("rule_discharged_kwh") == pytest.approx(3.6, abs=0.01)
    assert kept.sum("rule_import_kwh") == pytest.approx(7.0 - 3.6, abs=0.02)
    assert kept.sum("none_import_kwh") == pytest.approx(7.0, abs=0.01)


def test_load_that_comes_and_goes_within_a_span_is_seen() -> None:
    # Half of each minute 4 kW, half 0 kW, under 2 kW of sun: a minute's mean is nothing, its bill is not.
    kept = Kept(HandHouse(sun_kw=2.0))
    for _ in range(60):
        for demand_kw in (4.0, 0.0):
            kept.house.demand_kw = demand_kw
            kept.lives(30)
    assert kept.sum("none_import_kwh") == pytest.approx(1.0, rel=0.02)
    assert kept.sum("none_export_kwh") == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("tick_kwh", [0.001, 0.01, 0.1])
def test_coarse_counters_give_the_same_slots(tick_kwh: float) -> None:
    house = HandHouse(demand_kw=0.4, sun_kw=1.0, battery_kw=0.5)
    house.tick(tick_kwh=tick_kwh)
    for number, register in enumerate(house.registers.values()):
        register.phase_s = 1.7 * number
    kept = Kept(house).lives(4 * 3600)
    assert all(one.sums.demand_kwh >= 0.0 for one in kept.everything())
    within = max(0.003, 1.1 * tick_kwh)
    for one in kept.closed[4:]:
        assert one.sums.production_kwh == pytest.approx(0.25, abs=within)
    assert kept.sum("production_kwh") == pytest.approx(4.0, abs=tick_kwh)
    assert kept.sum("demand_kwh") == pytest.approx(1.6, abs=3 * tick_kwh)


@pytest.mark.parametrize(("misread", "offset_kw"), [(1.3, 0.0), (0.6, 0.0), (1.0, 0.15)])
def test_power_that_is_measured_badly_changes_no_amount(misread: float, offset_kw: float) -> None:
    house = HandHouse(demand_kw=1.0, sun_kw=3.0, battery_kw=1.5, misread=misread, offset_kw=offset_kw)
    kept = Kept(house).lives(2 * 3600)
    assert kept.sum("production_kwh") == pytest.approx(6.0, abs=0.012)
    assert kept.sum("export_kwh") == pytest.approx(1.0, abs=0.012)
    # Power says that something is imported, the counter that nothing is.
    assert kept.sum("import_kwh") <= 0.012


def test_a_device_without_a_counter_is_booked_by_its_power_and_named() -> None:
    house = HandHouse(demand_kw=1.0, sun_kw=3.0, counterless={"pv"})
    kept = Kept(house).lives(3600)
    assert kept.closed[-1].sums.production_kwh == pytest.approx(0.75, abs=WH)
    assert kept.closed[-1].sums.integrated == ("pv",)
    assert Kept(HandHouse(sun_kw=3.0)).lives(3600).closed[-1].sums.integrated == ()


def test_a_meter_that_is_silent_for_hours_is_one_span_with_all_that_flowed() -> None:
    house = HandHouse(demand_kw=2.0)
    kept = Kept(house).lives(20 * 60)
    house.silent = {"meter"}
    kept.lives(3 * 3600)
    assert len(kept.closed) == 1
    house.silent = set()
    kept.lives(45 * 60)
    gap = kept.closed[1].sums
    assert (gap.start, gap.until) == (START + QUARTER, START + timedelta(hours=3, minutes=15))
    assert gap.import_kwh == pytest.approx(6.0, rel=0.01)
    assert gap.metered_s == pytest.approx(300, abs=30)
    assert kept.sum("import_kwh") == pytest.approx(house.true("meter", INTO), abs=2 * WH)


def test_a_charger_that_died_does_not_stop_the_books() -> None:
    house = HandHouse(with_car=True)
    kept = Kept(house).lives(20 * 60)
    house.silent = {"car"}
    kept.lives(3 * 3600)
    assert kept.closed[-1].sums.until == START + timedelta(hours=3, minutes=15)


def test_a_sleeping_inverter_is_not_waited_for() -> None:
    house = HandHouse(sun_kw=0.0)
    kept = Kept(house).lives(20 * 60)
    house.silent = {"pv"}
    kept.lives(3600)
    assert len(kept.closed) == 5
    assert kept.sum("demand_kwh") == pytest.approx(80 / 60, abs=0.003)


def test_a_clock_that_is_set_loses_nothing_and_counts_nothing_twice() -> None:
    house = HandHouse(demand_kw=1.0)
    kept = Kept(house).lives(20 * 60)
    for jump_s in (3 * 3600, -4 * 3600, 1800):
        house.utc += timedelta(seconds=jump_s)
        kept.lives(20 * 60)
    assert kept.sum("import_kwh") == pytest.approx(80 / 60, abs=2 * WH)
    assert kept.sum("seconds") == pytest.approx(80 * 60, abs=1)


def test_after_a_night_without_power_the_night_is_booked_and_midnight_parts_it() -> None:
    house = HandHouse(demand_kw=1.0, utc=START + timedelta(hours=22, minutes=5))
    kept = Kept(house).lives(20 * 60)
    kept.restarts(down_s=4 * 3600)
    kept.lives(60)
    midnight = START + timedelta(days=1)
    spans = [(one.sums.start, one.sums.until) for one in kept.closed]
    night = START + timedelta(hours=22, minutes=15)
    assert spans[1:] == [(night, midnight), (midnight, midnight + timedelta(hours=2, minutes=15))]
    assert kept.closed[1].sums.import_kwh == pytest.approx(1.75, abs=0.01)
    assert kept.sum("import_kwh") == pytest.approx(4 + 21 / 60, abs=3 * WH)


def test_a_restart_within_a_slot_is_not_seen_in_its_books() -> None:
    house = HandHouse(demand_kw=1.0, sun_kw=3.0, battery_kw=1.5)
    kept = Kept(house).lives(10 * 60)
    kept.restarts(down_s=20)
    kept.lives(280 + 900)
    assert len(kept.closed) == 2
    first = kept.closed[0].sums
    assert first.demand_kwh == pytest.approx(0.25, abs=0.002)
    assert first.none_export_kwh == pytest.approx(0.5, abs=0.004)
    assert kept.closed[1].rule_kwh == pytest.approx(5 + 2.0 * 0.9 / 2, abs=0.01)


def test_a_kill_books_again_from_the_last_word_and_nothing_twice() -> None:
    house = HandHouse(demand_kw=1.0)
    kept = Kept(house).lives(10 * 60)
    written, known = kept.ledger.left(), len(kept.closed)
    kept.lives(20 * 60)
    del kept.closed[known:]  # what was closed since never reached the disk either
    kept.restarts(down_s=30, killed=written)
    kept.lives(600)
    assert kept.sum("import_kwh") == pytest.approx(house.true("meter", INTO), abs=2 * WH)


def test_a_car_that_waited_for_the_night_is_charged_at_once_in_the_other_houses() -> None:
    house = HandHouse(demand_kw=0.5, battery=None, with_car=True, utc=START + timedelta(hours=18))
    kept = Kept(house)
    house.car = Car("evening", charge_kw=10.0, wanted_kwh=10.0)
    kept.lives(2 * 3600)
    assert kept.sum("none_import_kwh") == pytest.approx(11.0, abs=0.02)
    assert kept.sum("import_kwh") == pytest.approx(1.0, abs=0.01)
    assert kept.sum("ahead_kwh") == pytest.approx(10.0, abs=0.02)
    house.car_kw = 10.0
    for minutes in range(60):
        house.car = Car("evening", charge_kw=10.0, wanted_kwh=max(0.0, 10.0 - (minutes + 1) / 6))
        kept.lives(60)
    house.car_kw, house.car = 0.0, None
    kept.lives(900)
    assert kept.sum("ahead_kwh") == pytest.approx(0.0, abs=0.2)
    assert kept.sum("none_import_kwh") == pytest.approx(kept.sum("import_kwh"), abs=0.2)


def test_a_car_nobody_spoke_of_charges_in_all_houses_alike() -> None:
    house = HandHouse(demand_kw=0.5, battery=None, with_car=True, car=Car("guest", 10.0))
    kept = Kept(house).lives(3600)
    house.car_kw = 6.0
    kept.lives(3600)
    assert kept.sum("none_import_kwh") == pytest.approx(kept.sum("import_kwh"), abs=0.01)
    assert kept.sum("ahead_kwh") == pytest.approx(0.0, abs=0.01)


def test_losses_of_the_real_cells_are_those_of_the_other_battery_too() -> None:
    house = HandHouse(demand_kw=0.0)
    kept = Kept(house)
    for _ in range(24):
        kept.lives(3600)
        house.stored_kwh -= 0.05
    # 1.2 kWh of standby in a day; the first 2 % of the capacity may be the wavering of a reading.
    assert kept.closed[-1].rule_kwh == pytest.approx(5.0 - 1.15 + 0.2, abs=0.02)


def test_a_wavering_reading_fills_no_battery() -> None:
    house = HandHouse(demand_kw=0.5, stored_kwh=1.0)
    kept = Kept(house)
    for number in range(48):
        kept.lives(900)
        house.stored_kwh = 1.0 + 0.1 * (number % 2)
    assert kept.sum("rule_discharged_kwh") < 0.2


# -- whatever happens

kw = st.floats(0.0, 6.0)
MOMENTS = st.one_of(
    st.tuples(st.just("live"), st.floats(1, 1500)),
    st.tuples(st.just("jump"), st.floats(-20_000, 20_000)),
    st.tuples(st.just("restart"), st.floats(0, 30_000)),
    st.tuples(st.just("kill"), st.floats(0, 3000)),
    st.tuples(st.just("silent"), st.sampled_from(["meter", "pv", "battery", "none"])),
    st.tuples(st.just("house"), st.tuples(kw, kw, st.floats(-5, 5))),
)


def happens(kept: Kept, what: str, much: Any) -> None:
    house = kept.house
    match what:
        case "live":
            kept.lives(much, every_s=30)
        case "jump":
            house.utc += timedelta(seconds=much)
        case "restart" | "kill" if kept.ledger.left() is not None:
            left, known = kept.ledger.left(), len(kept.closed)
            if what == "kill":
                kept.lives(much, every_s=30)
                del kept.closed[known:]
            house.silent = set()
            kept.restarts(down_s=much, killed=left if what == "kill" else None)
        case "silent":
            house.silent = {much} - {"none"}
        case "house":
            house.demand_kw, house.sun_kw, house.battery_kw = much
            kept.closed += kept.ledger.look(house.look())


@settings(max_examples=150, deadline=None)
@given(
    moments=st.lists(MOMENTS, min_size=1, max_size=10),
    tick_kwh=st.sampled_from([0.001, 0.01]),
    slot_minutes=st.sampled_from([5, 15, 30, 60]),
    span_s=st.sampled_from([30.0, 60.0, 300.0]),
)
def test_energy_is_booked_once_whatever_happens(
    moments: list[tuple[str, Any]], tick_kwh: float, slot_minutes: int, span_s: float
) -> None:
    house = HandHouse()
    house.tick(tick_kwh=tick_kwh)
    kept = Kept(house, slot_minutes=slot_minutes, span_s=span_s)
    for what, much in moments:
        happens(kept, what, much)
    house.silent = set()
    # Power that changed while nobody looked was carried on too long: everything flows once more, both ways.
    for flows in ((4.0, 1.0, 2.0), (0.0, 4.0, -2.0), (0.0, 0.0, 0.0)):
        happens(kept, "house", flows)
        kept.lives(400)
    house.read_all()
    kept.lives(2 * span_s)
    # A counter speaks in ticks: what it has not shown yet is booked by power, or later.
    within = 2.1 * tick_kwh
    left_out = any(what == "silent" for what, _ in moments)
    assert kept.sum("import_kwh") == pytest.approx(house.true("meter", INTO), abs=within)
    assert kept.sum("export_kwh") == pytest.approx(house.true("meter", OUT), abs=within)
    if not left_out:
        assert kept.sum("production_kwh") == pytest.approx(house.true("pv", MADE), abs=within)
        assert kept.sum("charged_kwh") == pytest.approx(house.true("battery", INTO), abs=within)
        assert kept.sum("discharged_kwh") == pytest.approx(house.true("battery", OUT), abs=within)
    for one in kept.everything():
        assert one.sums.demand_kwh >= 0.0
        assert one.sums.start == kept.calendar.slot_of(one.sums.start)
        assert one.sums.until > one.sums.start
    balance = (
        kept.sum("import_kwh")
        - kept.sum("export_kwh")
        + kept.sum("production_kwh")
        - kept.sum("charged_kwh")
        + kept.sum("discharged_kwh")
    )
    left = kept.ledger.left()
    assert left is not None
    assert kept.sum("demand_kwh") + left.debt_kwh == pytest.approx(balance, abs=1e-4)
    assert left.debt_kwh <= 0.0
    net = kept.sum("none_import_kwh") - kept.sum("none_export_kwh")
    assert net == pytest.approx(kept.sum("demand_kwh") - kept.sum("production_kwh"), abs=1e-4)
