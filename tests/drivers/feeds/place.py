"""A data interface, a device manager and the feeds' driver on one stepped loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from drivers.feeds import DRIVER
from drivers.feeds.config import FeedsConfig
from heg.config.reader import load
from heg.data.interface import DataInterface
from heg.devices.contract import OwnerSettings
from heg.devices.manager import DeviceManager
from heg.model.instance import Instance, Location
from heg.model.policy import CUSTOMER
from heg.model.records import DeviceRecord
from heg.model.slots import Profile
from heg.model.timings import Timings
from heg.runtime.clock import Clock
from hil.gateway_config import toml


def configured(folder: Path, section: Mapping[str, Any]) -> FeedsConfig:
    """The section as it is read from a file."""
    path = folder / "heg.toml"
    path.write_text(toml({"feeds": section}))
    config = load(path, {"feeds": DRIVER}).drivers["feeds"]
    assert isinstance(config, FeedsConfig)
    return config


class Place:
    """What a test sees: what passed the door."""

    def __init__(self, clock: Clock, manager: DeviceManager, data: DataInterface) -> None:
        self.clock = clock
        self.manager = manager
        self.door = data.admit(CUSTOMER, "test")

    def instance(self, variable: str, device: str, part: str = "") -> Instance:
        found = self.door.latest(variable, Location("home", device, part))
        assert found is not None, f"no {variable} at {device}/{part}"
        return found

    def value(self, variable: str, device: str = "tariff", part: str = "") -> Any:
        return self.instance(variable, device, part).value

    def profile(self, variable: str, device: str = "tariff", part: str = "") -> Profile:
        value = self.value(variable, device, part)
        assert isinstance(value, Profile)
        return value

    def record(self, device: str = "tariff") -> DeviceRecord:
        value = self.value("device", device)
        assert isinstance(value, DeviceRecord)
        return value

    def refusals(self, device: str = "tariff") -> int:
        found = self.door.latest_all("self.refusals", Location("home", device, "*"))
        return round(sum(one.value for one in found if isinstance(one.value, float)))

    async def after(self, seconds: float) -> None:
        await self.clock.sleep(seconds)

    async def until(self, holds: Callable[[], bool], within_s: float = 600.0, every_s: float = 1.0) -> None:
        end_s = self.clock.monotonic_s() + within_s
        while True:
            with suppress(AssertionError):
                if holds():
                    return
            assert self.clock.monotonic_s() < end_s, f"not within {within_s:g} s"
            await self.clock.sleep(every_s)


@asynccontextmanager
async def feeds(
    clock: Clock,
    folder: Path,
    section: Mapping[str, Any],
    *,
    time_zone: str = "Europe/Berlin",
    owners: tuple[OwnerSettings, ...] = (),
) -> AsyncIterator[Place]:
    """The driver, running."""
    data = DataInterface(clock, "home")
    # Ages are looked at twice a cycle: with a long one the days of these tests pass quickly.
    slow = Timings.for_cycle(60.0)
    manager = DeviceManager(data.admit(CUSTOMER, "devices"), clock, owners=owners, timings=slow, time_zone=time_zone)
    driver = DRIVER.build(configured(folder, section), manager)
    running = [asyncio.ensure_future(driver.run()), asyncio.ensure_future(manager.run())]
    try:
        yield Place(clock, manager, data)
        for task in running:
            assert not task.done(), "the driver goes on whatever its sources do"
    finally:
        for task in running:
            task.cancel()
        for task in running:
            with suppress(asyncio.CancelledError):
                await task
