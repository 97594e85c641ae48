"""A device of a running house gets another name: nobody loses hold of it, and nothing of it is forgotten."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path

from heg.model.instance import Location
from heg.model.records import BooksRecord
from heg.runtime.clock import Clock
from tests.support.stepped import stepped
from tests.unit.test_configuring import Owner, an_owner, exchanged, tasks, write


async def minutes_of(owner: Owner, device: str) -> int:
    end = owner.clock.utc()
    query = f"variable=power.active&device={device}&from={end:%Y-%m-%dT00:00:00Z}&resolution=1min"
    return len((await owner.house.view.get(f"/api/v1/history?{query}"))["rows"])


@stepped
async def test_a_name_changed_by_hand_takes_its_history_along(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        await clock.sleep(180)
        before, known = tasks(), await minutes_of(owner, "battery")
        write(owner.file, owner.file.read_text().replace("[device.battery]", "[device.akku]"))
        await owner.house.until(lambda: owner.house.actuator("akku").state == "confirmed", within_s=20)
        assert exchanged(before) <= {"automation", "vehicle", "accounting", "planning"}
        assert set(owner.house.state["devices"]) == {"meter", "pv", "akku"}
        assert await minutes_of(owner, "akku") >= known >= 3
        assert await minutes_of(owner, "battery") == 0
        assert not owner.house.alarms
        assert owner.in_force.changes[0].startswith("[device.battery] serial")
        await clock.sleep(120)
    async with an_owner_of_the_same(clock, tmp_path, "akku") as owner:
        assert await minutes_of(owner, "akku") >= known + 1


@stepped
async def test_a_name_changed_while_the_gateway_is_down_takes_its_history_along(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        await clock.sleep(180)
        known = await minutes_of(owner, "battery")
    async with an_owner_of_the_same(clock, tmp_path, "akku") as owner:
        await owner.house.until(lambda: owner.house.actuator("akku").state == "confirmed")
        assert await minutes_of(owner, "akku") >= known
        assert await minutes_of(owner, "battery") == 0
        assert set(owner.house.state["devices"]) == {"meter", "pv", "akku"}


@stepped
async def test_the_books_go_on_without_a_gap(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        await clock.sleep(1000)
        write(owner.file, owner.file.read_text().replace("[device.battery]", "[device.akku]"))
        await clock.sleep(1800)
        end = clock.utc()
        page = await owner.door.history("books.slot", Location("demo"), end - timedelta(hours=1), end)
        slots = [row.value for row in page.rows if isinstance(row.value, BooksRecord)][1:]
        assert len(slots) >= 2
        assert all(slot.metered_share > 0.9 for slot in slots), "the service begins anew once"
        assert all(abs(slot.demand_kwh - 0.25) < 0.005 for slot in slots), "by the counters nothing is missing"
        assert all(abs(slot.discharged_kwh - 0.25) < 0.005 for slot in slots)


def an_owner_of_the_same(clock: Clock, folder: Path, name: str) -> AbstractAsyncContextManager[Owner]:
    known = {"serial": "RIG-BATTERY-1", "role": "storage", "volatile": True}
    return an_owner(clock, folder, battery=name, device={"battery": False, name: known})
