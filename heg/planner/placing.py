"""When cycles run: a quick placing by prices at the margin, proven by the linear program's bound or improved upon;
of equal places the earliest.

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
PRICE_SHARE = 1e-3
LEAST_PRICE = 1e-9
SAME_EUR = 1e-9
_PRICE_DIGITS = 9
"""Prices at the margin that differ by less are one price, of which the first slot is the cheapest."""

Solve = Callable[[Arrays], Answer]


def relaxed(arrays: Arrays) -> Arrays:
    """Return the linear program that is left without the need for whole numbers."""
    return replace(arrays, integral=np.zeros_like(arrays.integral))


def placed(
    house: House, problem: Problem, arrays: Arrays, first: Answer, solve: Solve, enough_eur: float
) -> Answer | None:
    """Return the best answer found by placing one cycle after the other, None if none keeps the limits.

    `first` answers the relaxed program; `solve` answers a program. What is within `enough_eur` of `first` will do.
    """
    free, choices = relaxed(arrays), _Choices(house, problem)
    answer, best = first, None
    for number in list(range(len(house.cycles))) * PASSES:
        if choices.of[number] is not None:  # look again, as if it were not placed
            answer = solve(choices.fixed(free, number, None))
        tried = [(slots, solve(choices.fixed(free, number, slots))) for slots in choices.candidates(number, answer)]
        able = [(slots, each) for slots, each in tried if each.outcome is Outcome.OPTIMAL]
        if not able:
            return best
        choices.of[number], answer = min(able, key=lambda each: _cost(free, each[1]))
        if choices.complete and (best is None or _cost(free, answer) < _cost(free, best)):
            best = answer
            if _cost(free, best) - _cost(free, first) <= enough_eur:
                return best
    return best


def brought_forward(house: House, problem: Problem, arrays: Arrays, answer: Answer, solve: Solve) -> Answer:
    """Return an answer as cheap in which cycles run earlier, as far as prices at the margin tell where to look.

    `answer` is that of `arrays`, in which the binaries are fixed; the arrays are changed to where the cycles run.
    """
    for number, cycle in enumerate(house.cycles):
        columns = problem.cycles.of[number]
        now = answer.values[columns]
        if not problem.cycles.power_kw(answer.values, number, house.slots).any():
            continue
        then = _values(cycle, cheapest_slots(cycle, np.round(answer.duals[problem.balance_rows], _PRICE_DIGITS)))
        if not _is_earlier(cycle, then, now):
            continue
        arrays.lower[columns] = arrays.upper[columns] = then
        moved = solve(arrays)
        if moved.outcome is Outcome.OPTIMAL and _cost(arrays, moved) <= _cost(arrays, answer) + SAME_EUR:
            answer = moved
        else:
            arrays.lower[columns] = arrays.upper[columns] = np.round(now)
    return answer


def _is_earlier(cycle: Cycle, then: Floats, now: Floats) -> bool:
    """Tell by the binaries: with pauses more of them are done, without the one that begins is further in front."""
    order = np.arange(len(now)) if not cycle.interruptible else -np.ones(len(now))
    return float(order @ then) < float(order @ np.round(now)) - 0.5


class _Choices:
    """The slots chosen for each cycle so far; of one that is not placed yet, the program is free to run it in parts."""

    def __init__(self, house: House, problem: Problem) -> None:
        self._house, self._problem = house, problem
        self.of: list[Ints | None] = [None] * len(house.cycles)

    @property
    def complete(self) -> bool:
        return all(slots is not None for slots in self.of)

    def candidates(self, number: int, answer: Answer) -> list[Ints]:
        """Return where a cycle might run: most of it in this answer, and cheapest at its prices at the margin."""
        if answer.outcome is not Outcome.OPTIMAL:
            return []
        cycle, price = self._house.cycles[number], answer.duals[self._problem.balance_rows]
        likeliest = _likeliest_slots(cycle, answer.values[self._problem.cycles.of[number]], price)
        cheapest = cheapest_slots(cycle, price)
        return [likeliest] if np.array_equal(likeliest, cheapest) else [likeliest, cheapest]

    def fixed(self, arrays: Arrays, number: int, slots: Ints | None) -> Arrays:
        """Return the program with every cycle at its place, and this one at these slots."""
        lower, upper = arrays.lower.copy(), arrays.upper.copy()
        for other, chosen in enumerate(self.of):
            at = slots if other == number else chosen
            if at is None:
                continue
            columns = self._problem.cycles.of[other]
            lower[columns] = upper[columns] = _values(self._house.cycles[other], at)
            skip = self._problem.cycles.skip[other]
            lower[skip] = upper[skip] = 0.0
        return replace(arrays, lower=lower, upper=upper)


def _likeliest_slots(cycle: Cycle, used: Floats, price: Floats) -> Ints:
    """Return the slots in which the relaxed program runs most of a cycle; where that is alike, the cheapest."""
    length, room = len(cycle.power_kw), _room(cycle)
    if cycle.interruptible:
        done = used.reshape(length, room)
        shares = np.diff(done, axis=1, prepend=0.0)
    else:
        shares = np.broadcast_to(used, (length, room))
    prices = _prices(cycle, price)
    scale = max(float(np.abs(prices).max()), LEAST_PRICE)
    return best_slots(cycle, PRICE_SHARE / scale * prices - shares)


def cheapest_slots(cycle: Cycle, price: Floats) -> Ints:
    """Return the slots in which a cycle runs at least cost, a kW costing `price` in each slot of the horizon."""
    return best_slots(cycle, _prices(cycle, price))


def _room(cycle: Cycle) -> int:
    return cycle.latest - cycle.earliest - len(cycle.power_kw) + 1


def _prices(cycle: Cycle, price: Floats) -> Floats:
    room = _room(cycle)
    return np.stack([kw * price[cycle.earliest + part :][:room] for part, kw in enumerate(cycle.power_kw)])


def best_slots(cycle: Cycle, costs: Floats) -> Ints:
    """Return the slots of least cost, given that of each of the cycle's slots at each place it may have."""
    length, room = costs.shape
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


def _values(cycle: Cycle, slots: Ints) -> Floats:
    """Return the binaries of a cycle that runs in these slots."""
    length, room = len(cycle.power_kw), _room(cycle)
    begins = slots - (cycle.earliest + np.arange(length))
    if not cycle.interruptible:
        return np.asarray(np.arange(room) == begins[0], dtype=np.float64)
    return np.asarray(np.arange(room) >= begins[:, None], dtype=np.float64).ravel()


def _cost(arrays: Arrays, answer: Answer) -> float:
    return float(arrays.cost @ answer.values)
