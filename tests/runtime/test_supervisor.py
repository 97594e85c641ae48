"""The supervisor: restarts, health as values, ordered ends."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.runtime.clock import Clock
from heg.runtime.health import TaskHealth, TaskState, unit_is_good
from heg.runtime.supervisor import NEVER, Backoff, Supervisor
from tests.support.stepped import stepped


def fails(*, after_s: float, clock: Clock, starts: list[float]) -> Callable[[], Awaitable[None]]:
    async def task() -> None:
        starts.append(clock.monotonic_s())
        await clock.sleep(after_s)
        raise ValueError("bus is on fire")

    return task


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


@stepped
async def test_a_failing_task_is_restarted_with_growing_capped_waits(clock: Clock) -> None:
    starts: list[float] = []
    supervisor = Supervisor(clock)
    supervisor.start("bus", fails(after_s=0.0, clock=clock, starts=starts), restart=Backoff(1.0, 2.0, 5.0))
    await clock.sleep(20)
    await supervisor.shutdown()
    waits = [round(later - earlier, 6) for earlier, later in itertools.pairwise(starts)]
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]
    (health,) = supervisor.health()
    assert (health.failures, health.restarts, health.state) == (6, 5, TaskState.STOPPED)
    assert health.last_error == "ValueError: bus is on fire"


@stepped
async def test_a_long_good_run_is_forgiven_its_past(clock: Clock) -> None:
    starts: list[float] = []
    supervisor = Supervisor(clock)
    supervisor.start("bus", fails(after_s=400.0, clock=clock, starts=starts), restart=Backoff(1.0, 10.0, 100.0, 300.0))
    await clock.sleep(2000)
    await supervisor.shutdown()
    assert [round(later - earlier) for earlier, later in itertools.pairwise(starts)] == [401] * 4


@given(st.floats(0.01, 10), st.floats(1, 5), st.floats(10, 1000), st.integers(1, 10_000))
def test_the_wait_never_shrinks_and_never_passes_the_cap(first_s: float, factor: float, cap_s: float, n: int) -> None:
    backoff = Backoff(first_s, factor, cap_s)
    assert first_s <= backoff.delay_s(n) <= backoff.delay_s(n + 1) <= cap_s


@stepped
async def test_the_same_fault_shows_its_traceback_once_and_is_counted(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = Supervisor(clock)
    with caplog.at_level(logging.ERROR):
        supervisor.start("bus", fails(after_s=0.0, clock=clock, starts=[]), restart=Backoff(1.0, 1.0, 1.0))
        await clock.sleep(3.5)
        await supervisor.shutdown()
    lines = [record for record in caplog.records if "bus" in record.getMessage()]
    assert [record.exc_info is not None for record in lines] == [True, False, False, False]
    assert "next start in 1 s" in lines[0].getMessage()


@stepped
async def test_a_critical_task_that_ends_for_good_is_fatal(clock: Clock) -> None:
    async def returns() -> None:
        await clock.sleep(3)

    supervisor = Supervisor(clock)
    supervisor.start("driver", returns)
    supervisor.start("cycle", returns, restart=NEVER, critical=True)
    health = await asyncio.wait_for(supervisor.fatal(), 10)
    assert (health.name, health.state, health.last_error) == ("cycle", TaskState.FAILED, "ended without being asked to")
    assert not unit_is_good(supervisor.health())
    assert supervisor.health()[0].state is TaskState.FINISHED
    await supervisor.shutdown()


@stepped
async def test_a_cancellation_from_within_is_a_failure_like_any_other(clock: Clock) -> None:
    async def awaits_a_cancelled_future() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    supervisor = Supervisor(clock)
    supervisor.start("odd", awaits_a_cancelled_future, restart=NEVER)
    await clock.sleep(1)
    assert supervisor.health()[0].state is TaskState.FAILED
    await supervisor.shutdown()


@stepped
async def test_shutdown_ends_the_last_started_first_and_waits_for_each(clock: Clock) -> None:
    ended: list[str] = []

    def task(name: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            try:
                await forever()
            finally:
                await clock.sleep(1)
                ended.append(name)

        return run

    supervisor = Supervisor(clock)
    for name in ("store", "bus", "control"):
        supervisor.start(name, task(name))
    await clock.sleep(1)
    await supervisor.shutdown()
    await supervisor.shutdown()
    assert ended == ["control", "bus", "store"]
    with pytest.raises(RuntimeError, match="shutting down"):
        supervisor.start("late", forever)


@stepped
async def test_a_task_that_will_not_stop_delays_the_others_only_for_its_limit(clock: Clock) -> None:
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    supervisor = Supervisor(clock)
    supervisor.start("store", forever)
    supervisor.start("stubborn", stubborn, stop_within_s=2.0)
    await clock.sleep(1)
    began_s = clock.monotonic_s()
    await supervisor.shutdown()
    assert clock.monotonic_s() - began_s == pytest.approx(2.0)
    assert [health.state for health in supervisor.health()] == [TaskState.STOPPED, TaskState.STUCK]
    release.set()
    await clock.sleep(1)


@stepped
async def test_a_shutdown_that_is_cancelled_still_ends_everything(clock: Clock) -> None:
    async def slow_to_end() -> None:
        try:
            await forever()
        finally:
            await clock.sleep(4)

    supervisor = Supervisor(clock)
    supervisor.start("store", forever)
    supervisor.start("slow", slow_to_end)
    await clock.sleep(1)
    closing = asyncio.ensure_future(supervisor.shutdown())
    await clock.sleep(1)
    closing.cancel()
    await clock.sleep(1)
    assert closing.cancelled()
    assert {task.get_name() for task in asyncio.all_tasks()}.isdisjoint({"store", "slow"})


@stepped
async def test_one_task_can_be_stopped_and_its_name_used_again(clock: Clock) -> None:
    supervisor = Supervisor(clock)
    supervisor.start("bus", forever)
    with pytest.raises(ValueError, match="is taken"):
        supervisor.start("bus", forever)
    await supervisor.stop("bus")
    supervisor.start("bus", forever)
    await supervisor.shutdown()


@given(
    runs=st.lists(
        st.lists(st.tuples(st.floats(0.0, 50.0), st.sampled_from(["fails", "returns", "cancels"])), max_size=6),
        min_size=1,
        max_size=4,
    ),
    after_s=st.floats(0.0, 200.0),
)
@settings(max_examples=60, deadline=None)
@stepped
async def test_whatever_tasks_do_each_runs_at_most_once_at_a_time_and_all_have_ended_after_shutdown(
    clock: Clock, runs: list[list[tuple[float, str]]], after_s: float
) -> None:
    running: dict[int, int] = {}

    def task(number: int, lives: list[tuple[float, str]]) -> Callable[[], Awaitable[None]]:
        left = list(lives)

        async def run() -> None:
            running[number] = running.get(number, 0) + 1
            assert running[number] == 1
            try:
                life_s, end = left.pop(0) if left else (1e9, "returns")
                await clock.sleep(life_s)
                if end == "fails":
                    raise ValueError("as told")
                if end == "cancels":
                    raise asyncio.CancelledError
            finally:
                running[number] -= 1

        return run

    supervisor = Supervisor(clock)
    for number, lives in enumerate(runs):
        supervisor.start(f"task {number}", task(number, lives), restart=Backoff(1.0, 2.0, 8.0))
    await clock.sleep(after_s)
    for health, lives in zip(supervisor.health(), runs, strict=True):
        assert health.restarts <= health.failures <= len(lives)
    await supervisor.shutdown()
    assert not any(running.values())
    ended = {TaskState.STOPPED, TaskState.FINISHED}
    assert {health.state for health in supervisor.health()} <= ended


@stepped
async def test_a_listener_hears_every_change_and_cannot_break_the_supervisor(clock: Clock) -> None:
    heard: list[TaskState] = []

    def listener(health: TaskHealth) -> None:
        heard.append(health.state)
        raise RuntimeError("the listener is broken")

    supervisor = Supervisor(clock, on_health=listener)
    supervisor.start("bus", fails(after_s=0.0, clock=clock, starts=[]), restart=Backoff(10.0, 1.0, 10.0))
    await clock.sleep(11)
    await supervisor.shutdown()
    assert heard[:4] == [TaskState.RUNNING, TaskState.RESTARTING, TaskState.RUNNING, TaskState.RESTARTING]
    assert heard[-1] is TaskState.STOPPED
