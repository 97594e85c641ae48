"""What storage must stand (spec data-interface.md): damage, a full disk, jumps of the clock. Control goes on."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from heg.data.door import Resolution
from heg.data.keeping import DISK_FAULTY, DISK_FULL, ROWS_LOST, STORE_CORRUPT
from heg.data.store.files import files_aside
from heg.data.store.settings import Retention
from heg.data.store.upkeep import RetentionClock, used_bytes
from heg.model.instance import Location
from heg.model.leases import Reason, ReasonCode
from heg.model.records import AlarmRecord, EvidenceRecord
from heg.runtime.clock import Clock
from tests.data.store.houses import HOME, METER, alarms, raw_values, unit
from tests.support.stepped import START_UTC, stepped


async def a_past(clock: Clock, path: Path, seconds: int = 130) -> None:
    async with unit(clock, path, flush_s=10.0) as (_, door):
        for second in range(seconds):
            door.write("power.active", METER, second / 1000)
            await clock.sleep(1)


@stepped
async def test_a_file_that_is_no_store_is_put_aside_and_a_new_one_begun(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    async with unit(clock, path) as (_, door):
        await clock.sleep(1)
        door.write("power.active", METER, 1.0)
        reading = door.latest("power.active", METER)
        assert reading is not None
        alarm = alarms(door)[STORE_CORRUPT]
        (aside,) = files_aside(path)
        assert aside.name in alarm.text
        await clock.sleep(61)
        assert await raw_values(clock, door) == [1.0]
    assert aside.read_bytes().startswith(b"this is no database")


@pytest.mark.parametrize("where", [0.2, 0.5, 0.8])
@stepped
async def test_damage_in_the_middle_is_found_and_put_aside(clock: Clock, tmp_path: Path, where: float) -> None:
    path = tmp_path / "store.sqlite"
    await a_past(clock, path)
    content = bytearray(path.read_bytes())
    at = int(len(content) * where) // 1024 * 1024
    content[at : at + 2048] = b"\xa5" * 2048
    path.write_bytes(content)
    async with unit(clock, path) as (_, door):
        for second in range(70):
            assert door.write("power.active", METER, second / 1000).accepted
            await clock.sleep(1)
        # Either SQLite notices (put aside) or only bodies were hit (left out, counted): no crash, no silence.
        values = await raw_values(clock, door)
        assert values[-70:] == [second / 1000 for second in range(70)]


@stepped
async def test_a_second_program_on_the_file_or_a_folder_in_its_place_stops_nothing(
    clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "store.sqlite"
    path.mkdir()
    async with unit(clock, path, flush_s=10.0) as (_, door):
        for second in range(30):
            door.write("power.active", METER, second / 1000)
            await clock.sleep(1)
        assert DISK_FAULTY in alarms(door)
        path.rmdir()
        await clock.sleep(11)
        assert alarms(door) == {}
        assert await raw_values(clock, door) == [second / 1000 for second in range(30)]


@stepped
async def test_a_damaged_frame_is_left_out_and_counted(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    await a_past(clock, path)
    with sqlite3.connect(path) as file:
        file.execute("UPDATE frame SET body = x'0102030405' WHERE id = 3")
        file.execute("UPDATE rollup SET body = x'00' WHERE id = (SELECT min(id) FROM rollup)")
    file.close()
    async with unit(clock, path) as (data, door):
        assert len(await raw_values(clock, door)) == 120
        await door.history("power.active", METER, START_UTC, clock.utc(), Resolution.MINUTE)
        await clock.sleep(61)
        health = data.store_health()
        assert health is not None
        assert health.damaged >= 2


@stepped
async def test_a_full_disk_costs_the_oldest_raw_values_and_never_control(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    reason = Reason(ReasonCode.ENVELOPE, "limit of the contract")
    async with unit(clock, path, flush_s=10.0, max_file_bytes=64 * 1024, upkeep_every_s=1e9) as (_, door):
        door.write("evidence", HOME, EvidenceRecord("first", reason, 1.0))
        for second in range(6000):
            # Noise that cannot be compressed away.
            assert door.write("power.active", METER, (second * 7919 % 100_003) / 1000).accepted
            await clock.sleep(1)
        assert path.stat().st_size <= 64 * 1024
        values = await raw_values(clock, door)
        assert 500 < len(values) < 6000
        newest = [(second * 7919 % 100_003) / 1000 for second in range(6000)]
        assert values == newest[-len(values) :]
        assert ROWS_LOST not in alarms(door)
        evidence = await raw_values(clock, door, "evidence", HOME)
        assert [getattr(record, "what", None) for record in evidence] == ["first"]


@stepped
async def test_a_disk_that_takes_nothing_keeps_a_bounded_tail_and_heals(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    async with unit(clock, path, flush_s=10.0, max_pending_bytes=4000) as (_, door):
        door.write("power.active", METER, 1.0)
        await clock.sleep(11)
        with sqlite3.connect(path) as file:  # as a disk on which not even the oldest can be taken out
            file.execute("CREATE TRIGGER refuse BEFORE INSERT ON frame BEGIN SELECT raise(ABORT, 'no'); END")
        file.close()
        written = [(second * 7919 % 100_003) / 1000 for second in range(3000)]
        for value in written:
            assert door.write("power.active", METER, value).accepted
            await clock.sleep(1)
        assert alarms(door).keys() == {DISK_FAULTY, ROWS_LOST}
        waiting = (await raw_values(clock, door))[1:]
        assert 100 < len(waiting) < 3000
        assert waiting == written[-len(waiting) :]
        with sqlite3.connect(path) as file:
            file.execute("DROP TRIGGER refuse")
        file.close()
        await clock.sleep(21)
        assert DISK_FAULTY not in alarms(door)
        assert (await raw_values(clock, door))[1:][-100:] == written[-100:]


@stepped
async def test_jumps_of_the_clock_neither_lose_nor_reorder(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    written: list[object] = []
    async with unit(clock, path, flush_s=10.0) as (data, door):
        for jump_s in (0, 86400 * 400, -86400 * 500, 86400 * 100 + 3):
            clock.jump_utc(jump_s)
            for number in range(25):
                value = len(written) / 1000
                door.write("power.active", METER, value)
                written.append(value)
                newest = door.latest("power.active", METER)
                assert newest is not None
                assert newest.value == value
                await clock.sleep(1 + number % 2)
        await clock.sleep(7300)  # upkeep has come by, and has deleted nothing
        page = await data.follow(None, 1000)
        assert [i.value for i in page.instances if i.variable == "power.active"] == written
        assert sorted(map(str, await raw_values(clock, door))) == sorted(map(str, written))


@stepped
async def test_retention_takes_raw_values_first_and_leaves_roll_ups_and_evidence(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    reason = Reason(ReasonCode.ENVELOPE, "limit of the contract")
    keep = Retention(raw=timedelta(hours=2), minute=timedelta(hours=6), quarter=timedelta(hours=12))
    async with unit(clock, path, retention=keep, upkeep_every_s=600.0) as (data, door):
        first = await data.follow(None, 1)
        door.write("evidence", HOME, EvidenceRecord("early", reason, 1.0))
        for number in range(24 * 60):
            door.write("power.active", METER, number / 1000)
            await clock.sleep(60)
        start, end = START_UTC, clock.utc()
        counts = {}
        for resolution in Resolution:
            page = await door.history("power.active", METER, start, end, resolution, limit=10_000)
            counts[resolution] = sum(row.count for row in page.rows)
        assert 120 <= counts[Resolution.RAW] <= 135
        assert 360 <= counts[Resolution.MINUTE] <= 375
        assert 720 <= counts[Resolution.QUARTER] <= 750
        assert counts[Resolution.HOUR] == counts[Resolution.DAY] == 1440
        assert len(await raw_values(clock, door, "evidence", HOME)) == 1
        behind = await data.follow(first.cursor, 10_000)
        assert behind.gap  # whoever follows is told that raw values expired unread


@stepped
async def test_the_file_stays_below_its_bound(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    limit = 300 * 1024
    async with unit(clock, path, flush_s=10.0, max_file_bytes=limit, upkeep_every_s=60.0) as (_, door):
        for second in range(12_000):
            for part in ("a", "b", "c"):
                door.write("voltage", Location("home", "meter", f"phase.{part}"), (second * 7919 % 100_003) / 100)
            await clock.sleep(1)
            if second % 1000 == 999:
                assert path.stat().st_size <= limit
        assert DISK_FULL not in alarms(door)
    with sqlite3.connect(path) as file:
        assert used_bytes(file) <= 0.95 * limit
    file.close()


def test_retention_does_not_believe_a_leap_at_once() -> None:
    hour_ms, day_s = 3_600_000, 86_400.0
    clock = RetentionClock(1_000 * hour_ms, 0.0)
    assert clock.now_ms(1_001 * hour_ms, 3600.0) == 1_001 * hour_ms
    assert clock.now_ms(90_000 * hour_ms, 7200.0) == 1_002 * hour_ms  # a year that is not ours
    assert clock.now_ms(1_003 * hour_ms, 10_800.0) == 1_003 * hour_ms  # NTP has mended it
    assert clock.now_ms(90_000 * hour_ms, 14_400.0) == 1_004 * hour_ms
    assert clock.now_ms(90_024 * hour_ms, 14_400.0 + day_s) == 90_024 * hour_ms  # it has lasted: it is true
    assert clock.now_ms(80_000 * hour_ms, 14_400.0 + day_s + 1) == 80_000 * hour_ms


@stepped
async def test_alarms_of_the_store_are_records_like_any_other(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"x" * 4096)
    async with unit(clock, path) as (_, door):
        await clock.sleep(1)
        page = await door.history(
            "alarm", Location("home", "store", STORE_CORRUPT), START_UTC, START_UTC + timedelta(days=1)
        )
        assert [type(row.value) for row in page.rows] == [AlarmRecord]
