"""The slot loop with the planner's own process behind it: prices move the battery, and it says why in euro."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from heg.data.door import Outcome
from heg.model.plan import Degradation, DegradationCode, Week
from heg.runtime.clock import Clock
from tests.services.planning.plain import PlainPlanner
from tests.services.planning.test_in_the_house import HERE, Planned, a_planned_house, paced
from tests.support.house import a_house
from tests.support.stepped import stepped

PLANNING = {"planning": {"enabled": True}}


@stepped
async def test_it_charges_while_it_is_cheap_and_covers_the_house_while_it_is_dear(clock: Clock, tmp_path: Path) -> None:
    pace = paced(60.0)
    async with a_house(clock, tmp_path, tables=pace["tables"], sections={**pace["sections"], **PLANNING}) as house:
        planned = Planned(house, PlainPlanner(), clock)
        begun = clock.utc()
        planned.prices(*(0.10,) * 2, *(0.60,) * 6, *(0.10,) * 40, start=begun)
        planned.prices(*(0.05,) * 48, variable="profile.price.export", start=begun)
        # A house that is known for an hour has a short past, and lacks nothing else.
        await house.until(
            lambda: planned.has_plan() and planned.lacks == {DegradationCode.HISTORY_SHORT}, within_s=3600, every_s=60
        )
        await house.until(lambda: house.battery.owner == "plan" and house.battery.regime == "charge", within_s=600)
        assert "0.100 EUR" in house.battery.reason_text
        await clock.sleep((begun + timedelta(hours=2, minutes=5) - clock.utc()).total_seconds())
        await house.look()
        week = planned.door.latest("week", HERE)
        assert week is not None
        assert isinstance(week.value, Week)
        assert len(week.value.days) == 8
        assert week.age_s(clock.monotonic_s()) < 1.3 * 3600, "two hours have passed: it was reckoned again"
        assert house.rig.battery.soc > 0.9
        assert house.rig.battery.power_kw < -0.9
        assert house.battery.owner == "plan"
        assert "0.600 EUR" in house.battery.reason_text


@stepped
async def test_what_it_would_have_cost_otherwise_is_told_on_demand(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path, sections=PLANNING) as house:
        planned = Planned(house, PlainPlanner(), clock)
        planned.prices(*(0.60,) * 2, *(0.10,) * 46, start=clock.utc())
        await house.until(
            lambda: planned.has_plan() and DegradationCode.PRICES_MISSING not in planned.lacks, within_s=3600
        )
        before = planned.plan
        answer = await planned.door.command("command.otherwise", HERE, {})
        assert answer.outcome is Outcome.DONE
        assert "Battery: Doing nothing now (0.00 kW) would cost" in answer.text
        assert answer.detail is not None
        others = answer.detail["alternatives"]
        assert isinstance(others, list)
        assert [one["kind"] for one in others] == ["nothing", "charge", "discharge", "follow"]
        more_eur = {one["kind"]: one["more_eur"] for one in others}
        assert more_eur["charge"] > more_eur["nothing"] > 0.0
        assert planned.plan == before  # to ask changes nothing


@stepped
async def test_without_a_plan_there_is_nothing_to_compare_with(clock: Clock, tmp_path: Path) -> None:
    planner = PlainPlanner()
    planner.fails = Degradation(DegradationCode.WORKER_LOST, "Gone.")
    async with a_planned_house(clock, tmp_path, planner=planner) as planned:
        await planned.house.until(planned.has_plan, within_s=60)
        answer = await planned.door.command("command.otherwise", HERE, {})
    assert answer.outcome is Outcome.REFUSED
    assert answer.refusal is not None
    assert answer.refusal.expected == "a plan in force"


@stepped
async def test_the_first_plan_comes_within_five_seconds_of_a_cold_start(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path, sections=PLANNING) as house:
        planned = Planned(house, PlainPlanner(), clock)
        begun_s = clock.real_s()
        took_s = await house.until(planned.has_plan, within_s=30, every_s=0.1)
        assert took_s + clock.real_s() - begun_s < 5  # house time, and the process that starts in real time
        await house.until(lambda: house.battery.owner == "plan" and house.battery.regime == "balance")
        assert planned.lacks >= {DegradationCode.PRICES_MISSING}
