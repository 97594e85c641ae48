"""Whether a planner's answer makes sense for its question (pure; DESIGN.md, Rules of the house).

The checksum of a frame finds bits that fell over; this finds a solver that talks nonsense. What passes may be bad, but
it can be followed: it is of the right time and size, finite, within the storages' rates and capacity.
"""

from collections.abc import Iterator
from dataclasses import astuple
from math import inf, isfinite

from heg.model.losses import loss
from heg.model.plan import (
    QUANTILES,
    Alternative,
    Forecast,
    ForecastRequest,
    Plan,
    PlanInputs,
    PlanReply,
    PlanRequest,
    SeriesForecast,
    SlotDecision,
    StorageInputs,
    VehicleInputs,
    Week,
)

_SLACK = 1e-3
"""kW, kWh and shares: what a solver's tolerance may add, a tenth of a watt-hour's worth of harm at most."""

_MOST_DAYS = 8
"""Seven times 24 hours touch so many local days."""
_REFUSED = loss("answer-refused")


def refusal(why: str) -> str:
    """Return what a person is told of an answer that was refused."""
    return f"The planner's answer was refused: {why}. In its place, {_REFUSED.safe}."


def doubt(request: PlanRequest, reply: PlanReply) -> str:
    """Return what is wrong with the reply: what was expected, what came. Empty when it makes sense."""
    return next(_doubts(request, reply), "")


def _doubts(request: PlanRequest, reply: PlanReply) -> Iterator[str]:
    if reply.id != request.id:
        yield f"expected the answer to request {request.id}, came that to {reply.id}"
    slots = slots_of(request)
    yield from _of_plan(request.problem, reply.plan, slots)
    if request.forecast is not None:
        yield from _of_forecast(request.forecast, reply.forecast)
    yield from _of_others(request, reply.otherwise)
    if reply.week is not None:
        yield from _of_week(reply.week)


def slots_of(request: PlanRequest) -> int:
    """Return the number of slots that the answer must have."""
    problem = request.problem
    return len(problem.demand_kw) or len(problem.import_eur_per_kwh)


def _of_plan(problem: PlanInputs, plan: Plan, slots: int) -> Iterator[str]:
    if (plan.start, plan.slot_minutes) != (problem.start, problem.slot_minutes):
        yield (
            f"expected slots of {problem.slot_minutes} min from {problem.start:%d %b %H:%M}, "
            f"came {plan.slot_minutes} min from {plan.start:%d %b %H:%M}"
        )
    for name in (
        "demand_kw",
        "production_kw",
        "import_eur_per_kwh",
        "export_eur_per_kwh",
        "co2_eur_per_kwh",
        "grid_kw",
    ):
        yield from _of_series(name, getattr(plan, name), (slots,))
    yield from _of_series("production_used_kw", plan.production_used_kw, (0, slots))
    yield from _of_storage("ess", problem.ess, plan.ess, plan.ess_soc_kwh, slots)
    yield from _of_storage("pev", problem.pev, plan.pev, plan.pev_soc_kwh, slots)
    yield from _of_cycles(problem, plan, slots)
    yield from _of_balance(plan)
    if not all(map(isfinite, (*astuple(plan.cost), plan.pev_best_kwh or 0.0, plan.solve_ms))):
        yield "expected finite costs and times"


def _of_series(
    name: str, values: tuple[float, ...], lengths: tuple[int, ...], limits: tuple[float, float] = (-inf, inf)
) -> Iterator[str]:
    low, high = limits
    if len(values) not in lengths:
        yield f"expected {name} of {lengths[-1]} values, came {len(values)}"
    for slot, value in enumerate(values):
        if not (isfinite(value) and low - _SLACK <= value <= high + _SLACK):
            yield f"expected {name} from {low:g} to {high:g}, came {value:g} in slot {slot}"


def _of_storage(
    name: str,
    storage: StorageInputs | None,
    decisions: tuple[SlotDecision, ...],
    soc_kwh: tuple[float, ...],
    slots: int,
) -> Iterator[str]:
    if storage is None:
        if decisions or soc_kwh:
            yield f"expected nothing of {name}, came {len(decisions)} decisions"
        return
    # A storage without capacity is none (spec ebr.md, Scenarios); one measured out of its bounds starts there.
    possible = (slots, 0) if storage.capacity_kwh <= 0.0 else (slots,)
    bounds = (min(0.0, storage.soc_kwh), max(storage.capacity_kwh, storage.soc_kwh))
    if len(decisions) not in possible:
        yield f"expected {slots} decisions for {name}, came {len(decisions)}"
    yield from _of_series(f"{name}_soc_kwh", soc_kwh, (0, slots + 1) if not decisions else (slots + 1,), bounds)
    for slot, decision in enumerate(decisions):
        for wrong in _of_decision(storage, decision):
            yield f"{name} in slot {slot}: {wrong}"
    if isinstance(storage, VehicleInputs):
        for slot, (decision, plugged) in enumerate(zip(decisions, storage.plugged, strict=False)):
            if not plugged and abs(decision.power_kw) > _SLACK:
                yield f"{name} in slot {slot}: expected 0 kW while it is not plugged, came {decision.power_kw:g} kW"


def _of_cycles(problem: PlanInputs, plan: Plan, slots: int) -> Iterator[str]:
    asked, came = ([cycle.name for cycle in cycles] for cycles in (problem.deferrable, plan.deferrable))
    if asked != came:
        yield f"expected the cycles {', '.join(asked) or 'none'}, came {', '.join(came) or 'none'}"
    for cycle, asked_for in zip(plan.deferrable, problem.deferrable, strict=False):
        most_kw = max((kw for kw in asked_for.power_kw if isfinite(kw)), default=0.0)
        yield from _of_series(f"{cycle.name}.power_kw", cycle.power_kw, (slots,), (0.0, max(0.0, most_kw)))


def _of_balance(plan: Plan) -> Iterator[str]:
    """Home power = demand, cycles and storages - production (spec ebr.md, The MILP 4)."""
    used = plan.production_used_kw or plan.production_kw
    for slot, (grid_kw, demand_kw, used_kw) in enumerate(zip(plan.grid_kw, plan.demand_kw, used, strict=False)):
        stored_kw = sum(decisions[slot].power_kw for decisions in (plan.ess, plan.pev) if slot < len(decisions))
        run_kw = sum(cycle.power_kw[slot] for cycle in plan.deferrable if slot < len(cycle.power_kw))
        expected_kw = demand_kw + run_kw + stored_kw - used_kw
        if abs(grid_kw - expected_kw) > _SLACK:
            yield f"expected {expected_kw:g} kW at the connection point in slot {slot}, came {grid_kw:g}"


def _of_decision(storage: StorageInputs, decision: SlotDecision) -> Iterator[str]:
    low, high = min(0.0, storage.min_rate_kw), max(0.0, storage.max_rate_kw)
    order, power_kw = decision.order, decision.power_kw
    if not (isfinite(power_kw) and low - _SLACK <= power_kw <= high + _SLACK):
        yield f"expected {low:g} to {high:g} kW, came {power_kw:g}"
    if not (isfinite(order.power_kw) and abs(order.power_kw) <= max(-low, high) + _SLACK):
        yield f"expected an order of at most {max(-low, high):g} kW, came {order.power_kw:g}"
    if (band := order.band) is not None and not band.low_kw <= band.high_kw:
        yield f"expected a band from low to high, came {band.low_kw:g} to {band.high_kw:g} kW"
    if order.ends_at_soc is not None and not -_SLACK <= order.ends_at_soc <= 1.0 + _SLACK:
        yield f"expected an end between 0 and 1, came {order.ends_at_soc:g}"
    reason = decision.reason
    told = (reason.price_now_eur_per_kwh, reason.price_later_eur_per_kwh, reason.shadow_eur_per_kwh)
    if not all(isfinite(value or 0.0) for value in (*told, decision.marginal_eur_per_kwh)):
        yield "expected finite prices in its reason"


def _of_others(request: PlanRequest, others: tuple[Alternative, ...]) -> Iterator[str]:
    kinds = [(one.storage, one.kind) for one in others]
    if others and not request.otherwise:
        yield f"expected no alternatives, came {len(others)}"
    if len(set(kinds)) != len(kinds) or not {storage for storage, _kind in kinds} <= {"ess", "pev"}:
        yield f"expected each alternative of a storage once, came {len(others)}"
    for one in others:
        if not all(isfinite(value or 0.0) for value in (one.power_kw, one.cost_eur, one.more_eur, one.beyond_kwh)):
            yield f"expected finite figures of {one.storage}, {one.kind}"


def _of_forecast(asked: ForecastRequest, forecast: Forecast | None) -> Iterator[str]:
    if forecast is None:
        yield "expected the forecast that was asked for, came none"
        return
    if (forecast.start, forecast.slot_minutes) != (asked.start, asked.slot_minutes):
        yield f"expected a forecast from {asked.start:%d %b %H:%M}, came one from {forecast.start:%d %b %H:%M}"
    yield from _of_expected("demand", forecast.demand, asked.slots)
    if forecast.production is not None:
        yield from _of_expected("production", forecast.production, asked.slots)


def _of_week(week: Week) -> Iterator[str]:
    if not 1 <= len(week.days) <= _MOST_DAYS:
        yield f"expected a week of at most {_MOST_DAYS} days, came {len(week.days)}"
    for day in (*week.days, *week.hours):
        for name, told in (("demand", day.demand), ("production", day.production)):
            if told is not None and not 0.0 <= told.low_kwh <= told.kwh <= told.high_kwh < inf:
                yield f"expected {name} of a day in its band, came {told}"


def _of_expected(name: str, series: SeriesForecast, slots: int) -> Iterator[str]:
    for part in ("values_kw", "low_kw", "high_kw"):
        yield from _of_series(f"forecast {name}.{part}", getattr(series, part), (slots,))
    yield from _of_series(f"forecast {name}.mean_kw", series.mean_kw, (0, slots))
    if len(series.quantiles_kw) not in (0, len(QUANTILES)):
        yield f"expected {len(QUANTILES)} quantiles of {name}, came {len(series.quantiles_kw)}"
    for row in series.quantiles_kw:
        yield from _of_series(f"forecast {name}.quantiles_kw", row, (slots,))
    if any(low > high + _SLACK for low, high in zip(series.low_kw, series.high_kw, strict=False)):
        yield f"expected a forecast band of {name} from low to high"
