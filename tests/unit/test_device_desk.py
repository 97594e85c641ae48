"""Devices of a running house are tested, named, taken out and brought back by command; the file says it each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heg.data.door import CommandAnswer, Outcome
from heg.model.instance import Location
from heg.runtime.clock import Clock
from tests.support.stepped import stepped
from tests.unit.test_configuring import Owner, an_owner
from tests.unit.test_renaming import minutes_of


async def ask(owner: Owner, what: str, device: str = "", **arguments: Any) -> CommandAnswer:
    return await owner.door.command(f"command.device.{what}", Location("demo", device), arguments, timeout_s=120.0)


@stepped
async def test_a_device_is_tested(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        good = await ask(owner, "test", "battery")
        assert good.outcome is Outcome.DONE
        assert good.detail is not None
        assert "power.active" in good.detail["values"]  # type: ignore[operator]
        assert float(str(good.detail["took_s"])) < 3.0
        owner.house.rig.battery.stops_answering()
        bad = await ask(owner, "test", "battery")
        assert bad.outcome is Outcome.REFUSED
        assert bad.refusal is not None
        assert "lost" in bad.refusal.came
        assert (await ask(owner, "test", "boiler")).outcome is Outcome.REFUSED


@stepped
async def test_a_device_is_named_and_its_history_goes_along(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        await clock.sleep(130)
        answer = await ask(owner, "rename", "battery", name="akku", by="anna")
        assert answer.outcome is Outcome.DONE, answer
        assert "battery is called akku" in answer.text
        assert "[device.akku]" in owner.file.read_text()
        assert owner.in_force.who == "anna"
        await owner.house.until(lambda: owner.house.actuator("akku").state == "confirmed")
        assert await minutes_of(owner, "akku") >= 2
        for name, why in (("meter", "no other device"), ("Akku", "small letters"), ("akku", "no other device")):
            refused = await ask(owner, "rename", "akku", name=name)
            assert refused.outcome is Outcome.REFUSED
            assert why in refused.text


@stepped
async def test_what_its_owner_says_of_a_device_goes_along_with_its_name(clock: Clock, tmp_path: Path) -> None:
    rule = {"windows": ["22:00-06:00"]}
    cycle = {"power_kw": [1.0], "latest": "18:00"}
    said: dict[str, Any] = {"automation": {"appliance": {"pv": rule}}, "cycle": {"pv": cycle, "dishes": cycle}}
    async with an_owner(clock, tmp_path, **said) as owner:
        await owner.house.until(lambda: "pv" in owner.house.state["devices"])
        met = await ask(owner, "rename", "pv", name="dishes")
        assert met.outcome is Outcome.REFUSED
        assert "[cycle.dishes]" in met.text
        assert (await ask(owner, "rename", "pv", name="roof")).outcome is Outcome.DONE
        text = owner.file.read_text()
        assert "[automation.appliance.roof]" in text
        assert "[cycle.roof]" in text
        assert ".pv]" not in text


@stepped
async def test_a_device_that_the_file_does_not_name_gets_a_section(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path, device={"pv": False}) as owner:
        await owner.house.until(lambda: "pv" in owner.house.state["devices"])
        assert (await ask(owner, "rename", "pv", name="roof")).outcome is Outcome.DONE
        assert "[device.roof]\nidentity = " in owner.file.read_text()
        await owner.house.until(lambda: "roof" in owner.house.state["devices"])


@stepped
async def test_a_device_is_taken_out_and_brought_back_with_name_and_history(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        await clock.sleep(130)
        address = owner.house.state["devices"]["pv"]["address"].rpartition("/")[0]
        known = await minutes_of(owner, "pv")
        answer = await ask(owner, "remove", "pv", message="sold")
        assert answer.outcome is Outcome.DONE, answer
        assert address not in owner.file.read_text()
        assert "[device.pv]" not in owner.file.read_text()
        assert owner.in_force.why == "sold"
        await owner.house.after(seconds=60)
        assert set(owner.house.state["devices"]) == {"meter", "battery"}
        assert not owner.house.alarms
        assert await minutes_of(owner, "pv") >= known
        assert (await ask(owner, "test", "pv")).outcome is Outcome.REFUSED
        back = await ask(owner, "add", protocol="modbus", address=address)
        assert back.outcome is Outcome.DONE, back
        assert back.detail is not None
        assert back.detail["devices"] == ["pv"]
        await owner.house.after(seconds=120)
        assert set(owner.house.state["devices"]) == {"meter", "battery", "pv"}
        assert await minutes_of(owner, "pv") >= known + 1


@stepped
async def test_a_battery_is_given_back_before_it_is_taken_out(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as owner:
        assert owner.house.rig.battery.shown("704.WSetEna") == 1
        assert (await ask(owner, "remove", "battery")).outcome is Outcome.DONE
        assert owner.house.rig.battery.shown("704.WSetEna") == 0
        await owner.house.after(seconds=30)
        assert "battery" not in owner.house.state["devices"]


@stepped
async def test_a_device_is_added_under_a_name_and_one_that_is_not_there_is_looked_for(
    clock: Clock, tmp_path: Path
) -> None:
    async with an_owner(clock, tmp_path) as owner:
        address = owner.house.state["devices"]["pv"]["address"].rpartition("/")[0]
        assert (await ask(owner, "remove", "pv")).outcome is Outcome.DONE
        text = owner.file.read_text()
        named = await ask(owner, "add", protocol="modbus", address=address, name="pv")
        assert named.outcome is Outcome.REFUSED, "pv stands for the device that was removed"
        assert owner.file.read_text() == text
        added = await ask(owner, "add", protocol="modbus", address=address, name="roof")
        assert added.outcome is Outcome.DONE, added
        await owner.house.until(lambda: "roof" in owner.house.state["devices"])
        nobody = await ask(owner, "add", protocol="modbus", address="127.0.0.1:1")
        assert nobody.outcome is Outcome.PARTLY
        assert "127.0.0.1:1" in owner.file.read_text()
        for wrong in ({"protocol": "feeds", "address": "x"}, {"protocol": "modbus", "address": "10.0.0.0/8"}, {}):
            assert (await ask(owner, "add", **wrong)).outcome is Outcome.REFUSED


@stepped
async def test_a_feed_is_no_device_to_be_taken_out(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path, feeds={"tariff": {"template": "two-band"}}) as owner:
        await owner.house.until(lambda: "tariff" in owner.house.state["devices"])
        refused = await ask(owner, "remove", "tariff")
        assert refused.outcome is Outcome.REFUSED
        assert "[feeds]" in refused.text
        assert (await ask(owner, "test", "tariff")).outcome is Outcome.DONE
        assert (await ask(owner, "rename", "tariff", name="prices")).outcome is Outcome.DONE
        await owner.house.until(lambda: "prices" in owner.house.state["devices"])
        await owner.house.after(seconds=20)
        assert owner.house.state["devices"]["prices"]["status"] == "attached"
