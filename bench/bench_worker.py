"""The planner's process: how long a plan takes through it, cold and warm, what it weighs, what it costs the gateway.

The questions are those of a house with sun, a battery and a car, five weeks of its past and prices that change by the
hour; each differs from the last by its hour and its noise (seeded).
"""

from __future__ import annotations

import math
import random
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.memory import peak_mib
from bench.rows import Row, percentile
from heg.model.plan import (
    ForecastRequest,
    PlanInputs,
    PlanReply,
    PlanRequest,
    SeriesHistory,
    StorageInputs,
    VehicleInputs,
)
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming
from heg.runtime.loops import run as run_loop
from heg.services.planning.worker_link import WorkerLink
from tests.support.processes import GatewayProcess, wait_until, world

SIZES = ((24, 60), (48, 30), (96, 15), (192, 15))
QUESTIONS = 60
LEAST_KW = 1.4
"""A charge point gives 6 A or nothing (IEC 61851): the plan then needs whole decisions."""
LIMIT_S = 60.0
STARTS = 5
START = datetime(2026, 3, 2, tzinfo=UTC)


def run() -> list[Row]:
    """Times in the worker and around it; memory of the worker and of a gateway with and without planning."""
    return [*run_loop(_measured, timing=RealTiming()), *_gateway_rows()]


async def _measured(clock: Clock) -> list[Row]:
    rows: list[Row] = []
    for slots, minutes in SIZES:
        rows += await _of_size(clock, slots, minutes)
    rows.append(
        Row("first plan after a cold start", await _cold_s(clock), "s", f"start, load, plan; median of {STARTS}", 5.0)
    )
    return rows


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one kind of question took: in the worker and around it, in ms, and the worker's peak memory."""

    worker_ms: list[float]
    rounds_ms: list[float]
    peak_mib: float


async def _of_size(clock: Clock, slots: int, minutes: int) -> list[Row]:
    plain = await _asked(clock, slots, minutes)
    stepwise = await _asked(clock, slots, minutes, least_kw=LEAST_KW)
    whole = await _asked(clock, slots, minutes, with_forecast=True)
    name, promise = f"{slots} slots of {minutes} min", 10.0 if slots == 96 else None
    return [
        Row(f"{name}: plan in the worker, p50", _p50(plain.worker_ms), "ms", f"{QUESTIONS} questions", promise),
        Row(f"{name}: plan in the worker, p99", percentile(plain.worker_ms, 0.99), "ms"),
        Row(f"{name}: plan where the car has a least power, p50", _p50(stepwise.worker_ms), "ms", f"{LEAST_KW} kW"),
        Row(f"{name}: plan where the car has a least power, p99", percentile(stepwise.worker_ms, 0.99), "ms"),
        Row(f"{name}: forecast and plan in the worker, p50", _p50(whole.worker_ms), "ms", "five weeks of past"),
        Row(f"{name}: the same, asked and answered, p50", _p50(whole.rounds_ms), "ms", "pipes, codecs, checks"),
        Row(f"{name}: memory of the worker, peak", whole.peak_mib, "MiB"),
    ]


async def _asked(
    clock: Clock, slots: int, minutes: int, *, with_forecast: bool = False, least_kw: float = 0.0
) -> _Asked:
    link = WorkerLink(clock)
    worker_ms, rounds_ms = [], []
    try:
        for number in range(QUESTIONS + 1):
            asked = question(number, slots, minutes, with_forecast=with_forecast, least_kw=least_kw)
            begun_s = time.perf_counter()
            reply = await link.ask(asked, LIMIT_S)
            rounds_ms.append((time.perf_counter() - begun_s) * 1e3)
            assert isinstance(reply, PlanReply), reply
            worker_ms.append(reply.worker_ms)
        return _Asked(worker_ms[1:], rounds_ms[1:], peak_mib(link.pid))
    finally:
        await link.close()


def _p50(values: list[float]) -> float:
    return statistics.median(values)


async def _cold_s(clock: Clock) -> float:
    spans = []
    for number in range(STARTS):
        link = WorkerLink(clock)
        begun_s = time.perf_counter()
        assert isinstance(await link.ask(question(number, 96, 15, with_forecast=True), LIMIT_S), PlanReply)
        spans.append(time.perf_counter() - begun_s)
        await link.close()
    return statistics.median(spans)


def question(
    number: int, slots: int, minutes: int, *, with_forecast: bool = False, least_kw: float = 0.0
) -> PlanRequest:
    """The house at its `number`-th hour; its car charges at `least_kw` at least, or not at all."""
    dice = random.Random(number)
    start = START + timedelta(hours=number)
    moments = [start + timedelta(minutes=minutes * index) for index in range(slots)]
    past = 35 * 24 * 60 // minutes
    before = [start - timedelta(minutes=minutes * (past - index)) for index in range(past)]
    leaves = next((index for index, moment in enumerate(moments) if moment.hour == 7), slots)
    problem = PlanInputs(
        slot_minutes=minutes,
        start=start,
        demand_kw=() if with_forecast else tuple(_load(moment, dice) for moment in moments),
        production_kw=() if with_forecast else tuple(_sun(moment, dice) for moment in moments),
        import_eur_per_kwh=tuple(_price(moment) + 0.15 for moment in moments),
        export_eur_per_kwh=tuple(_price(moment) for moment in moments),
        co2_eur_per_kwh=(0.02,) * slots,
        contract_min_kw=-10.0,
        contract_max_kw=10.0,
        ess=StorageInputs(capacity_kwh=10.0, min_rate_kw=-5.0, max_rate_kw=5.0, soc_kwh=dice.uniform(0.0, 10.0)),
        pev=VehicleInputs(
            capacity_kwh=40.0,
            min_rate_kw=0.0,
            max_rate_kw=7.4,
            soc_kwh=15.0,
            plugged=tuple(index < leaves for index in range(slots)),
            target_kwh=30.0,
            target_slot=leaves,
            min_charge_kw=least_kw,
        ),
    )
    forecast = ForecastRequest(
        start=start,
        slot_minutes=minutes,
        slots=slots,
        demand=SeriesHistory(slot_minutes=minutes, end=start, values_kw=tuple(_load(one, dice) for one in before)),
        production=SeriesHistory(slot_minutes=minutes, end=start, values_kw=tuple(_sun(one, dice) for one in before)),
    )
    return PlanRequest(id=number, problem=problem, forecast=forecast if with_forecast else None)


def _price(moment: datetime) -> float:
    """A winter day's shape, another height each hour and day."""
    dice = random.Random(moment.toordinal() * 24 + moment.hour)
    return 0.10 + 0.05 * math.sin((moment.hour - 13) / 12 * math.pi) + dice.uniform(-0.02, 0.02)


def _load(moment: datetime, dice: random.Random) -> float:
    evening = 1.5 if 17 <= moment.hour < 22 else 0.4
    return max(0.1, evening + dice.gauss(0.0, 0.3))


def _sun(moment: datetime, dice: random.Random) -> float:
    return max(0.0, 4.0 * math.sin((moment.hour + moment.minute / 60 - 6) / 12 * math.pi)) * dice.uniform(0.3, 1.0)


# -- the gateway beside it

PLANNED = "[planning]\nenabled = {enabled}\nslot_minutes = 5\n"
SPEED = 30.0
WAIT_S = 60.0


def _gateway_rows() -> list[Row]:
    without, planning = (_gateway_mib(enabled=enabled) for enabled in (False, True))
    note = f"after {WAIT_S * SPEED / 60:.0f} min of the house, a plan every 5"
    return [
        Row("gateway's memory without planning", without, "MiB", note),
        Row("gateway's memory with planning", planning, "MiB", note, 60.0),
        Row("gateway's memory, what planning adds", planning - without, "MiB", "the slot loop's own data"),
    ]


def _gateway_mib(*, enabled: bool) -> float:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        _, gateway = world(stack, Path(folder), speed=SPEED)
        _configure(gateway, enabled=enabled)
        gateway.start()
        wait_until(gateway.controls, "the battery is controlled")
        time.sleep(WAIT_S)
        return gateway.resident_mib()


def _configure(gateway: GatewayProcess, *, enabled: bool) -> None:
    text = gateway.config.read_text()
    assert "[planning]" not in text
    gateway.config.write_text(text + "\n" + PLANNED.format(enabled=str(enabled).lower()))
