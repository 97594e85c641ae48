"""The data interface and its store: bytes to flash per day, writes through the door, flush, reads, memory."""

import asyncio
import random
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, thread_time

from bench.rows import Row, percentile
from heg.data.door import Door, MailboxKind, Resolution
from heg.data.interface import DataInterface
from heg.data.store.disk import Disk
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.runtime.loops import SteppedTiming
from heg.runtime.loops import run as run_loop

VARIABLES = 100
MINUTES = 120
DAY_MINUTES = 24 * 60
START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
FLASH_LIMIT_MB = 50.0
SERIES = 500


def run() -> list[Row]:
    """Two simulated hours of a house at 1 Hz through the door onto a real file; then the door and memory alone."""
    return [*_flash(), *_door(), *_memory()]


class Signals:
    """A house's series as devices report them: noisy power in W, slowly varying volts, counters in Wh."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.level_kw = [self.chance.uniform(-3, 3) for _ in range(VARIABLES)]
        self.volts = [self.chance.uniform(226, 236) for _ in range(VARIABLES)]
        self.counter_kwh = [self.chance.uniform(0, 20_000) for _ in range(VARIABLES)]

    def second(self) -> Iterator[tuple[str, Location, float]]:
        """One value of each series: a quarter power, a quarter voltage, a quarter current, the rest counters and Hz."""
        gauss = self.chance.gauss
        for number in range(VARIABLES):
            place = Location("home", f"device{number // 10}", f"p{number % 10}")
            group = number - number % 4
            if number % 4 == 0:
                if self.chance.random() < 0.003:  # something is switched
                    self.level_kw[number] = self.chance.uniform(-3, 3)
                self.level_kw[number] += gauss(0, 0.002)
                yield "power.active", place, round(self.level_kw[number] + gauss(0, 0.012), 3)
            elif number % 4 == 1:
                self.volts[number] += gauss(0, 0.05) + (231 - self.volts[number]) / 3600
                yield "voltage", place, round(self.volts[number], 1)
            elif number % 4 == 2:
                yield "current", place, round(abs(self.level_kw[group]) / 0.231 + gauss(0, 0.02), 2)
            elif number % 8 == 3:
                self.counter_kwh[number] += abs(self.level_kw[group]) / 3600
                yield "energy.import", place, round(self.counter_kwh[number], 3)
            else:
                yield "frequency", place, round(50 + gauss(0, 0.01), 2)


def _flash() -> list[Row]:
    flushes: list[float] = []
    busy: list[float] = []

    async def main(clock: Clock) -> tuple[dict[str, int], float, int]:
        with tempfile.TemporaryDirectory() as folder:
            store = SqliteStore(clock, StoreSettings(Path(folder) / "store.sqlite"))
            _time_flushes(store, flushes, busy)
            data = DataInterface(clock, "home", store)
            door, signals = data.admit(CUSTOMER, "bench"), Signals(random.Random(1))
            before = _written()
            await data.open()
            keeping = asyncio.create_task(data.run())
            await _seconds(clock, door, signals, MINUTES * 60)
            history_ms = await _history_ms(door, clock)
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await data.close()  # folds the log into the file: the checkpoint is in the figure whenever it comes
            written = {name: figure - before[name] for name, figure in _written().items()}
            return written, history_ms, store.settings.path.stat().st_size

    written, history_ms, size = run_loop(main, timing=SteppedTiming(START))
    scale = DAY_MINUTES / MINUTES / 1e6
    wanted = f"{VARIABLES} variables x 1 Hz, 60 s flush, log and checkpoints included"
    return [
        Row("bytes written per day (wchar)", written["wchar"] * scale, "MB", wanted, FLASH_LIMIT_MB),
        Row("bytes written per day (write_bytes)", written["write_bytes"] * scale, "MB", "as pages", FLASH_LIMIT_MB),
        Row("store growth per day", size * scale, "MB", "raw and roll-ups"),
        Row("flush, median", percentile(flushes, 0.5) * 1e3, "ms", f"{VARIABLES * 60} rows, on the store's thread"),
        Row("flush, median of processor time", percentile(busy, 0.5) * 1e3, "ms"),
        Row("flush, slowest", max(flushes) * 1e3, "ms"),
        Row("history of 2 h by the minute", history_ms, "ms"),
    ]


def _door() -> list[Row]:
    async def main(clock: Clock) -> list[float]:
        data = DataInterface(clock, "home")
        door, signals = data.admit(CUSTOMER, "bench"), Signals(random.Random(2))
        rows = [row for _ in range(200) for row in signals.second()]
        alone = _rate(door, rows)
        boxes = [door.event("*"), door.event("power.active"), door.event("voltage", mailbox=MailboxKind.LATEST)]
        heard = _rate(door, rows)
        await data.close()
        return [alone, heard, float(len(boxes))]

    alone, heard, boxes = run_loop(main, timing=SteppedTiming(START))
    return [
        Row("writes through the door", alone, "1/s", "validated, into image and tail"),
        Row("writes through the door, heard", heard, "1/s", f"{boxes:.0f} subscribers"),
    ]


def _memory() -> list[Row]:
    async def main(clock: Clock) -> float:
        tracemalloc.start()
        try:
            with tempfile.TemporaryDirectory() as folder:
                store = SqliteStore(clock, StoreSettings(Path(folder) / "store.sqlite"))
                data = DataInterface(clock, "home", store)
                door = data.admit(CUSTOMER, "bench")
                await data.open()
                before, _ = tracemalloc.get_traced_memory()
                for number in range(SERIES):
                    door.write("power.active", Location("home", f"device{number}"), number / 100)
                await store.flush()
                after, _ = tracemalloc.get_traced_memory()
                await data.close()
                return (after - before) / 1024 / 1024
        finally:
            tracemalloc.stop()

    mib = run_loop(main, timing=SteppedTiming(START))
    return [Row(f"image and dictionary of {SERIES} series", mib, "MiB", "allocated by Python")]


async def _seconds(clock: Clock, door: Door, signals: Signals, seconds: int) -> None:
    begun_s = clock.monotonic_s()
    for second in range(seconds):
        for number, (variable, place, value) in enumerate(signals.second()):
            # Ten devices answer one after the other, a few milliseconds apart.
            if number % 10 == 0:
                await clock.sleep_until(begun_s + second + number / 2000)
            door.write(variable, place, value)
        await clock.sleep_until(begun_s + second + 1)


async def _history_ms(door: Door, clock: Clock) -> float:
    end = clock.utc()
    begun_s = perf_counter()
    page = await door.history(
        "power.active", Location("home", "device0", "p0"), end - timedelta(minutes=MINUTES), end, Resolution.MINUTE
    )
    assert len(page.rows) >= MINUTES - 1
    return (perf_counter() - begun_s) * 1e3


def _rate(door: Door, rows: list[tuple[str, Location, float]]) -> float:
    begun_s = perf_counter()
    for variable, place, value in rows:
        door.write(variable, place, value)
    return len(rows) / (perf_counter() - begun_s)


def _time_flushes(store: SqliteStore, flushes: list[float], busy: list[float]) -> None:
    disk: Disk = store._disk  # noqa: SLF001 - the flush runs on the store's thread; nothing outside sees its time
    flush = disk.flush

    def timed(*arguments: object) -> object:
        begun_s, begun_cpu_s = perf_counter(), thread_time()
        result = flush(*arguments)  # type: ignore[arg-type]
        flushes.append(perf_counter() - begun_s)
        busy.append(thread_time() - begun_cpu_s)
        return result

    disk.flush = timed  # type: ignore[assignment,method-assign]


def _written() -> dict[str, int]:
    with closing(Path("/proc/self/io").open()) as file:
        figures = dict(line.split(": ") for line in file.read().splitlines())
    return {name: int(figures[name]) for name in ("wchar", "write_bytes")}
