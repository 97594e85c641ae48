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
    order = np.argsort(missed, kind="stable")
    sorted_missed = missed[order]
    sorted_hours, sorted_kinds, sorted_weights = hours[order], kinds[order], weights[order]
    distance = np.abs((np.arange(HOURS)[:, None] + 0.5 - sorted_hours[None, :] + 12.0) % 24.0 - 12.0)
    near = np.maximum(0.0, 1.5 - distance) * sorted_weights
    found = np.empty((2, HOURS, 2))
    for kind in (0, 1):
        cumulated = np.cumsum(near * np.where(sorted_kinds == kind, 1.0, other_kind), axis=1)
        total = cumulated[:, -1] if cumulated.shape[1] else np.zeros(HOURS)
        for side, share in enumerate((LOW, HIGH)):
            at = (cumulated < share * total[:, None]).sum(axis=1)
            empirical = sorted_missed[np.minimum(at, len(missed) - 1)] if len(missed) else np.zeros(HOURS)
            known = total / (total + typical_weight)
            found[kind, :, side] = known * empirical + (1.0 - known) * typical[side]
    return found


def at_slots(by_hour: Values, hours: Values, kinds: Indices) -> tuple[Values, Values]:
    """Return low and high offsets of slots at these local times of day, between the middles of the hours."""
    before = np.floor(hours - 0.5).astype(np.int64)
    share = hours - 0.5 - before
    low_high = (1.0 - share)[:, None] * by_hour[kinds, before % HOURS] + share[:, None] * by_hour[
        kinds, (before + 1) % HOURS
    ]
    return low_high[:, 0], low_high[:, 1]
