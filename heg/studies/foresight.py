"""What a home that is lived through again may expect: the truth, the truth with a noisy sun, or its own forecast."""

import random
from collections.abc import Sequence
from datetime import timedelta

from heg.model.plan import ForecastRequest, SeriesHistory, Site
from heg.planner.forecast import forecast
from heg.studies.closed_loop import Foresight, Recording

HISTORY_DAYS = 35
DAILY_ERROR = 0.20
HOURLY_ERROR = 0.15


def perfect(recording: Recording) -> Foresight:
    """Expect exactly what will come."""

    def foresight(first: int, count: int) -> tuple[Sequence[float], Sequence[float]]:
        return recording.demand_kw[first : first + count], recording.production_kw[first : first + count]

    return foresight


def own(recording: Recording, site: Site, days: int = HISTORY_DAYS, *, sun: bool = True) -> Foresight:
    """Expect what the planner's own forecasts make of the weeks before; without `sun`, of demand only."""
    slot = timedelta(minutes=recording.slot_minutes)
    before = days * 24 * 60 // recording.slot_minutes
    sunny = sun and any(recording.production_kw)

    def foresight(first: int, count: int) -> tuple[Sequence[float], Sequence[float]]:
        start = recording.start + first * slot
        past = slice(max(0, first - before), first)

        def history(values: Sequence[float]) -> SeriesHistory:
            return SeriesHistory(slot_minutes=recording.slot_minutes, end=start, values_kw=tuple(values[past]))

        expected = forecast(
            ForecastRequest(
                start=start,
                slot_minutes=recording.slot_minutes,
                slots=count,
                demand=history(recording.demand_kw),
                production=history(recording.production_kw) if sunny else None,
                site=site,
            ),
            bands=False,
        )
        produced = expected.production
        return expected.demand.values_kw, (0.0,) * count if produced is None else produced.values_kw

    return foresight


def yesterday(recording: Recording) -> Foresight:
    """Expect what was a day before; on the first day, nothing."""
    a_day = 24 * 60 // recording.slot_minutes

    def foresight(first: int, count: int) -> tuple[Sequence[float], Sequence[float]]:
        at = [first - a_day + slot % a_day for slot in range(count)]
        demand_kw, production_kw = (
            [series[slot] if slot >= 0 else 0.0 for slot in at]
            for series in (recording.demand_kw, recording.production_kw)
        )
        return demand_kw, production_kw

    return foresight


def with_noisy_sun(recording: Recording, foresight: Foresight, seed: int) -> Foresight:
    """Expect the true sun times a daily error of 20 % and an hourly one of 15 %; of demand what `foresight` says.

    The error of a moment is the same whenever it is asked for.
    """
    sun = tuple(kw * _error(recording, slot, seed) for slot, kw in enumerate(recording.production_kw))

    def noisy(first: int, count: int) -> tuple[Sequence[float], Sequence[float]]:
        return foresight(first, count)[0], sun[first : first + count]

    return noisy


def _error(recording: Recording, slot: int, seed: int) -> float:
    time = recording.start + slot * timedelta(minutes=recording.slot_minutes)
    day = random.Random(f"{seed} {time:%Y-%m-%d}").gauss(0.0, DAILY_ERROR)  # noqa: S311  # an error, not a secret
    hour = random.Random(f"{seed} {time:%Y-%m-%d %H}").gauss(0.0, HOURLY_ERROR)  # noqa: S311
    return max(0.0, 1.0 + day) * max(0.0, 1.0 + hour)
