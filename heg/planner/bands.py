"""Bands that hold about four slots of five: weighted quantiles of what was missed around the same hour before."""

import numpy as np

from heg.planner.calendar import Indices, Values

LOW, HIGH = 0.09, 0.91
HOURS = 24


def offsets_by_hour(
    missed: Values,
    weights: Values,
    hours: Values,
    kinds: Indices,
    *,
    other_kind: float,
    typical: tuple[float, float],
    typical_weight: float,
) -> Values:
    """Return (2 kinds of day, 24 hours, low and high): by how much the truth leaves the forecast.

    `hours` is the local time of day of each slot of the past, `typical` what is assumed of an hour without a past, with
    the weight of that many days.
    """
    counted = np.flatnonzero(weights > 0.0)
    order = counted[np.argsort(missed[counted], kind="stable")]
    found = np.empty((2, HOURS, 2))
    for hour in range(HOURS):
        nearness = 1.5 - np.abs((hours[order] - (hour + 0.5) + 12.0) % HOURS - 12.0)
        near = np.flatnonzero(nearness > 0.0)
        slots = order[near]
        weight = nearness[near] * weights[slots]
        for kind in (0, 1):
            cumulated = np.cumsum(weight * np.where(kinds[slots] == kind, 1.0, other_kind))
            total = float(cumulated[-1]) if len(near) else 0.0
            known = total / (total + typical_weight)
            for side, share in enumerate((LOW, HIGH)):
                at = min(int(np.searchsorted(cumulated, share * total)), len(near) - 1)
                empirical = float(missed[slots[at]]) if len(near) else 0.0
                found[kind, hour, side] = known * empirical + (1.0 - known) * typical[side]
    return found


def at_slots(by_hour: Values, hours: Values, kinds: Indices) -> tuple[Values, Values]:
    """Return low and high offsets of slots at these local times of day, between the middles of the hours."""
    before = np.floor(hours - 0.5).astype(np.int64)
    share = hours - 0.5 - before
    low_high = (1.0 - share)[:, None] * by_hour[kinds, before % HOURS] + share[:, None] * by_hour[
        kinds, (before + 1) % HOURS
    ]
    return low_high[:, 0], low_high[:, 1]
