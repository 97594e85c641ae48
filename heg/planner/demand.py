"""EUMF-K v1: a house's demand from its own past (spec ebr.md, Forecasts).

The exponentially weighted mean of the same local slot, days of the other kind counting a third, plus what was missed
lately as far as it lasts. Where little was measured, a typical household stands in, scaled to what was seen.
"""

from dataclasses import dataclass

import numpy as np

from heg.model.plan import SeriesForecast
from heg.planner.bands import at_slots, offsets_by_hour
from heg.planner.calendar import DAY_MINUTES, Calendar, Values
from heg.planner.past import Past
from heg.planner.regression import Correction, fitted, means_before

HALF_LIFE_DAYS = 7.0
OTHER_DAY_TYPE = 0.35
TYPICAL_KW = 0.4
"""A household of 3 500 kWh a year, when nothing has been measured."""
_TYPICAL_DAYS = 0.25
"""The typical household weighs as much as this many days of each slot."""
_TYPICAL_SCALE_HOURS = 3.0
_FEATURE_HOURS = (0.0, 3.0, 24.0)
_TRUST_DAYS = 6.0
_RUNNING = 0.6
"""How much of what the running slot's mean misses the rest of the slot misses too."""
_BAND_DAYS = 1.5
_TYPICAL_BAND = (-0.6, 1.0)
_HOME = np.array(
    (
        *(0.62, 0.54, 0.50, 0.48, 0.50, 0.58, 0.85, 1.08, 1.08, 1.05, 1.05, 1.12),
        *(1.20, 1.10, 1.00, 0.98, 1.05, 1.28, 1.55, 1.65, 1.50, 1.28, 1.05, 0.80),
    )
)
_TYPICAL = _HOME / _HOME.mean()
"""Share of the mean by local hour, in the shape of the standard load profiles of households."""


@dataclass(frozen=True, slots=True)
class _Habit:
    """The weighted sums of each slot of the two kinds of day; a slot's mean is their ratio."""

    sums_kw: Values
    weights: Values

    def mean(self, calendar: Calendar) -> Values:
        """Return the expected kW of the calendar's slots."""
        at = calendar.weekend, calendar.slot_of_day
        means: Values = self.sums_kw[at] / self.weights[at]
        return means

    def without_itself(self, calendar: Calendar, values_kw: Values, weights: Values) -> Values:
        """Return what the other days alone say of each slot of the past: an honest forecast of it."""
        at = calendar.weekend, calendar.slot_of_day
        means: Values = (self.sums_kw[at] - weights * values_kw) / (self.weights[at] - weights)
        return means


def forecast_demand(
    past: Past, before: Calendar, ahead: Calendar, slot_minutes: int, *, bands: bool = True
) -> SeriesForecast:
    """Return the demand of the slots `ahead`; `before` is the calendar of the past's slots."""
    a_day = DAY_MINUTES // slot_minutes
    known = np.isfinite(past.values_kw)
    values_kw = np.where(known, past.values_kw, 0.0)
    age_days = (len(before) - np.arange(len(before))) / a_day
    weights = known * 0.5 ** (age_days / HALF_LIFE_DAYS)
    habit = _habit(values_kw, weights, before, slot_minutes)
    residual = np.where(known, values_kw - habit.without_itself(before, values_kw, weights), 0.0)
    expected_kw = habit.mean(ahead)
    correction, features = _lasting(residual, weights, a_day)
    told_kw = correction.apply(np.ones(len(ahead)), features)
    if past.running_kw is not None:
        told_kw = _with_running(past.running_kw, expected_kw, told_kw, residual, correction, a_day)
    value_kw = np.maximum(expected_kw + told_kw, 0.0)
    if not bands:
        alone = tuple(value_kw.tolist())
        return SeriesForecast(values_kw=alone, low_kw=alone, high_kw=alone)
    low_kw, high_kw = _band(residual, weights, before, ahead, expected_kw, slot_minutes)
    left = np.ones(len(ahead))
    left[: min(len(ahead), a_day)] = correction.left[: len(ahead)]
    low_kw = np.clip(value_kw + low_kw * left, 0.0, value_kw)
    high_kw = np.maximum(value_kw + high_kw * left, value_kw)
    return SeriesForecast(
        values_kw=tuple(value_kw.tolist()), low_kw=tuple(low_kw.tolist()), high_kw=tuple(high_kw.tolist())
    )


def _habit(values_kw: Values, weights: Values, before: Calendar, slot_minutes: int) -> _Habit:
    a_day = DAY_MINUTES // slot_minutes
    typical = _TYPICAL[np.arange(a_day) * slot_minutes // 60]
    seen = float(weights @ typical[before.slot_of_day]) if len(before) else 0.0
    trust = _TYPICAL_SCALE_HOURS * 60.0 / slot_minutes
    scale_kw = (float(weights @ values_kw) + trust * TYPICAL_KW) / (seen + trust)
    at = before.weekend * a_day + before.slot_of_day
    sums_kw = np.bincount(at, weights * values_kw, 2 * a_day).reshape(2, a_day)
    counts = np.bincount(at, weights, 2 * a_day).reshape(2, a_day)
    return _Habit(
        sums_kw + OTHER_DAY_TYPE * sums_kw[::-1] + _TYPICAL_DAYS * scale_kw * typical,
        counts + OTHER_DAY_TYPE * counts[::-1] + _TYPICAL_DAYS,
    )


def _features(residual: Values, known: Values, a_day: int) -> Values:
    spans = [max(1, round(hours * a_day / 24.0)) for hours in _FEATURE_HOURS]
    return np.stack([means_before(residual, known, span, 0.25) for span in spans], axis=1)


def _lasting(residual: Values, weights: Values, a_day: int) -> tuple[Correction, Values]:
    known = (weights > 0.0).astype(np.float64)
    features = _features(residual, known, a_day)
    correction = fitted(np.ones(len(residual)), residual, features, weights, _usual(a_day), trust=_TRUST_DAYS * a_day)
    return correction, features[-1]


def _usual(a_day: int) -> Values:
    """What lasts of a miss, as the recorded homes have it: half of the last slot's for an hour, a quarter of a day."""
    hours = np.arange(a_day) * 24.0 / a_day
    return np.stack((0.55 * np.exp(-hours / 1.3), np.full(a_day, 0.04), np.full(a_day, 0.25)), axis=1)


def _with_running(
    running_kw: float, expected_kw: Values, told_kw: Values, residual: Values, correction: Correction, a_day: int
) -> Values:
    """The slot that runs counts as the newest one, as far as what was measured of it stands for the whole."""
    missed_kw = (1.0 - _RUNNING) * told_kw[0] + _RUNNING * (running_kw - expected_kw[0])
    newest = np.append(residual, missed_kw)
    features = _features(newest, np.ones(len(newest)), a_day)[-1]
    later = correction.apply(np.ones(len(expected_kw) - 1), features)
    return np.concatenate(([missed_kw], later))


def _band(
    residual: Values, weights: Values, before: Calendar, ahead: Calendar, expected_kw: Values, slot_minutes: int
) -> tuple[Values, Values]:
    mean_kw = float(expected_kw.mean())
    by_hour = offsets_by_hour(
        residual,
        weights,
        before.hours(slot_minutes),
        before.weekend,
        other_kind=OTHER_DAY_TYPE,
        typical=(_TYPICAL_BAND[0] * mean_kw, _TYPICAL_BAND[1] * mean_kw),
        typical_weight=_BAND_DAYS * 60.0 / slot_minutes,
    )
    return at_slots(by_hour, ahead.hours(slot_minutes), ahead.weekend)
