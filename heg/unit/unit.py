"""The unit: builds its rooms from configuration, starts them in order and ends them in reverse.

Read `Unit.parts` for what runs, and `Unit.stop` for how it ends: release, flush, close.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from heg.config.reader import LoadedConfig
from heg.control.room import ControlRoom
from heg.data.door import Door
from heg.data.interface import DataInterface
from heg.data.store.store import SqliteStore
from heg.devices.manager import DeviceManager
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.records import AlarmRecord
from heg.runtime.clock import Clock
from heg.runtime.health import TaskHealth, TaskState
from heg.runtime.notify import CycleHeartbeat
from heg.runtime.supervisor import Backoff, Supervisor
from heg.services.vitals import Vitals
from heg.unit.configuring import Configuration
from heg.unit.device_desk import DeviceDesk
from heg.unit.driver_parts import DriverParts
from heg.unit.force import InForce
from heg.unit.parts import Part
from heg.unit.service_parts import ServiceParts
from heg.unit.settings import control_settings, owners_in, page_port, store_settings
from heg.unit.site import Site
from heg.unit.source import Source
from heg.unit.web_parts import WebParts

logger = logging.getLogger(__name__)

_CONTROL_AGAIN = Backoff(first_s=1.0, longest_s=10.0)
"""The cycle is never left lying for long; while it is down the watchdog is not fed."""

_CYCLES_MISSED = 3.0
"""A slow cycle is no hang: the service manager's watchdog waits for as many, however short its unit sets it."""


class Unit:
    """One management unit on one event loop."""

    def __init__(self, config: LoadedConfig, clock: Clock, site: Site) -> None:
        self._clock = clock
        self._site = site
        unit = config.unit
        self._here = Location(unit.unit.id)
        self.supervisor = Supervisor(clock, on_health=self._tell_health)
        self.data = DataInterface(clock, self._here.unit, SqliteStore(clock, store_settings(unit, site.state_dir)))
        self._door = self._admit("unit")
        control = control_settings(unit)
        site.service_manager.allow(_CYCLES_MISSED * control.timings.cycle_s)
        heartbeat = CycleHeartbeat(site.service_manager, clock.real_s)
        self.vitals = Vitals(self._door, clock, self._here.unit, control.timings, heartbeat)
        self.devices = DeviceManager(
            self._admit("devices"),
            clock,
            unit=self._here.unit,
            owners=owners_in(unit),
            timings=control.timings,
            time_zone=unit.unit.time_zone,
            rename=self.data.rename_devices,
            page_port=page_port(unit),
        )
        self.control = ControlRoom(
            self._admit("control"),
            self.devices,
            clock,
            self.supervisor,
            site.state_dir / "leases.journal",
            control,
            self.vitals.cycle_completed,
        )
        self._drivers = DriverParts(self.devices, site.drivers)
        self._services = ServiceParts(self._admit, clock, site.planner)
        self._web = WebParts(self.data, clock, site, self._here, config.path.name)
        source = Source(config.path, site.drivers, site.state_dir, site.look_every_s)
        self._force = InForce(config, self.parts, self.supervisor, self.devices, self.control, site)
        self.configuration = Configuration(self._admit("configuration"), clock, self._here, config, source, self._force)
        self._device_desk = DeviceDesk(
            self._admit("configuration"),
            clock,
            self._here.unit,
            site.drivers,
            self.devices,
            self.control,
            self.configuration,
        )

    async def run(self, stop: asyncio.Event) -> bool:
        """Start, work until `stop` is set, end in order; False when a critical task had ended for good before."""
        try:
            # First what the last run left: control must know the owner's switches before it touches anything.
            await self.data.open()
            self.start()
            return await self._until(stop)
        finally:
            await self.stop()

    def start(self) -> None:
        """Start every long-running task. What others stand on comes first, because the end goes the other way round."""
        self._end_alarms_of_the_last_run()
        self._force.start()
        self._site.service_manager.status(f"unit {self._here} is running")

    def parts(self, config: LoadedConfig) -> Iterator[Part]:
        """Give every long-running task that a configuration wants, in the order in which they are started."""
        yield Part("data", (), self.data.run, critical=True)
        yield Part("devices", (), self.devices.run, critical=True)
        yield Part("configuration", (), self.configuration.run)
        yield Part("device-desk", (), self._device_desk.run)
        yield from self._drivers.of(config)
        yield Part("control", (), self.control.run, restart=_CONTROL_AGAIN, critical=True)
        yield from self._services.of(config.unit)
        yield from self._web.of(config.unit)
        yield Part("vitals", (), self.vitals.run)
        yield Part("lag", (), self.vitals.measure_lag)

    async def stop(self) -> None:
        """Release, flush, close; afterwards no task, file or connection of ours is left."""
        self._site.service_manager.stopping()
        logger.info("stopping")
        await self._force.close()
        # Before anything else ends: giving devices back needs their drivers and the running cycle.
        if not await self.control.close():
            logger.error("not every device could be given back; the next start releases what is still journalled")
        await self.supervisor.shutdown()
        await self._web.close()
        await self.data.close()
        logger.info("stopped")

    async def _until(self, stop: asyncio.Event) -> bool:
        asked = asyncio.ensure_future(stop.wait())
        fatal = asyncio.ensure_future(self.supervisor.fatal())
        try:
            await asyncio.wait({asked, fatal}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
            fatal.cancel()
        if not asked.done() or asked.cancelled():
            logger.critical("the unit cannot go on: task %s: %s", fatal.result().name, fatal.result().last_error)
            return False
        return True

    def _admit(self, service: str) -> Door:
        return self.data.admit(CUSTOMER, service)

    def _end_alarms_of_the_last_run(self) -> None:
        # Whoever still has reason raises its alarm again; one whose reason went while we were down would stand for
        # ever. What an earlier run left has no place in this run's order of arrival: its sequence is 0.
        for old in self._door.latest_all("alarm"):
            if isinstance(old.value, AlarmRecord) and old.value.active and old.sequence == 0:
                self._door.write("alarm", old.location, replace(old.value, active=False))

    def _tell_health(self, health: TaskHealth) -> None:
        self.vitals.tell(health)
        if health.state in (TaskState.RESTARTING, TaskState.FAILED):
            self._site.service_manager.status(f"task {health.name} is down: {health.last_error}")


@asynccontextmanager
async def store_of(config: LoadedConfig, clock: Clock, state_dir: Path) -> AsyncIterator[Door]:
    """The unit's store alone, while the unit does not run; what was written is on the disk afterwards."""
    data = DataInterface(clock, config.unit.unit.id, SqliteStore(clock, store_settings(config.unit, state_dir)))
    await data.open(None)
    try:
        yield data.admit(CUSTOMER, "import")
    finally:
        await data.close()
