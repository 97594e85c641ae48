"""The slot loop in a house with real sockets: prices move the battery, reasons are said, every lack has its name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from heg.data.door import Door
from heg.model.instance import Location
from heg.model.plan import DegradationCode, Plan
from heg.model.policy import CUSTOMER
from heg.model.slots import Profile, slot_start
from heg.runtime.clock import Clock
from tests.services.planning.plain import PlainPlanner
from tests.support.house import House, a_house
from tests.support.stepped import stepped

HERE = Location("demo")


class Planned:
    """A house with a slot loop, and a door of the test's own."""

    def __init__(self, house: House, planner: PlainPlanner, clock: Clock) -> None:
        self.house, self.planner, self.clock = house, planner, clock
        self.door: Door = house.data.admit(CUSTOMER, "test")

    def prices(self, *values: float, variable: str = "profile.price.import", start: datetime | None = None) -> None:
        hour = slot_start(start or self.clock.utc(), timedelta(hours=1))
        self.door.write(variable, Location("demo", "spot"), Profile(hour, 60, values))

    @property
    def plan(self) -> Plan:
        found = self.door.latest("plan", HERE)
        assert found is not None
        assert isinstance(found.value, Plan)
        return found.value

    @property
    def lacks(self) -> set[DegradationCode]:
        return {one.code for one in self.plan.degradations}

    def has_plan(self) -> bool:
        return self.door.latest("plan", HERE) is not None


@asynccontextmanager
async def a_planned_house(clock: Clock, folder: Path, **more: Any) -> AsyncIterator[Planned]:
    planner = more.pop("planner", None) or PlainPlanner()
    async with a_house(clock, folder, planner=lambda: planner, **more) as house:
        yield Planned(house, planner, clock)


CHEAP_FIRST = (0.10, *(0.30,) * 7, *(0.60,) * 8, *(0.30,) * 32)


@stepped
async def test_the_first_plan_comes_within_five_seconds_and_is_obeyed(clock: Clock, tmp_path: Path) -> None:
    async with a_planned_house(clock, tmp_path) as planned:
        house = planned.house
        took_s = await house.until(planned.has_plan, within_s=30, every_s=0.1)
        assert took_s < 5
        await house.until(lambda: house.battery.owner == "plan" and house.battery.regime == "balance")
        assert DegradationCode.PRICES_MISSING in planned.lacks


@stepped
async def test_prices_make_the_battery_charge_and_say_why(clock: Clock, tmp_path: Path) -> None:
    async with a_planned_house(clock, tmp_path) as planned:
        house = planned.house
        planned.prices(*(0.10,) * 12, *(0.60,) * 24, *(0.30,) * 12)
        await house.until(lambda: house.battery.owner == "plan" and house.battery.regime == "charge")
        assert house.battery.reason_text.startswith("Charges: 0.10 EUR/kWh now is cheap.")
        await house.until(lambda: house.rig.battery.power_kw > 1.0)
        assert planned.lacks == {DegradationCode.EXPORT_PRICES_MISSING}
