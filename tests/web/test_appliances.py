"""Appliances over the API: all of them in one row, counted in the page's picture, switched by orders."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from heg.model.instance import Location
from heg.model.records import DeviceStatus
from heg.runtime.clock import Clock
from heg.web.accounts.roles import Role
from tests.support.stepped import stepped
from tests.web.appliances import HEATER, furnish
from tests.web.serving import Served, serving
from tests.web.test_login import Browser, owned, person


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
async def test_who_may_not_see_what_they_are_told_hears_nothing_of_it_rather_than_that_there_is_nothing(
    clock: Clock, tmp_path: Path
) -> None:
    async with owned(clock, tmp_path) as owner:
        furnish(owner.served.house, clock, more=1)
        kurt = await person(owner, "kurt", Role.INSTALLER)

        async def leases(who: Browser) -> list[tuple[object, ...]]:
            said = await who.get("/api/v1/appliances")
            assert said.status == 200, said.text
            shown = [one for one in said.json["appliances"] if one["device"] in ("heater", "lamp-1")]
            return [(one["held"], one["given"], one["owner"], one["reason"], one["reason_text"]) for one in shown]

        told = (True, "standby", "automation", "automation", "Energy is dear until 21:00; it waits.")
        assert await leases(owner) == [told, (False, None, "idle", "released", "Nobody asks anything of it.")]
        untold = (False, None, "", "", "")
        assert await leases(kurt) == [told, untold]
        nothing = {"stakeholder": "service_provider:kurt", "variable": "lease", "rights": []}
        assert (await owner.post("/api/v1/policies", nothing)).status == 200
        assert await leases(kurt) == [untold, untold]


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
async def test_one_that_was_removed_is_told_nowhere_and_that_it_is_gone_is_a_change(clock: Clock) -> None:
    async with serving(clock) as served:
        furnish(served.house, clock)
        before = (await told(served, "/api/v1/state"))["appliances"]
        gone = replace(HEATER, status=DeviceStatus.REMOVED)
        served.house.door.write("device", Location("home", "heater"), gone)
        state = await told(served, "/api/v1/state")
        assert state["appliances"]["count"] == before["count"] - 1
        assert state["appliances"]["changed"] > before["changed"], "who asks only when it changed would keep it"
        for path, key in (("state", "actuators"), ("leases", "actuators"), ("appliances", "appliances")):
            names = {one["device"] for one in (await told(served, f"/api/v1/{path}"))[key]}
            assert "heater" not in names, path


@stepped
async def test_what_cannot_be_meant_is_refused_in_words_for_people(clock: Clock) -> None:
    async with serving(clock) as served:
        furnish(served.house, clock)
        device = {"device": "heater"}
        refusals: list[tuple[str, dict[str, Any], str, str]] = [
            ("standby-period", {**device, "start": "25:00", "stop": "06:00"}, "start: a time of day such as 22:00", ""),
            ("standby-period", {**device, "start": "22:00"}, "body: start and stop, or withdraw alone", ""),
            ("standby-period", {**device, "start": "22:00", "withdraw": 7}, "start and stop, or withdraw alone", ""),
            ("standby-period", {"start": "22:00", "stop": "06:00"}, "body: the field `device`", ""),
            ("standby-period", {**device, "begin": "22:00"}, "body: no field `begin`", ""),
            ("manual", {**device, "power_state": "on", "minutes": 0}, "minutes: minutes above 0, at most 1440", ""),
            ("manual", {**device, "power_state": "on", "minutes": "x"}, "minutes: minutes above 0", "`str`"),
            ("reduce", {"max_import_kw": -1}, "max_import_kw: kW from 0 to 1000", ""),
        ]
        for name, body, expected, came in refusals:
            said = await served.order(name, body)
            problem = json.loads(said.text)
            assert (said.status, expected in problem["expected"], problem["came"]) == (400, True, came), said.text
        assert served.house.orders == []


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
