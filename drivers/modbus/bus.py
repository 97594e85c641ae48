"""One bus: whose turn it is, how fast, and who is left alone for a while.

Requests of one unit queue in its lane; the lanes take turns, so that no unit starves another. Control goes before
polling. A unit that stays silent is backed off from: it costs the others one time-out per back-off, not per request.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from drivers.modbus.link import Failure, FailureKind, Link, longest_pause_s
from heg.model.losses import loss
from heg.model.timings import Timings
from heg.runtime.clock import Clock

T = TypeVar("T")

_FIRST_BACKOFF_S = 1.0
_LONGEST_BACKOFF_S = loss("garbage").within.at(Timings.for_cycle(1.0))
"""A unit that is silent or talks garbage is asked again before anyone has to wait longer than stated."""
_LONGEST_QUEUE = 32


@dataclass(slots=True)
class _Backoff:
    """Doubling pauses after silence. `free` attempts cost nothing: one lost packet is no outage."""

    free: int
    longest_s: float
    failures: int = 0
    until_s: float = 0.0

    def failed(self, now_s: float) -> None:
        self.failures += 1
        if self.failures > self.free:
            doublings = min(self.failures - self.free - 1, 8)
            self.until_s = now_s + min(_FIRST_BACKOFF_S * 2**doublings, self.longest_s)

    def answered(self) -> None:
        self.failures = 0
        self.until_s = 0.0


@dataclass(slots=True)
class _Lane:
    backoff: _Backoff = field(default_factory=lambda: _Backoff(free=1, longest_s=_LONGEST_BACKOFF_S))
    urgent: deque[asyncio.Future[None]] = field(default_factory=deque)
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class Bus:
    """The one way in which anything of this driver talks to the units behind a link."""

    def __init__(self, link: Link, clock: Clock, *, gap_s: float = 0.0) -> None:
        self._link = link
        self._clock = clock
        self._gap_s = gap_s
        self._busy = False
        self._free_at_s = 0.0
        self._reach = _Backoff(free=0, longest_s=longest_pause_s())
        self._lanes: OrderedDict[int, _Lane] = OrderedDict()
        self.failures: Counter[FailureKind] = Counter()
        self.requests = 0

    @property
    def address(self) -> str:
        """The link's address."""
        return self._link.address

    @property
    def connected(self) -> bool:
        """True while the link's connection stands."""
        return self._link.connected

    def now_s(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic_s()

    @property
    def connections(self) -> int:
        """How often the link has connected."""
        return self._link.connections

    async def read(self, unit: int, address: int, count: int, *, urgent: bool = False) -> bytes | Failure:
        """Read holding registers when it is this unit's turn."""
        return await self._turn(unit, lambda: self._link.read(unit, address, count), urgent=urgent)

    async def write(
        self, unit: int, address: int, data: bytes, *, urgent: bool = True, single: bool = False
    ) -> Failure | None:
        """Write consecutive holding registers, or a `single` one by function 6, when it is this unit's turn."""
        return await self._turn(unit, lambda: self._link.write(unit, address, data, single=single), urgent=urgent)

    def forget(self, unit: int) -> None:
        """Drop what is remembered of a unit, such as its back-off."""
        lane = self._lanes.get(unit)
        if lane is not None and not lane.urgent and not lane.waiting:
            del self._lanes[unit]

    def close(self) -> None:
        """Let the connection go."""
        self._link.close()

    async def _turn(self, unit: int, ask: Callable[[], Awaitable[T | Failure]], *, urgent: bool) -> T | Failure:
        if (resting := self._resting(unit)) is not None:
            return resting
        lane = self._lanes.setdefault(unit, _Lane())
        if not await self._wait(lane, urgent=urgent):
            return Failure(FailureKind.BACKING_OFF, f"{_LONGEST_QUEUE} requests wait for unit {unit} already")
        self._lanes.move_to_end(unit)
        try:
            if (resting := self._resting(unit)) is not None:  # it fell silent while this one waited
                return resting
            if self._clock.monotonic_s() < self._free_at_s:
                await self._clock.sleep_until(self._free_at_s)
            self.requests += 1
            answer = await ask()
            self._judge(lane, answer)
            return answer
        finally:
            self._free_at_s = self._clock.monotonic_s() + self._gap_s
            self._busy = False
            self._pass_on()

    async def _wait(self, lane: _Lane, *, urgent: bool) -> bool:
        if not self._busy:
            self._busy = True
            return True
        queue = lane.urgent if urgent else lane.waiting
        if len(queue) >= _LONGEST_QUEUE:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # granted and cancelled in the same breath
                self._busy = False
                self._pass_on()
            elif turn in queue:
                queue.remove(turn)
            raise
        return True

    def _pass_on(self) -> None:
        for urgent in (True, False):
            for lane in self._lanes.values():
                queue = lane.urgent if urgent else lane.waiting
                while queue:
                    turn = queue.popleft()
                    if not turn.done():
                        self._busy = True
                        turn.set_result(None)
                        return

    def _resting(self, unit: int) -> Failure | None:
        now_s = self._clock.monotonic_s()
        if now_s < self._reach.until_s:
            return Failure(
                FailureKind.BACKING_OFF, f"{self.address} is tried again in {self._reach.until_s - now_s:.1f} s"
            )
        lane = self._lanes.get(unit)
        if lane is not None and now_s < lane.backoff.until_s:
            left_s = lane.backoff.until_s - now_s
            return Failure(FailureKind.BACKING_OFF, f"unit {unit} at {self.address} is tried again in {left_s:.1f} s")
        return None

    def _judge(self, lane: _Lane, answer: object) -> None:
        if not isinstance(answer, Failure):
            self._reach.answered()
            lane.backoff.answered()
            return
        self.failures[answer.kind] += 1
        now_s = self._clock.monotonic_s()
        if answer.kind is FailureKind.UNREACHABLE:
            self._reach.failed(now_s)
            return
        self._reach.answered()
        if answer.kind is FailureKind.EXCEPTION:
            lane.backoff.answered()
        else:
            lane.backoff.failed(now_s)
