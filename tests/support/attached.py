"""What tests of drivers ask of the devices that are attached, through the manager and the door."""

from collections.abc import Callable
from typing import Any

from heg.data.door import Door
from heg.devices.contract import AttachedActuator
from heg.devices.manager import DeviceManager
from heg.model.instance import Instance, Location
from heg.model.records import DeviceRecord
from heg.runtime.clock import Clock


class Attached:
    """The unit `home` with its devices."""

    clock: Clock
    manager: DeviceManager
    door: Door

    def latest(self, variable: str, device: str, part: str = "") -> Instance | None:
        """The newest instance, None where there is none."""
        return self.door.latest(variable, Location("home", device, part))

    def value(self, variable: str, device: str, part: str = "") -> Any:
        """Its value, None where there is none."""
        found = self.latest(variable, device, part)
        return None if found is None else found.value

    def record(self, device: str) -> DeviceRecord:
        """The device's record."""
        value = self.value("device", device)
        assert isinstance(value, DeviceRecord)
        return value

    def actuator(self, name: str) -> AttachedActuator:
        """One that can be commanded."""
        return next(item for item in self.manager.actuators() if item.name == name)

    async def until(self, holds: Callable[[], object], within_s: float = 60.0, every_s: float = 0.05) -> float:
        """Seconds until it holds."""
        began_s = self.clock.monotonic_s()
        while not holds():
            assert self.clock.monotonic_s() - began_s < within_s, f"not within {within_s:g} s"
            await self.clock.sleep(every_s)
        return self.clock.monotonic_s() - began_s
