"""The planner beside EMHASS on the same problems in the same run: two real days of a French home in half hours.

EMHASS (MIT) is no dependency: it is taken from the package registry into an environment of its own under `.cache`, and
asked in a process of its own.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.memory import peak_mib
from bench.rows import Row
from heg.model.plan import Plan, PlanInputs, PlanReply, PlanRequest, VehicleInputs
from heg.services.planning.worker_link import WorkerLink
from heg.studies.history import read_history

VERSION = "0.18.7"
HOME = Path(__file__).resolve().parents[2] / "shared" / "data" / "home_d_fr_spot_30min.csv"
ENVIRONMENT = Path(__file__).resolve().parents[1] / ".cache" / "emhass"
PROBLEMS = 12
SLOTS = 96
MINUTES = 30
MOST_KW = 20.0
CAPACITY_KWH, RATE_KW, ONE_WAY = 10.0, 5.0, 0.95
SOC_BEGIN, SOC_END = 0.3, 0.5
CALLS = 5
CENT = 1e-4
INSTALL_S, PLAN_S = 900.0, 300.0


@dataclass(frozen=True, slots=True)
class Peer:
    """What EMHASS did with one problem: ms of a fresh day-ahead optimisation, of the same again, of a warm MPC call."""

    fresh_ms: float
    again_ms: float
    warm_ms: float
    grid_kw: Sequence[float]
    warm_grid_kw: Sequence[float]
    soc_end: float


async def beside_emhass(link: WorkerLink) -> list[Row]:
    """Both on the same problems; nothing, and a word why, where home or peer cannot be had."""
    if not HOME.exists():
        print(f"planner: no {HOME.name} beside the project: nothing to compare EMHASS on", file=sys.stderr)
        return []
    days = problems()
    try:
        theirs, their_mib = emhass(days)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        print(f"planner: EMHASS {VERSION} cannot be had here, left out: {error}", file=sys.stderr)
        return []
    ours, our_ms = await _ours(link, days)
    dearer = [
        cost_eur(day, mine.grid_kw) - min(cost_eur(day, peer.grid_kw), cost_eur(day, peer.warm_grid_kw))
        for day, mine, peer in zip(days, ours, theirs, strict=True)
    ]
    spared = -sum(dearer) / len(dearer)
    ms = statistics.median(our_ms)
    return [
        Row("battery, 48 h of half hours, p50", ms, "ms", f"{len(days)} real problems, in the worker"),
        _times("day-ahead optimisation", [peer.fresh_ms for peer in theirs], ms, 20.0),
        _times("the same problem again", [peer.again_ms for peer in theirs], ms, None),
        _times("warm MPC call", [peer.warm_ms for peer in theirs], ms, 6.0),
        Row("dearer than EMHASS, at worst", max(dearer), "EUR", f"a plan; on average {spared:.4f} cheaper", CENT),
        Row("memory of EMHASS, peak", their_mib, "MiB", "as it is imported by the bench"),
        Row("memory, ours of EMHASS's", peak_mib(link.pid) / their_mib, "", "peak of the worker", 0.25),
    ]


def _times(what: str, spans_ms: Sequence[float], ours_ms: float, promise: float | None) -> Row:
    theirs_ms = statistics.median(spans_ms)
    return Row(f"faster than EMHASS's {what}", theirs_ms / ours_ms, "x", f"{theirs_ms:.0f} ms", promise, at_most=False)


def problems() -> list[PlanInputs]:
    """Two days each, spread over the recording. The battery must end with half its charge, as a vehicle that leaves."""
    recording = read_history(HOME).recording
    firsts = range(0, recording.slots - SLOTS, (recording.slots - SLOTS) // PROBLEMS)[:PROBLEMS]
    battery = VehicleInputs(
        capacity_kwh=CAPACITY_KWH,
        min_rate_kw=-RATE_KW,
        max_rate_kw=RATE_KW,
        soc_kwh=SOC_BEGIN * CAPACITY_KWH,
        round_trip_efficiency=ONE_WAY**2,
        end_value_eur_per_kwh=0.0,
        plugged=(True,) * SLOTS,
        target_kwh=SOC_END * CAPACITY_KWH,
        target_slot=SLOTS,
    )
    return [
        PlanInputs(
            slot_minutes=MINUTES,
            start=recording.start + timedelta(minutes=MINUTES * first),
            demand_kw=tuple(recording.demand_kw[first : first + SLOTS]),
            production_kw=tuple(recording.production_kw[first : first + SLOTS]),
            import_eur_per_kwh=tuple(recording.import_eur_per_kwh[first : first + SLOTS]),
            export_eur_per_kwh=tuple(recording.export_eur_per_kwh[first : first + SLOTS]),
            contract_min_kw=-MOST_KW,
            contract_max_kw=MOST_KW,
            pev=battery,
        )
        for first in firsts
    ]


def cost_eur(day: PlanInputs, grid_kw: Sequence[float]) -> float:
    """What is bought less what is sold."""
    columns = zip(grid_kw, day.import_eur_per_kwh, day.export_eur_per_kwh, strict=True)
    return math.fsum(MINUTES / 60 * kw * (bought if kw > 0.0 else sold) for kw, bought, sold in columns)


def emhass(days: Sequence[PlanInputs]) -> tuple[list[Peer], float]:
    """What EMHASS does with them, and its peak MiB. OSError, SubprocessError, ValueError where it cannot be asked."""
    asked = {
        "slot_minutes": MINUTES,
        "slots": SLOTS,
        "most_kw": MOST_KW,
        "battery": {"capacity_kwh": CAPACITY_KWH, "rate_kw": RATE_KW, "one_way": ONE_WAY},
        "soc_begin": SOC_BEGIN,
        "soc_end": SOC_END,
        "problems": [_plain(day) for day in days],
    }
    said = subprocess.run(
        [_python(), str(Path(__file__).with_name("emhass_peer.py"))],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        timeout=PLAN_S,
    )
    answer = json.loads(said.stdout)
    return [Peer(**plan) for plan in answer["plans"]], float(answer["peak_mib"])


def _plain(day: PlanInputs) -> Mapping[str, Any]:
    keys = ("demand_kw", "production_kw", "import_eur_per_kwh", "export_eur_per_kwh")
    return {"start": day.start.replace(tzinfo=None).isoformat()} | {key: asdict(day)[key] for key in keys}


def _python() -> str:
    python = ENVIRONMENT / "bin" / "python"
    made = ENVIRONMENT / f"made-{VERSION}"
    if not made.exists():
        print(f"  EMHASS {VERSION} into .cache (once; a minute, 1 GB)", file=sys.stderr, flush=True)
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", f"emhass=={VERSION}"]
        subprocess.run(pip, check=True, timeout=INSTALL_S, stdout=sys.stderr)
        made.touch()
    return str(python)


async def _ours(link: WorkerLink, days: Sequence[PlanInputs]) -> tuple[list[Plan], list[float]]:
    plans, spans_ms = [], []
    for day in (days[0], *days):
        replies = [await link.ask(PlanRequest(id=0, problem=day), PLAN_S) for _ in range(CALLS)]
        answers = [reply for reply in replies if isinstance(reply, PlanReply)]
        assert len(answers) == CALLS, replies
        plans.append(answers[0].plan)
        spans_ms.append(statistics.median(answer.worker_ms for answer in answers))
    return plans[1:], spans_ms[1:]
