"""The planner's one function: inputs in, plan out, whatever the inputs are (spec ebr.md)."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from heg.model.plan import (
    DeferrablePlan,
    Degradation,
    DegradationCode,
    Plan,
    PlanInputs,
    PlanStatus,
    SlotDecision,
    SlotReason,
    SlotReasonCode,
)
from heg.model.regimes import RegimeOrder
from heg.planner.costs import cost_parts, short_kwh
from heg.planner.fallback import rule, run_at_once
from heg.planner.guide import guided
from heg.planner.house import Floats, House
from heg.planner.reasons import explain
from heg.planner.regimes import choose
from heg.planner.solve import LEAST_EUR, Solution, UnsolvedError, solve
from heg.planner.tidy import tidy

NEAR_KWH = 1e-3
PROVEN_SHARE = 2e-6
"""Of what the plan buys and sells (at least 1 EUR): nearer to the bound it is called optimal, as by a gap of 1e-6."""

_UNSAID = SlotReason(SlotReasonCode.NOTHING_TO_GAIN)
_NOT_A_LACK = frozenset({DegradationCode.TARGET_UNREACHABLE})


def plan(inputs: PlanInputs, *, reasons: bool = True) -> Plan:
    """Return the plan of these inputs: the best that can be proven in time, else the best found, else the rule's.

    Without `reasons` no slot says why, and the rest is had a little sooner: for studies that plan thousands of times.

    Pure, and never raises for what the inputs hold: each lack is one of the plan's `degradations`.
    """
    house = tidy(inputs)
    if house.slots == 0:
        return _nothing(house)
    try:
        solution = solve(house)
    except UnsolvedError as reason:
        return _by_rule(house, reason)
    return _by_solution(house, solution, reasons=reasons)


def _by_solution(house: House, solution: Solution, *, reasons: bool) -> Plan:
    decisions, seen = [], guided(house, solution)
    for number, power_kw in enumerate(solution.power_kw):
        choice = choose(seen, number, solution)
        why = explain(seen, number, solution, choice) if reasons else [_UNSAID] * house.slots
        decisions.append(_decisions(power_kw, choice.orders, why, choice.worth))
    said = [*house.degradations, *_findings(house, solution)]
    status = PlanStatus.OPTIMAL if _is_proven(house, solution) else PlanStatus.FEASIBLE
    if any(lack.code not in _NOT_A_LACK for lack in said):
        status = PlanStatus.DEGRADED
    return _assembled(
        house,
        status,
        said,
        solution.power_kw,
        solution.used_kw,
        decisions,
        cycles_kw=solution.cycles_kw,
        solve_ms=solution.seconds * 1e3,
    )


def _is_proven(house: House, solution: Solution) -> bool:
    prices = np.where(solution.grid_kw > 0.0, house.buy_price, house.sell_price)
    turnover_eur = float(house.hours @ np.abs(solution.grid_kw * prices))
    return solution.gap_eur <= PROVEN_SHARE * max(LEAST_EUR, turnover_eur)


def _by_rule(house: House, reason: UnsolvedError) -> Plan:
    code = DegradationCode.TIME_LIMIT if reason.stopped else DegradationCode.SOLVER_FAILED
    said = [*house.degradations, Degradation(code, f"Not optimised, {reason}: the storages follow self-consumption.")]
    cycles_kw = run_at_once(house)
    powers, orders = rule(replace(house, demand_kw=house.demand_kw + sum(cycles_kw, np.zeros(house.slots))))
    why = SlotReason(SlotReasonCode.RULE, "Follows the house: there is no optimised plan.")
    decisions = [
        _decisions(power_kw, each, [why] * house.slots, np.zeros(house.slots))
        for power_kw, each in zip(powers, orders, strict=True)
    ]
    return _assembled(
        house,
        PlanStatus.FALLBACK,
        said,
        powers,
        house.production_kw,
        decisions,
        cycles_kw=cycles_kw,
        solve_ms=reason.seconds * 1e3,
    )


def _nothing(house: House) -> Plan:
    lack = Degradation(DegradationCode.DEMAND_FORECAST_MISSING, "No slots to plan: the horizon is empty.")
    none: tuple[Floats, ...] = tuple(np.zeros(0) for _ in house.stores)
    decisions: list[tuple[SlotDecision, ...]] = [() for _ in house.stores]
    return _assembled(house, PlanStatus.FALLBACK, [*house.degradations, lack], none, np.zeros(0), decisions)


def _decisions(
    power_kw: Floats, orders: Iterable[RegimeOrder], reasons: Iterable[SlotReason], worth: Floats
) -> tuple[SlotDecision, ...]:
    return tuple(
        SlotDecision(kw, order, reason, value)
        for kw, order, reason, value in zip(power_kw.tolist(), orders, reasons, worth.tolist(), strict=True)
    )


def _findings(house: House, solution: Solution) -> Iterable[Degradation]:
    for cycle, power_kw in zip(house.cycles, solution.cycles_kw, strict=True):
        if cycle.power_kw.any() and not power_kw.any():
            yield Degradation(
                DegradationCode.DEFERRABLE_UNPLACED,
                f"{cycle.name} would take the house beyond the limits of its connection: it is not planned.",
            )
    if solution.beyond_kwh > NEAR_KWH:
        yield Degradation(
            DegradationCode.DEMAND_ABOVE_CONTRACT,
            f"The limits of the connection cannot be kept: at least {solution.beyond_kwh:.2f} kWh lie beyond them.",
        )
    if solution.netted:
        yield Degradation(
            DegradationCode.NETTED, "No time to settle directions: each storage keeps the one it had on balance."
        )
    elif solution.stopped:
        yield Degradation(
            DegradationCode.TIME_LIMIT, f"Stopped at the time limit, at most {solution.gap_eur:.3f} EUR from the best."
        )


def _assembled(
    house: House,
    status: PlanStatus,
    said: list[Degradation],
    powers: tuple[Floats, ...],
    used_kw: Floats,
    decisions: list[tuple[SlotDecision, ...]],
    *,
    cycles_kw: tuple[Floats, ...] = (),
    solve_ms: float = 0.0,
) -> Plan:
    grid_kw = house.demand_kw - used_kw + sum((*powers, *cycles_kw), np.zeros(house.slots))
    socs = {
        store.name: store.soc_after_kwh(power_kw, house.hours)
        for store, power_kw in zip(house.stores, powers, strict=True)
    }
    decided = {store.name: each for store, each in zip(house.stores, decisions, strict=True)}
    best_kwh = None
    for store in house.stores:
        lacking_kwh = short_kwh(store, socs[store.name])
        if store.target is not None and lacking_kwh > NEAR_KWH:
            best_kwh = store.target.energy_kwh - lacking_kwh
            said.append(
                Degradation(
                    DegradationCode.TARGET_UNREACHABLE,
                    f"The vehicle will have {best_kwh:.1f} kWh at departure, not {store.target.energy_kwh:.1f} kWh.",
                )
            )
    return Plan(
        start=house.start,
        slot_minutes=house.slot_minutes,
        status=status,
        demand_kw=_tuple(house.demand_kw),
        production_kw=_tuple(house.production_kw),
        import_eur_per_kwh=_tuple(house.import_price),
        export_eur_per_kwh=_tuple(house.export_price),
        co2_eur_per_kwh=_tuple(house.co2_price),
        grid_kw=_tuple(grid_kw),
        production_used_kw=_tuple(used_kw),
        ess=decided.get("ess", ()),
        ess_soc_kwh=_tuple(socs["ess"]) if "ess" in socs else (),
        pev=decided.get("pev", ()),
        pev_soc_kwh=_tuple(socs["pev"]) if "pev" in socs else (),
        pev_best_kwh=best_kwh,
        deferrable=_deferred(house, cycles_kw),
        cost=cost_parts(house, grid_kw, powers, socs),
        degradations=tuple(said),
        solve_ms=solve_ms,
    )


def _deferred(house: House, cycles_kw: tuple[Floats, ...]) -> tuple[DeferrablePlan, ...]:
    placed = {cycle.number: _tuple(power_kw) for cycle, power_kw in zip(house.cycles, cycles_kw, strict=False)}
    rests = (0.0,) * house.slots
    return tuple(
        DeferrablePlan(name=name, power_kw=placed.get(number, rests)) for number, name in enumerate(house.asked)
    )


def _tuple(values: Floats) -> tuple[float, ...]:
    return tuple(values.tolist())
