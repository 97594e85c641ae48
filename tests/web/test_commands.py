"""The owner's orders: typed, ranged, answered once."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.instance import Location
from heg.runtime.clock import Clock
from heg.web.asking import DeniedError, decoded
from heg.web.orders import ORDERS, Manual, command_for
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


@pytest.mark.parametrize(
    ("name", "body", "variable", "device", "arguments"),
    [
        (
            "reduce",
            {"max_import_kw": 2.5, "minutes": 30},
            "command.reduce",
            "",
            {"max_import_kw": 2.5, "minutes": 30.0},
        ),
        ("reduce", {"release": True}, "command.reduce", "", {"release": True}),
        (
            "appliance",
            {"device": "heater", "power_state": "off", "until_utc": "2026-03-01T05:00:00Z"},
            "command.appliance",
            "heater",
            {"power_state": "off", "until_utc": "2026-03-01T05:00:00Z"},
        ),
        (
            "appliance",
            {"power_state": "on", "minutes": 5},
            "command.appliance",
            "",
            {"power_state": "on", "minutes": 5.0},
        ),
    ],
)
def test_what_the_utility_asks_is_handed_on_as_said(
    name: str, body: dict[str, object], variable: str, device: str, arguments: dict[str, object]
) -> None:
    command = command_for(msgspec.convert(body, ORDERS[name]), HOME)
    assert (command.variable, command.place, command.arguments) == (variable, Location("home", device), arguments)


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
    ],
)
def test_what_does_not_fit_is_refused(name: str, body: bytes) -> None:
    with pytest.raises(DeniedError):
        decoded(body, ORDERS[name])


@pytest.mark.parametrize("name", ["permit-join", "../../x", "%2e%2e/x", "plan/"])
@stepped
async def test_an_order_of_another_name_is_not_there(clock: Clock, name: str) -> None:
    async with serving(clock) as served:
        said = await served.order(name, {})
    assert said.status in (404, 405)
    assert said.headers["Content-Type"] == "application/problem+json"


@given(st.sampled_from(list(ORDERS)), st.binary(max_size=200))
def test_no_body_breaks_the_decoder(name: str, body: bytes) -> None:
    with contextlib.suppress(DeniedError):
        command_for(decoded(body, ORDERS[name]), HOME)


def test_minutes_become_seconds_of_house_time() -> None:
    command = command_for(Manual(device="battery", minutes=1.5), HOME)
    assert command.arguments["valid_s"] == 90.0


def test_what_is_said_of_a_car_is_passed_on_and_what_is_not_said_is_left_out() -> None:
    order = decoded(b'{"charger": "garage", "departure": "07:30", "target": 0.8}', ORDERS["plug-in"])
    command = command_for(order, HOME)
    assert (command.variable, command.place) == ("command.plug_in", Location("home", "garage"))
    assert command.arguments == {"departure": "07:30", "target": 0.8}
    order = decoded(b'{"forget": true}', ORDERS["plug-in"])
    command = command_for(order, HOME)
    assert (command.place, command.arguments) == (Location("home"), {"forget": True})


def test_a_cycle_is_passed_on_and_what_is_not_said_is_left_out() -> None:
    order = decoded(b'{"name": "dishes", "latest": "18:00"}', ORDERS["cycle"])
    command = command_for(order, HOME)
    assert (command.variable, command.place) == ("command.cycle", Location("home"))
    assert command.arguments == {"name": "dishes", "latest": "18:00"}
