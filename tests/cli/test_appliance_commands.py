"""What a householder types about appliances, against a real server: what is told, ordered, and refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from heg.model.instance import Location
from tests.cli.served import Person, plain_gateway
from tests.web.appliances import furnish
from tests.web.serving import Served

HEATER = Location("home", "heater")
ALL = Location("home", "")


@pytest.fixture
def served() -> Iterator[Served]:
    with plain_gateway() as behind:
        behind.call(behind.served.house.tick)
        behind.call(lambda: furnish(behind.served.house, behind.clock))
        yield behind.served


def said(person: Person, served: Served, *words: str) -> tuple[int, str]:
    done = person.heg("--host", f"127.0.0.1:{served.port}", *words)
    return done.code, done.out + done.err


def test_each_appliance_is_a_line_with_what_it_is_told_why_and_what_it_asked_for(
    person: Person, served: Served
) -> None:
    code, told = said(person, served, "appliances")
    assert code == 0
    head, heater, radio, washer = told.splitlines()
    assert head.split("  ")[0] == "APPLIANCE"
    assert "standby, confirmed  automation  optional    2.000" in heater
    assert "Energy is dear until 21:00; it waits; plan asks for on" in heater
    assert "on, lost" in radio
    assert "asked no standby at" in washer
    assert "(number 9)" in washer
    assert "Cotton 60 waits, over by " in washer
    assert "3 appliances: 0 on, 2 standby, 0 off, 1 lost; 1 in hand" in said(person, served, "status")[1]


@pytest.mark.parametrize(
    ("typed", "variable", "place", "arguments"),
    [
        ("manual heater on --minutes 15", "manual", HEATER, {"power_state": "on", "valid_s": 900.0}),
        ("manual heater release", "manual", HEATER, {"release": True}),
        ("standby heater 22:00 06:30", "standby_period", HEATER, {"start": "22:00:00", "stop": "06:30:00"}),
        ("standby heater --withdraw 7", "standby_period", HEATER, {"withdraw": 7}),
        ("reduce 2.5 --minutes 30", "reduce", ALL, {"max_import_kw": 2.5, "minutes": 30.0}),
        ("reduce --release", "reduce", ALL, {"release": True}),
        ("switch heater off", "appliance", HEATER, {"power_state": "off", "minutes": 60.0}),
        ("switch all release", "appliance", ALL, {"release": True}),
    ],
)
def test_an_order_is_passed_on_as_it_was_meant(
    person: Person, served: Served, typed: str, variable: str, place: Location, arguments: dict[str, object]
) -> None:
    assert said(person, served, *typed.split()) == (0, "done: done\n")
    assert served.house.orders[-1] == (f"command.{variable}", place, arguments)


@pytest.mark.parametrize(
    ("typed", "code", "expected"),
    [
        ("manual heater on --power-kw 2", 2, "expected no --power-kw"),
        ("standby heater", 2, "expected two times, such as 22:00 06:30, or --withdraw N"),
        ("standby heater 22:00", 2, "expected two times"),
        ("standby heater 22:00 --withdraw 7", 2, "expected two times"),
        ("standby heater 25:00 06:30", 1, "expected start: a time of day such as 22:00"),
        ("standby heater --withdraw seven", 2, "expected a whole number, such as 3, came 'seven'"),
        ("reduce", 2, "expected how much may be drawn, such as 2.5, or --release"),
        ("reduce 2.5 --release", 2, "expected how much may be drawn"),
        ("reduce 2,5", 2, "expected kW from 0 to 1000, such as 2.5, came '2,5'"),
        ("reduce nan", 2, "expected kW from 0 to 1000"),
        ("switch heater asleep", 2, "invalid choice: 'asleep'"),
        ("manual hea/ter on", 1, "expected device: a device's name"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_was_expected(
    person: Person, served: Served, typed: str, code: int, expected: str
) -> None:
    before = len(served.house.orders)
    found, told = said(person, served, *typed.split())
    assert (found, expected in told) == (code, True), told
    assert "`str`" not in told, "the library's words are for programmers"
    assert len(served.house.orders) == before
