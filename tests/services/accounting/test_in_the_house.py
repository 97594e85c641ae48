"""The books in a house with real sockets: what is written, when, and that it is what the rig says flowed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from heg.data.door import Door, Resolution
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.records import BooksRecord
from heg.model.slots import Profile, slot_start
from heg.runtime.clock import Clock
from hil.desk import status
from tests.support.house import House, a_house
from tests.support.stepped import stepped

HERE = Location("demo")
QUARTER = timedelta(minutes=15)
NO_PLAN = {"planning": {"enabled": False}}
DAYTIME = {
    "weather": {"kind": "generated"},
    "house": {"batteries": {"battery": {"self_consumption": False, "initial_soc": 0.5}}},
}


class Booked:
    """A house whose books a test can read, and whose tariff it can set."""

    def __init__(self, house: House, clock: Clock) -> None:
        self.house, self.clock = house, clock
        self.door: Door = house.data.admit(CUSTOMER, "test")

    def tariff(self, buy: tuple[float, ...] = (0.3,) * 48, sell: float = 0.08, start: datetime | None = None) -> None:
        hour = slot_start(start or self.clock.utc(), timedelta(hours=1))
        for variable, values in (("import", buy), ("export", (sell,) * len(buy))):
            self.door.write(f"profile.price.{variable}", Location("demo", "tariff"), Profile(hour, 60, values))

    async def to_the_slots_end(self, slots: int = 1) -> None:
        now = self.clock.utc()
        end = slot_start(now, QUARTER) + slots * QUARTER + timedelta(seconds=1)
        await self.clock.sleep((end - now).total_seconds())

    async def rows(self, variable: str) -> dict[datetime, Any]:
        now = self.clock.utc()
        page = await self.door.history(variable, HERE, now - timedelta(days=3), now, Resolution.RAW)
        return {row.time: row.value for row in page.rows}

    def newest(self, variable: str) -> BooksRecord:
        found = self.door.latest(variable, HERE)
        assert found is not None
        assert isinstance(found.value, BooksRecord)
        return found.value


@asynccontextmanager
async def a_booked_house(clock: Clock, folder: Path, **more: Any) -> AsyncIterator[Booked]:
    sections = {**NO_PLAN, **more.pop("sections", {})}
    async with a_house(clock, folder, sections=sections, **more) as house:
        yield Booked(house, clock)


@stepped
async def test_each_slot_is_written_when_it_is_over(clock: Clock, tmp_path: Path) -> None:
    async with a_booked_house(clock, tmp_path) as booked:
        booked.tariff()
        await booked.to_the_slots_end()
        began, first = clock.utc(), status(booked.house.rig)
        await booked.to_the_slots_end(2)
        last = status(booked.house.rig)
        slots = await booked.rows("books.slot")
        start = slot_start(began, QUARTER)
        assert set(slots) == {start - QUARTER, start, start + QUARTER}
        whole = [slots[start], slots[start + QUARTER]]
        assert sum(one.actual.import_kwh for one in whole) == pytest.approx(
            last["imported_kwh"] - first["imported_kwh"], abs=0.003
        )
        assert sum(one.demand_kwh for one in whole) == pytest.approx(0.5, abs=0.005)
        assert all(one.metered_share > 0.99 and one.priced_share == 1.0 for one in whole)
        demand = await booked.rows("slot.demand")
        assert demand[start] == pytest.approx(1.0, abs=0.01)
