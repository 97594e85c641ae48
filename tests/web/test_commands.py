"""The owner's orders: typed, ranged, answered once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.instance import Location
from heg.model.refusals import Refusal
from heg.runtime.clock import Clock
from heg.web.orders import ORDERS, Manual, command_for, read_order
from tests.support.stepped import stepped
from tests.web.house import HOME
from tests.web.serving import serving


@stepped
async def test_hands_off_and_back(clock: Clock) -> None:
    async with serving(clock) as served:
        said = await served.order("hands-off", {"on": True})
        assert (said.status, said.json["outcome"], said.json["text"]) == (200, "done", "released")
        assert (await served.get("/api/v1/state")).json["hands_off"] is True
        await served.order("hands-off", {"on": False})
        assert (await served.get("/api/v1/state")).json["hands_off"] is False


@stepped
async def test_a_manual_order_reaches_its_actuator(clock: Clock) -> None:
    async with serving(clock) as served:
        await served.order("manual", {"device": "battery", "regime": "charge", "power_kw": 2.5, "minutes": 30})
        await served.order("manual", {"device": "battery", "release": True})
        await served.order("scan", {})
    battery = Location("home", "battery")
    assert served.house.orders == [
        ("command.manual", battery, {"regime": "charge", "power_kw": 2.5, "valid_s": 1800.0}),
        ("command.manual", battery, {"release": True}),
        ("command.scan", Location("home"), {}),
    ]


@stepped
async def test_a_refused_order_says_why(clock: Clock) -> None:
    async with serving(clock) as served:
        said = await served.order("try", {"device": "battery"})
    assert said.status == 409
    assert said.json["outcome"] == "refused"
    assert "wait for its end" in said.json["refusal"]


@stepped
async def test_an_order_that_nobody_answers_says_so(clock: Clock) -> None:
    async with serving(clock, attach=False) as served:
        said = await served.order("scan", {})
    assert said.status == 503
    assert "no_one_answers" in said.json["refusal"]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("hands-off", b""),
        ("hands-off", b"{}"),
        ("hands-off", b'{"on": 1}'),
        ("hands-off", b'{"on": true, "more": 1}'),
        ("hands-off", b'{"on": true'),
        ("hands-off", b"\xff\xfe"),
        ("manual", b'{"device": "battery", "power_kw": 1e9}'),
        ("manual", b'{"device": "battery", "power_kw": -1}'),
        ("manual", b'{"device": "battery", "minutes": 0}'),
        ("manual", b'{"device": "battery", "regime": "explode"}'),
        ("manual", b'{"device": "../meter"}'),
        ("manual", b'{"device": "*"}'),
        ("try", b'{"device": ""}'),
        ("plug-in", b'{"target": 80}'),
        ("plug-in", b'{"soc": "half"}'),
        ("plug-in", b'{"charger": "../x"}'),
        ("plug-in", b'{"capacity_kwh": 0}'),
        ("cycle", b"{}"),
        ("cycle", b'{"name": "../x"}'),
        ("cycle", b'{"name": "dishes", "power_kw": []}'),
        ("permit-join", b"{}"),
        ("../../x", b"{}"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, body: bytes) -> None:
    assert isinstance(read_order(name, body), Refusal)


@given(st.sampled_from([*ORDERS, "other"]), st.binary(max_size=200))
def test_no_body_breaks_the_decoder(name: str, body: bytes) -> None:
    order = read_order(name, body)
    if not isinstance(order, Refusal):
        command_for(order, HOME)


def test_minutes_become_seconds_of_house_time() -> None:
    command = command_for(Manual(device="battery", minutes=1.5), HOME)
    assert command.arguments["valid_s"] == 90.0


def test_what_is_said_of_a_car_is_passed_on_and_what_is_not_said_is_left_out() -> None:
    order = read_order("plug-in", b'{"charger": "garage", "departure": "07:30", "target": 0.8}')
    assert not isinstance(order, Refusal)
    command = command_for(order, HOME)
    assert (command.variable, command.place) == ("command.plug_in", Location("home", "garage"))
    assert command.arguments == {"departure": "07:30", "target": 0.8}
    order = read_order("plug-in", b'{"forget": true}')
    assert not isinstance(order, Refusal)
    command = command_for(order, HOME)
    assert (command.place, command.arguments) == (Location("home"), {"forget": True})


def test_a_cycle_is_passed_on_and_what_is_not_said_is_left_out() -> None:
    order = read_order("cycle", b'{"name": "dishes", "latest": "18:00"}')
    assert not isinstance(order, Refusal)
    command = command_for(order, HOME)
    assert (command.variable, command.place) == ("command.cycle", Location("home"))
    assert command.arguments == {"name": "dishes", "latest": "18:00"}
