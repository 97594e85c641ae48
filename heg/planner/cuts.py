"""The least of a convex cost of capacity and rate, from its value and slopes where it was asked for (Kelley's cuts).

Each answer bounds the cost from below everywhere; where the bound reaches the best answer, that is the least.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from heg.planner.highs import run
from heg.planner.matrix import Builder

STEP = 2.0
"""The next size is at most so many times the best one yet: cuts say little of what is far from them."""

MOST_ASKED = 60
_TIME_S = 5.0
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Size:
    """A battery's capacity and rate."""

    kwh: float
    kw: float

    def near(self, other: "Size") -> bool:
        """Tell whether two sizes are one but for rounding."""
        return math.isclose(self.kwh, other.kwh, rel_tol=_SAME, abs_tol=_SAME) and math.isclose(
            self.kw, other.kw, rel_tol=_SAME, abs_tol=_SAME
        )


@dataclass(frozen=True, slots=True)
class Cut:
    """What a size costs, and how that changes per kWh and per kW beside it."""

    size: Size
    eur: float
    eur_per_kwh: float
    eur_per_kw: float


@dataclass(frozen=True, slots=True)
class Box:
    """The sizes that may be."""

    least: Size
    most: Size

    def about(self, size: Size) -> "Box":
        """Return those of them that are not far above this one."""
        kwh = max(self.least.kwh, min(self.most.kwh, STEP * size.kwh))
        kw = max(self.least.kw, min(self.most.kw, STEP * size.kw))
        return Box(self.least, Size(kwh, kw))


@dataclass(frozen=True, slots=True)
class Lowest:
    """The best size that was asked for; none costs less than `bound_eur`. `cuts` are all that is known."""

    best: Cut
    bound_eur: float
    cuts: tuple[Cut, ...]


Ask: TypeAlias = Callable[[Size], Cut | None]
"""Says what a size costs; None where time ran out."""


def lowest(ask: Ask, start: Size, box: Box, *, near_eur: float, cuts: Sequence[Cut] = ()) -> Lowest | None:
    """Return the size of least cost to within `near_eur`, or the best until nothing more was said; None where nothing
    was. `cuts` are known to hold beforehand.
    """
    known, asked = list(cuts), list[Cut]()
    at, floor = start, Cut(start, -math.inf, 0.0, 0.0)
    while len(asked) < MOST_ASKED and not any(at.near(each.size) for each in asked):
        found = ask(at)
        if found is None:
            break
        asked.append(found)
        known.append(found)
        best = min(asked, key=lambda cut: cut.eur)
        floor = _floor(known, box)
        if best.eur - floor.eur <= near_eur:
            break
        step = _floor(known, box.about(best.size))
        at = step.size if step.eur < best.eur - near_eur else floor.size
    if not asked:
        return None
    return Lowest(min(asked, key=lambda cut: cut.eur), floor.eur, tuple(known))


def _floor(cuts: Sequence[Cut], box: Box) -> Cut:
    """Return where in the box the cuts are lowest."""
    make = Builder()
    kwh = make.columns(1, box.least.kwh, box.most.kwh)
    kw = make.columns(1, box.least.kw, box.most.kw)
    eur = make.columns(1, -np.inf, np.inf, cost=1.0)
    slopes = np.array([(cut.eur_per_kwh, cut.eur_per_kw) for cut in cuts])
    at = np.array([(cut.size.kwh, cut.size.kw) for cut in cuts])
    rows = make.rows(len(cuts), np.array([cut.eur for cut in cuts]) - (slopes * at).sum(axis=1), np.inf)
    make.put(rows, np.repeat(eur, len(cuts)), 1.0)
    make.put(rows, np.repeat(kwh, len(cuts)), -slopes[:, 0])
    make.put(rows, np.repeat(kw, len(cuts)), -slopes[:, 1])
    answer = run(make.arrays(), time_limit_s=_TIME_S)
    if not answer.solved:
        return Cut(box.least, -math.inf, 0.0, 0.0)
    return Cut(Size(float(answer.values[0]), float(answer.values[1])), float(answer.values[2]), 0.0, 0.0)
