"""Data outlives versions: files of every released version open; a newer file is set aside, not destroyed."""

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from heg.data.keeping import STORE_CORRUPT
from heg.data.store.files import files_aside
from heg.data.store.schema import CURRENT, Schema
from heg.model.instance import Quality
from heg.model.records import ConfigurationRecord
from heg.runtime.clock import Clock
from tests.data.store.houses import HOME, METER, alarms, raw_values, unit
from tests.support.stepped import stepped

VERSIONS = Path(__file__).parent / "versions"


def add_note(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE note (text TEXT NOT NULL) STRICT")


def fail(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE boot ADD COLUMN half TEXT")
    raise sqlite3.OperationalError("interrupted")


NEXT = Schema(CURRENT.version + 1, CURRENT.create, {**CURRENT.steps, CURRENT.version: add_note})


def as_file(version: int, path: Path) -> None:
    """A store as that version left it, from its fixture in SQL."""
    store = sqlite3.connect(path)
    store.executescript((VERSIONS / f"v{version}.sql").read_text())
    store.close()


def test_every_version_has_its_fixture() -> None:
    assert [path.stem for path in sorted(VERSIONS.glob("v*.sql"))] == [f"v{n + 1}" for n in range(CURRENT.version)]


@pytest.mark.parametrize("version", range(1, CURRENT.version + 1))
@stepped
async def test_a_store_of_every_released_version_opens_whole(clock: Clock, tmp_path: Path, version: int) -> None:
    path = tmp_path / "store.sqlite"
    as_file(version, path)
    async with unit(clock, path) as (data, door):
        assert await raw_values(clock, door) == [n / 100 for n in range(90)]
        configuration = door.latest("configuration", HOME)
        assert configuration is not None
        assert configuration.value == ConfigurationRecord(1, "[unit]\nid = 'home'\n")
        power = door.latest("power.active", METER)
        assert power is not None
        assert (power.value, power.quality) == (0.89, Quality.STALE)
        assert len((await data.follow(None, 1000)).instances) == 91
        await clock.sleep(1)
        assert alarms(door) == {}


@stepped
async def test_an_upgrade_copies_first_and_a_rollback_finds_the_copy(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    as_file(1, path)
    async with unit(clock, path, NEXT) as (_, door):
        door.write("power.active", METER, 7.0)
        assert len(await raw_values(clock, door)) == 91
    assert (tmp_path / "store.sqlite.v1").exists()
    async with unit(clock, path) as (_, door):  # the older program again
        assert len(await raw_values(clock, door)) == 90
        await clock.sleep(1)
        assert "newer version" in alarms(door)[STORE_CORRUPT].text
    newer = sqlite3.connect(tmp_path / "store.sqlite.v2")
    assert newer.execute("PRAGMA user_version").fetchone() == (2,)
    newer.close()


@stepped
async def test_a_migration_that_fails_changes_nothing(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    as_file(1, path)
    async with unit(clock, path, replace(NEXT, steps={1: fail})) as (_, door):
        await clock.sleep(1)
        assert "disk-faulty" in alarms(door)
        assert door.write("power.active", METER, 1.0).accepted
    async with unit(clock, path) as (_, door):
        assert len(await raw_values(clock, door)) == 90


@stepped
async def test_a_copy_stands_for_itself(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    as_file(1, path)
    async with unit(clock, path, NEXT):
        pass
    shutil.copy(tmp_path / "store.sqlite.v1", tmp_path / "other.sqlite")
    async with unit(clock, tmp_path / "other.sqlite") as (_, door):
        assert len(await raw_values(clock, door)) == 90


@pytest.mark.parametrize("version", [0, -5])
@stepped
async def test_a_version_that_never_was_is_damage(clock: Clock, tmp_path: Path, version: int) -> None:
    path = tmp_path / "store.sqlite"
    as_file(1, path)
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA user_version = {version}")
    other.close()
    async with unit(clock, path) as (_, door):
        door.write("power.active", METER, 7.0)
        await clock.sleep(1)
        assert f"tables of version {version}" in alarms(door)[STORE_CORRUPT].text
        assert await raw_values(clock, door) == [7.0]
    assert len(files_aside(path)) == 1
