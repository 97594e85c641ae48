"""Who plans, as the slot loop sees it, and whether an answer fits the question. Pure but for the asking itself."""

import math
from collections.abc import Iterable
from typing import Protocol

from heg.model.plan import Degradation, DegradationCode, Plan, PlanReply, PlanRequest, SlotDecision


class Planner(Protocol):
    """Answers a request, or says why it could not; never raises for what the planner does (DESIGN.md, Rules)."""

    async def ask(self, request: PlanRequest, limit_s: float) -> PlanReply | Degradation:
        """Return the plan of this request within `limit_s` real seconds, or the lack that stands in its place."""

    async def close(self) -> None:
        """End what answers."""


def fitting(reply: PlanReply, request: PlanRequest) -> PlanReply | Degradation:
    """Return the reply if it answers the request, else the refusal that stands in its place."""
    wrong = _wrong(reply, request)
    if not wrong:
        return reply
    return Degradation(DegradationCode.ANSWER_REFUSED, f"The planner's answer was refused: {wrong}.")


def _wrong(reply: PlanReply, request: PlanRequest) -> str:
    plan, problem = reply.plan, request.problem
    slots = len(problem.import_eur_per_kwh)
    if reply.id != request.id:
        return f"expected the answer to request {request.id}, came {reply.id}"
    if (plan.start, plan.slot_minutes, plan.slots) != (problem.start, problem.slot_minutes, slots):
        return f"expected {slots} slots from {problem.start:%H:%M}, came {plan.slots} from {plan.start:%H:%M}"
    for name, decisions, wanted in (("storages", plan.ess, problem.ess), ("vehicle", plan.pev, problem.pev)):
        if len(decisions) != (slots if wanted is not None else 0):
            return f"expected a decision for each slot of the {name}, came {len(decisions)}"
    if not all(math.isfinite(number) for number in _numbers(plan)):
        return "expected finite numbers"
    return ""


def _numbers(plan: Plan) -> Iterable[float]:
    for series in (plan.demand_kw, plan.production_kw, plan.grid_kw, plan.ess_soc_kwh, plan.pev_soc_kwh):
        yield from series
    for decision in (*plan.ess, *plan.pev):
        yield from _figures(decision)


def _figures(decision: SlotDecision) -> Iterable[float]:
    order = decision.order
    yield from (decision.power_kw, order.power_kw)
    if order.band is not None:
        yield from (order.band.low_kw, order.band.high_kw)
    if order.ends_at_soc is not None:
        yield order.ends_at_soc
