"""What is agreed is done once: on full disks, with jammed machines, past kill -9, and by clocks that are set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from appliance.body import BodyError
from appliance.cycles import Cycle
from appliance.desk import MOST_ASKED, ApplianceDesk
from appliance.faults import Fault, SoapFault
from appliance.judging import Judge, Rule
from appliance.model import ApplianceModel, Done, Kept, Kind
from appliance.registrations import Book, PeriodState
from appliance.upnp.services import CYCLE
from heg.model.appliances import ApplianceFault, PowerState
from heg.model.cycles import CycleCurve
from heg.runtime.clock import Clock
from tests.appliance.asker import GATEWAY
from tests.support.ahead import AheadClock
from tests.support.stepped import stepped

ON, STANDBY, OFF = PowerState.ON, PowerState.STANDBY, PowerState.OFF
HERE = "192.0.2.1"
WASH = Cycle("c-1", "Cotton", CycleCurve((2.0, 0.5)))


class Deaf:
    """Nobody listens."""

    def changed(self, *_: object) -> None:
        pass


class Machine:
    """A machine and its disk. `state` is what it truly is, `disk` what a restart finds."""

    def __init__(self, clock: Clock, state: PowerState = ON) -> None:
        self.clock = clock
        self.state = state
        self.disk = Kept()
        self.full = False
        self.jammed = False
        self.hangs: asyncio.Event | None = None
        self.switched: list[PowerState] = []
        self.kind = Kind()
        self.desk = ApplianceDesk(ApplianceModel(Kind()), clock, name="machine")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ApplianceDesk]:
        """A run of the program; it ends as with kill -9 or with SIGTERM: nothing more is kept."""
        self.desk = ApplianceDesk(
            ApplianceModel(self.kind, None, self.disk), self.clock, name="machine", keep=self.keep
        )
        self.desk.join(self, Deaf())
        self.desk.observed(self.state)
        await self.clock.sleep(0)
        try:
            yield self.desk
        finally:
            await self.desk.close()

    async def keep(self, kept: Kept) -> None:
        await self.clock.sleep(0.01)
        if self.full:
            raise OSError(28, "No space left on device")
        self.disk = kept

    async def go(self, target: PowerState) -> None:
        if self.hangs is not None:
            await self.hangs.wait()
        if self.jammed:
            raise BodyError(Fault(SoapFault.ACTION_FAILED, "it is jammed"))
        self.pressed(target)
        self.switched.append(target)

    def pressed(self, state: PowerState) -> None:
        self.state = state
        self.desk.observed(state)

    async def register(self, begin: timedelta, length: timedelta) -> int:
        result = await self.asked("StandbyPeriod", begin, begin + length)
        assert not isinstance(result, Fault), result
        return int(result["RegID"])

    async def asked(self, action: str, begin: timedelta, end: timedelta) -> Mapping[str, str] | Fault:
        now = self.clock.utc()
        times = {"StartTime": f"{now + begin:%H:%M:%S}", "StopTime": f"{now + end:%H:%M:%S}"}
        return await self.desk.act(action, {"UUID": GATEWAY, "Address": HERE, **times}, HERE)

    async def after(self, **span: float) -> None:
        await self.clock.sleep(timedelta(**span).total_seconds())


HOUR, SPAN = timedelta(hours=1), timedelta(hours=2)


@stepped
async def test_a_registration_is_answered_only_when_it_is_on_disk(clock: Clock) -> None:
    machine = Machine(clock)
    async with machine.running():
        machine.full = True
        refused = await machine.asked("StandbyPeriod", HOUR, SPAN)
        assert isinstance(refused, Fault)
        assert "No space left on device" in refused.text
        assert isinstance(
            await machine.asked("StandbyPeriod", HOUR, SPAN), Fault
        )  # who asks again is not told a number
        machine.full = False
        number = await machine.register(HOUR, HOUR)
        assert [one.id for one in machine.disk.book.periods] == [number]


@stepped
async def test_a_full_disk_delays_what_is_due_and_loses_nothing(clock: Clock) -> None:
    machine = Machine(clock)
    async with machine.running():
        await machine.register(HOUR, SPAN)
        machine.full = True
        await machine.after(minutes=70)
        assert machine.switched == []  # what cannot be kept could be done twice
        machine.full = False
        await machine.after(seconds=20)
        assert machine.switched == [STANDBY]
        machine.full = True
        machine.pressed(ON)  # what happened is kept when there is room again
        await machine.after(seconds=20)
        assert machine.disk.book.periods[0].before is ON
        machine.full = False
        await machine.after(seconds=20)
        assert machine.disk.book.periods[0].before is None


@stepped
async def test_a_machine_that_is_jammed_rests_later_and_is_what_it_was_later(clock: Clock) -> None:
    machine = Machine(clock)
    async with machine.running():
        await machine.register(HOUR, SPAN)
        machine.jammed = True
        await machine.after(minutes=80)
        machine.jammed = False
        await machine.after(seconds=20)
        assert machine.switched == [STANDBY]
        machine.jammed = True
        await machine.after(hours=2)
        machine.jammed = False
        await machine.after(seconds=20)
        assert machine.switched == [STANDBY, ON]
        await machine.after(hours=24)
        assert machine.switched == [STANDBY, ON]


@stepped
async def test_a_cycle_begins_by_itself_also_when_the_machine_jams_at_first(clock: Clock) -> None:
    machine = Machine(clock, STANDBY)
    async with machine.running() as desk:
        latest = clock.utc() + HOUR
        assert await desk.offer(Cycle("c-1", "Cotton", WASH.curve, None, latest)) is None
        machine.jammed = True
        await machine.after(minutes=31)
        assert desk.model.offered is not None
        machine.jammed = False
        await machine.after(seconds=20)
        assert machine.switched == [ON]
        await machine.after(minutes=29)
        assert machine.switched == [ON]
        await machine.after(minutes=2)
        assert machine.switched == [ON, STANDBY]


@stepped
async def test_what_a_person_loads_while_an_order_fails_stays_loaded(clock: Clock) -> None:
    machine = Machine(clock, STANDBY)
    async with machine.running() as desk:
        machine.hangs, machine.jammed = asyncio.Event(), True
        order = asyncio.create_task(desk.order(ON))
        await machine.after(seconds=1)
        load = asyncio.create_task(desk.offer(WASH))
        await machine.after(seconds=1)
        machine.hangs.set()
        assert isinstance(await order, Fault)
        assert await load is None
        assert desk.model.offered == WASH


@stepped
async def test_an_order_is_carried_out_also_when_the_asker_does_not_wait_for_it(clock: Clock) -> None:
    machine = Machine(clock, STANDBY)
    async with machine.running() as desk:
        await desk.offer(WASH)
        machine.hangs = asyncio.Event()
        who = {"UUID": GATEWAY, "Address": HERE}
        asking = asyncio.create_task(desk.act("OperationOn", who, HERE))
        await machine.after(seconds=5)
        asking.cancel()  # the connection is gone
        await asyncio.gather(asking, return_exceptions=True)
        machine.hangs.set()
        await machine.after(seconds=1)
        assert machine.switched == [ON]
        assert desk.model.cycle is not None
        assert desk.model.cycle.running


@stepped
async def test_who_orders_on_and_on_and_waits_for_nothing_is_not_obeyed_on_and_on(clock: Clock) -> None:
    machine = Machine(clock)
    async with machine.running() as desk:
        machine.hangs = asyncio.Event()
        who = {"UUID": GATEWAY, "Address": HERE}
        for number in range(50):
            asking = asyncio.create_task(desk.act(("OperationOff", "OperationOn")[number % 2], who, HERE))
            await machine.after(seconds=0.1)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        refused = await desk.act("OperationOff", who, HERE)
        assert isinstance(refused, Fault)
        assert refused.code is ApplianceFault.BUSY
        machine.hangs.set()
        await machine.after(seconds=1)
        assert desk.executed == MOST_ASKED
        assert not isinstance(await desk.act("OperationOff", who, HERE), Fault)


@stepped
async def test_two_orders_at_once_are_carried_out_one_after_the_other(clock: Clock) -> None:
    machine = Machine(clock)
    async with machine.running() as desk:
        await desk.offer(WASH)
        machine.hangs = asyncio.Event()
        off = asyncio.create_task(desk.order(OFF))
        on = asyncio.create_task(desk.order(ON))
        third = asyncio.create_task(desk.order(OFF))
        await machine.after(seconds=1)
        machine.hangs.set()
        assert await off == Done(switch=OFF)
        assert await on == Done(switch=ON)
        refused = await third  # judged when its turn has come: the wash runs by then
        assert isinstance(refused, Fault)
        assert machine.switched == [OFF, ON]


class TestEndsOnTheWay:
    """kill -9 after the record was written and before the machine was switched."""

    @staticmethod
    async def killed_on_the_way(machine: Machine, **span: float) -> None:
        async with machine.running():
            machine.hangs = asyncio.Event()
            await machine.after(**span)
        machine.hangs = None

    @stepped
    async def test_a_period_begins_and_ends_nevertheless_and_once(self, clock: Clock) -> None:
        machine = Machine(clock)
        async with machine.running():
            await machine.register(HOUR, SPAN)
        await self.killed_on_the_way(machine, minutes=61)
        assert (machine.state, machine.disk.going) == (ON, STANDBY)
        async with machine.running():
            await machine.after(seconds=1)
            assert machine.switched == [STANDBY]
        await self.killed_on_the_way(machine, hours=2)
        assert machine.disk.book.periods[0].state is PeriodState.DONE
        assert machine.state is STANDBY
        async with machine.running():
            await machine.after(seconds=1)
            assert machine.switched == [STANDBY, ON]
        async with machine.running():
            await machine.after(hours=24)
            assert machine.switched == [STANDBY, ON]

    @stepped
    async def test_one_that_got_there_is_not_sent_again(self, clock: Clock) -> None:
        machine = Machine(clock)
        async with machine.running():
            await machine.register(HOUR, SPAN)
        await self.killed_on_the_way(machine, minutes=61)
        machine.state = STANDBY  # it was switched, and only that could not be noted any more
        async with machine.running():
            await machine.after(minutes=1)
            machine.pressed(ON)
            await machine.after(minutes=1)
        async with machine.running():
            await machine.after(hours=3)
        assert machine.switched == []

    @stepped
    async def test_one_that_is_over_by_then_is_not_begun(self, clock: Clock) -> None:
        machine = Machine(clock)
        async with machine.running():
            await machine.register(HOUR, HOUR)
        await self.killed_on_the_way(machine, minutes=61)
        await machine.after(hours=2)
        async with machine.running():
            await machine.after(hours=24)
        assert machine.switched == []
        assert machine.disk.going is None

    @stepped
    async def test_a_cycle_runs_its_whole_time_once_it_begins(self, clock: Clock) -> None:
        machine = Machine(clock, STANDBY)
        async with machine.running() as desk:
            await desk.offer(WASH)
            machine.hangs = asyncio.Event()
            order = asyncio.create_task(desk.order(ON))
            await machine.after(seconds=1)
        order.cancel()
        await asyncio.gather(order, return_exceptions=True)
        machine.hangs = None
        await machine.after(minutes=20)
        async with machine.running() as desk:
            await machine.after(minutes=29)
            assert machine.switched == [ON]
            assert desk.model.cycle is not None
            await machine.after(minutes=2)
            assert machine.switched == [ON, STANDBY]

    @stepped
    async def test_what_is_unsafe_by_then_waits(self, clock: Clock) -> None:
        machine = Machine(clock)
        async with machine.running():
            await machine.register(HOUR, SPAN)
        await self.killed_on_the_way(machine, minutes=61)
        now = clock.utc()
        rule = Rule(frozenset({STANDBY}), (now.time(), (now + timedelta(minutes=10)).time()))
        machine.kind = Kind(judge=Judge((rule,)))
        async with machine.running():
            await machine.after(minutes=9)
            assert machine.switched == []
            await machine.after(minutes=2)
            assert machine.switched == [STANDBY]


@stepped
async def test_an_order_is_tried_while_nobody_knows_the_state(clock: Clock) -> None:
    machine = Machine(clock, OFF)
    machine.desk = ApplianceDesk(ApplianceModel(Kind(), None), clock, name="machine")
    machine.desk.join(machine, Deaf())
    assert await machine.desk.order(ON) == Done(switch=ON)
    assert machine.switched == [ON]
    await machine.desk.close()


@pytest.mark.parametrize("withdrawn", [False, True])
def test_what_ends_while_nobody_knows_the_state_is_restored_when_it_is_seen(*, withdrawn: bool) -> None:
    @stepped
    async def test(clock: Clock) -> None:
        machine = Machine(clock)
        async with machine.running():
            number = await machine.register(HOUR, SPAN)
            await machine.after(minutes=70)
        machine.desk = ApplianceDesk(
            ApplianceModel(Kind(), None, machine.disk), clock, name="machine", keep=machine.keep
        )
        machine.desk.join(machine, Deaf())
        if withdrawn:
            who = {"UUID": GATEWAY, "Address": HERE, "RegID": str(number)}
            assert not isinstance(await machine.desk.act("Withdraw", who, HERE), Fault)
        else:
            await machine.after(hours=3)
            assert machine.switched == [STANDBY]
            machine.desk.observed(machine.state)
            await machine.after(seconds=1)
        assert machine.switched == [STANDBY, ON]
        await machine.desk.close()

    test()


@stepped
async def test_nothing_begins_while_nobody_knows_what_it_would_end_with(clock: Clock) -> None:
    machine = Machine(clock)
    async with machine.running():
        await machine.register(HOUR, SPAN)
    machine.desk = ApplianceDesk(ApplianceModel(Kind(), None, machine.disk), clock, name="machine", keep=machine.keep)
    machine.desk.join(machine, Deaf())
    await machine.after(minutes=70)
    assert machine.switched == []
    machine.pressed(OFF)
    await machine.after(hours=3)
    assert machine.switched == []  # it rests already
    await machine.desk.close()


@pytest.mark.parametrize("seen_meanwhile", [False, True])
def test_an_order_that_fails_while_nobody_knows_the_state_tells_nothing_of_it(*, seen_meanwhile: bool) -> None:
    """The machine cannot be reached, and sleeps in truth: it is woken at the end of its period all the same."""

    @stepped
    async def test(clock: Clock) -> None:
        machine = Machine(clock)
        async with machine.running():
            await machine.register(HOUR, SPAN)
            await machine.after(minutes=70)
        desk = ApplianceDesk(ApplianceModel(Kind(), None, machine.disk), clock, name="machine", keep=machine.keep)
        machine.desk, machine.jammed, machine.hangs = desk, True, asyncio.Event()
        desk.join(machine, Deaf())
        order = asyncio.create_task(desk.order(OFF))
        await machine.after(seconds=1)
        if seen_meanwhile:
            desk.observed(machine.state)
        machine.hangs.set()
        assert isinstance(await order, Fault)
        assert desk.model.known_state is (STANDBY if seen_meanwhile else None)
        machine.jammed = False
        desk.observed(machine.state)
        await machine.after(hours=2)
        assert machine.switched == [STANDBY, ON]
        await desk.close()

    test()


@stepped
async def test_a_cycle_that_paused_goes_on_where_a_restart_finds_the_machine_on(clock: Clock) -> None:
    machine = Machine(clock)
    async with machine.running() as desk:
        await desk.offer(Cycle("c-1", "Cotton", CycleCurve((2.0, 0.5), 15, interruptible=True)))
        await desk.order(ON)
        await machine.after(minutes=10)
        await desk.order(OFF)
    machine.state = ON
    async with machine.running() as desk:
        assert desk.model.cycle is not None
        assert (end := desk.model.cycle.end()) is not None
        assert abs(end - clock.utc() - timedelta(minutes=20)) < timedelta(seconds=1)


@stepped
async def test_a_power_cut_is_no_time_in_which_a_cycle_ran(clock: Clock) -> None:
    machine = Machine(clock)
    async with machine.running() as desk:
        await desk.offer(Cycle("c-1", "Cotton", CycleCurve((2.0, 0.5), 15, interruptible=True)))
        await desk.order(ON)
        await machine.after(minutes=10)
    machine.state = OFF
    await machine.after(hours=1)
    async with machine.running():
        machine.pressed(ON)
        await machine.after(minutes=29)
        assert machine.state is ON
        await machine.after(minutes=2)
        assert machine.state is STANDBY


class TestClocksThatAreSet:
    @pytest.mark.parametrize("step_s", [86_400.0, -86_400.0, 3 * 86_400.0 + 3600])
    def test_a_cycle_is_not_cut_short_and_not_drawn_out(self, step_s: float) -> None:
        @stepped
        async def test(clock: Clock) -> None:
            machine = Machine(clock, STANDBY)
            async with machine.running() as desk:
                await desk.offer(WASH)
                await desk.order(ON)
                await machine.after(minutes=10)
                clock.jump_utc(step_s)
                await machine.after(minutes=19)
                assert machine.switched == [ON]
                await machine.after(minutes=2)
                assert machine.switched == [ON, STANDBY]

        test()

    @pytest.mark.parametrize("days", [-1, 1, 3])
    def test_a_period_registered_by_the_wrong_clock_is_at_its_time_of_day(self, days: int) -> None:
        """A computer without a clock of its own: its first registrations come before its time does."""

        @stepped
        async def test(clock: Clock) -> None:
            machine = Machine(clock)
            async with machine.running():
                await machine.register(HOUR, SPAN)
                await machine.after(minutes=1)
                clock.jump_utc(86_400.0 * days)
                await machine.after(minutes=58)
                assert machine.switched == []
                await machine.after(minutes=2)
                assert machine.switched == [STANDBY]
                clock.jump_utc(-86_400.0 * days)
                await machine.after(hours=2)
                assert machine.switched == [STANDBY, ON]

        test()

    @stepped
    async def test_one_that_the_last_run_kept_is_over_when_its_time_is(self, clock: Clock) -> None:
        machine = Machine(clock)
        async with machine.running():
            await machine.register(HOUR, SPAN)
        clock.jump_utc(-3600.0)  # the computer begins a little before it ended
        async with machine.running():
            await machine.after(minutes=1)
            clock.jump_utc(86_400.0)
            await machine.after(hours=30)
        assert machine.switched == []
        assert machine.disk.book.periods[0].state is PeriodState.MISSED

    @stepped
    async def test_sleep_is_no_clock_that_was_set(self, clock: Clock) -> None:
        sleeper = AheadClock(clock)
        machine = Machine(sleeper)
        async with machine.running() as desk:
            await machine.register(HOUR, HOUR)
            machine.pressed(STANDBY)
            sleeper.goes_ahead(8 * 3600.0)
            await machine.after(minutes=2)  # whatever is looked at before logind says that it woke
            machine.pressed(ON)
            await desk.awoke()
            assert machine.disk.book.periods[0].state is PeriodState.MISSED
            await machine.after(hours=30)
            assert machine.switched == []

    @pytest.mark.parametrize("step_s", [-20_000 * 86_400.0, -3600.0])
    def test_a_cycle_that_the_last_run_began_is_over_when_it_is_over(self, step_s: float) -> None:
        """A power cut, and a computer that knows the time again only when its network is back."""

        @stepped
        async def test(clock: Clock) -> None:
            machine = Machine(clock, STANDBY)
            async with machine.running() as desk:
                await desk.offer(WASH)
                await desk.order(ON)
                await machine.after(minutes=10)
            clock.jump_utc(step_s)
            async with machine.running():
                await machine.after(minutes=3)
                clock.jump_utc(-step_s)
                await machine.after(minutes=16)
                assert machine.switched == [ON]
                await machine.after(minutes=3)
                assert machine.switched == [ON, STANDBY]

        test()

    @pytest.mark.parametrize("before_s", [10.0, 70.0])
    @pytest.mark.parametrize("after_s", [10.0, 70.0])
    def test_a_cycle_goes_on_for_what_is_left_of_it_whenever_the_clock_is_set(
        self, before_s: float, after_s: float
    ) -> None:
        @stepped
        async def test(clock: Clock) -> None:
            machine = Machine(clock)
            async with machine.running() as desk:
                await desk.offer(Cycle("c-1", "Cotton", CycleCurve((2.0, 0.5), 15, interruptible=True)))
                await desk.order(ON)
                await machine.after(minutes=10)
                await desk.order(STANDBY)
            clock.jump_utc(-20_000 * 86_400.0)
            async with machine.running():
                await machine.after(seconds=before_s)
                clock.jump_utc(10_000 * 86_400.0)
                await machine.after(seconds=after_s)
                machine.pressed(ON)  # by hand: it goes on
                await machine.after(seconds=10)
                clock.jump_utc(10_000 * 86_400.0)
                await machine.after(minutes=19)
                assert machine.state is ON
                await machine.after(minutes=2)
                assert machine.state is STANDBY

        test()

    @pytest.mark.parametrize("days", [-20_000, -1, 1, 20_000])
    def test_a_cycle_loaded_by_the_wrong_clock_is_over_by_its_time_of_day(self, days: int) -> None:
        @stepped
        async def test(clock: Clock) -> None:
            machine = Machine(clock, STANDBY)
            async with machine.running() as desk:
                first = replace(WASH, earliest=clock.utc() + HOUR, latest=clock.utc() + timedelta(hours=26))
                assert await desk.offer(first) is None
                clock.jump_utc(86_400.0 * days + 1800.0)
                await machine.after(minutes=2)
                offered = desk.model.offered
                assert offered is not None
                assert (offered.earliest, offered.latest) == (
                    first.earliest and first.earliest + timedelta(days=days),
                    first.latest and first.latest + timedelta(days=days),
                )
                assert desk.values(CYCLE) == {"CycleId": offered.id} != {"CycleId": "c-1"}
                assert machine.disk.cycle == offered
                await machine.after(hours=24)
                assert machine.switched == []
                await machine.after(hours=2)
                assert machine.switched == [ON, STANDBY]

        test()

    @stepped
    async def test_a_cycle_loaded_by_a_clock_that_was_set_just_before_stays_as_it_is(self, clock: Clock) -> None:
        clock.jump_utc(-20_000 * 86_400.0)
        machine = Machine(clock, STANDBY)
        async with machine.running() as desk:
            await machine.after(seconds=70)
            clock.jump_utc(20_000 * 86_400.0)
            loaded = replace(WASH, latest=clock.utc() + timedelta(hours=5))
            await desk.offer(loaded)
            await machine.after(minutes=2)
            assert desk.model.offered == loaded

    @stepped
    async def test_what_waits_is_the_same_offer_when_the_clock_is_set_by_little(self, clock: Clock) -> None:
        machine = Machine(clock, STANDBY)
        async with machine.running() as desk:
            loaded = replace(WASH, latest=clock.utc() + timedelta(hours=30))
            await desk.offer(loaded)
            for step_s in (6.0, -9.0, 3600.0):
                clock.jump_utc(step_s)
                await machine.after(minutes=2)
            assert desk.model.offered == loaded


@stepped
async def test_nothing_is_kept_twice_and_the_book_is_what_is_on_disk(clock: Clock) -> None:
    machine = Machine(clock)
    async with machine.running() as desk:
        asked = [machine.register(HOUR, SPAN) for _ in range(3)]
        assert len(set(await asyncio.gather(*asked))) == 1
        assert machine.disk.book == desk.model.registrations.book != Book()
        assert isinstance(machine.disk.book.periods[0].start, datetime)
