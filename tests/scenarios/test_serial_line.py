"""The whole house on one RS-485 line: found, read and led by the same driver as over TCP.

In scaled time: a pseudo-terminal hands bytes on in a thread of the kernel's, so an empty poll does not mean that nobody
has anything left to say, and time cannot be stepped.
"""

from pathlib import Path
from time import time  # noqa: TID251 - scaled time hangs on the real one

import pytest

from heg.runtime.clock import Clock
from heg.runtime.loops import ScaledTiming, run
from hil.devices.meter import MeterSettings
from hil.devices.pv import PvSettings
from hil.devices.storage import StorageSettings
from hil.house.battery import BatteryConfig
from hil.house.house import Constant, HouseConfig
from hil.plan import GOOD_DAY_UTC
from hil.rig import RigPlan, SerialBus
from tests.support.house import a_house

pytestmark = pytest.mark.system

SPEED = 5.0
LINE = RigPlan(
    HouseConfig(batteries={"battery": BatteryConfig(self_consumption=False)}),
    Constant(1.5, 0.4),
    devices={"meter": MeterSettings(unit_id=1), "pv": PvSettings(unit_id=2), "battery": StorageSettings(unit_id=3)},
    buses={"line": SerialBus(baudrate=115_200)},
    wiring={"meter": "line", "pv": "line", "battery": "line"},
)
PACE = {"control": {"cycle_s": 2.0}, "modbus": {"interval_s": 2.0}}


def test_a_house_on_one_line_is_led_and_a_silent_device_stops_no_other(tmp_path: Path) -> None:
    async def scene(clock: Clock) -> None:
        async with a_house(clock, tmp_path, plan=LINE, sections=PACE) as house:
            await house.until(lambda: house.battery.state == "confirmed" and house.battery.set_kw < -1, within_s=90)
            await house.until(lambda: abs(house.rig.house.grid_kw) < 0.05, within_s=30)
            assert house.rig.house.batteries_kw == pytest.approx(-1.1, abs=0.05)
            assert house.device("battery").address.endswith("/3")
            house.rig.pv.stops_answering()
            await house.until(lambda: house.device("pv").status == "lost", within_s=60)
            house.rig.truth.switch("oven", 1.0)
            await house.until(lambda: house.rig.house.batteries_kw < -2, within_s=40)
            assert house.device("meter").status == "attached"

    run(scene, timing=ScaledTiming(SPEED, GOOD_DAY_UTC, time()))
