"""The configuration of a running house is changed, by command and by hand: what it does not touch does not notice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from heg.config.editing import edited
from heg.data.door import CommandAnswer, Door, Function, Outcome
from heg.model.edits import Put
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.records import AlarmRecord, ConfigurationDraft, ConfigurationRecord
from heg.model.refusals import RefusalCode
from heg.runtime.clock import Clock
from heg.unit.source import digest_of
from tests.support.house import House, a_house
from tests.support.stepped import stepped

DEMO = Location("demo")


class Owner:
    """A person at the gateway's door, with the file in reach."""

    def __init__(self, house: House, folder: Path, clock: Clock) -> None:
        self.house, self.file, self.clock = house, folder / "heg.toml", clock
        self.door: Door = house.data.admit(CUSTOMER, "test")

    @property
    def in_force(self) -> ConfigurationRecord:
        found = self.door.latest("configuration", DEMO)
        assert found is not None
        assert isinstance(found.value, ConfigurationRecord)
        return found.value

    async def ask(self, what: str, text: str | None = None, **more: Any) -> CommandAnswer:
        arguments = dict(more)
        if text is not None:
            self.door.write("configuration.draft", Location("demo", "", what), ConfigurationDraft(text))
            arguments |= {"draft": what, "digest": digest_of(text)}
        return await self.door.command(f"command.configuration.{what}", DEMO, arguments)

    async def apply(self, *puts: Put, **more: Any) -> CommandAnswer:
        base = self.in_force
        return await self.ask("apply", edited(base.toml, puts), **{"base": base.version, **more})

    def alarm(self, part: str) -> AlarmRecord | None:
        found = self.door.latest("alarm", Location("demo", "", part))
        return (
            found.value if found is not None and isinstance(found.value, AlarmRecord) and found.value.active else None
        )

    async def cycles(self) -> float:
        answer = await self.door.query("self.cycle_time", DEMO, function=Function.COUNT)
        assert isinstance(answer.value, float)
        return answer.value


@asynccontextmanager
async def an_owner(clock: Clock, folder: Path, battery: str = "battery", **sections: Any) -> AsyncIterator[Owner]:
    async with a_house(clock, folder, sections=sections) as house:
        await house.until(lambda: house.actuator(battery).state == "confirmed")
        owner = Owner(house, folder, clock)
        yield owner
        assert owner.file.read_text() == owner.in_force.toml or owner.alarm("configuration-damaged")


def tasks() -> dict[str, asyncio.Task[Any]]:
    return {task.get_name(): task for task in asyncio.all_tasks() if not task.get_name().startswith("Task-")}


def exchanged(before: dict[str, asyncio.Task[Any]]) -> set[str]:
    """Names of tasks that are not the same as they were."""
    now = tasks()
    return {name for name in {*before, *now} if before.get(name) is not now.get(name)}


@stepped
async def test_a_tariff_is_added_while_the_house_is_controlled(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        before, cycles, start_s = tasks(), await owner.cycles(), clock.monotonic_s()
        answer = await owner.apply(Put(("feeds", "tariff", "template"), "two-band"), message="a tariff", by="anna")
        assert answer.outcome is Outcome.DONE, answer
        await owner.house.until(lambda: "tariff" in owner.house.state["devices"])
        assert exchanged(before) == {"driver.feeds"}
        assert owner.house.battery.state == "confirmed"
        await owner.house.after(seconds=30)
        assert await owner.cycles() - cycles >= clock.monotonic_s() - start_s - 1
        record = owner.in_force
        assert (record.version, record.how, record.who, record.why) == (2, "applied", "anna", "a tariff")
        assert record.changes == ('[feeds.tariff] template = "two-band" is new',)


@stepped
async def test_a_driver_that_restarts_gives_its_devices_back_first(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        before = tasks()
        answer = await owner.apply(Put(("modbus", "slow_interval_s"), 7.0))
        assert owner.house.rig.battery.shown("704.WSetEna") == 0, "given back by the driver that ended"
        assert answer.detail is not None
        assert answer.detail["effects"]["restarts"] == ["driver.modbus"]  # type: ignore[index]
        await owner.house.until(lambda: owner.house.battery.state == "confirmed")
        others = {name for name in exchanged(before) if not name.startswith(("hand.", "modbus "))}
        assert others == {"driver.modbus"}
        assert not owner.house.alarms


@stepped
async def test_what_the_owner_says_of_a_device_restarts_only_who_may_have_it(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path, feeds={"tariff": {"template": "two-band"}}) as owner:
        named = await owner.ask("check", edited(owner.in_force.toml, [Put(("device", "boiler", "serial"), "B-7")]))
        assert effects(named)["restarts"] == [], "a name for what is not there yet"
        figures = [Put(("device", "boiler", "serial"), "B-7"), Put(("device", "boiler", "role"), "storage")]
        unknown = await owner.ask("check", edited(owner.in_force.toml, figures))
        assert effects(unknown)["restarts"] == ["driver.modbus"]
        battery = ("device", "battery")
        matters = [Put((*battery, "importance"), "optional"), Put((*battery, "min_on_minutes"), 5)]
        assert effects(await owner.ask("check", edited(owner.in_force.toml, matters)))["restarts"] == []
        reserve = [Put(("device", "battery", "reserve_share"), 0.2)]
        assert effects(await owner.ask("check", edited(owner.in_force.toml, reserve)))["restarts"] == ["driver.modbus"]


def effects(answer: CommandAnswer) -> dict[str, Any]:
    assert answer.detail is not None
    said = answer.detail["effects"]
    assert isinstance(said, dict)
    return said


@stepped
async def test_the_supply_contract_changes_without_a_restart(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        before = tasks()
        answer = await owner.apply(Put(("contract", "max_import_kw"), 5.5))
        assert "control changes while it runs" in answer.text
        await owner.house.after(seconds=3)
        assert owner.house.state["envelope"]["max_kw"] == 5.5
        assert not exchanged(before)


@stepped
async def test_what_waits_for_the_next_start_is_said_to(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        before = tasks()
        wishes = (Put(("control", "cycle_s"), 2.0), Put(("store", "flush_s"), 30.0), Put(("unit", "id"), "casa"))
        answer = await owner.apply(*wishes)
        assert answer.detail is not None
        said = answer.detail["effects"]
        assert said["at_next_start"] == ["[unit] id", "[control] cycle_s", "[store] flush_s"]  # type: ignore[index]
        assert not exchanged(before)
        assert owner.in_force.version == 2


@stepped
async def test_all_faults_are_named_and_nothing_is_changed(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        text, before = owner.file.read_text(), tasks()
        for what in ("check", "apply"):
            wrong = (
                text + "[site]\ntilt = 95.0\nlatitude = 45.0\n[feeds.market]\nservice = 'entso-e'\ntoken = 'hunter2'\n"
            )
            answer = await owner.ask(what, wrong, base=1)
            assert answer.outcome is Outcome.REFUSED
            assert answer.detail is not None
            faults = answer.detail["faults"]
            assert {one["where"] for one in faults} >= {"[site] tilt", "[feeds.market] token"}  # type: ignore[attr-defined]
            assert "hunter2" not in str(answer)
        assert (owner.file.read_text(), owner.in_force.version) == (text, 1)
        assert not exchanged(before)


@stepped
async def test_a_change_of_an_older_version_is_told_what_changed_meanwhile(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        await owner.apply(Put(("contract", "max_import_kw"), 5.5))
        answer = await owner.apply(Put(("contract", "max_import_kw"), 6.5), base=1)
        assert answer.refusal is not None
        assert answer.refusal.code is RefusalCode.CONFLICT
        assert answer.detail == {"version": 2, "changes": ["[contract] max_import_kw = 5.5, was 17.0"]}


@stepped
async def test_a_command_means_the_text_that_it_was_sent_with(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        others = ConfigurationDraft("# somebody else's")
        owner.door.write("configuration.draft", Location("demo", "", "apply"), others)
        answer = await owner.ask("apply", draft="apply", digest=digest_of("mine"), base=1)
        assert answer.refusal is not None
        assert answer.refusal.code is RefusalCode.CONFLICT


@stepped
async def test_one_command_takes_the_last_change_back(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        first = owner.file.read_text()
        await owner.apply(Put(("contract", "max_import_kw"), 5.5))
        answer = await owner.ask("rollback", by="anna")
        assert answer.outcome is Outcome.DONE
        assert owner.file.read_text() == first == owner.in_force.toml
        record = owner.in_force
        assert (record.version, record.how, record.why) == (3, "rolled back", "back to version 1")
        assert (await owner.ask("rollback", version=99)).outcome is Outcome.REFUSED
        assert (await owner.ask("rollback", version=2)).outcome is Outcome.DONE
        assert "max_import_kw = 5.5" in owner.file.read_text()


@stepped
async def test_a_change_by_hand_is_noticed_and_recorded(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        write(owner.file, owner.file.read_text().replace("max_import_kw = 17.0", "max_import_kw = 4.5 # by hand"))
        await owner.house.until(lambda: owner.house.state["envelope"]["max_kw"] == 4.5, within_s=10)
        assert (owner.in_force.version, owner.in_force.how) == (2, "by hand")


@stepped
async def test_a_faulty_change_by_hand_is_an_alarm_and_can_be_taken_back(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        good = owner.file.read_text()
        write(owner.file, good.replace("max_import_kw = 17.0", "max_import_kw = -1"))
        await clock.sleep(10)
        alarm = owner.alarm("configuration-damaged")
        assert alarm is not None
        assert "max_import_kw" in alarm.text
        refused = await owner.apply(Put(("contract", "max_export_kw"), 3.0))
        assert refused.refusal is not None
        assert "rollback" in refused.refusal.mend
        assert (await owner.ask("rollback")).outcome is Outcome.DONE
        assert owner.file.read_text() == good
        assert owner.alarm("configuration-damaged") is None
        assert owner.in_force.version == 1, "nothing else had been in force"
        owner.file.unlink()
        await clock.sleep(10)
        assert owner.alarm("configuration-damaged") is not None
        assert (await owner.ask("rollback")).outcome is Outcome.DONE


@stepped
async def test_reload_looks_at_once_and_names_the_faults(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        good = owner.file.read_text()
        write(owner.file, good + "[sight]\n")
        answer = await owner.ask("reload")
        assert "did you mean 'site'" in answer.text
        write(owner.file, good + "# a word\n")
        assert (await owner.ask("reload")).outcome is Outcome.DONE
        assert owner.in_force.version == 2


@stepped
async def test_the_page_restarts_after_it_has_answered(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        before = tasks()
        answer = await owner.apply(Put(("unit", "time_zone"), "Europe/Rome"))
        assert answer.outcome is Outcome.DONE
        assert before["web"] is tasks()["web"]
        await clock.sleep(3)
        assert before["web"] is not tasks()["web"]
        await owner.house.until(lambda: owner.house.battery.state == "confirmed")


@stepped
async def test_what_a_version_started_and_does_not_run_is_told_by_version(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        section = {"service": "open-meteo", "latitude": 45.0, "longitude": 9.0, "url": "http://127.0.0.1:1"}
        await owner.apply(*(Put(("feeds", "weather", key), value) for key, value in section.items()))
        await clock.sleep(5)
        assert owner.alarm("configuration-trial") is None, "a service that does not answer is no fault of its task"


@stepped
async def test_versions_outlive_a_restart(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        await owner.apply(Put(("contract", "max_import_kw"), 5.5))
    async with an_owner(clock, tmp_path) as owner:  # the house writes its file anew: that is a change by hand
        assert (owner.in_force.version, owner.in_force.how) == (3, "start")
        assert (await owner.ask("rollback", version=2)).outcome is Outcome.DONE
        assert "max_import_kw = 5.5" in owner.file.read_text()


@stepped
async def test_a_change_is_made_to_its_end_whoever_stops_waiting(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        base = owner.in_force
        text = edited(base.toml, [Put(("modbus", "slow_interval_s"), 7.0)])
        owner.door.write("configuration.draft", Location("demo", "", "apply"), ConfigurationDraft(text))
        wish = {"draft": "apply", "digest": digest_of(text), "base": base.version}
        owner.house.rig.battery.slows_down(0.5)  # giving it back takes longer than the asker's patience
        answer = await owner.door.command("command.configuration.apply", DEMO, wish, timeout_s=0.2)
        assert answer.refusal is not None
        assert answer.refusal.code is RefusalCode.TIMEOUT
        await clock.sleep(10)
        assert owner.in_force.version == 2
        await owner.house.until(lambda: owner.house.battery.state == "confirmed")


@stepped
async def test_the_unit_ends_in_order_in_the_middle_of_a_change(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path) as house:
        await house.until(lambda: house.battery.state == "confirmed")
        owner = Owner(house, tmp_path, clock)
        house.rig.battery.slows_down(0.5)
        asking = asyncio.ensure_future(owner.apply(Put(("modbus", "slow_interval_s"), 7.0)))
        await clock.sleep(0.2)
        assert not asking.done()
    assert (await asking).outcome is Outcome.DONE
    assert house.rig.battery.shown("704.WSetEna") == 0


def write(file: Path, text: str) -> None:
    """As an editor does it: the file's own time moves, whatever the house's clock does."""
    file.write_text(text)
    os.utime(file, ns=(file.stat().st_mtime_ns + 1, file.stat().st_mtime_ns + 1))


@stepped
async def test_what_is_the_owners_to_say_is_spared(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        before, spared = owner.file.read_text(), "[web];[unit] state_dir"
        said = await owner.apply(Put(("web", "port"), 9000), sparing=spared)
        assert said.refusal is not None
        assert said.refusal.code is RefusalCode.NOT_GRANTED
        assert "[web] port" in said.refusal.came
        assert owner.file.read_text() == before
        said = await owner.apply(Put(("contract", "max_import_kw"), 5.5), sparing=spared)
        assert said.outcome is Outcome.DONE
        assert (await owner.ask("rollback", sparing="[contract]")).outcome is Outcome.REFUSED
        assert (await owner.ask("rollback", sparing=spared)).outcome is Outcome.DONE
