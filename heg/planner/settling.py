"""The second stage: which of the plans that cost the same is made. Nothing here weighs against the cost.

First the one nearest to the plan before (who flaps is not believed), as energy by which the storages' powers differ
from what that said; among these the one that cycles least and stores earlier.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heg.planner.highs import Answer, Distance
from heg.planner.house import Floats
from heg.planner.matrix import Arrays, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Storages:
    """The columns in which each storage charges and discharges, and what the plan before said (nan: nothing)."""

    pairs: Sequence[tuple[Ints, Ints]]
    previous_kw: Sequence[Floats]
    hours: Floats


def settled(arrays: Arrays, answer: Answer, storages: Storages, time_limit_s: float) -> Floats | None:
    """Return the values of the answer of the same cost that is made, None if the solver finds none in time.

    `answer` is that of the linear program `arrays`. What its `face` allows is used up.
    """
    face = answer.face
    if face is None:
        return None
    values: Floats | None = answer.values
    distance = _distance(storages)
    if distance is not None:
        values = face.nearest(distance, time_limit_s)
    if values is not None and arrays.ties.any():
        values = face.least(arrays.ties, time_limit_s)
    return values


def _distance(storages: Storages) -> Distance | None:
    said = [np.isfinite(series) for series in storages.previous_kw]
    if not any(where.any() for where in said):
        return None
    pairs = zip(storages.pairs, said, strict=True)
    ways = [(charge[where], discharge[where]) for (charge, discharge), where in pairs]
    return Distance(
        up=np.concatenate([up for up, _down in ways]),
        down=np.concatenate([down for _up, down in ways]),
        wanted=np.concatenate([kw[where] for kw, where in zip(storages.previous_kw, said, strict=True)]),
        weight=np.concatenate([storages.hours[where] for where in said]),
    )
