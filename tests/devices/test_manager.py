"""The communication manager through a real data interface: names, ages, loss and return, moves, actuators, scans."""

import gc
import math
import tracemalloc
from dataclasses import replace

import pytest

from heg.data.door import Condition, Outcome
from heg.data.interface import DataInterface
from heg.devices.contract import DeviceInfo, OwnerSettings, ReadBack
from heg.devices.manager import DeviceManager
from heg.model.capabilities import Capability, MeterCapability, ProducerCapability, StorageCapability
from heg.model.instance import Instance, Location, Quality
from heg.model.leases import SetPoint
from heg.model.policy import CUSTOMER
from heg.model.records import AlarmRecord, DeviceRecord, DeviceStatus
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.model.slots import Profile
from heg.runtime.clock import Clock
from tests.support.stepped import stepped

STORAGE = StorageCapability(10.0, -5.0, 5.0)
METER = MeterCapability(3, at_connection_point=True)


class Obedient:
    """An actuator that does what it is told."""

    async def apply(self, set_point: SetPoint) -> Refusal | None:
        return None

    async def read_back(self) -> ReadBack | Refusal:
        return ReadBack(active=False, set_point=SetPoint())

    async def release(self) -> Refusal | None:
        return None


def info(serial: str, capability: Capability, *, address: str = "10.0.0.5:502", role: str = "") -> DeviceInfo:
    identity = f"sunspec:Maker:Model:{serial}" + (f"#{role}" if role else "")
    return DeviceInfo(identity, "Maker", "Model", serial, "1.0", "modbus", address, (capability,))


class Unit:
    """A data interface with a manager on top; `again` is the same unit after a restart."""

    def __init__(self, clock: Clock, *owners: OwnerSettings, data: DataInterface | None = None) -> None:
        self.clock = clock
        self.owners = owners
        self.data = data or DataInterface(clock, "home")
        self.door = self.data.admit(CUSTOMER, "devices")
        self.manager = DeviceManager(self.door, clock, owners=owners)

    def again(self, *owners: OwnerSettings) -> "Unit":
        return Unit(self.clock, *(owners or self.owners), data=self.data)

    async def after(self, seconds: float) -> None:
        """Let time pass, looking at the ages as the manager's task does."""
        until_s = self.clock.monotonic_s() + seconds
        while self.clock.monotonic_s() < until_s:
            await self.clock.sleep(0.5)
            self.manager.check()

    def newest(self, variable: str, device: str, part: str = "") -> Instance:
        found = self.door.latest(variable, Location("home", device, part))
        assert found is not None, f"no {variable} at {device}/{part}"
        return found

    def record(self, device: str) -> DeviceRecord:
        value = self.newest("device", device).value
        assert isinstance(value, DeviceRecord)
        return value

    def alarm(self, device: str, part: str = "lost") -> AlarmRecord:
        value = self.newest("alarm", device, part).value
        assert isinstance(value, AlarmRecord)
        return value


@stepped
async def test_devices_are_named_by_role_and_numbered(clock: Clock) -> None:
    unit = Unit(clock)
    names = [
        unit.manager.attach(info(serial, capability), interval_s=1.0).name
        for serial, capability in (
            ("1", METER),
            ("2", STORAGE),
            ("3", ProducerCapability(5.0)),
            ("4", STORAGE),
            ("5", MeterCapability()),
            ("6", MeterCapability()),
        )
    ]
    assert names == ["meter", "battery", "pv", "battery-2", "submeter", "submeter-2"]


@stepped
async def test_the_owners_name_wins_and_is_kept_for_its_device(clock: Clock) -> None:
    unit = Unit(clock, OwnerSettings(name="battery", serial="S2"), OwnerSettings(name="roof", serial="S3#pv"))
    assert unit.manager.attach(info("S1", STORAGE), interval_s=1.0).name == "battery-2"
    assert unit.manager.attach(info("S2", STORAGE), interval_s=1.0).name == "battery"
    assert unit.manager.attach(info("S3", STORAGE), interval_s=1.0).name == "battery-3"
    assert unit.manager.attach(info("S3", ProducerCapability(5.0), role="pv"), interval_s=1.0).name == "roof"


@pytest.mark.parametrize("name", ["Battery", "a b", "-x", "x" * 40])
def test_a_name_that_cannot_stand_in_a_location_is_refused(name: str) -> None:
    @stepped
    async def attempt(clock: Clock) -> None:
        with pytest.raises(ValueError, match="expected a name of small letters"):
            Unit(clock, OwnerSettings(name=name, serial="1"))

    attempt()


@stepped
async def test_names_outlive_a_restart_whatever_the_order_of_discovery(clock: Clock) -> None:
    unit = Unit(clock)
    unit.manager.attach(info("A", STORAGE), interval_s=1.0)
    unit.manager.attach(info("B", STORAGE), interval_s=1.0)
    again = unit.again()
    assert again.manager.attach(info("C", STORAGE), interval_s=1.0).name == "battery-3"
    assert again.manager.attach(info("B", STORAGE), interval_s=1.0).name == "battery-2"
    assert again.manager.attach(info("A", STORAGE), interval_s=1.0).name == "battery"


@stepped
async def test_values_turn_stale_at_three_intervals_and_the_device_is_lost_at_ten(clock: Clock) -> None:
    unit = Unit(clock)
    meter = unit.manager.attach(info("A", METER), interval_s=1.0)
    meter.report("power.active", 1.5)
    meter.report("energy.import", 10.0, interval_s=10.0)
    meter.report("energy.capacity", 10.0, interval_s=math.inf)
    await unit.after(3.0)
    assert unit.newest("power.active", "meter").quality is Quality.GOOD
    await unit.after(0.5)
    stale = unit.newest("power.active", "meter")
    assert (stale.quality, stale.value) == (Quality.STALE, 1.5)
    assert unit.newest("energy.import", "meter").quality is Quality.GOOD
    await unit.after(6.5)
    assert unit.record("meter").status is DeviceStatus.ATTACHED
    await unit.after(0.5)
    assert unit.record("meter").status is DeviceStatus.LOST
    assert unit.alarm("meter").active
    assert unit.newest("energy.import", "meter").quality is Quality.STALE
    assert unit.newest("energy.capacity", "meter").quality is Quality.GOOD


@stepped
async def test_a_jump_of_the_utc_labels_makes_nothing_stale(clock: Clock) -> None:
    unit = Unit(clock)
    unit.manager.attach(info("A", METER), interval_s=1.0).report("power.active", 1.5)
    clock.jump_utc(6 * 3600)
    await unit.after(1.0)
    assert unit.newest("power.active", "meter").quality is Quality.GOOD


@stepped
async def test_an_answer_ends_lost(clock: Clock) -> None:
    unit = Unit(clock)
    meter = unit.manager.attach(info("A", METER), interval_s=1.0)
    meter.report("power.active", 1.5)
    meter.lost("connection refused")
    assert unit.newest("power.active", "meter").quality is Quality.STALE
    await unit.after(30.0)
    meter.report("power.active", 1.6)
    assert unit.record("meter").status is DeviceStatus.ATTACHED
    assert unit.record("meter").detail == "back after 30 s"
    assert not unit.alarm("meter").active
    assert unit.newest("power.active", "meter").quality is Quality.GOOD


@stepped
async def test_every_change_of_a_device_is_an_event(clock: Clock) -> None:
    unit = Unit(clock)
    events = unit.door.event("device", Location("home", "*", "*"), Condition())
    meter = unit.manager.attach(info("A", METER), interval_s=1.0)
    seen = aiter(events)
    said = []
    for change in (lambda: None, lambda: meter.lost("unplugged"), meter.alive, lambda: meter.moved("10.0.0.6:502")):
        change()
        record = (await anext(seen)).instance.value
        assert isinstance(record, DeviceRecord)
        said.append((record.status, record.detail))
    events.close()
    assert said == [
        (DeviceStatus.ATTACHED, ""),
        (DeviceStatus.LOST, "lost: unplugged"),
        (DeviceStatus.ATTACHED, "back after 0 s"),
        (DeviceStatus.ATTACHED, "moved from 10.0.0.5:502 to 10.0.0.6:502"),
    ]


@stepped
async def test_a_device_under_another_address_after_a_restart_is_moved_not_new(clock: Clock) -> None:
    unit = Unit(clock)
    unit.manager.attach(info("A", STORAGE), interval_s=1.0)
    again = unit.again()
    again.manager.attach(info("A", STORAGE, address="10.0.0.9:502"), interval_s=1.0)
    assert again.record("battery").detail == "moved from 10.0.0.5:502 to 10.0.0.9:502"
    assert again.record("battery").address == "10.0.0.9:502"


@stepped
async def test_a_device_of_the_last_run_that_stays_away_is_lost(clock: Clock) -> None:
    unit = Unit(clock)
    unit.manager.attach(info("A", STORAGE), interval_s=1.0)
    again = unit.again()
    await again.after(11.0)
    assert again.record("battery").status is DeviceStatus.LOST
    assert again.alarm("battery").active
    again.manager.attach(info("A", STORAGE), interval_s=1.0)
    assert again.record("battery").status is DeviceStatus.ATTACHED
    assert not again.alarm("battery").active


@stepped
async def test_attaching_again_gives_the_same_handle_and_takes_what_is_new(clock: Clock) -> None:
    unit = Unit(clock)
    first = unit.manager.attach(info("A", STORAGE), interval_s=1.0)
    first.lost("driver restarted")
    actuator = Obedient()
    second = unit.manager.attach(info("A", STORAGE, address="10.0.0.7:502"), interval_s=2.0, actuator=actuator)
    assert second is first
    assert unit.record("battery").address == "10.0.0.7:502"
    (listed,) = unit.manager.actuators()
    assert (listed.name, listed.capability, listed.actuator, listed.present) == ("battery", STORAGE, actuator, True)


@stepped
async def test_only_what_can_be_commanded_is_an_actuator(clock: Clock) -> None:
    unit = Unit(clock)
    unit.manager.attach(info("1", METER), interval_s=1.0, actuator=Obedient())
    unit.manager.attach(info("2", STORAGE), interval_s=1.0)
    unit.manager.attach(info("3", ProducerCapability(5.0)), interval_s=1.0, actuator=Obedient())
    pv = unit.manager.attach(info("4", ProducerCapability(5.0, curtailable=True)), interval_s=1.0, actuator=Obedient())
    assert [item.name for item in unit.manager.actuators()] == ["pv-2"]
    pv.lost("unplugged")
    assert [item.present for item in unit.manager.actuators()] == [False]
    pv.detach()
    assert unit.manager.actuators() == ()
    assert unit.record("pv-2").status is DeviceStatus.REMOVED


@stepped
async def test_implausible_values_are_refused_counted_and_do_not_keep_a_device_alive(clock: Clock) -> None:
    unit = Unit(clock)
    meter = unit.manager.attach(info("A", METER), interval_s=1.0)
    meter.report("power.active", 1.5)
    for _ in range(21):
        meter.report("power.active", 1e9)
        meter.report("power.active", float("nan"))
        meter.report("no.such.variable", 1.0)
        await unit.after(0.5)
    assert unit.newest("power.active", "meter").value == 1.5
    assert unit.record("meter").status is DeviceStatus.LOST
    counted = unit.newest("self.refusals", "meter", str(RefusalCode.OUT_OF_RANGE)).value
    assert counted == 42.0


@stepped
async def test_what_a_device_says_of_itself_is_kept_short_and_printable(clock: Clock) -> None:
    unit = Unit(clock)
    hostile = DeviceInfo("id", "M" * 5000, "\x00\x1b[31mred", "S\n1", "v", "modbus", "a" * 999, (METER,))
    unit.manager.attach(hostile, interval_s=1.0)
    record = unit.record("meter")
    assert len(record.maker) == 64
    assert record.model == "[31mred"
    assert record.serial == "S1"


@stepped
async def test_a_flood_of_devices_and_series_is_bounded(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    manager = DeviceManager(data.admit(CUSTOMER, "devices"), clock, most_devices=3)
    handles = [manager.attach(info(str(number), METER), interval_s=1.0) for number in range(3)]
    with pytest.raises(RefusedError, match="at most 3 devices"):
        manager.attach(info("4", METER), interval_s=1.0)
    for number in range(600):
        handles[0].report("voltage.dc", 1.0, part=f"string.{number}")
    places = data.admit(CUSTOMER, "test").latest_all("voltage.dc", Location("home", "*", "*"))
    assert len(places) == 512


@stepped
async def test_nothing_is_kept_of_a_device_without_room(clock: Clock) -> None:
    manager = DeviceManager(DataInterface(clock, "home").admit(CUSTOMER, "devices"), clock, most_devices=1)
    manager.attach(info("1", METER), interval_s=1.0)

    def come(numbers: range) -> None:
        for number in numbers:
            with pytest.raises(RefusedError, match="at most 1 devices"):
                manager.attach(info(f"{number:09}", METER), interval_s=1.0)

    come(range(100))
    tracemalloc.start()
    try:
        come(range(100, 2100))
        gc.collect()
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept_bytes < 20_000


@stepped
async def test_scan_asks_every_driver_and_one_fault_hides_nothing(clock: Clock) -> None:
    unit = Unit(clock)

    async def finds() -> str:
        return "found 2 devices"

    async def fails() -> str:
        raise RuntimeError("no bus")

    unit.manager.on_scan("modbus", finds)
    unit.manager.on_scan("zigbee", fails)
    answer = await unit.manager._scan(Location("home"), {})
    assert answer.outcome is Outcome.PARTLY
    assert answer.detail == {"modbus": "found 2 devices", "zigbee": "failed: no bus"}


@stepped
async def test_a_feed_asks_for_its_name_and_its_profiles_hold(clock: Clock) -> None:
    feed = replace(info("", METER), identity="feed:tariff", protocol="feed", capabilities=(), name="tariff")
    unit = Unit(clock)
    handle = unit.manager.attach(feed, interval_s=math.inf)
    assert handle.name == "tariff"
    profile = Profile(clock.utc(), 60, (0.1, 0.2))
    handle.report("profile.price.import", profile)
    handle.report("price.import", 0.1, interval_s=3600)
    await unit.after(100_000)
    assert unit.newest("profile.price.import", "tariff").quality is Quality.GOOD
    assert unit.newest("price.import", "tariff").quality is Quality.STALE
    assert unit.record("tariff").status is DeviceStatus.ATTACHED, "a feed says itself when it is lost"
    handle.report("profile.price.import", 0.3)
    await unit.after(1)
    assert unit.newest("self.refusals", "tariff", str(RefusalCode.WRONG_TYPE)).value == 1.0
    assert (
        unit.again(OwnerSettings(name="power", identity="feed:tariff")).manager.attach(feed, interval_s=math.inf).name
        == "power"
    )


@stepped
async def test_a_feed_that_is_configured_no_more_is_missed_by_nobody(clock: Clock) -> None:
    feed = replace(info("", METER), identity="feed:forecast", protocol="feed", capabilities=(), name="forecast")
    unit = Unit(clock)
    unit.manager.attach(feed, interval_s=math.inf)
    unit.manager.attach(info("S", STORAGE), interval_s=1.0)
    again = unit.again()
    await again.after(60)
    assert again.record("battery").status is DeviceStatus.LOST
    assert again.record("forecast").status is DeviceStatus.ATTACHED
