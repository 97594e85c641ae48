"""`heg cycle`: an appliance's cycle is wanted within a window, and when it is to be started."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from heg.cli.remote import ordered, remote, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from heg.cli.house import House
    from heg.cli.parser import Add
    from heg.cli.zones import Local
    from heg.web.plan_messages import PlannedCycle, PlanState


def add_to(add: Add) -> None:
    """Add the command."""
    text = "an appliance's cycle is wanted within a window; without a name: which, and when"
    cycle = remote(add("cycle", _cycle, text))
    cycle.add_argument("name", nargs="?", help="as in [cycle.NAME] of heg.toml, or a new one with --power-kw")
    cycle.add_argument("--earliest", metavar="TIME", help="the next 10:00 by the clock, or 2026-06-02T08:00:00Z")
    cycle.add_argument("--latest", metavar="TIME", help="when it is to be over")
    cycle.add_argument("--power-kw", type=_powers, metavar="KW,KW", help="mean kW of each step, such as 2.0,0.2,1.5")
    cycle.add_argument("--step-minutes", type=int, choices=(5, 15, 30, 60), help="default: 15")
    cycle.add_argument("--interruptible", action="store_true", help="it may pause between its steps")
    cycle.add_argument("--forget", action="store_true", help="it is not wanted any more")


def _powers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:40]!r}: expected kW with commas between, such as 2.0,0.2") from None


def _cycle(options: argparse.Namespace) -> int:
    if options.name is None:
        from heg.web.plan_messages import PlanState

        return shown(options, "/api/v1/plan", PlanState, _listed)
    order: dict[str, object] = {"name": options.name}
    for key in ("earliest", "latest"):
        if (said := getattr(options, key)) is not None:
            order[f"{key}_utc" if "T" in said else key] = said
    for key in ("power_kw", "step_minutes"):
        if (value := getattr(options, key)) is not None:
            order[key] = value
    order |= {key: True for key in ("interruptible", "forget") if getattr(options, key)}
    return ordered(options, "cycle", order)


def _listed(told: PlanState, house: House) -> Iterable[str]:
    return cycle_lines(() if told.plan is None else told.plan.cycles, house.local)


def cycle_lines(cycles: Iterable[PlannedCycle], local: Local) -> Iterable[str]:
    """Tell the cycles for people."""
    none = True
    for one in cycles:
        none = False
        planned = f"{local(one.start_utc)} to {local(one.end_utc)}" if one.start_utc else "no room yet"
        window = f"within {local(one.earliest_utc)} to {local(one.latest_utc)}"
        yield f"{one.name}: {one.state}, {planned}, {one.energy_kwh:g} kWh ({window})"
    if none:
        yield "no cycle is wanted: heg cycle NAME"
