"""Studies as commands: what a battery would have saved this home, and which one would have been best."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heg.cli.common import with_json
from heg.cli.ends import DONE, FAILED, CommandError
from heg.cli.numbers import above_zero, share, within
from heg.cli.progress import Bar

if TYPE_CHECKING:
    from heg.cli.parser import Add
    from heg.studies.backtest import Backtested, Study
    from heg.studies.closed_loop import Recording
    from heg.studies.history import History
    from heg.studies.sizing import Answer

_EFFICIENCY = 0.9
_CSV = "columns time_utc, demand_kw, import_eur_per_kwh, perhaps production_kw, export_eur_per_kwh, co2_eur_per_kwh"
_OBJECTIVES = ("energy", "energy+co2", "co2")


def add_to(add: Add) -> None:
    """Add the commands."""
    _add_backtest(add)
    _add_size(add)


def _add_backtest(add: Add) -> None:
    backtest = with_json(add("backtest", _backtest, "what a battery would have saved this home: lives its past again"))
    backtest.add_argument("file", type=Path, metavar="HISTORY.csv", help=_CSV)
    backtest.add_argument(
        "--config",
        type=Path,
        metavar="HOUSE.toml",
        help="battery, site and contract from there",
    )
    backtest.add_argument("--ess-kwh", type=above_zero, metavar="KWH", help="the battery's capacity")
    backtest.add_argument("--ess-kw", type=above_zero, metavar="KW", help="its rate, both ways")
    backtest.add_argument("--efficiency", type=share, help="its round trip, default: 0.9")
    backtest.add_argument("--from", dest="start", metavar="DATE", help="first day or time, UTC; default: the first row")
    backtest.add_argument("--days", type=above_zero, metavar="N", help="how many, default: to the end")
    backtest.add_argument(
        "--horizon-hours", type=within(1.0, 168.0, "hours from 1 to 168, such as 24"), metavar="H", help="default: 24"
    )
    backtest.add_argument(
        "--pv-forecast", type=_noise, default=None, metavar="own|noisy:SEED", help="own, or the true sun with errors"
    )
    _add_objective(backtest)
    _add_plot(backtest)


def _add_size(add: Add) -> None:
    size = with_json(add("size", _size, "which battery would have been best for this home, at these prices"))
    money = within(0.0, 1e6, "EUR of at least 0, such as 300")
    size.add_argument("file", type=Path, metavar="HISTORY.csv", help=_CSV)
    size.add_argument("--ess-eur-per-kwh", type=money, required=True, metavar="EUR", help="price of a kWh of capacity")
    size.add_argument("--ess-eur-per-kw", type=money, required=True, metavar="EUR", help="price of a kW of rate")
    size.add_argument("--fixed-eur", type=money, default=0.0, metavar="EUR", help="what any battery costs, default: 0")
    size.add_argument("--lifetime-years", type=above_zero, default=15.0, metavar="N", help="default: 15")
    size.add_argument(
        "--discount", type=within(0.0, 1.0, "a share from 0 to 1, such as 0.03"), default=0.0, help="default: 0"
    )
    size.add_argument("--efficiency", type=share, default=_EFFICIENCY, help="round trip, default: 0.9")
    size.add_argument("--max-kwh", type=above_zero, default=200.0, metavar="KWH", help="default: 200")
    size.add_argument("--max-kw", type=above_zero, default=100.0, metavar="KW", help="default: 100")
    size.add_argument("--time-limit", type=above_zero, default=60.0, metavar="S", help="seconds, default: 60")
    size.add_argument(
        "--objective", choices=_OBJECTIVES[:2], default="energy+co2", help="what is minimised, default: energy+co2"
    )
    _add_plot(size)


def _add_objective(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--objective", choices=_OBJECTIVES, help="what is minimised; default: energy+co2, or the configuration's"
    )


def _add_plot(command: argparse.ArgumentParser) -> None:
    command.add_argument("--plot", type=Path, metavar="OUT.png|svg", help="draw it (needs heg[plots])")


def _backtest(options: argparse.Namespace) -> int:
    _needs_planner()
    if options.plot is not None:
        _can_draw(options.plot)
    history = _history(options.file, needs_prices=options.config is None)
    from heg.cli.study_terms import study_of

    study = study_of(options, history, _span(options, history.recording))
    found = _lived(study)
    from heg.studies.backtest_report import document, told

    _say(options, document(found, history), told(found, history))
    if options.plot is not None:
        from heg.studies.study_drawings import drawn_backtest

        _draw(lambda: drawn_backtest(found), options.plot)
    return DONE


def _lived(study: Study) -> Backtested:
    from heg.studies.side_by_side import PLANNED, PartError, backtested

    with Bar("living it again", len(PLANNED) * study.slots) as bar:
        try:
            return backtested(study, bar.more)
        except PartError as error:
            raise CommandError(FAILED, f"heg backtest: {error}") from error


def _size(options: argparse.Namespace) -> int:
    _needs_planner()
    if options.plot is not None:
        _can_draw(options.plot)
    history = _history(options.file)
    answer = _sized(options, history.recording)
    from heg.studies.sizing_report import document, told

    _say(options, document(answer, history), told(answer, history))
    if options.plot is not None:
        from heg.studies.study_drawings import drawn_sizing

        _draw(lambda: drawn_sizing(answer), options.plot)
    return DONE


def _sized(options: argparse.Namespace, recording: Recording) -> Answer:
    from heg.planner.sizing import UnsizedError
    from heg.studies.sizing import Prices, Question, best_battery

    if sys.stderr.isatty():
        print(f"sizing over {recording.slots} slots of {recording.slot_minutes} min ...", file=sys.stderr)
    prices = Prices(
        eur_per_kwh=options.ess_eur_per_kwh,
        eur_per_kw=options.ess_eur_per_kw,
        fixed_eur=options.fixed_eur,
        lifetime_years=options.lifetime_years,
        discount=options.discount,
    )
    question = Question(
        recording=recording,
        prices=prices,
        round_trip_efficiency=options.efficiency,
        max_kwh=options.max_kwh,
        max_kw=options.max_kw,
        counts_co2=options.objective != "energy",
        time_limit_s=options.time_limit,
    )
    try:
        return best_battery(question)
    except UnsizedError as error:
        raise CommandError(FAILED, f"heg size: {error}: --time-limit gives it more") from error


def _needs_planner() -> None:
    try:
        import heg.planner.sizing  # noqa: F401 - is all there that it needs?
    except ImportError as error:
        text = f"studies need numpy and highspy, which are not installed here ({error}): pip install 'heg[planner]'"
        raise CommandError(FAILED, text) from error


def _history(path: Path, *, needs_prices: bool = True) -> History:
    from heg.studies.history import HistoryError, read_history

    try:
        return read_history(path, needs_prices=needs_prices)
    except HistoryError as error:
        raise CommandError(FAILED, f"{path}: {error}") from error
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        raise CommandError(FAILED, f"{path}: expected a file that can be read ({reason})") from error


def read_recording(path: Path) -> Recording:
    """Return a home's past from a file. Raises `CommandError` that says what is wrong with it."""
    return _history(path).recording


def _span(options: argparse.Namespace, recording: Recording) -> range:
    slot = timedelta(minutes=recording.slot_minutes)
    last = recording.start + recording.slots * slot
    first = 0
    if options.start is not None:
        start = _moment(options.start)
        if not recording.start <= start < last:
            inside = f"a time from {recording.start:%Y-%m-%dT%H:%MZ} to before {last:%Y-%m-%dT%H:%MZ}"
            raise CommandError(2, f"--from: expected {inside}, came {options.start!r}")
        first = -((recording.start - start) // slot)
    count = recording.slots - first
    if options.days is not None:
        wanted = max(1, round(options.days * timedelta(days=1) / slot))
        if wanted > count:
            raise CommandError(
                2, f"--days: expected at most {count * slot / timedelta(days=1):g}, came {options.days:g}"
            )
        count = wanted
    return range(first, first + count)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(2, f"--from: expected a day such as 2025-01-31, came {text[:40]!r}") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _noise(text: str) -> int | None:
    if text == "own":
        return None
    kind, _, seed = text.partition(":")
    if kind != "noisy" or not (seed.isascii() and seed.isdigit() and len(seed) <= 18):
        raise argparse.ArgumentTypeError(f"expected own, or noisy: and a number such as noisy:1, came {text[:40]!r}")
    return int(seed)


def _say(options: argparse.Namespace, document: dict[str, Any], words: str) -> None:
    print(json.dumps(document, indent=1) if options.json else words, flush=True)


def _can_draw(target: Path) -> None:
    from heg.studies.drawing import DrawingError, checked_target

    try:
        checked_target(target)
    except DrawingError as error:
        raise CommandError(FAILED, f"--plot: {error}") from error


def _draw(make: Any, target: Path) -> None:
    from heg.studies.drawing import DrawingError, save

    try:
        save(make(), target)
    except DrawingError as error:
        raise CommandError(FAILED, f"--plot: {error}") from error
