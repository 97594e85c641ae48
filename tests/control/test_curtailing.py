"""Too much sun for the contract: storages take what they can, then production is held back, and let go again."""

from pathlib import Path

import pytest

from heg.model.leases import Claimant
from heg.runtime.clock import Clock
from tests.control.gateway import running, settings
from tests.control.house import House
from tests.support.stepped import stepped


@stepped
async def test_production_is_held_back_to_the_contract_and_let_go_when_the_cloud_comes(
    clock: Clock, tmp_path: Path
) -> None:
    house = House(clock)
    pv = house.add_pv()
    house.load_kw = [0.3, 0.3, 0.4]
    house.meter.age_s = 1.0
    async with running(house, tmp_path / "j", settings(max_export_kw=5.0)) as gateway:
        house.pv_kw = 4.0
        await clock.sleep(60)
        assert pv.log == [], "nothing to hold back, nothing is written"
        house.pv_kw = 9.0
        await clock.sleep(30)
        assert house.grid_kw == pytest.approx(-5.0, abs=0.15)
        lease = gateway.lease("pv")
        assert lease.held
        assert lease.owner is Claimant.ENVELOPE
        assert "no more than 5 kW is exported" in lease.reason.text
        house.load_kw = [1.0, 1.0, 1.0]
        await clock.sleep(620)
        assert house.grid_kw == pytest.approx(-5.0, abs=0.15), "lifted at the pace its registers may be written"
        house.pv_kw = 3.0
        await clock.sleep(90)
        assert pv.register is None
        assert not gateway.lease("pv").held


@stepped
async def test_the_battery_takes_what_it_can_first(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    pv, battery = house.add_pv(), house.add_battery()
    async with running(house, tmp_path / "j", settings(max_export_kw=2.0)):
        house.pv_kw = 6.0
        await clock.sleep(120)
        assert battery.power_kw == pytest.approx(5.0, abs=0.1)
        assert pv.power_kw == pytest.approx(6.0, abs=0.1)
        battery.soc = 1.0
        await clock.sleep(60)
        assert house.grid_kw == pytest.approx(-2.0, abs=0.15)
        assert pv.power_kw == pytest.approx(2.0, abs=0.15)


@stepped
async def test_with_the_meter_lost_the_limit_stays(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    pv = house.add_pv()
    async with running(house, tmp_path / "j", settings(max_export_kw=5.0)):
        house.pv_kw = 9.0
        await clock.sleep(30)
        house.meter.silent = True
        await clock.sleep(30)
        assert pv.active
        assert pv.power_kw == pytest.approx(5.0, abs=0.15)
