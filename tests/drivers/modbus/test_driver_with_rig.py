"""Our driver reads the rig's simulated devices over real sockets: values, signs, roles, loss, return, moves."""

import pytest

from heg.model.capabilities import MeterCapability, ProducerCapability, StorageCapability
from heg.model.instance import Quality
from heg.model.records import DeviceStatus
from heg.model.regimes import Regime
from heg.runtime.clock import Clock
from hil.devices.meter import MeterSettings
from hil.devices.storage import StorageSettings
from hil.rig import DeviceSettings, RigPlan
from tests.drivers.modbus.place import a_place, a_plan
from tests.support.stepped import stepped


@stepped
async def test_the_devices_of_a_house_are_found_and_named(clock: Clock) -> None:
    async with a_place(clock) as place:
        assert place.manager.devices() == ("battery", "meter", "pv")
        record = place.record("battery")
        assert (record.maker, record.serial, record.protocol) == ("Rig", "RIG-BATTERY-1", "modbus")
        assert record.address == f"{place.rig.battery.address}/1"
        (storage,) = record.capabilities
        assert isinstance(storage, StorageCapability)
        assert (storage.capacity_kwh, storage.min_rate_kw, storage.max_rate_kw) == (10.0, -5.0, 5.0)
        assert storage.reserve_share == pytest.approx(0.1)
        assert storage.native == {Regime.HOLD}
        assert place.record("meter").capabilities == (MeterCapability(3, at_connection_point=True),)
        (producer,) = place.record("pv").capabilities
        assert isinstance(producer, ProducerCapability)
        assert producer.curtailable
        assert [item.name for item in place.manager.actuators()] == ["battery", "pv"]


@pytest.mark.parametrize("meter", ["203", "204", "213", "214"])
@pytest.mark.parametrize(("pv", "measurement"), [("103", 701), ("113", 113), ("701", 103)])
def test_powers_energies_and_signs_are_the_houses_own(meter: str, pv: str, measurement: int) -> None:
    @stepped
    async def run(clock: Clock) -> None:
        plan = a_plan(meter=meter, pv=pv, battery="704" if measurement == 701 else "124", measurement=measurement)
        async with a_place(clock, plan) as place:
            await place.after(45)
            house = place.rig.house
            battery_kw = place.value("power.active", "battery")
            assert battery_kw == pytest.approx(house.batteries_kw, abs=0.02)
            assert battery_kw > 1.0, "the sun charges the battery: charging is positive"
            assert place.value("power.active", "pv") == pytest.approx(house.producers_kw, abs=0.01) == 3.0
            assert place.value("power.active", "meter") == pytest.approx(house.grid_kw, abs=0.05)
            assert place.value("soc", "battery") == pytest.approx(house.batteries["battery"].soc, abs=0.002)
            assert place.value("energy.capacity", "battery") == pytest.approx(10.0)
            phases = [place.value("power.active", "meter", f"phase.{letter}") for letter in "abc"]
            assert sum(phases) == pytest.approx(place.value("power.active", "meter"), abs=0.01)
            for letter, power_kw in zip("abc", phases, strict=True):
                assert place.value("voltage", "meter", f"phase.{letter}") == pytest.approx(230, abs=10)
                assert place.value("current", "meter", f"phase.{letter}") * power_kw >= 0
            await place.after(120)
            books = place.rig.house.grid.books
            assert place.value("energy.import", "meter") == pytest.approx(books.imported / 3.6e15, abs=0.002)
            assert place.value("energy.export", "meter") == pytest.approx(books.exported / 3.6e15, abs=0.002)
            produced = place.rig.house.producers["pv"].produced_nanojoule / 3.6e15
            assert place.value("energy.production", "pv") == pytest.approx(produced, abs=0.02)
            assert place.value("frequency", "meter") == pytest.approx(50, abs=1)
            assert place.value("state.operating", "pv") == "running"
            assert place.value("power.factor", "meter") == pytest.approx(1, abs=1)

    run()


@stepped
async def test_a_discharging_battery_is_negative(clock: Clock) -> None:
    async with a_place(clock, a_plan(sun_kw=0.0, demand_kw=2.0)) as place:
        await place.after(30)
        assert place.value("power.active", "battery") == pytest.approx(-2.0, abs=0.1)
        assert place.value("power.active", "meter") == pytest.approx(0.0, abs=0.1)
        currents = [place.value("current", "battery", f"phase.{letter}") for letter in "abc"]
        assert all(amperes < -2 for amperes in currents)


@stepped
async def test_a_silent_device_turns_stale_then_lost_and_comes_back_while_the_others_go_on(clock: Clock) -> None:
    async with a_place(clock) as place:
        await place.after(5)
        place.rig.meter.stops_answering()
        stale_s = await place.until(lambda: place.instance("power.active", "meter").quality is Quality.STALE)
        assert stale_s <= 4.5
        lost_s = stale_s + await place.until(lambda: place.record("meter").status is DeviceStatus.LOST)
        assert lost_s <= 12.0
        before = place.instance("power.active", "battery").sequence
        await place.after(20)
        assert place.instance("power.active", "battery").age_s(clock.monotonic_s()) <= 1.5
        assert place.instance("power.active", "battery").sequence > before
        place.rig.meter.answers_again()
        back_s = await place.until(lambda: place.instance("power.active", "meter").quality is Quality.GOOD)
        assert back_s <= 12.0
        assert place.record("meter").status is DeviceStatus.ATTACHED


@stepped
async def test_a_device_under_another_address_is_found_again_by_its_serial_number(clock: Clock) -> None:
    async with a_place(clock) as place:
        await place.after(5)
        host, port = place.rig.meter.address.split(":")
        spare = place.rig.pv.address
        actuators = [item.actuator for item in place.manager.actuators()]
        # Battery and PV swap their addresses: each must be known by what it is, not by where it answers.
        await place.rig.pv.goes_away()
        await place.rig.battery.goes_away()
        battery_port = int(place.rig.battery.address.split(":")[1])
        await place.rig.battery.moves(port=int(spare.split(":")[1]))
        await place.rig.pv.moves(port=battery_port)
        await place.until(lambda: place.record("battery").address == f"{spare}/1", within_s=60)
        await place.until(lambda: place.record("pv").address == f"{host}:{battery_port}/1", within_s=60)
        await place.after(15)
        assert place.value("power.active", "pv") == pytest.approx(3.0, abs=0.05)
        assert place.value("power.active", "battery") == pytest.approx(place.rig.battery.power_kw, abs=0.05)
        assert place.manager.devices() == ("battery", "meter", "pv")
        assert [item.actuator for item in place.manager.actuators()] == actuators
        assert port


@stepped
async def test_garbage_is_counted_and_never_becomes_a_value(clock: Clock) -> None:
    async with a_place(clock) as place:
        await place.after(5)
        good = place.value("power.active", "meter")
        place.rig.meter.talks_garbage()
        await place.after(30)
        counted = place.value("self.refusals", "meter", "wrong_type")
        assert counted >= 3
        instance = place.instance("power.active", "meter")
        assert (instance.value, instance.quality) == (good, Quality.STALE)
        assert place.record("meter").status is DeviceStatus.LOST
        assert place.instance("power.active", "battery").quality is Quality.GOOD
        place.rig.meter.behaves()
        await place.until(lambda: place.record("meter").status is DeviceStatus.ATTACHED, within_s=45)


@pytest.mark.parametrize("fault", ["answers_half", "mixes_up_transactions", "refuses", "hangs_up", "goes_away"])
def test_no_fault_of_one_device_reaches_the_others(fault: str) -> None:
    @stepped
    async def run(clock: Clock) -> None:
        async with a_place(clock) as place:
            await place.after(5)
            done = getattr(place.rig.meter, fault)()
            if done is not None:
                await done
            for _ in range(30):
                await place.after(1)
                assert place.instance("power.active", "battery").age_s(clock.monotonic_s()) <= 2.0
                assert place.instance("power.active", "pv").quality is Quality.GOOD
            quality = place.instance("power.active", "meter").quality
            assert quality is (Quality.GOOD if fault == "hangs_up" else Quality.STALE)

    run()


@stepped
async def test_the_first_meter_of_the_list_is_the_connection_point_unless_the_owner_names_another(clock: Clock) -> None:
    devices: dict[str, DeviceSettings] = {
        "one": MeterSettings(serial="M1"),
        "two": MeterSettings(serial="M2"),
        "battery": StorageSettings(),
    }
    plan = RigPlan(devices=devices)
    async with a_place(clock, plan, settled=("meter", "submeter", "battery")) as place:
        assert (place.record("meter").serial, place.record("submeter").serial) == ("M1", "M2")
    config = {"connection_point": "M2"}
    async with a_place(clock, plan, config=config, settled=("meter", "submeter", "battery")) as place:
        assert (place.record("meter").serial, place.record("submeter").serial) == ("M2", "M1")
