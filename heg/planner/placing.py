"""When cycles run: a quick placing by prices at the margin, proven by the linear program's bound or improved upon.

The search with a binary for every start proves what is best; this one mostly finds it, and gives the search its start.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from heg.planner.highs import Answer, Outcome
from heg.planner.house import Cycle, Floats, House
from heg.planner.matrix import Arrays, Ints
from heg.planner.problem import Problem

PASSES = 2

Solve = Callable[[Arrays], Answer]


def relaxed(arrays: Arrays) -> Arrays:
    """Return the linear program that is left without the need for whole numbers."""
    return replace(arrays, integral=np.zeros_like(arrays.integral))


def placed(house: House, problem: Problem, arrays: Arrays, first: Answer, solve: Solve) -> Answer | None:
    """Return the best answer found by placing one cycle after the other, None if none keeps the limits.

    `first` answers the relaxed program; `solve` answers a program.
    """
    free = relaxed(arrays)
    choices: list[Ints | None] = [None] * len(house.cycles)
    answer, best = first, None
    for number in list(range(len(house.cycles))) * PASSES:
        if choices[number] is not None:  # look again, as if it were not placed
            choices[number] = None
            answer = solve(_fixed(house, problem, free, choices))
            if answer.outcome is not Outcome.OPTIMAL:
                return best
        choices[number] = cheapest_slots(house.cycles[number], answer.duals[problem.balance_rows])
        answer = solve(_fixed(house, problem, free, choices))
        if answer.outcome is not Outcome.OPTIMAL:
            return best
        if all(slots is not None for slots in choices) and (best is None or _cost(free, answer) < _cost(free, best)):
            best = answer
    return best


def cheapest_slots(cycle: Cycle, price: Floats) -> Ints:
    """Return the slots in which a cycle runs at least cost, a kW costing `price` in each slot of the horizon."""
    length, room = len(cycle.power_kw), cycle.latest - cycle.earliest - len(cycle.power_kw) + 1
    costs = [kw * price[cycle.earliest + part :][:room] for part, kw in enumerate(cycle.power_kw)]
    if not cycle.interruptible:
        begin = cycle.earliest + int(np.argmin(np.sum(costs, axis=0)))
        return np.arange(begin, begin + length, dtype=np.int32)
    least: Floats = np.zeros(room)
    froms = []
    for cost in costs:
        total = least + cost
        least = np.minimum.accumulate(total)
        lower = total < np.concatenate(([np.inf], least[:-1]))
        froms.append(np.maximum.accumulate(np.where(lower, np.arange(room), 0)))
    at, slots = room - 1, []
    for part in range(length - 1, -1, -1):
        at = int(froms[part][at])
        slots.append(cycle.earliest + part + at)
    return np.array(slots[::-1], dtype=np.int32)


def _fixed(house: House, problem: Problem, arrays: Arrays, choices: list[Ints | None]) -> Arrays:
    lower, upper = arrays.lower.copy(), arrays.upper.copy()
    for number, slots in enumerate(choices):
        if slots is None:
            continue
        columns = problem.cycles.of[number]
        values = _values(house.cycles[number], slots)
        lower[columns] = upper[columns] = values
        skip = problem.cycles.skip[number]
        lower[skip] = upper[skip] = 0.0
    return replace(arrays, lower=lower, upper=upper)


def _values(cycle: Cycle, slots: Ints) -> Floats:
    """Return the binaries of a cycle that runs in these slots."""
    length = len(cycle.power_kw)
    room = cycle.latest - cycle.earliest - length + 1
    begins = slots - (cycle.earliest + np.arange(length))
    if not cycle.interruptible:
        return np.asarray(np.arange(room) == begins[0], dtype=np.float64)
    return np.asarray(np.arange(room) >= begins[:, None], dtype=np.float64).ravel()


def _cost(arrays: Arrays, answer: Answer) -> float:
    return float(arrays.cost @ answer.values)
