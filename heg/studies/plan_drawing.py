"""A plan as a drawing: powers, prices and energies over one axis of time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from heg.model.plan import Objective, Plan, PlanInputs, SlotDecision
from heg.studies.drawing import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_DRAWN_KW = 1_000.0
"""A limit beyond it is none, and would leave the rest of the drawing flat."""

_TONES = {
    "load": "#4a4a4a",
    "sun": "#e0a800",
    "battery": "#2a7f4f",
    "car": "#7a4fa3",
    "cycles": "#b5651d",
    "grid": "#1f5fa8",
    "limit": "#b02a2a",
}


def drawn(inputs: PlanInputs, plan: Plan) -> Figure:
    """Return the drawing of a plan. Raises `DrawingError` where matplotlib is not installed."""
    figure = new_figure()
    power, price, energy = figure.subplots(3, 1, sharex=True, height_ratios=(3, 1.6, 1.6))
    hours = [slot * plan.slot_minutes / 60.0 for slot in range(plan.slots + 1)]
    _powers(power, inputs, plan, hours)
    _prices(price, plan, hours)
    _energies(energy, inputs, plan, hours)
    for axes in (power, price, energy):
        axes.grid(visible=True, linewidth=0.4, alpha=0.5)
        axes.axhline(0.0, color="black", linewidth=0.6)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small", frameon=False)
    _times(energy, plan, hours)
    figure.suptitle(
        f"Plan from {plan.start:%Y-%m-%d %H:%M} UTC, {plan.slots} slots of {plan.slot_minutes} min: "
        f"{plan.cost.total_eur:.2f} EUR, {plan.status}"
    )
    return figure


def _powers(axes: Axes, inputs: PlanInputs, plan: Plan, hours: list[float]) -> None:
    """Draw what draws upwards and what gives downwards, stacked; the grid is what is left, a line."""
    cycles = tuple(sum(cycle.power_kw[slot] for cycle in plan.deferrable) for slot in range(plan.slots))
    layers = [("load", plan.demand_kw), ("cycles", cycles), ("battery", _kw(plan.ess)), ("car", _kw(plan.pev))]
    layers.append(("sun", tuple(-kw for kw in plan.production_used_kw)))
    above, below = [0.0] * plan.slots, [0.0] * plan.slots
    for name, values in layers:
        if not any(values):
            continue
        bottoms = [above[slot] if kw >= 0.0 else below[slot] for slot, kw in enumerate(values)]
        tops = [bottom + kw for bottom, kw in zip(bottoms, values, strict=True)]
        axes.stairs(tops, hours, baseline=bottoms, fill=True, color=_TONES[name], alpha=0.75, label=name)
        for slot, kw in enumerate(values):
            (above if kw >= 0.0 else below)[slot] += kw
    axes.stairs(plan.grid_kw, hours, color=_TONES["grid"], linewidth=1.6, baseline=None, label="grid")
    tube = inputs.objective is Objective.ENERGY_CO2_DISTRIBUTION
    lines: list[tuple[str, str, Sequence[float | None]]] = [
        ("contract", _TONES["limit"], (inputs.contract_max_kw,) * plan.slots),
        ("", _TONES["limit"], (inputs.contract_min_kw,) * plan.slots),
        ("limit", "#d98200", inputs.grid_max_kw),
        ("", "#d98200", inputs.grid_min_kw),
        ("tube", "#5aa0c8", inputs.tube_high_kw if tube else ()),
        ("", "#5aa0c8", inputs.tube_low_kw if tube else ()),
        ("desired", "#000000", inputs.desired_kw if inputs.desired_weight_eur_per_kwh else ()),
    ]
    for name, tone, edge_kw in lines:
        _line(axes, hours, edge_kw, name, tone)
    axes.set_ylabel("power, kW\n(drawn up, given down)")


def _line(axes: Axes, hours: list[float], values: Sequence[float | None], name: str, tone: str) -> None:
    """Draw a limit where there is one."""
    known = [math.nan if kw is None or abs(kw) >= MOST_DRAWN_KW else kw for kw in values]
    if any(math.isfinite(kw) for kw in known):
        known += [math.nan] * (len(hours) - 1 - len(known))
        axes.stairs(known, hours, baseline=None, color=tone, linewidth=1.0, linestyle="--", label=name or None)


def _prices(axes: Axes, plan: Plan, hours: list[float]) -> None:
    axes.stairs(plan.import_eur_per_kwh, hours, color=_TONES["grid"], baseline=None, label="import")
    axes.stairs(plan.export_eur_per_kwh, hours, color=_TONES["sun"], baseline=None, label="export")
    if any(plan.co2_eur_per_kwh):
        axes.stairs(plan.co2_eur_per_kwh, hours, color=_TONES["load"], baseline=None, label="CO2")
    axes.set_ylabel("price, EUR/kWh")


def _energies(axes: Axes, inputs: PlanInputs, plan: Plan, hours: list[float]) -> None:
    for name, soc_kwh, store in (("battery", plan.ess_soc_kwh, inputs.ess), ("car", plan.pev_soc_kwh, inputs.pev)):
        if soc_kwh and store is not None:
            axes.plot(hours, soc_kwh, color=_TONES[name], label=f"{name}, of {store.capacity_kwh:g} kWh")
    car = inputs.pev
    if car is not None and car.target_slot is not None and 0 <= car.target_slot <= plan.slots:
        at = hours[car.target_slot]
        axes.plot([at], [car.target_kwh], "v", color=_TONES["limit"], label="target of the car", clip_on=False)
    if not axes.get_legend_handles_labels()[0]:
        axes.plot([], [], " ", label="no storage")
    axes.set_ylabel("stored, kWh")


def _times(axes: Axes, plan: Plan, hours: list[float]) -> None:
    """Label the axis by the clock: a dozen marks, the date under each that begins a day."""
    step = next((step for step in (1, 2, 3, 6, 12, 24, 48, 168, 720) if hours[-1] / step <= 16), 2160)
    midnight = plan.start.replace(hour=0, minute=0, second=0, microsecond=0)
    begins = (plan.start - midnight) / timedelta(hours=1)
    marks = [mark for mark in range(0, int(begins + hours[-1]) + 1, step) if mark >= begins]
    moments = [midnight + timedelta(hours=mark) for mark in marks]
    axes.set_xticks([mark - begins for mark in marks])
    axes.set_xticklabels(
        [f"{at:%H:%M}\n{at:%d %b}" if at.hour == 0 or at == moments[0] else f"{at:%H:%M}" for at in moments]
    )
    axes.set_xlim(hours[0], hours[-1])
    axes.set_xlabel("time, UTC")


def _kw(decisions: tuple[SlotDecision, ...]) -> tuple[float, ...]:
    return tuple(decision.power_kw for decision in decisions)
