"""The store behind the door: what is written comes back, from memory, from disk, after a restart."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from heg.data.door import Condition, Function, Outcome, Resolution
from heg.data.interface import DataInterface
from heg.data.store.disk import DiskHealth, DiskState
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.model.instance import Location, Quality
from heg.model.policy import CUSTOMER, Grant, Policy, Role, Stakeholder
from heg.model.records import AlarmRecord, ConfigurationRecord, DeviceRecord, DeviceStatus, Severity
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming, run
from tests.data.store.houses import HOME, METER, as_after_a_power_cut, raw_values, unit
from tests.support.stepped import stepped

DSO = Stakeholder(Role.DSO, "north")


@stepped
async def test_history_is_whole_before_during_and_after_the_flush(clock: Clock, tmp_path: Path) -> None:
    async with unit(clock, tmp_path / "store.sqlite") as (_, door):
        start = clock.utc()
        for second in range(150):
            door.write("power.active", METER, second / 100)
            await clock.sleep(1)
        page = await door.history("power.active", METER, start, clock.utc())
        assert [row.value for row in page.rows] == [second / 100 for second in range(150)]
        minutes = await door.history("power.active", METER, start, clock.utc(), Resolution.MINUTE)
        assert [row.count for row in minutes.rows] == [60, 60, 30]
        assert [row.first for row in minutes.rows] == [0.0, 0.6, 1.2]
        assert [row.last for row in minutes.rows] == [0.59, 1.19, 1.49]
        assert minutes.rows[0].value == pytest.approx(0.295)


@stepped
async def test_a_restart_loses_nothing_that_was_closed_in_order(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    start = clock.utc()
    async with unit(clock, path) as (_, door):
        for second in range(100):
            door.write("power.active", METER, second / 100)
            await clock.sleep(1)
    async with unit(clock, path) as (_, door):
        for second in range(100, 200):
            door.write("power.active", METER, second / 100)
            await clock.sleep(1)
        page = await door.history("power.active", METER, start, clock.utc())
        assert [row.value for row in page.rows] == [second / 100 for second in range(200)]
        rolled = await door.history("power.active", METER, start, clock.utc(), Resolution.QUARTER)
        assert [(row.count, row.low, row.high) for row in rolled.rows] == [(200, 0.0, 1.99)]
        answer = await door.query("power.active", METER, Condition(value_min=1.0), Function.COUNT)
        assert answer.value == 100.0


@stepped
async def test_what_stays_true_comes_back_and_what_was_measured_comes_back_stale(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    device = DeviceRecord("meter", "ACME", "M1", "1", "2", "modbus", "tcp://x", DeviceStatus.ATTACHED)
    configuration = ConfigurationRecord(3, "[unit]\nname = 'home'\n")
    async with unit(clock, path) as (_, door):
        door.write("power.active", METER, 1.5, policy=Policy((Grant(DSO),)))
        door.write("device", METER, device)
        door.write("configuration", HOME, configuration)
        door.write("hands_off", HOME, "on")
    await clock.sleep(3600)
    async with unit(clock, path) as (data, door):
        power = door.latest("power.active", METER)
        assert power is not None
        assert (power.value, power.quality) == (1.5, Quality.STALE)
        assert power.age_s(clock.monotonic_s()) > 1e8
        attached = door.latest("device", METER)
        assert attached is not None
        assert (attached.value, attached.quality) == (device, Quality.STALE)
        for variable, value in (("configuration", configuration), ("hands_off", "on")):
            found = door.latest(variable, HOME)
            assert found is not None
            assert (found.value, found.quality) == (value, Quality.GOOD)
        assert data.admit(DSO, "metering").latest("power.active", METER) is not None  # the policy came back too
        door.write("power.active", METER, 2.0)
        fresh = door.latest("power.active", METER)
        assert fresh is not None
        assert (fresh.value, fresh.quality) == (2.0, Quality.GOOD)


@stepped
async def test_an_alarm_is_on_disk_before_the_flush(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    alarm = AlarmRecord(active=True, severity=Severity.ALARM, text="meter lost")
    place = Location("home", "meter", "lost")
    async with unit(clock, path) as (_, door):
        door.write("power.active", METER, 1.0)
        door.write("alarm", place, alarm)
        await clock.sleep(1)
        copy = as_after_a_power_cut(path, tmp_path)
    async with unit(clock, copy) as (_, door):
        found = door.latest("alarm", place)
        assert found is not None
        assert found.value == alarm
        page = await door.history("alarm", place, clock.utc() - timedelta(hours=1), clock.utc() + timedelta(hours=1))
        assert [row.value for row in page.rows] == [alarm]
        assert door.latest("power.active", METER) is None  # not flushed yet: younger than the interval


@stepped
async def test_history_is_paged_by_cursor_without_loss_or_repetition(clock: Clock, tmp_path: Path) -> None:
    async with unit(clock, tmp_path / "store.sqlite", flush_s=10.0) as (_, door):
        start = clock.utc()
        for second in range(95):
            door.write("power.active", METER, second / 100)
            door.write("power.active", METER, second / 100 + 0.001)  # the same label twice
            await clock.sleep(1)
        for resolution, size in ((Resolution.RAW, 190), (Resolution.MINUTE, 2)):
            seen: list[object] = []
            cursor = None
            while True:
                page = await door.history(
                    "power.active", METER, start, clock.utc(), resolution, cursor=cursor, limit=7 if size > 7 else 1
                )
                seen += [(row.time, row.value) for row in page.rows]
                if (cursor := page.next_cursor) is None:
                    break
            assert len(seen) == len(set(seen)) == size
        bad = await door.history("power.active", METER, start, clock.utc(), cursor="AAAA")
        assert bad.refusal is not None


@stepped
async def test_late_rows_recompute_their_roll_ups(clock: Clock, tmp_path: Path) -> None:
    async with unit(clock, tmp_path / "store.sqlite") as (_, door):
        start = clock.utc()
        door.write("power.active", METER, 1.0)
        await clock.sleep(3 * 3600)
        door.write("power.active", METER, 2.0)
        await clock.sleep(61)
        for minute in (5, 20):
            door.write("power.active", METER, 7.0, time=start + timedelta(minutes=minute))
        for moment in ("waiting", "flushed"):
            hours = await door.history("power.active", METER, start, clock.utc(), Resolution.HOUR)
            assert [(row.count, row.high) for row in hours.rows] == [(3, 7.0), (1, 2.0)], moment
            quarters = await door.history("power.active", METER, start, clock.utc(), Resolution.QUARTER)
            assert [(row.count, row.last) for row in quarters.rows] == [(2, 7.0), (1, 7.0), (1, 2.0)], moment
            await clock.sleep(61)


@stepped
async def test_following_the_store_misses_nothing(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    cursor: str | None = None
    seen: list[object] = []
    written: list[object] = []
    for turn in range(3):
        async with unit(clock, path, flush_s=10.0) as (data, door):
            for second in range(35):
                value = round(turn + second / 100, 2)
                door.write("power.active", METER, value)
                written.append(value)
                await clock.sleep(1)
                page = await data.follow(cursor, 4)
                assert not page.gap
                cursor = page.cursor
                seen += [instance.value for instance in page.instances]
    async with unit(clock, path) as (data, _):
        while (page := await data.follow(cursor, 4)).instances:
            cursor = page.cursor
            seen += [instance.value for instance in page.instances]
    assert seen == written


@stepped
async def test_a_backup_is_a_whole_store_of_its_own(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    async with unit(clock, path) as (_, door):
        door.write("power.active", METER, 1.0)
        answer = await door.command("command.backup", HOME, {})
        assert answer.outcome is Outcome.DONE
        door.write("power.active", METER, 2.0)
    async with unit(clock, Path(f"{path}.backup")) as (_, door):
        assert await raw_values(clock, door) == [1.0]


def test_a_disk_that_hangs_holds_up_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"

    async def main(clock: Clock) -> None:
        store = SqliteStore(clock, StoreSettings(path))
        data = DataInterface(clock, "home", store)
        door = data.admit(CUSTOMER, "test")
        hanging = threading.Event()
        stuck = store._executor.submit(hanging.wait)
        await data.open(within_s=0.05)
        running = asyncio.create_task(data.run())
        assert door.write("power.active", METER, 1.0).accepted
        assert door.latest("power.active", METER) is not None
        hanging.set()
        assert stuck.result(timeout=10)
        await store.flush()
        assert data.store_health() == DiskHealth(DiskState.GOOD)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await data.close()

    run(main, timing=RealTiming())
