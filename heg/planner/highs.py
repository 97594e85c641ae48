"""One linear or mixed-integer program through HiGHS, arrays in and arrays out; the only module that knows highspy."""

from dataclasses import dataclass, replace
from enum import StrEnum

import highspy
import numpy as np

from heg.planner.house import Bools, Floats
from heg.planner.matrix import Arrays, Ints

INTEGRALITY_TOLERANCE = 1e-9
DUAL_TOLERANCE = 1e-9
MANY_COLUMNS = 2_000
"""From here on each step of the dual simplex is made cheaper at the price of more of them: 19 instead of 24 ms at 288
slots."""

SEARCH_TIES = 1e-6
SEARCH_TIES_OF_GAP = 1e-3
"""Among answers of one cost a search loses its way: 0.4 s and 52 MiB instead of 0.05 s and 48 MiB on one raw day. So it
is led by the ties, far below its gap; what it has found is solved once more for the cost alone."""

_ROWWISE = 2
_MINIMISE = 1
_DEVEX = 1
_PRIMAL = 4
_STILL = 1e-9
"""Reduced costs and duals below it are none: what is as dear may be chosen among."""


class Outcome(StrEnum):
    """How a program ended. `STOPPED` has a solution, but at the time limit; `FAILED` and `INFEASIBLE` have none."""

    OPTIMAL = "optimal"
    STOPPED = "stopped"
    INFEASIBLE = "infeasible"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What came out. `duals` (of linear programs): by how much the objective grows with each row's right side.

    `face` are all answers as good as this one, of a linear program that has an optimum.
    """

    outcome: Outcome
    values: Floats
    duals: Floats
    seconds: float
    gap_eur: float = 0.0
    face: "Face | None" = None

    @property
    def solved(self) -> bool:
        """Tell whether `values` keep every constraint."""
        return self.outcome in (Outcome.OPTIMAL, Outcome.STOPPED)


def run(arrays: Arrays, *, time_limit_s: float, gap_eur: float = 0.0, start: Floats | None = None) -> Answer:
    """Minimise, binaries to within `gap_eur`; `start` is an answer to begin a search with.

    Never raises: what the solver cannot do is an outcome.
    """
    solver = highspy.Highs()  # type: ignore[no-untyped-call]  # the package is typed but for its constructor
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("time_limit", time_limit_s)
    mixed = bool(arrays.integral.any())
    if not mixed or start is not None:
        # It costs more than it saves: 3.8 ms with, 2.8 ms without, at 96 slots; with a start also 3 MiB.
        solver.setOptionValue("presolve", "off")
    # This one heuristic takes 4 MiB and a third of the time of the longest day below zero, and finds nothing there.
    solver.setOptionValue("mip_heuristic_run_root_reduced_cost", False)
    solver.setOptionValue("mip_rel_gap", 0.0)
    solver.setOptionValue("mip_abs_gap", gap_eur)
    solver.setOptionValue("mip_feasibility_tolerance", INTEGRALITY_TOLERANCE)
    solver.setOptionValue("dual_feasibility_tolerance", DUAL_TOLERANCE)
    if len(arrays.cost) > MANY_COLUMNS:
        solver.setOptionValue("simplex_dual_edge_weight_strategy", _DEVEX)
    if mixed:
        ties = min(SEARCH_TIES, SEARCH_TIES_OF_GAP * gap_eur)
        arrays = replace(arrays, cost=arrays.cost + ties * arrays.ties)
    passed = _passed(solver, arrays)
    if start is not None:
        begun = highspy.HighsSolution()
        begun.col_value = start.tolist()
        solver.setSolution(begun)
    if not passed or solver.run() == highspy.HighsStatus.kError:
        return Answer(Outcome.FAILED, np.zeros(0), np.zeros(0), solver.getRunTime())
    answer = _answer(solver, mixed=mixed)
    if mixed or answer.outcome is not Outcome.OPTIMAL:
        return answer
    return replace(answer, face=Face(solver, arrays.row_lower < arrays.row_upper))


@dataclass(frozen=True, slots=True, eq=False)
class Distance:
    """How far `up` less `down` (columns) is from what is `wanted`: the sum of what is missed, each by its weight."""

    up: Ints
    down: Ints
    wanted: Floats
    weight: Floats


class Face:
    """The answers of a linear program that are equally good, to choose among by another aim, and by a third.

    A variable with a reduced cost has to stay at its bound, a row with a dual at its side; what is left is free. The
    solver goes on from where it stands, so an aim costs a few steps (lexicographic optimisation on the optimal face).
    """

    def __init__(self, solver: highspy.Highs, loose_rows: Bools) -> None:
        """Stand where the solver stands. `loose_rows` are those that are no equations: only these can be held."""
        self._solver = solver
        self._loose_rows = loose_rows

    @property
    def seconds(self) -> float:
        """How long the solver has worked so far, the answer itself included."""
        return float(self._solver.getRunTime())

    def nearest(self, distance: Distance, time_limit_s: float) -> Floats | None:
        """Keep to the answers of least distance and return one of them, without what measures it; None as `least`."""
        solver = self._solver
        self._hold()
        width, count = solver.getNumCol(), len(distance.wanted)
        values, basis = np.array(solver.getSolution().col_value), solver.getBasis()
        over = values[distance.up] - values[distance.down] > distance.wanted
        nothing, free = np.zeros(2 * count), np.full(2 * count, np.inf)
        none = np.zeros(0, dtype=np.int32)
        solver.addCols(2 * count, nothing, nothing, free, 0, np.zeros(2 * count, dtype=np.int32), none, np.zeros(0))
        above = np.arange(width, width + count, dtype=np.int32)
        columns = np.stack([distance.up, distance.down, above, above + count], axis=1).ravel().astype(np.int32)
        starts = np.arange(0, 4 * count, 4, dtype=np.int32)
        each = np.tile((1.0, -1.0, -1.0, 1.0), count)
        solver.addRows(count, distance.wanted, distance.wanted, 4 * count, starts, columns, each)
        status = highspy.HighsBasisStatus
        sides = [status.kBasic if each else status.kLower for each in np.concatenate([over, ~over])]
        basis.col_status = [*basis.col_status, *sides]
        basis.row_status = [*basis.row_status, *[status.kLower] * count]
        solver.setBasis(basis)
        found = self._minimised(np.concatenate([np.zeros(width), distance.weight, distance.weight]), time_limit_s)
        return None if found is None else found[:width]

    def least(self, aim: Floats, time_limit_s: float) -> Floats | None:
        """Keep to the answers of least `aim` and return one of them; None if there is none in time."""
        self._hold()
        more = np.zeros(self._solver.getNumCol() - len(aim))
        found = self._minimised(np.concatenate([aim, more]), time_limit_s)
        return None if found is None else found[: len(aim)]

    def _hold(self) -> None:
        """Fix whatever would make the answer worse by the aim it was found by."""
        solver = self._solver
        solution = solver.getSolution()
        held = np.flatnonzero(np.abs(np.array(solution.col_dual)) > _STILL).astype(np.int32)
        at = np.array(solution.col_value)[held]
        solver.changeColsBounds(len(held), held, at, at)
        duals = np.array(solution.row_dual)[: len(self._loose_rows)]
        held = np.flatnonzero(self._loose_rows & (np.abs(duals) > _STILL)).astype(np.int32)
        at = np.array(solution.row_value)[held]
        _bound_rows(solver, held, at, at)

    def _minimised(self, aim: Floats, time_limit_s: float) -> Floats | None:
        solver = self._solver
        solver.changeColsCost(len(aim), np.arange(len(aim), dtype=np.int32), aim)
        solver.setOptionValue("simplex_strategy", _PRIMAL)
        solver.setOptionValue("time_limit", solver.getRunTime() + time_limit_s)
        if solver.run() == highspy.HighsStatus.kError or solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        return np.array(solver.getSolution().col_value)


def _passed(solver: highspy.Highs, arrays: Arrays) -> bool:
    status = solver.passModel(
        len(arrays.cost),
        len(arrays.row_lower),
        len(arrays.values),
        _ROWWISE,
        _MINIMISE,
        0.0,
        arrays.cost,
        arrays.lower,
        arrays.upper,
        arrays.row_lower,
        arrays.row_upper,
        arrays.starts,
        arrays.columns,
        arrays.values,
        arrays.integral,
    )
    return bool(status != highspy.HighsStatus.kError)


def _answer(solver: highspy.Highs, *, mixed: bool) -> Answer:
    status = solver.getModelStatus()
    solution = solver.getSolution()
    values, duals = np.array(solution.col_value), np.array(solution.row_dual)
    info = solver.getInfo()
    seconds = solver.getRunTime()
    if status == highspy.HighsModelStatus.kOptimal:
        return Answer(Outcome.OPTIMAL, values, duals, seconds, _gap_eur(info) if mixed else 0.0)
    if status in {highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible}:
        return Answer(Outcome.INFEASIBLE, values, duals, seconds)
    feasible = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    outcome = Outcome.STOPPED if mixed and feasible else Outcome.FAILED
    return Answer(outcome, values, duals, seconds, _gap_eur(info) if mixed else 0.0)


def _gap_eur(info: highspy.HighsInfo) -> float:
    return max(0.0, float(info.objective_function_value - info.mip_dual_bound))


def _bound_rows(solver: highspy.Highs, rows: Ints, lower: Floats, upper: Floats) -> None:
    # The one method that the package has and its type information leaves out.
    solver.changeRowsBounds(len(rows), rows, lower, upper)  # type: ignore[attr-defined]


class Program:
    """A linear program that is kept, to be solved again from where it stands when bounds have changed."""

    def __init__(self, arrays: Arrays) -> None:
        self._solver = highspy.Highs()  # type: ignore[no-untyped-call]  # as above
        for option, value in (("output_flag", False), ("threads", 1), ("presolve", "off")):
            self._solver.setOptionValue(option, value)
        self._passed = _passed(self._solver, arrays)

    def bound(self, columns: Ints, lower: Floats, upper: Floats) -> None:
        """Change the bounds of variables."""
        if len(columns):
            self._solver.changeColsBounds(len(columns), columns, lower, upper)

    def bound_rows(self, rows: Ints, lower: Floats, upper: Floats) -> None:
        """Change the bounds of constraints."""
        if len(rows):
            _bound_rows(self._solver, rows, lower, upper)

    def minimise(self, time_limit_s: float) -> Answer:
        """Solve, from the last answer's basis where there is one. Never raises, as `run`."""
        begun_s = self._solver.getRunTime()
        self._solver.setOptionValue("time_limit", begun_s + time_limit_s)
        if not self._passed or self._solver.run() == highspy.HighsStatus.kError:
            return Answer(Outcome.FAILED, np.zeros(0), np.zeros(0), 0.0)
        answer = _answer(self._solver, mixed=False)
        return replace(answer, seconds=answer.seconds - begun_s)
