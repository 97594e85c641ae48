"""How long a plan takes in process: battery and car, a day of spot-like prices, sun and a restless load."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from bench.rows import Row, percentile
from heg.model.plan import Objective, PlanInputs, StorageInputs, VehicleInputs
from heg.planner.plan import plan

SIZES = ((24, 60), (48, 30), (96, 15), (192, 15))
PROBLEMS = 40


def run() -> list[Row]:
    """p50 and p99 for each horizon; for 96 slots also a tube, a car that needs binaries, and negative prices."""
    rows: list[Row] = []
    for slots, minutes in SIZES:
        limit = 10.0 if slots == 96 else None
        rows += _rows(f"plan of {slots} slots", [_day(seed, slots, minutes) for seed in range(PROBLEMS)], limit)
    rows += _rows("plan of 96 slots with a tube", [_day(seed, 96, 15, tube=True) for seed in range(PROBLEMS)], None)
    least = [_day(seed, 96, 15, least_kw=1.4) for seed in range(PROBLEMS)]
    rows += _rows("plan of 96 slots, car not below 1.4 kW", least, None)
    losses = [_day(seed, 96, 15, lower_eur=0.25) for seed in range(PROBLEMS)]
    rows += _rows("plan of 96 slots, negative prices at noon", losses, None)
    return rows


def _rows(name: str, problems: list[PlanInputs], limit_ms: float | None) -> Iterator[Row]:
    plan(problems[0])
    spans_ms = []
    for problem in problems:
        begun_s = time.perf_counter()
        plan(problem)
        spans_ms.append((time.perf_counter() - begun_s) * 1e3)
    yield Row(f"{name}, p50", percentile(spans_ms, 0.5), "ms", "battery and car, in process", limit_ms)
    yield Row(f"{name}, p99", percentile(spans_ms, 0.99), "ms", f"of {len(problems)} days")


def _day(
    seed: int, slots: int, minutes: int, *, tube: bool = False, lower_eur: float = 0.0, least_kw: float = 0.0
) -> PlanInputs:
    chance = random.Random(seed)
    hours = [index * minutes / 60 for index in range(slots)]
    spot = [
        0.09 + 0.05 * math.cos(math.pi * (hour - 19) / 6) + chance.gauss(0.0, 0.01) - lower_eur * _noon(hour)
        for hour in hours
    ]
    return PlanInputs(
        slot_minutes=minutes,
        start=datetime(2024, 6, 1, tzinfo=UTC),
        demand_kw=tuple(0.3 + chance.expovariate(2.0) for _ in hours),
        production_kw=tuple(5.0 * _noon(hour) * chance.uniform(0.4, 1.0) for hour in hours),
        import_eur_per_kwh=tuple(price + 0.15 for price in spot),
        export_eur_per_kwh=tuple(spot),
        contract_min_kw=-10.0,
        contract_max_kw=10.0,
        tube_low_kw=(-2.0,) * slots if tube else (),
        tube_high_kw=(3.0,) * slots if tube else (),
        outside_tube_eur_per_kwh=0.1 if tube else 0.0,
        objective=Objective.ENERGY_CO2_DISTRIBUTION if tube else Objective.ENERGY_CO2,
        ess=StorageInputs(capacity_kwh=10.0, min_rate_kw=-5.0, max_rate_kw=5.0, soc_kwh=chance.uniform(0.0, 10.0)),
        pev=VehicleInputs(
            capacity_kwh=40.0,
            min_rate_kw=0.0,
            max_rate_kw=7.4,
            soc_kwh=chance.uniform(5.0, 20.0),
            plugged=tuple(hour % 24 >= 18 or hour % 24 < 8 for hour in hours),
            target_kwh=35.0,
            target_slot=slots,
            min_charge_kw=least_kw,
        ),
    )


def _noon(hour: float) -> float:
    return max(0.0, math.sin(math.pi * (hour % 24 - 6) / 12))
