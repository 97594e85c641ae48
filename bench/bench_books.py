"""The books: what a look costs, what they write to flash in a day, how long a month of them takes to read."""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from bench.rows import Row, percentile
from heg.data.door import Door, Resolution
from heg.data.interface import DataInterface
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.model.capabilities import Capability, MeterCapability, ProducerCapability, StorageCapability
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.records import DeviceRecord, DeviceStatus
from heg.model.slots import Profile
from heg.model.timings import Timings
from heg.runtime.clock import Clock
from heg.runtime.figures import measure
from heg.runtime.loops import SteppedTiming
from heg.runtime.loops import run as run_loop
from heg.services.accounting.house import HouseView
from heg.services.accounting.service import Accounting
from heg.services.accounting.settings import AccountingSettings

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
HOURS = 6
HERE = Location("home")
SETTINGS = AccountingSettings(unit="home", timings=Timings.for_cycle(1.0))
LIMIT_MB = 3.0
DEVICES: dict[str, tuple[Capability, ...]] = {
    "meter": (MeterCapability(at_connection_point=True),),
    "pv": (ProducerCapability(5.0),),
    "battery": (StorageCapability(10.0, -5.0, 5.0),),
}


def run() -> list[Row]:
    """Six hours of a house's counters and powers through a real store, with the books and without."""
    with_books, looks, month_ms = _lived(books=True)
    without, _, _ = _lived(books=False)
    return [
        Row("bytes the books write per day", (with_books - without) * 24 / HOURS / 1e6, "MB", "slots and checkpoints",
            LIMIT_MB),
        Row("a look, median", percentile(looks, 0.5) * 1e6, "us", "every 5 s, on the loop"),
        Row("a look, 99 of 100", percentile(looks, 0.99) * 1e6, "us"),
        Row("six hours of slots read", month_ms, "ms", "raw, on the store's thread"),
    ]  # fmt: skip


def _lived(*, books: bool) -> tuple[int, list[float], float]:
    looks: list[float] = []

    async def main(clock: Clock) -> tuple[int, float]:
        with tempfile.TemporaryDirectory() as folder:
            data = DataInterface(clock, "home", SqliteStore(clock, StoreSettings(Path(folder) / "store.sqlite")))
            await data.open()
            before = measure().bytes_written or 0
            door = data.admit(CUSTOMER, "bench")
            _furnish(door)
            tasks = [asyncio.create_task(data.run())]
            if books:
                tasks.append(asyncio.create_task(Accounting(data.admit(CUSTOMER, "books"), clock, SETTINGS).run()))
            await _live(clock, door, looks)
            read_ms = await _read_ms(door, clock) if books else 0.0
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await data.close()
            return (measure().bytes_written or 0) - before, read_ms

    written, read_ms = run_loop(main, timing=SteppedTiming(START))
    return written, looks, read_ms


def _furnish(door: Door) -> None:
    for name, can in DEVICES.items():
        record = DeviceRecord(name, "", "", "", "", "modbus", "", DeviceStatus.ATTACHED, can)
        door.write("device", Location("home", name), record)
    for price in ("import", "export"):
        door.write(f"profile.price.{price}", Location("home", "tariff"), Profile(START, 60, (0.3,) * 24))


async def _live(clock: Clock, door: Door, looks: list[float]) -> None:
    view = HouseView(door, SETTINGS)
    counters: dict[tuple[str, str], float] = {}
    for second in range(0, HOURS * 3600, 5):
        for name, variable, kw in _flows(second):
            kwh = counters.get((name, variable), 1000.0) + max(kw, 0.0) * 5 / 3600
            counters[name, variable] = kwh
            if second % 10 == 0:
                door.write(variable, Location("home", name), round(kwh, 3))
            if variable != "energy.export":
                door.write("power.active", Location("home", name), round(kw, 3))
        door.write("soc", Location("home", "battery"), 0.5)
        begun_s = perf_counter()
        view.look(clock.monotonic_s(), clock.utc())
        looks.append(perf_counter() - begun_s)
        await clock.sleep(5.0)


def _flows(second: int) -> Iterator[tuple[str, str, float]]:
    demand_kw = 0.4 + 0.3 * math.sin(second / 700) + (1.8 if second % 1800 < 200 else 0.0)
    sun_kw = max(0.0, 3.0 * math.sin(second / 9000))
    battery_kw = min(max(sun_kw - demand_kw, -3.0), 2.0)
    grid_kw = demand_kw - sun_kw + battery_kw
    yield "meter", "energy.import", grid_kw
    yield "meter", "energy.export", -grid_kw
    yield "pv", "energy.production", sun_kw
    yield "battery", "energy.import", battery_kw
    yield "battery", "energy.export", -battery_kw


async def _read_ms(door: Door, clock: Clock) -> float:
    begun_s = perf_counter()
    now = clock.utc()
    await door.history("books.slot", HERE, now - timedelta(days=1), now, Resolution.RAW, limit=1000)
    return (perf_counter() - begun_s) * 1e3
