"""The one supervisor: starts every long-running task, restarts it, tells how it is, and ends them in order.

A task is started from a factory, so that a restart begins afresh. A task that returns is finished; a critical one must
not return.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from heg.runtime.clock import Clock, ClockMode
from heg.runtime.health import TaskHealth, TaskState

logger = logging.getLogger(__name__)

Factory = Callable[[], Awaitable[None]]
OnHealth = Callable[[TaskHealth], None]


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next start, in loop seconds: growing by `factor`, capped at `longest_s`.

    A run of at least `forgiven_after_s` wipes the slate clean.
    """

    first_s: float = 1.0
    factor: float = 2.0
    longest_s: float = 60.0
    forgiven_after_s: float = 300.0

    def __post_init__(self) -> None:
        if self.first_s < 0 or self.factor < 1 or self.longest_s < self.first_s:
            raise ValueError(
                f"{self}: expected 0 <= first_s <= longest_s and factor >= 1, such as Backoff(1.0, 2.0, 60.0)"
            )

    def delay_s(self, failures_in_a_row: int) -> float:
        """Give the wait after the n-th failure in a row, n from 1."""
        delay_s = self.first_s
        for _ in range(failures_in_a_row - 1):
            delay_s = min(delay_s * self.factor, self.longest_s)
            if delay_s in (self.longest_s, 0.0):
                break
        return delay_s


USUAL = Backoff()
NEVER = None
"""Given as `restart`: the first failure is the last."""


class Supervisor:
    """Keeps the long-running tasks of one unit. All of it runs on the loop's thread."""

    def __init__(self, clock: Clock, on_health: OnHealth | None = None) -> None:
        self._clock = clock
        self._on_health = on_health
        self._kept: dict[str, _Kept] = {}
        self._fatal: asyncio.Event = asyncio.Event()
        self._fatal_task: TaskHealth | None = None
        self._closing = False

    def start(
        self,
        name: str,
        factory: Factory,
        *,
        restart: Backoff | None = USUAL,
        critical: bool = False,
        stop_within_s: float = 5.0,
    ) -> None:
        """Start a task that is restarted after failures as `restart` says (`NEVER` to let it lie).

        When a critical task has ended for good, `fatal()` returns. At shutdown the task is cancelled and has
        `stop_within_s` to clean up: real seconds in real and scaled mode, loop seconds in stepped mode.
        """
        if self._closing:
            raise RuntimeError(f"task {name!r} cannot start: the supervisor is shutting down")
        if name in self._kept:
            raise ValueError(f"task name {name!r} is taken: expected a name of its own for every supervised task")
        health = TaskHealth(name, TaskState.RUNNING, critical, self._clock.monotonic_s())
        kept = _Kept(health, restart, stop_within_s)
        self._kept[name] = kept
        kept.task = asyncio.create_task(self._keep(kept, factory), name=name)
        self._tell(kept)

    def health(self) -> tuple[TaskHealth, ...]:
        """Give the health of every task, in the order they were started."""
        return tuple(kept.health for kept in self._kept.values())

    async def fatal(self) -> TaskHealth:
        """Wait until a critical task has ended for good; the unit cannot go on without it."""
        while self._fatal_task is None:
            await self._fatal.wait()
        return self._fatal_task

    async def stop(self, name: str) -> None:
        """End one task and forget it, so that its name may be used again."""
        kept = self._kept[name]
        await self._end(kept)
        self._kept.pop(name, None)

    async def shutdown(self) -> None:
        """End all tasks, the last started first, each within its time limit. A second call finds nothing left to do."""
        self._closing = True
        try:
            for kept in reversed(self._kept.values()):
                await self._end(kept)
        except asyncio.CancelledError:
            for kept in self._kept.values():  # in a hurry: nobody is waited for, but nobody is forgotten either
                if kept.task is not None:
                    kept.task.cancel()
            raise

    async def _keep(self, kept: _Kept, factory: Factory) -> None:
        in_a_row = 0
        while True:
            began_s = self._clock.monotonic_s()
            error = await self._run_once(factory)
            if error is None and not kept.health.critical:
                self._become(kept, TaskState.FINISHED)
                return
            backoff = kept.restart
            if backoff is not None and self._clock.monotonic_s() - began_s >= backoff.forgiven_after_s:
                in_a_row = 0
            in_a_row += 1
            self._record_failure(kept, error, None if backoff is None else backoff.delay_s(in_a_row))
            if backoff is None:
                return
            await self._clock.sleep(backoff.delay_s(in_a_row))
            self._become(kept, TaskState.RUNNING, restarts=kept.health.restarts + 1)

    async def _run_once(self, factory: Factory) -> BaseException | None:
        try:
            await factory()
        except asyncio.CancelledError as cancelled:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return cancelled  # not ours: something inside awaited what somebody else had cancelled
        except Exception as error:  # noqa: BLE001 - the supervisor is where exceptions rise to
            return error
        return None

    def _record_failure(self, kept: _Kept, error: BaseException | None, delay_s: float | None) -> None:
        health = kept.health
        text = "ended without being asked to" if error is None else f"{type(error).__name__}: {error}"
        then = "not restarted" if delay_s is None else f"next start in {delay_s:g} s"
        # The whole traceback once; the same fault again is one line.
        trace = error if text != health.last_error else None
        logger.error("task %s failed (%d): %s; %s", health.name, health.failures + 1, text, then, exc_info=trace)
        state = TaskState.FAILED if delay_s is None else TaskState.RESTARTING
        self._become(kept, state, failures=health.failures + 1, last_error=text)
        if delay_s is None and health.critical and self._fatal_task is None:
            self._fatal_task = kept.health
            self._fatal.set()

    async def _end(self, kept: _Kept) -> None:
        task = kept.task
        if task is None or task.done():
            return
        limit_s = kept.stop_within_s
        if self._clock.mode is ClockMode.SCALED:
            limit_s *= max(1.0, self._clock.speed)  # closing files takes real time, however fast the house runs
        task.cancel()
        await asyncio.wait({task}, timeout=limit_s)
        if task.done():
            self._become(kept, TaskState.STOPPED)
            if not task.cancelled() and (error := task.exception()) is not None:
                logger.error("task %s failed while it was stopped", kept.health.name, exc_info=error)
        else:
            logger.error("task %s did not stop within %g s and is left behind", kept.health.name, kept.stop_within_s)
            self._become(kept, TaskState.STUCK)
            task.cancel()

    def _become(
        self,
        kept: _Kept,
        state: TaskState,
        *,
        failures: int | None = None,
        restarts: int | None = None,
        last_error: str | None = None,
    ) -> None:
        health = kept.health
        kept.health = replace(
            health,
            state=state,
            since_s=self._clock.monotonic_s(),
            failures=health.failures if failures is None else failures,
            restarts=health.restarts if restarts is None else restarts,
            last_error=health.last_error if last_error is None else last_error,
        )
        self._tell(kept)

    def _tell(self, kept: _Kept) -> None:
        if self._on_health is None:
            return
        try:
            self._on_health(kept.health)
        except Exception:
            logger.exception("the health of task %s could not be told", kept.health.name)


class _Kept:
    def __init__(self, health: TaskHealth, restart: Backoff | None, stop_within_s: float) -> None:
        self.health = health
        self.restart = restart
        self.stop_within_s = stop_within_s
        self.task: asyncio.Task[None] | None = None
