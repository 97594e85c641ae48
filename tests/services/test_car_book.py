"""The book of one charger's car: stated and metered, its uncertainty, restarts, cars that go and others that come."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.records import VehicleRecord
from heg.services.car_book import CarBook, Charger, Sight, rounded, worth_writing
from heg.services.car_words import Said

NOW = datetime(2024, 8, 9, 16, tzinfo=UTC)
CAR = Charger(60.0, 0.81)
LEAVES = NOW + timedelta(hours=13)


def plugged(counter_kwh: float, session_kwh: float | None = None) -> Sight:
    return Sight(plugged=True, counter_kwh=counter_kwh, session_kwh=session_kwh)


AWAY = Sight(plugged=False, counter_kwh=100.0)


def a_book(said: Said | None = Said(soc=0.4, target=0.8, departure=LEAVES)) -> CarBook:  # noqa: B008 - frozen
    book = CarBook(CAR)
    book.see(plugged(100.0), NOW)
    if said is not None:
        book.say(said, NOW)
    return book


def test_stated_and_metered_make_the_state_of_charge():
    record = a_book().see(plugged(112.0), NOW)
    assert record.soc == pytest.approx(0.4 + 12.0 * 0.9 / 60.0)
    assert record.charged_kwh == pytest.approx(12.0)
    assert record.soc_uncertainty == pytest.approx(0.05 + 0.05 * 12.0 * 0.9 / 60.0)
    assert (record.target_soc, record.departure_utc) == (0.8, "2024-08-10T05:00:00Z")
    assert record.stated


def test_nobody_said_anything():
    record = a_book(said=None).see(plugged(105.0), NOW)
    assert (record.soc, record.stated, record.soc_uncertainty) == (None, False, 1.0)
    assert record.charged_kwh == pytest.approx(5.0)
    assert record.capacity_kwh == 60.0
    assert record.since == "2024-08-09T16:00:00Z"


def test_what_is_said_later_counts_from_then_on():
    book = a_book(said=None)
    book.see(plugged(110.0), NOW)
    book.say(Said(soc=0.5), NOW)
    record = book.see(plugged(116.0), NOW)
    assert record.soc == pytest.approx(0.5 + 6.0 * 0.9 / 60.0)
    assert record.charged_kwh == pytest.approx(16.0)


def test_it_is_never_more_than_full():
    assert a_book().see(plugged(200.0), NOW).soc == 1.0


def test_a_departure_without_a_target_takes_the_usual_one():
    assert a_book(said=Said(departure=LEAVES)).see(plugged(100.0), NOW).target_soc == 0.8
    book = a_book(said=Said(target=0.65))
    book.see(AWAY, NOW)
    book.see(plugged(120.0), NOW)
    assert book.say(Said(departure=LEAVES), NOW).target_soc == 0.65, "what was asked for last time"


def test_unplugged_everything_is_cleared():
    book = a_book()
    assert book.see(AWAY, NOW) == VehicleRecord(plugged=False)
    later = book.see(plugged(130.0), NOW + timedelta(hours=3))
    assert (later.soc, later.departure_utc, later.target_soc, later.stated) == (None, "", None, False)
    assert later.charged_kwh == 0.0
    assert later.since == "2024-08-09T19:00:00Z"


def test_forgotten_is_as_if_nothing_had_been_said():
    book = a_book()
    record = book.say(Said(forget=True), NOW)
    assert (record.soc, record.departure_utc, record.target_soc, record.stated) == (None, "", None, False)
    assert record.plugged


def test_what_is_said_before_the_car_comes_waits_for_it_a_while():
    for minutes, stated in ((20, True), (40, False)):
        book = CarBook(CAR)
        book.see(AWAY, NOW)
        book.announce(Said(soc=0.3, departure=LEAVES), NOW + timedelta(minutes=30))
        record = book.see(plugged(100.0), NOW + timedelta(minutes=minutes))
        assert record.stated is stated
        assert record.soc == (0.3 if stated else None)


def test_a_restart_within_the_same_stay_goes_on_where_it_was():
    before = rounded(a_book().see(plugged(112.0), NOW))
    again = CarBook(CAR, before)
    record = again.see(plugged(118.0, session_kwh=18.0), NOW + timedelta(hours=1))
    assert record.soc == pytest.approx(0.4 + 18.0 * 0.9 / 60.0, abs=1e-3)
    assert record.charged_kwh == pytest.approx(18.0, abs=1e-3)
    assert record.since == before.since
    assert record.departure_utc == before.departure_utc


@pytest.mark.parametrize(
    "sight",
    [
        plugged(118.0, session_kwh=3.0),
        plugged(90.0, session_kwh=18.0),
        Sight(plugged=True, counter_kwh=None),
    ],
)
def test_a_restart_does_not_take_another_stay_for_it(sight):
    before = a_book().see(plugged(112.0), NOW)
    record = CarBook(CAR, before).see(sight, NOW + timedelta(hours=9))
    assert record.soc is None
    assert record.since == "2024-08-10T01:00:00Z"


def test_a_counter_that_is_silent_or_begins_anew_books_nothing():
    book = a_book()
    book.see(Sight(plugged=True, counter_kwh=None), NOW)
    book.see(plugged(3.0), NOW)
    record = book.see(plugged(4.0), NOW)
    assert record.charged_kwh == pytest.approx(1.0)


def test_records_are_written_when_something_happens_and_every_point():
    record = VehicleRecord(plugged=True, soc=0.4, capacity_kwh=60.0, counter_kwh=100.0)
    assert worth_writing(None, record)
    assert not worth_writing(record, replace(record, soc=0.405, charged_kwh=0.3, counter_kwh=100.3))
    assert worth_writing(record, replace(record, soc=0.415, charged_kwh=0.4))
    assert worth_writing(record, replace(record, charged_kwh=0.6))
    assert worth_writing(record, replace(record, soc=None))
    assert worth_writing(record, replace(record, target_soc=0.8))
    assert worth_writing(record, VehicleRecord(plugged=False))


steps = st.lists(st.tuples(st.sampled_from(["charge", "leave", "say", "restart"]), st.floats(0.0, 15.0)), max_size=40)


@given(steps)
def test_energy_is_booked_once_whatever_happens(script):
    """What all records say was charged is what the counter says, but for what flowed while no car was seen."""
    book, counter_kwh, now, total_kwh = CarBook(CAR), 50.0, NOW, 0.0
    record = book.see(plugged(counter_kwh), now)
    for what, amount in script:
        now += timedelta(minutes=10)
        if what == "charge":
            counter_kwh += amount
            record = book.see(plugged(counter_kwh), now)
        elif what == "leave":
            total_kwh += record.charged_kwh
            book.see(Sight(plugged=False, counter_kwh=counter_kwh), now)
            record = book.see(plugged(counter_kwh), now)
        elif what == "say":
            record = book.say(Said(soc=min(amount / 15.0, 1.0)), now)
        else:
            book = CarBook(CAR, record)
            record = book.see(plugged(counter_kwh), now)
        assert record.soc is None or 0.0 <= record.soc <= 1.0
        assert 0.0 <= record.soc_uncertainty <= 1.0
    assert math.isclose(total_kwh + record.charged_kwh, counter_kwh - 50.0, abs_tol=1e-6)
