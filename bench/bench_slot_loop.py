"""The slot loop inside the gateway's process: what a look, a problem and a published plan hold up, the past, flash."""

import asyncio
import math
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter

from bench.rows import Row, percentile
from heg.data.door import Door
from heg.data.interface import DataInterface
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.model.capabilities import MeterCapability, ProducerCapability, StorageCapability
from heg.model.instance import Location
from heg.model.plan import Forecast as Expected
from heg.model.plan import Plan, PlanInputs, PlanStatus, SeriesForecast, SlotDecision, SlotReason, SlotReasonCode
from heg.model.policy import CUSTOMER
from heg.model.records import DeviceRecord, DeviceStatus
from heg.model.regimes import Regime, RegimeOrder
from heg.model.slots import Profile
from heg.model.timings import Timings
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming, SteppedTiming
from heg.runtime.loops import run as run_loop
from heg.services.planning.gather import Gathered, gather
from heg.services.planning.outlook import Outlook
from heg.services.planning.past import SeriesPast, read_past
from heg.services.planning.publish import Publisher
from heg.services.planning.settings import PlanningSettings
from heg.services.planning.standing import Standing

HERE = Location("home")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOLD_UP_MS = 100.0
"""What may lie between two turns of the loop without the control cycle (1 s) being late by more than a tenth."""


def run() -> list[Row]:
    """All in memory but for the past, which is five weeks of a store with a house's other series in it."""
    rows = []
    for minutes in (15, 5):
        rows += run_loop(partial(_work, minutes), timing=RealTiming())
    rows += run_loop(_past, timing=RealTiming())
    rows += run_loop(_flash, timing=SteppedTiming(datetime(2026, 3, 1, tzinfo=UTC)))
    return rows


def _settings(minutes: int) -> PlanningSettings:
    return PlanningSettings(unit="home", timings=Timings.for_cycle(1.0), slot_minutes=minutes, slots=24 * 60 // minutes)


def _furnish(door: Door, now: datetime) -> None:
    for name, capability in (
        ("meter", MeterCapability(3, at_connection_point=True)),
        ("pv", ProducerCapability(5.0)),
        ("battery", StorageCapability(10.0, -5.0, 5.0)),
    ):
        record = DeviceRecord(name, "", "", "", "", "", "", DeviceStatus.ATTACHED, (capability,))
        door.write("device", Location("home", name), record)
        door.write("power.active", Location("home", name), 1.0)
    door.write("soc", Location("home", "battery"), 0.5)
    hour = EPOCH + (now - EPOCH) // timedelta(hours=1) * timedelta(hours=1)
    for variable in ("profile.price.import", "profile.price.export", "profile.price.co2"):
        values = tuple(0.3 + 0.1 * math.sin(at) for at in range(72))
        door.write(variable, Location("home", "spot"), Profile(hour - timedelta(hours=24), 60, values))


async def _work(minutes: int, clock: Clock) -> list[Row]:
    data = DataInterface(clock, "home")
    door, settings = data.admit(CUSTOMER, "planning"), _settings(minutes)
    outlook, publisher = Outlook(door, settings), Publisher(door, settings)
    _furnish(door, clock.utc())
    slot = clock.utc()
    for back in range(35 * settings.slots):
        for past in outlook.past.values():
            past.put(slot - back * settings.slot, 1.0 + back % 7 / 10)
    looks = _timed(lambda: outlook.look(clock.monotonic_s(), clock.utc()), 500)

    def problem() -> Gathered:
        return gather(outlook, settings, 1, clock.monotonic_s(), clock.utc())

    gathers = _timed(problem, 50)
    stands = _plan(problem(), clock)
    publishes = _timed(lambda: publisher.publish(stands, clock.monotonic_s(), clock.utc()), 50)
    await data.close()
    name = f"{settings.slots} slots of {minutes} min"
    return [
        Row(f"a look between plans, {name}", 1e3 * percentile(looks, 0.5), "ms", "every 2 s", limit=2.0),
        Row(f"gather a problem, p99, {name}", 1e3 * percentile(gathers, 0.99), "ms", limit=HOLD_UP_MS),
        Row(f"publish a plan, p99, {name}", 1e3 * percentile(publishes, 0.99), "ms", limit=HOLD_UP_MS),
    ]


def _timed(work: Callable[[], object], times: int) -> list[float]:
    spans = []
    for _ in range(times):
        begun_s = perf_counter()
        work()
        spans.append(perf_counter() - begun_s)
    return spans


def _plan(gathered: Gathered, clock: Clock) -> Standing:
    problem: PlanInputs = gathered.request.problem
    slots = len(problem.import_eur_per_kwh)
    text = "Charges at the planned power: a kWh costs 0.2412 EUR now and saves 0.3874 EUR at 19:00 UTC, less losses."
    reason = SlotReason(SlotReasonCode.CHEAP_NOW, text, 1 / 3, 2 / 3, problem.start, "contract_max", 1 / 7)
    series = tuple(1.0 + math.sin(at) / 3 for at in range(slots))
    expected = SeriesForecast(values_kw=series, low_kw=series, high_kw=series)
    plan = Plan(
        start=problem.start,
        slot_minutes=problem.slot_minutes,
        status=PlanStatus.OPTIMAL,
        demand_kw=series,
        production_kw=series,
        import_eur_per_kwh=problem.import_eur_per_kwh,
        export_eur_per_kwh=problem.export_eur_per_kwh,
        co2_eur_per_kwh=problem.co2_eur_per_kwh,
        grid_kw=series,
        production_used_kw=series,
        ess=tuple(SlotDecision(one, RegimeOrder(Regime.CHARGE, one), reason, one / 3) for one in series),
        ess_soc_kwh=(*series, 1.0),
    )
    forecast = Expected(start=problem.start, slot_minutes=problem.slot_minutes, demand=expected, production=expected)
    return Standing(plan, gathered.members, "", clock.monotonic_s(), clock.utc(), forecast)


async def _past(clock: Clock) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(clock, StoreSettings(Path(folder) / "store.sqlite"))
        data = DataInterface(clock, "home", store)
        await data.open()
        door = data.admit(CUSTOMER, "bench")
        now = clock.utc()
        start = EPOCH + (now - EPOCH) // timedelta(minutes=15) * timedelta(minutes=15)
        for back in range(1, 35 * 96):
            time = start - back * timedelta(minutes=15)
            door.write("slot.demand", HERE, back % 7 / 10, time=time)
            for other in range(60):  # what else is in the buckets of a quarter of an hour
                door.write("power.active", Location("home", f"device{other}"), back / 1000, time=time)
            if back % 200 == 0:
                await store.flush()
        await store.flush()
        late: list[float] = []
        watching = asyncio.ensure_future(_watch(late))
        past = SeriesPast(15)
        begun_s = perf_counter()
        found = await read_past(door, clock, HERE, "slot.demand", past)
        took_s = perf_counter() - begun_s
        watching.cancel()
        await data.close()
    return [
        Row("five weeks of quarter hours from the store", took_s, "s", f"{found} slots beside 60 other series"),
        Row("the loop is held up by a page of them, at most", 1e3 * max(late), "ms", limit=HOLD_UP_MS),
    ]


async def _watch(late: list[float]) -> None:
    while True:
        before_s = perf_counter()
        await asyncio.sleep(0.005)
        late.append(perf_counter() - before_s - 0.005)


async def _flash(clock: Clock) -> list[Row]:
    """A day of plans, four of five of them as the last one, as a receding horizon makes them, with noise."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(clock, StoreSettings(Path(folder) / "store.sqlite"))
        data = DataInterface(clock, "home", store)
        await data.open()
        running = asyncio.ensure_future(data.run())
        door, settings = data.admit(CUSTOMER, "planning"), _settings(15)
        outlook, publisher = Outlook(door, settings), Publisher(door, settings)
        _furnish(door, clock.utc())
        before = _written()
        for number in range(96):
            now = clock.utc()
            outlook.look(clock.monotonic_s(), now)
            stands = _plan(gather(outlook, settings, number, clock.monotonic_s(), now), clock)
            noisy = tuple(
                round(one * (1 + 0.1 * math.sin(number * 7 + at)), 4) for at, one in enumerate(stands.plan.grid_kw)
            )
            publisher.publish(replace(stands, plan=replace(stands.plan, grid_kw=noisy)), clock.monotonic_s(), now)
            await clock.sleep(900.0)
        written_mb = (_written() - before) / 1e6
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await data.close()
    return [Row("written for a day of plans, 15 min", written_mb, "MB/day", "alone in the store", limit=8.0)]


def _written() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("write_bytes")))
