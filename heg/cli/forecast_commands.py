"""`heg forecast`: what a house will need and produce in the days ahead, from its recorded past."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heg.cli.common import with_json
from heg.cli.ends import DONE, FAILED, CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from heg.cli.parser import Add
    from heg.model.plan import ExpectedEnergy, Forecast, SeriesForecast, Week, WeekSpan


def add_to(add: Add) -> None:
    """Add the command."""
    forecast = with_json(add("forecast", _forecast, "what this home will need and produce in the days after its past"))
    forecast.add_argument("file", type=Path, metavar="HISTORY.csv", help="the columns of heg backtest")
    forecast.add_argument("--days", type=int, choices=range(1, 8), default=7, metavar="N", help="1 to 7, default: 7")
    forecast.add_argument("--config", type=Path, metavar="HOUSE.toml", help="time zone and panels from there")
    forecast.add_argument("--hours", action="store_true", help="hour by hour too")


def _forecast(options: argparse.Namespace) -> int:
    try:
        from heg.planner.forecast import forecast
        from heg.planner.week import week_ahead
    except ImportError as error:
        text = f"forecasts need numpy, which is not installed here ({error}): pip install 'heg[planner]'"
        raise CommandError(FAILED, text) from error
    from heg.cli.studies_commands import read_recording
    from heg.cli.study_terms import site_of
    from heg.model.plan import ForecastRequest, SeriesHistory

    recording = read_recording(options.file)
    end = recording.start + recording.slots * timedelta(minutes=recording.slot_minutes)

    def past(values_kw: Any) -> SeriesHistory:
        days = 35 * 1440 // recording.slot_minutes
        return SeriesHistory(slot_minutes=recording.slot_minutes, end=end, values_kw=tuple(values_kw[-days:]))

    request = ForecastRequest(
        start=end,
        slot_minutes=recording.slot_minutes,
        slots=1,
        demand=past(recording.demand_kw),
        production=past(recording.production_kw) if any(recording.production_kw) else None,
        site=site_of(options.config),
    )
    try:
        week = week_ahead(request, options.days)
        slots = forecast(replace(request, slots=options.days * 1440 // recording.slot_minutes))
    except ValueError as error:
        raise CommandError(FAILED, f"heg forecast: {error}") from error
    text = (
        json.dumps({**_document(week), "slots": _slots(slots)})
        if options.json
        else "\n".join(_told(week, hours=options.hours))
    )
    print(text, flush=True)
    return DONE


def _document(week: Week) -> dict[str, Any]:
    return {
        "days": [_span(one) for one in week.days],
        "hours": [_span(one) for one in week.hours],
        "degradations": [{"code": one.code.value, "text": one.text} for one in week.degradations],
    }


def _slots(found: Forecast) -> dict[str, Any]:
    """Slot by slot in columns, kW: the mean, which adds up to energies, and a row for each quantile."""
    from heg.model.plan import QUANTILES

    def columns(series: SeriesForecast | None) -> dict[str, Any] | None:
        if series is None:
            return None
        rows = {
            f"{share:g}": [round(kw, 4) for kw in row]
            for share, row in zip(QUANTILES, series.quantiles_kw, strict=True)
        }
        return {"mean_kw": [round(kw, 4) for kw in series.mean_kw], "quantiles_kw": rows}

    return {
        "start": found.start.isoformat(),
        "slot_minutes": found.slot_minutes,
        "demand": columns(found.demand),
        "production": columns(found.production),
    }


def _span(span: WeekSpan) -> dict[str, Any]:
    found: dict[str, Any] = {"start": span.start.isoformat(), "hours": span.hours}
    for name, expected in (("demand", span.demand), ("production", span.production)):
        found[name] = None if expected is None else {key: round(getattr(expected, key), 4) for key in _KEYS}
    return found


_KEYS = ("kwh", "low_kwh", "high_kwh")


def _told(week: Week, *, hours: bool) -> Iterator[str]:
    yield "kWh: expected, and in brackets between which it lies four times of five"
    for day in week.days:
        part = "" if day.hours >= 23 else f"  ({day.hours:g} h of it)"
        yield f"{day.start:%a %d %b}  demand {_kwh(day.demand)}{_produced(day)}{part}"
    for hour in week.hours if hours else ():
        yield f"{hour.start:%a %d %b %H:%M}  demand {_kwh(hour.demand)}{_produced(hour)}"
    for lack in week.degradations:
        yield lack.text


def _produced(span: WeekSpan) -> str:
    return "" if span.production is None else f"  production {_kwh(span.production)}"


def _kwh(expected: ExpectedEnergy) -> str:
    return f"{expected.kwh:6.2f} ({expected.low_kwh:.2f} to {expected.high_kwh:.2f})"
