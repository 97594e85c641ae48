"""What a house will need and produce, from its own past. Pure: equal requests get equal answers.

spec ebr.md, Forecasts (EUMF-K); spec balancing.md, consumption and production predictor.
"""

from datetime import timedelta

import numpy as np

from heg.model.plan import Degradation, DegradationCode, Forecast, ForecastRequest, Site
from heg.planner.calendar import DAY_MINUTES, calendar_of, zone_of
from heg.planner.demand import TYPICAL_KW, forecast_demand
from heg.planner.past import Past, past_of
from heg.planner.production import forecast_production
from heg.planner.weather import told_sky

SLOT_MINUTES = (5, 6, 10, 12, 15, 20, 30, 60)
"""What an hour has a whole number of, from five minutes on."""
MOST_SLOTS = 7 * 24 * 12
_ENOUGH_DAYS = 3.0


class ForecastError(ValueError):
    """A request that cannot be answered; says what was expected and what came."""


def forecast(request: ForecastRequest, *, bands: bool = True) -> Forecast:
    """Return what is to be expected of each slot, with bands; what is missing is named among the degradations.

    Without `bands` they are as wide as nothing, and the rest is had in half the time: for studies that ask thousands.
    Raises `ForecastError` only where the request itself has no meaning (its slots), never for a bad past.
    """
    _check(request)
    minutes, start = request.slot_minutes, request.start
    demand = past_of(request.demand, start, minutes, "demand")
    zone = zone_of(request.site.time_zone)
    begin = start - len(demand.values_kw) * timedelta(minutes=minutes)
    expected = forecast_demand(
        demand,
        calendar_of(begin, minutes, len(demand.values_kw), zone),
        calendar_of(start, minutes, request.slots, zone),
        minutes,
        bands=bands,
    )
    lacks = [*demand.lacks, *_short_demand(demand, minutes)]
    produced = None
    if request.production is not None:
        production = past_of(request.production, start, minutes, "production")
        told = told_sky(request.weather, start, minutes, len(production.values_kw), request.slots, request.site)
        produced = forecast_production(production, start, minutes, request.slots, request.site, told=told, bands=bands)
        lacks += [*production.lacks, *_short_production(production, minutes, request.site)]
        lacks += () if told is None else told.lacks
    return Forecast(start=start, slot_minutes=minutes, demand=expected, production=produced, degradations=tuple(lacks))


def _check(request: ForecastRequest) -> None:
    if request.slot_minutes not in SLOT_MINUTES:
        raise ForecastError(f"slot_minutes = {request.slot_minutes}: expected one of {str(SLOT_MINUTES)[1:-1]}")
    if not 1 <= request.slots <= MOST_SLOTS:
        raise ForecastError(f"slots = {request.slots}: expected 1 to {MOST_SLOTS}")
    if request.start.utcoffset() is None:
        raise ForecastError(f"start = {request.start}: expected a time with its zone, such as UTC")


def _short_demand(past: Past, minutes: int) -> tuple[Degradation, ...]:
    if past.known == 0:
        text = (
            "No demand has been measured yet: a typical household of "
            f"{TYPICAL_KW * 8760:,.0f} kWh a year stands in until it has."
        )
        return (Degradation(DegradationCode.HISTORY_SHORT, text),)
    if past.known * minutes >= _ENOUGH_DAYS * DAY_MINUTES:
        return ()
    text = (
        f"Demand is known of {_span(past.known * minutes)} only: a typical household's day, scaled to it, fills in "
        f"until {_ENOUGH_DAYS:.0f} days are known."
    )
    return (Degradation(DegradationCode.HISTORY_SHORT, text),)


def _short_production(past: Past, minutes: int, site: Site) -> tuple[Degradation, ...]:
    if past.known * minutes >= _ENOUGH_DAYS * DAY_MINUTES:
        return ()
    if past.known and np.nanmax(past.values_kw) > 0.0:
        text = (
            f"Production is known of {_span(past.known * minutes)} only: the sun's usual course, scaled to it, fills "
            f"in until {_ENOUGH_DAYS:.0f} days are known."
        )
    elif site.peak_kw is not None:
        text = (
            f"No production has been measured yet: the sun's course over {site.peak_kw:g} kW of panels under a mixed "
            "sky stands in until it has."
        )
    else:
        text = "No production has been measured yet and [site] peak_kw is not set: none is expected until it has."
    return (Degradation(DegradationCode.HISTORY_SHORT, text),)


def _span(minutes: int) -> str:
    return f"{minutes / 60:.0f} hours" if minutes < 2 * DAY_MINUTES else f"{minutes / DAY_MINUTES:.1f} days"
