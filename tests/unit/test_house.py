"""The whole unit against the rig's house, on one stepped loop: it finds, follows, lets go, and takes up again."""

from __future__ import annotations

from pathlib import Path

from heg.runtime.clock import Clock
from hil.gateway import GatewayView
from tests.support.house import a_house
from tests.support.stepped import stepped


@stepped
async def test_the_battery_follows_the_house_and_is_given_back_at_the_end(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path) as house:
        await house.until(lambda: house.battery.regime == "balance" and house.battery.state == "confirmed")
        await house.after(seconds=30)
        assert abs(house.rig.battery.power_kw + 1.0) < 0.05  # the house draws 1 kW
        assert abs(house.state["power"]["grid_kw"]["value"]) < 0.05
        assert house.rig.battery.shown("704.WSetEna") == 1
    assert house.rig.battery.shown("704.WSetEna") == 0  # released before the connections were closed


@stepped
async def test_a_second_life_finds_names_and_history_of_the_first(clock: Clock, tmp_path: Path) -> None:
    for _ in range(2):
        async with a_house(clock, tmp_path) as house:
            await house.until(lambda: house.battery.state == "confirmed")
            await house.after(seconds=120)
            assert set(house.state["devices"]) == {"meter", "pv", "battery"}
            assert not house.state["alarms"]
            assert house.state["healthy"]
    end = clock.utc()
    async with a_house(clock, tmp_path) as house:
        path = f"/api/v1/history?variable=power.active&device=battery&from={end:%Y-%m-%dT00:00:00Z}&resolution=1min"
        rows = (await house.view.get(path))["rows"]
    assert len(rows) >= 3


@stepped
async def test_an_alarm_of_an_earlier_run_does_not_stand_for_ever(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path) as house:
        await house.until(lambda: house.battery.state == "confirmed")
        house.rig.meter.stops_answering()
        await house.until(lambda: house.state["devices"]["meter"]["status"] == "lost")
    async with a_house(clock, tmp_path) as house:
        await house.after(seconds=5)
        await house.until(lambda: house.battery.state == "confirmed")
        assert not house.state["alarms"]


@stepped
async def test_the_step_test_goes_through_the_running_gateway(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path) as house:
        await house.until(lambda: house.battery.state == "confirmed")
        asking = GatewayView(house.view.port, limit_s=600.0)
        good = await asking.command("try", device="battery", power_kw=1.0)
        assert (good["outcome"], good["detail"]["finding"]) == ("done", "good")
        house.rig.meter.is_wired_backwards()
        wrong = await asking.command("try", device="battery", power_kw=1.0)
        assert wrong["detail"]["finding"] != "good"


@stepped
async def test_a_lost_meter_alarms_about_what_it_steers_and_nothing_else(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path) as house:
        await house.until(lambda: house.battery.state == "confirmed")
        house.rig.meter.stops_answering()
        await house.after(seconds=30)
        assert set(house.state["alarms"]) == {"battery", "meter"}
