"""What appliances ask for at a time: taken or refused, carried out on time and once, kept through restarts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.data.door import Outcome
from heg.data.encoding import encode
from heg.model.appliances import ApplianceFault, RequestKind, RequestState
from heg.model.instance import Location
from heg.model.leases import Claimant
from heg.model.records import DeviceStatus
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock
from heg.services.automation.requests import Request, read_id, read_request
from heg.services.automation.settings import Limits
from tests.services.automation.scene import OFF, ON, STANDBY, at, scene
from tests.support.stepped import START_UTC, stepped

ROME = ZoneInfo("Europe/Rome")
ASKS = Claimant.APPLIANCE
TWELVE = timedelta(hours=12)
SIX = datetime(2026, 3, 1, 5, tzinfo=UTC)
"""06:00 in Rome; labels begin at 01:00 there."""


def read(now: datetime, **said: object) -> Request | Refusal:
    return read_request(said, now, ROME, TWELVE)


# Words.


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, RefusalCode.WRONG_TYPE),
        ({"kind": "sleep", "start": "06:00:00"}, RefusalCode.WRONG_TYPE),
        ({"kind": "wake_up"}, RefusalCode.BAD_TIME),
        ({"kind": "wake_up", "start": "6:00:00"}, RefusalCode.BAD_TIME),
        ({"kind": "wake_up", "start": "24:00:00"}, RefusalCode.BAD_TIME),
        ({"kind": "wake_up", "start": 60000}, RefusalCode.BAD_TIME),
        ({"kind": "wake_up", "start": "06:00:00", "stop": "07:00:00"}, RefusalCode.UNSUPPORTED),
        ({"kind": "wake_up", "start": "06:00:00", "who": "me"}, RefusalCode.UNSUPPORTED),
        ({"kind": "no_standby", "start": "06:00:00"}, RefusalCode.BAD_TIME),
        ({"kind": "no_standby", "start": "06:00:00", "stop": "06:00:00"}, RefusalCode.OUT_OF_RANGE),
        ({"kind": "no_standby", "start": "06:00:00", "stop": "18:00:01"}, RefusalCode.OUT_OF_RANGE),
    ],
)
def test_what_cannot_be_is_refused_by_its_code(said: dict[str, object], code: RefusalCode) -> None:
    refused = read(START_UTC, **said)
    assert isinstance(refused, Refusal)
    assert refused.code is code


@given(
    st.dictionaries(
        st.sampled_from(["kind", "start", "stop", "id", "x"]),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            st.text(max_size=12),
            st.sampled_from(["wake_up", "no_standby", "06:00:00", "05:59:59"]),
        ),
        max_size=4,
    )
)
def test_whatever_is_asked_gets_an_answer(said: dict[str, object]) -> None:
    found = read_request(said, START_UTC, ROME, TWELVE)
    if isinstance(found, Request):
        assert START_UTC < found.start <= START_UTC + timedelta(hours=25)
        assert found.stop is None or timedelta() < found.stop - found.start <= TWELVE
    number = read_id(said)
    assert isinstance(number, Refusal) or number > 0


def test_on_the_night_that_skips_an_hour() -> None:
    evening = datetime(2026, 3, 28, 20, tzinfo=UTC)
    leap = datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert read(evening, kind="wake_up", start="02:30:00") == Request(RequestKind.WAKE_UP, leap)
    guard = RequestKind.NO_STANDBY
    assert read(evening, kind="no_standby", start="01:30:00", stop="02:30:00") == Request(guard, at(leap, -0.5), leap)
    assert read(evening, kind="no_standby", start="02:30:00", stop="03:30:00") == Request(guard, leap, at(leap, 0.5))
    lost = read(evening, kind="no_standby", start="02:15:00", stop="02:45:00")
    assert lost == Request(guard, at(leap, 23.25), at(leap, 23.75)), "there is no such half hour: the next night's"


def test_on_the_night_that_has_an_hour_twice() -> None:
    evening = datetime(2026, 10, 24, 20, tzinfo=UTC)
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert read(evening, kind="wake_up", start="02:30:00") == Request(RequestKind.WAKE_UP, first)
    said = read(evening, kind="no_standby", start="02:30:00", stop="03:30:00")
    assert said == Request(RequestKind.NO_STANDBY, first, at(first, 2))


# Wake-ups.


@stepped
async def test_it_is_woken_on_time_once_and_left_on(clock: Clock) -> None:
    async with scene(clock) as house:
        house.appliance("pc", STANDBY)
        answer = await house.asks("pc", "wake_up", "06:00:00")
        assert (answer.outcome, answer.detail) == (Outcome.DONE, {"id": 1})
        assert house.registration("pc").start == SIX
        assert house.claim("pc", ASKS) is None
        await house.until(SIX, -1)
        assert house.claim("pc", ASKS) is None
        await house.until(SIX, 2)
        claim = house.claim("pc", ASKS)
        assert claim is not None
        assert (claim.power_state, claim.lasting) == (ON, True)
        assert "06:00:00 (number 1)" in claim.reason.text
        assert house.states("pc") == ["in_force"]
        house.is_in("pc", ON)
        await clock.sleep(3)
        assert house.claim("pc", ASKS) is None
        assert house.states("pc") == ["done"]
        house.is_in("pc", STANDBY)
        clock.jump_utc(86400.0 - 120)
        await clock.sleep(300)
        assert house.claims_written("pc", ASKS) > 0
        assert house.claim("pc", ASKS) is None, "once, not every day"


@stepped
async def test_one_that_does_not_come_on_is_told_and_the_alarm_ends_when_it_does(clock: Clock) -> None:
    async with scene(clock) as house:
        house.appliance("pc", OFF)
        await house.asks("pc", "wake_up", "06:00:00")
        await house.until(SIX, 140)
        assert house.claim("pc", ASKS) is not None, "it is given its time"
        await house.until(SIX, 160)
        assert house.states("pc") == ["failed"]
        assert "has not come on" in house.registration("pc").text
        assert house.claim("pc", ASKS) is None
        assert house.alarms() == {"home/pc/wake-up"}
        house.is_in("pc", ON)
        await clock.sleep(3)
        assert house.alarms() == set()


@stepped
async def test_under_hands_off_it_is_told_why(clock: Clock) -> None:
    async with scene(clock) as house:
        house.appliance("pc", STANDBY)
        await house.asks("pc", "wake_up", "01:05:00")
        house.owner.write("hands_off", Location("home"), "on")
        await clock.sleep(600)
        assert house.states("pc") == ["failed"]
        assert "Hands off was on" in house.registration("pc").text


@stepped
async def test_one_that_is_on_already_is_not_ordered(clock: Clock) -> None:
    async with scene(clock) as house:
        house.appliance("pc", ON)
        await house.asks("pc", "wake_up", "06:00:00")
        await house.until(SIX)
        assert house.states("pc") == ["done"]
        assert house.claims_written("pc", ASKS) == 0


# Periods without standby.


@stepped
async def test_while_it_lasts_only_on_is_left_to_others(clock: Clock) -> None:
    async with scene(clock) as house:
        house.appliance("recorder")
        await house.asks("recorder", "no_standby", "06:00:00", "08:00:00")
        await house.until(SIX, -2)
        assert house.claim("recorder", ASKS) is None
        for hours in (0.0, 1.0, 1.99):
            await house.until(at(SIX, hours))
            claim = house.claim("recorder", ASKS)
            assert claim is not None
            assert (claim.states, claim.power_state) == (frozenset({ON}), None)
            assert "until Sun 08:00:00 (number 1)" in claim.reason.text
        assert house.states("recorder") == ["in_force"]
        await house.until(at(SIX, 2))
        assert house.claim("recorder", ASKS) is None
        assert house.states("recorder") == ["done"]


@stepped
async def test_two_periods_and_a_wake_up_hold_together(clock: Clock) -> None:
    async with scene(clock) as house:
        house.appliance("recorder", STANDBY)
        await house.asks("recorder", "no_standby", "06:00:00", "08:00:00")
        await house.asks("recorder", "no_standby", "07:00:00", "09:00:00")
        await house.asks("recorder", "wake_up", "06:30:00")
        await house.until(at(SIX, 0.5))
        claim = house.claim("recorder", ASKS)
        assert claim is not None
        assert (claim.power_state, claim.states) == (ON, frozenset({ON}))
        house.is_in("recorder", ON)
        await house.until(at(SIX, 2.5))
        claim = house.claim("recorder", ASKS)
        assert claim is not None
        assert (claim.power_state, claim.states) == (None, frozenset({ON}))
        await house.until(at(SIX, 3))
        assert house.claim("recorder", ASKS) is None
        assert set(house.states("recorder")) == {"done"}


# Withdrawing.


@stepped
async def test_only_the_one_that_asked_withdraws(clock: Clock) -> None:
    async with scene(clock) as house:
        house.appliance("pc")
        house.appliance("recorder")
        await house.asks("recorder", "no_standby", "01:10:00", "02:00:00")
        await house.until(START_UTC, 700)
        assert house.claim("recorder", ASKS) is not None
        for name, number, fault in (
            ("pc", 1, ApplianceFault.NOT_YOURS),
            ("recorder", 2, ApplianceFault.NOT_REGISTERED),
            ("ghost", 1, ApplianceFault.NOT_REGISTERED),
        ):
            refused = await house.withdraws(name, number)
            assert (refused.outcome, refused.detail) == (Outcome.REFUSED, {"fault": int(fault)})
        assert (await house.withdraws("recorder", "1")).detail is None
        assert (await house.withdraws("recorder", 1)).outcome is Outcome.DONE
        await clock.sleep(0.01)
        assert house.claim("recorder", ASKS) is None, "at once"
        assert house.states("recorder") == ["withdrawn"]
        again = await house.withdraws("recorder", 1)
        assert again.detail == {"fault": int(ApplianceFault.NOT_REGISTERED)}


@stepped
async def test_another_device_of_the_same_name_inherits_nothing(clock: Clock) -> None:
    async with scene(clock) as house:
        house.appliance("pc", STANDBY)
        await house.asks("pc", "wake_up", "06:00:00")
        house.present("pc", identity="uuid:another")
        refused = await house.withdraws("pc", 1)
        assert refused.detail == {"fault": int(ApplianceFault.NOT_YOURS)}
        await house.until(SIX, 200)
        assert house.claims_written("pc", ASKS) == 0
        assert house.states("pc") == ["failed"]


# Limits and numbers.


@stepped
async def test_their_number_is_limited_and_numbers_are_never_given_again(clock: Clock) -> None:
    async with scene(clock, limits=Limits(open_each=3, open_all=4)) as house:
        for name in ("a", "b"):
            house.appliance(name, STANDBY)
        numbers = [(await house.asks("a", "wake_up", f"0{hour}:00:00")).detail for hour in (3, 4, 5)]
        assert numbers == [{"id": 1}, {"id": 2}, {"id": 3}]
        many = await house.asks("a", "wake_up", "06:00:00")
        assert many.detail == {"fault": int(ApplianceFault.TOO_MANY)}
        assert (await house.asks("a", "wake_up", "03:00:00")).detail == {"id": 1}, "the same again is the same"
        assert (await house.asks("b", "wake_up", "03:00:00")).detail == {"id": 4}
        assert (await house.asks("b", "wake_up", "04:00:00")).detail == {"fault": int(ApplianceFault.TOO_MANY)}
        for number in range(1, 4):
            assert (await house.withdraws("a", number)).outcome is Outcome.DONE
        for number in range(5, 60):
            assert (await house.asks("a", "wake_up", "07:00:00")).detail == {"id": number}
            await house.withdraws("a", number)
        assert len(house.registrations("a")) <= 16, "old ones make room"


@stepped
async def test_numbers_survive_a_restart_and_an_erasure(clock: Clock, tmp_path: Path) -> None:
    async with scene(clock, tmp_path / "store.sqlite") as house:
        house.appliance("pc", STANDBY)
        await house.asks("pc", "wake_up", "06:00:00")
        erase = Location("home")
        asked = await house.owner.command("command.erase", erase, {"device": "pc", "by": "me"})
        assert asked.detail is not None
        word = {"confirm": asked.detail["confirm"], "by": "me"}
        assert (await house.owner.command("command.erase", erase, word)).outcome is Outcome.DONE
        await clock.sleep(5)
        house.driver.write("state.power", Location("home", "pc"), str(STANDBY))
        await house.restart()
        assert house.registrations("pc") == []
        assert (await house.asks("pc", "wake_up", "07:00:00")).detail == {"id": 2}


# Restarts and clocks.


@stepped
async def test_what_was_asked_for_survives_a_restart(clock: Clock, tmp_path: Path) -> None:
    async with scene(clock, tmp_path / "store.sqlite") as house:
        house.appliance("pc", STANDBY)
        await house.asks("pc", "wake_up", "06:00:00")
        await house.asks("pc", "no_standby", "06:00:00", "07:00:00")
        await house.restart(3600)
        await house.until(SIX)
        claim = house.claim("pc", ASKS)
        assert claim is not None
        assert (claim.power_state, claim.states) == (ON, frozenset({ON}))


@stepped
async def test_until_it_is_known_what_was_asked_before_nothing_takes_its_place(clock: Clock, tmp_path: Path) -> None:
    async with scene(clock, tmp_path / "store.sqlite") as house:
        house.appliance("pc", STANDBY)
        await house.asks("pc", "wake_up", "06:00:00")
        await house.asks("pc", "wake_up", "07:00:00")
        await house.restart(opened=False)
        asked = await house.asks("pc", "wake_up", "08:00:00")
        assert asked.refusal is not None
        assert asked.refusal.code is RefusalCode.NOT_READY
        withdrawn = await house.withdraws("pc", 1)
        assert withdrawn.refusal is not None
        assert withdrawn.refusal.code is RefusalCode.NOT_READY
        await house.data.open(None)
        answer = await house.asks("pc", "wake_up", "08:00:00")
        assert answer.detail == {"id": 3}
        assert [one.id for one in house.registrations("pc")] == [1, 2, 3]
        assert house.states("pc") == ["registered"] * 3
        assert (await house.withdraws("pc", 1)).outcome is Outcome.DONE


@pytest.mark.parametrize(("late_s", "woken"), [(600, True), (1200, False)])
def test_one_that_was_due_while_nobody_was_here(late_s: float, woken: bool, tmp_path: Path) -> None:
    @stepped
    async def story(clock: Clock) -> None:
        async with scene(clock, tmp_path / "store.sqlite") as house:
            house.appliance("pc", STANDBY)
            await house.asks("pc", "wake_up", "06:00:00")
            await house.crash()
            await house.until(SIX, late_s)
            await house.restart()
            await clock.sleep(2)
            assert (house.claim("pc", ASKS) is not None) is woken
            assert house.states("pc") == ["in_force" if woken else "failed"]
            assert house.alarms() == (set() if woken else {"home/pc/wake-up"})

    story()


@stepped
async def test_a_crash_between_record_and_claim_is_gone_on_with(clock: Clock, tmp_path: Path) -> None:
    async with scene(clock, tmp_path / "store.sqlite") as house:
        house.appliance("pc", STANDBY)
        await house.asks("pc", "wake_up", "06:00:00")
        begun = replace(house.registration("pc"), state=RequestState.IN_FORCE)
        await house.crash()
        await house.until(SIX, 0)
        house._open()
        await house.data.open(None)
        assert house.driver.write("registration", Location("home", "pc", "0"), begun).accepted
        await house.restart(5)
        claim = house.claim("pc", ASKS)
        assert claim is not None, "begun, and not known to be done"
        house.is_in("pc", ON)
        await clock.sleep(3)
        await house.restart(5)
        house.is_in("pc", STANDBY)
        await clock.sleep(30)
        assert house.states("pc") == ["done"]
        assert house.claim("pc", ASKS) is None, "never twice"


@stepped
async def test_one_that_was_begun_long_ago_is_not_begun_again(clock: Clock, tmp_path: Path) -> None:
    async with scene(clock, tmp_path / "store.sqlite") as house:
        house.appliance("pc", STANDBY)
        await house.asks("pc", "wake_up", "06:00:00")
        await house.until(SIX)
        assert house.states("pc") == ["in_force"]
        await house.restart(3600)
        await clock.sleep(3)
        assert house.claim("pc", ASKS) is None
        assert house.states("pc") == ["failed"]


@stepped
async def test_a_time_of_day_follows_a_clock_that_is_set(clock: Clock) -> None:
    async with scene(clock) as house:
        house.appliance("pc", STANDBY)
        await house.asks("pc", "wake_up", "06:00:00")
        clock.jump_utc(-30 * 86400.0)
        await clock.sleep(3)
        assert house.registration("pc").start == SIX - timedelta(days=30)
        clock.jump_utc(40 * 86400.0)
        await clock.sleep(3)
        assert house.registration("pc").start == SIX + timedelta(days=10)
        assert house.states("pc") == ["registered"]
        await house.until(SIX + timedelta(days=10))
        assert house.claim("pc", ASKS) is not None
        house.is_in("pc", ON)
        await clock.sleep(3)
        house.is_in("pc", STANDBY)
        clock.jump_utc(-3600.0)
        await clock.sleep(2 * 3600)
        assert house.claim("pc", ASKS) is None, "the hour comes twice, the wake-up does not"


@stepped
async def test_a_renamed_device_keeps_what_it_asked_for(clock: Clock, tmp_path: Path) -> None:
    async with scene(clock, tmp_path / "store.sqlite") as house:
        house.appliance("pc", STANDBY)
        await house.asks("pc", "wake_up", "06:00:00")
        house.data.rename_devices({"pc": "study"})
        house.known = {"study": house.known["pc"]}
        house.present("study", identity="uuid:pc")
        await house.restart()
        house.present("study", identity="uuid:pc")
        await house.until(SIX)
        assert house.claim("study", ASKS) is not None
        assert (await house.withdraws("study", 1)).outcome is Outcome.DONE


@stepped
async def test_a_lost_one_is_waited_for_and_a_removed_one_fails(clock: Clock) -> None:
    async with scene(clock) as house:
        house.appliance("pc", STANDBY)
        await house.asks("pc", "wake_up", "06:00:00")
        house.present("pc", DeviceStatus.LOST)
        await house.until(SIX)
        assert house.claim("pc", ASKS) is not None
        house.present("pc", DeviceStatus.REMOVED)
        await house.until(SIX, 200)
        assert house.states("pc") == ["failed"]
        assert "not attached" in house.registration("pc").text


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("rwsx"), st.integers(0, 23), st.integers(1, 20)), max_size=12))
def test_numbers_are_unique_whatever_happens(steps: list[tuple[str, int, int]]) -> None:
    @stepped
    async def story(clock: Clock) -> None:
        async with scene(clock, limits=Limits(open_each=4)) as house:
            house.appliance("pc", STANDBY)
            given_: list[object] = []
            asked: dict[object, int] = {}
            for what, hour, number in steps:
                if what == "r":
                    answer = await house.asks("pc", "wake_up", f"{hour:02}:00:00")
                    if answer.detail and "id" in answer.detail:
                        given_.append(answer.detail["id"])
                        asked.setdefault(answer.detail["id"], hour)
                        assert asked[answer.detail["id"]] == hour
                elif what == "w":
                    await house.withdraws("pc", number)
                elif what == "s":
                    clock.jump_utc(hour * 1800.0)
                    await clock.sleep(3)
                else:
                    house.is_in("pc", ON if hour % 2 else STANDBY)
            ids = [one.id for one in house.registrations("pc")]
            assert len(ids) == len(set(ids))
            assert set(ids) <= set(given_)
            for one in house.registrations("pc"):
                encode(one)

    story()
