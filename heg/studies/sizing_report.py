"""Which battery was found best, as JSON's document and as people read it."""

from typing import Any

from heg.studies.history import History
from heg.studies.sizing import Answer, Candidate


def document(answer: Answer, history: History) -> dict[str, Any]:
    """Return what `--json` prints."""
    question = answer.question
    recording = question.recording
    whole = range(recording.slots)
    has_co2 = bool(recording.co2_eur_per_kwh)
    return {
        "best": _candidate(answer.best, has_co2=has_co2),
        "curve": [_candidate(each, has_co2=has_co2) for each in answer.curve],
        "no_battery": {
            "cost_eur_per_year": answer.without_eur_per_year,
            "co2_eur_per_year": answer.without_co2_eur_per_year if has_co2 else None,
        },
        "at_bound": answer.at_bound,
        "years": question.years,
        "slot_minutes": recording.slot_minutes,
        "slots": recording.slots,
        "missing_slots": history.missing_slots(whole),
        "missing_cells": history.missing_cells(whole),
        "ess_eur_per_kwh": question.prices.eur_per_kwh,
        "ess_eur_per_kw": question.prices.eur_per_kw,
        "fixed_eur": question.prices.fixed_eur,
        "lifetime_years": question.prices.lifetime_years,
        "discount": question.prices.discount,
        "annuity": question.prices.annuity,
        "round_trip_efficiency": question.round_trip_efficiency,
        "objective": "energy+co2" if answer.counts_co2 else "energy",
    }


def _candidate(each: Candidate, *, has_co2: bool) -> dict[str, float | None]:
    return {
        "capacity_kwh": each.capacity_kwh,
        "rate_kw": each.rate_kw,
        "investment_eur": each.investment_eur,
        "saving_eur_per_year": each.saving_eur_per_year,
        "co2_saving_eur_per_year": each.co2_saving_eur_per_year if has_co2 else None,
        "net_saving_eur_per_year": each.net_eur_per_year,
        "payback_years": each.payback_years,
        "cycles_per_year": each.cycles_per_year,
        "gap_eur_per_year": each.gap_eur_per_year,
    }


def told(answer: Answer, history: History) -> str:
    """Return the answer, its curve and what to mind, for people."""
    lines = [_best(answer), "", *_curve(answer), ""]
    recording = answer.question.recording
    if missing := history.missing_slots(range(recording.slots)):
        lines.append(f"{missing} of {recording.slots} slots miss a reading: taken from the day before.")
    if answer.question.years < 0.9:
        days = round(recording.slots * recording.slot_minutes / (24 * 60))
        lines.append(f"The history has {days} day{'s' * (days != 1)}: a year's file says what a year is like.")
    if answer.counts_co2:
        lines.append("Net is of the price, with what CO2 costs less; --objective energy leaves CO2 out.")
    if answer.at_bound:
        lines.append("The best is the largest that was allowed: --max-kwh and --max-kw allow more.")
    lines.append("All with perfect foresight: `heg backtest` says what is left of it with forecasts.")
    return "\n".join(lines)


def _best(answer: Answer) -> str:
    best = answer.best
    if best.capacity_kwh <= 0.0:
        return "At these prices no battery pays for this home."
    pays = "" if best.payback_years is None else f", which is paid back after {best.payback_years:.1f} years"
    co2 = ""
    if answer.question.recording.co2_eur_per_kwh:
        way = "less" if best.co2_saving_eur_per_year >= 0.0 else "more"
        co2 = f" CO2 costs {abs(best.co2_saving_eur_per_year):.0f} EUR a year {way}."
    return (
        f"Best for this home: {best.capacity_kwh:.1f} kWh with {best.rate_kw:.1f} kW, for "
        f"{best.investment_eur:.0f} EUR. "
        f"It saves {best.saving_eur_per_year:.0f} of {answer.without_eur_per_year:.0f} EUR a year{pays}; "
        f"net of its price {best.net_eur_per_year:.0f} EUR a year.{co2}"
    )


def _curve(answer: Answer) -> list[str]:
    rows = [["kWh", "kW", "price EUR", "saves EUR/a", "net EUR/a", "payback a", "cycles/a", ""]]
    for each in answer.curve:
        payback = "-" if each.payback_years is None else f"{each.payback_years:.1f}"
        rows.append(
            [
                f"{each.capacity_kwh:.1f}",
                f"{each.rate_kw:.1f}",
                f"{each.investment_eur:.0f}",
                f"{each.saving_eur_per_year:.0f}",
                f"{each.net_eur_per_year:.0f}",
                payback,
                f"{each.cycles_per_year:.0f}",
                "<- best" if each.capacity_kwh == answer.best.capacity_kwh else "",
            ]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
