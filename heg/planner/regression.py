"""How what was missed lately tells what will be missed: one small ridge regression for each slot ahead.

For the slot k ahead of t the miss is `base[t+k] * (weights_k . features[t])`. With a base of ones this is the
autoregressive residual of a demand; with the expected production as base it is the clearness of the sky that lasts.
The weights of a few slots ahead are solved at once and those between them are drawn between; the past is read at about
forty-eight moments a day. More of either tells no more.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from heg.planner.calendar import Indices, Values

_MOMENTS_A_DAY = 48
_LEAST_MOMENTS = 8
_LEAST_LEFT = 0.05
_LEAST_MISS = 0.05
_STEPS = 16


@dataclass(frozen=True, slots=True)
class Correction:
    """What to add to the base in each slot ahead, and which share of the base's error is left then (0-1)."""

    weights: Values
    left: Values

    def apply(self, base: Values, features: Values, first: int = 0) -> Values:
        """Return what to add to `base`, whose slot 0 is `first` slots after the moment of `features`.

        `features` is one row for all slots, or one row for each slot of `base`.
        """
        told = np.zeros(len(base))
        count = min(len(base), len(self.weights) - first)
        if count > 0:
            rows = features[:count] if features.ndim == 2 else features
            told[:count] = base[:count] * (self.weights[first : first + count] * rows).sum(axis=1)
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
    base: Values,
    residual: Values,
    features: Values,
    weights: Values,
    usual: Values,
    *,
    trust: float,
    of_slot: Values | None = None,
    rounds: int = 1,
) -> Correction:
    """Fit the correction for as many slots ahead as `usual` has rows.

    `base`, `residual` and `weights` have one value a slot of the past (nothing known: weight 0), `features` one row a
    moment, the last being now. `usual` are the weights that other houses' pasts gave: they count as much as slots of
    the past whose `weights` sum to `trust`, so a short past differs little from them. `of_slot` is one more feature,
    that of the slot itself, known before it begins; its weights are the last. Of several `rounds` each weighs what the
    round before missed by far less: towards the median.
    """
    n, (ahead, count) = len(base), usual.shape
    stride = max(1, ahead // _MOMENTS_A_DAY)
    moments = np.arange((n - ahead) % stride, n - ahead + 1, stride) if n > ahead else np.empty(0, dtype=np.int64)
    if len(moments) < _LEAST_MOMENTS:
        return Correction(usual, np.ones(ahead))
    steps = _steps(ahead)

    def ahead_of_each(values: Values) -> Values:
        return np.array([values[moments[0] + step : moments[-1] + step + 1 : stride] for step in steps])

    missed, weight, basis = ahead_of_each(residual), ahead_of_each(weights), ahead_of_each(base)
    known = np.empty((len(steps), count, len(moments)))
    shared = features.shape[1]
    np.multiply(features[moments].T, basis[:, None, :], out=known[:, :shared])
    if of_slot is not None:
        np.multiply(ahead_of_each(of_slot), basis, out=known[:, shared])
    share = trust / max(float(weight.sum()) / len(steps) * stride, 1e-9)
    nearness = np.ones_like(weight)
    for turn in range(rounds):
        weighted = weight * nearness
        gram, told = _products(known, missed, weighted)
        pull = share * np.einsum("kii->i", gram) / len(steps) + 1e-9
        found = np.linalg.solve(gram + np.diag(pull), (told + pull * usual[steps])[:, :, None])
        solved = np.asarray(found[:, :, 0], dtype=np.float64)
        if turn < rounds - 1:
            nearness = _nearness(missed - (solved[:, None, :] @ known)[:, 0], weight)
    left = _left(missed, weighted, solved, gram, told)
    every = np.arange(ahead)
    columns = [np.interp(every, steps, solved[:, column]) for column in range(count)]
    return Correction(np.stack(columns, axis=1), np.interp(every, steps, left))


def _products(known: Values, missed: Values, weight: Values) -> tuple[Values, Values]:
    """Of each step the features with one another, and with what was missed."""
    weighted = known * weight[:, None, :]
    return weighted @ known.transpose(0, 2, 1), (weighted @ missed[:, :, None])[:, :, 0]


def _nearness(left: Values, weight: Values) -> Values:
    """Weights under which least squares come to least absolute misses: one over the miss, within bounds."""
    usual_miss = np.sqrt((weight * left * left).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-9))[:, None] + 1e-9
    near: Values = usual_miss / np.maximum(np.abs(left), _LEAST_MISS * usual_miss)
    return near


def _left(missed: Values, weight: Values, solved: Values, gram: Values, told: Values) -> Values:
    before = np.einsum("kn,kn->k", weight * missed, missed)
    gain = 2.0 * np.einsum("kq,kq->k", solved, told) - np.einsum("kq,kqr,kr->k", solved, gram, solved)
    left: Values = np.sqrt(np.clip(1.0 - gain / np.maximum(before, 1e-12), _LEAST_LEFT, 1.0))
    return left


@lru_cache(maxsize=8)
def _steps(ahead: int) -> Indices:
    """The slots ahead that are solved: each of the first three, then a third further each time."""
    spread = np.geomspace(1.0, ahead, _STEPS).astype(np.int64) - 1
    steps = np.unique(np.append(spread, (0, 1, 2)).clip(0, ahead - 1))
    steps.flags.writeable = False
    return steps
