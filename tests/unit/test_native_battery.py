"""A battery that follows the house by itself (model 124): the gateway only sets limits, and reads them back."""

from pathlib import Path

import pytest

from heg.runtime.clock import Clock
from hil.devices.meter import MeterSettings
from hil.devices.pv import PvSettings
from hil.devices.storage import StorageSettings
from hil.house.house import Constant, HouseConfig
from hil.rig import RigPlan
from tests.support.house import a_house
from tests.support.stepped import stepped

KNOWN = {"serial": "RIG-BATTERY-1", "role": "storage", "capacity_kwh": 10.0, "own_mode": "self-consumption"}


@stepped
async def test_it_balances_natively_with_few_writes_and_is_given_back(clock: Clock, tmp_path: Path) -> None:
    plan = RigPlan(
        house=HouseConfig(),
        weather=Constant(1.0, 3.0),
        devices={"meter": MeterSettings(), "pv": PvSettings(), "battery": StorageSettings("124", 103)},
    )
    async with a_house(clock, tmp_path, plan=plan, sections={"device": {"battery": KNOWN}}) as house:
        await house.until(lambda: house.battery.state == "confirmed")
        await house.after(seconds=300)
        assert house.battery.regime == "balance"
        assert house.battery.native
        assert house.rig.battery.power_kw == pytest.approx(2.0, abs=0.1)
        assert house.rig.house.grid_kw == pytest.approx(0.0, abs=0.1)
        written = house.rig.battery.writes("124.InWRte")
        assert written <= 15, "re-asserted before the device's own timer, not every second"
    assert house.rig.battery.shown("124.StorCtl_Mod") == 0, "given back at the end"
