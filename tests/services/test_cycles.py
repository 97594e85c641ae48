"""Cycles that wait: what people ask for, what the plan places, what has begun and what a restart knows of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from heg.cli.cycle_commands import cycle_lines
from heg.data.door import CommandAnswer
from heg.model.cycles import CycleCurve, CycleRecord, CycleState, deferrables
from heg.model.instance import Location
from heg.model.plan import DegradationCode, Plan
from heg.model.policy import CUSTOMER
from heg.model.refusals import Refusal
from heg.model.timings import Timings
from heg.planner.answering import Answerer
from heg.planner.forecast import forecast
from heg.planner.otherwise import otherwise
from heg.planner.plan import plan
from heg.runtime.clock import Clock
from heg.services.cycle_words import CycleSettings, Wanted, read_wish
from heg.services.cycles import CycleService, CyclesSettings
from heg.services.planning.settings import PlanningSettings
from heg.web.plan_messages import PlannedCycle
from hil.plan import rig_plan
from hil.rig import Rig
from tests.services.planning.test_gather import HOUR, Scene
from tests.services.planning.test_in_the_house import paced
from tests.support.house import NOON, House, a_gateway
from tests.support.stepped import stepped

NOW = datetime(2026, 6, 8, 5, tzinfo=UTC)
"""07:00 in Rome."""
ROME = ZoneInfo("Europe/Rome")
WASH = CycleCurve((2.0, 0.5), 60)
DISHES = CycleSettings(name="dishes", curve=WASH, earliest=time(10), latest=time(18))
CHEAP_AT_9 = (0.4,) * 9 + (0.1,) * 2 + (0.4,) * 13


def wish(**said: Any) -> Wanted | str | Refusal:
    return read_wish(said, {"dishes": DISHES}, NOW, ROME)


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ({}, 8, 16),
        ({"latest": "09:30"}, 5, 7.5),
        ({"earliest": "12:00"}, 10, 16),
        ({"earliest": "20:00", "latest": "02:00"}, 18, 24),
        ({"earliest_utc": "2026-06-08T09:00:00Z"}, 9, 16),
        ({"earliest_utc": "2026-06-08T01:00:00Z", "latest_utc": "2026-06-08T12:00:00+02:00"}, 5, 10),
    ],
)
def test_a_window_is_what_was_said_else_the_usual_one(said: dict[str, Any], first: float, last: float) -> None:
    midnight = datetime(2026, 6, 8, tzinfo=UTC)
    expected = Wanted("dishes", WASH, midnight + first * HOUR, midnight + last * HOUR)
    assert wish(name="dishes", **said) == expected


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "the name of a cycle"),
        ({"name": "drier"}, "a cycle that heg.toml has, or power_kw"),
        ({"name": "dishes", "power": 1}, "arguments among"),
        ({"name": "drier", "power_kw": []}, "a list of 1 to 288"),
        ({"name": "drier", "power_kw": "2"}, "a list of 1 to 288"),
        ({"name": "drier", "power_kw": [0.0]}, "above 0 and at most 50"),
        ({"name": "drier", "power_kw": [float("nan")]}, "above 0 and at most 50"),
        ({"name": "drier", "power_kw": [1.0], "step_minutes": 7}, "5, 15, 30, 60"),
        ({"name": "dishes", "earliest": "noon"}, 'earliest such as "10:00"'),
        ({"name": "dishes", "earliest": "10:00", "earliest_utc": "2026-06-08T09:00:00Z"}, "earliest or earliest_utc"),
        ({"name": "dishes", "latest": "08:00"}, "a window of at least 2:00:00"),
        ({"name": "dishes", "latest_utc": "2026-07-08T08:00:00Z"}, "over within 7 days"),
    ],
)
def test_what_cannot_be_is_refused(said: dict[str, Any], why: str) -> None:
    refused = wish(**said)
    assert isinstance(refused, Refusal)
    assert why in str(refused)


@pytest.mark.parametrize(("step", "slot"), [(15, 15), (15, 60), (60, 15), (5, 30), (30, 5)])
def test_a_curve_has_the_same_energy_on_any_grid(step: int, slot: int) -> None:
    curve = CycleCurve((2.0, 0.4, 1.0, 0.2, 3.0), step)
    assert sum(curve.by_slots(slot)) * slot == pytest.approx(sum(curve.power_kw) * step)


def test_a_window_that_opens_late_waits_for_a_later_plan() -> None:
    record = CycleRecord("dishes", CycleState.WAITING, WASH, NOW + 23 * HOUR, NOW + 40 * HOUR, NOW)
    assert deferrables(record, NOW, 60, 24, NOW) == ()
    [part] = deferrables(record, NOW + HOUR, 60, 24, NOW + HOUR)
    assert (part.earliest_slot, part.latest_slot) == (22, 24)
    [whole] = deferrables(record, NOW + 20 * HOUR, 60, 24, NOW + 20 * HOUR)
    assert (whole.earliest_slot, whole.latest_slot) == (3, 20)


class Kitchen:
    """The slot loop's gathering, the planner and the service on one door. Hours are counted from the beginning."""

    def __init__(self, clock: Clock, settings: CycleSettings) -> None:
        self.clock = clock
        every_hour = PlanningSettings(unit="home", timings=Timings.for_cycle(1.0), slot_minutes=60, slots=24)
        self.scene = Scene(clock, every_hour)
        self.settings = CyclesSettings(
            unit="home", timings=every_hour.timings, zone=ROME, slot_minutes=60, cycles=(settings,)
        )
        self.begun = self.scene.hour
        self.running: asyncio.Task[None] | None = None

    async def begins_anew(self) -> None:
        await self.ends()
        service = CycleService(self.scene.data.admit(CUSTOMER, "cycles"), self.clock, self.settings)
        self.running = asyncio.create_task(service.run())
        await self.clock.sleep(1.0)

    async def ends(self) -> None:
        if self.running is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)

    async def plans(self, at_hour: float, prices: tuple[float, ...] = CHEAP_AT_9) -> CycleRecord:
        """Plan at an hour, by prices that begin with the first one's day, and let the service see it."""
        await self.clock.sleep((self.begun + at_hour * HOUR - self.clock.utc()).total_seconds())
        scene, gone = self.scene, (self.scene.hour - self.begun) // HOUR
        scene.say("profile.price.import", *(prices * 2)[gone : gone + 24])
        scene.say("profile.demand", *(0.5,) * 24)
        made = Answerer(forecast, plan, otherwise, self.clock.real_s)(scene.gather().request).plan
        assert scene.door.write("plan", Location("home"), made).accepted
        await self.clock.sleep(5.0)
        return self.record

    @property
    def record(self) -> CycleRecord:
        found = self.scene.door.latest("cycle", Location("home", "cycle", "dishes"))
        assert found is not None
        assert isinstance(found.value, CycleRecord)
        return found.value

    @property
    def state(self) -> str:
        return str(self.record.state)

    def hour(self, moment: datetime | None) -> float | None:
        return None if moment is None else (moment - self.begun) / HOUR

    async def asks(self, **said: Any) -> CommandAnswer:
        return await self.scene.door.command("command.cycle", Location("home"), {"name": "dishes", **said})


@asynccontextmanager
async def kitchen(clock: Clock, **more: Any) -> AsyncIterator[Kitchen]:
    found = Kitchen(clock, CycleSettings(**{"name": "dishes", "curve": WASH, **more}))
    await found.begins_anew()
    try:
        yield found
    finally:
        await found.ends()
        await found.scene.close()


@stepped
async def test_it_is_placed_where_energy_is_cheap_begins_there_and_is_done(clock: Clock) -> None:
    async with kitchen(clock) as house:
        assert (await house.asks()).outcome == "done"
        words = house.scene.outlook.look(clock.monotonic_s(), clock.utc()).words
        assert words > 0, "what is wanted is planned at once"
        record = await house.plans(1)
        assert (house.hour(record.planned_start), house.hour(record.planned_end)) == (9, 11)
        assert record.state is CycleState.WAITING
        record = await house.plans(9 + 20 / 3600)  # a plan is made a little after its slot begins
        assert (record.state, record.ran) == (CycleState.RUNNING, (house.begun + 9 * HOUR,))
        dearer = (0.4,) * 10 + (0.9,) + (0.0,) * 13
        for hour in (9.5, 10, 10.5):
            record = await house.plans(hour, dearer)
            assert (house.hour(record.planned_start), house.hour(record.planned_end)) == (9, 11), "what runs goes on"
        assert record.state is CycleState.RUNNING
        record = await house.plans(11)
        assert record.state is CycleState.DONE
        assert not house.scene.gather().request.problem.deferrable


@stepped
async def test_one_that_may_pause_runs_in_the_cheap_hours_and_no_more_than_it_must(clock: Clock) -> None:
    cheap = (0.4, 0.4, 0.1, 0.4, 0.4, 0.1, *(0.4,) * 18)
    async with kitchen(clock, curve=CycleCurve((2.0, 0.5), 60, interruptible=True)) as house:
        await house.asks()
        ran = []
        for half in range(14):
            record = await house.plans(half / 2 + 0.01, cheap)
            problem = house.scene.gather().request.problem
            ran += [(half / 2, part.power_kw) for part in problem.deferrable if part.latest_slot == 1]
        assert [house.hour(at) for at in record.ran] == [2, 5]
        assert record.state is CycleState.DONE
        assert house.hour(record.planned_end) == 6
        assert {kw for _, kw in ran} == {(2.0,), (0.5,)}, "the slot that has begun is held"


@stepped
async def test_a_restart_knows_what_waits_and_what_runs(clock: Clock) -> None:
    async with kitchen(clock) as house:
        await house.asks()
        await house.plans(1)
        await house.begins_anew()
        assert house.hour((await house.plans(2)).planned_start) == 9
        await house.plans(9)
        await house.begins_anew()
        record = await house.plans(10, (0.4,) * 10 + (0.9,) + (0.0,) * 13)
        assert (record.state, house.hour(record.planned_end)) == (CycleState.RUNNING, 11)
        [left] = house.scene.gather().request.problem.deferrable
        assert left.power_kw == (0.5,)
        await clock.sleep(3 * 3600)
        assert house.record.state is CycleState.DONE, "by the clock, whether it was planned or not"


@stepped
async def test_it_is_forgotten_asked_for_anew_and_missed(clock: Clock) -> None:
    async with kitchen(clock) as house:
        await house.asks()
        await house.plans(1)
        assert (await house.asks(forget=True)).outcome == "done"
        assert house.state == "forgotten"
        assert (await house.asks(forget=True)).outcome == "refused"
        assert not house.scene.gather().request.problem.deferrable
        assert (await house.asks(latest_utc=(house.begun + 4 * HOUR).isoformat())).outcome == "done"
        await clock.sleep(5.0)
        assert house.record.planned_start is None, "the plan before knows nothing of it"
        await clock.sleep(4 * 3600)
        assert house.state == "missed"


@stepped
async def test_one_that_has_no_room_left_is_a_lack_and_one_that_runs_is_not_asked_for_again(clock: Clock) -> None:
    async with kitchen(clock) as house:
        await house.asks(latest_utc=(house.begun + 3 * HOUR).isoformat())
        record = await house.plans(1.5)
        assert house.hour(record.planned_start) is None
        newest = house.scene.door.latest("plan", Location("home"))
        assert newest is not None
        assert isinstance(newest.value, Plan)
        assert DegradationCode.DEFERRABLE_UNPLACED in {one.code for one in newest.value.degradations}
        await house.asks(latest_utc=(house.begun + 4.5 * HOUR).isoformat())
        assert (await house.plans(2.003)).state is CycleState.RUNNING
        assert "it runs" in str((await house.asks()).refusal)


@stepped
async def test_a_daily_one_asks_for_itself(clock: Clock) -> None:
    async with kitchen(clock, earliest=time(10), latest=time(18), daily=True) as house:
        first = house.record
        local = first.earliest.astimezone(ROME)
        assert (local.hour, local.minute, first.latest - first.earliest) == (10, 0, 8 * HOUR)
        await house.asks(forget=True)
        await clock.sleep(10.0)
        assert house.state == "forgotten", "this day's is not wanted"
        await clock.sleep(24 * 3600)
        assert house.record.earliest == first.earliest + timedelta(days=1)
        assert house.state == "waiting"


DISHWASHER = {"cycle": {"dishes": {"power_kw": [2.0, 0.2, 1.5]}}, "planning": {"enabled": True}}


@stepped
async def test_a_house_plans_what_is_asked_for_tells_when_and_knows_it_after_a_restart(
    clock: Clock, tmp_path: Path
) -> None:
    pace = paced(60.0)
    sections = {**pace["sections"], **DISHWASHER}

    async def told(house: House) -> list[dict[str, Any]]:
        plan_now = (await house.view.get("/api/v1/plan"))["plan"]
        return [] if plan_now is None else list(plan_now["cycles"])

    async def order(house: House, body: bytes) -> tuple[int, bytes]:
        return await house.view.ask("POST", "/api/v1/commands/cycle", body)

    async with Rig(rig_plan(pace["tables"], NOON), clock) as rig:
        async with a_gateway(rig, clock, tmp_path, sections=sections) as house:
            status, body = await order(house, b'{"name": "dishes", "latest": "20:00"}')
            assert (status, json.loads(body)["outcome"]) == (200, "done")
            await house.after(600)
            [before] = await told(house)
            assert (before["state"], before["energy_kwh"]) in [("waiting", 0.925), ("running", 0.925)]
            assert before["start_utc"] != ""
            [line] = cycle_lines(msgspec.convert([before], list[PlannedCycle]), str)
            planned = f"{before['start_utc']} to {before['end_utc']}"
            assert line.startswith(f"dishes: {before['state']}, {planned}, 0.925 kWh")
        async with a_gateway(rig, clock, tmp_path, sections=sections) as house:
            await house.after(600)
            [after] = await told(house)
            assert after["latest_utc"] == before["latest_utc"]
            assert after["start_utc"] != ""
            status, body = await order(house, b'{"name": "drier"}')
            assert status >= 400
            assert b"power_kw" in body
