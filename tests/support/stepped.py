"""`@stepped`: an asynchronous test on a stepped loop, with the clock in its hand.

    @stepped
    async def test_it(clock: Clock, tmp_path: Path) -> None:
        await clock.sleep(3600)

Works with pytest fixtures and parameters and, below `@given(...)`, with Hypothesis. The test fails when it leaves a
task, a timer or a registered socket behind, or waits for ever.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, overload

from heg.runtime.clock import Clock
from heg.runtime.loops import SteppedTiming, run

START_UTC = datetime(2026, 3, 1, tzinfo=UTC)

AsyncTest = Callable[..., Awaitable[None]]
SyncTest = Callable[..., None]


@overload
def stepped(test: AsyncTest) -> SyncTest: ...
@overload
def stepped(*, start_utc: datetime = START_UTC) -> Callable[[AsyncTest], SyncTest]: ...
def stepped(
    test: AsyncTest | None = None, *, start_utc: datetime = START_UTC
) -> SyncTest | Callable[[AsyncTest], SyncTest]:
    """Make `async def test(clock, ...)` a plain test on a stepped loop; labels start at `start_utc`."""
    if test is None:
        return lambda later: _wrap(later, start_utc)
    return _wrap(test, start_utc)


def run_stepped(main: Callable[[Clock], Awaitable[Any]], *, start_utc: datetime = START_UTC) -> Any:
    """Run `main` on a stepped loop, see that nothing is left behind, and give its result."""

    async def checked(clock: Clock) -> Any:
        result = await main(clock)
        await _demand_nothing_left()
        return result

    return run(checked, timing=SteppedTiming(start_utc))


def _wrap(test: AsyncTest, start_utc: datetime) -> SyncTest:
    # pytest and Hypothesis read the signature to know what to hand in: everything but the clock.
    whole = inspect.signature(test)
    without_clock = whole.replace(parameters=[p for name, p in whole.parameters.items() if name != "clock"])

    @functools.wraps(test)
    def plain(*args: Any, **kwargs: Any) -> None:
        given = without_clock.bind(*args, **kwargs).arguments
        run_stepped(lambda clock: test(clock=clock, **given), start_utc=start_utc)

    plain.__signature__ = without_clock  # type: ignore[attr-defined]
    return plain


async def _demand_nothing_left() -> None:
    loop = asyncio.get_running_loop()
    for _ in range(5):  # closed transports finish in the next turns of the loop
        await asyncio.sleep(0)
    tasks = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    timers = [timer for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
    sockets = [key.fd for key in loop._selector.get_map().values() if key.fd != loop._ssock.fileno()]  # type: ignore[attr-defined]
    assert not tasks, f"the test left tasks behind: {tasks}"
    assert not timers, f"the test left timers behind: {timers}"
    assert not sockets, f"the test left sockets registered: {sockets}"
