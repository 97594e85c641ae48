"""The drivers' parts: one for each installed driver that has a section, built anew at each start."""

from collections.abc import Iterator, Mapping
from functools import partial

from heg.config.reader import LoadedConfig
from heg.devices.contract import DriverSpec
from heg.devices.manager import DeviceManager
from heg.unit.parts import Part


def task_of(driver: str) -> str:
    """Return the name of a driver's task."""
    return f"driver.{driver}"


def driver_of(task: str) -> str:
    """Return the driver whose task this is; empty for another task."""
    kind, _, driver = task.partition(".")
    return driver if kind == "driver" else ""


class DriverParts:
    """Makes the parts."""

    def __init__(self, devices: DeviceManager, specs: Mapping[str, DriverSpec]) -> None:
        self._devices, self._specs = devices, specs

    def of(self, config: LoadedConfig) -> Iterator[Part]:
        """Give the parts that a configuration wants."""
        for name, spec in self._specs.items():
            if (section := config.drivers.get(name)) is not None:
                settings = (section, config.unit.unit.time_zone)
                yield Part(task_of(name), settings, partial(self._drive, name, spec, section))

    async def _drive(self, name: str, spec: DriverSpec, section: object) -> None:
        # A driver that failed begins with nothing of what it had.
        await spec.build(section, self._devices.side_of(name)).run()
