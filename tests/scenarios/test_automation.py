"""Automation in a whole house: real appliances over UPnP, the planner's own process, orders over the API."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from heg.model.appliances import PowerState, Registration, RequestState
from heg.model.cycles import CycleRecord, CycleState
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from tests.support.house import House, a_house
from tests.support.stepped import stepped

NO_SUN = {"kind": "constant", "demand_kw": 1.0, "sun_kw": 0.0}
PATIENT = {"min_on_minutes": 0.0, "min_off_minutes": 0.0}


def tables(**appliances: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "weather": NO_SUN,
        "house": {"batteries": {}, "producers": {}},
        "devices": {"meter": {"kind": "meter"}},
        "appliances": appliances,
    }


def states(house: House) -> dict[str, str]:
    return {name: str(one.state) for name, one in house.rig.appliances.items()}


@stepped
async def test_a_request_for_less_load_sheds_real_appliances_in_order(clock: Clock, tmp_path: Path) -> None:
    built = tables(
        sauna={"importance": "optional", **PATIENT, "draws": {"rated_kw": 3.0, "initially": "on"}},
        tank={"importance": "flexible", **PATIENT, "draws": {"rated_kw": 2.0, "initially": "on", "phase": 2}},
        freezer={"importance": "must-run", **PATIENT, "draws": {"rated_kw": 1.0, "initially": "on", "phase": 3}},
    )
    sections = {"automation": {"utility": "reduce"}}
    async with a_house(clock, tmp_path, tables=built, sections=sections) as house:
        await house.until(lambda: {one["power_state"] for one in house.state["appliances"].values()} == {"on"})
        await house.until(lambda: house.state["power"]["grid_kw"]["value"] > 6.9)
        said = await house.view.command("reduce", max_import_kw=4.5, minutes=30)
        assert (said["outcome"], said["detail"]["needed_kw"]) == ("done", pytest.approx(2.5, abs=0.1))
        assert said["detail"]["reachable_kw"] == pytest.approx(5.0, abs=0.1)
        await house.until(lambda: states(house) == {"sauna": "standby", "tank": "on", "freezer": "on"})
        shown = await house.view.get("/api/v1/appliances")
        [sauna] = [one for one in shown["appliances"] if one["device"] == "sauna"]
        assert "asks for at most 4.5 kW until" in str(sauna)
        more = await house.view.command("reduce", max_import_kw=1.0, minutes=30)
        assert (more["outcome"], "no less than 2.0" in more["text"]) == ("partly", True)
        await house.until(lambda: states(house) == {"sauna": "standby", "tank": "standby", "freezer": "on"})
        await house.view.command("reduce", release=True)
        await house.until(lambda: set(states(house).values()) == {"on"})


@stepped
async def test_a_cycle_that_waits_in_an_appliance_is_planned_and_begins(clock: Clock, tmp_path: Path) -> None:
    cycle = {"power_kw": [2.0, 0.5, 1.0], "step_minutes": 5, "within_h": 0.75}
    built = tables(washer={**PATIENT, "draws": {"rated_kw": 2.0, "initially": "on"}, "cycle": cycle})
    sections = {"planning": {"enabled": True, "slot_minutes": 5}}
    async with a_house(clock, tmp_path, tables=built, sections=sections) as house:
        washer = house.rig.appliances["washer"]

        def begun() -> bool:
            waits = washer.simulated.model.cycle
            return waits is not None and waits.running

        async def told() -> dict[str, Any]:
            plan = (await house.view.get("/api/v1/plan"))["plan"]
            return dict(plan["cycles"][0]) if plan is not None and plan["cycles"] else {}

        await house.until(lambda: house.state["appliances"]["washer"]["power_state"] == "on")
        planned = {}
        for _ in range(60):
            planned = await told()
            if planned.get("start_utc"):
                break
            await house.after(5)
        assert (planned["name"], planned["state"]) in {("washer", "waiting"), ("washer", "running")}
        await house.until(begun, within_s=2400, every_s=5)
        assert washer.orders == 1, "told once, although it was on already"
        await house.after(120)
        assert washer.power_kw == pytest.approx(2.0, abs=0.1)
        await house.until(lambda: not begun(), within_s=1200, every_s=5)
        assert washer.state in (PowerState.ON, PowerState.STANDBY)
        await house.after(60)
        kept = house.data.admit(CUSTOMER, "test").latest("cycle", Location("demo", "cycle", "washer"))
        assert kept is not None
        assert isinstance(kept.value, CycleRecord)
        assert kept.value.state is CycleState.DONE


@stepped
async def test_one_that_asked_to_be_woken_is_on_in_time_and_left_on(clock: Clock, tmp_path: Path) -> None:
    built = tables(pc={**PATIENT, "draws": {"rated_kw": 0.1, "initially": "on"}})
    async with a_house(clock, tmp_path, tables=built) as house:
        pc = house.rig.appliances["pc"]
        await house.until(lambda: house.state["appliances"]["pc"]["power_state"] == "on")
        door = house.data.admit(CUSTOMER, "test")
        answer = await door.command(
            "command.register", Location("demo", "pc"), {"kind": "wake_up", "start": "01:05:00"}
        )
        assert answer.detail == {"id": 1}
        pc.is_switched(PowerState.STANDBY)
        await house.until(lambda: house.state["appliances"]["pc"]["power_state"] == "standby")
        await house.until(lambda: pc.state is PowerState.ON, within_s=400)
        assert clock.utc().minute == 5
        await house.after(900)
        assert pc.state is PowerState.ON, "it is not put to sleep again for having been woken"
        assert house.alarms == set()
        kept = door.latest("registration", Location("demo", "pc", "0"))
        assert kept is not None
        assert isinstance(kept.value, Registration)
        assert kept.value.state is RequestState.DONE
