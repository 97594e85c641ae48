"""EUMF-K: a house's demand from its own past (spec ebr.md, Forecasts).

The exponentially weighted mean of the same local slot, days of the other kind counting a third, plus what was missed
lately as far as it lasts. That adds up to energies. A single slot is most likely below it, for a kettle is seldom on:
the slot's own forecast is the median, which has its own offset by the hour and its own lasting misses. Where little was
measured, a typical household stands in, scaled to what was seen.
"""

from dataclasses import dataclass

import numpy as np

from heg.model.plan import SeriesForecast
from heg.planner.bands import LEVELS, MEDIAN, at_slots, in_order, offsets_by_hour
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
_MEDIAN_TRUST_DAYS = 4.0
_MEDIAN_ROUNDS = 2
_RUNNING = 0.6
"""How much of what the running slot's mean misses the rest of the slot misses too."""
_BAND_DAYS = 1.5
_TYPICAL_OFFSETS = (-0.6, -0.4, -0.15, 0.25, 1.0)
"""Of the quantiles, in parts of the mean: as the recorded homes have them."""
_FOLLOWS = np.array((0.25, 0.5, 1.0, 1.0, 1.0))
"""How far each quantile goes with what the median is told to be above or below the usual."""
_HALF = len(LEVELS) // 2
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
    miss = _Miss(np.where(known, values_kw - habit.without_itself(before, values_kw, weights), 0.0), weights, a_day)
    expected_kw = habit.mean(ahead)
    before_kw, ahead_kw = _offsets(miss, before, ahead, expected_kw, slot_minutes, LEVELS if bands else MEDIAN)
    middle = len(ahead_kw) // 2
    shifted = _Miss(np.where(known, miss.residual - before_kw[middle], 0.0), weights, a_day)
    usual_kw = expected_kw + ahead_kw[middle]
    value_kw, left = _told(shifted, usual_kw, past.running_kw, _likely(shifted))
    if not bands:
        alone = tuple(value_kw.tolist())
        return SeriesForecast(values_kw=alone, low_kw=alone, high_kw=alone)
    mean_kw, _ = _told(miss, expected_kw, past.running_kw, _meant(miss))
    apart_kw = (ahead_kw - ahead_kw[middle]) * left + np.outer(_FOLLOWS, value_kw - usual_kw)
    rows = in_order(np.maximum(usual_kw + apart_kw, 0.0), value_kw)
    return SeriesForecast(
        values_kw=rows[_HALF],
        low_kw=rows[0],
        high_kw=rows[-1],
        mean_kw=tuple(mean_kw.tolist()),
        quantiles_kw=rows,
    )


@dataclass(frozen=True, slots=True)
class _Miss:
    """By how much each slot of the past left what was to be expected of it, and what each counts."""

    residual: Values
    weights: Values
    a_day: int

    @property
    def known(self) -> Values:
        """One where the slot is known, else nothing."""
        return (self.weights > 0.0).astype(np.float64)

    @property
    def day_before(self) -> Values:
        """What was missed a day before each slot of the past and of the day after it."""
        return np.concatenate((np.zeros(self.a_day), self.residual))


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


def _meant(miss: _Miss) -> Correction:
    """How long a miss lasts in the mean."""
    base, usual, trust = np.ones(len(miss.residual)), _usual(miss.a_day)[:, :-1], _TRUST_DAYS * miss.a_day
    features = _features(miss.residual, miss.known, miss.a_day)
    return fitted(base, miss.residual, features, miss.weights, usual, trust=trust)


def _likely(miss: _Miss) -> Correction:
    """How long a miss lasts most likely; what the same slot missed a day ago counts too."""
    return fitted(
        np.ones(len(miss.residual)),
        miss.residual,
        _features(miss.residual, miss.known, miss.a_day),
        miss.weights,
        _usual(miss.a_day),
        trust=_MEDIAN_TRUST_DAYS * miss.a_day,
        of_slot=miss.day_before,
        rounds=_MEDIAN_ROUNDS,
    )


def _usual(a_day: int) -> Values:
    """What lasts of a miss, as the recorded homes have it: half of the last slot's for an hour, a quarter of a day."""
    hours = np.arange(a_day) * 24.0 / a_day
    steady = np.ones(a_day)
    return np.stack((0.55 * np.exp(-hours / 1.3), 0.04 * steady, 0.25 * steady, 0.1 * steady), axis=1)


def _told(miss: _Miss, expected_kw: Values, running_kw: float | None, correction: Correction) -> tuple[Values, Values]:
    """Return the forecast kW, and which share of the band is left around it in each slot.

    The slot that runs counts as the newest one, as far as what was measured of it stands for the whole.
    """
    slots, a_day = len(expected_kw), miss.a_day
    told_kw = correction.apply(np.ones(slots), _now(miss.residual, miss, slots, correction))
    if running_kw is not None:
        missed_kw = (1.0 - _RUNNING) * told_kw[0] + _RUNNING * (running_kw - expected_kw[0])
        newest = np.append(miss.residual, missed_kw)
        later = correction.apply(np.ones(slots - 1), _now(newest, miss, slots - 1, correction))
        told_kw = np.concatenate(([missed_kw], later))
    left = np.ones(slots)
    left[: min(slots, a_day)] = correction.left[:slots]
    return np.maximum(expected_kw + told_kw, 0.0), left


def _now(residual: Values, miss: _Miss, slots: int, correction: Correction) -> Values:
    """The features at the end of `residual`: one row, or where the slot's own is among them one for each slot."""
    known = np.concatenate((miss.known, np.ones(len(residual) - len(miss.residual))))
    lately: Values = _features(residual[-miss.a_day :], known[-miss.a_day :], miss.a_day)[-1]
    if correction.weights.shape[1] == len(lately):
        return lately
    count = min(slots, miss.a_day)
    yesterday = np.concatenate((np.zeros(miss.a_day), residual))[len(residual) :][:count]
    return np.column_stack((np.broadcast_to(lately, (count, len(lately))), yesterday))


def _offsets(
    miss: _Miss,
    before: Calendar,
    ahead: Calendar,
    expected_kw: Values,
    slot_minutes: int,
    levels: tuple[float, ...],
) -> tuple[Values, Values]:
    """Return (levels, slots) of the past and of what is ahead: by how much a quantile leaves the mean."""
    mean_kw = float(expected_kw.mean())
    typical = _TYPICAL_OFFSETS if levels is LEVELS else _TYPICAL_OFFSETS[_HALF : _HALF + 1]
    by_hour = offsets_by_hour(
        miss.residual,
        miss.weights,
        before.hours(slot_minutes),
        before.weekend,
        other_kind=OTHER_DAY_TYPE,
        typical=tuple(part * mean_kw for part in typical),
        typical_weight=_BAND_DAYS * 60.0 / slot_minutes,
        levels=levels,
    )
    return (
        at_slots(by_hour, before.hours(slot_minutes), before.weekend),
        at_slots(by_hour, ahead.hours(slot_minutes), ahead.weekend),
    )
