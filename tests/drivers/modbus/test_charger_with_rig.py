"""A charge point by its template: attached, read, steered in whole amperes, lost and found, against the rig's."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec
import pytest

from drivers.modbus.config import TemplatedEntry
from heg.devices.contract import OwnerSettings, ReadBack
from heg.model.capabilities import VehicleCapability
from heg.model.leases import SetPoint
from heg.model.refusals import Refusal, RefusalCode
from heg.model.regimes import Regime
from heg.runtime.clock import Clock
from hil.devices.charger import ChargerSettings
from hil.house.house import Constant, HouseConfig
from hil.house.vehicle import VehicleConfig
from hil.ports import free_port
from hil.rig import RigPlan, TcpBus
from tests.drivers.modbus.place import Place, a_place
from tests.support.stepped import stepped


def a_charger(
    clock: Clock,
    *,
    owners: tuple[OwnerSettings, ...] = (),
    entry: dict[str, Any] | None = None,
    settled: tuple[str, ...] = ("charger",),
    **car: Any,
) -> AbstractAsyncContextManager[Place]:
    """A house with a charge point and nothing else, where the owner says that it is."""
    port = free_port()
    house = HouseConfig(batteries={}, producers={}, vehicles={"car": VehicleConfig(**{"plugged": True, **car})})
    plan = RigPlan(house, Constant(0.4), {"charger": ChargerSettings()}, buses={"charger": TcpBus(port=port)})
    device = {"template": "keba-p30", "host": f"127.0.0.1:{port}", **(entry or {})}
    config = {"hosts": (), "device": (msgspec.convert(device, TemplatedEntry),)}
    return a_place(clock, plan, owners=owners, config=config, settled=settled)


async def stands(place: Place, power_kw: float, *, revert_s: float = 60.0) -> float:
    """What reads back after this command."""
    actuator = place.actuator("charger").actuator
    assert await actuator.apply(SetPoint(power_kw=power_kw, revert_s=revert_s)) is None
    answer = await actuator.read_back()
    assert isinstance(answer, ReadBack)
    assert answer.active
    assert answer.set_point.power_kw is not None
    return answer.set_point.power_kw


@stepped
async def test_it_is_attached_with_what_it_can_do_and_reports(clock: Clock) -> None:
    async with a_charger(clock) as place:
        record = place.record("charger")
        assert (record.maker, record.model, record.serial) == ("KEBA", "KeContact P30", "18416854")
        assert record.version == "3.10.42"
        (capability,) = record.capabilities
        assert isinstance(capability, VehicleCapability)
        assert capability.max_rate_kw == pytest.approx(11.04)
        assert capability.smallest_charge_kw == pytest.approx(4.14)
        assert capability.step_kw == pytest.approx(0.69)
        assert capability.min_rate_kw == 0.0
        await place.after(30)
        assert place.value("state.connection", "charger") == "charging"
        assert place.value("power.active", "charger") == pytest.approx(place.rig.charger.power_kw, rel=1e-3)
        assert place.value("current", "charger", "phase.b") == pytest.approx(16, rel=0.02)
        assert place.value("energy.import", "charger") > 0
        assert place.value("energy.session", "charger") > 0
        place.rig.charger.unplug()
        await place.after(3)
        assert place.value("state.connection", "charger") == "unplugged"
        place.rig.charger.plug_in()
        await place.until(lambda: place.value("state.connection", "charger") == "plugged", within_s=3)


@stepped
async def test_power_becomes_whole_amperes_and_never_more_than_granted(clock: Clock) -> None:
    async with a_charger(clock) as place:
        await place.after(15)
        for asked_kw, amperes in (
            (11.04, 16),
            (7.0, 10),
            (6.9, 10),
            (6.89, 9),
            (4.14, 6),
            (4.13, 0),
            (0.0, 0),
            (50, 16),
        ):
            assert await stands(place, asked_kw) == pytest.approx(amperes * 0.69)
            await place.after(15)
            assert place.rig.charger.device.allowed_a == amperes
            assert place.rig.charger.power_kw == pytest.approx(amperes * 0.69, rel=0.02)


@stepped
async def test_without_a_gateway_the_dead_man_leaves_the_smallest_current(clock: Clock) -> None:
    async with a_charger(clock) as place:
        await place.after(5)
        await stands(place, 8.0, revert_s=30.0)
        await place.after(29)
        assert place.rig.charger.device.allowed_a == 11
        await place.after(32)
        assert place.rig.charger.device.allowed_a == 6, "what was commanded has lapsed, and nobody keeps it alive"


@stepped
async def test_a_long_command_is_kept_alive_within_what_the_charger_knows(clock: Clock) -> None:
    async with a_charger(clock) as place:
        await place.after(5)
        await stands(place, 8.0, revert_s=3600.0)
        assert place.rig.charger.shown("failsafe_timeout") == 600
        await place.after(3500)
        assert place.rig.charger.device.allowed_a == 11


@stepped
async def test_given_back_it_charges_as_if_nobody_were_there(clock: Clock) -> None:
    async with a_charger(clock) as place:
        await place.after(5)
        actuator = place.actuator("charger").actuator
        before = await actuator.read_back()
        assert isinstance(before, ReadBack)
        assert not before.active
        await stands(place, 0.0)
        assert await actuator.release() is None
        after = await actuator.read_back()
        assert isinstance(after, ReadBack)
        assert not after.active
        await place.after(1000)
        assert place.rig.charger.device.allowed_a == 16


@stepped
async def test_what_it_cannot_do_is_refused(clock: Clock) -> None:
    async with a_charger(clock) as place:
        actuator = place.actuator("charger").actuator
        refusal = await actuator.apply(SetPoint(regime=Regime.BALANCE))
        assert isinstance(refusal, Refusal)
        assert refusal.code is RefusalCode.UNSUPPORTED
        place.rig.charger.refuses_writes()
        refusal = await actuator.apply(SetPoint(power_kw=7.0, revert_s=60.0))
        assert isinstance(refusal, Refusal)
        assert refusal.code is RefusalCode.DEVICE_REFUSED
        place.rig.charger.stops_answering()
        answer = await actuator.read_back()
        assert isinstance(answer, Refusal)


@stepped
async def test_the_owner_knows_the_circuit_and_the_car(clock: Clock) -> None:
    owner = OwnerSettings(
        name="garage", serial="18416854", role="vehicle", capacity_kwh=52.0, max_charge_kw=3.0, charging="surplus"
    )
    entry = {"phases": 1, "max_a": 13.5}
    async with a_charger(clock, owners=(owner,), entry=entry, settled=("garage",), phases=1) as place:
        (capability,) = place.record("garage").capabilities
        assert isinstance(capability, VehicleCapability)
        assert capability.max_rate_kw == pytest.approx(13 * 0.23)
        assert capability.smallest_charge_kw == pytest.approx(1.38)
        assert capability.capacity_kwh == 52.0
        assert capability.surplus_only


@stepped
async def test_another_charger_at_its_address_is_never_taken_for_it(clock: Clock) -> None:
    async with a_charger(clock, entry={"serial": "4711"}, settled=()) as place:
        await place.after(60)
        assert place.manager.devices() == ()
    async with a_charger(clock) as place:
        await place.after(10)
        place.rig.charger.lies("serial", 99)
        await place.rig.charger.goes_away()
        await place.after(5)
        await place.rig.charger.comes_back()
        await place.after(20)
        assert place.record("charger").status == "lost"
        assert "another device answers" in place.record("charger").detail
        refusal = await place.actuator("charger").actuator.apply(SetPoint(power_kw=7.0, revert_s=60.0))
        assert isinstance(refusal, Refusal)
        assert place.rig.charger.writes("set_current") == 0
        place.rig.charger.behaves()
        await place.until(lambda: place.record("charger").status == "attached", within_s=20)


@stepped
async def test_lost_and_found(clock: Clock) -> None:
    async with a_charger(clock) as place:
        await place.after(10)
        place.rig.charger.stops_answering()
        await place.until(lambda: place.record("charger").status == "lost", within_s=13)
        place.rig.charger.answers_again()
        await place.until(lambda: place.record("charger").status == "attached", within_s=30)


@stepped
async def test_figures_that_cannot_be_are_refused_and_the_others_stand(clock: Clock) -> None:
    async with a_charger(clock) as place:
        await place.after(10)
        place.rig.charger.lies("current_1", 5_000_000)
        await place.after(60)
        assert place.value("current", "charger", "phase.a") < 20
        assert place.instance("current", "charger", "phase.a").quality == "stale"
        assert place.value("current", "charger", "phase.b") == pytest.approx(16, rel=0.02)
        assert place.record("charger").status == "attached"


@stepped
async def test_garbage_of_a_charger_that_is_attached_stays_with_it(clock: Clock) -> None:
    async with a_charger(clock) as place:
        await place.after(10)
        for spoil in ("talks_garbage", "answers_half", "mixes_up_transactions", "hangs_up", "refuses"):
            getattr(place.rig.charger, spoil)()
            await place.after(40)
            assert place.value("power.active", "charger") <= 11.5
            place.rig.charger.behaves()
            await place.until(lambda: place.record("charger").status == "attached", within_s=40)
        await place.until(lambda: place.value("state.connection", "charger") == "charging", within_s=20)
        assert await stands(place, 6.9) == pytest.approx(6.9)


@stepped
async def test_a_charger_that_hangs_up_after_each_answer_is_steered_all_the_same(clock: Clock) -> None:
    async with a_charger(clock) as place:
        place.rig.charger.hangs_up()
        await place.after(20)
        assert place.record("charger").status == "attached"
        assert await stands(place, 6.9) == pytest.approx(6.9)
        await place.after(20)
        assert place.rig.charger.device.allowed_a == 10
