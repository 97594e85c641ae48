"""Of plans that cost the same: the nearest to the plan before, then the one that cycles least and stores earlier.

Held against another way to the same end: the cost as a row that may not be exceeded.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from heg.model.plan import Deferrable, PlanInputs, PreviousPlan
from heg.planner.highs import Answer, Outcome, run
from heg.planner.house import Floats, House
from heg.planner.matrix import Arrays
from heg.planner.plan import plan
from heg.planner.problem import Exclusive, Problem, build
from heg.planner.settling import Storages, settled
from heg.planner.tidy import tidy
from tests.planner.houses import START, battery, car, house
from tests.planner.random_houses import sensible

SAME_EUR = 1e-9
NEAR_KWH = 1e-3
ROW_UNITS = 1e4
"""Of a row the solver is content with 1e-7, so the row of the cost is not in EUR but in hundredths of a cent."""

seeds = st.integers(0, 2**32)
many = settings(max_examples=150, deadline=None)


@many
@given(seeds, st.integers(2, 12))
def test_nothing_as_cheap_cycles_less(seed: int, slots: int) -> None:
    made, problem, first = _first(seed, slots)
    values = settled(problem.arrays, first, _storages(made, problem, ()), 1.0)
    assert values is not None
    assert float(problem.arrays.cost @ values) == pytest.approx(_cost(problem, first), abs=1e-8)
    least = run(_capped(problem.arrays, _cost(problem, first), problem.arrays.ties), time_limit_s=1.0)
    assert least.outcome is Outcome.OPTIMAL
    assert float(problem.arrays.ties @ values) <= float(problem.arrays.ties @ least.values) + NEAR_KWH


@many
@given(seeds, st.integers(2, 12))
def test_nothing_as_cheap_is_nearer_to_the_plan_before(seed: int, slots: int) -> None:
    made, problem, first = _first(seed, slots)
    assume(made.stores)
    storages = _storages(made, problem, _before(made, seed))
    values = settled(problem.arrays, first, storages, 1.0)
    assert values is not None
    assert float(problem.arrays.cost @ values) == pytest.approx(_cost(problem, first), abs=1e-8)
    best = _least_distance(problem, _cost(problem, first), storages)
    assert _distance(storages, values) == pytest.approx(best, abs=NEAR_KWH)


@pytest.mark.parametrize("said", [(), (8.6, 8.6, 8.7, 8.7, 8.8, 8.6, *(0.0,) * 8)])
def test_a_car_that_may_charge_at_any_cheap_hour_does_not_put_it_off(said: tuple[float, ...]) -> None:
    """Cheap half hours are all alike and more than it needs; as settled, one would be below its least power."""
    demand_kw = (0.45, 0.39, 0.3, 0.27, 0.24, 0.23, 0.21, 0.21, 0.22, 0.22, 0.26, 0.26, 0.41, 0.41)
    needs = car(
        14,
        capacity_kwh=60.0,
        soc_kwh=24.0,
        target_kwh=48.0,
        target_slot=14,
        min_charge_kw=4.14,
        max_rate_kw=11.04,
        round_trip_efficiency=0.8464,
        end_value_eur_per_kwh=None,
    )
    problem = house(
        14,
        slot_minutes=30,
        demand_kw=demand_kw,
        import_eur_per_kwh=(0.1,) * 10 + (0.4,) * 4,
        export_eur_per_kwh=(0.05,) * 14,
        contract_max_kw=9.0,
        ess=None,
        pev=needs,
        previous_plan=PreviousPlan(start=START, pev_kw=said) if said else None,
    )
    powers_kw = [decision.power_kw for decision in plan(problem).pev]
    assert powers_kw[0] > 8.0
    assert all(kw == 0.0 for kw in powers_kw[7:])
    assert all(kw == 0.0 or kw >= 4.14 - 1e-6 for kw in powers_kw)


def test_nothing_is_settled_twice() -> None:
    made = tidy(house(6))
    problem = build(made, Exclusive.nowhere(made))
    first = run(problem.arrays, time_limit_s=1.0)
    assert settled(problem.arrays, replace(first, face=None), _storages(made, problem, ()), 1.0) is None


def test_of_equal_places_a_cycle_takes_the_first_one_also_after_a_search() -> None:
    """Two cycles that want the same cheap hour under a limit need a search; the dear hours are all alike."""
    prices = (0.3, 0.3, 0.3, 0.1, 0.3, 0.3, 0.3, 0.3)
    cycles = (
        Deferrable(name="washing machine", power_kw=(2.0,)),
        Deferrable(name="dryer", power_kw=(2.5,)),
    )
    made = plan(house(8, import_eur_per_kwh=prices, ess=None, contract_max_kw=4.0, deferrable=cycles))
    assert made.deferrable[0].power_kw.index(2.0) == 0
    assert made.deferrable[1].power_kw.index(2.5) == 3


def test_a_plan_before_costs_not_a_millionth() -> None:
    prices = tuple(0.2 + 0.1 * math.sin(hour) for hour in range(24))
    before = PreviousPlan(start=START, ess_kw=(3.0, -3.0) * 12)
    alone = plan(house(import_eur_per_kwh=prices, ess=battery()))
    made = plan(house(import_eur_per_kwh=prices, ess=battery(), previous_plan=before))
    assert made.cost.total_eur == pytest.approx(alone.cost.total_eur, abs=1e-9)


def _first(seed: int, slots: int) -> tuple[House, Problem, Answer]:
    made = tidy(_in_cents(sensible(seed, slots)))
    problem = build(made, Exclusive.nowhere(made))
    first = run(problem.arrays, time_limit_s=1.0)
    assume(first.outcome is Outcome.OPTIMAL)
    return made, problem, first


def _in_cents(inputs: PlanInputs) -> PlanInputs:
    """The house with prices of whole cents, of which many are alike."""
    return replace(
        inputs,
        import_eur_per_kwh=tuple(round(price, 2) for price in inputs.import_eur_per_kwh),
        export_eur_per_kwh=tuple(round(price, 2) for price in inputs.export_eur_per_kwh),
        co2_eur_per_kwh=(),
    )


def _cost(problem: Problem, answer: Answer) -> float:
    return float(problem.arrays.cost @ answer.values)


def _storages(made: House, problem: Problem, previous_kw: tuple[Floats, ...]) -> Storages:
    return Storages([(each.charge, each.discharge) for each in problem.stores], previous_kw, made.hours)


def _before(made: House, seed: int) -> tuple[Floats, ...]:
    chance = random.Random(seed)
    return tuple(
        np.array([chance.choice((math.nan, 0.0, chance.uniform(-3.0, 3.0))) for _ in range(made.slots)])
        for _ in made.stores
    )


def _distance(storages: Storages, values: Floats) -> float:
    return sum(
        float(np.nansum(storages.hours * np.abs(values[charge] - values[discharge] - wanted)))
        for (charge, discharge), wanted in zip(storages.pairs, storages.previous_kw, strict=True)
    )


def _capped(arrays: Arrays, cost_eur: float, aim: Floats) -> Arrays:
    """The program with its cost as a last row and another aim."""
    priced = np.flatnonzero(arrays.cost).astype(np.int32)
    return replace(
        arrays,
        cost=aim,
        row_lower=np.append(arrays.row_lower, -np.inf),
        row_upper=np.append(arrays.row_upper, ROW_UNITS * (cost_eur + SAME_EUR)),
        starts=np.append(arrays.starts, arrays.starts[-1] + len(priced)).astype(np.int32),
        columns=np.concatenate([arrays.columns, priced]).astype(np.int32),
        values=np.concatenate([arrays.values, ROW_UNITS * arrays.cost[priced]]),
    )


def _least_distance(problem: Problem, cost_eur: float, storages: Storages) -> float:
    """Least distance of any answer as cheap: `above` and `below` what was said, one pair for each slot it speaks of."""
    arrays = problem.arrays
    for (charge, discharge), wanted_kw in zip(storages.pairs, storages.previous_kw, strict=True):
        for slot in np.flatnonzero(np.isfinite(wanted_kw)):
            width = len(arrays.cost)
            row = np.array([charge[slot], discharge[slot], width, width + 1], dtype=np.int32)
            arrays = replace(
                arrays,
                cost=np.append(arrays.cost, (0.0, 0.0)),
                ties=np.append(arrays.ties, (0.0, 0.0)),
                lower=np.append(arrays.lower, (0.0, 0.0)),
                upper=np.append(arrays.upper, (np.inf, np.inf)),
                integral=np.append(arrays.integral, (0, 0)).astype(np.int32),
                row_lower=np.append(arrays.row_lower, wanted_kw[slot]),
                row_upper=np.append(arrays.row_upper, wanted_kw[slot]),
                starts=np.append(arrays.starts, arrays.starts[-1] + 4).astype(np.int32),
                columns=np.concatenate([arrays.columns, row]),
                values=np.append(arrays.values, (1.0, -1.0, -1.0, 1.0)),
            )
    aim = np.zeros(len(arrays.cost))
    hours = [
        storages.hours[slot] for wanted_kw in storages.previous_kw for slot in np.flatnonzero(np.isfinite(wanted_kw))
    ]
    aim[len(problem.arrays.cost) :] = np.repeat(hours, 2)
    answer = run(_capped(arrays, cost_eur, aim), time_limit_s=1.0)
    assert answer.outcome is Outcome.OPTIMAL
    return float(aim @ answer.values)
