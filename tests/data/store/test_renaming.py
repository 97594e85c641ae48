"""A device gets another name: its whole past goes along, on disk in one transaction or not at all."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from heg.data.door import Door, Resolution
from heg.data.interface import DataInterface
from heg.data.store.disk import Disk
from heg.data.store.settings import StoreSettings
from heg.model.books import Level, OpenBooks, SpanSums
from heg.model.instance import Location
from heg.model.policy import Right, Role, Stakeholder
from heg.model.records import DeviceRecord, DeviceStatus
from heg.model.rights import PolicyBook, Rule, Scope
from heg.runtime.clock import Clock
from tests.data.store.houses import HOME, unit
from tests.support.stepped import START_UTC, run_stepped, stepped

BATTERY, AKKU = Location("home", "battery"), Location("home", "akku")
DSO = Stakeholder(Role.DSO, "north")


async def values(door: Door, place: Location, clock: Clock, resolution: Resolution = Resolution.RAW) -> list[object]:
    page = await door.history("power.active", place, START_UTC, clock.utc() + timedelta(days=1), resolution)
    return [row.value for row in page.rows]


async def measured(door: Door, clock: Clock, place: Location, *kw: float) -> None:
    for value in kw:
        door.write("power.active", place, value)
        await clock.sleep(60)


@stepped
async def test_history_is_asked_under_the_new_name(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    async with unit(clock, path) as (data, door):
        await measured(door, clock, BATTERY, 1.0, 2.0)
        data.rename_devices({"battery": "akku"})
        assert door.latest("power.active", BATTERY) is None
        newest = door.latest("power.active", AKKU)
        assert newest is not None
        assert (newest.value, newest.location) == (2.0, AKKU)
        await measured(door, clock, AKKU, 3.0)
        assert await values(door, AKKU, clock) == [1.0, 2.0, 3.0]
        assert await values(door, BATTERY, clock) == []
    async with unit(clock, path) as (_, door):
        assert await values(door, AKKU, clock) == [1.0, 2.0, 3.0]
        assert await values(door, AKKU, clock, Resolution.DAY) == [2.0]
        assert door.latest("power.active", BATTERY) is None


@stepped
async def test_two_devices_exchange_their_names(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    async with unit(clock, path) as (data, door):
        await measured(door, clock, BATTERY, 1.0)
        await measured(door, clock, AKKU, -1.0)
        data.rename_devices({"battery": "akku", "akku": "battery"})
        assert await values(door, AKKU, clock) == [1.0]
    async with unit(clock, path) as (_, door):
        assert await values(door, AKKU, clock) == [1.0]
        assert await values(door, BATTERY, clock) == [-1.0]


@stepped
async def test_a_name_that_has_a_past_of_its_own_keeps_both(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    async with unit(clock, path) as (data, door):
        await measured(door, clock, AKKU, 1.0)
        await measured(door, clock, BATTERY, 2.0)
        data.rename_devices({"battery": "akku"})
        await measured(door, clock, AKKU, 3.0)
        assert await values(door, AKKU, clock) == [1.0, 2.0, 3.0]
    async with unit(clock, path) as (_, door):
        assert await values(door, AKKU, clock) == [1.0, 2.0, 3.0]
        newest = door.latest("power.active", AKKU)
        assert newest is not None
        assert newest.value == 3.0


@stepped
async def test_rules_books_and_records_speak_of_the_same_device(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    record = DeviceRecord("battery", "ACME", "B", "1", "1", "modbus", "x", DeviceStatus.ATTACHED)
    nothing = Rule(1, DSO, scope=Scope("power.active", "battery"), rights=frozenset())
    everything = Rule(2, DSO, rights=frozenset({Right.READ}))
    async with unit(clock, path) as (data, door):
        door.write("device", BATTERY, record)
        door.write("policy", HOME, PolicyBook(1, (nothing, everything), last_number=2))
        door.write("books.open", HOME, OpenBooks(START_UTC, SpanSums(), (Level("battery", "energy.import", 7.0),)))
        await measured(door, clock, BATTERY, 1.0)
        data.rename_devices({"battery": "akku"})
        theirs = data.admit(DSO, "desk")
        assert theirs.latest_all("power.active", Location("home", "*", "*")) == (), "the narrow rule still denies"
    async with unit(clock, path) as (data, door):
        assert named(door, "device", AKKU).name == "akku"
        assert named(door, "books.open", HOME).levels[0].device == "akku"
        book = named(door, "policy", HOME)
        assert (book.version, book.rules[0].scope.device) == (2, "akku")
        assert data.admit(DSO, "desk").latest_all("power.active", Location("home", "*", "*")) == ()


@stepped
async def test_without_a_disk_the_past_in_memory_goes_along(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(Stakeholder(Role.CUSTOMER), "test")
    await measured(door, clock, BATTERY, 1.0)
    data.rename_devices({"battery": "akku"})
    assert await values(door, AKKU, clock) == [1.0]
    await data.close()


@pytest.mark.parametrize("step", range(1, 9))
def test_cut_off_at_any_statement_the_names_are_the_old_or_the_new(tmp_path: Path, step: int) -> None:
    path = tmp_path / "store.sqlite"

    async def live(clock: Clock) -> None:
        async with unit(clock, path) as (_, door):
            await measured(door, clock, BATTERY, 1.0)
            await measured(door, clock, Location("home", "battery", "phase.a"), 0.5)

    run_stepped(live)
    cut_off_at(step, path)

    async def look(clock: Clock) -> None:
        async with unit(clock, path) as (data, door):
            old, new = await values(door, BATTERY, clock), await values(door, AKKU, clock)
            assert (old, new) in (([1.0], []), ([], [1.0]))
            data.rename_devices({"battery": "akku"})  # as the next start does it
            assert await values(door, AKKU, clock) == [1.0]
            assert await values(door, Location("home", "akku", "phase.a"), clock) == [0.5]

    run_stepped(look)


def cut_off_at(step: int, path: Path) -> None:
    """Rename in a process of its own that ends before its n-th statement."""
    child = os.fork()
    if child == 0:
        left = [step]
        disk = Disk(StoreSettings(path))
        disk.open(0)
        assert disk.connection is not None

        def statement(_text: str) -> None:
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)

        disk.connection.set_trace_callback(statement)
        disk.rename([], "home", {"battery": "akku"}, 0)
        os._exit(0)
    os.waitpid(child, 0)


def named(door: Door, variable: str, place: Location) -> Any:
    found = door.latest(variable, place)
    assert found is not None
    return found.value
