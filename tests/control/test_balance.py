"""Emulated `balance` in the whole room: DESIGN.md's figures (Two clocks 5) with hands, read-back and deadband."""

from pathlib import Path

import pytest

from heg.runtime.clock import Clock
from tests.control.gateway import running
from tests.control.house import House
from tests.support.stepped import stepped

STEP_KW = 3.0
BAND_KW = max(0.05, 0.02 * STEP_KW)


@pytest.mark.parametrize("age_s", [0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("lag_s", [0.0, 2.0, 5.0])
def test_a_step_settles_in_time_without_swinging(age_s: float, lag_s: float, tmp_path: Path) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        house = House(clock)
        house.add_battery(lag_s=lag_s, response_lag_s=lag_s)
        house.meter.age_s = age_s
        house.load_kw = [0.2, 0.2, 0.2]
        async with running(house, tmp_path / "j"):
            await clock.sleep(60)
            house.load_kw = [0.2 + STEP_KW, 0.2, 0.2]
            stepped_s = clock.monotonic_s()
            await clock.sleep(600)
            outside = [at_s for at_s, kw in house.grid_log if at_s > stepped_s and abs(kw) > BAND_KW]
            # One second more than the law alone: the device's values come once a second and the hand writes after that.
            assert max(outside) - stepped_s <= 2.0 + age_s + 4 * lag_s + 1.0
            assert min(kw for at_s, kw in house.grid_log if at_s > stepped_s) >= -0.15 * STEP_KW

    told()
