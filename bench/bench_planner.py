"""How long a plan takes in the worker, how near the best it is where prices are below zero, and what it weighs."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench.beside_emhass import beside_emhass
from bench.memory import peak_mib
from bench.planner_days import CYCLES, made_up, negative, negative_days, turnover_eur
from bench.rows import Row, percentile
from heg.model.plan import Block, Blocks, Plan, PlanInputs, PlanReply, PlanRequest, PreviousPlan
from heg.planner.costs import total_eur
from heg.planner.solve import solve
from heg.planner.tidy import tidy
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming
from heg.runtime.loops import run as run_loop
from heg.services.planning.worker_link import WorkerLink

PROBLEMS = 40
NEGATIVE_DAYS = 12
LIMIT_S = 60.0
BEST_S = 10.0
"""Seconds a negative day is searched for its best known bound."""

OTHER_SIZES = ((24, 60), (48, 30), (192, 15))


def run() -> list[Row]:
    """p50 and p99 of each horizon and kind of day, cost against the best bound, the worker's memory; beside EMHASS."""
    return run_loop(_measured, timing=RealTiming())


async def _measured(clock: Clock) -> list[Row]:
    return [*await _promised(clock), *await _others(clock), *await _beside(clock)]


async def _beside(clock: Clock) -> list[Row]:
    link = WorkerLink(clock)
    try:
        return await beside_emhass(link)
    finally:
        await link.close()


async def _promised(clock: Clock) -> list[Row]:
    link = WorkerLink(clock)
    try:
        days = [made_up(seed, 96, 15, tube=True) for seed in range(PROBLEMS)]
        plans, spans_ms = await _planned(link, days)
        before = [replace(day, previous_plan=_said(made)) for day, made in zip(days, plans, strict=True)]
        long = [made_up(seed, 288, 5, tube=True) for seed in range(PROBLEMS)]
        return [
            *_rows("96 slots with a tube", spans_ms, (8.0, 50.0)),
            *_rows("the same, near the plan before", (await _planned(link, before))[1], (None, 50.0)),
            *_rows("288 slots with a tube", (await _planned(link, long))[1], (40.0, None)),
            *await _below_zero(link),
            Row("memory of the worker, peak", peak_mib(link.pid), "MiB", "of all of the above", 50.0),
        ]
    finally:
        await link.close()


async def _others(clock: Clock) -> list[Row]:
    link = WorkerLink(clock)
    try:
        tariff = [_tariff(seed) for seed in range(PROBLEMS)]
        least = [made_up(seed, 96, 15, least_kw=1.4) for seed in range(PROBLEMS)]
        waiting = [replace(made_up(seed, 96, 15), deferrable=CYCLES) for seed in range(PROBLEMS)]
        rows = [
            *_rows("96 slots with peak and blocks", (await _planned(link, tariff))[1]),
            *_rows("96 slots, car not below 1.4 kW", (await _planned(link, least))[1]),
            *_rows("96 slots and three cycles", (await _planned(link, waiting))[1], (None, 1_000.0)),
        ]
        for slots, minutes in OTHER_SIZES:
            others = [made_up(seed, slots, minutes) for seed in range(PROBLEMS)]
            rows += _rows(f"{slots} slots", (await _planned(link, others))[1])
        return [*rows, Row("memory of the worker, peak, with searches", peak_mib(link.pid), "MiB")]
    finally:
        await link.close()


def _tariff(seed: int) -> PlanInputs:
    blocks = Blocks(so_far_kwh=100.0, steps=(Block(from_kwh=110.0, eur_per_kwh=0.05),))
    return replace(made_up(seed, 96, 15), peak_eur_per_kw=5.0, peak_so_far_kw=3.0, blocks=blocks)


async def _planned(link: WorkerLink, days: Sequence[PlanInputs]) -> tuple[list[Plan], list[float]]:
    plans, spans_ms = [], []
    for number, day in enumerate((days[0], *days)):
        reply = await link.ask(PlanRequest(id=number, problem=day), LIMIT_S)
        assert isinstance(reply, PlanReply), reply
        plans.append(reply.plan)
        spans_ms.append(reply.worker_ms)
    return plans[1:], spans_ms[1:]


def _rows(
    name: str, spans_ms: Sequence[float], limits: tuple[float | None, float | None] = (None, None)
) -> Iterator[Row]:
    yield Row(f"{name}, p50", statistics.median(spans_ms), "ms", "battery and car, in the worker", limits[0])
    yield Row(f"{name}, p99", percentile(list(spans_ms), 0.99), "ms", f"of {len(spans_ms)} days", limits[1])


def _said(made: Plan) -> PreviousPlan:
    return PreviousPlan(
        start=made.start,
        ess_kw=tuple(decision.power_kw for decision in made.ess),
        pev_kw=tuple(decision.power_kw for decision in made.pev),
    )


async def _below_zero(link: WorkerLink) -> list[Row]:
    rows: list[Row] = []
    for tariff in ("retail", "raw", "feed-in"):
        days = [negative(number, *day, tariff) for number, day in enumerate(negative_days(NEGATIVE_DAYS))]
        if not days:
            continue
        plans, spans_ms = await _planned(link, days)
        dearer = [_dearer(day, made) for day, made in zip(days, plans, strict=True)]
        name = f"real days below zero, {tariff}"
        rows.append(Row(f"{name}, longest", max(spans_ms), "ms", f"{len(days)} days of 96 slots", 1_000.0))
        rows.append(Row(f"{name}, dearer than the bound", max(dearer), "%", "of the turnover, at worst", 0.1))
    return rows


def _dearer(day: PlanInputs, made: Plan) -> float:
    """Return by how many percent of its turnover a plan is dearer than the best bound that a long search proves."""
    house = tidy(replace(day, time_limit_s=BEST_S, gap=1e-5))
    best = solve(house)
    bound_eur = total_eur(house, best.grid_kw, best.power_kw) - best.gap_eur
    return max(0.0, 100.0 * (made.cost.total_eur - bound_eur) / turnover_eur(day, made.grid_kw))
