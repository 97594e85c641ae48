"""A recorded home in trouble: what a plan stands on fails, one thing after the other, through the real sockets.

Whatever it is, there is a plan, it names what lacks, and not one control cycle is missing.
"""

from __future__ import annotations

import csv
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from heg.data.door import Door, Function
from heg.model.instance import Location
from heg.model.plan import DegradationCode, Plan, PlanStatus
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from hil.plan import rig_plan
from hil.planner_process import hurt, planner_of
from tests.support.house import House, a_house
from tests.support.recordings import needs_recordings
from tests.support.replay import (
    START_UTC,
    UNIT,
    Home,
    Mode,
    Span,
    gateway_sections,
    homes,
    remember,
    rig_tables,
)
from tests.support.stepped import stepped

pytestmark = [
    pytest.mark.system,
    needs_recordings,
]
HERE = Location(UNIT)
SPAN = Span(days=4.0, cycle_s=180.0)
"""A slow cycle, and every age, expiry and revert time with it: days pass quickly."""
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass
class Lived:
    """The house, and what its plans say."""

    house: House
    door: Door
    clock: Clock

    @property
    def plan(self) -> Plan | None:
        found = self.door.latest("plan", HERE)
        return found.value if found is not None and isinstance(found.value, Plan) else None

    def lacks(self, code: DegradationCode) -> bool:
        return self.plan is not None and code in {one.code for one in self.plan.degradations}

    async def cycles(self) -> float:
        answer = await self.door.query("self.cycle_time", HERE, function=Function.COUNT)
        assert isinstance(answer.value, float)
        return answer.value

    async def until(self, code: DegradationCode, *, named: bool = True, within: timedelta = HOUR) -> None:
        await self.house.until(lambda: self.lacks(code) is named, within_s=within.total_seconds(), every_s=SPAN.cycle_s)

    async def is_obeyed(self, owner: str = "plan", within: timedelta = HOUR) -> None:
        """A plan of this slot, and a battery that follows it, or what goes before it."""
        await self.house.until(
            lambda: self.house.battery.owner == owner and self.house.battery.held,
            within_s=within.total_seconds(),
            every_s=SPAN.cycle_s,
        )
        assert self.plan is not None
        assert self.plan.index(self.clock.utc()) is not None


@asynccontextmanager
async def lived(clock: Clock, folder: Path, home: Home, mode: Mode, contract_kw: float = 17.0) -> AsyncIterator[Lived]:
    sections = gateway_sections(folder, home, mode, SPAN)
    sections["contract"] = {"max_import_kw": contract_kw, "max_export_kw": contract_kw}
    async with a_house(
        clock, folder, plan=rig_plan(rig_tables(home, mode, SPAN), SPAN.start), sections=sections
    ) as house:
        one = Lived(house, house.data.admit(CUSTOMER, "test"), clock)
        await one.is_obeyed()
        began, before = clock.monotonic_s(), await one.cycles()
        yield one
        cycles = (clock.monotonic_s() - began) / SPAN.cycle_s
        assert await one.cycles() - before >= cycles - 1, "control went on, whatever befell the plan"


def home() -> Home:
    return next(one for one in homes() if one.name == "home_a_spot_60min")


def with_gap(folder: Path, start: datetime, end: datetime) -> Home:
    """The home, and its tariff without the prices of a span."""
    whole = home()
    path = folder / "gap.csv"
    with whole.path.open(newline="", encoding="utf-8") as lines, path.open("w", newline="", encoding="utf-8") as out:
        rows = csv.DictReader(lines)
        kept = csv.DictWriter(out, rows.fieldnames or ())
        kept.writeheader()
        for row in rows:
            at = datetime.fromisoformat(row["time_utc"])
            if start <= at < end:
                row["import_eur_per_kwh"] = row["export_eur_per_kwh"] = ""
            kept.writerow(row)
    return replace(whole, path=path)


@stepped(start_utc=START_UTC)
async def test_a_day_without_prices_is_planned_with_those_of_the_days_before(clock: Clock, tmp_path: Path) -> None:
    gap = START_UTC + 1.5 * DAY
    async with lived(clock, tmp_path, with_gap(tmp_path, gap, gap + DAY), Mode.OWN) as one:
        await one.until(DegradationCode.PRICES_ESTIMATED, within=1.5 * DAY)
        await one.is_obeyed()
        while clock.utc() < gap + DAY - 2 * HOUR:
            await one.is_obeyed()
            assert one.lacks(DegradationCode.PRICES_ESTIMATED)
            await clock.sleep(HOUR.total_seconds())
        await one.until(DegradationCode.PRICES_ESTIMATED, named=False, within=3 * HOUR)


@stepped(start_utc=START_UTC)
async def test_a_house_that_nobody_forecasts_and_that_has_no_past(clock: Clock, tmp_path: Path) -> None:
    async with lived(clock, tmp_path, home(), Mode.OWN) as one:
        assert one.lacks(DegradationCode.HISTORY_SHORT)
        for _ in range(12):
            await clock.sleep(HOUR.total_seconds())
            await one.is_obeyed()
        assert one.lacks(DegradationCode.HISTORY_SHORT)
        assert one.plan is not None
        assert one.plan.status is PlanStatus.DEGRADED


async def killed(one: Lived) -> None:
    """While it plans: stopped first, so that it cannot have answered before the end reaches it."""
    planner = planner_of(os.getpid())
    hurt(planner, "planner_freeze")
    end = threading.Timer(0.3, hurt, (planner, "planner_kill"))
    end.start()
    await one.door.command("command.plan", HERE, {})
    end.join()


async def stalled(one: Lived) -> None:
    hurt(planner_of(os.getpid()), "planner_freeze")


async def soc_stands_still(one: Lived) -> None:
    now = round(100 * one.house.rig.battery.soc, 1)
    one.house.rig.battery.lies("713.SoC", now)
    one.house.rig.battery.lies("802.SoC", now)


async def soc_cannot_be(one: Lived) -> None:
    one.house.rig.battery.lies("713.SoC", 250.0)
    one.house.rig.battery.lies("802.SoC", 250.0)


async def house_exceeds(one: Lived) -> None:
    one.house.rig.truth.switch("oven", 12.0)


async def clock_steps(one: Lived) -> None:
    one.clock.jump_utc(3 * 3600.0)


async def nothing(one: Lived) -> None:
    """What happened is over by itself."""


async def honest(one: Lived) -> None:
    one.house.rig.battery.behaves()


async def oven_off(one: Lived) -> None:
    one.house.rig.truth.switch("oven", 0.0)


async def clock_back(one: Lived) -> None:
    one.clock.jump_utc(-3 * 3600.0)


Act = Callable[[Lived], Awaitable[None]]
TROUBLES: tuple[tuple[Act, DegradationCode, str, Act], ...] = (
    (killed, DegradationCode.WORKER_LOST, "plan", nothing),
    (stalled, DegradationCode.WORKER_STALLED, "plan", nothing),
    (soc_stands_still, DegradationCode.SOC_FROZEN, "plan", honest),
    (soc_cannot_be, DegradationCode.SOC_OUT_OF_BOUNDS, "safety", honest),
    (house_exceeds, DegradationCode.DEMAND_ABOVE_CONTRACT, "plan", oven_off),
    (clock_steps, DegradationCode.CLOCK_STEPPED, "plan", clock_back),
)


@stepped(start_utc=START_UTC)
async def test_one_trouble_after_the_other(clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    await remember(clock, tmp_path / "state", home(), SPAN)
    async with lived(clock, tmp_path, home(), Mode.NOISY, contract_kw=9.0) as one:
        for befalls, code, owner, ends in TROUBLES:
            await befalls(one)
            await one.until(code, within=8 * HOUR)
            await one.is_obeyed(owner)
            await ends(one)
            await one.until(code, named=False, within=3 * HOUR)
            await one.is_obeyed()
