"""How old the grid meter's values are, learnt from what our own movements do to them. Sans-IO.

Taken back by the true age, a move of ours vanishes from the meter: what is left is the house, whose changes have
nothing to do with ours. Taken back by a wrong age, each move leaves a rise and a fall. So the age is the one that
leaves the least unrest while we move. It is only used to allow *older* meters than assumed: a wrong lesson then costs
a little speed, never stability.
"""

import math
from collections import deque
from collections.abc import Sequence
from itertools import pairwise

OLDEST_S = 15.0
"""The oldest meter that can be learnt; beyond it a meter is no meter to balance by."""

_STEP_S = 0.5
_CANDIDATES_S = tuple(index * _STEP_S for index in range(int(OLDEST_S / _STEP_S) + 1))
_MEMORY_KW = 30.0
"""After so much further movement of ours a lesson is worth a third: stillness teaches nothing and unlearns nothing."""
_MOVED_KW = 3.0
"""How much of our own movement must have been seen before anything is concluded."""
_CLEARLY = 0.7
"""An older meter is believed when it leaves at most this share of the unrest that the assumed ages leave."""
_MOVING_KW = 0.1


class AgeLearner:
    """Watches grid power and the storages' sum; says how old the meter's values seem to be, when that is clear."""

    def __init__(self, assumed_s: float) -> None:
        self._assumed_s = assumed_s
        self._unrest_kw = [0.0] * len(_CANDIDATES_S)
        self._moved_kw = 0.0
        self._before: list[float] | None = None

    def learn(self, grid_at_s: float, grid_kw: float, own: Sequence[tuple[float, float]]) -> None:
        """Hand in a new meter value with when it arrived, and the storages' sums so far as (s, kW) in order of time."""
        if not own or own[-1][0] - own[0][0] < OLDEST_S:
            return
        moved = [abs(after - before) for (_, before), (_, after) in pairwise(own)]
        if max(moved) < _MOVING_KW:
            self._before = None
            return
        loads = [grid_kw - at(own, grid_at_s - age_s) for age_s in _CANDIDATES_S]
        if self._before is not None:
            changes = (abs(now - before) for now, before in zip(loads, self._before, strict=True))
            kept = math.exp(-moved[-1] / _MEMORY_KW)
            self._unrest_kw = [kept * unrest + change for unrest, change in zip(self._unrest_kw, changes, strict=True)]
            self._moved_kw = kept * self._moved_kw + moved[-1]
        self._before = loads

    @property
    def age_s(self) -> float | None:
        """The meter's age where it is clearly more than assumed, else None."""
        if self._moved_kw < _MOVED_KW:
            return None
        assumed = sum(age_s <= self._assumed_s for age_s in _CANDIDATES_S)
        least = min(range(len(_CANDIDATES_S)), key=self._unrest_kw.__getitem__)
        if least < assumed or self._unrest_kw[least] > _CLEARLY * min(self._unrest_kw[:assumed]):
            return None
        return _CANDIDATES_S[least]


def at(samples: Sequence[tuple[float, float]], moment_s: float) -> float:
    """Return the power at a moment, on straight lines between the samples, the nearest one outside them."""
    if moment_s <= samples[0][0]:
        return samples[0][1]
    for (before_s, before_kw), (after_s, after_kw) in pairwise(samples):
        if moment_s <= after_s:
            return before_kw + (after_kw - before_kw) * (moment_s - before_s) / (after_s - before_s)
    return samples[-1][1]


def recent(samples: deque[tuple[float, float]], oldest_s: float) -> None:
    """Forget what is older than `oldest_s`, but for the one sample that still held then."""
    while len(samples) > 1 and samples[1][0] < oldest_s:
        samples.popleft()
