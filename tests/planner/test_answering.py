"""How forecast and problem combine: what is known stays, what is not is forecast, each lack is named once."""

from dataclasses import replace

from heg.model.plan import Degradation, DegradationCode, Forecast, PlanInputs, SeriesForecast
from heg.planner.answering import Answerer, completed
from heg.planner.week import days_ahead
from tests.planner.requests import START, flat_forecast, idle_plan, no_other_way, request

NO_DEMAND = Degradation(DegradationCode.DEMAND_FORECAST_MISSING, "nobody knows the load")
NO_PRODUCTION = Degradation(DegradationCode.PRODUCTION_FORECAST_MISSING, "nobody knows the sun")
SHORT = Degradation(DegradationCode.HISTORY_SHORT, "three days")


def series(kw: float) -> SeriesForecast:
    return SeriesForecast(values_kw=(kw,) * 2, low_kw=(kw,) * 2, high_kw=(kw,) * 2)


FORECAST = Forecast(start=START, slot_minutes=15, demand=series(2.0), production=series(3.0))
EMPTY = PlanInputs(slot_minutes=15, start=START, demand_kw=(), import_eur_per_kwh=(0.3, 0.3))


def test_only_what_is_not_known_is_forecast() -> None:
    both = completed(EMPTY, FORECAST)
    assert (both.demand_kw, both.production_kw) == ((2.0, 2.0), (3.0, 3.0))
    known = completed(replace(EMPTY, demand_kw=(1.0, 1.0)), FORECAST)
    assert (known.demand_kw, known.production_kw) == ((1.0, 1.0), (3.0, 3.0))
    sunny = completed(replace(EMPTY, production_kw=(4.0, 4.0)), FORECAST)
    assert (sunny.demand_kw, sunny.production_kw) == ((2.0, 2.0), (4.0, 4.0))


def test_a_house_without_a_producer_gets_none() -> None:
    assert completed(EMPTY, replace(FORECAST, production=None)).production_kw == ()


def test_a_lack_of_the_forecast_counts_where_the_forecast_is_used() -> None:
    lacking = replace(FORECAST, degradations=(NO_DEMAND, NO_PRODUCTION, SHORT))
    assert completed(EMPTY, lacking).degradations == (NO_DEMAND, NO_PRODUCTION, SHORT)
    known = replace(EMPTY, demand_kw=(1.0, 1.0), production_kw=(1.0, 1.0), degradations=(SHORT,))
    assert completed(known, lacking).degradations == (SHORT,)


def test_a_short_past_is_no_lack_where_somebody_else_forecasts() -> None:
    short = replace(FORECAST, degradations=(SHORT,))
    known = replace(EMPTY, demand_kw=(1.0, 1.0), production_kw=(1.0, 1.0))
    assert completed(known, short).degradations == ()
    assert completed(replace(known, production_kw=()), short).degradations == (SHORT,)


def test_the_week_is_told_where_it_is_asked_for() -> None:
    answerer = Answerer(flat_forecast, idle_plan, no_other_way, lambda: 0.0, days_ahead)
    asked = request(3, with_forecast=True)
    assert answerer(asked).week is None
    told = answerer(replace(asked, week=True)).week
    assert told is not None
    assert (len(told.days) in (7, 8), told.hours) == (True, ())


def test_the_reply_has_the_forecast_the_plan_and_the_time_both_took() -> None:
    seconds = iter((10.0, 10.25))
    reply = Answerer(flat_forecast, idle_plan, no_other_way, lambda: next(seconds))(request(3, with_forecast=True))
    assert (reply.id, reply.worker_ms) == (3, 250.0)
    assert reply.forecast is not None
    assert reply.plan.demand_kw == reply.forecast.demand.values_kw
