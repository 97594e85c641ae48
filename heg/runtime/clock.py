"""The clock: the only place where time is read, waited for or labelled (DESIGN.md, Time).

Two times live side by side. *Monotonic* time is the event loop's own `time()`: it orders, ages and schedules
everything, and in scaled and stepped mode it is simulated. *UTC* only labels: it may jump by hours when NTP corrects
it, and nothing may become stale or run twice by that.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol

logger = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LABEL_CHECK_S = 5.0
"""How long a wait for a UTC label may sleep before it looks again: nobody tells us that NTP moved the labels."""


class ClockMode(enum.Enum):
    """How loop time relates to real time."""

    REAL = "real"
    SCALED = "scaled"
    STEPPED = "stepped"


class Clock(Protocol):
    """What every room may know of time. Seconds are loop seconds unless a name says `real`."""

    @property
    def mode(self) -> ClockMode:
        """Real, scaled or stepped."""

    @property
    def speed(self) -> float:
        """Loop seconds per real second; infinite in stepped mode."""

    def monotonic_s(self) -> float:
        """The event loop's time: simulated seconds in scaled and stepped mode. Never goes back."""

    def elapsed_s(self) -> float:
        """The event loop's time and what the machine slept besides: by it labels that were set are told from sleep."""

    def utc(self) -> datetime:
        """The UTC label of now (aware). It may jump either way; never compute an age from it."""

    def real_s(self) -> float:
        """Real monotonic seconds in every mode: for the watchdog, solver limits and benchmarks only."""

    async def sleep(self, seconds: float) -> None:
        """Wait for a span of loop time."""

    async def sleep_until(self, monotonic_s: float) -> None:
        """Wait until the loop's time has come; at once if it has passed (after letting others run)."""

    def holding(self) -> AbstractContextManager[None]:
        """Around work outside the loop (a process, a thread of one's own): stepped time stands still meanwhile.

        In real and scaled mode nothing is held. `run_in_executor` and `asyncio.to_thread` hold by themselves.
        """

    def slots(self, length: timedelta) -> SlotStarts:
        """UTC slot starts as they come, each at most once. See `SlotStarts`."""

    def jump_utc(self, seconds: float) -> None:
        """Move the UTC labels as an NTP step would; monotonic time is untouched."""


def real_span(clock: Clock, real_s: float) -> float:
    """House seconds that pass in a span of real time; in stepped time, where none passes, the span itself."""
    return real_s if clock.speed == float("inf") else real_s * clock.speed


class LoopClock:
    """The clock of one running event loop. Built by `heg.runtime.loops`, which knows how labels follow loop time."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        mode: ClockMode,
        speed: float,
        label: Callable[[], datetime],
        holding: Callable[[], AbstractContextManager[None]],
        slept_s: Callable[[], float] = float,
    ) -> None:
        self._loop = loop
        self._mode = mode
        self._speed = speed
        self._label = label
        self._holding = holding
        self._slept_s = slept_s
        self._label_shift = timedelta()

    @property
    def mode(self) -> ClockMode:
        """Real, scaled or stepped."""
        return self._mode

    @property
    def speed(self) -> float:
        """Loop seconds per real second; infinite in stepped mode."""
        return self._speed

    def monotonic_s(self) -> float:
        """The event loop's time."""
        return self._loop.time()

    def elapsed_s(self) -> float:
        """The event loop's time and what the machine slept besides."""
        return self._loop.time() + self._slept_s()

    def utc(self) -> datetime:
        """The UTC label of now (aware)."""
        return self._label() + self._label_shift

    def real_s(self) -> float:
        """Real monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for a span of loop time."""
        await asyncio.sleep(seconds)

    async def sleep_until(self, monotonic_s: float) -> None:
        """Wait until the loop's time has come."""
        if monotonic_s <= self._loop.time():
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = self._loop.create_future()
        # Absolute, not `sleep(difference)`: a cycle on a grid of instants must not drift by rounding.
        timer = self._loop.call_at(monotonic_s, _wake, woken)
        try:
            await woken
        finally:
            timer.cancel()

    def holding(self) -> AbstractContextManager[None]:
        """Stepped time stands still inside the context."""
        return self._holding()

    def slots(self, length: timedelta) -> SlotStarts:
        """UTC slot starts as they come, each at most once."""
        return SlotStarts(self, length)

    def jump_utc(self, seconds: float) -> None:
        """Move the UTC labels as an NTP step would."""
        self._label_shift += timedelta(seconds=seconds)


class SlotStarts:
    """Starts of the UTC slots of one length, each yielded once, when its time has come.

    The first is the slot that starts now or next. A slot whose whole span passed while the reader was busy, or that a
    forward jump of the labels leapt over, is not yielded late (a plan for the past helps nobody) but counted in
    `skipped` and logged. After a backward jump the slots already yielded stay silent; those never yielded come as
    usual.
    """

    def __init__(self, clock: Clock, length: timedelta) -> None:
        if length <= timedelta():
            raise ValueError(f"slot length = {length}: expected a positive span, such as 15 minutes")
        self._clock = clock
        self._length = length
        self._begun: list[tuple[datetime, datetime]] = []
        self._expected: datetime | None = None
        self.skipped = 0

    def __aiter__(self) -> SlotStarts:
        return self

    async def __anext__(self) -> datetime:
        if self._expected is None:
            self._join(self._clock.utc())
        while self._has_begun(slot := self._slot_of(self._clock.utc())):
            remaining_s = (slot + self._length - self._clock.utc()).total_seconds()
            await self._clock.sleep(min(max(remaining_s, 0.0), _LABEL_CHECK_S))
        self._count_skipped(slot)
        self._begin(slot)
        return slot

    def _join(self, utc: datetime) -> None:
        slot = self._slot_of(utc)
        if slot == utc:
            self._expected = slot
        else:
            self._begin(slot)  # under way already: the first one to yield is the next

    def _slot_of(self, utc: datetime) -> datetime:
        return _EPOCH + (utc - _EPOCH) // self._length * self._length

    def _has_begun(self, slot: datetime) -> bool:
        return any(first <= slot <= last for first, last in self._begun)

    def _begin(self, slot: datetime) -> None:
        self._expected = slot + self._length
        # A run of slots is one pair, so that years of slots cost nothing; a new pair begins only where the labels
        # jumped.
        for index, (first, last) in enumerate(self._begun):
            if last + self._length == slot:
                self._begun[index] = (first, slot)
                return
        self._begun.append((slot, slot))

    def _count_skipped(self, slot: datetime) -> None:
        expected = self._expected
        if expected is None or slot <= expected:
            return
        missed = (slot - expected) // self._length
        for first, last in self._begun:
            overlap = min(last + self._length, slot) - max(first, expected)
            missed -= max(0, overlap // self._length)
        if missed:
            self.skipped += missed
            logger.warning(
                "%d slot(s) from %s skipped: the UTC label leapt or the reader was busy", missed, expected.isoformat()
            )


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
