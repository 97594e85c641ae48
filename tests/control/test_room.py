"""The control room over a house in memory: what a person would see, second by second."""

from pathlib import Path

import pytest

from heg.model.capabilities import WriteBudget
from heg.model.leases import Claim, Claimant, LeaseState, Reason, ReasonCode, SetPoint
from heg.model.regimes import Regime, RegimeOrder
from heg.runtime.clock import Clock
from tests.control.gateway import running, settings
from tests.control.house import House
from tests.support.stepped import stepped

PLAN = Reason(ReasonCode.PLAN, "cheap now")


@stepped
async def test_the_battery_follows_the_house(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery()
    house.load_kw = [0.5, 0.5, 0.5]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(20)
        assert battery.power_kw == pytest.approx(-1.5, abs=0.05)
        assert house.grid_kw == pytest.approx(0.0, abs=0.05)
        house.pv_kw = 4.0
        await clock.sleep(20)
        assert battery.power_kw == pytest.approx(2.5, abs=0.05)
        lease = gateway.lease()
        assert lease.held
        assert lease.state is LeaseState.CONFIRMED
        assert lease.regime is Regime.BALANCE
        assert lease.owner is Claimant.IDLE
        assert lease.reason.code is ReasonCode.SELF_CONSUMPTION
        assert lease.set_kw == pytest.approx(2.5, abs=0.05)
        assert gateway.alarms() == []
    assert battery.register is None, "given back at the end"


@stepped
async def test_the_first_lease_stands_within_five_seconds(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery()
    async with running(house, tmp_path / "j") as gateway:
        assert await gateway.until(lambda: battery.active) < 5.0


@stepped
async def test_a_native_regime_is_written_once_and_then_only_read(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery(native=frozenset({Regime.HOLD, Regime.BALANCE}))
    house.load_kw = [1.0, 0.2, 0.3]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(300)
        assert battery.commands() == 1
        assert battery.register == SetPoint(regime=Regime.BALANCE)
        assert gateway.lease().native
        assert house.grid_kw == pytest.approx(0.0, abs=0.05)


@stepped
async def test_a_plan_outvotes_idling_and_when_it_ends_idling_is_back(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery()
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        gateway.plan(Claim(Claimant.PLAN, PLAN, 60.0, order=RegimeOrder(Regime.CHARGE, 3.0)))
        await clock.sleep(10)
        assert battery.power_kw == pytest.approx(3.0, abs=0.05)
        assert gateway.lease().owner is Claimant.PLAN
        assert gateway.lease().reason.text.startswith("cheap now")
        await clock.sleep(65)
        assert gateway.lease().owner is Claimant.IDLE
        assert battery.power_kw == pytest.approx(0.0, abs=0.05)


@stepped
async def test_the_contract_holds_a_plan_back_and_says_so(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    house.add_battery()
    house.load_kw = [1.0, 1.0, 1.0]
    async with running(house, tmp_path / "j", settings(max_import_kw=5.0)) as gateway:
        await clock.sleep(10)
        gateway.plan(Claim(Claimant.PLAN, PLAN, 600.0, order=RegimeOrder(Regime.CHARGE, 5.0)))
        await clock.sleep(30)
        assert house.grid_kw == pytest.approx(5.0, abs=0.1)
        assert gateway.lease().reason.code is ReasonCode.ENVELOPE
        assert "5 kW import" in gateway.lease().reason.text
        house.load_kw = [1.5, 1.5, 1.5]
        await clock.sleep(10)
        assert house.grid_kw <= 5.05


@stepped
async def test_amperes_of_one_phase_hold_a_plan_back(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    house.add_battery()
    house.load_kw = [4.0, 0.0, 0.0]
    async with running(house, tmp_path / "j", settings(max_a_per_phase=20.0)) as gateway:
        gateway.plan(Claim(Claimant.PLAN, PLAN, 600.0, order=RegimeOrder(Regime.CHARGE, 5.0)))
        await clock.sleep(30)
        assert house.grid_phases_kw()[0] == pytest.approx(4.6, abs=0.05)
        assert "phase A" in gateway.lease().reason.text


@stepped
async def test_without_a_contract_nothing_is_commanded(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery()
    async with running(house, tmp_path / "j", settings(limits=())) as gateway:
        await clock.sleep(30)
        assert battery.log == []
        assert "No supply contract" in gateway.lease().reason.text


@stepped
async def test_one_device_that_hangs_delays_no_other_and_no_cycle(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    good, slow = house.add_battery(), house.add_battery("battery-2")
    house.load_kw = [1.0, 1.0, 1.0]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(20)
        slow.faults.hangs = True
        before, cycles = good.commands(), gateway.cycles
        house.load_kw = [1.5, 1.5, 1.5]
        await clock.sleep(30)
        assert gateway.cycles - cycles in (30, 31)
        assert good.commands() > before
        assert house.grid_kw == pytest.approx(0.0, abs=0.1)
        slow.faults.hangs = False
        await clock.sleep(70)


@stepped
async def test_a_lost_meter_makes_a_steered_battery_hold_within_two_cycles(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery(lag_s=0.2)
    house.load_kw = [1.0, 1.0, 1.0]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(20)
        assert battery.power_kw == pytest.approx(-3.0, abs=0.05)
        house.meter.silent = True
        await clock.sleep(5.0 + 2.0)
        assert battery.register is not None
        assert battery.register.power_kw == 0.0 or battery.register.regime is Regime.HOLD
        assert gateway.lease().reason.code in (ReasonCode.METER_STALE, ReasonCode.METER_LOST)
        assert any("steering" in alarm for alarm in gateway.alarms())
        house.meter.silent = False
        await clock.sleep(10)
        assert battery.power_kw == pytest.approx(-3.0, abs=0.1)
        assert not any("steering" in alarm for alarm in gateway.alarms())


@stepped
async def test_a_lost_meter_leaves_a_battery_with_its_own_meter_balancing(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery(native=frozenset({Regime.HOLD, Regime.BALANCE}))
    house.load_kw = [1.0, 1.0, 1.0]
    async with running(house, tmp_path / "j") as gateway:
        gateway.plan(Claim(Claimant.PLAN, PLAN, 600.0, order=RegimeOrder(Regime.DISCHARGE, 1.0)))
        await clock.sleep(20)
        house.meter.silent = True
        await clock.sleep(12)
        assert battery.register == SetPoint(regime=Regime.BALANCE)
        assert house.grid_kw == pytest.approx(0.0, abs=0.05)


@stepped
async def test_an_unknown_state_of_charge_makes_the_battery_rest(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery()
    house.load_kw = [1.0, 1.0, 1.0]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(20)
        house.soc_shown["battery"] = None
        await clock.sleep(65)
        assert battery.power_kw == pytest.approx(0.0, abs=0.02)
        assert gateway.lease().reason.code is ReasonCode.SOC_UNKNOWN
        house.soc_shown["battery"] = 0.5
        await clock.sleep(10)
        assert battery.power_kw == pytest.approx(-3.0, abs=0.1)


@stepped
async def test_a_lost_battery_is_left_and_read_back_when_it_returns(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery, other = house.add_battery(), house.add_battery("battery-2")
    house.load_kw = [1.0, 1.0, 1.0]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(20)
        house.silent.add("battery")
        battery.faults.hangs = True
        await clock.sleep(30)
        assert gateway.lease().reason.code is ReasonCode.STORAGE_LOST
        assert house.grid_kw == pytest.approx(0.0, abs=0.1), "the other takes over what is needed"
        assert other.power_kw < 0.05
        house.silent.clear()
        battery.faults.hangs = False
        await clock.sleep(15)
        assert gateway.lease().state is LeaseState.CONFIRMED
        assert house.grid_kw == pytest.approx(0.0, abs=0.1)


@stepped
async def test_a_battery_that_ignores_commands_is_left_alone_with_an_alarm(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery()
    battery.faults.ignores = True
    house.load_kw = [1.0, 1.0, 1.0]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(30)
        assert any("battery/lease" in alarm for alarm in gateway.alarms())
        written = battery.commands()
        await clock.sleep(600)
        assert battery.commands() == written
        assert "left alone" in gateway.lease().reason.text


@stepped
async def test_registers_that_wear_are_told_at_their_own_pace_with_a_dead_man_time_to_match(
    clock: Clock, tmp_path: Path
) -> None:
    house = House(clock)
    battery = house.add_battery(writes=WriteBudget(per_day=200), revert_s=60.0)
    house.load_kw = [1.0, 1.0, 1.0]
    async with running(house, tmp_path / "j"):
        for _ in range(180):
            house.load_kw[0] = 2.0 - house.load_kw[0]
            await clock.sleep(20)
        assert battery.register is not None
        assert battery.register.revert_s > 1400
        assert 5 <= battery.commands() <= 12, "about every ten minutes"


@stepped
async def test_an_empty_battery_and_a_full_one_say_so(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery(reserve_share=0.1, soc=0.1)
    house.load_kw = [1.0, 1.0, 1.0]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(20)
        assert battery.power_kw == pytest.approx(0.0, abs=0.02)
        assert gateway.lease().reason.code is ReasonCode.SOC_LIMIT
        assert "reserve of 10%" in gateway.lease().reason.text


@stepped
async def test_shutting_down_gives_everything_back_in_bounded_time(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery, stuck = house.add_battery(), house.add_battery("battery-2")
    house.load_kw = [1.0, 1.0, 1.0]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(20)
        stuck.faults.hangs = True
        began_s = clock.monotonic_s()
        assert not await gateway.stop()
        assert clock.monotonic_s() - began_s < 12
        assert battery.register is None
