"""The books in a house with real sockets: what is written, when, and that it is what the rig says flowed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from heg.data.door import Door, Outcome, Resolution
from heg.model.books import BillingRecord
from heg.model.instance import Location
from heg.model.plan import Block
from heg.model.policy import CUSTOMER
from heg.model.records import BooksRecord
from heg.model.slots import Profile, slot_start
from heg.model.tariff import TariffTerms
from heg.runtime.clock import Clock
from hil.desk import status
from tests.support.house import House, a_house
from tests.support.stepped import stepped

HERE = Location("demo")
QUARTER = timedelta(minutes=15)
NO_PLAN = {"planning": {"enabled": False}}
CALM = {"control": {"cycle_s": 5.0}, "modbus": {"interval_s": 5.0, "slow_interval_s": 10.0}}
"""A slow cycle where nothing hangs on the cycle: the books' own times are minutes."""
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
        found: dict[datetime, Any] = {}
        cursor: str | None = None
        while True:
            page = await self.door.history(variable, HERE, now - timedelta(days=3), now, Resolution.RAW, cursor=cursor)
            found.update({row.time: row.value for row in page.rows})
            cursor = page.next_cursor
            if cursor is None:
                return found

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
    async with a_booked_house(clock, tmp_path, sections=CALM) as booked:
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


@stepped
async def test_a_clock_that_is_set_moves_the_slots_and_loses_no_energy(clock: Clock, tmp_path: Path) -> None:
    async with a_booked_house(clock, tmp_path, sections=CALM) as booked:
        await booked.house.until(lambda: booked.house.battery.state == "confirmed")
        await booked.clock.sleep(600)
        clock.jump_utc(3 * 3600 + 100)
        await booked.clock.sleep(600)
        clock.jump_utc(-2 * 3600)
        await booked.clock.sleep(600)
        slots = (await booked.rows("books.slot")).values()
        running = booked.newest("books.today")
        assert running.demand_kwh == pytest.approx(0.5, abs=0.03)
        assert sum(one.demand_kwh for one in slots) <= running.demand_kwh


@stepped
async def test_a_unit_that_starts_again_goes_on_with_its_day(clock: Clock, tmp_path: Path) -> None:
    async with a_booked_house(clock, tmp_path, sections=CALM) as booked:
        booked.tariff()
        await booked.clock.sleep(25 * 60)
        before = booked.newest("books.today")
    await clock.sleep(5 * 60)
    async with a_booked_house(clock, tmp_path, sections=CALM) as booked:
        await booked.clock.sleep(25 * 60)
        after = booked.newest("books.today")
        slots = await booked.rows("books.slot")
    # Another rig, whose counters begin anew: the five minutes between are nobody's, and nothing falls.
    assert before.demand_kwh == pytest.approx(25 / 60, abs=0.03)
    assert after.demand_kwh == pytest.approx(50 / 60, abs=0.06)
    assert len(slots) == 3
    assert all(one.priced_share == 1.0 for one in slots.values())


@stepped
async def test_a_tariff_that_comes_late_prices_what_was_booked(clock: Clock, tmp_path: Path) -> None:
    async with a_booked_house(clock, tmp_path, sections=CALM) as booked:
        began = clock.utc()
        await booked.to_the_slots_end(2)
        assert booked.newest("books.slot").priced_share == 0.0
        assert booked.newest("books.slot").no_battery.import_kwh == pytest.approx(0.25, abs=0.01)
        booked.tariff(start=began)
        await booked.clock.sleep(70)
        slots = await booked.rows("books.slot")
        assert all(one.priced_share == 1.0 for one in slots.values())
        assert booked.newest("books.today").no_battery.energy_eur == pytest.approx(0.3 * 31 / 60, abs=0.01)


@stepped
async def test_blocks_and_peak_are_booked_and_go_on_after_a_restart(clock: Clock, tmp_path: Path) -> None:
    steps = (Block(from_kwh=0.1, eur_per_kwh=0.5),)
    terms = TariffTerms(blocks=steps, peak_eur_per_kw=4.0)

    async def a_slot_more(booked: Booked) -> tuple[BooksRecord, BillingRecord]:
        booked.tariff()
        assert booked.door.write("tariff", Location("demo", "tariff"), terms).accepted
        await booked.to_the_slots_end(2)
        found = booked.door.latest("books.billing", HERE)
        assert found is not None
        assert isinstance(found.value, BillingRecord)
        return booked.newest("books.today"), found.value

    async with a_booked_house(clock, tmp_path, sections=CALM) as booked:
        today, billing = await a_slot_more(booked)
    none_kwh = billing.energy_kwh[0].no_battery
    assert none_kwh == pytest.approx(today.no_battery.import_kwh, abs=1e-3)
    assert today.no_battery.blocks_eur == pytest.approx(0.5 * (none_kwh - 0.1), abs=1e-3)
    assert today.no_battery.peak_eur == pytest.approx(4.0 * billing.peak_kw[0].no_battery, abs=1e-2)
    assert today.no_battery.energy_eur == pytest.approx(
        0.3 * none_kwh + today.no_battery.blocks_eur + today.no_battery.peak_eur, abs=1e-3
    )
    async with a_booked_house(clock, tmp_path, sections=CALM) as booked:
        today, after = await a_slot_more(booked)
    assert after.energy_kwh[0].no_battery > none_kwh + 0.2
    assert today.no_battery.blocks_eur == pytest.approx(0.5 * (after.energy_kwh[0].no_battery - 0.1), abs=1e-3)
    assert today.no_battery.peak_eur == pytest.approx(4.0 * after.peak_kw[0].no_battery, abs=1e-2), "paid for once"


@stepped
async def test_what_the_owner_had_erased_does_not_come_back_from_memory_and_the_house_goes_on(
    clock: Clock, tmp_path: Path
) -> None:
    async with a_booked_house(clock, tmp_path, sections=CALM) as booked:
        booked.tariff()
        await booked.to_the_slots_end(2)
        devices = {one.location for one in booked.door.latest_all("device")}
        asked = await booked.door.command("command.erase", HERE, {"by": "anna"})
        assert asked.detail is not None
        word = {"by": "anna", "confirm": asked.detail["confirm"]}
        assert (await booked.door.command("command.erase", HERE, word)).outcome is Outcome.DONE
        erased = clock.utc()
        await booked.to_the_slots_end(2)
        this_slot = slot_start(erased, QUARTER)
        assert set(await booked.rows("books.slot")) == {this_slot, this_slot + QUARTER}
        assert booked.newest("books.today").demand_kwh == pytest.approx(0.5, abs=0.05)
        assert {one.location for one in booked.door.latest_all("device")} == devices
        assert booked.door.latest("lease", Location("demo", "battery")) is not None
