"""Where the sun stands and what a clear sky gives: NOAA's equations, Haurwitz's clear sky, a plane that looks at it.

Angles in degrees as in `Site`; good to a few hundredths of a degree between 1950 and 2050, without refraction.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from heg.planner.calendar import Values

_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
_SOLAR_CONSTANT_W_PER_M2 = 1361.0
_GROUND_ALBEDO = 0.2
_DAY_MINUTES = 1440
_REMEMBERED_DAYS = 64
"""Five weeks behind and a week ahead, and then some: at five minutes 0.15 MB."""


@dataclass(frozen=True, slots=True)
class SunPath:
    """Height above the horizon and direction (clockwise from north) of the sun, degrees, at moments."""

    elevation: Values
    azimuth: Values


def sun_path(start: datetime, minutes: Values, latitude: float, longitude: float) -> SunPath:
    """Return where the sun stands `minutes` after `start` (aware). Source: NOAA solar calculator (Meeus)."""
    days = (start - _J2000).total_seconds() / 86400.0 + minutes / 1440.0
    century = days / 36525.0
    mean_longitude = np.radians((280.46646 + century * (36000.76983 + century * 0.0003032)) % 360.0)
    anomaly = np.radians(357.52911 + century * (35999.05029 - 0.0001537 * century))
    eccentricity = 0.016708634 - century * (0.000042037 + 0.0000001267 * century)
    centre = (
        np.sin(anomaly) * (1.914602 - century * (0.004817 + 0.000014 * century))
        + np.sin(2 * anomaly) * (0.019993 - 0.000101 * century)
        + np.sin(3 * anomaly) * 0.000289
    )
    node = np.radians(125.04 - 1934.136 * century)
    apparent = mean_longitude + np.radians(centre - 0.00569 - 0.00478 * np.sin(node))
    tilt = np.radians(23.439291 - 0.0130042 * century + 0.00256 * np.cos(node))
    declination = np.arcsin(np.sin(tilt) * np.sin(apparent))
    y = np.tan(tilt / 2.0) ** 2
    equation_of_time_min = 4.0 * np.degrees(
        y * np.sin(2 * mean_longitude)
        - 2.0 * eccentricity * np.sin(anomaly)
        + 4.0 * eccentricity * y * np.sin(anomaly) * np.cos(2 * mean_longitude)
        - 0.5 * y * y * np.sin(4 * mean_longitude)
        - 1.25 * eccentricity * eccentricity * np.sin(2 * anomaly)
    )
    of_day_min = ((days + 0.5) % 1.0) * 1440.0
    hour_angle = np.radians((of_day_min + equation_of_time_min + 4.0 * longitude) / 4.0 - 180.0)
    return _seen_from(np.radians(latitude), declination, hour_angle)


def _seen_from(latitude: float, declination: Values, hour_angle: Values) -> SunPath:
    sine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    south = np.sin(latitude) * np.cos(declination) * np.cos(hour_angle) - np.cos(latitude) * np.sin(declination)
    west = np.cos(declination) * np.sin(hour_angle)
    return SunPath(
        np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0))), (np.degrees(np.arctan2(west, south)) + 180.0) % 360.0
    )


def clear_sky_kw_per_m2(path: SunPath, tilt: float | None, azimuth: float | None) -> Values:
    """Return what a clear sky gives: on the plane where `tilt` and `azimuth` are known, else on the horizontal.

    Haurwitz (1945) for the horizontal; of it, what is diffuse by Erbs for a clear sky's clearness, taken as even.
    """
    sine = np.sin(np.radians(path.elevation))
    up = sine > 0.0
    safe = np.where(up, sine, 1.0)
    horizontal = np.where(up, 1.098 * safe * np.exp(-0.057 / safe), 0.0)
    if tilt is None or azimuth is None:
        return horizontal
    diffuse_share = np.clip(0.10 + 0.12 * (1.0 / np.maximum(safe, 0.08) - 1.0) * 0.5, 0.1, 1.0)
    slope = np.radians(tilt)
    facing = np.cos(np.radians(path.azimuth - azimuth))
    incidence = sine * np.cos(slope) + np.cos(np.radians(path.elevation)) * np.sin(slope) * facing
    most_beam = _SOLAR_CONSTANT_W_PER_M2 / 1000.0
    beam = np.minimum(horizontal * (1.0 - diffuse_share) / safe, most_beam) * np.maximum(incidence, 0.0)
    sky = horizontal * diffuse_share * (1.0 + np.cos(slope)) / 2.0
    ground = horizontal * _GROUND_ALBEDO * (1.0 - np.cos(slope)) / 2.0
    return np.where(up, beam + sky + ground, 0.0)


def clear_slots(
    start: datetime,
    slot_minutes: int,
    count: int,
    *,
    latitude: float,
    longitude: float,
    tilt: float | None = None,
    azimuth: float | None = None,
) -> Values:
    """Return the mean clear-sky kW/m2 of `count` slots from `start` on."""
    midnight = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    before, off = divmod(start - midnight, timedelta(minutes=slot_minutes))
    a_day = _DAY_MINUTES // slot_minutes
    if off or _DAY_MINUTES % slot_minutes:
        return _clear(start, slot_minutes, count, latitude, longitude, tilt, azimuth)
    days = [
        _clear_day(midnight + day * timedelta(days=1), slot_minutes, latitude, longitude, tilt, azimuth)
        for day in range(-(-(before + count) // a_day))
    ]
    return np.concatenate([np.empty(0), *days])[before : before + count]


@lru_cache(maxsize=_REMEMBERED_DAYS)
def _clear_day(
    midnight: datetime, slot_minutes: int, latitude: float, longitude: float, tilt: float | None, azimuth: float | None
) -> Values:
    """Remember a day's sky: forecasts ask for the same five weeks again and again, a day further each day."""
    sky = _clear(midnight, slot_minutes, _DAY_MINUTES // slot_minutes, latitude, longitude, tilt, azimuth)
    sky.flags.writeable = False
    return sky


def _clear(
    start: datetime,
    slot_minutes: int,
    count: int,
    latitude: float,
    longitude: float,
    tilt: float | None,
    azimuth: float | None,
) -> Values:
    parts = max(1, slot_minutes // 15)
    minutes = np.asarray((np.arange(count * parts) + 0.5) * (slot_minutes / parts), dtype=np.float64)
    path = sun_path(start, minutes, latitude, longitude)
    means: Values = clear_sky_kw_per_m2(path, tilt, azimuth).reshape(count, parts).mean(axis=1)
    return means
