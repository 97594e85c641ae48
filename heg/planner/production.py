"""Production from its own past and a clear sky (spec balancing.md, Production predictor), and from weather if told.

What each slot of the day gave lately, in parts of what a clear sky gives where the site is known, times the clearness
that lasts: of the last hours for the next ones, of the last day for tomorrow. Never more than the panels ever gave.
A told sky takes its place as far as it reaches, is young and its scale is known; what the panels gave under the skies
told before teaches the scale, hour by hour.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from heg.model.plan import SeriesForecast, Site
from heg.planner.bands import at_slots, in_order, offsets_by_hour
from heg.planner.calendar import DAY_MINUTES, Calendar, Values, calendar_of, zone_of
from heg.planner.past import Past
from heg.planner.regression import fitted, means_before
from heg.planner.sun import clear_slots
from heg.planner.told import under_told_sky
from heg.planner.weather import ToldSky

HALF_LIFE_DAYS = 5.0
TYPICAL_CLEARNESS = 0.5
"""What a sky lets through in the mean of many days, as long as nothing was measured."""
_TYPICAL_DAYS = 0.25
_FEATURE_HOURS = (1.0, 6.0, 24.0)
_TRUST_DAYS = 6.0
_FEATURE_BOUND = (-1.0, 1.5)
_ASSUMED_LATITUDE = 45.0
_ENOUGH_DAYS = 5.0
_NIGHT_KW_PER_M2 = 1e-4
_MOST_BY_NIGHT = 0.02
_BAND_DAYS = 1.5
_TYPICAL_OFFSETS = (-0.7, -0.4, 0.0, 0.4, 0.7)
_TOLD_OFFSETS = (-0.35, -0.15, 0.0, 0.15, 0.35)


@dataclass(frozen=True, slots=True)
class _Sky:
    """What a clear sky gives in each slot of the past and ahead, kW per m2; `true` where the site was told and fits."""

    before: Values
    ahead: Values
    true: bool


def forecast_production(
    past: Past,
    start: datetime,
    slot_minutes: int,
    slots: int,
    site: Site,
    *,
    told: ToldSky | None = None,
    bands: bool = True,
) -> SeriesForecast:
    """Return the production of `slots` slots from `start` on; `told` is the sky a weather forecast tells of, if any."""
    a_day = DAY_MINUTES // slot_minutes
    before = calendar_of(
        start - len(past.values_kw) * timedelta(minutes=slot_minutes), slot_minutes, len(past.values_kw)
    )
    ahead = calendar_of(start, slot_minutes, slots)
    known = np.isfinite(past.values_kw)
    values_kw = np.where(known, past.values_kw, 0.0)
    sky = _sky(values_kw, start, slot_minutes, slots, site)
    weights = known * 0.5 ** ((len(before) - np.arange(len(before))) / a_day / HALF_LIFE_DAYS)
    most_kw = _most(values_kw, known, sky, before, ahead, a_day, site)
    lately = _lately(values_kw, weights, sky, before, ahead, a_day, site)
    base, honest = np.minimum(lately.ahead, most_kw), lately.before
    residual = np.where(known, values_kw - honest, 0.0)
    features = _features(residual, np.where(known, honest, 0.0), a_day)
    correction = fitted(honest, residual, features, weights, _usual(a_day), trust=_TRUST_DAYS * a_day)
    value_kw = base + correction.apply(base, features[-1])
    learnt = (
        None if told is None else under_told_sky(told, values_kw, weights, before, ahead, slot_minutes, most_kw, site)
    )
    if learnt is not None:
        learnt = learnt.beside(residual, weights)
        value_kw = learnt.mixed(value_kw, learnt.value_kw)
    if past.running_kw is not None and (base[0] > 0.0 or value_kw[0] > 0.0):
        value_kw[0] = 0.5 * (value_kw[0] + past.running_kw)
    value_kw = np.clip(value_kw, 0.0, most_kw)
    if not bands:
        alone = tuple(value_kw.tolist())
        return SeriesForecast(values_kw=alone, low_kw=alone, high_kw=alone)
    left = np.ones(slots)
    left[: min(slots, a_day)] = correction.left[:slots]
    offsets_kw = base * _offsets(residual, honest, weights, before, ahead, slot_minutes) * left
    if learnt is not None:
        missed = learnt.residual_kw, learnt.before_kw
        told_kw = learnt.value_kw * _offsets(*missed, weights, before, ahead, slot_minutes, _TOLD_OFFSETS)
        offsets_kw = np.stack([learnt.mixed(own, told) for own, told in zip(offsets_kw, told_kw, strict=True)])
    quantiles_kw = np.clip(value_kw + offsets_kw, 0.0, np.maximum(most_kw, value_kw))
    rows = in_order(quantiles_kw, quantiles_kw[len(quantiles_kw) // 2])
    value = tuple(value_kw.tolist())
    return SeriesForecast(
        values_kw=value,
        low_kw=tuple(map(min, rows[0], value)),
        high_kw=tuple(map(max, rows[-1], value)),
        mean_kw=value,
        quantiles_kw=rows,
    )


@dataclass(frozen=True, slots=True)
class _Lately:
    before: Values
    ahead: Values


def _sky(values_kw: Values, start: datetime, slot_minutes: int, ahead: int, site: Site) -> _Sky:
    before = len(values_kw)
    begin = start - before * timedelta(minutes=slot_minutes)
    latitude = _ASSUMED_LATITUDE if site.latitude is None else site.latitude
    longitude = _longitude(start, site) if site.longitude is None else site.longitude
    clear = clear_slots(
        begin,
        slot_minutes,
        before + ahead,
        latitude=latitude,
        longitude=longitude,
        tilt=site.tilt,
        azimuth=site.azimuth,
    )
    by_night_kw = float(values_kw[clear[:before] <= _NIGHT_KW_PER_M2].sum())
    told = site.latitude is not None and site.longitude is not None
    # Panels that give by night stand elsewhere (a wrong sign, a clock off by hours): then only their own past counts.
    return _Sky(clear[:before], clear[before:], told and by_night_kw <= _MOST_BY_NIGHT * float(values_kw.sum()))


def _longitude(start: datetime, site: Site) -> float:
    """The zone's own meridian: a quarter degree a minute that the clock is ahead of UTC, an hour less in summer."""
    zone = zone_of(site.time_zone)
    offsets = [moment.astimezone(zone).utcoffset() or timedelta(0) for moment in (start, start + timedelta(days=182))]
    return min(offsets) / timedelta(minutes=4)


def _lately(
    values_kw: Values, weights: Values, sky: _Sky, before: Calendar, ahead: Calendar, a_day: int, site: Site
) -> _Lately:
    """Expected without knowing today: each slot's past over the sky's; the typical clearness where there is little."""
    clear_before, clear_ahead = (sky.before, sky.ahead) if sky.true else (np.ones(len(before)), np.ones(len(ahead)))
    typical = _typical(values_kw, weights, sky, a_day, site)
    prior_before, prior_ahead = typical * sky.before, typical * sky.ahead
    sums = np.bincount(before.slot_of_day, weights * values_kw, a_day)
    clear = np.bincount(before.slot_of_day, weights * clear_before, a_day)
    counts = np.bincount(before.slot_of_day, weights, a_day)

    def expected(at: Calendar, clear_at: Values, prior: Values, own: Values, own_kw: Values) -> Values:
        slot = at.slot_of_day
        count = counts[slot] - own
        passed = np.maximum(clear[slot] - own * clear_before if len(own_kw) else clear[slot], 0.0)
        total = np.maximum(sums[slot] - own * own_kw if len(own_kw) else sums[slot], 0.0)
        told = np.where(passed > 1e-6, total / np.maximum(passed, 1e-6), 0.0) * clear_at
        mixed: Values = (count * told + _TYPICAL_DAYS * prior) / (count + _TYPICAL_DAYS)
        return mixed

    return _Lately(
        expected(before, clear_before, prior_before, weights, values_kw),
        expected(ahead, clear_ahead, prior_ahead, np.zeros(len(ahead)), np.empty(0)),
    )


def _typical(values_kw: Values, weights: Values, sky: _Sky, a_day: int, site: Site) -> float:
    """Return kW per kW/m2 of clear sky: as seen, else of the panels' peak at a typical clearness, else nothing."""
    trust = 0.1 * a_day / 24.0
    assumed = 0.0 if site.peak_kw is None else TYPICAL_CLEARNESS * site.peak_kw
    seen = float(weights @ sky.before) if len(values_kw) else 0.0
    if seen < trust and site.peak_kw is None:
        return 0.0
    return (float(weights @ values_kw) + trust * assumed) / (seen + trust)


def _most(
    values_kw: Values, known: Values, sky: _Sky, before: Calendar, ahead: Calendar, a_day: int, site: Site
) -> Values:
    """Return the most each slot ahead can give: what it and its neighbours ever gave, the peak where days are few."""
    ever_kw = float(values_kw.max()) if len(values_kw) else 0.0
    peak_kw = ever_kw if site.peak_kw is None else site.peak_kw
    most = np.zeros(a_day)
    np.maximum.at(most, before.slot_of_day, values_kw)
    most = np.maximum(most, np.maximum(np.roll(most, 1), np.roll(most, -1)))
    seen = np.bincount(before.slot_of_day, known, a_day)
    most = np.where(seen >= _ENOUGH_DAYS, np.minimum(most, max(peak_kw, 0.0)), peak_kw)[ahead.slot_of_day]
    return np.where(sky.ahead > _NIGHT_KW_PER_M2, most, 0.0) if sky.true else most


def _features(residual: Values, honest: Values, a_day: int) -> Values:
    a_slot_kw = float(honest.mean()) if len(honest) else 0.0
    found = []
    for hours in _FEATURE_HOURS:
        slots = max(1, round(hours * a_day / 24.0))
        at_least = (0.02 if hours < 24.0 else 0.05) * a_day * a_slot_kw + 1e-9
        found.append(means_before(residual, honest, slots, at_least))
    return np.clip(np.stack(found, axis=1), *_FEATURE_BOUND)


def _usual(a_day: int) -> Values:
    """How the sky lasts, as the recorded homes have it: the last hour's for an afternoon, the day's until tomorrow."""
    hours = np.arange(a_day) * 24.0 / a_day
    day = np.where(hours < 16.0, 0.1 + 0.2 * np.minimum(hours / 5.0, 1.0), 0.1)
    return np.stack((0.7 * np.exp(-hours / 5.0), np.full(a_day, 0.12), day), axis=1)


def _offsets(
    residual: Values,
    honest: Values,
    weights: Values,
    before: Calendar,
    ahead: Calendar,
    slot_minutes: int,
    typical: tuple[float, ...] = _TYPICAL_OFFSETS,
) -> Values:
    """Offsets in parts of what is expected, weighed by it: dawn's great ratios of little say little."""
    share = np.clip(residual / np.maximum(honest, 1e-6), -1.0, 10.0)
    mean_kw = max(float(honest.mean()) if len(honest) else 0.0, 1e-6)
    by_hour = offsets_by_hour(
        share,
        weights * honest / mean_kw,
        before.hours(slot_minutes),
        np.zeros(len(before), dtype=np.int64),
        other_kind=0.0,
        typical=typical,
        typical_weight=_BAND_DAYS * 60.0 / slot_minutes,
    )
    return at_slots(by_hour, ahead.hours(slot_minutes), np.zeros(len(ahead), dtype=np.int64))
