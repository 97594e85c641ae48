"""Solves the program of a house: linear first, binaries only in slots whose answer could not be done in one direction.

Limits of contract and envelope come first: where they cannot all be kept, a first pass finds the least energy beyond
them, a second the cheapest plan with no more than that.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from heg.planner.directions import TOLERANCE_KW, directions_kept, mixed, one_direction
from heg.planner.highs import Answer, Outcome, run
from heg.planner.house import Floats, House, Store
from heg.planner.matrix import Arrays, Ints
from heg.planner.placing import Solve, brought_forward, placed, relaxed
from heg.planner.problem import Exclusive, Problem, build
from heg.planner.settling import Storages, settled

ROUNDS = 4
"""Rounds of adding binaries where they were missed; after these they stand in every slot."""

BEYOND_TOLERANCE = 1e-7
BEYOND_EUR_PER_KWH = 1e4
"""What a kWh beyond the limits costs where a time-out leaves no second pass: more than any price may be."""

LEAST_TIME_S = 0.02
LEAST_EUR = 1.0
"""The gap is a share of what is bought and sold over the horizon, and of no less than this."""

NET_TIME_S = 0.5

SKIP_EUR = 1e4
"""What leaving a cycle out costs where the limits cannot be kept with all: it comes after them and before any price."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shadows:
    """What one more kWh would save: at the connection point, and of each limit. Zeros where nothing binds."""

    grid: Floats
    high: Floats
    low: Floats
    tube_high: Floats
    tube_low: Floats
    peak: Floats
    desired: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """A plan in figures. `worth` is the marginal worth of energy in each storage at each slot's end, EUR/kWh.

    `beyond_kwh` is the least energy outside the limits, `gap_eur` by how much a better plan could be cheaper.
    `cycles_kw` has a series for each cycle of the house, zeros where it had to be left out; `block_price` is what the
    blocks add to the price of the next kWh.
    """

    power_kw: tuple[Floats, ...]
    used_kw: Floats
    grid_kw: Floats
    cycles_kw: tuple[Floats, ...]
    block_price: float
    worth: tuple[Floats, ...]
    shadows: Shadows
    beyond_kwh: float
    gap_eur: float
    stopped: bool
    netted: bool
    seconds: float


class UnsolvedError(Exception):
    """The solver gave nothing usable; `stopped` when it was for lack of time."""

    def __init__(self, text: str, *, stopped: bool = False, seconds: float = 0.0) -> None:
        super().__init__(text)
        self.stopped = stopped
        self.seconds = seconds


def solve(house: House, exclusive: Exclusive | None = None) -> Solution:
    """Return the best plan; with `exclusive`, binaries stand there from the beginning. Raises `UnsolvedError`."""
    return _Search(house, exclusive or Exclusive.nowhere(house)).solution()


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A program as it was solved; `mixed` when time ran out with both directions in some slot."""

    problem: Problem
    arrays: Arrays
    answer: Answer
    mixed: bool = False


class _Aim(StrEnum):
    WITHIN_LIMITS = "within limits"
    LEAST_BEYOND = "least beyond them"
    NO_FURTHER = "no further beyond them than must be"


class _Search:
    def __init__(self, house: House, exclusive: Exclusive) -> None:
        self._house = house
        self._exclusive = exclusive
        self._seconds = 0.0
        self._beyond_kwh = 0.0
        self._gap_eur = house.gap * LEAST_EUR
        self._nearest: _Found | None = None

    def solution(self) -> Solution:
        found = self._best(_Aim.WITHIN_LIMITS) or self._beyond_limits()
        if found is None:
            raise UnsolvedError("a house that may leave its limits was called infeasible", seconds=self._seconds)
        if found.mixed:
            return self._netted(found)
        stopped, gap_eur = found.answer.outcome is Outcome.STOPPED, found.answer.gap_eur
        final, arrays = found.answer, found.arrays
        if len(found.problem.binaries):
            arrays = _with_binaries_fixed(found)
            final = self._run(arrays, NET_TIME_S)
            if final.solved and mixed(self._house, found.problem, final.values, priced=True):
                # As dear, by another way.
                arrays = directions_kept(self._house, found.problem, arrays, found.answer.values)
                final = self._run(arrays, NET_TIME_S)
            if final.outcome is not Outcome.OPTIMAL:
                return self._netted(found)
            if self._left_s() > LEAST_TIME_S:
                final = brought_forward(self._house, found.problem, arrays, final, self._unmixed(found.problem))
        final = self._settled_one_way(found.problem, arrays, final)
        return self._solution(found.problem, final, gap_eur, stopped=stopped)

    def _settled_one_way(self, problem: Problem, arrays: Arrays, answer: Answer) -> Answer:
        """Return the answer of the same cost that is wanted, of those in which every slot goes the way it goes here."""
        wanted = self._settled(problem, arrays, answer)
        if not self._is_mixed(problem, wanted) or self._is_mixed(problem, answer):
            return wanted
        return self._kept(problem, arrays, answer)

    def _kept(self, problem: Problem, arrays: Arrays, answer: Answer) -> Answer:
        """Return what is wanted of the answers that go the same way in every slot: none of these goes both."""
        narrowed = directions_kept(self._house, problem, arrays, answer.values)
        again = self._settled(problem, narrowed, self._run(narrowed))
        return again if again.outcome is Outcome.OPTIMAL else replace(answer, face=None)

    def _is_mixed(self, problem: Problem, answer: Answer) -> bool:
        return bool(mixed(self._house, problem, answer.values, priced=True))

    def _settled(self, problem: Problem, arrays: Arrays, answer: Answer) -> Answer:
        """Return the answer of the same cost that is wanted, or this one where there is none in time."""
        if answer.face is None:
            return answer
        house, begun_s = self._house, answer.face.seconds
        storages = Storages(
            pairs=[(columns.charge, columns.discharge) for columns in problem.stores],
            previous_kw=house.previous_kw,
            hours=house.hours,
        )
        values = settled(arrays, answer, storages, max(self._left_s(), LEAST_TIME_S))
        self._seconds += answer.face.seconds - begun_s
        return replace(answer, values=answer.values if values is None else values, face=None)

    def _unmixed(self, problem: Problem) -> Solve:
        """Return what solves a program, and fails where a slot without a binary would go both ways."""

        def run(arrays: Arrays) -> Answer:
            answer = self._run(arrays)
            if answer.solved and mixed(self._house, problem, answer.values, priced=True):
                return replace(answer, outcome=Outcome.FAILED)
            return answer

        return run

    def _beyond_limits(self) -> _Found | None:
        """Find the least energy beyond the limits, then the cheapest plan that has no more."""
        least = self._best(_Aim.LEAST_BEYOND)
        if least is None or least.mixed:
            return least
        beyond_kw = least.answer.values[least.problem.above] + least.answer.values[least.problem.below]
        self._beyond_kwh = max(0.0, float(self._house.hours @ beyond_kw))
        return self._best(_Aim.NO_FURTHER) or least

    def _best(self, aim: _Aim) -> _Found | None:
        """Return the least answer that keeps each slot to one direction; None where the limits cannot be kept."""
        relaxed: _Found | None = None
        self._nearest = None
        for number in range(ROUNDS + 2):
            problem = build(self._house, self._exclusive)
            arrays = self._aimed(problem, aim)
            answer = self._answered(problem, arrays, aim)
            if answer.outcome is Outcome.INFEASIBLE:
                return None
            if not answer.solved:
                break
            vertex, answer = replace(answer, face=None), self._settled(problem, arrays, answer)
            mixed_slots = mixed(self._house, problem, answer.values, priced=aim is not _Aim.LEAST_BEYOND)
            if not mixed_slots:
                return _Found(problem, arrays, answer)
            if relaxed is None and aim is not _Aim.LEAST_BEYOND:
                self._gap_eur = self._house.gap * max(LEAST_EUR, _turnover_eur(self._house, problem, answer.values))
            relaxed = _Found(problem, arrays, answer, mixed=True)
            if (rounded := self._rounded(relaxed, vertex, aim)) is not None:
                return rounded
            if self._left_s() <= LEAST_TIME_S:
                break
            self._exclusive |= mixed_slots if number < ROUNDS else Exclusive.everywhere(self._house)
        if self._nearest is not None:
            return self._nearest
        if relaxed is None:
            raise UnsolvedError(
                "the solver found nothing in its time", stopped=self._left_s() <= 0, seconds=self._seconds
            )
        return relaxed

    def _aimed(self, problem: Problem, aim: _Aim) -> Arrays:
        arrays, house = problem.arrays, self._house
        if aim is _Aim.WITHIN_LIMITS:
            return arrays
        outside = np.concatenate([problem.above, problem.below])
        upper = arrays.upper.copy()
        upper[outside] = np.inf
        if aim is _Aim.LEAST_BEYOND:
            upper[problem.cycles.skip] = 1.0
            cost = np.zeros_like(arrays.cost)
            cost[outside] = np.concatenate([house.hours, house.hours])
            return replace(arrays, cost=cost, upper=upper)
        row_upper = arrays.row_upper.copy()
        row_upper[problem.beyond_row] = self._beyond_kwh + BEYOND_TOLERANCE * max(1.0, self._beyond_kwh)
        upper[problem.cycles.skip] = 1.0
        cost = arrays.cost.copy()
        cost[problem.cycles.skip] = SKIP_EUR
        return replace(arrays, cost=cost, upper=upper, row_upper=row_upper)

    def _answered(self, problem: Problem, arrays: Arrays, aim: _Aim) -> Answer:
        """Return the answer of the program; cycles are placed one by one first, which mostly proves to be enough."""
        if not self._house.cycles or len(problem.directions) or len(problem.charges.full):
            return self._run(arrays)
        first = replace(self._run(relaxed(arrays)), face=None)
        if first.outcome is not Outcome.OPTIMAL:
            return first
        if aim is not _Aim.LEAST_BEYOND:
            self._gap_eur = self._house.gap * max(LEAST_EUR, _turnover_eur(self._house, problem, first.values))
        best = placed(self._house, problem, arrays, first, self._run, self._gap_eur)
        if best is None:
            return self._run(arrays)
        best = self._settled_one_way(problem, arrays, best)
        gap_eur = max(0.0, float(arrays.cost @ best.values - arrays.cost @ first.values))
        if gap_eur <= self._gap_eur:
            return replace(best, gap_eur=gap_eur)
        answer = self._run(arrays, start=best.values)
        if answer.outcome is Outcome.OPTIMAL:
            return answer
        if answer.solved and arrays.cost @ answer.values <= arrays.cost @ best.values:
            return answer
        return replace(best, outcome=Outcome.STOPPED, gap_eur=gap_eur)

    def _left_s(self) -> float:
        return self._house.time_limit_s - self._seconds

    def _run(self, arrays: Arrays, least_s: float = LEAST_TIME_S, start: Floats | None = None) -> Answer:
        answer = run(arrays, time_limit_s=max(self._left_s(), least_s), gap_eur=self._gap_eur, start=start)
        self._seconds += answer.seconds
        return answer

    def _rounded(self, found: _Found, vertex: Answer, aim: _Aim) -> _Found | None:
        """Return what can be had without a search of a program that went both ways as it was settled.

        Where its `vertex` did not, that is as dear: what is wanted most is only to be rounded, or done without.
        """
        if aim is not _Aim.LEAST_BEYOND and not self._is_mixed(found.problem, vertex):
            if (nearly := self._nearly(found, aim)) is not None:
                return nearly
            return replace(found, answer=self._kept(found.problem, found.arrays, vertex), mixed=False)
        return None if len(found.problem.directions) else self._nearly(found, aim)

    def _nearly(self, found: _Found, aim: _Aim) -> _Found | None:
        """Return the answer with each storage in the direction it had on balance, if that is within the gap.

        Else the better of them is kept for the case that the search finds nothing in its time.

        A linear program or two instead of a search: where losses pay a little, as with exports at a negative price, or
        a car's last kWh need less than its least power, it does.
        """
        bound_eur = float(found.arrays.cost @ found.answer.values)
        for up in (True, False):
            problem, arrays = self._one_way(found, up=up)
            arrays = self._aimed(replace(problem, arrays=arrays), aim)
            answer = self._settled(problem, arrays, self._run(arrays))
            if answer.outcome is Outcome.OPTIMAL:
                gap_eur = max(0.0, float(arrays.cost @ answer.values) - bound_eur)
                if gap_eur <= self._gap_eur:
                    return _Found(problem, arrays, replace(answer, gap_eur=gap_eur))
                if self._nearest is None or gap_eur < self._nearest.answer.gap_eur:
                    stopped = replace(answer, outcome=Outcome.STOPPED, gap_eur=gap_eur)
                    self._nearest = _Found(problem, arrays, stopped)
            if not any(store.least_charge_kw for store in self._house.stores):
                break  # both ways of rounding are one
        return None

    def _netted(self, found: _Found) -> Solution:
        """Keep to the direction that each storage had on balance, the limits as well as they can then be kept."""
        problem, arrays = self._one_way(found, up=False)
        final = self._run(_with_limits_priced(self._house, problem, arrays), NET_TIME_S)
        if final.outcome is not Outcome.OPTIMAL:
            raise UnsolvedError("the solver found nothing in its time", stopped=True, seconds=self._seconds)
        if len(problem.above):
            beyond_kw = final.values[problem.above] + final.values[problem.below]
            self._beyond_kwh = float(self._house.hours @ beyond_kw)
        return self._solution(problem, self._settled(problem, arrays, final), np.inf, stopped=True, netted=True)

    def _one_way(self, found: _Found, *, up: bool) -> tuple[Problem, Arrays]:
        """Return the linear program in which each slot of each storage has one direction, exports earn no more than
        imports cost, and cycles run when they did.
        """
        stores, least_kw = [], []
        for store, columns in zip(self._house.stores, found.problem.stores, strict=True):
            net_kw = found.answer.values[columns.charge] - found.answer.values[columns.discharge]
            narrowed, floor_kw = one_direction(store, net_kw, self._house, up=up)
            stores.append(narrowed)
            least_kw.append(floor_kw)
        house = replace(self._house, stores=tuple(stores))
        problem = build(house, Exclusive.nowhere(house))
        cost, lower = problem.arrays.cost.copy(), problem.arrays.lower.copy()
        cost[problem.exported] = -house.hours * np.minimum(house.sell_price, house.least_buy_price)
        upper, chosen = problem.arrays.upper.copy(), np.round(found.answer.values[found.problem.choices])
        lower[problem.choices] = upper[problem.choices] = chosen
        for columns, floor_kw in zip(problem.stores, least_kw, strict=True):
            lower[columns.charge] = np.maximum(lower[columns.charge], floor_kw)
        return problem, replace(relaxed(problem.arrays), cost=cost, lower=lower, upper=upper)

    def _solution(
        self, problem: Problem, answer: Answer, gap_eur: float, *, stopped: bool, netted: bool = False
    ) -> Solution:
        house, values = self._house, answer.values
        power_kw = tuple(
            _snapped(values[columns.charge] - values[columns.discharge], store)
            for columns, store in zip(problem.stores, house.stores, strict=True)
        )
        used_kw = np.clip(values[problem.used], 0.0, house.production_kw)
        cycles_kw = tuple(problem.cycles.power_kw(values, each, house.slots) for each in range(len(house.cycles)))
        return Solution(
            power_kw=power_kw,
            used_kw=used_kw,
            grid_kw=house.demand_kw - used_kw + sum((*power_kw, *cycles_kw), np.zeros(house.slots)),
            cycles_kw=cycles_kw,
            block_price=_block_price(house, problem, answer),
            worth=tuple(-answer.duals[columns.soc_rows] for columns in problem.stores),
            shadows=_shadows(house, problem, answer.duals),
            beyond_kwh=self._beyond_kwh,
            gap_eur=gap_eur,
            stopped=stopped,
            netted=netted,
            seconds=self._seconds,
        )


def _with_binaries_fixed(found: _Found) -> Arrays:
    """Return the linear program that is left when the binaries are what they came out as: it has duals."""
    arrays, binaries = found.arrays, found.problem.binaries
    lower, upper = arrays.lower.copy(), arrays.upper.copy()
    lower[binaries] = upper[binaries] = np.round(found.answer.values[binaries])
    return replace(arrays, lower=lower, upper=upper, integral=np.zeros_like(arrays.integral))


def _block_price(house: House, problem: Problem, answer: Answer) -> float:
    """Return what the blocks add to the next kWh: between two blocks that rise, what it is worth not to go on."""
    if not house.steps:
        return 0.0
    if not len(problem.charges.full):
        return -float(answer.duals[problem.charges.energy_row[0]])
    ends_kwh = np.cumsum([step.width_kwh for step in house.steps])
    reached = int(np.searchsorted(ends_kwh, float(house.hours @ answer.values[problem.imported])))
    return house.steps[min(reached, len(house.steps) - 1)].price


def _with_limits_priced(house: House, problem: Problem, arrays: Arrays) -> Arrays:
    cost, upper = arrays.cost.copy(), arrays.upper.copy()
    for outside in (problem.above, problem.below):
        if len(outside):
            upper[outside] = np.inf
            cost[outside] = house.hours * BEYOND_EUR_PER_KWH
    return replace(arrays, cost=cost, upper=upper)


def _turnover_eur(house: House, problem: Problem, values: Floats) -> float:
    """Return what is bought and sold on balance: what goes in and out at once at the same price is no turnover."""
    grid_kw = values[problem.imported] - values[problem.exported]
    return float(house.hours @ np.abs(grid_kw * np.where(grid_kw > 0.0, house.buy_price, house.sell_price)))


def _snapped(power_kw: Floats, store: Store) -> Floats:
    power_kw = np.clip(power_kw, -store.discharge_kw, store.charge_kw)
    return np.where(np.abs(power_kw) < TOLERANCE_KW / 10.0, 0.0, power_kw)


def _shadows(house: House, problem: Problem, duals: Floats) -> Shadows:
    def of(rows: Ints) -> Floats:
        return np.abs(duals[rows]) / house.hours if len(rows) else np.zeros(house.slots)

    desired = np.zeros(house.slots)
    if len(problem.charges.desired_rows):
        desired[house.desired] = np.abs(duals[problem.charges.desired_rows]) / house.hours[house.desired]
    return Shadows(
        grid=duals[problem.balance_rows] / house.hours,
        high=of(problem.high_rows),
        low=of(problem.low_rows),
        tube_high=of(problem.tube_high_rows),
        tube_low=of(problem.tube_low_rows),
        peak=of(problem.charges.peak_rows),
        desired=desired,
    )
