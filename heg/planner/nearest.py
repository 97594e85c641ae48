"""The second stage: of plans that cost the same, the one nearest to the plan before (who flaps is not believed).

Cost is held to what the first stage found, then the energy by which the storages' powers differ from what was said
before is made least. Nothing of this weighs against the cost.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from heg.planner.highs import Answer, Outcome
from heg.planner.house import Floats
from heg.planner.matrix import Arrays, Ints

SAME_EUR = 1e-6
"""Plans whose costs differ by less cost the same."""

TIES_WEIGHT = 1e3
"""Cycling counts a thousandth of the distance: what the plan before says nothing of is settled as without one."""


def nearest(
    arrays: Arrays,
    values: Floats,
    stores: Sequence[tuple[Ints, Ints]],
    previous_kw: Sequence[Floats],
    hours: Floats,
    solve: Callable[[Arrays], Answer],
) -> Floats | None:
    """Return the values of the nearest answer as dear as `values`, None if the solver finds none.

    `arrays` is a linear program; `stores` are the columns in which each storage charges and discharges.
    """
    wide, before = _with_distance(arrays, values, stores, previous_kw, hours)
    answer = solve(wide)
    if answer.outcome is not Outcome.OPTIMAL:
        return None
    return answer.values[:before]


def _with_distance(
    arrays: Arrays, values: Floats, stores: Sequence[tuple[Ints, Ints]], previous_kw: Sequence[Floats], hours: Floats
) -> tuple[Arrays, int]:
    cost = arrays.cost - arrays.ties
    said = [np.isfinite(series) for series in previous_kw]
    before, count = len(cost), sum(int(where.sum()) for where in said)
    charge = np.concatenate([pair[0][where] for pair, where in zip(stores, said, strict=True)])
    discharge = np.concatenate([pair[1][where] for pair, where in zip(stores, said, strict=True)])
    wanted_kw = np.concatenate([series[where] for series, where in zip(previous_kw, said, strict=True)])
    over = np.arange(before, before + count, dtype=np.int32)
    rows = np.stack([charge, discharge, over, over + count], axis=1).ravel()
    priced = np.flatnonzero(cost).astype(np.int32)
    starts = np.concatenate(
        [arrays.starts, arrays.starts[-1] + 4 * np.arange(1, count + 1), [arrays.starts[-1] + 4 * count + len(priced)]]
    )
    length = np.concatenate([hours[where] for where in said])
    zeros = np.zeros(2 * count)
    wide = replace(
        arrays,
        cost=np.concatenate([arrays.ties * TIES_WEIGHT, length, length]),
        ties=np.concatenate([arrays.ties, zeros]),
        lower=np.concatenate([arrays.lower, zeros]),
        upper=np.concatenate([arrays.upper, zeros + np.inf]),
        integral=np.zeros(before + 2 * count, dtype=np.int32),
        row_lower=np.concatenate([arrays.row_lower, wanted_kw, [-np.inf]]),
        row_upper=np.concatenate([arrays.row_upper, wanted_kw, [float(cost @ values) + SAME_EUR]]),
        starts=starts.astype(np.int32),
        columns=np.concatenate([arrays.columns, rows, priced]).astype(np.int32),
        values=np.concatenate([arrays.values, np.tile((1.0, -1.0, -1.0, 1.0), count), cost[priced]]),
    )
    return wide, before
