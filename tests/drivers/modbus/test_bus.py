"""Turns, pauses and back-off of one bus, with a link that does what the test says."""

import asyncio
from itertools import pairwise

from drivers.modbus.bus import Bus
from drivers.modbus.link import Failure, FailureKind
from heg.runtime.clock import Clock
from tests.support.stepped import stepped


class Line:
    """A link whose units answer after `takes_s`; those in `dead` stay silent for `timeout_s`."""

    def __init__(self, clock: Clock, *, takes_s: float = 0.01, timeout_s: float = 1.0) -> None:
        self.clock = clock
        self.takes_s = takes_s
        self.timeout_s = timeout_s
        self.dead: set[int] = set()
        self.reachable = True
        self.asked: list[tuple[float, int]] = []
        self.busy = False
        self.connections = 1
        self.connected = True
        self.address = "line"

    async def read(self, unit: int, address: int, count: int) -> bytes | Failure:
        assert not self.busy, "two requests at once on one line"
        self.busy = True
        try:
            self.asked.append((self.clock.monotonic_s(), unit))
            if not self.reachable:
                return Failure(FailureKind.UNREACHABLE, "no route")
            if unit in self.dead:
                await self.clock.sleep(self.timeout_s)
                return Failure(FailureKind.SILENT, "no answer")
            await self.clock.sleep(self.takes_s)
            return bytes(2 * count)
        finally:
            self.busy = False

    async def write(self, unit: int, address: int, data: bytes, *, single: bool = False) -> Failure | None:
        answer = await self.read(unit, address, 1)
        return answer if isinstance(answer, Failure) else None

    def close(self) -> None:
        """Nothing to let go."""


async def poll(bus: Bus, unit: int, clock: Clock, until_s: float) -> list[float]:
    """Ask once a second; the durations of the answers that came."""
    durations = []
    while clock.monotonic_s() < until_s:
        began_s = clock.monotonic_s()
        if isinstance(await bus.read(unit, 0, 2), bytes):
            durations.append(clock.monotonic_s() - began_s)
        await clock.sleep(max(0.05, began_s + 1.0 - clock.monotonic_s()))
    return durations


@stepped
async def test_a_dead_unit_costs_the_others_little(clock: Clock) -> None:
    line = Line(clock)
    line.dead.add(9)
    bus = Bus(line, clock)
    until_s = clock.monotonic_s() + 600
    live, _ = await asyncio.gather(poll(bus, 1, clock, until_s), poll(bus, 9, clock, until_s))
    assert len(live) >= 530, "nearly every second"
    assert max(live) <= 1.1
    wasted = sum(1 for _, unit in line.asked if unit == 9)
    assert wasted <= 60, "backed off from, but asked again and again"
    assert wasted >= 40


@stepped
async def test_units_take_turns_and_control_goes_first(clock: Clock) -> None:
    line = Line(clock, takes_s=0.1)
    bus = Bus(line, clock)
    requests = [asyncio.create_task(bus.read(1, 0, 1)) for _ in range(6)]
    await clock.sleep(0.01)
    requests += [asyncio.create_task(bus.read(2, 0, 1)) for _ in range(3)]
    await clock.sleep(0.01)
    order = asyncio.create_task(bus.write(3, 0, b"\0\1"))
    await asyncio.gather(*requests, order)
    units = [unit for _, unit in line.asked]
    assert units[1] == 3, "control overtakes what waits"
    last_of_2 = max(index for index, unit in enumerate(units) if unit == 2)
    assert units[:last_of_2].count(1) <= 5, "the third request of 2 does not wait for all six of 1"


@stepped
async def test_the_gap_between_requests_is_kept(clock: Clock) -> None:
    line = Line(clock)
    bus = Bus(line, clock, gap_s=0.05)
    await asyncio.gather(*(bus.read(unit, 0, 1) for unit in (1, 2, 3, 1, 2, 3)))
    times = [at_s for at_s, _ in line.asked]
    assert all(later - earlier >= 0.06 - 1e-9 for earlier, later in pairwise(times))


@stepped
async def test_a_dead_bus_is_tried_again_with_growing_pauses_and_comes_back(clock: Clock) -> None:
    line = Line(clock)
    line.reachable = False
    bus = Bus(line, clock)
    await poll(bus, 1, clock, clock.monotonic_s() + 100)
    times = [at_s for at_s, _ in line.asked]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[0] <= 1.5
    assert max(pauses) <= 11.0
    assert len(times) <= 14
    line.reachable = True
    began_s = clock.monotonic_s()
    while not isinstance(await bus.read(1, 0, 1), bytes):
        await clock.sleep(0.5)
    assert clock.monotonic_s() - began_s <= 11.0


@stepped
async def test_cancelled_requests_leave_the_bus_free(clock: Clock) -> None:
    line = Line(clock, takes_s=0.1)
    bus = Bus(line, clock)
    requests = [asyncio.create_task(bus.read(unit, 0, 1)) for unit in (1, 2, 3, 4)]
    await clock.sleep(0.05)
    requests[0].cancel()  # under way
    requests[2].cancel()  # waiting
    await asyncio.gather(*requests, return_exceptions=True)
    assert isinstance(await bus.read(5, 0, 1), bytes)
    assert [unit for _, unit in line.asked] == [1, 2, 4, 5]


@stepped
async def test_a_full_lane_refuses_instead_of_growing(clock: Clock) -> None:
    line = Line(clock, takes_s=0.01)
    bus = Bus(line, clock)
    answers = await asyncio.gather(*(bus.read(1, 0, 1) for _ in range(100)))
    assert sum(isinstance(answer, Failure) for answer in answers) == 100 - 33
