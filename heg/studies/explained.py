"""A plan as a table that a person reads: what each slot does, and why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from heg.model.plan import Alternative, CostParts, Plan, SlotDecision

_PARTS = (
    ("energy", "energy_eur"),
    ("CO2", "co2_eur"),
    ("outside the tube", "outside_tube_eur"),
    ("wear", "wear_eur"),
    ("short of the target", "target_eur"),
    ("left at the end", "end_value_eur"),
    ("peak", "peak_eur"),
    ("blocks", "blocks_eur"),
    ("off the desired profile", "desired_eur"),
)


_NAMES = {"ess": "battery", "pev": "car"}


def explained(plan: Plan, others: tuple[Alternative, ...] = ()) -> str:
    """Return status and cost, one line a slot (what flows, what is stored at its end, and why), and the other ways."""
    rows = [*zip(*_heads(plan), strict=True), *_rows(plan)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    table = (
        "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    )
    return "\n".join([_summary(plan), "", *(line.rstrip() for line in table), *_others(others)])


def _others(others: tuple[Alternative, ...]) -> Iterator[str]:
    """Yield what it would have cost otherwise."""
    if others:
        yield ""
        yield "Otherwise, in the first slot:"
    for one in others:
        yield f"  {_NAMES[one.storage]}: {one.text}"


def _summary(plan: Plan) -> str:
    parts = ", ".join(f"{name} {eur:.2f}" for name, eur in _costs(plan.cost) if abs(eur) >= 0.005)
    cost = f"{plan.cost.total_eur:.2f} EUR" + (f" ({parts})" if parts else "")
    return f"{plan.status}, {plan.slots} slots of {plan.slot_minutes} min: {cost}; solved in {plan.solve_ms:.0f} ms"


def _costs(cost: CostParts) -> Iterator[tuple[str, float]]:
    for name, attribute in _PARTS:
        yield name, getattr(cost, attribute)


def _heads(plan: Plan) -> list[tuple[str, str]]:
    """Return each column's name and unit."""
    heads = [("time", "UTC"), ("buy", "EUR/kWh"), ("sell", "EUR/kWh"), ("load", "kW"), ("sun", "kW")]
    if plan.deferrable:
        heads.append(("cycles", "kW"))
    if plan.ess:
        heads += [("battery", "kW"), ("stored", "kWh")]
    if plan.pev:
        heads += [("car", "kW"), ("stored", "kWh")]
    return [*heads, ("grid", "kW"), ("regime and reason", "")]


def _rows(plan: Plan) -> Iterator[list[str]]:
    day = None
    for slot in range(plan.slots):
        begins = plan.start + slot * plan.slot
        row = [_time(begins, day), f"{plan.import_eur_per_kwh[slot]:.3f}", f"{plan.export_eur_per_kwh[slot]:.3f}"]
        row += [_kw(plan.demand_kw[slot]), _kw(plan.production_used_kw[slot])]
        if plan.deferrable:
            row.append(_kw(sum(cycle.power_kw[slot] for cycle in plan.deferrable)))
        reasons = []
        for name, decisions, soc_kwh in (("", plan.ess, plan.ess_soc_kwh), ("car ", plan.pev, plan.pev_soc_kwh)):
            if decisions:
                row += [_kw(decisions[slot].power_kw), f"{soc_kwh[slot + 1]:.1f}"]
                reasons.append(_reason(name, decisions[slot]))
        yield [*row, _kw(plan.grid_kw[slot]), " | ".join(reasons)]
        day = begins.date()


def _time(begins: datetime, day: object) -> str:
    return f"{begins:%H:%M}" if begins.date() == day else f"{begins:%Y-%m-%d %H:%M}"


def _kw(value: float) -> str:
    return f"{value + 0.0:.2f}" if abs(value) >= 0.005 else "-"


def _reason(name: str, decision: SlotDecision) -> str:
    reason = decision.reason
    limit = f" [{reason.binding}: {reason.shadow_eur_per_kwh:.3f} EUR/kWh]" if reason.binding else ""
    return f"{name}{decision.order.regime}: {reason.text}{limit}"
