"""From a weather forecast to what a kW of panels would give in each slot, past and to come. Pure.

A value of an hour is shared among its slots as the sun's height shares it, so that dawn is not as bright as its hour.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from heg.model.plan import Degradation, DegradationCode, Site, WeatherSeries
from heg.planner.calendar import Values
from heg.planner.panels import Light, beam_outside, given_kw_per_kw, on_plane, split
from heg.planner.sun import sun_path

FULL_TRUST_H = 6.0
HALF_LIFE_H = 18.0
"""Up to six hours a forecast is as good as new; from then on it counts half as much each eighteen hours."""
USELESS_H = 72.0
MOST_W_PER_M2 = 1500.0
_STEP_MINUTES = 5
_MILD_C = 15.0
_COLDEST_C, _HOTTEST_C = -80.0, 70.0
_LEAST_SINE = 0.005
_FLAT_TILT, _SOUTH = 0.0, 180.0


@dataclass(frozen=True, slots=True)
class ToldSky:
    """kW per kW of panels in each slot before and ahead, NaN where nothing was told; `trust` 0 to 1 by its age."""

    before: Values
    ahead: Values
    trust: float
    lacks: tuple[Degradation, ...] = ()


def told_sky(
    weather: WeatherSeries | None, start: datetime, slot_minutes: int, before: int, ahead: int, site: Site
) -> ToldSky | None:
    """Return what a told weather means for the panels; None where none was told. What cannot be used is named."""
    if weather is None:
        return None
    count = before + ahead
    fault = _fault(weather, slot_minutes, site)
    if fault:
        return _nothing(before, ahead, f"The weather forecast {fault}: production is forecast from its own past.")
    begin = start - before * timedelta(minutes=slot_minutes)
    given = _given(weather, begin, slot_minutes, count, site)
    known = int(np.count_nonzero(np.isfinite(given[before:])))
    trust = _trust(weather.age_hours)
    if known == 0 or trust == 0.0:
        text = "has ended" if known == 0 else f"is {_age(weather.age_hours)} old"
        return _nothing(before, ahead, f"The weather forecast {text}: production is forecast from its own past.")
    lacks = []
    if weather.age_hours > FULL_TRUST_H:
        lacks.append(
            f"The weather forecast is {_age(weather.age_hours)} old: it counts {trust:.0%}, the panels' past the rest."
        )
    if known < ahead:
        lacks.append(
            f"The weather forecast leaves {ahead - known} of {ahead} slots open: the panels' own past stands in."
        )
    named = tuple(Degradation(DegradationCode.WEATHER_MISSING, text) for text in lacks)
    return ToldSky(given[:before], given[before:], trust, named)


def _trust(age_hours: float) -> float:
    if age_hours > USELESS_H:
        return 0.0
    return float(0.5 ** (max(0.0, age_hours - FULL_TRUST_H) / HALF_LIFE_H))


def _age(hours: float) -> str:
    return f"{hours:.0f} hours" if hours < 48.0 else f"{hours / 24.0:.1f} days"


def _nothing(before: int, ahead: int, text: str) -> ToldSky:
    return ToldSky(
        np.full(before, math.nan),
        np.full(ahead, math.nan),
        0.0,
        (Degradation(DegradationCode.WEATHER_MISSING, text),),
    )


def _fault(weather: WeatherSeries, slot_minutes: int, site: Site) -> str:
    if site.latitude is None or site.longitude is None:
        return "needs [site] latitude and longitude"
    if not weather.ghi_w_per_m2:
        return "has not come"
    if weather.slot_minutes % slot_minutes:
        return f"has values of {weather.slot_minutes} min, which slots of {slot_minutes} min do not share evenly"
    if not math.isfinite(weather.age_hours):
        return "has no age"
    return ""


def _given(weather: WeatherSeries, begin: datetime, slot_minutes: int, count: int, site: Site) -> Values:
    """All in steps of five minutes, so that values and slots of any length meet."""
    step = math.gcd(_STEP_MINUTES, slot_minutes)
    parts, told_parts = slot_minutes // step, weather.slot_minutes // step
    # From the start of the told value in which the first slot lies: a value is shared out whole.
    lead, odd = divmod((begin - weather.start) % timedelta(minutes=weather.slot_minutes), timedelta(minutes=step))
    if odd:
        return np.full(count, math.nan)
    whole = -(-(lead + count * parts) // told_parts)
    first = begin - lead * timedelta(minutes=step)
    offset = (first - weather.start) // timedelta(minutes=weather.slot_minutes)
    minutes = np.asarray((np.arange(whole * told_parts) + 0.5) * step, dtype=np.float64)
    path = sun_path(first, minutes, site.latitude or 0.0, site.longitude or 0.0)
    outside = beam_outside(first, minutes)
    sine = np.sin(np.radians(path.elevation))
    height = np.where(sine > _LEAST_SINE, sine, 0.0).reshape(whole, told_parts)
    mean = height.mean(axis=1, keepdims=True)
    shape = np.where(mean > 0.0, height / np.maximum(mean, 1e-9), 0.0).ravel()

    def told(values: tuple[float | None, ...], low: float, high: float) -> Values:
        picked = (values[at] if 0 <= at < len(values) else None for at in range(offset, offset + whole))
        found = np.array([math.nan if value is None else value for value in picked], dtype=np.float64)
        with np.errstate(invalid="ignore"):
            found = np.where((found >= low) & (found <= high), found, math.nan)
        return np.repeat(found, told_parts)

    ghi = told(weather.ghi_w_per_m2, 0.0, MOST_W_PER_M2) * shape
    parted = split(np.nan_to_num(ghi), path, outside)
    dhi = told(weather.dhi_w_per_m2, 0.0, MOST_W_PER_M2) * shape
    dhi = np.where(np.isfinite(dhi), np.minimum(dhi, np.nan_to_num(ghi)), parted.dhi)
    dni = np.where(shape > 0.0, told(weather.dni_w_per_m2, 0.0, MOST_W_PER_M2), 0.0)
    dni = np.where(np.isfinite(dni), np.minimum(dni, outside), parted.dni)
    air_c = told(weather.temperature_c, _COLDEST_C, _HOTTEST_C)
    tilt = _FLAT_TILT if site.tilt is None or site.azimuth is None else site.tilt
    plane = on_plane(Light(np.nan_to_num(ghi), dni, dhi), path, outside, tilt, site.azimuth or _SOUTH)
    given = given_kw_per_kw(plane, np.where(np.isfinite(air_c), air_c, _MILD_C))
    given = np.where(np.isfinite(ghi), given, math.nan)[lead : lead + count * parts]
    means: Values = given.reshape(count, parts).mean(axis=1)
    return means
