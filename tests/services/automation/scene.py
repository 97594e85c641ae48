"""Appliances as a driver would have written them, and automation beside them; also over a store, through restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from heg.data.door import CommandAnswer, Door, Receipt
from heg.data.handle import Handle
from heg.data.interface import DataInterface
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.model.appliances import Importance, PowerState, Registration, RequestState
from heg.model.capabilities import ApplianceCapability, MeterCapability
from heg.model.instance import ANY, Location
from heg.model.leases import Claim, Claimant
from heg.model.policy import CUSTOMER
from heg.model.records import AlarmRecord, DeviceRecord, DeviceStatus
from heg.model.timings import Timings
from heg.runtime.clock import Clock
from heg.services.automation.service import Automation
from heg.services.automation.settings import AutomationSettings

ROME = ZoneInfo("Europe/Rome")
UNIT = Location("home")
ON, STANDBY, OFF = PowerState.ON, PowerState.STANDBY, PowerState.OFF


def settings(**changes: Any) -> AutomationSettings:
    return replace(AutomationSettings(unit="home", timings=Timings.for_cycle(1.0), zone=ROME), **changes)


class Mortal(Handle):
    """The door of a service whose process is killed at a write: from then on nothing of it happens."""

    __slots__ = ("writes_left",)

    def __init__(self, door: Door, writes_left: int) -> None:
        assert isinstance(door, Handle)
        super().__init__(door._processor, door._who)
        self.writes_left = writes_left

    def write(self, *said: Any, **more: Any) -> Receipt:
        self.writes_left -= 1
        if self.writes_left < 0:
            raise KilledError
        return super().write(*said, **more)


class KilledError(Exception):
    """The process ended here."""


class Scene:
    """One house of records. `restart` ends process and door, and begins anew on the same store."""

    def __init__(self, clock: Clock, path: Path | None, wanted: AutomationSettings) -> None:
        self.clock, self.path, self.settings = clock, path, wanted
        self.running: asyncio.Task[None] | None = None
        self.known: dict[str, tuple[ApplianceCapability, PowerState | None]] = {}
        self.dies_at: int | None = None
        """How many writes of the service the next process lives for."""
        self._open()

    def _open(self) -> None:
        store = None if self.path is None else SqliteStore(self.clock, StoreSettings(self.path))
        self.data = DataInterface(self.clock, "home", store)
        self.driver: Door = self.data.admit(CUSTOMER, "devices")
        self.owner: Door = self.data.admit(CUSTOMER, "web")

    async def begin(self, *, opened: bool = True) -> None:
        """Start the door and the service, and attach what was known, as drivers do; a slow disk is not open yet."""
        if opened:
            await self.data.open(None)
        for name, (capability, state) in self.known.items():
            self._attach(name, capability, state)
        self.door: Door = self.data.admit(CUSTOMER, "automation")
        if self.dies_at is not None:
            self.door = Mortal(self.door, self.dies_at)
        self.service = Automation(self.door, self.clock, self.settings)
        self.running = asyncio.create_task(self.service.run())
        await self.clock.sleep(0.1)

    async def crash(self) -> None:
        """End the process: what was not written is not done."""
        if self.running is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)
            self.running = None
        await self.data.close()

    async def renewed(self, wanted: AutomationSettings) -> None:
        """The service alone begins anew, by other settings, as at a change of the configuration."""
        assert self.running is not None
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        self.settings = wanted
        self.service = Automation(self.data.admit(CUSTOMER, "automation"), self.clock, wanted)
        self.running = asyncio.create_task(self.service.run())
        await self.clock.sleep(0.1)

    @property
    def dead(self) -> bool:
        return isinstance(self.door, Mortal) and self.door.writes_left < 0

    async def restart(self, after_s: float = 1.0, *, opened: bool = True) -> None:
        await self.crash()
        await self.clock.sleep(after_s)
        self._open()
        await self.begin(opened=opened)

    # Devices.

    def appliance(self, name: str, state: PowerState | None = ON, **said: Any) -> None:
        capability = replace(ApplianceCapability(1.0, settle_s=90.0), **said)
        self._attach(name, capability, state)

    def _attach(self, name: str, capability: ApplianceCapability, state: PowerState | None) -> None:
        self.known[name] = (capability, state)
        self.present(name)
        if state is not None:
            self.is_in(name, state)

    def present(self, name: str, status: DeviceStatus = DeviceStatus.ATTACHED, identity: str = "") -> None:
        record = DeviceRecord(
            name,
            *("", "", "", ""),
            "upnp",
            "192.0.2.7",
            status,
            (self.known[name][0],),
            actuator=True,
            identity=identity or f"uuid:{name}",
        )
        assert self.driver.write("device", Location("home", name), record).accepted

    def is_in(self, name: str, state: PowerState) -> None:
        self.known[name] = (self.known[name][0], state)
        assert self.driver.write("state.power", Location("home", name), str(state)).accepted

    def meter(self, kw: float) -> None:
        if self.driver.latest("device", Location("home", "meter")) is None:
            capability = MeterCapability(3, at_connection_point=True)
            record = DeviceRecord("meter", "", "", "", "", "rig", "", DeviceStatus.ATTACHED, (capability,))
            assert self.driver.write("device", Location("home", "meter"), record).accepted
        assert self.driver.write("power.active", Location("home", "meter"), kw).accepted

    # What is asked and what comes of it.

    async def asks(self, name: str, kind: str, start: str, stop: str | None = None) -> CommandAnswer:
        said = {"kind": kind, "start": start, **({} if stop is None else {"stop": stop})}
        return await self.driver.command("command.register", Location("home", name), said)

    async def withdraws(self, name: str, number: object) -> CommandAnswer:
        return await self.driver.command("command.withdraw", Location("home", name), {"id": number})

    def registrations(self, name: str) -> list[Registration]:
        found = self.owner.latest_all("registration", Location("home", name, ANY))
        return sorted((one.value for one in found if isinstance(one.value, Registration)), key=lambda one: one.id)

    def states(self, name: str) -> list[str]:
        return [str(one.state) for one in self.registrations(name)]

    def registration(self, name: str) -> Registration:
        return self.registrations(name)[-1]

    def claim(self, name: str, claimant: Claimant) -> Claim | None:
        """What is claimed now, by this process, and lives."""
        found = self.owner.latest("claim", Location("home", name, claimant.name.lower()))
        if found is None or found.sequence == 0 or not isinstance(found.value, Claim):
            return None
        return found.value if found.age_s(self.clock.monotonic_s()) < found.value.valid_s else None

    def claims_written(self, name: str, claimant: Claimant) -> int:
        found = self.owner.latest("claim", Location("home", name, claimant.name.lower()))
        return 0 if found is None else found.sequence

    def alarms(self) -> set[str]:
        found = self.owner.latest_all("alarm", Location("home", ANY, ANY))
        return {f"{one.location}" for one in found if isinstance(one.value, AlarmRecord) and one.value.active}

    async def until(self, moment: datetime, seconds: float = 3.0) -> None:
        """Let time pass to a moment, and a little."""
        await self.clock.sleep((moment - self.clock.utc()).total_seconds() + seconds)


@asynccontextmanager
async def scene(clock: Clock, path: Path | None = None, **changes: Any) -> AsyncIterator[Scene]:
    found = Scene(clock, path, settings(**changes))
    await found.begin()
    try:
        yield found
    finally:
        await found.crash()


def at(moment: datetime, hours: float) -> datetime:
    return moment + timedelta(hours=hours)


__all__ = ["OFF", "ON", "STANDBY", "UNIT", "Importance", "RequestState", "Scene", "at", "scene", "settings"]
