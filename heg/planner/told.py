"""What this house's panels make of a told sky: a scale and its course over the day, learnt from their past. Pure."""

from dataclasses import dataclass, replace

import numpy as np

from heg.model.plan import Site
from heg.planner.calendar import DAY_MINUTES, Calendar, Values
from heg.planner.weather import ToldSky

USUAL_SHARE = 0.9
"""What panels give of their peak in light and heat as told: cables, inverter, dust and aging take a tenth."""
_SCALE_TRUST_DAYS = 1.0
_COURSE_TRUST_DAYS = 1.5
_COURSE = (0.2, 2.0)
_A_DAY_KWH2 = 1.5
"""The squares of a fair day's hourly kW per kW, summed: as much as a day teaches."""
_BRIGHT_KW_PER_KW = 0.3
_ENOUGH_DAYS = 3.0
_SLIGHT_KW2 = 0.5
"""A few hours' misses: while no more is known, what is told is believed."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """Production under the told sky, ahead and before (0 where nothing was told), and how far each slot trusts it."""

    value_kw: Values
    before_kw: Values
    residual_kw: Values
    share: Values

    def beside(self, own_residual_kw: Values, weights: Values) -> "Learnt":
        """Return it trusted by what it missed of the past beside what the own forecast did: each by the other's."""
        told = weights * (self.before_kw > 0.0)
        own, other = (float(told @ (missed * missed)) for missed in (own_residual_kw, self.residual_kw))
        skill = (own + _SLIGHT_KW2) / (own + other + _SLIGHT_KW2)
        return replace(self, share=self.share * skill)

    def mixed(self, own: Values, told: Values) -> Values:
        """Return the told where it is trusted, the own where it is not."""
        found: Values = self.share * told + (1.0 - self.share) * own
        return found


def under_told_sky(
    told: ToldSky,
    values_kw: Values,
    weights: Values,
    before: Calendar,
    ahead: Calendar,
    slot_minutes: int,
    most_kw: Values,
    site: Site,
) -> Learnt | None:
    """Return production as the told sky has it; None while nothing tells how much panels there are."""
    reached = np.isfinite(told.ahead)
    if not told.trust or not reached.any():
        return None
    a_day = DAY_MINUTES // slot_minutes
    given_before, given_ahead = np.nan_to_num(told.before), np.nan_to_num(told.ahead)
    weights = np.where(np.isfinite(told.before), weights, 0.0)
    scale = _scale(values_kw, weights, given_before, site, a_day)
    if scale is None:
        return None
    course = _course(values_kw, weights, scale * given_before, before, a_day)
    before_kw = scale * course[before.slot_of_day] * given_before
    value_kw = np.minimum(scale * course[ahead.slot_of_day] * given_ahead, most_kw)
    residual_kw = np.where(weights > 0.0, values_kw - before_kw, 0.0)
    return Learnt(value_kw, before_kw, residual_kw, np.where(reached, told.trust, 0.0))


def _scale(values_kw: Values, weights: Values, given: Values, site: Site, a_day: int) -> float | None:
    """Return kW per kW that the told sky gives: by least squares, pulled towards the peak that the owner named."""
    told = float(weights @ (given * given)) * 24.0 / a_day
    seen = float(weights @ (given * values_kw)) * 24.0 / a_day
    if site.peak_kw is not None:
        trust = _SCALE_TRUST_DAYS * _A_DAY_KWH2
        return (seen + trust * USUAL_SHARE * site.peak_kw) / (told + trust)
    bright = np.count_nonzero((given >= _BRIGHT_KW_PER_KW) & (weights > 0.0))
    return seen / told if told > 0.0 and bright * 24.0 / a_day >= 2.0 * _ENOUGH_DAYS else None


def _course(values_kw: Values, weights: Values, expected_kw: Values, before: Calendar, a_day: int) -> Values:
    """Return a factor for each slot of the day: trees and roofs shade some hours, a second roof brightens others."""
    if not len(values_kw):
        return np.ones(a_day)
    squares = np.bincount(before.slot_of_day, weights * expected_kw * expected_kw, a_day)
    seen = np.bincount(before.slot_of_day, weights * expected_kw * values_kw, a_day)
    known = np.bincount(before.slot_of_day, weights * (expected_kw > 0.0), a_day)
    trust = _COURSE_TRUST_DAYS * np.where(known > 0.0, squares / np.maximum(known, 1e-9), 1.0)
    found: Values = np.clip((seen + trust) / np.maximum(squares + trust, 1e-12), *_COURSE)
    return np.where(squares + trust > 1e-9, found, 1.0)
