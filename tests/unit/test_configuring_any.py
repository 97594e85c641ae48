"""Whatever is applied, rolled back, written by hand or spoilt, in whatever order: file, house and record agree."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heg.config.editing import edited
from heg.config.reader import load
from heg.data.door import CommandAnswer, Door, Outcome
from heg.devices.contract import Driver, DriverContext, DriverSpec
from heg.model.edits import EditError, Put
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.records import AlarmRecord, ConfigurationDraft, ConfigurationRecord
from heg.runtime.clock import Clock
from heg.runtime.notify import ServiceManager
from heg.unit.site import Site
from heg.unit.source import digest_of
from heg.unit.unit import Unit
from heg.web.listen import open_listener
from heg.web.settings import WebSettings
from tests.support.sections import Sectioned
from tests.support.stepped import stepped

HOME = Location("home")
FIRST = """# the house
[contract]  # by the letter of May
max_import_kw = 10
max_export_kw = 10

# looked after by grandmother
[site]
tilt = 30.0
"""
COMMENTS = ("# the house", "# by the letter of May", "# looked after by grandmother")


class BusSection(msgspec.Struct, frozen=True):
    """The section of the driver below."""

    speed: float = 1.0
    broken: bool = False


@dataclass
class Bus:
    """A driver that knows with which section it was built."""

    section: BusSection
    built: list[BusSection]

    async def run(self) -> None:
        self.built.append(self.section)
        if self.section.broken:
            raise ConnectionError("the cable is out")
        await asyncio.Event().wait()


class World:
    """A gateway with one driver, and its file."""

    def __init__(self, unit: Unit, file: Path, clock: Clock, built: list[BusSection], port: int) -> None:
        self.unit, self.file, self.clock, self.built, self.port = unit, file, clock, built, port
        self.door: Door = unit.data.admit(CUSTOMER, "test")

    @property
    def record(self) -> ConfigurationRecord:
        found = self.door.latest("configuration", HOME)
        assert found is not None
        assert isinstance(found.value, ConfigurationRecord)
        return found.value

    def alarm(self, part: str) -> AlarmRecord | None:
        found = self.door.latest("alarm", Location("home", "", part))
        return (
            found.value if found is not None and isinstance(found.value, AlarmRecord) and found.value.active else None
        )

    async def ask(self, what: str, **arguments: Any) -> CommandAnswer:
        return await self.door.command(f"command.configuration.{what}", HOME, arguments)

    async def apply(self, text: str) -> CommandAnswer:
        self.door.write("configuration.draft", Location("home", "", "apply"), ConfigurationDraft(text))
        return await self.ask("apply", draft="apply", digest=digest_of(text), base=self.record.version)

    def by_hand(self, text: str) -> None:
        self.file.write_text(text)
        later = self.file.stat().st_mtime_ns + 1_000_000
        os.utime(self.file, ns=(later, later))


@asynccontextmanager
async def a_world(clock: Clock, folder: Path, text: str = FIRST) -> AsyncIterator[World]:
    built: list[BusSection] = []

    def build(section: BusSection, _context: DriverContext) -> Driver:
        return Bus(section, built)

    drivers = {"bus": DriverSpec("bus", "a bus", BusSection, build)}
    path = folder / "heg.toml"
    path.write_text(text)
    with open_listener(WebSettings(port=0)) as listener:
        config = load(path, drivers)
        unit = Unit(config, clock, Site(folder, drivers, ServiceManager(None), listener=listener))
        stop = asyncio.Event()
        running = asyncio.ensure_future(unit.run(stop))
        await clock.sleep(1)
        try:
            yield World(unit, path, clock, built, listener.getsockname()[1])
        finally:
            stop.set()
            assert await running


PUTS = st.one_of(
    st.builds(lambda kw: Put(("contract", "max_import_kw"), kw), st.sampled_from([5.5, 7, 12])),
    st.builds(lambda tilt: Put(("site", "tilt"), tilt), st.sampled_from([10.0, 35.0, 95.0])),  # the last one is refused
    st.builds(lambda speed: Put(("bus", "speed"), speed), st.sampled_from([1.0, 2.0])),
    st.builds(lambda on: Put(("planning", "enabled"), on), st.just(False)),
    st.builds(lambda days: Put(("store", "retention", "raw_days"), days), st.sampled_from([7, 8])),
)
STEPS = st.one_of(
    st.tuples(st.just("apply"), PUTS),
    st.tuples(st.just("by hand"), PUTS),
    st.tuples(st.just("roll back"), st.integers(0, 6)),
    st.tuples(st.just("spoil"), st.sampled_from(["[contract\n", "nonsense = 1\n", "\x00"])),
    st.tuples(st.just("delete"), st.none()),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, min_size=1, max_size=7))
@stepped
async def test_file_house_and_record_agree(clock: Clock, steps: list[tuple[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with a_world(clock, Path(folder), FIRST + "\n[planning]\nenabled = false\n") as world:
            for what, given_ in steps:
                version = world.record.version
                await take(world, what, given_)
                assert world.record.version in (version, version + 1)
                agrees(world)


async def take(world: World, what: str, given_: Any) -> None:
    match what:
        case "apply" | "by hand":
            try:
                text = edited(world.record.toml, [given_])
            except EditError:
                return
            if what == "apply":
                await world.apply(text)
            else:
                world.by_hand(text)
                await world.clock.sleep(6)
        case "roll back":
            await world.ask("rollback", **({"version": given_} if given_ else {}))
        case "spoil":
            world.by_hand(world.record.toml + given_)
            await world.clock.sleep(6)
        case _:
            world.file.unlink(missing_ok=True)
            await world.clock.sleep(6)


def agrees(world: World) -> None:
    """The file says what is in force, unless an alarm says that it does not; what runs is what the record says."""
    record = world.record
    if world.alarm("configuration-damaged") is None:
        assert world.file.read_bytes().decode() == record.toml
    else:
        assert not world.file.exists() or world.file.read_bytes().decode() != record.toml
    assert world.unit.configuration.text == record.toml
    world.file.with_name("again.toml").write_text(record.toml)
    said = load(world.file.with_name("again.toml"), {"bus": Sectioned(BusSection)})
    contract = said.unit.contract
    assert contract is not None
    assert world.unit.control.settings.limits[0].max_kw == contract.max_import_kw
    wanted = said.drivers.get("bus")
    running = {task.get_name() for task in asyncio.all_tasks()}
    assert ("driver.bus" in running) is (wanted is not None)
    assert wanted is None or world.built[-1] == wanted
    for comment in COMMENTS:
        assert comment in record.toml
    kept = world.door.latest("configuration", Location("home", "", f"kept.{record.version:02d}"))
    assert kept is not None
    assert kept.value == record


@stepped
async def test_what_a_version_started_and_does_not_run_is_told_until_it_is_taken_back(
    clock: Clock, tmp_path: Path
) -> None:
    async with a_world(clock, tmp_path) as world:
        assert (await world.apply(FIRST + "[bus]\nbroken = true\n")).outcome is Outcome.DONE
        await clock.sleep(5)
        alarm = world.alarm("configuration-trial")
        assert alarm is not None
        assert "version 2" in alarm.text
        assert "the cable is out" in alarm.text
        assert (await world.ask("rollback")).outcome is Outcome.DONE
        assert world.alarm("configuration-trial") is None


@stepped
async def test_a_file_that_cannot_be_written_changes_nothing(clock: Clock, tmp_path: Path) -> None:
    async with a_world(clock, tmp_path) as world:
        (tmp_path / ".heg.toml.new").mkdir()  # stands in the way of the new text
        answer = await world.apply(FIRST.replace("10", "7"))
        assert answer.outcome is Outcome.REFUSED
        assert answer.refusal is not None
        assert "let the gateway's user write" in answer.refusal.mend
        assert world.record.version == 1
        (tmp_path / ".heg.toml.new").rmdir()
        agrees(world)


@stepped
async def test_no_more_versions_are_kept_than_there_is_room_for(clock: Clock, tmp_path: Path) -> None:
    async with a_world(clock, tmp_path) as world:
        for number in range(70):
            await world.apply(f"{FIRST}# {number}\n")
        kept = world.door.latest_all("configuration", Location("home", "", "*"))
        assert len(kept) == 64 + 1
        assert world.record.version == 71
        assert (await world.ask("rollback", version=7)).outcome is Outcome.REFUSED
        assert (await world.ask("rollback", version=8)).outcome is Outcome.DONE
