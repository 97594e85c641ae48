"""The shape of Open-Meteo's `/v1/forecast`: hourly lists beside their times. Pure.

Its light is the mean of the hour *before* each time, its temperature that of the moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from drivers.feeds.market.answer import AnswerError, moment
from drivers.feeds.weather.columns import COLUMNS, DHI, DNI, GHI, LIMITS, TEMPERATURE
from heg.model.slots import slot_start

URL = "https://api.open-meteo.com"
CONTENT = "json"
PAST_DAYS = 7
FORECAST_DAYS = 4
_MOST_HOURS = 24 * 31
_FARTHEST_DEGREES = 1.0
_HOUR = timedelta(hours=1)
_LIGHT_UNITS = ("W/m²", "W/m2")
_NAMES = {
    GHI: "shortwave_radiation",
    DNI: "direct_normal_irradiance",
    DHI: "diffuse_radiation",
    TEMPERATURE: "temperature_2m",
}
_NOISE = -5.0
"""So little below zero is a model's rounding."""


class _Hourly(msgspec.Struct):
    time: list[int]
    shortwave_radiation: list[float | None]
    direct_normal_irradiance: list[float | None] = []
    diffuse_radiation: list[float | None] = []
    temperature_2m: list[float | None] = []


class _Said(msgspec.Struct):
    latitude: float
    longitude: float
    hourly: _Hourly
    hourly_units: dict[str, str]


class Told(msgspec.Struct, frozen=True):
    """By column and slot start (hours); `bad` counts values that cannot be."""

    values: Mapping[str, Mapping[datetime, float]]
    bad: int = 0


def query(latitude: float, longitude: float) -> tuple[str, Mapping[str, str]]:
    """Path and parameters of the request. The place is told to a hundredth of a degree: a kilometre is enough."""
    return "/v1/forecast", {
        "latitude": f"{latitude:.2f}",
        "longitude": f"{longitude:.2f}",
        "hourly": ",".join(_NAMES.values()),
        "past_days": str(PAST_DAYS),
        "forecast_days": str(FORECAST_DAYS),
        "timeformat": "unixtime",
        "timezone": "UTC",
    }


def parse(body: bytes, latitude: float, longitude: float) -> Told:
    """Read an answer. AnswerError when it is none, of another place, or in other units."""
    try:
        said = msgspec.json.decode(body, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AnswerError(f"expected JSON with hourly and hourly_units: {str(error)[:120]}") from error
    away = max(abs(said.latitude - latitude), abs((said.longitude - longitude + 180.0) % 360.0 - 180.0))
    if not away <= _FARTHEST_DEGREES:
        raise AnswerError(f"expected the weather of this place, came that of {said.latitude:g}, {said.longitude:g}")
    _check_units(said.hourly_units)
    times = _times(said.hourly.time)
    found, bad = {}, 0
    for column in COLUMNS:
        values: Sequence[float | None] = getattr(said.hourly, _NAMES[column])
        if values and len(values) != len(times):
            raise AnswerError(f"{_NAMES[column]}: expected as many values as times, came {len(values)}")
        found[column], wrong = _column(column, times, values)
        bad += wrong
    return Told(found, bad)


def _check_units(units: Mapping[str, str]) -> None:
    for column, name in _NAMES.items():
        expected = ("°C",) if column == TEMPERATURE else _LIGHT_UNITS
        if name in units and units[name] not in expected:
            raise AnswerError(f"{name}: expected {expected[0]}, came {units[name][:20]!r}")


def _times(seconds: Sequence[int]) -> list[datetime]:
    if not 2 <= len(seconds) <= _MOST_HOURS:
        raise AnswerError(f"expected 2 to {_MOST_HOURS} hours, came {len(seconds)}")
    found = [time for second in seconds if (time := moment(second)) is not None]
    grid = len(found) == len(seconds) and all(slot_start(time, _HOUR) == time for time in found)
    if not grid or any(after - before != _HOUR for before, after in pairwise(found)):
        raise AnswerError("expected times an hour apart, at full hours")
    return found


def _column(
    column: str, times: Sequence[datetime], values: Sequence[float | None]
) -> tuple[Mapping[datetime, float], int]:
    low, high = LIMITS[column]
    found, bad = {}, 0
    for index, (time, value) in enumerate(zip(times, values, strict=False)):
        if value is None:
            continue
        light = column != TEMPERATURE
        known = max(value, 0.0) if light and value >= _NOISE else value
        if not low <= known <= high:
            bad += 1
            continue
        after = values[index + 1] if index + 1 < len(values) else None
        sound = after is not None and low <= after <= high
        found[time - _HOUR if light else time] = known if light or not sound else (known + (after or 0.0)) / 2.0
    return found, bad
