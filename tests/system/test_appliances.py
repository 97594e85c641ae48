"""Appliances and the whole gateway on one stepped loop: found, told, moved, lost, back; planned, shed, troubled.

The loop lives in a network of its own whose loopback knows multicast, so that all is as in a home.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from heg.data.door import CommandAnswer, Outcome
from heg.model.appliances import PowerState
from heg.model.cycles import CycleRecord
from heg.model.instance import ANY, Location
from heg.model.policy import CUSTOMER, Right, Role, Stakeholder
from heg.model.refusals import RefusalCode
from heg.model.rights import PolicyBook, Rule, Scope
from heg.runtime.clock import Clock
from hil.appliances.trouble import Corruption
from tests.services.planning.test_in_the_house import paced
from tests.support.house import House, a_house
from tests.support.namespaces import needs_networks, network
from tests.support.stepped import run_stepped

pytestmark = needs_networks

NOON = datetime(2024, 8, 9, 12, tzinfo=UTC)
ON, STANDBY = PowerState.ON, PowerState.STANDBY
HOUSE: dict[str, Any] = {"house": {"batteries": {}, "producers": {}}, "devices": {"meter": {"kind": "meter"}}}
LAMP: dict[str, Any] = {"min_on_minutes": 0.0, "min_off_minutes": 0.0, "draws": {"rated_kw": 2.0, "initially": "on"}}
SMALL: dict[str, Any] = {"draws": {"rated_kw": 0.05}}


def live(folder: Path, tables: dict[str, Any], story: Callable[[House, Clock], Awaitable[None]], **more: Any) -> None:
    """A house with appliances and its gateway, in a network of their own."""

    async def whole(clock: Clock) -> None:
        async with a_house(clock, folder, tables={**HOUSE, **tables}, **more) as house:
            await story(house, clock)

    with network("home", multicast_on_loopback=True) as net, net.entered():
        run_stepped(whole, start_utc=NOON)


def is_(house: House, name: str, status: str) -> Callable[[], bool]:
    return lambda: house.device(name).status == status


def test_one_is_found_told_followed_to_another_address_lost_and_back(tmp_path: Path) -> None:
    async def story(house: House, clock: Clock) -> None:
        lamp = house.rig.appliances["lamp"]
        assert await house.until(is_(house, "lamp", "attached"), within_s=3, every_s=0.2) <= 3
        await house.view.command("manual", device="lamp", power_state="standby", minutes=30)
        await house.until(lambda: house.actuator("lamp").state == "confirmed", within_s=15)
        assert (lamp.state, lamp.orders) == (STANDBY, 1)
        await house.after(5)
        assert house.rig.house.grid_kw == pytest.approx(1.0, abs=0.05)

        there = house.rig.farm.free_address()
        await lamp.moves(there)
        await house.until(lambda: house.device("lamp").address == there, within_s=10)
        await house.view.command("manual", device="lamp", power_state="on", minutes=30)
        # The gateway has heard that it is on: one whose last word was standby is asleep when it falls silent.
        await house.until(lambda: house.device("lamp").power_state == "on", within_s=15)
        assert lamp.state is ON

        await lamp.loses_power()
        await house.until(is_(house, "lamp", "lost"), within_s=70)
        assert "lost" in house.state["alarms"]["lamp"]
        await lamp.comes_back()
        await house.until(is_(house, "lamp", "attached"), within_s=5)
        await lamp.says_goodbye()
        await house.until(is_(house, "lamp", "lost"), within_s=5)
        await lamp.comes_back()
        await house.until(is_(house, "lamp", "attached"), within_s=5)
        await house.until(lambda: house.alarms == set(), within_s=60)

    live(tmp_path, {"appliances": {"lamp": {**LAMP, "max_age_s": 60}}}, story)


def test_one_is_tested_as_other_devices_are(tmp_path: Path) -> None:
    async def story(house: House, _clock: Clock) -> None:
        await house.until(is_(house, "lamp", "attached"), within_s=3, every_s=0.2)
        door = house.data.admit(CUSTOMER, "page")

        async def tested() -> CommandAnswer:
            return await door.command("command.device.test", Location("demo", "lamp"), {}, timeout_s=60.0)

        good = await tested()
        assert good.outcome is Outcome.DONE, good
        assert good.detail is not None
        assert good.detail["values"] == {"state.power": "on"}
        await house.rig.appliances["lamp"].loses_power()
        bad = await tested()
        assert bad.refusal is not None, good
        assert bad.refusal.code in (RefusalCode.TIMEOUT, RefusalCode.DEVICE_LOST)

    live(tmp_path, {"appliances": {"lamp": LAMP}}, story)


def test_broken_and_hostile_ones_harm_nobody(tmp_path: Path) -> None:
    broken = {f"b-{how}": SMALL for how in Corruption}

    async def story(house: House, clock: Clock) -> None:
        rig = house.rig
        for how in Corruption:
            await rig.appliances[f"b-{how}"].is_corrupted(how)
        rig.appliances["frozen"].freezes()
        rig.appliances["lamp"].shouts_garbage()
        rig.appliances["lamp"].skips_events(3)
        await house.after(30)
        begun_s = clock.monotonic_s()
        for state in (STANDBY, ON, STANDBY):
            await house.view.command("manual", device="lamp", power_state=str(state), minutes=30)
            await house.until(lambda: rig.appliances["lamp"].state is state, within_s=5)  # noqa: B023
        rig.appliances["lamp"].is_switched(ON)
        door = house.data.admit(CUSTOMER, "page")
        for _ in range(120):
            await house.after(1)
            (cycle,) = door.latest_all("self.cycle_time", Location("demo", ANY, ANY))
            assert cycle.age_s(clock.monotonic_s()) <= 1.1, "no control cycle is missed"
        assert clock.monotonic_s() - begun_s < 180
        assert house.device("lamp").status == "attached"
        assert not [name for name in house.state["devices"] if name.startswith("b-")], "none of them is believed"
        assert house.state["healthy"]
        rig.appliances["frozen"].thaws()
        for how in Corruption:
            await rig.appliances[f"b-{how}"].behaves()
        await house.until(
            lambda: sum(one["status"] == "attached" for one in house.state["devices"].values()) == len(Corruption) + 3,
            within_s=900,
            every_s=5,
        )

    live(tmp_path, {"appliances": {**broken, "lamp": LAMP, "frozen": SMALL}}, story)


def test_an_offered_programme_is_planned_begun_on_time_and_done(tmp_path: Path) -> None:
    dishes = {"power_kw": [2.0, 0.4], "step_minutes": 15, "within_h": 2.0}

    async def story(house: House, clock: Clock) -> None:
        washer = house.rig.appliances["washer"]
        assert washer.simulated.model.offered is not None
        door = house.data.admit(CUSTOMER, "page")
        cycles = Location("demo", ANY, ANY)

        def begins() -> list[datetime]:
            records = [one.value for one in door.latest_all("cycle", cycles)]
            return [one.planned_start for one in records if isinstance(one, CycleRecord) and one.planned_start]

        await house.until(lambda: bool(begins()), within_s=600)
        (planned,) = begins()
        await house.until(lambda: washer.state is ON, within_s=7200, every_s=30)
        assert abs(clock.utc() - planned) < timedelta(minutes=2)
        await house.after(300)
        assert washer.power_kw == pytest.approx(2.0, abs=0.01)
        assert house.actuator("washer").owner == "plan"
        await house.after(1800)
        assert washer.power_kw < 0.1
        assert washer.state is STANDBY
        assert washer.orders == 1, "begun once"

    pace = paced(5.0)
    tables = {
        "house": {**pace["tables"]["house"], "producers": {}},
        "devices": {"meter": {"kind": "meter"}, "battery": {"kind": "storage"}},
    }
    sections = {**pace["sections"], "planning": {"enabled": True}}
    live(tmp_path, {**tables, "appliances": {"washer": {"cycle": dishes}}}, story, sections=sections)


def test_a_load_reduction_is_met_by_the_least_important_and_ends(tmp_path: Path) -> None:
    def of(importance: str, phase: int) -> dict[str, Any]:
        draws = {"rated_kw": 1.0, "phase": phase, "initially": "on"}
        return {**LAMP, "importance": importance, "draws": draws}

    async def story(house: House, clock: Clock) -> None:
        rig = house.rig
        await house.until(lambda: house.state["appliances"].get("c", {}).get("status") == "attached", within_s=10)
        dso = Stakeholder(Role.DSO, "north")
        rule = Rule(1, dso, scope=Scope("command.reduce"), rights=frozenset({Right.WRITE}))
        owner = house.data.admit(CUSTOMER, "page")
        assert owner.write("policy", Location("demo"), PolicyBook(1, (rule,), "owner", last_number=1)).refusal is None
        door = house.data.admit(dso, "desk")
        await house.after(10)
        assert rig.house.grid_kw == pytest.approx(5.0, abs=0.1)
        answer = await door.command("command.reduce", Location("demo"), {"max_import_kw": 3.5, "minutes": 10})
        assert answer.outcome is Outcome.DONE, answer
        await house.until(lambda: rig.house.grid_kw <= 3.5, within_s=15)
        assert [name for name, one in rig.appliances.items() if one.state is ON] == ["a", "b"]
        await house.after(120)
        assert rig.house.grid_kw <= 3.5
        await house.after(480)
        await house.until(lambda: rig.house.grid_kw > 4.9, within_s=180)

    named = {"a": of("must-run", 1), "b": of("flexible", 2), "c": of("optional", 3), "d": of("optional", 1)}
    live(tmp_path, {"appliances": named}, story, sections={"automation": {"utility": "full"}})


def test_three_hundred_and_twenty_in_trouble_come_back_one_and_all(tmp_path: Path) -> None:
    many = {f"a{number:03}": {**SMALL, "max_age_s": 120} for number in range(320)}
    many = {name: {**one, "draws": {"rated_kw": 0.02, "initially": "on"}} for name, one in many.items()}

    async def story(house: House, clock: Clock) -> None:
        rig, every = house.rig, list(house.rig.appliances.values())

        def attached() -> int:
            return sum(one["status"] == "attached" for one in house.state["appliances"].values())

        await house.until(lambda: attached() == 320, within_s=30)
        for one in every[:60]:
            await one.loses_power()
        first = ip_address(rig.farm.free_address())
        for number, one in enumerate(every[60:120]):
            await one.moves(str(first + number))
        for one in every[120:160]:
            one.freezes()
        for number, one in enumerate(every[160:200]):
            await one.is_corrupted(list(Corruption)[number % len(Corruption)])
        await house.until(lambda: house.state["appliances"]["a000"]["status"] == "lost", within_s=300, every_s=5)
        await house.after(60)
        told = every[319]
        await house.view.command("manual", device=told.name, power_state="standby", minutes=30)
        await house.until(lambda: told.state is STANDBY, within_s=5)
        moved = [house.device(one.name).address for one in every[60:120]]
        assert moved == [one.address for one in every[60:120]]
        for one in every[:60]:
            await one.comes_back()
        for one in every[120:200]:
            await one.behaves()
        await house.until(lambda: attached() == 320, within_s=1800, every_s=10)

    live(tmp_path, {"appliances": many}, story)
