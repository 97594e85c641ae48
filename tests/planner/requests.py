"""Questions for a planner, and an answer that makes sense for each without any solver."""

from datetime import UTC, datetime

from heg.model.plan import (
    Alternative,
    Forecast,
    ForecastRequest,
    Plan,
    PlanInputs,
    PlanReply,
    PlanRequest,
    PlanStatus,
    SeriesForecast,
    SlotDecision,
    StorageInputs,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
BATTERY = StorageInputs(capacity_kwh=10.0, min_rate_kw=-5.0, max_rate_kw=5.0, soc_kwh=4.0)


def request(number: int = 1, slots: int = 4, *, with_forecast: bool = False) -> PlanRequest:
    """A house with a battery."""
    problem = PlanInputs(
        slot_minutes=15,
        start=START,
        demand_kw=() if with_forecast else (1.0,) * slots,
        import_eur_per_kwh=(0.3,) * slots,
        ess=BATTERY,
    )
    forecast = ForecastRequest(start=START, slot_minutes=15, slots=slots, demand=None, production=None)
    return PlanRequest(id=number, problem=problem, forecast=forecast if with_forecast else None)


def idle_plan(problem: PlanInputs) -> Plan:
    """The battery does nothing."""
    slots = len(problem.import_eur_per_kwh)
    zeros = (0.0,) * slots
    return Plan(
        start=problem.start,
        slot_minutes=problem.slot_minutes,
        status=PlanStatus.OPTIMAL,
        demand_kw=problem.demand_kw,
        production_kw=problem.production_kw or zeros,
        import_eur_per_kwh=problem.import_eur_per_kwh,
        export_eur_per_kwh=zeros,
        co2_eur_per_kwh=zeros,
        grid_kw=problem.demand_kw,
        ess=(SlotDecision(),) * slots if problem.ess else (),
        ess_soc_kwh=(problem.ess.soc_kwh,) * (slots + 1) if problem.ess else (),
        degradations=problem.degradations,
    )


def flat_forecast(asked: ForecastRequest) -> Forecast:
    """One kilowatt, always."""
    values = (1.0,) * asked.slots
    return Forecast(
        start=asked.start,
        slot_minutes=asked.slot_minutes,
        demand=SeriesForecast(values_kw=values, low_kw=values, high_kw=values),
    )


def idle_reply(asked: PlanRequest) -> PlanReply:
    """The answer that a sound worker would give."""
    return PlanReply(id=asked.id, plan=idle_plan(asked.problem))


def no_other_way(_problem: PlanInputs, _plan: Plan) -> tuple[Alternative, ...]:
    """Nothing else could be done."""
    return ()
