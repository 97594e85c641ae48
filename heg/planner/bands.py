"""Quantiles of what comes: weighted quantiles of what was missed around the same hour before."""

import numpy as np

from heg.planner.calendar import Indices, Values

LEVELS = (0.08, 0.22, 0.5, 0.76, 0.91)
"""Which quantiles of the past's misses hold the shares of `heg.model.plan.QUANTILES`: what comes strays a bit more."""
MEDIAN = (0.5,)
HOURS = 24
_REACH_HOURS = 1.5


def offsets_by_hour(
    missed: Values,
    weights: Values,
    hours: Values,
    kinds: Indices,
    *,
    other_kind: float,
    typical: tuple[float, ...],
    typical_weight: float,
    levels: tuple[float, ...] = LEVELS,
) -> Values:
    """Return (2 kinds of day, 24 hours, levels): by how much the truth leaves the forecast.

    `hours` is the local time of day of each slot of the past, `typical` what is assumed of an hour without a past, with
    the weight of that many days.
    """
    counted = np.flatnonzero(weights > 0.0)
    order = counted[np.argsort(missed[counted], kind="stable")]
    sorted_missed, sorted_hours, shares = missed[order], hours[order], np.array(levels)
    by_kind = weights[order] * np.where(kinds[order] == np.arange(2)[:, None], 1.0, other_kind)
    found = np.empty((2, HOURS, len(levels)))
    found[:] = typical
    for hour in range(HOURS):
        apart = np.abs(sorted_hours - (hour + 0.5))
        nearness = _REACH_HOURS - np.minimum(apart, HOURS - apart)
        near = np.flatnonzero(nearness > 0.0)
        if not len(near):
            continue
        cumulated = np.cumsum(by_kind[:, near] * nearness[near], axis=1)
        for kind, running in enumerate(cumulated):
            total = float(running[-1])
            at = np.minimum(np.searchsorted(running, shares * total), len(near) - 1)
            known = total / (total + typical_weight)
            found[kind, hour] = known * sorted_missed[near[at]] + (1.0 - known) * found[kind, hour]
    return found


def at_slots(by_hour: Values, hours: Values, kinds: Indices) -> Values:
    """Return (levels, slots): the offsets at these local times of day, between the middles of the hours."""
    before = np.floor(hours - 0.5).astype(np.int64)
    share = (hours - 0.5 - before)[:, None]
    found: Values = (1.0 - share) * by_hour[kinds, before % HOURS] + share * by_hour[kinds, (before + 1) % HOURS]
    return found.T


def in_order(quantiles_kw: Values, middle_kw: Values) -> tuple[tuple[float, ...], ...]:
    """Return the quantiles as rows none of which crosses another, those outside the median on their side of it."""
    half = len(quantiles_kw) // 2
    below = np.minimum.accumulate(np.minimum(quantiles_kw[:half], middle_kw)[::-1], axis=0)[::-1]
    above = np.maximum.accumulate(np.maximum(quantiles_kw[half + 1 :], middle_kw), axis=0)
    return tuple(tuple(row.tolist()) for row in (*below, middle_kw, *above))
