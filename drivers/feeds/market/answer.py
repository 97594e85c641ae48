"""What a market's answer comes to, whatever its shape: prices in EUR/kWh on one grid. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from heg.model.slots import slot_start

MOST_POINTS = 20_000
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_MOST_EUR_PER_KWH = 20.0
_UNITS = {"eur/mwh": 0.001, "eur/kwh": 1.0}
MARKET_MINUTES = (15, 30, 60)


class AnswerError(ValueError):
    """An answer is of no use; says what was expected, what came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Prices in EUR/kWh by slot start; what is not in it was not said. `bad` counts points that cannot be."""

    slot_minutes: int
    prices: Mapping[datetime, float]
    bad: int = 0

    def finer(self, slot_minutes: int) -> Mapping[datetime, float]:
        """The same prices on a grid at least as fine."""
        parts, step = self.slot_minutes // slot_minutes, timedelta(minutes=slot_minutes)
        return {time + part * step: value for time, value in self.prices.items() for part in range(parts)}


@dataclass(frozen=True, slots=True)
class Point:
    """A price as it came, in EUR/kWh, for `minutes` from `time` on; None where the market says that it has none."""

    time: datetime
    minutes: int
    price: float | None


def answer_of(points: Iterable[Point]) -> Answer:
    """Put points on the finest grid among them. Of two that say different things of one slot the first counts."""
    sound, bad = [], 0
    for number, point in enumerate(points):
        if number >= MOST_POINTS:
            raise AnswerError(f"expected at most {MOST_POINTS} prices")
        if point.price is None:
            continue
        if _is_sound(point):
            sound.append(point)
        else:
            bad += 1
    if not sound:
        return Answer(60, {}, bad)
    minutes = min(point.minutes for point in sound)
    prices: dict[datetime, float] = {}
    for point in sound:
        for part in range(point.minutes // minutes):
            prices.setdefault(point.time + part * timedelta(minutes=minutes), point.price or 0.0)
    return Answer(minutes, prices, bad)


def factor_of(unit: str) -> float:
    """What turns a price in this unit into EUR/kWh. AnswerError for another currency or unit."""
    factor = _UNITS.get("".join(unit.lower().replace("euro", "eur").split()))
    if factor is None:
        raise AnswerError(f"expected prices in EUR/MWh or EUR/kWh, came {unit[:40]!r}")
    return factor


def moment(seconds: float) -> datetime | None:
    """The UTC time of seconds since 1970, None where no price can be."""
    if not _EARLIEST.timestamp() <= seconds < _LATEST.timestamp():
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _is_sound(point: Point) -> bool:
    price = point.price
    return (
        price is not None
        and math.isfinite(price)
        and abs(price) <= _MOST_EUR_PER_KWH
        and point.minutes in MARKET_MINUTES
        and _EARLIEST <= point.time < _LATEST
        and slot_start(point.time, timedelta(minutes=point.minutes)) == point.time
    )
