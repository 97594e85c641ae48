"""From a plan to the keys and the text of its file (pure)."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import msgspec

from heg.model.plan import CostParts, Plan, SlotDecision
from heg.model.plan_file.keys import (
    CostKeys,
    CycleKeys,
    LackKeys,
    PlanKeys,
    ReasonKeys,
    SlotReasonKeys,
)
from heg.model.regimes import Regime


def plan_text(plan: Plan) -> str:
    """Return the plan as JSON, one key a line."""
    keys = msgspec.to_builtins(plan_keys(plan))
    lines = [f"  {json.dumps(name)}: {json.dumps(_finite(value))}" for name, value in keys.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def plan_keys(plan: Plan) -> PlanKeys:
    """Return the keys of a plan; a storage that is not there has zeros and `hold`."""
    return PlanKeys(
        status=plan.status,
        degradations=tuple(LackKeys(code=lack.code, text=lack.text) for lack in plan.degradations),
        objective_value=plan.cost.total_eur,
        cost_eur=_cost(plan.cost),
        ess_kw=_powers(plan, plan.ess),
        pev_kw=_powers(plan, plan.pev),
        grid_kw=plan.grid_kw,
        production_used_kw=plan.production_used_kw or (0.0,) * plan.slots,
        ess_soc_kwh=plan.ess_soc_kwh or (0.0,) * (plan.slots + 1),
        pev_soc_kwh=plan.pev_soc_kwh or (0.0,) * (plan.slots + 1),
        ess_regime=_regimes(plan, plan.ess),
        pev_regime=_regimes(plan, plan.pev),
        reasons=tuple(
            SlotReasonKeys(ess=_reason(plan.ess, slot), pev=_reason(plan.pev, slot)) for slot in range(plan.slots)
        ),
        deferrable=tuple(CycleKeys(name=cycle.name, power_kw=cycle.power_kw) for cycle in plan.deferrable),
        pev_best_kwh=plan.pev_best_kwh,
        solve_ms=plan.solve_ms,
    )


def utc_text(moment: datetime) -> str:
    """Return a time as the files have it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _powers(plan: Plan, decisions: tuple[SlotDecision, ...]) -> tuple[float, ...]:
    return tuple(decision.power_kw for decision in decisions) or (0.0,) * plan.slots


def _regimes(plan: Plan, decisions: tuple[SlotDecision, ...]) -> tuple[Regime, ...]:
    return tuple(decision.order.regime for decision in decisions) or (Regime.HOLD,) * plan.slots


def _reason(decisions: tuple[SlotDecision, ...], slot: int) -> ReasonKeys | None:
    if not decisions:
        return None
    decision = decisions[slot]
    reason = decision.reason
    return ReasonKeys(
        code=reason.code,
        text=reason.text,
        price_now_eur_per_kwh=reason.price_now_eur_per_kwh,
        price_later_eur_per_kwh=reason.price_later_eur_per_kwh,
        later=None if reason.later is None else utc_text(reason.later),
        binding=reason.binding,
        shadow_eur_per_kwh=reason.shadow_eur_per_kwh,
        marginal_eur_per_kwh=decision.marginal_eur_per_kwh,
    )


def _cost(cost: CostParts) -> CostKeys:
    return CostKeys(
        energy=cost.energy_eur,
        co2=cost.co2_eur,
        outside_tube=cost.outside_tube_eur,
        wear=cost.wear_eur,
        target=cost.target_eur,
        end_value=cost.end_value_eur,
        peak=cost.peak_eur,
        blocks=cost.blocks_eur,
        desired=cost.desired_eur,
    )


def _finite(value: object) -> object:
    """Return a value that JSON has: what is no number there becomes null."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case list() | tuple():
            return [_finite(each) for each in value]
        case dict():
            return {name: _finite(each) for name, each in value.items()}
        case _:
            return value
