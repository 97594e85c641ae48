"""The planner's own process dies, stalls or talks nonsense in a house with real sockets: a slot's optimality is lost,
the battery never. Real processes; the house runs stepped.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from heg.data.door import Door, Function
from heg.model.instance import Location
from heg.model.plan import Degradation, DegradationCode, Plan, PlanReply, PlanRequest, PlanStatus
from heg.model.policy import CUSTOMER
from heg.model.slots import Profile
from heg.runtime.clock import Clock
from heg.services.planning.worker_link import WorkerLink
from tests.support.house import LED, House, a_house
from tests.support.stepped import stepped

HERE = Location("demo")
PRICES = (*(0.10,) * 12, *(0.60,) * 12) * 2
"""From the slot at noon on: cheap for half a day."""
CYCLE_S = 30.0
PACED: dict[str, Any] = {
    "tables": {"house": {"batteries": LED, "step_s": 5.0}, "weather": {"kind": "constant", "demand_kw": 1.0}},
    "sections": {
        "control": {"cycle_s": CYCLE_S},
        "modbus": {"interval_s": CYCLE_S, "slow_interval_s": 5 * CYCLE_S},
        "planning": {"enabled": True},
    },
}


WAYS = {
    "crash": DegradationCode.WORKER_LOST,
    "stall": DegradationCode.WORKER_STALLED,
    "garbage": DegradationCode.ANSWER_REFUSED,
    "nonsense": DegradationCode.ANSWER_REFUSED,
    "raise_error": DegradationCode.SOLVER_FAILED,
}
LEARNING = {
    DegradationCode.HISTORY_SHORT,
    DegradationCode.DEMAND_FORECAST_MISSING,
    DegradationCode.PRODUCTION_FORECAST_MISSING,
}
"""What a house lacks in its first days."""


class Planner:
    """The link to a process whose way can be changed while the house runs; a stall is waited for briefly."""

    def __init__(self, clock: Clock, way: Path) -> None:
        self.way = way
        self._link = WorkerLink(clock, (sys.executable, "-m", "tests.planner.changing_worker", str(way)))
        self.counts = self._link.counts

    def becomes(self, way: str) -> None:
        self.way.write_text(way)

    async def ask(self, request: PlanRequest, limit_s: float) -> PlanReply | Degradation:
        return await self._link.ask(request, 0.5 if self.way.read_text() == "stall" else limit_s)

    async def close(self) -> None:
        await self._link.close()


class Planned:
    """The house, its planner, and a door of the test's own."""

    def __init__(self, house: House, planner: Planner) -> None:
        self.house, self.planner = house, planner
        self.door: Door = house.data.admit(CUSTOMER, "test")

    @property
    def plan(self) -> Plan:
        found = self.door.latest("plan", HERE)
        assert found is not None
        assert isinstance(found.value, Plan)
        return found.value

    @property
    def lacks(self) -> set[DegradationCode]:
        return {one.code for one in self.plan.degradations}

    def tell_prices(self, start: datetime) -> None:
        for variable, prices in (("profile.price.import", PRICES), ("profile.price.export", (0.08,) * len(PRICES))):
            self.door.write(variable, Location("demo", "spot"), Profile(start, 60, prices))

    async def cycles(self) -> float:
        answer = await self.door.query("self.cycle_time", HERE, function=Function.COUNT)
        assert isinstance(answer.value, float)
        return answer.value


@asynccontextmanager
async def a_planned_house(clock: Clock, folder: Path) -> AsyncIterator[Planned]:
    planner = Planner(clock, folder / "way")
    planner.becomes("plan")
    async with a_house(clock, folder, planner=lambda: planner, **PACED) as house:
        planned = Planned(house, planner)
        planned.tell_prices(clock.utc().replace(minute=0, second=0, microsecond=0))
        await house.until(
            lambda: house.battery.owner == "plan" and not planned.lacks - LEARNING, within_s=1200, every_s=30
        )
        yield planned


@pytest.mark.parametrize(("way", "code"), WAYS.items(), ids=WAYS)
def test_what_befalls_the_planner_costs_a_slot_s_plan_and_no_cycle(
    way: str, code: DegradationCode, tmp_path: Path
) -> None:
    @stepped
    async def scene(clock: Clock) -> None:
        async with a_planned_house(clock, tmp_path) as planned:
            house, before, cycles, begun = planned.house, planned.plan, await planned.cycles(), clock.utc()
            planned.planner.becomes(way)
            await house.until(lambda: DegradationCode.OLD_PLAN in planned.lacks, within_s=1000, every_s=30)
            assert planned.lacks >= {code, DegradationCode.OLD_PLAN}
            assert planned.plan.status is PlanStatus.DEGRADED
            assert (planned.plan.start, planned.plan.ess) == (before.start, before.ess), "the old plan is kept"
            assert (house.battery.owner, house.battery.held) == ("plan", True)
            planned.planner.becomes("plan")
            await house.until(lambda: not planned.lacks - LEARNING, within_s=400, every_s=30)
            assert DegradationCode.OLD_PLAN not in planned.lacks
            assert house.battery.owner == "plan"
            seconds = (clock.utc() - begun).total_seconds()
            assert await planned.cycles() - cycles >= seconds / CYCLE_S - 1, "control went on"

    scene()


@pytest.mark.soak
@stepped
async def test_a_planner_that_stays_away_leaves_the_rule_until_it_is_back(clock: Clock, tmp_path: Path) -> None:
    async with a_planned_house(clock, tmp_path) as planned:
        house, cycles = planned.house, await planned.cycles()
        planned.planner.becomes("crash")
        await house.after(seconds=2 * 3600.0 + 1200.0)
        assert planned.plan.status is PlanStatus.FALLBACK
        assert DegradationCode.WORKER_LOST in planned.lacks
        assert (house.battery.owner, house.battery.regime) == ("idle", "balance")
        starts = planned.planner.counts["start"]
        assert starts >= 9, "each slot has had its try"
        assert starts <= 2 * 3600 / 60, "and none was tried all the time"
        planned.planner.becomes("plan")
        await house.until(lambda: house.battery.owner == "plan", within_s=400, every_s=30)
        assert planned.plan.status is not PlanStatus.FALLBACK
        assert await planned.cycles() - cycles >= 2 * 3600 / CYCLE_S
