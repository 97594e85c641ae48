"""One linear or mixed-integer program through HiGHS, arrays in and arrays out; the only module that knows highspy."""

from dataclasses import dataclass, replace
from enum import StrEnum

import highspy
import numpy as np

from heg.planner.house import Floats
from heg.planner.matrix import Arrays

INTEGRALITY_TOLERANCE = 1e-9
DUAL_TOLERANCE = 1e-9
MANY_COLUMNS = 2_000
"""From here on each step of the dual simplex is made cheaper at the price of more of them: 19 instead of 24 ms at 288
slots."""

_ROWWISE = 2
_MINIMISE = 1
_DEVEX = 1


class Outcome(StrEnum):
    """How a program ended. `STOPPED` has a solution, but at the time limit; `FAILED` and `INFEASIBLE` have none."""

    OPTIMAL = "optimal"
    STOPPED = "stopped"
    INFEASIBLE = "infeasible"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What came out. `duals` (of linear programs): by how much the objective grows with each row's right side."""

    outcome: Outcome
    values: Floats
    duals: Floats
    seconds: float
    gap_eur: float = 0.0

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
    passed = _passed(solver, arrays)
    if start is not None:
        begun = highspy.HighsSolution()
        begun.col_value = start.tolist()
        solver.setSolution(begun)
    if not passed or solver.run() == highspy.HighsStatus.kError:
        return Answer(Outcome.FAILED, np.zeros(0), np.zeros(0), solver.getRunTime())
    return _answer(solver, mixed=mixed)


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


class Program:
    """A linear program that is kept, to be solved again from where it stands when bounds have changed."""

    def __init__(self, arrays: Arrays) -> None:
        self._solver = highspy.Highs()  # type: ignore[no-untyped-call]  # as above
        for option, value in (("output_flag", False), ("threads", 1), ("presolve", "off")):
            self._solver.setOptionValue(option, value)
        self._passed = _passed(self._solver, arrays)

    def bound(self, column: int, lower: float, upper: float) -> None:
        """Change the bounds of one variable."""
        self._solver.changeColBounds(column, lower, upper)

    def bound_row(self, row: int, lower: float, upper: float) -> None:
        """Change the bounds of one constraint."""
        self._solver.changeRowBounds(row, lower, upper)

    def minimise(self, time_limit_s: float) -> Answer:
        """Solve, from the last answer's basis where there is one. Never raises, as `run`."""
        begun_s = self._solver.getRunTime()
        self._solver.setOptionValue("time_limit", begun_s + time_limit_s)
        if not self._passed or self._solver.run() == highspy.HighsStatus.kError:
            return Answer(Outcome.FAILED, np.zeros(0), np.zeros(0), 0.0)
        answer = _answer(self._solver, mixed=False)
        return replace(answer, seconds=answer.seconds - begun_s)
