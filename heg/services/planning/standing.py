"""Which plan stands: the new one, the old one while no new one can be had, then the rule (spec ebr.md). Pure."""

from dataclasses import dataclass, replace
from datetime import datetime

from heg.model.plan import (
    Degradation,
    DegradationCode,
    Forecast,
    Plan,
    PlanInputs,
    PlanReply,
    PlanStatus,
    PreviousPlan,
    SlotDecision,
    SlotReason,
    SlotReasonCode,
)
from heg.model.regimes import Regime, RegimeOrder
from heg.services.planning.gather import Gathered
from heg.services.planning.settings import OLD_PLAN_S
from heg.services.planning.storages import Member

_RULE_TEXT = "No plan can be made: stores the house's surplus and covers its need."


@dataclass(frozen=True, slots=True)
class Standing:
    """A plan as it stands, whose it is, and when it was made (monotonic seconds, label). `rule`: nothing is claimed.

    `enough` is the state of charge that the car's person wants, `problem` what the plan is of, forecasts included.
    """

    plan: Plan
    members: tuple[Member, ...]
    charger: str
    made_s: float
    made: datetime
    forecast: Forecast | None = None
    rule: bool = False
    good: bool = True
    enough: float | None = None
    problem: PlanInputs | None = None


def asked_near(gathered: Gathered, before: Standing | None) -> Gathered:
    """Return the question with what the plan before said: of equal plans the planner then makes the one nearest to it.

    A plan of other slots, of other storages or of a rule says nothing of this one.
    """
    problem = gathered.request.problem
    if before is None or before.rule or before.plan.slot_minutes != problem.slot_minutes:
        return gathered
    alike = [one.name for one in before.members] == [one.name for one in gathered.members]
    said = PreviousPlan(
        start=before.plan.start,
        ess_kw=tuple(decision.power_kw for decision in before.plan.ess) if alike else (),
        pev_kw=tuple(decision.power_kw for decision in before.plan.pev) if before.charger == gathered.charger else (),
    )
    return replace(gathered, request=replace(gathered.request, problem=replace(problem, previous_plan=said)))


def standing(
    reply: PlanReply | Degradation, gathered: Gathered, before: Standing | None, now_s: float, now: datetime
) -> Standing:
    """Return what stands after this answer; `before` is the last plan that an answer gave."""
    if isinstance(reply, PlanReply):
        plan = _with_all(reply.plan, gathered.lacks)
        asked = gathered.request.problem
        fresh = Standing(
            plan,
            gathered.members,
            gathered.charger,
            now_s,
            now,
            reply.forecast,
            enough=_enough(asked),
            problem=replace(asked, demand_kw=plan.demand_kw, production_kw=plan.production_kw),
        )
        if plan.status is not PlanStatus.FALLBACK:
            return fresh
        # The planner could not solve it and gave the rule: an older plan is worth more, if there is one.
        return _old(before, plan.degradations, now_s, now) or replace(fresh, good=False)
    lacks = (*gathered.lacks, reply)
    if (old := _old(before, lacks, now_s, now)) is not None:
        return old
    plan = _rule_plan(gathered.request.problem, None if before is None else before.forecast, lacks)
    return Standing(plan, gathered.members, gathered.charger, now_s, now, None, rule=True, good=False)


def _enough(problem: PlanInputs) -> float | None:
    car = problem.pev
    return car.target_kwh / car.capacity_kwh if car is not None and car.target_kwh > 0 < car.capacity_kwh else None


def _old(before: Standing | None, lacks: tuple[Degradation, ...], now_s: float, now: datetime) -> Standing | None:
    if before is None or now_s - before.made_s > OLD_PLAN_S or before.plan.index(now) is None:
        return None
    said = Degradation(
        DegradationCode.OLD_PLAN, f"The plan of {before.made:%H:%M} UTC is followed until a new one can be made."
    )
    plan = replace(before.plan, status=PlanStatus.DEGRADED, degradations=(*lacks, said))
    return replace(before, plan=plan, good=False)


def _with_all(plan: Plan, lacks: tuple[Degradation, ...]) -> Plan:
    """What was lacking before the planner was asked stands in the plan, whether it repeats it or not."""
    told = {one.code for one in plan.degradations}
    missing = tuple(one for one in lacks if one.code not in told)
    if not missing:
        return plan
    status = PlanStatus.DEGRADED if plan.status in (PlanStatus.OPTIMAL, PlanStatus.FEASIBLE) else plan.status
    return replace(plan, status=status, degradations=(*missing, *plan.degradations))


def _rule_plan(problem: PlanInputs, forecast: Forecast | None, lacks: tuple[Degradation, ...]) -> Plan:
    slots = len(problem.import_eur_per_kwh)
    demand = problem.demand_kw or _forecast_from(forecast, problem.start, slots, production=False)
    production = problem.production_kw or _forecast_from(forecast, problem.start, slots, production=True)
    reason = SlotReason(SlotReasonCode.RULE, _RULE_TEXT)
    rule = SlotDecision(0.0, RegimeOrder(Regime.BALANCE), reason)
    nothing = (0.0,) * slots
    return Plan(
        start=problem.start,
        slot_minutes=problem.slot_minutes,
        status=PlanStatus.FALLBACK,
        demand_kw=demand,
        production_kw=production,
        import_eur_per_kwh=problem.import_eur_per_kwh,
        export_eur_per_kwh=problem.export_eur_per_kwh or nothing,
        co2_eur_per_kwh=problem.co2_eur_per_kwh or nothing,
        grid_kw=tuple(used - made for used, made in zip(demand, production, strict=True)),
        production_used_kw=production,
        ess=(rule,) * slots if problem.ess is not None else (),
        ess_soc_kwh=(problem.ess.soc_kwh,) * (slots + 1) if problem.ess is not None else (),
        degradations=lacks,
    )


def _forecast_from(forecast: Forecast | None, start: datetime, slots: int, *, production: bool) -> tuple[float, ...]:
    series = None if forecast is None else forecast.production if production else forecast.demand
    if forecast is None or series is None:
        return (0.0,) * slots
    skipped = int((start - forecast.start).total_seconds() // (60 * forecast.slot_minutes))
    left = series.values_kw[skipped:] if skipped >= 0 else ()
    return (*left[:slots], *(0.0,) * max(0, slots - len(left)))
