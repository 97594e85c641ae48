"""Whatever comes, in whatever order (full disks, jams, broken cables, kill -9 at any step), a period is begun and ended once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from appliance.body import BodyError
from appliance.desk import ApplianceDesk
from appliance.faults import Fault, SoapFault
from appliance.model import ApplianceModel, Kept, Kind
from heg.model.appliances import PowerState
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
            self.desk.observed(target)


class World:
    """What outlives a run."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.state = ON
        self.disk = Kept()
        self.full = False
        self.jammed = False
        self.unreachable = False
        self.switched: list[PowerState] = []


Step = tuple[float, str]
MOMENTS = st.floats(1, 4500) | st.floats(599, 640) | st.floats(599, 604) | st.floats(4199, 4240) | st.floats(4199, 4204)
"""Seconds of the test; the period begins at 600 and ends at 4200."""


@given(
    st.lists(st.tuples(MOMENTS, st.sampled_from(["kill", "kill", "full", "jam", "cut off", "well"])), max_size=14).map(
        sorted
    )
)
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
        for at_s, what in steps:
            await clock.sleep(max((begin - clock.utc()).total_seconds() - 600 + at_s, 0.0))
            if what == "cut off" or world.unreachable:
                world.unreachable = what in ("cut off", "kill")  # a new run does not see it at once
                run.sees()
            world.full, world.jammed = what == "full", what == "jam"
            if what == "kill":
                await run.kill()
                run = Run(world)
        world.full = world.jammed = world.unreachable = False
        run.sees()
        over = clock.utc() > end - timedelta(minutes=1)
        await clock.sleep(2 * 86_400.0)
        await run.kill()
        assert world.switched in ([], [STANDBY, ON])
        assert world.switched or over, "there was time, and it was not done"
        assert world.state is ON
        assert world.disk.going is None
        assert not any(one.open for one in world.disk.book.periods)

    test()
