"""The simulated devices over real loopback sockets: what they show, obey, forget and lie about."""

import math

import pytest

from heg.runtime.clock import Clock
from hil.devices.meter import MeterSettings
from hil.devices.pv import PvSettings
from hil.devices.storage import StorageSettings
from hil.house.battery import BatteryConfig
from hil.house.house import Constant, HouseConfig
from hil.house.producer import ProducerConfig
from hil.rig import DeviceSettings, Rig, RigPlan, TcpBus
from tests.hil.client import ModbusRefusedError, PlainClient
from tests.support.stepped import stepped


def plan(**devices: DeviceSettings) -> RigPlan:
    quick = HouseConfig(
        batteries={"battery": BatteryConfig(self_consumption=False, dead_time_s=0.0, lag_s=0.0)},
        producers={"pv": ProducerConfig(lag_s=0.0)},
    )
    chosen: dict[str, DeviceSettings] = {"meter": MeterSettings(age_s=0.0), "pv": PvSettings()}
    chosen |= {"battery": StorageSettings(), **devices}
    return RigPlan(quick, Constant(1.2, 3.0), devices=chosen)


@stepped
async def test_a_meter_shows_the_connection_point(clock: Clock) -> None:
    async with Rig(plan(), clock) as rig:
        await rig.after(3600)
        assert rig.meter.shown("203.W") == pytest.approx(1200 - 3000)
        assert sum(rig.meter.shown(f"203.Wph{letter}") for letter in "ABC") == pytest.approx(-1800, abs=2)
        assert rig.meter.shown("203.TotWhExp") == pytest.approx(1800, abs=1)
        assert rig.meter.shown("203.TotWhImp") == 0
        assert rig.meter.shown("203.PhVphA") == pytest.approx(230, abs=4)
        assert rig.meter.shown("203.Hz") == pytest.approx(50, abs=0.1)


@stepped
async def test_704_counts_charging_negative_and_reverts(clock: Clock) -> None:
    async with Rig(plan(), clock) as rig, PlainClient(rig.battery.address) as client:
        image = rig.battery.device.image
        await client.write(image.address(704, "WSetRvrtTms"), 0, 30)
        await client.write(image.address(704, "WSet"), 0xFFFF, (-2000) & 0xFFFF)
        await client.write(image.address(704, "WSetEna"), 1)
        await rig.after(2)
        assert rig.house.batteries_kw == pytest.approx(2.0)
        assert rig.battery.shown("701.W") == -2000
        assert 26 <= rig.battery.shown("704.WSetRvrtRem") <= 29
        await rig.after(20)
        await client.write(image.address(704, "WSet"), 0xFFFF, (-1000) & 0xFFFF)
        await rig.after(20)
        assert rig.house.batteries_kw == pytest.approx(1.0), "a refreshed set-point keeps standing"
        await rig.after(15)
        assert rig.house.batteries_kw == 0.0
        assert rig.battery.shown("704.WSetEna") == 0
        assert rig.battery.writes("704.WSet") == 2


@stepped
async def test_a_strict_704_wants_its_enable_written_again(clock: Clock) -> None:
    strict = StorageSettings(strict_revert=True)
    async with Rig(plan(battery=strict), clock) as rig, PlainClient(rig.battery.address) as client:
        image = rig.battery.device.image
        await client.write(image.address(704, "WSetRvrtTms"), 0, 30)
        await client.write(image.address(704, "WSet"), 0xFFFF, (-2000) & 0xFFFF)
        await client.write(image.address(704, "WSetEna"), 1)
        await rig.after(20)
        await client.write(image.address(704, "WSet"), 0xFFFF, (-1000) & 0xFFFF)
        await rig.after(15)
        assert rig.house.batteries_kw == 0.0


@stepped
async def test_704_reverts_to_its_reversion_registers(clock: Clock) -> None:
    async with Rig(plan(), clock) as rig, PlainClient(rig.battery.address) as client:
        image = rig.battery.device.image
        await client.write(image.address(704, "WSetRvrt"), 0, 500)
        await client.write(image.address(704, "WSetEnaRvrt"), 1)
        await client.write(image.address(704, "WSetRvrtTms"), 0, 5)
        await client.write(image.address(704, "WSetEna"), 1)
        await rig.after(10)
        assert rig.house.batteries_kw == pytest.approx(-0.5)


@stepped
async def test_124_has_limits_and_no_set_point(clock: Clock) -> None:
    limits = StorageSettings(variant="124", measurement=103)
    async with Rig(plan(battery=limits), clock) as rig, PlainClient(rig.battery.address) as client:
        image = rig.battery.device.image
        rates = image.address(124, "OutWRte")
        assert image.address(124, "InWRte") == rates + 1
        await client.write(rates, (-4000) & 0xFFFF, 10000)  # -40.00 % and 100.00 % of 5 kW
        await rig.after(2)
        assert rig.house.batteries_kw == 0.0, "the mode field says that no limit is in force"
        await client.write(image.address(124, "InOutWRte_RvrtTms"), 60)
        await client.write(image.address(124, "StorCtl_Mod"), 3)
        await rig.after(2)
        assert rig.house.batteries_kw == pytest.approx(2.0), "a negative discharge limit forces charging"
        assert rig.battery.shown("103.W") == -2000
        assert rig.battery.shown("124.ChaSt") == 4
        await client.write(rates, 10000, (-2000) & 0xFFFF)
        await rig.after(2)
        assert rig.house.batteries_kw == pytest.approx(-1.0), "a negative charge limit forces discharging"
        await rig.after(61)
        assert rig.house.batteries_kw == 0.0
        assert rig.battery.shown("124.StorCtl_Mod") == 0


@pytest.mark.parametrize("variant", ["103", "113", "701"])
def test_pv_obeys_a_limit_and_reverts(variant: str) -> None:
    @stepped
    async def scene(clock: Clock) -> None:
        async with Rig(plan(pv=PvSettings(variant=variant)), clock) as rig, PlainClient(rig.pv.address) as client:
            image, model = rig.pv.device.image, 704 if variant == "701" else 123
            enable, seconds = (
                ("WMaxLimPctEna", "WMaxLimPctRvrtTms") if model == 704 else ("WMaxLim_Ena", "WMaxLimPct_RvrtTms")
            )
            await client.write(image.address(model, seconds), *((0, 60) if model == 704 else (60,)))
            await client.write(image.address(model, "WMaxLimPct"), 200)
            await client.write(image.address(model, enable), 1)
            await rig.after(2)
            assert rig.house.producers_kw == pytest.approx(1.0)
            assert rig.pv.shown(f"{variant}.W") == pytest.approx(1000)
            await rig.after(60)
            assert rig.house.producers_kw == pytest.approx(3.0)

    scene()


@stepped
async def test_reactive_power_reaches_the_meter(clock: Clock) -> None:
    async with Rig(plan(pv=PvSettings(variant="701")), clock) as rig:
        before = rig.meter.shown("203.VAR")
        rig.pv.device.poke(704, VarSetMod=4, VarSet=900, VarSetEna=1)
        await rig.after(2)
        assert rig.meter.shown("203.VAR") == pytest.approx(before - 900, abs=400)
        assert rig.pv.shown("701.Var") == pytest.approx(900, abs=1)
        rig.pv.device.poke(704, VarSetEna=0)
        rig.pv.device.poke(705, AdptCrvReq=2)
        assert rig.pv.shown("705.AdptCrvRslt") == 1
        rig.pv.device.poke(705, AdptCrvReq=9)
        assert rig.pv.shown("705.AdptCrvRslt") == 2


@stepped
async def test_a_register_that_ignores_writes_acknowledges_them(clock: Clock) -> None:
    async with Rig(plan(), clock) as rig, PlainClient(rig.battery.address) as client:
        rig.battery.ignores("704.WSet")
        address = rig.battery.device.image.address(704, "WSet")
        await client.write(address, 0, 1234)
        assert await client.read(address, 2) == (0, 0)
        assert rig.battery.writes("704.WSet") == 1
        rig.battery.behaves()
        await client.write(address, 0, 1234)
        assert await client.read(address, 2) == (0, 1234)


@stepped
async def test_a_point_may_lie_or_be_missing(clock: Clock) -> None:
    async with Rig(plan(), clock) as rig:
        rig.battery.lies("713.SoC", 250.0)
        rig.battery.lies("802.SoC", None)
        await rig.after(1)
        assert rig.battery.shown("713.SoC") == 250.0
        assert math.isnan(rig.battery.shown("802.SoC"))
        rig.battery.behaves()
        assert rig.battery.shown("713.SoC") == pytest.approx(50, abs=0.2)


@stepped
async def test_writes_may_be_refused_while_reading_works(clock: Clock) -> None:
    async with Rig(plan(), clock) as rig, PlainClient(rig.battery.address) as client:
        rig.battery.refuses_writes(3)
        address = rig.battery.device.image.address(704, "WSet")
        with pytest.raises(ModbusRefusedError, match="3"):
            await client.write(address, 0, 1234)
        assert await client.read(address, 2) == (0, 0)
        assert rig.battery.writes("704.WSet") == 0


@stepped
async def test_what_may_not_be_written_or_is_not_there_is_refused(clock: Clock) -> None:
    async with Rig(plan(), clock) as rig, PlainClient(rig.meter.address) as client:
        image = rig.meter.device.image
        with pytest.raises(ModbusRefusedError, match="2"):
            await client.write(image.address(203, "W"), 1)
        with pytest.raises(ModbusRefusedError, match="2"):
            await client.read(39_990, 4)
        end = 40_000 + len(image.data) // 2
        assert await client.read(end - 2, 2) == (0xFFFF, 0)
        with pytest.raises(ModbusRefusedError, match="2"):
            await client.read(end - 1, 2)


@stepped
async def test_a_reboot_forgets_orders_and_keeps_counters(clock: Clock) -> None:
    async with Rig(plan(), clock) as rig:
        rig.battery.is_commanded_elsewhere(-2.0)
        await rig.after(3600)
        counted = rig.battery.shown("701.TotWhInj")
        assert counted == pytest.approx(2000, rel=0.01)
        await rig.battery.reboots(down_s=20)
        assert rig.battery.shown("704.WSetEna") == 0
        await rig.after(2)
        assert rig.house.batteries_kw == 0.0
        assert rig.battery.shown("701.TotWhInj") >= counted


@stepped
async def test_it_moves_to_another_address(clock: Clock) -> None:
    async with Rig(plan(), clock) as rig:
        old = rig.meter.address
        await rig.meter.moves()
        assert rig.meter.address != old
        with pytest.raises(OSError):
            async with PlainClient(old):
                pass
        async with PlainClient(rig.meter.address) as client:
            assert await client.read(40_000, 2) == (0x5375, 0x6E53)


@stepped
async def test_silence_slowness_and_hanging_up(clock: Clock) -> None:
    async with Rig(plan(), clock) as rig, PlainClient(rig.meter.address) as client:
        rig.meter.slows_down(2.5)
        began = clock.monotonic_s()
        await client.read(40_000, 2)
        assert clock.monotonic_s() - began == pytest.approx(2.5, abs=0.1)
        rig.meter.stops_answering()
        with pytest.raises(TimeoutError):
            await client.read(40_000, 2, within_s=5)
        rig.meter.answers_again()
        rig.meter.hangs_up()
        async with PlainClient(rig.meter.address) as other:
            await other.read(40_000, 2)
            with pytest.raises((ConnectionError, EOFError)):
                await other.read(40_000, 2)


@stepped
async def test_frozen_values_jumping_counters_and_wrong_wiring(clock: Clock) -> None:
    async with Rig(plan(), clock) as rig:
        await rig.after(5)
        rig.meter.freezes()
        rig.truth.switch("oven", 2.0, phase=1)
        await rig.after(5)
        assert rig.meter.shown("203.W") == pytest.approx(-1800)
        rig.meter.thaws()
        await rig.after(1)
        assert rig.meter.shown("203.W") == pytest.approx(200)
        phases = [rig.meter.shown(f"203.Wph{letter}") for letter in "ABC"]
        rig.meter.is_wired_backwards()
        await rig.after(1)
        assert rig.meter.shown("203.W") == pytest.approx(-200)
        rig.meter.is_wired_right()
        rig.meter.has_phases_swapped()
        await rig.after(1)
        assert [rig.meter.shown(f"203.Wph{letter}") for letter in "BAC"] == pytest.approx(phases)
        counted = rig.meter.shown("203.TotWhImp")
        rig.meter.counters_jump(50.0)
        await rig.after(1)
        assert rig.meter.shown("203.TotWhImp") == pytest.approx(counted + 50_000, abs=2)


@stepped
async def test_a_lifetime_counter_rolls_over(clock: Clock) -> None:
    near = MeterSettings(counter_start_wh=float(2**32 - 10))
    async with Rig(plan(meter=near), clock) as rig:
        await rig.after(3600)
        assert rig.meter.shown("203.TotWhExp") == pytest.approx(1800 - 10, abs=2)


@stepped
async def test_several_devices_share_one_address(clock: Clock) -> None:
    shared = RigPlan(
        devices={"meter": MeterSettings(unit_id=2), "pv": PvSettings(unit_id=3), "battery": StorageSettings(unit_id=4)},
        buses={"bus": TcpBus()},
        wiring={"meter": "bus", "pv": "bus", "battery": "bus"},
    )
    async with Rig(shared, clock) as rig, PlainClient(rig.meter.address) as client:
        assert rig.meter.address == rig.pv.address == rig.battery.address
        rig.pv.stops_answering()
        assert await client.read(40_002, 1, unit=2) == (1,)
        with pytest.raises(TimeoutError):
            await client.read(40_002, 1, unit=3, within_s=1)
        assert await client.read(40_002, 1, unit=4) == (1,)


def test_two_devices_cannot_have_one_unit_id() -> None:
    @stepped
    async def scene(clock: Clock) -> None:
        with pytest.raises(ValueError, match="unit id"):
            Rig(RigPlan(wiring={"meter": "bus", "pv": "bus"}), clock)

    scene()
