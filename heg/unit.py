"""The composition root: builds one management unit from its configuration, starts it in order and ends it in reverse.

Nothing else knows all rooms. Read `Unit.start` for what runs, and `Unit.stop` for how it ends: release, flush, close.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from datetime import time, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import heg
from heg.config.reader import LoadedConfig
from heg.config.schema import DeviceSection
from heg.control.room import ControlRoom
from heg.control.settings import ControlSettings, boot_id, settings_for
from heg.data.door import Door
from heg.data.interface import DataInterface
from heg.data.store.settings import Retention, StoreSettings
from heg.data.store.store import SqliteStore
from heg.devices.contract import DriverSpec, OwnerSettings
from heg.devices.manager import DeviceManager
from heg.model.cycles import CycleCurve
from heg.model.instance import Location
from heg.model.leases import Claimant
from heg.model.plan import Objective
from heg.model.plan import Site as PlannedSite
from heg.model.policy import CUSTOMER
from heg.model.records import AlarmRecord, ConfigurationRecord
from heg.model.tariff import Viewpoint
from heg.model.timings import Timings
from heg.runtime.clock import Clock
from heg.runtime.health import TaskHealth, TaskState
from heg.runtime.notify import CycleHeartbeat, ServiceManager
from heg.runtime.supervisor import Backoff, Supervisor
from heg.services.accounting.service import Accounting
from heg.services.accounting.settings import AccountingSettings
from heg.services.cycle_words import CycleSettings
from heg.services.cycles import CycleService, CyclesSettings
from heg.services.planning.loop import SlotLoop
from heg.services.planning.planner import Planner
from heg.services.planning.settings import PlanningSettings
from heg.services.planning.worker_link import WorkerLink
from heg.services.vehicle import VehicleService
from heg.services.vitals import Vitals
from heg.web.accounts.desk import AccountsDesk
from heg.web.accounts.principals import Doors
from heg.web.gate import Gate
from heg.web.house import Home
from heg.web.page import Page
from heg.web.recorder import Recorder
from heg.web.settings import WebSettings

logger = logging.getLogger(__name__)

_CONTROL_AGAIN = Backoff(first_s=1.0, longest_s=10.0)
"""The cycle is never left lying for long; while it is down the watchdog is not fed."""

_CYCLES_MISSED = 3.0
"""A slow cycle is no hang: the service manager's watchdog waits for as many, however short its unit sets it."""

PLANNING = "planning"
"""The slot loop's name as a task and as a service: it alone speaks for the plan."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the unit finds on its machine: its folder, the installed drivers, the service manager.

    `on_page` is told the page's address once it can be visited. A `listener` that is handed in is used instead of the
    configured port. Folder and listener belong to the caller. `planner` makes what answers the slot loop in place of
    the planner's own process.
    """

    state_dir: Path
    drivers: Mapping[str, DriverSpec]
    service_manager: ServiceManager
    on_page: Callable[[str], None] | None = None
    listener: socket.socket | None = None
    planner: Callable[[], Planner] | None = None


class Unit:
    """One management unit on one event loop."""

    def __init__(self, config: LoadedConfig, clock: Clock, site: Site) -> None:
        self._config = config
        self._clock = clock
        self._site = site
        self._here = Location(config.unit.unit.id)
        self.supervisor = Supervisor(clock, on_health=self._tell_health)
        self.data = DataInterface(clock, self._here.unit, SqliteStore(clock, _store_settings(config, site.state_dir)))
        self._door = self.data.admit(CUSTOMER, "unit")
        self._accounts: AccountsDesk | None = None
        control = self._control_settings()
        site.service_manager.allow(_CYCLES_MISSED * control.timings.cycle_s)
        heartbeat = CycleHeartbeat(site.service_manager, clock.real_s)
        self.vitals = Vitals(self._door, clock, self._here.unit, control.timings, heartbeat)
        self.devices = DeviceManager(
            self.data.admit(CUSTOMER, "devices"),
            clock,
            unit=self._here.unit,
            owners=owners_in(config),
            timings=control.timings,
            time_zone=config.unit.unit.time_zone,
        )
        self.control = ControlRoom(
            self.data.admit(CUSTOMER, "control"),
            self.devices,
            clock,
            self.supervisor,
            site.state_dir / "leases.journal",
            control,
            self.vitals.cycle_completed,
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
        start = self.supervisor.start
        start("data", self.data.run, critical=True)
        start("devices", self.devices.run, critical=True)
        for name, spec in self._site.drivers.items():
            if (section := self._config.drivers.get(name)) is not None:
                start(f"driver.{name}", partial(self._drive, spec, section))
        start("control", self.control.run, restart=_CONTROL_AGAIN, critical=True)
        start("vehicle", self._vehicles().run)
        if self._config.unit.planning.enabled:
            start(PLANNING, self._plan_slots)
            start("cycles", self._wait_with_cycles)
        start("accounting", self._keep_books)
        self._start_web()
        start("vitals", self.vitals.run)
        start("lag", self.vitals.measure_lag)
        self._record_configuration()
        self._site.service_manager.status(f"unit {self._here} is running")

    async def stop(self) -> None:
        """Release, flush, close; afterwards no task, file or connection of ours is left."""
        self._site.service_manager.stopping()
        logger.info("stopping")
        # Before anything else ends: giving devices back needs their drivers and the running cycle.
        if not await self.control.close():
            logger.error("not every device could be given back; the next start releases what is still journalled")
        await self.supervisor.shutdown()
        if self._accounts is not None:
            await self._accounts.close()
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

    async def _drive(self, spec: DriverSpec, section: object) -> None:
        # Built anew at each start: a driver that failed begins with nothing of what it had.
        await spec.build(section, self.devices).run()

    async def _plan_slots(self) -> None:
        # Built anew at each start, as a driver is; what answers it ends with it.
        answering = WorkerLink(self._clock) if self._site.planner is None else self._site.planner()
        loop = SlotLoop(self.data.admit(CUSTOMER, PLANNING), self._clock, answering, planning_settings(self._config))
        try:
            await loop.run()
        finally:
            await answering.close()

    async def _wait_with_cycles(self) -> None:
        await CycleService(self.data.admit(CUSTOMER, "cycles"), self._clock, cycles_settings(self._config)).run()

    async def _keep_books(self) -> None:
        # Built anew at each start: it goes on from what it wrote last.
        await Accounting(self.data.admit(CUSTOMER, "accounting"), self._clock, _accounting(self._config)).run()

    def _vehicles(self) -> VehicleService:
        unit = self._config.unit
        timings, zone = Timings.for_cycle(unit.control.cycle_s), ZoneInfo(unit.unit.time_zone)
        return VehicleService(self.data.admit(CUSTOMER, "vehicle"), self._clock, unit.unit.id, timings, zone)

    def _control_settings(self) -> ControlSettings:
        contract, cycle_s = self._config.unit.contract, self._config.unit.control.cycle_s
        if contract is None:
            return ControlSettings(self._here.unit, Timings.for_cycle(cycle_s), boot=boot_id())
        settings = settings_for(
            self._here.unit,
            cycle_s,
            max_import_kw=contract.max_import_kw,
            max_export_kw=contract.max_export_kw,
            max_a_per_phase=contract.max_a_per_phase,
            phases=contract.phases,
            boot=boot_id(),
        )
        return replace(settings, claimants={Claimant.PLAN: frozenset({PLANNING})})

    def _start_web(self) -> None:
        if not self._config.unit.web.login:
            self.supervisor.start("web", self._page(None).run)
            return
        accounts = self._accounts = AccountsDesk(self._clock, self._site.state_dir)
        page = self._page(Gate(accounts, Doors(self.data.admit)))

        async def serve() -> None:
            await accounts.opened()
            await page.run()

        self.supervisor.start("accounts", accounts.run)
        recorder = Recorder(self.data.admit(CUSTOMER, "audit"), accounts, self._here)
        self.supervisor.start("audit", recorder.run)
        self.supervisor.start("web", serve)

    def _page(self, gate: Gate | None) -> Page:
        unit, web = self._config.unit.unit, self._config.unit.web
        step_test_s = Timings.for_cycle(self._config.unit.control.cycle_s).step_test_s
        home = Home(unit.id, unit.time_zone, heg.__version__, step_test_s, planning=self._config.unit.planning.enabled)
        settings = WebSettings(host=web.host, port=web.port)
        return Page(
            self.data.admit(CUSTOMER, "web"),
            self._clock,
            home,
            settings,
            listener=self._site.listener,
            on_open=self._site.on_page,
            file=self._config.path.name,
            gate=gate,
        )

    def _end_alarms_of_the_last_run(self) -> None:
        # Whoever still has reason raises its alarm again; one whose reason went while we were down would stand for
        # ever. What an earlier run left has no place in this run's order of arrival: its sequence is 0.
        for old in self._door.latest_all("alarm"):
            if isinstance(old.value, AlarmRecord) and old.value.active and old.sequence == 0:
                self._door.write("alarm", old.location, replace(old.value, active=False))

    def _record_configuration(self) -> None:
        before = self._door.latest("configuration", self._here)
        known = before.value if before is not None else None
        if isinstance(known, ConfigurationRecord) and known.toml == self._config.text:
            return
        version = known.version + 1 if isinstance(known, ConfigurationRecord) else 1
        self._door.write("configuration", self._here, ConfigurationRecord(version, self._config.text))

    def _tell_health(self, health: TaskHealth) -> None:
        self.vitals.tell(health)
        if health.state in (TaskState.RESTARTING, TaskState.FAILED):
            self._site.service_manager.status(f"task {health.name} is down: {health.last_error}")


@asynccontextmanager
async def store_of(config: LoadedConfig, clock: Clock, state_dir: Path) -> AsyncIterator[Door]:
    """The unit's store alone, while the unit does not run; what was written is on the disk afterwards."""
    data = DataInterface(clock, config.unit.unit.id, SqliteStore(clock, _store_settings(config, state_dir)))
    await data.open(None)
    try:
        yield data.admit(CUSTOMER, "import")
    finally:
        await data.close()


def _store_settings(config: LoadedConfig, state_dir: Path) -> StoreSettings:
    store, kept = config.unit.store, config.unit.store.retention
    return StoreSettings(
        state_dir / "store.sqlite",
        flush_s=store.flush_s,
        retention=Retention(
            raw=timedelta(days=kept.raw_days),
            minute=timedelta(days=kept.minute_days),
            quarter=timedelta(days=kept.quarter_days),
            hour=timedelta(days=kept.hour_days),
            day=timedelta(days=kept.day_days),
        ),
        max_file_bytes=store.max_size_mb * 1_000_000,
    )


def owners_in(config: LoadedConfig) -> tuple[OwnerSettings, ...]:
    """Return what the owner says of each device."""
    return tuple(_owner(name, section) for name, section in config.unit.device.items())


def _owner(name: str, section: DeviceSection) -> OwnerSettings:
    said = {field.name: getattr(section, field.name) for field in fields(OwnerSettings) if field.name != "name"}
    return OwnerSettings(name=name, **said)


def _accounting(config: LoadedConfig) -> AccountingSettings:
    unit = config.unit
    return AccountingSettings(
        unit=unit.unit.id,
        timings=Timings.for_cycle(unit.control.cycle_s),
        slot_minutes=unit.planning.slot_minutes,
        time_zone=unit.unit.time_zone,
        viewpoint=Viewpoint(unit.planning.viewpoint),
    )


def cycles_settings(config: LoadedConfig) -> CyclesSettings:
    """Return what a configuration says of appliances' cycles."""
    unit = config.unit
    return CyclesSettings(
        unit=unit.unit.id,
        timings=Timings.for_cycle(unit.control.cycle_s),
        zone=ZoneInfo(unit.unit.time_zone),
        slot_minutes=unit.planning.slot_minutes,
        cycles=tuple(
            CycleSettings(
                name=name,
                curve=CycleCurve(one.power_kw, one.step_minutes, one.interruptible),
                earliest=None if one.earliest is None else time.fromisoformat(one.earliest),
                latest=None if one.latest is None else time.fromisoformat(one.latest),
                daily=one.daily,
            )
            for name, one in unit.cycle.items()
        ),
    )


def planning_settings(config: LoadedConfig) -> PlanningSettings:
    """Return what a configuration says to the slot loop."""
    planning, site, unit = config.unit.planning, config.unit.site, config.unit.unit
    contract = config.unit.contract
    return PlanningSettings(
        unit=unit.id,
        timings=Timings.for_cycle(config.unit.control.cycle_s),
        slot_minutes=planning.slot_minutes,
        slots=max(1, round(planning.horizon_hours * 60 / planning.slot_minutes)),
        objective=None if planning.objective is None else Objective(planning.objective),
        viewpoint=Viewpoint(planning.viewpoint),
        wear_eur_per_kwh=planning.wear_eur_per_kwh,
        end_value_eur_per_kwh=planning.end_value_eur_per_kwh,
        outside_tube_eur_per_kwh=planning.outside_tube_eur_per_kwh,
        site=PlannedSite(
            time_zone=unit.time_zone,
            latitude=site.latitude,
            longitude=site.longitude,
            tilt=site.tilt,
            azimuth=site.azimuth,
            peak_kw=site.panels_kw,
        ),
        phases=3 if contract is None else contract.phases,
    )
