"""A pytest plugin: a test fails that leaves a task, timer, loop, thread, file, socket or process behind.

Tasks and timers are looked for where a loop is about to throw them away: `asyncio.run` cancels what is left without a
word, and a closed loop forgets its timers. The rest is a comparison of before and after.
"""

from __future__ import annotations

import asyncio
import asyncio.base_events
import asyncio.runners
import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_GRACE_S = 1.0
"""Real seconds a thread, descriptor or process that is already ending may take."""

_ENTRY = "run.<locals>.enter"
"""The entry task of `heg.runtime.loops.run`: still there only when the loop itself broke off, which its caller sees."""

_PROC = Path("/proc/self")


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail the test that leaves something behind."""
    before = Belongings.now()
    with watched_loops() as thrown_away:
        yield
    left = [*thrown_away, *_left_after(before)]
    if left:
        pytest.fail("the test left behind: " + "; ".join(left), pytrace=False)


@dataclass(frozen=True, slots=True)
class Belongings:
    """What a process holds, each by a name that a person can place."""

    threads: frozenset[str]
    descriptors: frozenset[str]
    processes: frozenset[str]

    @classmethod
    def now(cls) -> Belongings:
        """Look around."""
        return cls(frozenset(_threads()), frozenset(_descriptors()), frozenset(_processes()))

    def since(self, before: Belongings) -> list[str]:
        """Name what is here and was not before."""
        return [
            *(f"thread {name}" for name in sorted(self.threads - before.threads)),
            *(f"file or socket {name}" for name in sorted(self.descriptors - before.descriptors)),
            *(f"process {name}" for name in sorted(self.processes - before.processes)),
        ]


@dataclass(slots=True)
class _Watch:
    """Records what loops throw away."""

    left: list[str] = field(default_factory=list)

    def tasks(self, loop: asyncio.AbstractEventLoop) -> None:
        tasks = asyncio.all_tasks(loop)
        if _ENTRY not in map(_coroutine, tasks):
            self.left.extend(f"task {task.get_name()} ({_coroutine(task)})" for task in tasks)

    def timers(self, loop: asyncio.AbstractEventLoop) -> None:
        timers: list[asyncio.TimerHandle] = getattr(loop, "_scheduled", [])
        self.left.extend(f"timer {timer!r}" for timer in timers if not timer.cancelled())


@contextmanager
def watched_loops() -> Iterator[list[str]]:
    """Collect the tasks and timers that loops still hold when they end."""
    watch = _Watch()
    with (
        _before(asyncio.runners, "_cancel_all_tasks", watch.tasks),
        _before(asyncio.base_events.BaseEventLoop, "close", watch.timers),
    ):
        yield watch.left


@contextmanager
def _before(owner: object, name: str, look: Callable[[asyncio.AbstractEventLoop], None]) -> Iterator[None]:
    """Have `look` called before the standard library's own function."""
    standard = getattr(owner, name)

    def looking(loop: asyncio.AbstractEventLoop) -> None:
        look(loop)
        standard(loop)

    setattr(owner, name, looking)
    try:
        yield
    finally:
        setattr(owner, name, standard)


def _left_after(before: Belongings) -> list[str]:
    left = Belongings.now().since(before)
    deadline_s = time.monotonic() + _GRACE_S
    while left and time.monotonic() < deadline_s:
        gc.collect()  # an object that nobody holds closes its descriptor, and says so by a ResourceWarning
        time.sleep(0.02)
        left = Belongings.now().since(before)
    return left


def _threads() -> Iterator[str]:
    for thread in threading.enumerate():
        yield f"{thread.name} ({thread.ident})"


def _descriptors() -> Iterator[str]:
    for entry in _entries(_PROC / "fd"):
        with suppress(OSError):  # the one that reads the folder is gone by now
            target = entry.readlink()
            if target.suffix != ".ttf":  # matplotlib keeps the fonts that it has drawn with open
                yield f"{target} (descriptor {entry.name})"


def _processes() -> Iterator[str]:
    for task in _entries(_PROC / "task"):
        with suppress(OSError):
            for pid in (task / "children").read_text().split():
                with suppress(OSError):
                    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    yield f"{pid} {command[:80]}"


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []  # not on systems without /proc


def _coroutine(task: asyncio.Task[object]) -> str:
    return getattr(task.get_coro(), "__qualname__", "?")
