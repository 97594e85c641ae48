"""A driver that crashes takes nobody with it and finds its devices again; `command.scan` reaches every driver."""

import pytest

from heg.data.door import Outcome
from heg.data.interface import DataInterface
from heg.devices.contract import DriverContext
from heg.devices.manager import DeviceManager
from heg.model.capabilities import MeterCapability, StorageCapability
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.runtime.supervisor import Supervisor
from tests.devices.test_manager import info
from tests.support.stepped import stepped


class Reader:
    """A driver of one device that reports once a second and crashes after so many reports."""

    def __init__(self, context: DriverContext, serial: str, storage: bool, crashes_after: int | None = None) -> None:
        self.context = context
        self.info = info(serial, StorageCapability(10, -5, 5) if storage else MeterCapability(3, True))
        self.crashes_after = crashes_after

    async def run(self) -> None:
        async def scan() -> str:
            return f"{self.info.serial} is here"

        self.context.on_scan(self.info.serial, scan)
        handle = self.context.attach(self.info, interval_s=1.0)
        reports = 0
        while True:
            handle.report("power.active", float(reports))
            reports += 1
            if reports == self.crashes_after:
                raise RuntimeError("a bug in the driver")
            await self.context.clock.sleep(1.0)


@stepped
async def test_a_driver_that_crashes_is_started_again_and_the_others_never_miss_a_beat(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    manager = DeviceManager(data.admit(CUSTOMER, "devices"), clock)
    door = data.admit(CUSTOMER, "test")
    supervisor = Supervisor(clock)
    supervisor.start("devices", manager.run)
    supervisor.start("driver.good", lambda: Reader(manager, "A", storage=False).run())
    supervisor.start("driver.bad", lambda: Reader(manager, "B", storage=True, crashes_after=5).run())
    try:
        for _ in range(60):
            await clock.sleep(1.0)
            meter = door.latest("power.active", Location("home", "meter"))
            assert meter is not None
            assert meter.age_s(clock.monotonic_s()) <= 1.0
        assert manager.devices() == ("battery", "meter")
        restarts = {task.name: task.restarts for task in supervisor.health()}
        assert restarts["driver.good"] == 0
        assert restarts["driver.bad"] >= 3
        answer = await door.command("command.scan", Location("home"), {})
        assert answer.outcome is Outcome.DONE
        assert answer.detail == {"A": "A is here", "B": "B is here"}
    finally:
        await supervisor.shutdown()
        await data.close()


@stepped
async def test_without_a_driver_a_scan_is_refused_with_a_reason(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    manager = DeviceManager(data.admit(CUSTOMER, "devices"), clock)
    supervisor = Supervisor(clock)
    supervisor.start("devices", manager.run)
    await clock.sleep(0.1)
    try:
        answer = await data.admit(CUSTOMER, "test").command("command.scan", Location("home"), {})
        assert answer.outcome is Outcome.REFUSED
        assert answer.refusal is not None
        assert "a driver that can look for devices" in str(answer.refusal)
    finally:
        await supervisor.shutdown()
        await data.close()


@pytest.mark.parametrize("crashes_after", [1, 3])
def test_names_stay_through_crashes(crashes_after: int) -> None:
    @stepped
    async def run(clock: Clock) -> None:
        data = DataInterface(clock, "home")
        manager = DeviceManager(data.admit(CUSTOMER, "devices"), clock)
        for _ in range(3):
            with pytest.raises(RuntimeError):
                await Reader(manager, "B", storage=True, crashes_after=crashes_after).run()
        assert manager.devices() == ("battery",)
        await data.close()

    run()
