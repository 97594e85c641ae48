"""A rig, a data interface, a device manager and the Modbus driver on one stepped loop, talking over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from drivers.modbus.config import ModbusConfig, SerialBus
from drivers.modbus.driver import ModbusDriver
from heg.data.interface import DataInterface
from heg.devices.contract import OwnerSettings
from heg.devices.manager import DeviceManager
from heg.model.instance import Instance, Location
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from hil.devices.meter import MeterSettings
from hil.devices.pv import PvSettings
from hil.devices.storage import StorageSettings
from hil.house.battery import BatteryConfig
from hil.house.house import Constant, HouseConfig
from hil.house.producer import ProducerConfig
from hil.rig import DeviceSettings, Rig, RigPlan
from tests.support.attached import Attached


class Place(Attached):
    """What a test sees: the rig's truth on one side, what passed the door on the other."""

    def __init__(
        self, clock: Clock, rig: Rig, manager: DeviceManager, driver: ModbusDriver, data: DataInterface
    ) -> None:
        self.clock = clock
        self.rig = rig
        self.manager = manager
        self.driver = driver
        self.door = data.admit(CUSTOMER, "test")

    def at(self, device: str, part: str = "") -> Location:
        return Location("home", device, part)

    def instance(self, variable: str, device: str, part: str = "") -> Instance:
        found = self.latest(variable, device, part)
        assert found is not None, f"no {variable} at {device}/{part}"
        return found

    async def after(self, seconds: float) -> None:
        await self.clock.sleep(seconds)


def a_plan(
    *,
    meter: str = "203",
    pv: str = "103",
    battery: str = "704",
    measurement: int = 701,
    demand_kw: float = 1.0,
    sun_kw: float = 3.0,
    own_mode: bool = True,
    strict_revert: bool = False,
    **more: Any,
) -> RigPlan:
    """A house with a meter, a PV inverter and a battery of the wanted variants."""
    config = HouseConfig(
        batteries={"battery": BatteryConfig(self_consumption=own_mode)}, producers={"pv": ProducerConfig()}
    )
    devices: dict[str, DeviceSettings] = {
        "meter": MeterSettings(variant=meter),
        "pv": PvSettings(variant=pv),
        "battery": StorageSettings(variant=battery, measurement=measurement, strict_revert=strict_revert),
    }
    return RigPlan(house=config, weather=Constant(demand_kw, sun_kw), devices=devices, **more)


@asynccontextmanager
async def a_place(
    clock: Clock,
    plan: RigPlan | None = None,
    *,
    owners: tuple[OwnerSettings, ...] = (),
    config: Mapping[str, Any] | None = None,
    settled: tuple[str, ...] = ("battery", "meter", "pv"),
    serial_units: tuple[int, ...] = (),
) -> AsyncIterator[Place]:
    """Everything up, the devices of `settled` found."""
    async with Rig(plan or a_plan(), clock) as rig:
        data = DataInterface(clock, "home")
        manager = DeviceManager(data.admit(CUSTOMER, "devices"), clock, owners=owners)
        hosts = tuple(dict.fromkeys(handle.address for handle in rig.handles.values() if ":" in handle.address))
        lines = {handle.address for handle in rig.handles.values() if ":" not in handle.address}
        serial = tuple(SerialBus(port=line, units=serial_units, baudrate=115_200) for line in sorted(lines))
        driver = ModbusDriver(ModbusConfig(**{"hosts": hosts, "serial": serial, **(config or {})}), manager)
        tasks = [asyncio.create_task(manager.run()), asyncio.create_task(driver.run())]
        try:
            place = Place(clock, rig, manager, driver, data)
            await place.until(lambda: set(settled) <= set(manager.devices()) or any(task.done() for task in tasks))
            for task in tasks:
                if task.done():
                    task.result()
            yield place
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            await data.close()
