"""What `heg plan` and `heg week` tell of the running gateway's plan."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

from heg.cli.cycle_commands import cycle_lines
from heg.cli.ends import DONE, FAILED
from heg.cli.past_commands import steps
from heg.cli.remote import LONG_ORDER_S, ask, ordered, put, shown
from heg.cli.words import in_columns, number, say

if TYPE_CHECKING:
    import argparse

    from heg.cli.house import House
    from heg.web.client.gateway import Gateway
    from heg.web.messages import Answer
    from heg.web.plan_messages import Energy, PlannedStorage, PlanPast, PlanState, PlanWhole, WeekState


def show_plan(options: argparse.Namespace) -> int:
    """Show the plan in force, or what the options of the running gateway ask for. Raises `CommandError`."""
    from heg.web.plan_messages import PlanPast, PlanState

    if options.again:
        return ordered(options, "plan", {}, within_s=LONG_ORDER_S)
    if options.otherwise:
        return ask(options, lambda gateway: _otherwise(gateway, as_json=options.json))
    if options.past:
        return shown(options, "/api/v1/plan/past", PlanPast, _past_lines)
    return shown(options, "/api/v1/plan", PlanState, _plan_lines)


def show_week(options: argparse.Namespace) -> int:
    """Show the days ahead. Raises `CommandError`."""
    from heg.web.plan_messages import WeekState

    return shown(options, "/api/v1/week", WeekState, _week_lines)


def _otherwise(gateway: Gateway, *, as_json: bool) -> int:
    from heg.web.messages import Answer

    said = gateway.post("/api/v1/commands/otherwise", Answer, within_s=LONG_ORDER_S)
    if as_json:
        put(said.json)
    else:
        say(_other_ways(said.message))
    return FAILED if said.message.outcome == "refused" else DONE


def _other_ways(answer: Answer) -> Iterable[str]:
    yield f"{answer.outcome}: {answer.text or answer.refusal or ''}"
    storages = (answer.detail or {}).get("alternatives")
    for storage, ways in storages.items() if isinstance(storages, dict) else ():
        for way, found in ways.items() if isinstance(ways, dict) else ():
            if isinstance(found, dict):
                yield f"{storage} {way}: {found.get('text') or found.get('more_eur')}"


def _plan_lines(told: PlanState, house: House) -> Iterable[str]:
    plan = told.plan
    if plan is None:
        yield "no plan yet" if told.planning else "nothing is planned here ([planning] in heg.toml)"
        return
    yield f"plan {plan.revision}, {plan.status}, {plan.age_s} s old; expected cost {plan.cost.total_eur:.2f} EUR"
    for name, storage in (("battery", plan.storage), ("vehicle", plan.vehicle)):
        if storage is not None:
            yield f"{name}:"
            yield from _decisions(plan, storage, house)
    yield from cycle_lines(plan.cycles, house.local) if plan.cycles else ()
    yield from (f"planned without {lack.code}: {lack.text} {lack.mend}".rstrip() for lack in plan.lacks)


def _decisions(plan: PlanWhole, storage: PlannedStorage, house: House) -> Iterable[str]:
    """One line for each stretch that is planned alike, with why."""
    times = steps(plan.start_utc, plan.step_s, len(storage.regime), house)
    slots = zip(times, storage.regime, storage.text, storage.power_kw, plan.import_eur_per_kwh, strict=False)
    rows = []
    for (regime, why), alike in groupby(slots, key=lambda slot: (slot[1], slot[2])):
        stretch = list(alike)
        mean_kw = sum(slot[3] for slot in stretch) / len(stretch)
        rows.append((stretch[0][0], regime, f"{mean_kw:+.2f}", f"{stretch[0][4]:.3f}", why))
    return in_columns(("FROM", "REGIME", "kW", "EUR/kWh", "WHY"), rows, "nothing")


def _past_lines(told: PlanPast, house: House) -> Iterable[str]:
    head = ("FROM", "PLANNED REGIME", "BATTERY kW", "PLANNED", "GRID kW", "PLANNED", "HOUSE kW", "FORECAST")
    done, planned = told.done, told.planned
    times = steps(told.start_utc, told.step_s, len(done.grid_kw), house)
    regimes = [regime or "-" for regime in planned.regime]
    figures = zip(
        *(done.battery_kw, planned.battery_kw, done.grid_kw, planned.grid_kw, done.demand_kw, planned.demand_kw),
        strict=False,
    )
    rows = (
        (time, regime, *(number(kw, 2) for kw in kws))
        for time, regime, kws in zip(times, regimes, figures, strict=False)
    )
    return in_columns(head, rows, "nothing was planned yet")


def _week_lines(told: WeekState, house: House) -> Iterable[str]:
    week = told.week
    if week is None:
        yield "not reckoned yet" if told.planning else "nothing is planned here ([planning] in heg.toml)"
        return
    if not week.enough:
        yield f"known for {week.known_days:.1f} days: the figures are a typical household's"
    head = ("DAY", "HOURS", "NEEDED kWh", "OF FIVE DAYS, FOUR", "PRODUCED kWh", "OF FIVE DAYS, FOUR")
    rows = (
        (house.local(day.start_utc)[:10], f"{day.hours:g}", *_expected(day.demand), *_expected(day.production))
        for day in week.days
    )
    yield from in_columns(head, rows, "no days")


def _expected(energy: Energy | None) -> tuple[str, str]:
    return ("-", "-") if energy is None else (f"{energy.kwh:.1f}", f"{energy.low_kwh:.1f} to {energy.high_kwh:.1f}")
