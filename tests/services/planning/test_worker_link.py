"""The link to the planner's process: every way a process can fail costs one answer, has a name, and leaves nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import time  # noqa: TID251 - scaled time is anchored to the machine's

import pytest

from heg.model.plan import Degradation, DegradationCode, PlanReply
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming, ScaledTiming, SteppedTiming, Timing, run
from heg.services.planning.worker_link import WorkerLink
from tests.planner.requests import request
from tests.support.stepped import START_UTC, stepped

LIMIT_S = 20.0
"""Real seconds for answers that come: generous, for a busy machine."""


@asynccontextmanager
async def link_to(clock: Clock, way: str, *more: str, start_limit_s: float = 30.0) -> AsyncIterator[WorkerLink]:
    command = (sys.executable, "-m", "tests.planner.odd_workers", way, *more)
    link = WorkerLink(clock, command, start_limit_s=start_limit_s)
    try:
        yield link
    finally:
        pid = link.pid
        await link.close()
        if pid is not None:
            assert is_gone(pid)


def is_gone(pid: int) -> bool:
    """No process and no zombie of that number."""
    return not Path(f"/proc/{pid}").exists()


async def refused(clock: Clock, way: str, limit_s: float = LIMIT_S) -> Degradation:
    async with link_to(clock, way) as link:
        reply = await link.ask(request(), limit_s)
        assert isinstance(reply, Degradation)
        assert link.counts[reply.code] == 1
        return reply


@stepped
async def test_a_question_is_answered_and_no_house_time_passes(clock: Clock) -> None:
    async with link_to(clock, "sound") as link:
        begun_s = clock.monotonic_s()
        reply = await link.ask(request(7), LIMIT_S)
        assert isinstance(reply, PlanReply)
        assert reply.id == 7
        assert clock.monotonic_s() == begun_s


@stepped
async def test_two_questions_are_answered_by_one_process(clock: Clock) -> None:
    async with link_to(clock, "sound") as link:
        assert isinstance(await link.ask(request(1), LIMIT_S), PlanReply)
        pid = link.pid
        await clock.sleep(900)
        assert isinstance(await link.ask(request(2), LIMIT_S), PlanReply)
        assert link.pid == pid is not None
        assert link.counts == {"start": 1, "answer": 2}


@stepped
async def test_questions_at_once_wait_for_each_other(clock: Clock) -> None:
    async with link_to(clock, "sound") as link:
        replies = await asyncio.gather(*(link.ask(request(number), LIMIT_S) for number in range(5)))
        assert [reply.id for reply in replies if isinstance(reply, PlanReply)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "timing",
    [RealTiming(), ScaledTiming(60.0, START_UTC, time()), SteppedTiming(START_UTC)],
    ids=["real", "scaled", "stepped"],
)
def test_every_loop_can_ask_and_be_refused(timing: Timing) -> None:
    async def scene(clock: Clock) -> None:
        async with link_to(clock, "sound") as link:
            assert isinstance(await link.ask(request(), LIMIT_S), PlanReply)
        begun_s = clock.real_s()
        assert (await refused(clock, "stall", 0.3)).code is DegradationCode.WORKER_STALLED
        assert clock.real_s() - begun_s < 20.0

    run(scene, timing=timing)


@pytest.mark.parametrize("way", ["crash", "leave", "truncated"])
def test_a_process_that_ends_is_a_lost_worker(way: str) -> None:
    @stepped
    async def scene(clock: Clock) -> None:
        reply = await refused(clock, way)
        assert reply.code is DegradationCode.WORKER_LOST
        expected = {"crash": "SIGSEGV", "leave": "code 3", "truncated": "in the middle of its answer"}
        assert expected[way] in reply.text

    scene()


@pytest.mark.parametrize("way", ["garbage", "flipped", "huge", "greeting", "other_id", "nonsense"])
def test_an_answer_that_is_none_is_refused_at_once(way: str) -> None:
    @stepped
    async def scene(clock: Clock) -> None:
        reply = await refused(clock, way)
        assert reply.code is DegradationCode.ANSWER_REFUSED
        expected = {
            "flipped": "checksum",
            "huge": "too_long",
            "greeting": "Ready",
            "other_id": "request 1",
            "nonsense": "soc",
        }
        assert expected.get(way, "not_a_frame") in reply.text

    scene()


@pytest.mark.parametrize("way", ["stall", "half"])
def test_a_stalled_process_is_killed_at_its_limit_of_real_time(way: str) -> None:
    @stepped
    async def scene(clock: Clock) -> None:
        reply = await refused(clock, way, 0.2)
        assert reply.code is DegradationCode.WORKER_STALLED
        assert "0.2 s" in reply.text

    scene()


@stepped
async def test_a_process_that_does_not_become_ready_is_killed(clock: Clock) -> None:
    async with link_to(clock, "mute", start_limit_s=0.5) as link:
        reply = await link.ask(request(), LIMIT_S)
        assert isinstance(reply, Degradation)
        assert reply.code is DegradationCode.WORKER_STALLED


@stepped
async def test_a_command_that_does_not_exist_is_a_lost_worker(clock: Clock, tmp_path: Path) -> None:
    link = WorkerLink(clock, (str(tmp_path / "nothing"),))
    reply = await link.ask(request(), LIMIT_S)
    await link.close()
    assert isinstance(reply, Degradation)
    assert reply.code is DegradationCode.WORKER_LOST


@stepped
async def test_an_error_of_the_plan_costs_the_answer_but_not_the_process(clock: Clock) -> None:
    async with link_to(clock, "raise_error") as link:
        for _ in range(2):
            reply = await link.ask(request(), LIMIT_S)
            assert isinstance(reply, Degradation)
            assert reply.code is DegradationCode.SOLVER_FAILED
            assert "ZeroDivisionError: no slots" in reply.text
        assert link.counts["start"] == 1


@stepped
async def test_what_libraries_print_spoils_nothing(clock: Clock) -> None:
    async with link_to(clock, "chatty") as link:
        for number in range(3):
            assert isinstance(await link.ask(request(number), LIMIT_S), PlanReply)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_signal_in_mid_answer_costs_one_answer(number: signal.Signals) -> None:
    @stepped
    async def scene(clock: Clock) -> None:
        async with link_to(clock, "sound") as link:
            assert isinstance(await link.ask(request(), LIMIT_S), PlanReply)
            pid = link.pid
            assert pid is not None
            if number is signal.SIGSTOP:  # before it can answer; one killed now would merely be replaced
                os.kill(pid, number)
                reply = await link.ask(request(2), 0.3)
            else:
                os.kill(pid, signal.SIGSTOP)
                asking = asyncio.ensure_future(link.ask(request(2), LIMIT_S))
                await clock.sleep(0)
                os.kill(pid, number)
                reply = await asking
            assert isinstance(reply, Degradation)
            wanted = DegradationCode.WORKER_LOST if number is signal.SIGKILL else DegradationCode.WORKER_STALLED
            assert reply.code is wanted
            await clock.sleep(900)
            assert isinstance(await link.ask(request(3), LIMIT_S), PlanReply)
            assert link.counts["start"] == 2

    scene()


@stepped
async def test_a_stopped_process_that_does_not_even_read_is_killed(clock: Clock) -> None:
    async with link_to(clock, "sound") as link:
        assert isinstance(await link.ask(request(), LIMIT_S), PlanReply)
        assert link.pid is not None
        os.kill(link.pid, signal.SIGSTOP)
        reply = await link.ask(request(2, slots=40_000), 0.3)  # more than a pipe holds
        assert isinstance(reply, Degradation)
        assert reply.code is DegradationCode.WORKER_STALLED


@stepped
async def test_a_question_too_long_to_send_is_a_named_lack(clock: Clock) -> None:
    async with link_to(clock, "sound") as link:
        reply = await link.ask(request(2, slots=500_000), LIMIT_S)
        assert isinstance(reply, Degradation)
        assert reply.code is DegradationCode.SOLVER_FAILED
        assert isinstance(await link.ask(request(), LIMIT_S), PlanReply)


@stepped
async def test_after_failures_a_start_waits_but_every_slot_has_its_try(clock: Clock) -> None:
    async with link_to(clock, "leave") as link:
        for number in range(1, 4):
            await link.ask(request(), LIMIT_S)
            at_once = await link.ask(request(), LIMIT_S)
            assert isinstance(at_once, Degradation)
            assert at_once.code is DegradationCode.WORKER_LOST
            assert f"failed {number} times in a row and is tried again in" in at_once.text
            assert link.counts["start"] == number
            await clock.sleep(300)  # the shortest slot


def test_an_idle_process_ends_by_itself_is_reaped_and_replaced() -> None:
    async def scene(clock: Clock) -> None:
        async with link_to(clock, "sound", "--idle-s", "0.1") as link:
            assert isinstance(await link.ask(request(), LIMIT_S), PlanReply)
            until_s = clock.real_s() + 20.0
            while link.pid is not None and clock.real_s() < until_s:
                await clock.sleep(0.02)
            assert link.pid is None
            assert isinstance(await link.ask(request(), LIMIT_S), PlanReply)
            assert link.counts["start"] == 2

    run(scene, timing=RealTiming())


@stepped
async def test_a_process_that_rests_just_now_is_replaced_without_a_word(clock: Clock) -> None:
    async with link_to(clock, "sound", "--idle-s", "0.05") as link:
        assert isinstance(await link.ask(request(), LIMIT_S), PlanReply)
        # A stepped loop that does not sleep has not looked at the pipe: the end is met by the question itself.
        link._unwatch()
        assert link.pid is not None
        await asyncio.to_thread(os.waitid, os.P_PID, link.pid, os.WEXITED | os.WNOWAIT)
        assert isinstance(await link.ask(request(), LIMIT_S), PlanReply)
        assert link.counts == {"start": 2, "answer": 2}


@stepped
async def test_a_cancelled_question_takes_its_process_along(clock: Clock) -> None:
    async with link_to(clock, "stall") as link:
        for _ in range(2):
            asking = asyncio.ensure_future(link.ask(request(), 600.0))
            while link.pid is None:
                await clock.sleep(0)
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking


@stepped
async def test_closing_ends_a_question_under_way(clock: Clock) -> None:
    link = WorkerLink(clock, (sys.executable, "-m", "tests.planner.odd_workers", "stall"))
    asking = asyncio.ensure_future(link.ask(request(), 600.0))
    await clock.sleep(0)
    await link.close()
    reply = await asking
    assert isinstance(reply, Degradation)
    assert reply.code is DegradationCode.WORKER_LOST
    closed = await link.ask(request(), LIMIT_S)
    assert isinstance(closed, Degradation)
    await link.close()
