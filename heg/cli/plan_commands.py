"""Plans as commands: what the gateway plans, and the planner alone, one problem in, one plan out
(docs/integrators/plan-file.md).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from heg.cli.ends import DONE, FAILED, CommandError
from heg.cli.planned_commands import show_plan, show_week
from heg.cli.remote import names_host, remote

if TYPE_CHECKING:
    from heg.cli.parser import Add
    from heg.model.plan import Plan, PlanInputs

TIME_LIMIT_S = 60.0
GAP = 1e-6
_OTHER_WAYS = 8
"""Four for each of two storages: they share the time that the plan may take."""


def add_to(add: Add) -> None:
    """Add the commands."""
    text = "the plan in force, with its reasons; with a file: plan that problem here, JSON on standard output"
    whole = remote(add("plan", _plan, text))
    view = whole.add_argument_group("of the running gateway").add_mutually_exclusive_group()
    view.add_argument("--again", action="store_true", help="plan the running slot anew, now")
    view.add_argument("--otherwise", action="store_true", help="what every other way in the running slot would cost")
    view.add_argument("--past", action="store_true", help="plan and truth of the last 24 hours side by side")
    remote(add("week", show_week, "the days ahead: what the house needs and produces"))
    plan = whole.add_argument_group("of a problem in a file")
    plan.add_argument("file", nargs="?", metavar="FILE.json", help="the problem; - for standard input")
    plan.add_argument(
        "--explain",
        action="store_true",
        help="a table for people on standard error besides, and what else could be done at first",
    )
    plan.add_argument("--plot", type=Path, metavar="OUT.png|svg", help="draw the plan (needs heg[plots])")
    plan.add_argument(
        "--time-limit", type=_seconds, default=TIME_LIMIT_S, metavar="S", help="seconds for the solver, default: 60"
    )
    plan.add_argument(
        "--gap", type=_share, default=GAP, metavar="SHARE", help="good enough: share of what is traded, default: 1e-6"
    )
    plan.add_argument(
        "--schema",
        nargs="?",
        const="problem",
        choices=("problem", "plan"),
        help="print the JSON Schema of the problem's file, or of the plan's, instead",
    )


def _plan(options: argparse.Namespace) -> int:
    if options.schema is not None:
        from heg.model.plan_file.schemas import schema_text

        print(schema_text(options.schema), end="")
        return DONE
    if options.file is None:
        return show_plan(options)
    if names_host(options):
        raise CommandError(2, "heg plan FILE.json plans on this machine: leave --host out, or the file")
    inputs = _problem(options.file)
    if options.plot is not None:
        _can_draw(options.plot)
    asked = replace(inputs, time_limit_s=options.time_limit, gap=options.gap)
    made = _planned(asked)
    from heg.model.plan_file.writing import plan_text

    print(plan_text(made), end="", flush=True)
    for lack in made.degradations:
        print(f"heg plan: {lack.code}: {lack.text}", file=sys.stderr)
    if options.explain:
        from heg.planner.otherwise import otherwise
        from heg.studies.explained import explained

        shorter = replace(asked, time_limit_s=options.time_limit / _OTHER_WAYS)
        print(explained(made, otherwise(shorter, made)), file=sys.stderr)
    if options.plot is not None:
        _draw(inputs, made, options.plot)
    return DONE


def _problem(name: str) -> PlanInputs:
    from heg.model.plan_file.faults import PlanFileError
    from heg.model.plan_file.reading import LARGEST_BYTES, read_problem

    try:
        if name == "-":
            text = sys.stdin.buffer.read(LARGEST_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                text = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        raise CommandError(
            FAILED, f"{name}: expected a file that can be read ({reason}); - for standard input"
        ) from error
    try:
        return read_problem(text)
    except PlanFileError as error:
        shown = "standard input" if name == "-" else name
        lines = (f"{shown}: {line}" for line in str(error).splitlines())
        raise CommandError(FAILED, "\n".join(lines)) from error


def _planned(inputs: PlanInputs) -> Plan:
    try:
        from heg.planner.plan import plan
    except ImportError as error:
        text = f"planning needs numpy and highspy, which are not installed here ({error}): pip install 'heg[planner]'"
        raise CommandError(FAILED, text) from error
    if sys.stderr.isatty():
        print(f"planning {inputs.slots} slots of {inputs.slot_minutes} min ...", file=sys.stderr)
    return plan(inputs)


def _can_draw(target: Path) -> None:
    from heg.studies.drawing import DrawingError, checked_target

    try:
        checked_target(target)
    except DrawingError as error:
        raise CommandError(FAILED, f"--plot: {error}") from error


def _draw(inputs: PlanInputs, made: Plan, target: Path) -> None:
    from heg.studies.drawing import DrawingError, save
    from heg.studies.plan_drawing import drawn

    try:
        save(drawn(inputs, made), target)
    except DrawingError as error:
        raise CommandError(FAILED, f"--plot: {error}") from error


def _seconds(text: str) -> float:
    return _number(text, 3600.0, "seconds above 0 and at most 3600, such as 60")


def _share(text: str) -> float:
    return _number(text, 1.0, "a share above 0 and at most 1, such as 1e-6")


def _number(text: str, most: float, expected: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 < value <= most:
        raise argparse.ArgumentTypeError(f"expected {expected}, came {text!r}")
    return value
