"""Our driver against a Modbus server that shares no code with ours or with the rig's: modbus-serial of npm."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from drivers.modbus.config import ModbusConfig
from drivers.modbus.driver import ModbusDriver
from heg.data.interface import DataInterface
from heg.devices.contract import ReadBack
from heg.devices.manager import DeviceManager
from heg.model.instance import Location
from heg.model.leases import SetPoint
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming, run
from hil.devices.device import SunSpecDevice
from hil.rig import Rig
from tests.drivers.modbus.place import a_plan
from tests.support.npm_modbus import needs_npm, npm_server, words

pytestmark = [pytest.mark.system, needs_npm]


def test_the_driver_reads_and_commands_what_another_implementation_serves() -> None:
    async def scene(clock: Clock) -> None:
        registers = {name: registers_of(name, clock) for name in ("battery", "meter")}
        with ExitStack() as servers:
            hosts = [f"127.0.0.1:{servers.enter_context(npm_server(registers[name]))}" for name in registers]
            data = DataInterface(clock, "home")
            manager = DeviceManager(data.admit(CUSTOMER, "devices"), clock)
            driver = ModbusDriver(ModbusConfig(hosts=tuple(hosts), interval_s=0.2), manager)
            running = [asyncio.create_task(manager.run()), asyncio.create_task(driver.run())]
            try:
                door = data.admit(CUSTOMER, "test")

                def value(variable: str, device: str) -> Any:
                    found = door.latest(variable, Location("home", device))
                    return None if found is None else found.value

                async with asyncio.timeout(20):
                    while value("power.active", "meter") is None or value("soc", "battery") is None:
                        await clock.sleep(0.05)
                assert manager.devices() == ("battery", "meter")
                assert value("power.active", "meter") == pytest.approx(2.0, abs=0.02), "importing is positive"
                assert value("soc", "battery") == pytest.approx(0.5, abs=0.001)
                [battery] = manager.actuators()
                assert await battery.actuator.apply(SetPoint(power_kw=1.5, revert_s=60)) is None
                read_back = await battery.actuator.read_back()
                assert isinstance(read_back, ReadBack)
                assert read_back.active
                assert read_back.set_point.power_kw == pytest.approx(1.5, abs=0.01)
                assert await battery.actuator.release() is None
                read_back = await battery.actuator.read_back()
                assert isinstance(read_back, ReadBack)
                assert not read_back.active
            finally:
                for task in running:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
                await data.close()

    run(scene, timing=RealTiming())


def registers_of(name: str, clock: Clock) -> dict[int, list[int]]:
    """A simulated device's registers as pysunspec2 encodes them, standing still: 2 kW of demand, no sun."""
    rig = Rig(a_plan(demand_kw=2.0, sun_kw=0.0, own_mode=False), clock)  # never started: nothing of it listens
    rig.truth.advance_to(5.0)
    device = rig.handles[name].device
    assert isinstance(device, SunSpecDevice)
    device.refresh()
    return {device.image.base: words(device.image.data)}
