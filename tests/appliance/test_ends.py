"""Whatever comes, in whatever order (full disks, jams, broken cables, kill -9), all is begun and ended once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from appliance.body import BodyError
from appliance.cycles import Cycle
from appliance.desk import LOOK_AGAIN_S, ApplianceDesk
from appliance.faults import Fault, SoapFault
from appliance.model import ApplianceModel, Kept, Kind
from heg.model.appliances import PowerState
from heg.model.cycles import CycleCurve
from heg.runtime.clock import Clock
from tests.appliance.asker import GATEWAY
from tests.support.stepped import stepped

ON, STANDBY = PowerState.ON, PowerState.STANDBY
HERE = "192.0.2.1"
DISK_S, BODY_S = 0.5, 2.0


class Deaf:
    """Nobody listens."""

    def changed(self, *_: object) -> None:
        pass


class Run:
    """A run of the program on a machine; after `kill` it changes nothing in the world any more."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.killed = False
        self.desk = ApplianceDesk(ApplianceModel(Kind(), None, world.disk), world.clock, name="machine", keep=self.keep)
        self.desk.join(self, Deaf())
        self.sees()

    def sees(self) -> None:
        """Look at the machine, which may be out of reach."""
        if not self.world.unreachable:
            self.desk.observed(self.world.state)

    async def kill(self) -> None:
        self.killed = True
        await self.desk.close()

    async def keep(self, kept: Kept) -> None:
        await self.world.clock.sleep(DISK_S)
        if self.world.full:
            raise OSError(28, "No space left on device")
        if not self.killed:
            self.world.disk = kept

    async def go(self, target: PowerState) -> None:
        await self.world.clock.sleep(BODY_S)
        if self.world.jammed or self.world.unreachable:
            raise BodyError(Fault(SoapFault.ACTION_FAILED, "it is jammed"))
        if not self.killed:
            self.world.state = target
            self.world.switched.append(target)
            self.world.at_s.append(self.world.clock.monotonic_s())
            self.desk.observed(target)


class World:
    """What outlives a run."""

    def __init__(self, clock: Clock, state: PowerState = ON) -> None:
        self.clock = clock
        self.state = state
        self.disk = Kept()
        self.full = False
        self.jammed = False
        self.unreachable = False
        self.switched: list[PowerState] = []
        self.at_s: list[float] = []


Step = tuple[float, str]
MOMENTS = st.floats(1, 4500) | st.floats(599, 640) | st.floats(599, 604) | st.floats(4199, 4240) | st.floats(4199, 4204)
"""Seconds of the test; the period begins at 600 and ends at 4200."""


TROUBLES = st.lists(
    st.tuples(MOMENTS, st.sampled_from(["kill", "kill", "full", "jam", "cut off", "well"])), max_size=14
).map(sorted)


@given(TROUBLES)
def test_a_period_is_begun_and_ended_once(steps: Sequence[Step]) -> None:
    @stepped
    async def test(clock: Clock) -> None:
        world = World(clock)
        run = Run(world)
        begin = clock.utc() + timedelta(minutes=10)
        end = begin + timedelta(hours=1)
        times = {"StartTime": f"{begin:%H:%M:%S}", "StopTime": f"{end:%H:%M:%S}"}
        answer = await run.desk.act("StandbyPeriod", {"UUID": GATEWAY, "Address": HERE, **times}, HERE)
        assert not isinstance(answer, Fault)
        run = await troubled(run, steps)
        over = clock.utc() > end - timedelta(minutes=1)
        await clock.sleep(2 * 86_400.0)
        await run.kill()
        assert world.switched in ([], [STANDBY, ON])
        assert world.switched or over, "there was time, and it was not done"
        assert world.state is ON
        assert world.disk.going is None
        assert not any(one.open for one in world.disk.book.periods)

    test()


@given(TROUBLES)
def test_a_cycle_is_begun_and_ended_once_and_not_cut_short(steps: Sequence[Step]) -> None:
    @stepped
    async def test(clock: Clock) -> None:
        world = World(clock, STANDBY)
        run = Run(world)
        latest = clock.utc() + timedelta(minutes=70)
        wash = Cycle("c-1", "Cotton", CycleCurve((2.0, 1.0, 1.0, 0.5)), None, latest)
        assert await run.desk.offer(wash) is None
        run = await troubled(run, steps)
        await clock.sleep(2 * 86_400.0)
        await run.kill()
        assert world.switched == [ON, STANDBY]
        assert world.at_s[1] - world.at_s[0] >= 3600.0 - 2 * BODY_S
        assert world.disk == Kept()

    test()


STEPS_S = (20_000 * 86_400.0, 86_400.0, 3600.0, 7.0)
JUMPS = st.lists(
    st.tuples(st.floats(1, 9000), st.sampled_from([*STEPS_S, *(-one for one in STEPS_S)])), max_size=6
).map(sorted)


@given(jumps=JUMPS, ordered=st.booleans())
def test_whatever_the_clock_shows_a_cycle_is_begun_and_runs_its_time(
    jumps: Sequence[tuple[float, float]], *, ordered: bool
) -> None:
    @stepped
    async def test(clock: Clock) -> None:
        world = World(clock, STANDBY)
        run, begun_s = Run(world), clock.monotonic_s()
        latest = clock.utc() + timedelta(hours=20)
        assert await run.desk.offer(Cycle("c-1", "Cotton", CycleCurve((2.0, 1.0, 1.0, 0.5)), None, latest)) is None
        if ordered:
            await run.desk.order(ON)
        for at_s, step_s in jumps:
            await clock.sleep(max(begun_s + at_s - clock.monotonic_s(), 0.0))
            clock.jump_utc(step_s)
        await clock.sleep(3 * 86_400.0)
        await run.kill()
        assert world.switched == [ON, STANDBY]
        assert 3600.0 - 2 * BODY_S <= world.at_s[1] - world.at_s[0] <= 3600.0 + LOOK_AGAIN_S + 2 * BODY_S

    test()


async def troubled(run: Run, steps: Sequence[Step]) -> Run:
    """Let all that come, and be over; return the run that is left."""
    world = run.world
    begun_s = world.clock.monotonic_s()
    for at_s, what in steps:
        await world.clock.sleep(max(begun_s + at_s - world.clock.monotonic_s(), 0.0))
        if what == "cut off" or world.unreachable:
            world.unreachable = what in ("cut off", "kill")  # a new run does not see it at once
            run.sees()
        world.full, world.jammed = what == "full", what == "jam"
        if what == "kill":
            await run.kill()
            run = Run(world)
    world.full = world.jammed = world.unreachable = False
    run.sees()
    return run
