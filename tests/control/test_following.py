"""Emulated `balance` through the whole control room: claims, shares, leases, read-back (DESIGN.md, Two clocks 5)."""

from pathlib import Path

import pytest

from heg.runtime.clock import Clock
from tests.control.gateway import running
from tests.control.house import House
from tests.support.stepped import stepped

STEP_KW = 3.0
BAND_KW = 0.06
QUIET_S = 20.0


async def step(house: House, clock: Clock, journal: Path, *, seconds: float = 90.0) -> list[tuple[float, float]]:
    """Switch 3 kW on in a house at rest; return seconds since then and grid power."""
    house.load_kw = [0.2, 0.2, 0.2]
    async with running(house, journal):
        await clock.sleep(QUIET_S)
        house.load_kw = [1.2, 1.2, 1.2]
        begun_s = clock.monotonic_s()
        await clock.sleep(seconds)
        return [(at_s - begun_s, kw) for at_s, kw in house.grid_log if at_s > begun_s]


def settled_s(answer: list[tuple[float, float]]) -> float:
    return max((at_s for at_s, kw in answer if abs(kw) > BAND_KW), default=0.0)


def overshoot(answer: list[tuple[float, float]]) -> float:
    return max(-kw for _, kw in answer) / STEP_KW


@stepped
async def test_the_step_of_the_design(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    house.add_battery(lag_s=2.0)
    house.meter.age_s = 1.0
    answer = await step(house, clock, tmp_path / "j", seconds=600.0)
    assert settled_s(answer) <= 10.0
    assert overshoot(answer) < 0.15
    late = [kw for at_s, kw in answer if at_s > 60.0]
    assert max(late) - min(late) < BAND_KW


@pytest.mark.parametrize("lag_s", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("age_s", [0.5, 1.7, 3.0])
@stepped
async def test_all_ages_and_lags(clock: Clock, tmp_path: Path, age_s: float, lag_s: float) -> None:
    house = House(clock)
    house.add_battery(lag_s=lag_s)
    house.meter.age_s = age_s
    answer = await step(house, clock, tmp_path / "j")
    assert settled_s(answer) <= 2.0 + age_s + 4 * lag_s + 0.2
    assert overshoot(answer) < 0.15


@stepped
async def test_two_storages_of_different_temper_share_a_step_and_neither_chases_the_other(
    clock: Clock, tmp_path: Path
) -> None:
    house = House(clock)
    quick, slow = house.add_battery(lag_s=0.5), house.add_battery("battery-2", lag_s=4.0, dead_s=0.5)
    house.load_kw = [0.2, 0.2, 0.2]
    house.meter.age_s = 2.0
    async with running(house, tmp_path / "j"):
        await clock.sleep(QUIET_S)
        house.load_kw = [2.5, 2.5, 2.5]
        begun_s = clock.monotonic_s()
        await clock.sleep(120)
        log = [(at_s - begun_s, kw) for at_s, kw in house.grid_log if at_s > begun_s]
        assert settled_s(log) <= 2.0 + 2.0 + 4 * 4.0 + 2.0
        assert max(-kw for _, kw in log) < 0.15 * 6.9
        assert quick.power_kw + slow.power_kw == pytest.approx(-7.5, abs=BAND_KW)
        assert quick.power_kw * slow.power_kw > 0


@pytest.mark.parametrize("scale", [0.88, 1.12])
@stepped
async def test_a_storage_that_does_not_give_what_it_is_told(clock: Clock, tmp_path: Path, scale: float) -> None:
    house = House(clock)
    battery = house.add_battery(lag_s=1.0, scale=scale)
    house.meter.age_s = 1.0
    house.load_kw = [1.0, 1.0, 1.0]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(90)
        assert battery.power_kw == pytest.approx(-3.0, abs=0.05)
        assert gateway.alarms() == []


@stepped
async def test_a_meter_older_than_any_should_be_is_told_to_the_owner_and_the_hunting_ends(
    clock: Clock, tmp_path: Path
) -> None:
    house = House(clock)
    house.add_battery(lag_s=0.5)
    house.meter.age_s = 8.0
    house.load_kw = [1.0, 1.0, 1.0]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(300)
        late = [kw for at_s, kw in house.grid_log if at_s > clock.monotonic_s() - 60.0]
        assert max(late) - min(late) < BAND_KW
        assert any("what was 8 s ago" in alarm for alarm in gateway.alarms()), gateway.alarms()
