"""Event loops whose `time()` is real, scaled or stepped, and the clock that reads them (DESIGN.md, Time).

The acceleration sits in the loop itself, so that `asyncio.sleep`, `wait_for`, `call_later` and the timeouts of every
library follow. In stepped mode everything that talks runs in one process on one loop, over real loopback sockets:
loopback delivers synchronously, so an empty poll means that nobody has anything left to say, and time may jump to the
next wake-up.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec, TypeVar

from heg.runtime.clock import Clock, ClockMode, LoopClock

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class RealTiming:
    """Loop time is the machine's monotonic time; labels are the machine's UTC."""


@dataclass(frozen=True, slots=True)
class ScaledTiming:
    """Loop time runs `speed` times faster than real time.

    Labels are anchored to the machine's UTC (`house_utc` stood when the machine's clock showed `real_epoch_s`), so
    that two processes with the same anchor agree and a restarted one goes on where the house is by then. Meant for up
    to about 60 times real time.
    """

    speed: float
    house_utc: datetime
    real_epoch_s: float

    def __post_init__(self) -> None:
        if not 0.0 < self.speed < float("inf"):
            raise ValueError(
                f"speed = {self.speed}: expected a positive number of house seconds per real second, such as 60"
            )
        _demand_utc("house_utc", self.house_utc)

    def house_now(self) -> datetime:
        """The house's time by the machine's clock. Raises OverflowError where the calendar ends."""
        return self.house_utc + timedelta(seconds=(time.time() - self.real_epoch_s) * self.speed)


@dataclass(frozen=True, slots=True)
class SteppedTiming:
    """Loop time jumps to the next wake-up whenever nothing is left to read.

    `held_limit_s` and `stalled_limit_s` are real seconds: how long work outside the loop may hold the clock with
    nothing to read, and how long a loop without any timer may wait for its sockets, before the run ends with
    `ClockStalledError` instead of hanging.
    """

    start_utc: datetime
    held_limit_s: float = 120.0
    stalled_limit_s: float = 2.0

    def __post_init__(self) -> None:
        _demand_utc("start_utc", self.start_utc)


Timing = RealTiming | ScaledTiming | SteppedTiming


class ClockStalledError(RuntimeError):
    """A stepped loop can never go on: everybody waits, and nobody waits for time."""


def run(main: Callable[[Clock], Awaitable[T]], *, timing: Timing) -> T:
    """Run `main` on a new event loop of the given timing until it returns, then close the loop with all its tasks."""
    with asyncio.Runner(loop_factory=lambda: new_loop(timing)) as runner:
        clock = clock_of(runner.get_loop(), timing)

        async def enter() -> T:
            return await main(clock)

        return runner.run(enter())


def new_loop(timing: Timing) -> asyncio.SelectorEventLoop:
    """A new standard-library event loop of the given timing. The caller closes it."""
    match timing:
        case RealTiming():
            return asyncio.SelectorEventLoop()
        case ScaledTiming():
            return _ScaledLoop(timing.speed)
        case SteppedTiming():
            return _SteppedLoop(timing)


def clock_of(loop: asyncio.AbstractEventLoop, timing: Timing) -> Clock:
    """The clock that reads `loop`, which must come from `new_loop(timing)`."""
    match timing:
        case RealTiming():
            return LoopClock(
                loop,
                mode=ClockMode.REAL,
                speed=1.0,
                label=lambda: datetime.now(UTC),
                holding=contextlib.nullcontext,
                slept_s=_slept_s,
            )
        case ScaledTiming():
            return LoopClock(
                loop,
                mode=ClockMode.SCALED,
                speed=timing.speed,
                label=timing.house_now,
                holding=contextlib.nullcontext,
            )
        case SteppedTiming():
            if not isinstance(loop, _SteppedLoop):
                raise TypeError(f"loop = {loop!r}: expected the stepped loop that new_loop() built for this timing")
            started_s = loop.time()
            return LoopClock(
                loop,
                mode=ClockMode.STEPPED,
                speed=float("inf"),
                label=lambda: timing.start_utc + timedelta(seconds=loop.time() - started_s),
                holding=loop.holding,
            )


def _slept_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


class _ScaledSelector(selectors.DefaultSelector):
    """Waits in real time what the loop asks for in simulated time."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(None if timeout is None else timeout / self._speed)


class _ScaledLoop(asyncio.SelectorEventLoop):
    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._real_start_s = time.monotonic()
        super().__init__(_ScaledSelector(speed))

    def time(self) -> float:
        # Counted from the machine's own monotonic time, so that loop time is never near zero and reads like a real
        # one.
        return self._real_start_s + (time.monotonic() - self._real_start_s) * self._speed


class _SteppedSelector(selectors.DefaultSelector):
    """A selector that advances simulated time instead of waiting (facts/time.md)."""

    def __init__(self, timing: SteppedTiming) -> None:
        super().__init__()
        self._timing = timing
        self.now_s = 1_000.0  # not zero: libraries take a time of 0.0 for "never"
        self.holds = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        poll = super().select
        ready = poll(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.holds:
            return self._wait(self._timing.held_limit_s, "work outside the loop holds the clock and does not end")
        # Bytes between two loopback sockets arrive with the write, except when the kernel defers them to another
        # thread: let it run.
        os.sched_yield()
        ready = poll(0)
        if ready:
            return ready
        if timeout is None:
            return self._wait(self._timing.stalled_limit_s, "no timer is set, no work outside the loop is under way")
        self.now_s += timeout
        return []

    def _wait(self, limit_s: float, why: str) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(limit_s)
        if not ready:
            sockets = len(self.get_map()) - 1  # one is the loop's own
            raise ClockStalledError(
                f"stepped clock stalled at loop time {self.now_s:.3f} s: {why}, and nothing came on {sockets} "
                f"registered socket(s) within {limit_s:g} real seconds; "
                "expected a timer, or clock.holding() around work of other processes"
            )
        return ready


class _SteppedLoop(asyncio.SelectorEventLoop):
    def __init__(self, timing: SteppedTiming) -> None:
        self._stepper = _SteppedSelector(timing)
        super().__init__(self._stepper)
        self._threads = ThreadPoolExecutor(thread_name_prefix="stepped")
        self.set_default_executor(self._threads)

    def time(self) -> float:
        return self._stepper.now_s

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Time stands still inside the context. Only on the loop's own thread."""
        self._stepper.holds += 1
        try:
            yield
        finally:
            self._stepper.holds -= 1

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: object) -> asyncio.Future[T]:
        """As the standard one; the clock is held until the work has ended, even when nobody waits for it any more."""
        recorder = _Recorder(self._threads if executor is None else executor)
        future = super().run_in_executor(recorder, func, *args)
        # After the loop's own callback, so that the result is on its way to the loop before the clock is let go.
        for work in recorder.submitted:
            self._stepper.holds += 1
            work.add_done_callback(self._release_from_thread)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109
        """As the standard one; joining the threads takes real time, which no simulated limit may cut."""
        with self.holding():
            await super().shutdown_default_executor()

    def _release_from_thread(self, _work: Future[Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: no clock left to hold
            self.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        self._stepper.holds -= 1


class _Recorder(Executor):
    """Hands work on to another executor and remembers what became of it."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.submitted: list[Future[Any]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        work = self._executor.submit(fn, *args, **kwargs)
        self.submitted.append(work)
        return work


def _demand_utc(name: str, value: datetime) -> None:
    if value.utcoffset() != timedelta():
        raise ValueError(f"{name} = {value.isoformat()}: expected an aware UTC time, such as 2026-11-01T00:00:00+00:00")
