"""The simulated charge point and its car over real sockets: what they show, obey, forget and refuse."""

import asyncio
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.runtime.clock import Clock
from hil.devices.charger import (
    CABLE_IN_CAR,
    CABLE_IN_STATION,
    CHARGING,
    NOT_READY,
    READABLE,
    READY,
    SUSPENDED,
    WRITABLE,
    ChargerSettings,
)
from hil.devices.meter import MeterSettings
from hil.house.battery import BatteryConfig
from hil.house.house import Constant, House, HouseConfig
from hil.house.vehicle import Trip, Vehicle, VehicleConfig
from hil.rig import DeviceSettings, Rig, RigPlan
from tests.hil.client import ModbusRefusedError, PlainClient
from tests.support.stepped import stepped


class Client(PlainClient):
    """Reads and writes as the maker's guide wants it: one value at a time, function 6."""

    async def value(self, name: str) -> int:
        high, low = await self.read(READABLE[name], 2, unit=255)
        return high << 16 | low

    async def put(self, name: str, value: int) -> None:
        await self._ask(struct.pack(">BHH", 6, WRITABLE[name], value), 255, 30.0)


def plan(**car: object) -> RigPlan:
    house = HouseConfig(batteries={}, producers={}, vehicles={"car": VehicleConfig(**car)})  # type: ignore[arg-type]
    devices: dict[str, DeviceSettings] = {"meter": MeterSettings(age_s=0.0), "charger": ChargerSettings()}
    return RigPlan(house, Constant(0.4), devices=devices)


@stepped
async def test_a_car_that_is_plugged_charges_at_the_rated_current_and_fills_up(clock: Clock) -> None:
    async with Rig(plan(capacity_kwh=10.0), clock) as rig, Client(rig.charger.address) as client:
        await rig.after(10)
        assert await client.value("charging_state") == NOT_READY
        assert await client.value("cable_state") == CABLE_IN_STATION
        rig.charger.plug_in(soc=0.5)
        await rig.after(1)
        assert await client.value("cable_state") == CABLE_IN_CAR
        assert await client.value("charging_state") == READY
        await rig.after(19)
        assert await client.value("charging_state") == CHARGING
        assert await client.value("active_power") == pytest.approx(11_000_000, rel=0.02)
        assert await client.value("current_2") == pytest.approx(16_000, rel=0.02)
        assert rig.house.grid_kw == pytest.approx(11.4, rel=0.02)
        await rig.after(3600)
        assert rig.charger.soc == pytest.approx(1.0, abs=1e-3)
        assert await client.value("active_power") == 0
        assert await client.value("session_energy") == pytest.approx(5.0 / 0.92 * 10_000, rel=0.01)
        assert await client.value("session_energy") == await client.value("total_energy")
        assert rig.house.imbalance_nanojoule() == 0


@stepped
async def test_amperes_are_whole_and_nothing_flows_below_six(clock: Clock) -> None:
    async with Rig(plan(plugged=True), clock) as rig, Client(rig.charger.address) as client:
        await client.put("set_current", 9900)
        await rig.after(20)
        assert await client.value("max_current") == 9000
        assert rig.charger.power_kw == pytest.approx(9 * 3 * 0.23, rel=0.02)
        with pytest.raises(ModbusRefusedError):
            await client.put("set_current", 5000)
        await client.put("enable", 0)
        await rig.after(1)
        assert rig.charger.power_kw == 0.0
        assert await client.value("charging_state") == SUSPENDED
        await client.put("enable", 1)
        await rig.after(1)
        assert rig.charger.power_kw == 0.0, "the contactor takes its time"
        await rig.after(10)
        assert rig.charger.power_kw == pytest.approx(9 * 3 * 0.23, rel=0.02)
        assert rig.charger.contactor_moves == 3


@stepped
async def test_a_car_on_one_phase_loads_that_phase_alone(clock: Clock) -> None:
    async with Rig(plan(plugged=True, phases=1, phase=2), clock) as rig, Client(rig.charger.address) as client:
        await rig.after(30)
        assert rig.charger.power_kw == pytest.approx(16 * 0.23, rel=0.02)
        assert await client.value("current_1") == 0
        assert await client.value("current_2") == pytest.approx(16_000, rel=0.02)
        first, second, third = rig.house.grid.active
        assert second > 3_000_000 > first + third


@stepped
async def test_the_failsafe_current_stands_when_nothing_is_written(clock: Clock) -> None:
    async with Rig(plan(plugged=True), clock) as rig, Client(rig.charger.address) as client:
        await client.put("set_failsafe_current", 6000)
        await client.put("set_failsafe_timeout", 30)
        await client.put("set_current", 12_000)
        await rig.after(25)
        assert await client.value("max_current") == 12_000
        await rig.after(10)
        assert await client.value("max_current") == 6000, "reading does not keep it alive"
        await client.put("set_failsafe_timeout", 30)
        assert await client.value("max_current") == 12_000
        with pytest.raises(ModbusRefusedError):
            await client.put("set_failsafe_timeout", 5)
        rig.charger.device.reboot()
        assert await client.value("failsafe_timeout") == 0, "it was not persisted"
        assert await client.value("max_current") == 16_000


@stepped
async def test_it_answers_as_the_makers_guide_says_and_not_otherwise(clock: Clock) -> None:
    async with Rig(plan(), clock) as rig, Client(rig.charger.address) as client:
        assert await client.value("serial") == 18416854
        assert await client.value("product") == 312011
        for address, count in ((1000, 1), (1008, 6), (1001, 2), (5004, 1), (9999, 2)):
            with pytest.raises(ModbusRefusedError):
                await client.read(address, count, unit=255)
        with pytest.raises(ModbusRefusedError, match="1"):
            await client.write(5004, 10_000, unit=255)  # function 16


@stepped
async def test_it_drives_by_its_timetable_and_comes_back_emptier(clock: Clock) -> None:
    trips = (Trip(3600.0, 7200.0, 8.0, daily=True),)
    async with Rig(plan(plugged=True, trips=trips, initial_soc=0.5, capacity_kwh=50.0), clock) as rig:
        rig.charger.device.poke(enable=0)
        for day in range(3):
            await rig.after(day * 86_400 + 3605 - rig.now_s())
            assert not rig.charger.plugged
            await rig.after(3600)
            assert rig.house.vehicles["car"].plugged
            assert rig.charger.soc == pytest.approx(0.5 - (day + 1) * 8.0 / 50.0, abs=1e-6)


@stepped
async def test_faults_of_any_device_fit_a_charger(clock: Clock) -> None:
    async with Rig(plan(plugged=True), clock) as rig, Client(rig.charger.address) as client:
        await rig.after(20)
        rig.charger.freezes()
        await client.put("enable", 0)
        await rig.after(10)
        assert await client.value("charging_state") == CHARGING, "what it shows is frozen"
        rig.charger.lies("serial", 5)
        assert await client.value("serial") == 5
        rig.charger.behaves()
        assert await client.value("charging_state") == SUSPENDED
        rig.charger.ignores("enable")
        await client.put("enable", 1)
        assert await client.value("charging_state") == SUSPENDED
        assert rig.charger.writes("enable") == 2
        assert rig.charger.changes("enable") == 1
        rig.charger.counters_jump(3.0)
        assert await client.value("total_energy") >= 30_000
        rig.charger.stops_answering()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await client.value("serial")


acts = st.lists(
    st.tuples(
        st.integers(1, 2000),
        st.sampled_from(["plug", "unplug", "drive", "offer", "pause"]),
        st.floats(0.0, 1.0),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(acts, st.sampled_from([0.25, 1.0]), st.floats(0.3, 1.0), st.sampled_from([1, 3]), st.floats(0.0, 3.0))
def test_energy_adds_up_exactly_with_a_car(script, step_s, efficiency, phases, lag_s):
    built = VehicleConfig(capacity_kwh=2.0, charging_efficiency=efficiency, phases=phases, lag_s=lag_s)
    config = HouseConfig(step_s=step_s, batteries={"b": BatteryConfig(capacity_kwh=0.5)}, vehicles={"car": built})
    house = House(config, Constant(0.7, 1.0))
    car = house.vehicles["car"]
    for steps, what, share in script:
        do(car, what, share)
        for _ in range(steps):
            house.step()
        assert house.imbalance_nanojoule() == 0
        assert 0.0 <= car.soc <= 1.0
        assert 0.0 <= car.power_kw <= built.max_charge_kw + 1e-6
        moved = car.charged_nanojoule - car.lost_nanojoule - car.driven_nanojoule
        assert moved == car.stored_nanojoule - round(car.capacity_nanojoule * built.initial_soc)


def do(car: Vehicle, what: str, share: float) -> None:
    match what:
        case "plug":
            car.plug_in()
        case "unplug":
            car.unplug()
        case "drive":
            car.unplug(2.0 * share)
        case "offer":
            car.offered_a = 32.0 * share
        case _:
            car.offered_a = 0.0


def test_trips_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="expected to return"):
        Trip(10.0, 5.0)
    with pytest.raises(ValueError, match="1 or 3"):
        VehicleConfig(phases=2)
    with pytest.raises(ValueError, match="expected one of"):
        ChargerSettings(max_a=14.0)
