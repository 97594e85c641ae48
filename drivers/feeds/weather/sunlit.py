"""What the sun cannot have given: light by night, more than comes from outside. Pure.

A forecast of another place, or in local time taken for UTC, shines by night: then none of it is believed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from drivers.feeds.series import Series
from drivers.feeds.sources import Table
from drivers.feeds.weather.columns import DNI, TEMPERATURE
from heg.model.refusals import Refusal, RefusalCode

_OUTSIDE_W_PER_M2 = 1361.0 * 1.035
_CLOUDS_ADD = 1.2
"""Clouds beside the sun throw light down: an hour's mean may be a fifth above what comes from outside."""
_TWILIGHT_SINE = 0.03
_SLACK_W_PER_M2 = 20.0
_MOST_BAD_SHARE = 0.1
_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """Degrees north and east."""

    latitude: float
    longitude: float


def sun_sine(time: datetime, place: Place) -> float:
    """Sine of the sun's height, good to half a degree (Meeus, low precision)."""
    days = (time - _J2000) / timedelta(days=1)
    anomaly = math.radians((357.529 + 0.98560028 * days) % 360.0)
    mean = (280.459 + 0.98564736 * days) % 360.0
    ecliptic = math.radians(mean + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    tilt = math.radians(23.439)
    declination = math.asin(math.sin(tilt) * math.sin(ecliptic))
    ascension = math.degrees(math.atan2(math.cos(tilt) * math.sin(ecliptic), math.cos(ecliptic)))
    sidereal = (280.46062 + 360.98564737 * days) % 360.0
    hour = math.radians(sidereal + place.longitude - ascension)
    latitude = math.radians(place.latitude)
    return math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(declination) * math.cos(hour)


def most_w_per_m2(column: str, time: datetime, slot: timedelta, place: Place) -> float:
    """The most that a slot's mean light can be."""
    highest = max(sun_sine(time + part * slot / 4, place) for part in range(5)) + _TWILIGHT_SINE
    if highest <= 0.0:
        return _SLACK_W_PER_M2
    if column == DNI:
        return _OUTSIDE_W_PER_M2
    return _SLACK_W_PER_M2 + _CLOUDS_ADD * _OUTSIDE_W_PER_M2 * min(highest, 1.0)


class Sunlit:
    """Another table without the light that cannot be. Where that is much, the whole column is refused."""

    def __init__(self, table: Table, place: Place, refused: Callable[[Refusal], None]) -> None:
        self._table = table
        self._place = place
        self._refused = refused
        self._judged: dict[str, tuple[Series, Series | None]] = {}
        self._faults: dict[str, str] = {}

    @property
    def version(self) -> int:
        """As the table's."""
        return self._table.version

    @property
    def fault(self) -> str:
        """The table's, or that the sun cannot have given this."""
        return self._table.fault or "; ".join(sorted(self._faults.values()))

    def series(self, column: str) -> Series | None:
        """What can be of a column."""
        said = self._table.series(column)
        if said is None or column == TEMPERATURE:
            return said
        before = self._judged.get(column)
        if before is None or before[0] != said:
            before = self._judged[column] = (said, self._judge(column, said))
        return before[1]

    def _judge(self, column: str, said: Series) -> Series | None:
        self._faults.pop(column, None)
        values, known, bad = [], 0, 0
        for index, value in enumerate(said.values):
            time = said.start + index * said.slot
            possible = value is None or value <= most_w_per_m2(column, time, said.slot, self._place)
            known += value is not None
            bad += not possible
            values.append(value if possible else None)
        if not bad:
            return said
        text = f"{column}: {bad} of {known} values are more than the sun gives at that hour"
        self._refused(Refusal(RefusalCode.OUT_OF_RANGE, "light the sun can give", text))
        if bad > _MOST_BAD_SHARE * known:
            self._faults[column] = f"{text}: expected UTC times and the weather of this place"
            return None
        return replace(said, values=tuple(values))
