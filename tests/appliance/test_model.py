"""What an appliance agrees to and does when: periods once and on time, cycles not cut short, rules kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.cycles import Cycle
from appliance.faults import Fault, SoapFault
from appliance.judging import Judge, Rule
from appliance.model import ApplianceModel, Done, Kept, Kind
from appliance.registrations import MOST_OPEN, PeriodState
from heg.model.appliances import ApplianceFault, PowerState
from heg.model.cycles import CycleCurve

ON, STANDBY, OFF = PowerState.ON, PowerState.STANDBY, PowerState.OFF
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
GATEWAY = ("11111111-2222-3333-4444-555555555555", "192.0.2.1")
OTHER = ("99999999-2222-3333-4444-555555555555", "192.0.2.9")
NOTHING: frozenset[str] = frozenset()


def model(**kind: object) -> ApplianceModel:
    return ApplianceModel(Kind(**kind))  # type: ignore[arg-type]


def carried_out(one: ApplianceModel, now: datetime) -> list[PowerState]:
    """What is due, done at once."""
    if (wanted := one.due(now, NOTHING)) is None:
        return []
    one.observed(wanted, now)
    return [wanted]


def ordered(one: ApplianceModel, target: PowerState, now: datetime) -> Done | Fault:
    result = one.order(target, now, NOTHING)
    if isinstance(result, Done) and result.switch is not None:
        one.observed(result.switch, now)
    return result


def registered(one: ApplianceModel, start: str, stop: str, now: datetime = NOON, who: tuple[str, str] = GATEWAY) -> int:
    result = one.register(who, start, stop, now)
    assert isinstance(result, Done), result
    return result.reg_id


def faulted(result: Done | Fault) -> int:
    assert isinstance(result, Fault), result
    return result.code


class TestPeriods:
    def test_it_rests_from_start_to_stop_and_is_what_it_was(self) -> None:
        one = model()
        registered(one, "13:00:00", "14:00:00")
        assert one.next_moment() == NOON + timedelta(hours=1)
        assert carried_out(one, NOON + timedelta(minutes=59)) == []
        assert carried_out(one, NOON + timedelta(hours=1)) == [STANDBY]
        assert one.must_wake() == NOON + timedelta(hours=2)
        assert carried_out(one, NOON + timedelta(hours=1, minutes=1)) == []
        assert carried_out(one, NOON + timedelta(hours=2)) == [ON]
        assert one.next_moment() is None
        assert carried_out(one, NOON + timedelta(days=1, hours=1)) == []

    def test_one_that_rests_already_rests_on(self) -> None:
        one = ApplianceModel(Kind(), STANDBY)
        registered(one, "13:00:00", "14:00:00")
        assert carried_out(one, NOON + timedelta(hours=1)) == []
        assert one.must_wake() is None
        assert carried_out(one, NOON + timedelta(hours=2)) == []

    def test_one_that_follows_on_another_rests_on_and_is_at_its_end_what_it_was_before_both(self) -> None:
        one = model()
        registered(one, "13:00:00", "14:00:00")
        registered(one, "14:00:00", "15:00:00")
        assert carried_out(one, NOON + timedelta(hours=1)) == [STANDBY]
        assert one.must_wake() == NOON + timedelta(hours=3)
        assert carried_out(one, NOON + timedelta(hours=2)) == []
        assert one.must_wake() == NOON + timedelta(hours=3)
        assert carried_out(one, NOON + timedelta(hours=3)) == [ON]
        assert carried_out(one, NOON + timedelta(days=2)) == []

    def test_a_person_who_switches_it_on_meanwhile_is_not_overruled(self) -> None:
        one = model()
        registered(one, "13:00:00", "14:00:00")
        carried_out(one, NOON + timedelta(hours=1))
        one.observed(ON, NOON + timedelta(minutes=70))
        assert carried_out(one, NOON + timedelta(minutes=71)) == []
        one.observed(OFF, NOON + timedelta(minutes=80))
        assert carried_out(one, NOON + timedelta(hours=2)) == []

    def test_who_asks_for_the_same_again_gets_the_same_id(self) -> None:
        one = model()
        assert registered(one, "13:00:00", "14:00:00") == registered(one, "13:00:00", "14:00:00")
        assert len(one.registrations.open()) == 1

    def test_only_its_owner_takes_it_back_from_where_it_is(self) -> None:
        one = model()
        number = registered(one, "13:00:00", "14:00:00")
        assert faulted(one.withdraw(number, OTHER)) == ApplianceFault.NOT_YOURS
        assert faulted(one.withdraw(number, (GATEWAY[0], OTHER[1]))) == ApplianceFault.NOT_YOURS
        assert faulted(one.withdraw(number + 1, GATEWAY)) == ApplianceFault.NOT_REGISTERED
        assert one.registrations.moved(GATEWAY[0], "192.0.2.77")
        assert one.withdraw(number, (GATEWAY[0], "192.0.2.77")) == Done()
        assert faulted(one.withdraw(number, (GATEWAY[0], "192.0.2.77"))) == ApplianceFault.NOT_REGISTERED
        assert carried_out(one, NOON + timedelta(hours=1)) == []

    def test_one_in_force_ends_when_it_is_taken_back(self) -> None:
        one = model()
        number = registered(one, "13:00:00", "14:00:00")
        carried_out(one, NOON + timedelta(hours=1))
        assert one.withdraw(number, GATEWAY) == Done(switch=ON)
        one.observed(ON, NOON)
        assert carried_out(one, NOON + timedelta(hours=2)) == []

    def test_number_and_length_are_limited(self) -> None:
        one = model()
        for hour in range(MOST_OPEN):
            registered(one, f"{13 + hour}:00:00", f"{13 + hour}:30:00")
        assert faulted(one.register(GATEWAY, "22:00:00", "22:30:00", NOON)) == ApplianceFault.TOO_MANY
        too_long = model().register(GATEWAY, "13:00:00", "12:00:00", NOON)
        assert faulted(too_long) == SoapFault.ARGUMENT_VALUE_OUT_OF_RANGE
        one = model()
        registered(one, "13:00:00", "15:00:00")
        assert faulted(one.register(OTHER, "14:00:00", "16:00:00", NOON)) == ApplianceFault.NOT_NOW

    @pytest.mark.parametrize(("start", "stop"), [("1:00:00", "02:00:00"), ("01:00:00", "01:00:00"), ("", "24:00:00")])
    def test_times_that_are_none_are_invalid(self, start: str, stop: str) -> None:
        assert faulted(model().register(GATEWAY, start, stop, NOON)) == SoapFault.ARGUMENT_VALUE_INVALID

    def test_an_unsafe_time_delays_its_beginning_and_nothing_else(self) -> None:
        rule = Rule(frozenset({STANDBY}), (time(12, 30), time(13, 30)))
        one = model(judge=Judge((rule,)))
        registered(one, "13:00:00", "14:00:00")
        assert carried_out(one, NOON + timedelta(hours=1)) == []
        assert carried_out(one, NOON + timedelta(minutes=91)) == [STANDBY]
        assert carried_out(one, NOON + timedelta(hours=2)) == [ON]

    def test_what_was_slept_through_is_not_begun_on_waking(self) -> None:
        one = model()
        registered(one, "13:00:00", "15:00:00")
        one.observed(STANDBY, NOON)
        one.observed(ON, NOON + timedelta(minutes=90))
        one.awoke(NOON + timedelta(minutes=90))
        assert carried_out(one, NOON + timedelta(minutes=91)) == []
        assert carried_out(one, NOON + timedelta(hours=3)) == []

    def test_one_that_was_missed_altogether_is_not_made_up_for(self) -> None:
        one = model()
        registered(one, "13:00:00", "14:00:00")
        assert carried_out(one, NOON + timedelta(hours=5)) == []
        assert [period.state for period in one.registrations.book.periods] == [PeriodState.MISSED]

    def test_in_the_night_without_two_oclock_it_rests_from_the_change_on(self) -> None:
        one = model(judge=Judge((), BERLIN))
        evening = datetime(2026, 3, 28, 20, tzinfo=UTC)
        registered(one, "02:30:00", "04:00:00", evening)
        (period,) = one.registrations.open()
        assert (period.start, period.stop) == (
            datetime(2026, 3, 29, 1, tzinfo=UTC),
            datetime(2026, 3, 29, 2, tzinfo=UTC),
        )

    def test_in_the_night_with_two_oclock_twice_it_rests_once(self) -> None:
        one = model(judge=Judge((), BERLIN))
        evening = datetime(2026, 10, 24, 20, tzinfo=UTC)
        registered(one, "02:15:00", "02:45:00", evening)
        begun = [
            moment
            for minutes in range(0, 12 * 60, 5)
            if STANDBY in carried_out(one, moment := evening + timedelta(minutes=minutes))
        ]
        assert begun == [datetime(2026, 10, 25, 0, 15, tzinfo=UTC)]

    @given(
        zone=st.sampled_from([BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("UTC")]),
        begin=st.integers(0, 365 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes)),
        start=st.times(),
        length=st.integers(1, 15 * 60),
        steps=st.lists(st.tuples(st.integers(-90, 240), st.booleans(), st.booleans()), max_size=60),
    )
    def test_whatever_restarts_and_clocks_do_it_begins_and_ends_at_most_once(
        self,
        zone: ZoneInfo,
        begin: datetime,
        start: time,
        length: int,
        steps: list[tuple[int, bool, bool]],
    ) -> None:
        """Each step: minutes by which the clock moves (back, too), whether the program restarts, whether it wakes."""
        kind = Kind(judge=Judge((), zone))
        one = ApplianceModel(kind)
        stop = (datetime.combine(begin.date(), start) + timedelta(minutes=length)).time()
        result = one.register(GATEWAY, f"{start:%H:%M:%S}", f"{stop:%H:%M:%S}", begin)
        if isinstance(result, Fault):
            return  # on a night of the clock change the span may be nothing, or too long
        (period,) = one.registrations.open()
        now, did = begin, []
        for minutes, restarts, sleeps in steps:
            now += timedelta(minutes=minutes)
            if sleeps and one.state is STANDBY:
                one.observed(ON, now)
                one.awoke(now)
            if restarts:
                kept = msgspec.json.decode(msgspec.json.encode(one.kept), type=Kept)
                one = ApplianceModel(kind, one.state, kept)
            for state in carried_out(one, now):
                did.append(state)
                assert period.start <= now
        assert did in ([], [STANDBY], [STANDBY, ON])
        assert timedelta(0) < period.stop - period.start <= timedelta(hours=17)

    @given(
        st.lists(
            st.tuples(
                st.sampled_from("rwd"), st.integers(0, 23), st.integers(1, 20), st.sampled_from([GATEWAY, OTHER])
            ),
            max_size=40,
        )
    )
    def test_any_sequence_keeps_the_book_small_and_its_ids_apart(
        self, steps: list[tuple[str, int, int, tuple[str, str]]]
    ) -> None:
        one, now, given_ids = model(), NOON, set()
        for what, hour, length, who in steps:
            if what == "r":
                before = {period.id for period in one.registrations.open()}
                result = one.register(who, f"{hour:02}:00:00", f"{(hour + length) % 24:02}:00:00", now)
                if isinstance(result, Done) and result.reg_id not in before:
                    assert result.reg_id not in given_ids
                    given_ids.add(result.reg_id)
            elif what == "w":
                one.withdraw(hour, who)
            else:
                now += timedelta(hours=length)
                carried_out(one, now)
            spans = sorted((period.start, period.stop) for period in one.registrations.open())
            assert len(spans) <= MOST_OPEN
            assert all(first[1] <= second[0] for first, second in pairwise(spans))
            assert len(msgspec.json.encode(one.kept)) < 8192


class TestJudging:
    def test_never_off_at_night(self) -> None:
        rule = Rule(frozenset({OFF}), (time(22), time(6)), why="it freezes")
        one = model(judge=Judge((rule,), BERLIN))
        night = datetime(2026, 1, 10, 23, 30, tzinfo=UTC)
        refused = one.order(OFF, night, NOTHING)
        assert isinstance(refused, Fault)
        assert (refused.code, refused.text) == (
            ApplianceFault.UNSAFE,
            "never off between 22:00:00 and 06:00:00: it freezes",
        )
        assert one.state is ON
        assert one.order(STANDBY, night, NOTHING) == Done(switch=STANDBY)
        assert one.order(OFF, night + timedelta(hours=5, minutes=30), NOTHING) == Done(switch=OFF)

    def test_never_off_while_somebody_is_in_the_lift(self) -> None:
        one = model(judge=Judge((Rule(frozenset({OFF, STANDBY}), None, "occupied"),)))
        assert faulted(one.order(OFF, NOON, frozenset({"occupied"}))) == ApplianceFault.UNSAFE
        assert one.order(OFF, NOON, NOTHING) == Done(switch=OFF)

    def test_what_it_cannot_do_is_unsafe(self) -> None:
        one = model(states=frozenset({ON, OFF}))
        assert faulted(one.order(STANDBY, NOON, NOTHING)) == ApplianceFault.UNSAFE
        assert faulted(one.register(GATEWAY, "13:00:00", "14:00:00", NOON)) == ApplianceFault.UNSAFE


class TestCycles:
    CYCLE = Cycle("c-1", "Cotton", CycleCurve((2.0, 0.5)), None, NOON + timedelta(hours=6))

    def test_it_begins_with_the_order_and_is_not_cut_short(self) -> None:
        one = ApplianceModel(Kind(), STANDBY)
        assert one.offer(self.CYCLE) is None
        assert ordered(one, ON, NOON) == Done(switch=ON)
        assert one.offered is None
        assert faulted(ordered(one, OFF, NOON + timedelta(minutes=29))) == ApplianceFault.BUSY
        assert one.offer(self.CYCLE) is not None
        assert one.next_moment() == NOON + timedelta(minutes=30)
        assert carried_out(one, NOON + timedelta(minutes=30)) == [STANDBY]
        assert one.cycle is None

    def test_one_that_can_pause_does_and_goes_on(self) -> None:
        one = ApplianceModel(Kind(), OFF)
        one.offer(replace(self.CYCLE, curve=CycleCurve((2.0, 0.5), 15, interruptible=True)))
        ordered(one, ON, NOON)
        ordered(one, OFF, NOON + timedelta(minutes=20))
        assert carried_out(one, NOON + timedelta(hours=2)) == []
        ordered(one, ON, NOON + timedelta(hours=2))
        assert one.next_moment() == NOON + timedelta(hours=2, minutes=10)
        assert carried_out(one, NOON + timedelta(hours=2, minutes=10)) == [OFF]

    def test_one_that_nobody_starts_begins_in_time_by_itself(self) -> None:
        one = ApplianceModel(Kind(), STANDBY)
        one.offer(self.CYCLE)
        last = NOON + timedelta(hours=5, minutes=30)
        assert one.next_moment() == last
        assert one.must_wake() == last
        assert carried_out(one, last) == [ON]
        assert carried_out(one, last + timedelta(minutes=30)) == [STANDBY]

    def test_one_that_must_not_begin_by_itself_waits(self) -> None:
        one = ApplianceModel(Kind(starts_late_cycles=False), STANDBY)
        one.offer(self.CYCLE)
        assert one.next_moment() is None
        assert carried_out(one, NOON + timedelta(days=1)) == []

    def test_one_stopped_by_hand_is_over(self) -> None:
        one = ApplianceModel(Kind(), STANDBY)
        one.offer(self.CYCLE)
        ordered(one, ON, NOON)
        one.observed(OFF, NOON + timedelta(minutes=3))
        assert one.cycle is None

    def test_it_outlives_a_restart_and_does_not_begin_again(self) -> None:
        one = ApplianceModel(Kind(), STANDBY)
        one.offer(self.CYCLE)
        ordered(one, ON, NOON)
        kept = msgspec.json.decode(msgspec.json.encode(one.kept), type=Kept)
        again = ApplianceModel(Kind(), ON, kept)
        assert faulted(ordered(again, STANDBY, NOON + timedelta(minutes=10))) == ApplianceFault.BUSY
        assert carried_out(again, NOON + timedelta(minutes=30)) == [STANDBY]
        assert carried_out(again, NOON + timedelta(hours=7)) == []

    def test_a_period_waits_until_the_cycle_is_over(self) -> None:
        one = ApplianceModel(Kind(), ON)
        registered(one, "12:10:00", "14:00:00")
        one.offer(self.CYCLE)
        ordered(one, ON, NOON)
        assert carried_out(one, NOON + timedelta(minutes=10)) == []
        assert carried_out(one, NOON + timedelta(minutes=30)) == [STANDBY]
