"""The planner's own process, as the gateway starts it: the real forecast and plan, through the real pipes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from heg.model.plan import Degradation, DegradationCode, PlanReply, PlanStatus
from heg.planner.serving import Ending
from heg.planner.worker import main
from heg.runtime.clock import Clock
from heg.services.planning.worker_link import COMMAND, WorkerLink
from tests.planner.houses import house
from tests.planner.requests import request
from tests.support.stepped import stepped

LIMIT_S = 60.0
ROOT = Path(__file__).parents[2]


@stepped
async def test_the_gateway_s_own_command_forecasts_and_plans(clock: Clock) -> None:
    link = WorkerLink(clock)
    try:
        asked = request(1, 96)
        problem = house(96, slot_minutes=15, import_eur_per_kwh=(0.1,) * 40 + (0.5,) * 56)
        first = await link.ask(replace(asked, problem=problem), LIMIT_S)
        again = await link.ask(replace(asked, problem=problem, id=2), LIMIT_S)
        unknown = await link.ask(request(3, 96, with_forecast=True), LIMIT_S)
        threads = (Path("/proc") / str(link.pid) / "task").iterdir() if link.pid is not None else ()
        assert len(list(threads)) <= 2  # ours, and one of the solver's
    finally:
        await link.close()
    assert isinstance(first, PlanReply)
    assert isinstance(again, PlanReply)
    assert isinstance(unknown, PlanReply)
    assert first.plan.status is PlanStatus.OPTIMAL
    assert max(one.power_kw for one in first.plan.ess[:40]) > 1.0
    assert replace(again.plan, solve_ms=0.0) == replace(first.plan, solve_ms=0.0)
    assert unknown.forecast is not None
    assert unknown.plan.demand_kw == unknown.forecast.demand.values_kw


@stepped
async def test_even_a_problem_of_nonsense_is_answered(clock: Clock) -> None:
    link = WorkerLink(clock)
    try:
        nonsense = replace(request(1).problem, demand_kw=(float("nan"), float("inf"), -1e300, 0.0))
        reply = await link.ask(replace(request(1), problem=nonsense), LIMIT_S)
    finally:
        await link.close()
    assert isinstance(reply, PlanReply)
    assert DegradationCode.DEMAND_FORECAST_MISSING in {one.code for one in reply.plan.degradations}


@stepped
async def test_without_the_planner_s_packages_the_worker_is_lost_and_says_so(clock: Clock) -> None:
    # `-S` leaves out the folder in which packages are installed, and with it msgspec, numpy and highspy.
    link = WorkerLink(clock, (COMMAND[0], "-S", *COMMAND[1:]))
    reply = await link.ask(request(), LIMIT_S)
    await link.close()
    assert isinstance(reply, Degradation)
    assert reply.code is DegradationCode.WORKER_LOST


def test_it_idles_out_as_it_was_told() -> None:
    command = (sys.executable, "-m", main.__module__, "--idle-s", "0.1")
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            assert process.wait(LIMIT_S) == Ending.IDLE
        finally:
            process.kill()
