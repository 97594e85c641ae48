"""Control over real Modbus: rig and gateway on one stepped loop, the gateway seen through its own page's data."""

from pathlib import Path

import pytest

from heg.runtime.clock import Clock
from tests.support.house import NOON, a_house
from tests.support.stepped import stepped


@stepped(start_utc=NOON)
async def test_the_battery_follows_the_house_and_is_given_back_on_request(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path) as house:
        await house.until(lambda: house.battery.state == "confirmed", within_s=20)
        await house.after(seconds=20)
        assert house.battery.regime == "balance"
        assert house.battery.owner == "idle"
        assert house.state["power"]["grid_kw"]["value"] == pytest.approx(0.0, abs=0.05)
        answer = await house.view.command("hands-off", on=True)
        assert answer["outcome"] == "done"
        await house.after(seconds=15)
        assert not house.battery.held
        assert house.reason_for("battery") == "hands_off"
        assert house.state["power"]["grid_kw"]["value"] == pytest.approx(1.0, abs=0.1)
        assert house.alarms == set()


@stepped(start_utc=NOON)
async def test_a_battery_with_a_mode_of_its_own_is_only_switched_to_it(clock: Clock, tmp_path: Path) -> None:
    batteries = {"battery": {"self_consumption": True, "initial_soc": 0.5}}
    sections = {"device": {"battery": {"own_mode": "self-consumption"}}}
    async with a_house(clock, tmp_path, tables={"house": {"batteries": batteries}}, sections=sections) as house:
        await house.until(lambda: house.battery.state == "confirmed", within_s=20)
        await house.after(seconds=60)
        assert house.battery.native
        assert house.battery.writes_today <= 4, "written anew only before its dead-man time is over"
        assert house.state["power"]["grid_kw"]["value"] == pytest.approx(0.0, abs=0.05)


@stepped(start_utc=NOON)
async def test_an_order_by_hand_is_followed_for_its_time(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path) as house:
        await house.until(lambda: house.battery.state == "confirmed", within_s=20)
        await house.view.command("manual", device="battery", regime="charge", power_kw=2.0, minutes=1)
        await house.after(seconds=20)
        assert house.battery.owner == "manual"
        assert house.battery.measured_kw["value"] == pytest.approx(2.0, abs=0.05)
        await house.after(seconds=60)
        assert house.battery.owner == "idle"


@stepped(start_utc=NOON)
async def test_the_step_test_finds_the_house_well_wired(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path) as house:
        await house.until(lambda: house.battery.state == "confirmed", within_s=20)
        house.view._limit_s = 300.0
        answer = await house.view.command("try", device="battery", power_kw=1.0)
        assert answer["outcome"] == "done"
        assert answer["detail"]["finding"] == "good"
        await house.after(seconds=15)
        assert house.battery.owner == "idle"


@stepped(start_utc=NOON)
async def test_too_much_sun_is_held_back_to_the_contract(clock: Clock, tmp_path: Path) -> None:
    tables = {
        "weather": {"kind": "constant", "demand_kw": 0.5, "sun_kw": 6.0},
        "house": {"batteries": {"battery": {"self_consumption": False, "initial_soc": 1.0}}},
    }
    sections = {"contract": {"max_import_kw": 10.0, "max_export_kw": 3.0}}
    async with a_house(clock, tmp_path, tables=tables, sections=sections) as house:
        await house.after(seconds=40)
        assert house.actuator("pv").state == "confirmed"
        assert house.reason_for("pv") == "envelope"
        assert house.state["power"]["grid_kw"]["value"] == pytest.approx(-3.0, abs=0.1)
