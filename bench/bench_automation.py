"""Automation with many appliances: how long a utility's command takes to be decided, and what looking costs."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from zoneinfo import ZoneInfo

from bench.rows import Row, percentile
from heg.data.interface import DataInterface
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.model.appliances import Importance
from heg.model.capabilities import ApplianceCapability, MeterCapability
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.records import DeviceRecord, DeviceStatus
from heg.model.timings import Timings
from heg.runtime.clock import Clock
from heg.runtime.loops import SteppedTiming
from heg.runtime.loops import run as run_loop
from heg.services.automation.service import Automation
from heg.services.automation.settings import AutomationSettings, Strategy

SIZE = 160
DECIDED_MS = 5.0
"""The issue's figure; the paper's gateway took less than 20 ms."""
_ROUNDS = 40
_HERE = Location("home")


def run() -> list[Row]:
    """All through the door, with a store behind it, as in a house."""
    return run_loop(_work, timing=SteppedTiming(datetime(2026, 3, 1, tzinfo=UTC)))


async def _work(clock: Clock) -> list[Row]:
    with TemporaryDirectory() as folder:
        data = DataInterface(clock, "home", SqliteStore(clock, StoreSettings(Path(folder) / "store.sqlite")))
        await data.open(None)
        try:
            return await _measured(clock, data)
        finally:
            await data.close()


async def _measured(clock: Clock, data: DataInterface) -> list[Row]:
    _furnish(data)
    settings = AutomationSettings(
        unit="home", timings=Timings.for_cycle(1.0), zone=ZoneInfo("Europe/Rome"), strategy=Strategy.FULL
    )
    service = Automation(data.admit(CUSTOMER, "automation"), clock, settings)
    running = asyncio.create_task(service.run())
    owner = data.admit(CUSTOMER, "web")
    await clock.sleep(1.0)
    looks = [_timed(service.look) for _ in range(_ROUNDS)]
    reduced, switched = [], []
    for number in range(_ROUNDS):
        begun = perf_counter()
        await owner.command("command.reduce", _HERE, {"max_import_kw": 20.0 + number, "minutes": 5})
        reduced.append((perf_counter() - begun) * 1e3)
        await owner.command("command.reduce", _HERE, {"release": True})
        begun = perf_counter()
        await owner.command("command.appliance", _HERE, {"power_state": "standby", "minutes": 5 + number})
        switched.append((perf_counter() - begun) * 1e3)
        await owner.command("command.appliance", _HERE, {"release": True})
        await clock.sleep(1.0)
    begun_s = process_time()
    for _ in range(60):
        service.look()
    look_s = (process_time() - begun_s) / 60
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return [
        Row(f"a request for less load, {SIZE} appliances, decided and answered, p50", percentile(reduced, 0.5), "ms"),
        Row("the same, p99", percentile(reduced, 0.99), "ms", limit=DECIDED_MS),
        Row(f"an order for all {SIZE}, recorded, claimed and answered, p50", percentile(switched, 0.5), "ms"),
        Row("a look while nobody asks anything, p50", percentile(looks, 0.5), "ms"),
        Row("looking once a second, share of a core", look_s * 100.0, "%", limit=1.0),
    ]


def _timed(work: object) -> float:
    assert callable(work)
    begun = perf_counter()
    work()
    return (perf_counter() - begun) * 1e3


def _furnish(data: DataInterface) -> None:
    driver = data.admit(CUSTOMER, "devices")
    meter = DeviceRecord("meter", *("", "", "", ""), "rig", "", DeviceStatus.ATTACHED, (MeterCapability(3, True),))
    driver.write("device", Location("home", "meter"), meter)
    driver.write("power.active", Location("home", "meter"), 90.0)
    for number in range(SIZE):
        name, importance = f"a{number}", list(Importance)[1 + number % 2]
        capability = ApplianceCapability(0.5, importance=importance, min_on_s=0.0, min_off_s=0.0)
        record = DeviceRecord(
            name, *("", "", "", ""), "upnp", "192.0.2.7", DeviceStatus.ATTACHED, (capability,), actuator=True
        )
        driver.write("device", Location("home", name), record)
        driver.write("state.power", Location("home", name), "on")
