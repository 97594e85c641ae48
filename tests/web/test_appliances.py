"""Appliances over the API: all of them in one row, counted in the page's picture, switched by orders."""

import json
from typing import Any

from heg.runtime.clock import Clock
from tests.support.stepped import stepped
from tests.web.appliances import furnish
from tests.web.serving import Served, serving


async def told(served: Served, path: str) -> dict[str, Any]:
    said = await served.ask("GET", path)
    assert said.status == 200, said.text
    found = json.loads(said.text)
    assert isinstance(found, dict)
    return found


@stepped
async def test_each_is_told_with_what_it_does_why_and_what_it_asked_for(clock: Clock) -> None:
    async with serving(clock) as served:
        assert await told(served, "/api/v1/appliances") == {"appliances": []}
        assert (await told(served, "/api/v1/state"))["appliances"] is None
        furnish(served.house, clock, more=3)
        found = {one["device"]: one for one in (await told(served, "/api/v1/appliances"))["appliances"]}
        assert list(found) == ["heater", "lamp-1", "lamp-2", "lamp-3", "radio", "washer"]
        heater, washer = found["heater"], found["washer"]
        assert (heater["power_state"], heater["given"], heater["held"], heater["owner"]) == (
            "standby",
            "standby",
            True,
            "automation",
        )
        assert heater["outvoted"] == ["plan asks for on: the cycle could run now."]
        assert (heater["importance"], heater["draws_kw"], heater["wake"]) == ("optional", 2.0, "wol")
        assert (found["lamp-1"]["held"], found["lamp-1"]["reason"]) == (False, "released")
        assert found["radio"]["status"] == "lost"
        assert [(one["id"], one["kind"]) for one in washer["requests"]] == [(4, "no_standby")], (
            "what is over is not told"
        )
        assert [one["id"] for one in washer["standby_periods"]] == [9]
        assert (washer["cycle"]["kwh"], washer["cycle"]["minutes"]) == (1.0, 60)


@stepped
async def test_the_pages_picture_counts_them_and_says_when_to_look_again(clock: Clock) -> None:
    async with serving(clock) as served:
        furnish(served.house, clock, more=200)
        state = await told(served, "/api/v1/state")
        seen = state["appliances"]
        assert {name: seen[name] for name in ("count", "on", "standby", "off", "lost", "in_hand")} == {
            "count": 203,
            "on": 200,
            "standby": 2,
            "off": 0,
            "lost": 1,
            "in_hand": 1,
        }
        assert {one["name"] for one in state["devices"]} == {"meter", "pv", "battery"}
        assert "heater" not in {one["device"] for one in state["actuators"]}
        assert len(json.dumps(state)) < 20_000
        served.house.tick()
        again = (await told(served, "/api/v1/state"))["appliances"]
        assert again == seen, "the battery is none of theirs"
        served.house.report("state.power", "lamp-7", "off")
        after = (await told(served, "/api/v1/state"))["appliances"]
        assert (after["on"], after["off"]) == (199, 1)
        assert after["changed"] > again["changed"]


@stepped
async def test_orders_for_appliances_reach_who_answers_them(clock: Clock) -> None:
    async with serving(clock) as served:
        furnish(served.house, clock)
        orders: list[tuple[str, dict[str, Any], dict[str, object]]] = [
            (
                "manual",
                {"device": "heater", "power_state": "off", "minutes": 15},
                {"power_state": "off", "valid_s": 900.0},
            ),
            ("manual", {"device": "heater", "release": True}, {"release": True}),
            (
                "standby-period",
                {"device": "heater", "start": "22:00", "stop": "06:30:00"},
                {"start": "22:00:00", "stop": "06:30:00"},
            ),
            ("standby-period", {"device": "heater", "withdraw": 7}, {"withdraw": 7}),
        ]
        for name, body, arguments in orders:
            said = await served.order(name, body)
            assert said.status == 200, said.text
            variable, place, given = served.house.orders[-1]
            assert (variable, str(place), given) == (
                f"command.{name.replace('-', '_')}",
                "home/heater",
                arguments,
            )
        for wrong in (
            {"device": "heater", "power_state": "asleep"},
            {"device": "heater", "power_state": "on", "minutes": 0},
        ):
            assert (await served.order("manual", wrong)).status in (400, 422)
        assert (await served.order("standby-period", {"device": "heater", "start": "25:00"})).status in (400, 422)
