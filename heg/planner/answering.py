"""From a request to its reply: forecast what is not known, then plan (pure; `PlanRequest` says how the two combine)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from heg.model.plan import (
    Alternative,
    DegradationCode,
    Forecast,
    ForecastRequest,
    Plan,
    PlanInputs,
    PlanReply,
    PlanRequest,
    Week,
)

RealSeconds = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Answerer:
    """Answers requests by what forecasts, plans, compares and looks a week ahead; `now_s` reads real seconds."""

    forecast: Callable[[ForecastRequest], Forecast]
    plan: Callable[[PlanInputs], Plan]
    otherwise: Callable[[PlanInputs, Plan], tuple[Alternative, ...]]
    now_s: RealSeconds
    week: Callable[[ForecastRequest], Week] | None = None

    def __call__(self, request: PlanRequest) -> PlanReply:
        """Return the reply. What forecast or plan raises passes through."""
        begun_s = self.now_s()
        forecast = None if request.forecast is None else self.forecast(request.forecast)
        problem = request.problem if forecast is None else completed(request.problem, forecast)
        plan = self.plan(problem)
        others = self.otherwise(problem, plan) if request.otherwise else ()
        week = None
        if request.week and request.forecast is not None and self.week is not None:
            week = self.week(request.forecast)
        spent_ms = (self.now_s() - begun_s) * 1e3
        return PlanReply(id=request.id, plan=plan, forecast=forecast, otherwise=others, week=week, worker_ms=spent_ms)


def completed(problem: PlanInputs, forecast: Forecast) -> PlanInputs:
    """Return the problem with the forecast in the place of what it lacks; a series that is there stays."""
    demand, production = problem.demand_kw, problem.production_kw
    not_lacking = set()
    if demand:
        not_lacking.add(DegradationCode.DEMAND_FORECAST_MISSING)
    else:
        demand = forecast.demand.values_kw
    if production:
        not_lacking |= {DegradationCode.PRODUCTION_FORECAST_MISSING, DegradationCode.WEATHER_MISSING}
    elif forecast.production is not None:
        production = forecast.production.values_kw
    if (demand, production) == (problem.demand_kw, problem.production_kw):
        not_lacking.add(DegradationCode.HISTORY_SHORT)  # a provider's forecast covers all: ours was not needed
    lacks = (lack for lack in forecast.degradations if lack.code not in not_lacking)
    degradations = tuple(dict.fromkeys((*problem.degradations, *lacks)))  # each once, in order
    return replace(problem, demand_kw=demand, production_kw=production, degradations=degradations)
