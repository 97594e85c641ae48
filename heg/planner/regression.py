"""How what was missed lately tells what will be missed: one small ridge regression for each slot ahead.

For the slot k ahead of t the miss is `base[t+k] * (weights_k . features[t])`. With a base of ones this is the
autoregressive residual of a demand; with the expected production as base it is the clearness of the sky that lasts.
The weights of a few slots ahead are solved at once and those between them are drawn between; the past is read at about
forty-eight moments a day. More of either tells no more.
"""

from dataclasses import dataclass

import numpy as np

from heg.planner.calendar import Indices, Values

_MOMENTS_A_DAY = 48
_LEAST_MOMENTS = 8
_LEAST_LEFT = 0.05
_STEPS = 16


@dataclass(frozen=True, slots=True)
class Correction:
    """What to add to the base in each slot ahead, and which share of the base's error is left then (0-1)."""

    weights: Values
    left: Values

    def apply(self, base: Values, features: Values, first: int = 0) -> Values:
        """Return what to add to `base`, whose slot 0 is `first` slots after the moment of `features`."""
        told = np.zeros(len(base))
        count = min(len(base), len(self.weights) - first)
        if count > 0:
            told[:count] = base[:count] * (self.weights[first : first + count] @ features)
        return told


def means_before(numerator: Values, denominator: Values, slots: int, at_least: float) -> Values:
    """Return for each moment 0..n the sum of the `slots` before over that of the denominator (plus `at_least`)."""
    n = len(numerator)
    above = np.concatenate(([0.0], np.cumsum(numerator)))
    below = np.concatenate(([0.0], np.cumsum(denominator)))
    moments = np.arange(n + 1)
    begins = np.maximum(moments - slots, 0)
    spans = (above[moments] - above[begins]) / (below[moments] - below[begins] + at_least)
    return np.asarray(spans, dtype=np.float64)


def fitted(
    base: Values, residual: Values, features: Values, weights: Values, usual: Values, *, trust: float
) -> Correction:
    """Fit the correction for as many slots ahead as `usual` has rows.

    `base`, `residual` and `weights` have one value a slot of the past (nothing known: weight 0), `features` one row a
    moment, the last being now. `usual` are the weights that other houses' pasts gave: they count as much as slots of
    the past whose `weights` sum to `trust`, so a short past differs little from them.
    """
    n, (ahead, count) = len(base), usual.shape
    stride = max(1, ahead // _MOMENTS_A_DAY)
    moments = np.arange((n - ahead) % stride, n - ahead + 1, stride) if n > ahead else np.empty(0, dtype=np.int64)
    if len(moments) < _LEAST_MOMENTS:
        return Correction(usual, np.ones(ahead))
    steps = _steps(ahead)
    at = moments[:, None] + steps[None, :]
    known, basis, missed = features[moments], base[at], residual[at]
    weight = weights[at]
    weighted = weight * basis
    squares = (known[:, :, None] * known[:, None, :]).reshape(len(known), -1)
    gram = ((weighted * basis).T @ squares).reshape(len(steps), count, count)
    told = (weighted * missed).T @ known
    share = trust / max(float(weight.sum()) / len(steps) * stride, 1e-9)
    pull = share * np.einsum("kii->i", gram) / len(steps) + 1e-9
    found = np.linalg.solve(gram + np.diag(pull), (told + pull * usual[steps])[:, :, None])[:, :, 0]
    solved = np.asarray(found, dtype=np.float64)
    before = np.einsum("nk,nk->k", weight * missed, missed)
    gain = 2.0 * np.einsum("kq,kq->k", solved, told) - np.einsum("kq,kqr,kr->k", solved, gram, solved)
    left = np.sqrt(np.clip(1.0 - gain / np.maximum(before, 1e-12), _LEAST_LEFT, 1.0))
    every = np.arange(ahead)
    columns = [np.interp(every, steps, solved[:, column]) for column in range(count)]
    return Correction(np.stack(columns, axis=1), np.interp(every, steps, left))


def _steps(ahead: int) -> Indices:
    """The slots ahead that are solved: each of the first three, then a third further each time."""
    spread = np.geomspace(1.0, ahead, _STEPS).astype(np.int64) - 1
    return np.unique(np.append(spread, (0, 1, 2)).clip(0, ahead - 1))
