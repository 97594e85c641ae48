"""What the page costs the gateway: a picture with a plan, the plan whole, and plan beside truth off a real store."""

import asyncio
import random
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter

from bench.bench_store import START, Signals, _seconds
from bench.rows import Row, median_s
from heg.data.door import Door
from heg.data.interface import DataInterface
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.runtime.loops import SteppedTiming
from heg.runtime.loops import run as run_loop
from heg.web.messages import encode
from heg.web.planned_past import PlannedPast
from heg.web.snapshot import Snapshot
from tests.web import paper_plan
from tests.web.house import HOME, PaperHouse

HOURS = 1
SLOTS_A_DAY = 96


def run() -> list[Row]:
    """Pictures in memory; then two hours of 100 variables at 1 Hz on a file, read back slot by slot."""
    return [*run_loop(_pictures, timing=SteppedTiming(START)), *run_loop(_past, timing=SteppedTiming(START))]


async def _pictures(clock: Clock) -> list[Row]:
    data = DataInterface(clock, HOME.unit)
    house = PaperHouse(data, clock)
    house.attach()
    house.tick()
    snapshot = Snapshot(data.admit(CUSTOMER, "web"), clock, HOME)
    bare_s, bare = _picture(snapshot)
    paper_plan.publish(house.door, paper_plan.plan_from(START))
    paper_plan.book(house.door, START)
    told_s, told = _picture(snapshot)
    whole_s = median_s(lambda: encode(snapshot.plan()), repeat=50)
    whole = len(encode(snapshot.plan()))
    await data.close()
    return [
        Row("a picture with plan and savings", told_s * 1e3, "ms", "baseline: without", baseline=bare_s * 1e3),
        Row("its size", told / 1e3, "kB", "baseline: without", baseline=bare / 1e3),
        Row("the plan whole, 96 slots", whole_s * 1e3, "ms", f"{whole / 1e3:.1f} kB"),
    ]


def _picture(snapshot: Snapshot) -> tuple[float, int]:
    return median_s(lambda: encode(snapshot.state()), repeat=200), len(encode(snapshot.state()))


async def _past(clock: Clock) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        data = DataInterface(clock, HOME.unit, SqliteStore(clock, StoreSettings(Path(folder) / "store.sqlite")))
        door = data.admit(CUSTOMER, "bench")
        house = PaperHouse(data, clock)
        await data.open()
        keeping = asyncio.create_task(data.run())
        house.attach()
        await _lived(clock, door, house)
        rows = await _reading(clock, data.admit(CUSTOMER, "web"))
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await data.close()
        return rows


async def _lived(clock: Clock, door: Door, house: PaperHouse) -> None:
    for _ in range(HOURS * 4):
        paper_plan.publish(house.door, paper_plan.plan_from(clock.utc()))
        signals = Signals(random.Random(3))
        for _ in range(15):
            house.tick()
            await _seconds(clock, door, signals, 60)


async def _reading(clock: Clock, door: Door) -> list[Row]:
    end = clock.utc() - timedelta(minutes=15)
    start = end - timedelta(hours=HOURS) + timedelta(minutes=15)
    past, slots = PlannedPast(door, clock, HOME), HOURS * 4 - 1
    first_s = await _read_s(past, start - timedelta(minutes=15), end)
    again_s = await _read_s(past, start - timedelta(minutes=15), end)
    begun_s = perf_counter()
    cursor = ""
    page = await door.history("plan.slot", paper_plan.HERE, start, end, limit=1000)
    while page.next_cursor is not None and page.next_cursor != cursor:
        cursor = page.next_cursor
        page = await door.history("plan.slot", paper_plan.HERE, start, end, cursor=cursor, limit=1000)
    plain_s = perf_counter() - begun_s
    a_day = SLOTS_A_DAY / (slots + 1)
    return [
        Row("plan and truth of a day, first time", first_s * a_day * 1e3, "ms", "from 2 h; on the store's thread"),
        Row("the same again", again_s * a_day * 1e3, "ms", "truth only"),
        Row("slots' records of a day as raw history", plain_s * a_day * 1e3, "ms", "what it is not read as"),
    ]


async def _read_s(past: PlannedPast, start: datetime, end: datetime) -> float:
    begun_s = perf_counter()
    await past.read(start, end)
    return perf_counter() - begun_s
