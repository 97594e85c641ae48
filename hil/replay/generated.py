"""A generated home, for machines that cannot fetch the recorded one. It says what it is."""

from __future__ import annotations

import math
import random

from hil.replay.prices import generated_prices
from hil.replay.recording import CITYLEARN_START, Recording

GENERATED = "generated home (no recorded data could be had)"
_LATITUDE = math.radians(50.0)
_HOURS = 24 * 365
_BY_HOUR = (
    *(0.28, 0.25, 0.24, 0.24, 0.25, 0.3, 0.55, 0.8, 0.65, 0.5, 0.5, 0.6),
    *(0.75, 0.6, 0.5, 0.5, 0.6, 0.95, 1.4, 1.5, 1.2, 0.9, 0.6, 0.4),
)


def generated_home(*, pv_kwp: float = 5.0, seed: int = 3) -> Recording:
    """A year of hourly means: a household's daily rhythm and the sun at 50 degrees north, both seeded."""
    chance = random.Random(seed)  # noqa: S311 - repeatable weather
    demand, production = [], []
    clear = 0.8
    for hour in range(_HOURS):
        local = (hour + 24) % 24  # the year begins at local midnight, 22:00 UTC in summer
        if local == 0:
            clear = min(1.0, max(0.15, 0.5 * clear + 0.5 * chance.uniform(0.1, 1.15)))
        season = 1.0 + 0.25 * math.cos(2 * math.pi * (_day_of_year(hour) - 15) / 365)
        demand.append(round(_BY_HOUR[local] * season * chance.uniform(0.6, 1.6), 4))
        production.append(round(pv_kwp * 0.85 * _sun_height(hour, local) * clear * chance.uniform(0.85, 1.0), 4))
    prices = generated_prices(production, pv_kwp=pv_kwp, seed=seed)
    return Recording(GENERATED, "none needed", CITYLEARN_START, 3600, demand, production, prices=prices)


def _day_of_year(hour: int) -> float:
    return (CITYLEARN_START.timetuple().tm_yday + hour / 24) % 365


def _sun_height(hour: int, local: int) -> float:
    """Sine of the sun's height, 0 at night (local noon at 13:00, as in summer time)."""
    declination = math.radians(-23.44) * math.cos(2 * math.pi * (_day_of_year(hour) + 10) / 365)
    angle = math.radians(15 * (local + 0.5 - 13.3))
    return max(
        0.0,
        math.sin(_LATITUDE) * math.sin(declination) + math.cos(_LATITUDE) * math.cos(declination) * math.cos(angle),
    )
