"""EUMF-H: what a house will need and produce in the week ahead, for people (spec ebr.md, Forecasts). Pure.

Hours as the slot forecast has them; days as sums, with a band of their own: days differ less than their hours do.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta, tzinfo

import numpy as np

from heg.model.plan import (
    ExpectedEnergy,
    ForecastRequest,
    SeriesForecast,
    SeriesHistory,
    Week,
    WeekSpan,
)
from heg.planner.calendar import DAY_MINUTES, Values, zone_of
from heg.planner.forecast import ForecastError, forecast

MOST_DAYS = 7
_LOW, _HIGH = 0.06, 0.94
"""Wider than the tenths of the days behind: a home drifts in a week."""
_ENOUGH_DAYS = 7


def week_ahead(request: ForecastRequest, days: int = MOST_DAYS) -> Week:
    """Return the days ahead. `request.slots` does not count. Raises `ForecastError` for another number of days."""
    if not 1 <= days <= MOST_DAYS:
        raise ForecastError(f"days = {days}: expected 1 to {MOST_DAYS}")
    minutes = request.slot_minutes
    found = forecast(replace(request, slots=days * DAY_MINUTES // minutes))
    zone = zone_of(request.site.time_zone)
    starts = [request.start + at * timedelta(minutes=minutes) for at in range(len(found.demand.values_kw))]
    by_hour = _runs([start.replace(minute=0) for start in starts])
    by_day = _runs([start.astimezone(zone).date() for start in starts])
    spread = _day_spread(request.demand, zone), _day_spread(request.production, zone)

    def spans(runs: list[range], *, whole: bool) -> tuple[WeekSpan, ...]:
        return tuple(
            WeekSpan(
                starts[run.start].astimezone(zone),
                len(run) * minutes / 60,
                _expected(found.demand, run, minutes, spread[0] if whole else None),
                None
                if found.production is None
                else _expected(found.production, run, minutes, spread[1] if whole else None),
            )
            for run in runs
        )

    known = 0 if request.demand is None else sum(one is not None for one in request.demand.values_kw)
    return Week(
        days=spans(by_day, whole=True),
        hours=spans(by_hour, whole=False),
        known_days=round(known * minutes / DAY_MINUTES, 2),
        degradations=found.degradations,
    )


def days_ahead(request: ForecastRequest) -> Week:
    """Return the whole week by days alone: what people look at."""
    return replace(week_ahead(request), hours=())


def _runs(labels: list[datetime] | list[date]) -> list[range]:
    edges = [at for at in range(len(labels)) if at == 0 or labels[at] != labels[at - 1]]
    return [range(first, last) for first, last in zip(edges, [*edges[1:], len(labels)], strict=True)]


def _expected(series: SeriesForecast, run: range, minutes: int, spread: tuple[float, float] | None) -> ExpectedEnergy:
    def kwh(values: tuple[float, ...]) -> float:
        return sum(values[run.start : run.stop]) * minutes / 60

    middle, low, high = kwh(series.mean_kw), kwh(series.low_kw), kwh(series.high_kw)
    low, high = min(low, middle), max(high, middle)
    if spread is not None:
        low, high = max(low, middle * spread[0]), min(high, middle * spread[1])
    return ExpectedEnergy(middle, low, high)


def _day_spread(history: SeriesHistory | None, zone: tzinfo) -> tuple[float, float] | None:
    """Return by which factors whole days left what the other days say; None where too few are known whole."""
    if history is None:
        return None
    step = timedelta(minutes=history.slot_minutes)
    start = history.end - len(history.values_kw) * step
    days: dict[date, list[float | None]] = {}
    for at, value in enumerate(history.values_kw):
        days.setdefault((start + at * step).astimezone(zone).date(), []).append(value)
    least = DAY_MINUTES // history.slot_minutes - 60 // history.slot_minutes
    sums = [
        sum(one for one in day if one is not None) for day in days.values() if len(day) >= least and None not in day
    ]
    if len(sums) < _ENOUGH_DAYS:
        return None
    known: Values = np.array(sums, dtype=np.float64)
    others = (known.sum() - known) / (len(known) - 1)
    if not np.all(np.isfinite(known)) or others.min() <= 0.0:
        return None
    low, high = np.quantile(known / others, (_LOW, _HIGH))
    return min(float(low), 1.0), max(float(high), 1.0)
