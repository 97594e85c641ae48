"""What a backtest found, as JSON's document and as people read it."""

from datetime import datetime, timedelta
from typing import Any

from heg.model.plan import Objective
from heg.studies.backtest import Backtested, RunName
from heg.studies.history import History

_WORDS = {
    RunName.NO_BATTERY: "no battery",
    RunName.RULE: "self-consumption",
    RunName.EBR: "heg, own forecasts",
    RunName.EBR_PERFECT: "heg, perfect foresight",
}
_WHOLE_YEAR = 0.9
_NOISY = "heg, noisy sun"


def document(found: Backtested, history: History) -> dict[str, Any]:
    """Return what `--json` prints. `cost_eur` has what is left in the battery taken off, `bill_eur` has not."""
    study = found.study
    recording = study.recording
    slot = timedelta(minutes=recording.slot_minutes)
    return {
        **{name.value: _run(found, name) for name in RunName},
        "share_of_perfect_saving": found.share_of_perfect_saving,
        "saving_eur_per_year": found.saving_eur(RunName.EBR) / found.years,
        "start": _utc(recording.start + study.first * slot),
        "end": _utc(recording.start + (study.first + study.slots) * slot),
        "slot_minutes": recording.slot_minutes,
        "slots": study.slots,
        "horizon_slots": study.horizon,
        "missing_slots": history.missing_slots(study.span),
        "missing_cells": history.missing_cells(study.span),
        "left_eur_per_kwh": study.left_eur_per_kwh,
        "objective": _objective(found),
        "pv_forecast": "own" if study.noise_seed is None else f"noisy:{study.noise_seed}",
        "ess": {
            "capacity_kwh": study.battery.capacity_kwh,
            "min_rate_kw": study.battery.min_rate_kw,
            "max_rate_kw": study.battery.max_rate_kw,
            "round_trip_efficiency": study.battery.round_trip_efficiency,
        },
    }


def _run(found: Backtested, name: RunName) -> dict[str, float | None]:
    outcome = found.runs[name].outcome
    return {
        "cost_eur": found.cost_eur(name),
        "co2_eur": outcome.co2_eur if found.study.recording.co2_eur_per_kwh else None,
        "peak_kw": outcome.peak_kw,
        "cycles": found.cycles(name),
        "import_kwh": outcome.import_kwh,
        "export_kwh": outcome.export_kwh,
        "bill_eur": outcome.cost_eur,
        "left_kwh": outcome.soc_kwh,
    }


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def told(found: Backtested, history: History) -> str:
    """Return a table of the runs and what they mean, for people."""
    study = found.study
    start = study.recording.start + study.first * timedelta(minutes=study.recording.slot_minutes)
    days = round(study.slots * study.recording.slot_minutes / (24 * 60))
    battery = study.battery
    asked = (
        f"{days} day{'s' * (days != 1)} from {start:%Y-%m-%d %H:%M} UTC, {battery.capacity_kwh:g} kWh, "
        f"{battery.max_rate_kw:g} kW, {battery.round_trip_efficiency:.0%} round trip, planned {_hours(found):g} h ahead"
    )
    lines = [
        asked,
        "",
        *_table(found),
        "",
        _meaning(found),
    ]
    if missing := history.missing_slots(study.span):
        lines.append(f"{missing} of {study.slots} slots miss a reading: taken from the day before, alike for all.")
    left_ct = 100.0 * study.left_eur_per_kwh
    lines.append(f"A kWh left in the battery at the end counts {left_ct:.1f} ct, alike for all.")
    return "\n".join(lines)


def _hours(found: Backtested) -> float:
    return found.study.horizon * found.study.recording.slot_minutes / 60.0


def _table(found: Backtested) -> list[str]:
    rows = [["", "cost EUR", "CO2 EUR", "peak kW", "cycles", "import kWh", "export kWh"]]
    for name in RunName:
        cells = _run(found, name)
        word = _NOISY if name is RunName.EBR and found.study.noise_seed is not None else _WORDS[name]
        kept = ("cost_eur", "co2_eur", "peak_kw", "cycles", "import_kwh", "export_kwh")
        shown = zip((cells[key] for key in kept), (2, 2, 2, 1, 0, 0), strict=True)
        rows.append([word, *("-" if value is None else f"{value:.{digits}f}" for value, digits in shown)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def _meaning(found: Backtested) -> str:
    share = found.share_of_perfect_saving
    if share is None:
        return "With these prices there is nothing that a battery could save."
    ebr, rule = (found.saving_eur(name) / found.years for name in (RunName.EBR, RunName.RULE))
    season = "" if found.years >= _WHOLE_YEAR else " if the whole year were like this (it is not: give a year's file)"
    counted = {"energy": "EUR", "co2": "EUR of CO2"}.get(_objective(found), "EUR with CO2")
    return (
        f"With heg this battery would save {ebr:.0f} {counted} a year{season}; by self-consumption alone {rule:.0f}. "
        f"That is {share:.0%} of what perfect forecasts would save."
    )


def _objective(found: Backtested) -> str:
    terms = found.study.terms
    if not (terms.counts_co2 and found.study.recording.co2_eur_per_kwh):
        return "energy"
    return "co2" if terms.objective is Objective.CO2 else "energy+co2"
