"""The feeds: a year's file read, what they keep in memory, what they have written to flash in a day."""

import asyncio
import tempfile
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from bench.rows import Row, percentile
from drivers.feeds.config import CsvSection, FeedsConfig, ForecastSection, TariffSection
from drivers.feeds.driver import FeedsDriver
from drivers.feeds.series import Span
from drivers.feeds.table import Wanted, read_table
from heg.data.interface import DataInterface
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.devices.manager import DeviceManager
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.runtime.loops import SteppedTiming
from heg.runtime.loops import run as run_loop

START = datetime(2026, 3, 1, tzinfo=UTC)
YEAR_ROWS = 35_040
COLUMNS = ("demand_kw", "production_kw", "import_eur_per_kwh", "export_eur_per_kwh", "co2_eur_per_kwh")
REPEATS = 9


def run() -> list[Row]:
    """A year of quarter hours; then a day of a house with a tariff and a forecast from it."""
    with tempfile.TemporaryDirectory(prefix="heg-bench-") as scratch:
        folder = Path(scratch)
        path = folder / "year.csv"
        _write_year(path)
        for name in ("alone", "with"):
            (folder / name).mkdir()
        alone_mb, _ = run_loop(lambda clock: _day(clock, folder / "alone", None), timing=SteppedTiming(START))
        with_mb, kept_kib = run_loop(lambda clock: _day(clock, folder / "with", path), timing=SteppedTiming(START))
        return [
            Row("feeds: a year's file read, p50", _read_ms(path), "ms", f"{YEAR_ROWS} rows, on a thread of its own"),
            Row(
                "feeds: written to flash a day",
                with_mb - alone_mb,
                "MB",
                "of five series; two days compared, noise 0.2",
                limit=2.0,
            ),
            Row("feeds: kept in memory", kept_kib, "KiB", "driver, file, profiles, manager", limit=1024.0),
        ]


def _write_year(path: Path) -> None:
    with path.open("w") as file:
        file.write(",".join(("time_utc", *COLUMNS)) + "\n")
        for row in range(YEAR_ROWS):
            time = (START - timedelta(days=180) + row * timedelta(minutes=15)).isoformat()
            file.write(
                f"{time},{row % 97 / 50},{row % 89 / 40},{0.2 + row % 83 / 1000:.5f},0.08,{row % 71 / 5000:.5f}\n"
            )


def _read_ms(path: Path) -> float:
    wanted = [Wanted(column, -20.0, 1000.0) for column in COLUMNS]
    spent = []
    for _ in range(REPEATS):
        began_s = perf_counter()
        with path.open("rb") as file:
            read_table(file, wanted, Span(START, START + timedelta(days=3)))
        spent.append((perf_counter() - began_s) * 1e3)
    return percentile(spent, 0.5)


async def _day(clock: Clock, folder: Path, path: Path | None) -> tuple[float, float]:
    """A day with the feeds of a file, or without any: MB written (wchar) and KiB that the feeds keep."""
    data = DataInterface(clock, "home", SqliteStore(clock, StoreSettings(folder / "store.sqlite")))
    await data.open()
    manager = DeviceManager(data.admit(CUSTOMER, "devices"), clock)
    tasks = [asyncio.ensure_future(one) for one in (data.run(), manager.run(), _measure(clock, data))]
    await clock.sleep(300)
    tracemalloc.start()
    if path is not None:
        csv = CsvSection(path=str(path))
        config = FeedsConfig(tariff=TariffSection(csv=csv), forecast=ForecastSection(csv=csv))
        tasks.append(asyncio.ensure_future(FeedsDriver(config, manager).run()))
    await clock.sleep(120)
    kept_kib = tracemalloc.get_traced_memory()[0] / 1024
    tracemalloc.stop()
    before = _written()
    await clock.sleep(86_400)
    written_mb = (_written() - before) / 1e6
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await data.close()
    return written_mb, kept_kib


async def _measure(clock: Clock, data: DataInterface) -> None:
    """What keeps the store writing its frames each minute anyway."""
    door = data.admit(CUSTOMER, "meter")
    while True:
        door.write("power.active", Location("home", "meter"), clock.monotonic_s() % 7)
        await clock.sleep(10)


def _written() -> int:
    figures = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(figures["wchar"])
