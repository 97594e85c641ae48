"""Our actuators command the rig's devices, and what the house then truly does is what was meant."""

import pytest

from heg.devices.contract import Actuator, OwnerSettings, ReadBack
from heg.model.capabilities import StorageCapability
from heg.model.leases import SetPoint
from heg.model.refusals import Refusal, RefusalCode
from heg.model.regimes import Regime
from heg.runtime.clock import Clock
from hil.devices.meter import MeterSettings
from hil.devices.storage import StorageSettings
from hil.house.battery import BatteryConfig
from hil.house.house import HouseConfig
from hil.rig import DeviceSettings, RigPlan
from tests.drivers.modbus.place import Place, a_place, a_plan
from tests.support.stepped import stepped

OWN_MODE = (OwnerSettings(name="battery", serial="RIG-BATTERY-1", own_mode="self-consumption"),)


async def read(actuator: Actuator) -> ReadBack:
    answer = await actuator.read_back()
    assert isinstance(answer, ReadBack), answer
    return answer


async def told(place: Place, set_point: SetPoint, seconds: float = 20.0, name: str = "battery") -> ReadBack:
    """Apply, let it settle, read back."""
    actuator = place.actuator(name).actuator
    refusal = await actuator.apply(set_point)
    assert refusal is None, refusal
    await place.after(seconds)
    return await read(actuator)


@pytest.mark.parametrize("battery", ["704", "124"])
@pytest.mark.parametrize("power_kw", [2.345, -1.234, 5.0, -5.0])
def test_a_commanded_power_has_our_sign_and_reads_back(battery: str, power_kw: float) -> None:
    @stepped
    async def run(clock: Clock) -> None:
        async with a_place(clock, a_plan(battery=battery)) as place:
            answer = await told(place, SetPoint(power_kw=power_kw))
            assert answer.active
            assert answer.set_point.power_kw == pytest.approx(power_kw, abs=0.002)
            assert place.rig.battery.power_kw == pytest.approx(power_kw, abs=0.05)
            assert place.value("power.active", "battery") == pytest.approx(power_kw, abs=0.05)

    run()


@pytest.mark.parametrize("battery", ["704", "124"])
def test_released_it_goes_back_to_its_own_mode(battery: str) -> None:
    @stepped
    async def run(clock: Clock) -> None:
        async with a_place(clock, a_plan(battery=battery, demand_kw=1.0, sun_kw=3.0)) as place:
            await told(place, SetPoint(power_kw=-1.0))
            actuator = place.actuator("battery").actuator
            assert await actuator.release() is None
            assert not (await read(actuator)).active
            await place.after(20)
            assert place.rig.battery.power_kw == pytest.approx(2.0, abs=0.1), "its own self-consumption"

    run()


@pytest.mark.parametrize("battery", ["704", "124"])
@pytest.mark.parametrize("strict", [False, True])
def test_without_refresh_the_device_reverts_and_with_it_does_not(battery: str, strict: bool) -> None:
    @stepped
    async def run(clock: Clock) -> None:
        plan = a_plan(battery=battery, strict_revert=strict)
        async with a_place(clock, plan) as place:
            set_point = SetPoint(power_kw=-1.0, revert_s=30.0)
            for _ in range(4):
                answer = await told(place, set_point, seconds=20)
                assert answer.active
                assert place.rig.battery.power_kw == pytest.approx(-1.0, abs=0.05)
            await place.after(45)
            assert place.rig.battery.power_kw == pytest.approx(2.0, abs=0.1)
            assert not (await read(place.actuator("battery").actuator)).active

    run()


@pytest.mark.parametrize(
    ("regime", "sun_kw", "expected_kw"),
    [
        (Regime.HOLD, 3.0, 0.0),
        (Regime.HOLD, 0.0, 0.0),
        (Regime.BALANCE, 3.0, 2.0),
        (Regime.BALANCE, 0.0, -1.0),
        (Regime.COVER, 3.0, 0.0),
        (Regime.COVER, 0.0, -1.0),
        (Regime.ABSORB, 3.0, 2.0),
        (Regime.ABSORB, 0.0, 0.0),
    ],
)
@pytest.mark.parametrize("battery", ["704", "124"])
def test_native_regimes_follow_the_house(battery: str, regime: Regime, sun_kw: float, expected_kw: float) -> None:
    @stepped
    async def run(clock: Clock) -> None:
        plan = a_plan(battery=battery, demand_kw=1.0, sun_kw=sun_kw)
        async with a_place(clock, plan, owners=OWN_MODE) as place:
            entry = place.actuator("battery")
            capability = entry.capability
            assert isinstance(capability, StorageCapability)
            if regime not in capability.native:
                refusal = await entry.actuator.apply(SetPoint(regime=regime))
                assert isinstance(refusal, Refusal)
                assert refusal.code is RefusalCode.UNSUPPORTED
                assert (battery, regime) == ("704", Regime.COVER)
                return
            answer = await told(place, SetPoint(regime=regime))
            assert answer == ReadBack(active=True, set_point=answer.set_point)
            assert answer.set_point.regime is regime
            assert place.rig.battery.power_kw == pytest.approx(expected_kw, abs=0.1)
            await entry.actuator.release()
            assert not (await read(entry.actuator)).active
            await place.after(20)
            own_kw = 2.0 if sun_kw else -1.0
            assert place.rig.battery.power_kw == pytest.approx(own_kw, abs=0.1)

    run()


@stepped
async def test_limits_hold_the_own_mode_inside_them(clock: Clock) -> None:
    async with a_place(clock, a_plan(battery="124", sun_kw=6.0), owners=OWN_MODE) as place:
        answer = await told(place, SetPoint(regime=Regime.BALANCE, min_kw=-1.0, max_kw=1.5))
        assert place.rig.battery.power_kw == pytest.approx(1.5, abs=0.05)
        assert answer.set_point.regime is Regime.BALANCE
        assert answer.set_point.min_kw == pytest.approx(-1.0, abs=0.01)
        assert answer.set_point.max_kw == pytest.approx(1.5, abs=0.01)


@pytest.mark.parametrize("battery", ["704", "124"])
def test_zero_is_told_as_it_was_commanded(battery: str) -> None:
    """Zero power and `hold` are the same registers; control compares words."""

    @stepped
    async def run(clock: Clock) -> None:
        async with a_place(clock, a_plan(battery=battery), owners=OWN_MODE) as place:
            assert (await told(place, SetPoint(power_kw=0.0), 1)).set_point == SetPoint(power_kw=0.0)
            assert (await told(place, SetPoint(regime=Regime.HOLD), 1)).set_point == SetPoint(regime=Regime.HOLD)

    run()


@stepped
async def test_somebody_elses_command_is_read_back_as_it_is(clock: Clock) -> None:
    async with a_place(clock) as place:
        await told(place, SetPoint(power_kw=1.0))
        place.rig.battery.is_commanded_elsewhere(-2.5)
        answer = await read(place.actuator("battery").actuator)
        assert answer.set_point.power_kw == pytest.approx(-2.5)


@stepped
async def test_an_ignored_write_shows_in_the_read_back(clock: Clock) -> None:
    async with a_place(clock) as place:
        await told(place, SetPoint(power_kw=1.0))
        place.rig.battery.ignores("704.WSet")
        answer = await told(place, SetPoint(power_kw=2.0))
        assert answer.set_point.power_kw == pytest.approx(1.0)


@stepped
async def test_a_refresh_of_704_is_one_write(clock: Clock) -> None:
    async with a_place(clock) as place:
        await told(place, SetPoint(power_kw=1.0, revert_s=60))
        before = [place.rig.battery.writes(f"704.{point}") for point in ("WSet", "WSetEna", "WSetRvrtTms")]
        await told(place, SetPoint(power_kw=1.1, revert_s=60))
        after = [place.rig.battery.writes(f"704.{point}") for point in ("WSet", "WSetEna", "WSetRvrtTms")]
        assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 0]


@stepped
async def test_a_lost_device_answers_with_a_refusal_in_time(clock: Clock) -> None:
    async with a_place(clock) as place:
        actuator = place.actuator("battery").actuator
        place.rig.battery.stops_answering()
        began_s = clock.monotonic_s()
        refusal = await actuator.apply(SetPoint(power_kw=1.0))
        assert isinstance(refusal, Refusal)
        assert refusal.code in (RefusalCode.TIMEOUT, RefusalCode.DEVICE_LOST)
        assert clock.monotonic_s() - began_s <= 3.0
        assert isinstance(await actuator.read_back(), Refusal)


@stepped
async def test_the_registers_say_the_same_after_a_reboot_of_the_device(clock: Clock) -> None:
    async with a_place(clock) as place:
        await told(place, SetPoint(power_kw=1.0, revert_s=60))
        await place.rig.battery.reboots(20)
        await place.after(15)
        actuator = place.actuator("battery").actuator
        assert not (await read(actuator)).active
        await told(place, SetPoint(power_kw=1.0, revert_s=60), 20)
        assert place.rig.battery.power_kw == pytest.approx(1.0, abs=0.05)
        await place.after(60)
        assert not (await read(actuator)).active, "the reversion time was written again"


@pytest.mark.parametrize("pv", ["103", "113", "701"])
def test_a_production_limit_is_kept_never_exceeded_and_released(pv: str) -> None:
    @stepped
    async def run(clock: Clock) -> None:
        async with a_place(clock, a_plan(pv=pv, sun_kw=4.0)) as place:
            actuator = place.actuator("pv").actuator
            assert await actuator.apply(SetPoint(power_kw=1.237)) is None
            await place.after(30)
            assert place.rig.pv.power_kw <= 1.2371
            assert place.rig.pv.power_kw == pytest.approx(1.237, abs=0.01)
            answer = await read(actuator)
            assert answer.active
            assert answer.set_point.power_kw == pytest.approx(1.237, abs=0.01)
            assert await actuator.release() is None
            await place.after(30)
            assert place.rig.pv.power_kw == pytest.approx(4.0, abs=0.01)
            assert await actuator.apply(SetPoint(power_kw=1.0, revert_s=20)) is None
            await place.after(60)
            assert place.rig.pv.power_kw == pytest.approx(4.0, abs=0.01), "it reverts without us"

    run()


@stepped
async def test_no_write_reaches_the_twin_that_took_the_address(clock: Clock) -> None:
    """Two batteries of one make swap their addresses between two polls; control commands at once."""
    house = HouseConfig(batteries={"battery": BatteryConfig(), "second": BatteryConfig()}, producers={})
    devices: dict[str, DeviceSettings] = {
        "meter": MeterSettings(),
        "battery": StorageSettings(serial="ONE"),
        "second": StorageSettings(battery="second", serial="TWO"),
    }
    owners = (OwnerSettings(name="one", serial="ONE"), OwnerSettings(name="two", serial="TWO"))
    plan = RigPlan(house=house, devices=devices)
    async with a_place(clock, plan, owners=owners, settled=("one", "two", "meter")) as place:
        await told(place, SetPoint(power_kw=0.0), name="one")
        first, second = place.rig.handles["battery"], place.rig.handles["second"]
        ports = [int(handle.address.split(":")[1]) for handle in (first, second)]
        await first.goes_away()
        await second.goes_away()
        await first.moves(port=ports[1])
        await second.moves(port=ports[0])
        refusal = await place.actuator("one").actuator.apply(SetPoint(power_kw=2.0))
        assert isinstance(refusal, Refusal)
        assert second.writes("704.WSet") == 0
        await place.until(lambda: place.record("one").address == f"127.0.0.1:{ports[1]}/1")
        await place.after(2)
        await told(place, SetPoint(power_kw=2.0), name="one")
        assert second.writes("704.WSet") == 0
        assert first.shown("704.WSet") == -2000


@stepped
async def test_a_device_that_hangs_up_after_each_answer_can_be_commanded(clock: Clock) -> None:
    async with a_place(clock) as place:
        place.rig.battery.hangs_up()
        for power_kw in (1.0, -1.0, 2.0):
            answer = await told(place, SetPoint(power_kw=power_kw, revert_s=60))
            assert answer.set_point.power_kw == pytest.approx(power_kw)
            assert place.rig.battery.power_kw == pytest.approx(power_kw, abs=0.05)


@stepped
async def test_704_caps_what_its_own_mode_gives_but_cannot_cap_what_it_takes(clock: Clock) -> None:
    async with a_place(clock, a_plan(sun_kw=0.0, demand_kw=2.0), owners=OWN_MODE) as place:
        answer = await told(place, SetPoint(regime=Regime.BALANCE, min_kw=-0.5))
        assert place.rig.battery.power_kw == pytest.approx(-0.5, abs=0.02)
        assert answer.set_point.regime is Regime.BALANCE
        assert answer.set_point.min_kw == pytest.approx(-0.5, abs=0.01)
        answer = await told(place, SetPoint(regime=Regime.BALANCE, min_kw=0.0))
        assert place.rig.battery.power_kw == pytest.approx(0.0, abs=0.02)
        assert (answer.set_point.regime, answer.set_point.min_kw) == (Regime.BALANCE, 0.0)
        answer = await told(place, SetPoint(regime=Regime.BALANCE))
        assert place.rig.battery.power_kw == pytest.approx(-2.0, abs=0.1)
        assert answer == ReadBack(active=True, set_point=SetPoint(regime=Regime.BALANCE))
        refusal = await place.actuator("battery").actuator.apply(SetPoint(regime=Regime.BALANCE, max_kw=1.0))
        assert isinstance(refusal, Refusal)
        assert refusal.code is RefusalCode.UNSUPPORTED


@stepped
async def test_a_cap_of_704_does_not_outlive_its_regime(clock: Clock) -> None:
    async with a_place(clock, a_plan(sun_kw=0.0, demand_kw=2.0), owners=OWN_MODE) as place:
        await told(place, SetPoint(regime=Regime.ABSORB))
        await told(place, SetPoint(power_kw=-1.5))
        assert place.rig.battery.power_kw == pytest.approx(-1.5, abs=0.05)
        await told(place, SetPoint(regime=Regime.ABSORB, revert_s=30))
        await place.after(60)
        assert place.rig.battery.power_kw == pytest.approx(-2.0, abs=0.1), "it reverts without us"
        # A run before us left a cap behind: reading back says so, releasing takes it away.
        place.rig.battery.is_overridden(704, WMaxLimPctEna=1, WMaxLimPct=0)
        entry = place.actuator("battery").actuator
        assert await entry.release() is None
        place.rig.battery.is_overridden(704, WMaxLimPctEna=1, WMaxLimPct=0)
        assert (await read(entry)).set_point.regime is Regime.ABSORB
        assert await entry.release() is None
        assert place.rig.battery.shown("704.WMaxLimPctEna") == 0
