"""What the utility asks is answered by the owner's strategy, met as far as it goes, and kept through restarts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.data.door import Outcome
from heg.model.appliances import LoadReduction
from heg.model.instance import ANY, Location
from heg.model.leases import Claim, Claimant, Reason, ReasonCode
from heg.model.policy import CUSTOMER
from heg.model.records import EvidenceRecord
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock
from heg.services.automation.settings import ApplianceRule, Strategy
from heg.services.automation.utility_words import read_order, read_reduction
from tests.services.automation.scene import OFF, ON, STANDBY, UNIT, scene, settings
from tests.services.automation.utility import NORTH, SUN, UTILITY, furnish, let_in, lives, on, order, reduce
from tests.support.stepped import START_UTC, stepped

# Words.


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, RefusalCode.OUT_OF_RANGE),
        ({"max_import_kw": -1, "minutes": 5}, RefusalCode.OUT_OF_RANGE),
        ({"max_import_kw": float("nan"), "minutes": 5}, RefusalCode.OUT_OF_RANGE),
        ({"max_import_kw": True, "minutes": 5}, RefusalCode.OUT_OF_RANGE),
        ({"max_import_kw": 2}, RefusalCode.BAD_TIME),
        ({"max_import_kw": 2, "minutes": 0}, RefusalCode.BAD_TIME),
        ({"max_import_kw": 2, "minutes": 1441}, RefusalCode.BAD_TIME),
        ({"max_import_kw": 2, "minutes": 5, "until_utc": "2026-03-01T01:00:00Z"}, RefusalCode.BAD_TIME),
        ({"max_import_kw": 2, "until_utc": "2026-03-01T01:00:00"}, RefusalCode.BAD_TIME),
        ({"max_import_kw": 2, "until_utc": "2026-02-28T01:00:00Z"}, RefusalCode.BAD_TIME),
        ({"max_import_kw": 2, "minutes": 5, "soon": True}, RefusalCode.UNSUPPORTED),
    ],
)
def test_what_cannot_be_is_refused_by_its_code(said: dict[str, object], code: RefusalCode) -> None:
    refused = read_reduction(said, START_UTC)
    assert isinstance(refused, Refusal)
    assert refused.code is code


_ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30), st.just("standby"))


@given(
    st.dictionaries(
        st.sampled_from(["max_import_kw", "minutes", "until_utc", "release", "power_state", "x"]), _ANYTHING, max_size=5
    )
)
def test_whatever_is_said_is_read_or_refused(said: dict[str, object]) -> None:
    for read in (read_reduction, read_order):
        found = read(said, START_UTC)
        if isinstance(found, tuple):
            assert START_UTC < found[1] <= START_UTC + timedelta(hours=24)


# The owner's strategy.


@stepped
async def test_who_may_ask_is_the_owners_word(clock: Clock) -> None:
    for strategy, reduces, switches in (
        (Strategy.OFF, False, False),
        (Strategy.REDUCE, True, False),
        (Strategy.FULL, True, True),
    ):
        async with scene(clock, strategy=strategy, who=frozenset({"dso", "supplier:moon"})) as house:
            furnish(house)
            north, sun = let_in(house, NORTH, SUN)
            assert ((await reduce(north, 9.0)).outcome is Outcome.DONE) is reduces
            assert ((await order(north, "tank", power_state="off", minutes=5)).outcome is Outcome.DONE) is switches
            for refused in (await reduce(sun, 9.0), await order(sun, "tank", power_state="off", minutes=5)):
                assert refused.outcome is Outcome.REFUSED
                assert refused.refusal is not None
                assert refused.refusal.code is RefusalCode.NOT_GRANTED
            if not reduces:
                refused = await reduce(house.owner, 9.0)
                assert "[automation] utility" in str(refused.refusal)


@stepped
async def test_without_a_policy_nobody_comes_so_far(clock: Clock) -> None:
    async with scene(clock, strategy=Strategy.FULL) as house:
        stranger = house.data.admit(NORTH, "desk")
        refused = await reduce(stranger, 1.0)
        assert refused.refusal is not None
        assert refused.refusal.code is RefusalCode.NOT_GRANTED
        assert house.owner.latest_all("reduction", Location("home", ANY, ANY)) == ()


# Less load.


@stepped
async def test_a_reduction_is_met_in_order_and_all_come_back(clock: Clock) -> None:
    async with scene(clock, strategy=Strategy.REDUCE) as house:
        furnish(house)
        [north] = let_in(house, NORTH)
        answer = await reduce(north, 4.5, minutes=30)
        assert answer.outcome is Outcome.DONE
        assert answer.detail == {"import_kw": 7.0, "needed_kw": 2.5, "reachable_kw": 5.0}
        await lives(house, 1.0, 10)
        assert on(house) == {"sauna", "tank", "freezer"}, "battery and car have their time first"
        await lives(house, 1.0, 15)
        assert on(house) == {"tank", "freezer"}
        claim = house.claim("sauna", UTILITY)
        assert claim is not None
        assert claim.reason == Reason(ReasonCode.SHED, "Shed: dso:north asks for at most 4.5 kW until Sun 01:30.")
        await lives(house, 3.0, 60)
        assert on(house) == {"freezer"}, "the house draws more: the next one goes"
        await lives(house, 1.0, 300)
        assert on(house) == {"tank", "freezer"}, "the more important one is back first"
        await lives(house, 1.0, 1500)
        assert on(house) == {"sauna", "tank", "freezer"}
        evidence = [
            one.value
            for one in house.owner.latest_all("evidence", Location("home", "utility", ANY))
            if isinstance(one.value, EvidenceRecord)
        ]
        assert [(one.what, one.grid_before_kw) for one in evidence] == [("reduction", 7.0)]


@stepped
async def test_what_cannot_be_reached_is_said(clock: Clock) -> None:
    async with scene(clock, strategy=Strategy.REDUCE) as house:
        furnish(house)
        answer = await reduce(house.owner, 1.0)
        assert answer.outcome is Outcome.PARTLY
        assert "7.00 kW are drawn now, and no less than 2.00 kW can be reached" in answer.text
        await lives(house, 1.0, 60)
        assert on(house) == {"freezer"}


@stepped
async def test_a_request_is_replaced_withdrawn_and_the_tightest_holds(clock: Clock) -> None:
    async with scene(clock, strategy=Strategy.REDUCE) as house:
        furnish(house)
        north, sun = let_in(house, NORTH, SUN)
        assert (await reduce(north, 6.0)).outcome is Outcome.DONE
        assert (await reduce(sun, 3.0)).outcome is Outcome.DONE
        await lives(house, 1.0, 40)
        assert on(house) == {"freezer"} or on(house) == {"tank", "freezer"}
        assert 1.0 + sum(house.known[name][0].rated_kw for name in on(house)) <= 3.0 + 1.0
        assert (await reduce(north, release=True)).outcome is Outcome.DONE
        assert (await reduce(north, release=True)).outcome is Outcome.REFUSED
        assert (await reduce(sun, release=True)).outcome is Outcome.DONE
        await lives(house, 1.0, 120)
        assert on(house) == {"sauna", "tank", "freezer"}
        kept = house.owner.latest("reduction", Location("home", "utility", "dso.north"))
        assert kept is not None
        assert isinstance(kept.value, LoadReduction)
        assert not kept.value.active


@stepped
async def test_in_the_dark_nobody_is_shed_and_the_answer_says_so(clock: Clock) -> None:
    async with scene(clock, strategy=Strategy.REDUCE) as house:
        furnish(house)
        await clock.sleep(60)
        answer = await reduce(house.owner, 1.0)
        assert answer.outcome is Outcome.PARTLY
        assert "meter does not answer" in answer.text
        await clock.sleep(60)
        assert not any(house.claim(name, UTILITY) for name in house.known)


@stepped
async def test_those_in_other_hands_are_left_alone(clock: Clock) -> None:
    async with scene(clock, strategy=Strategy.FULL) as house:
        furnish(house)
        manual = Claim(Claimant.MANUAL, Reason(ReasonCode.MANUAL, "By hand: on."), 3600.0, power_state=ON)
        control = house.data.admit(CUSTOMER, "control")
        control.write("claim", Location("home", "sauna", "manual"), manual)
        assert (await house.asks("tank", "no_standby", "01:00:01", "03:00:00")).outcome is Outcome.DONE
        await clock.sleep(3)
        answer = await reduce(house.owner, 1.0)
        assert answer.detail is not None
        assert answer.detail["reachable_kw"] == 0.0
        await lives(house, 1.0, 60)
        assert on(house) == {"sauna", "tank", "freezer"}
        for name in ("sauna", "tank", "freezer", "ghost"):
            refused = await order(house.owner, name, power_state="off", minutes=5)
            assert refused.outcome is Outcome.REFUSED, name


@stepped
async def test_a_rest_of_its_own_is_kept(clock: Clock) -> None:
    rule = ApplianceRule(name="sauna", rest=OFF, max_price=99.0)
    async with scene(clock, strategy=Strategy.REDUCE, rules=(rule,)) as house:
        furnish(house)
        await reduce(house.owner, 4.5)
        await lives(house, 1.0, 30)
        assert house.known["sauna"][1] is OFF


@stepped
async def test_a_restart_goes_on_with_request_and_shed_ones(clock: Clock, tmp_path: Path) -> None:
    async with scene(clock, tmp_path / "store.sqlite", strategy=Strategy.REDUCE) as house:
        furnish(house)
        await reduce(house.owner, 4.5, minutes=30)
        await lives(house, 1.0, 60)
        assert on(house) == {"tank", "freezer"}
        known, house.known = dict(house.known), {}
        await house.restart(20)
        for _ in range(30):
            house.meter(4.0)
            await clock.sleep(1)
        house.known = known
        for name, (capability, state) in known.items():
            house._attach(name, capability, state)
        house.meter(4.0)
        await clock.sleep(3)
        assert house.claim("sauna", UTILITY) is not None, "attached late, and still shed"
        await lives(house, 1.0, 600)
        assert on(house) == {"tank", "freezer"}
        await lives(house, 1.0, 1500)
        assert on(house) == {"sauna", "tank", "freezer"}


@stepped
async def test_a_service_that_begins_anew_in_a_living_process_goes_on_with_shed_ones(
    clock: Clock, tmp_path: Path
) -> None:
    async with scene(clock, tmp_path / "store.sqlite", strategy=Strategy.REDUCE) as house:
        furnish(house)
        await reduce(house.owner, 4.5, minutes=30)
        await lives(house, 1.0, 60)
        assert on(house) == {"tank", "freezer"}
        await house.renewed(house.settings)
        await lives(house, 1.0, 600)
        assert house.known["sauna"][1] is STANDBY
        house.data.rename_devices({"sauna": "steam"})
        house.known["steam"] = house.known.pop("sauna")
        house.present("steam", identity="uuid:sauna")
        await house.renewed(house.settings)
        await lives(house, 1.0, 600)
        assert on(house) == {"tank", "freezer"}, "by whatever name"
        await lives(house, 1.0, 900)
        assert on(house) == {"steam", "tank", "freezer"}


@pytest.mark.parametrize("begins_anew", ["service", "process"])
@stepped
async def test_what_was_ordered_was_not_shed(clock: Clock, tmp_path: Path, begins_anew: str) -> None:
    async with scene(clock, tmp_path / "store.sqlite", strategy=Strategy.FULL) as house:
        furnish(house)
        await reduce(house.owner, 6.5)
        [north] = let_in(house, NORTH)
        await order(north, "tank", power_state="off", minutes=30)
        await lives(house, 1.0, 100)
        assert on(house) == {"sauna", "freezer"}
        less = settings(strategy=Strategy.REDUCE)
        if begins_anew == "service":
            await house.renewed(less)
        else:
            house.settings = less
            await house.restart()
        await lives(house, 1.0, 3)
        assert on(house) == {"sauna", "tank", "freezer"}, "there is no room for it, and nobody may order it any more"


@stepped
async def test_a_strategy_that_changes_ends_what_it_no_longer_lets(clock: Clock, tmp_path: Path) -> None:
    async with scene(clock, tmp_path / "store.sqlite", strategy=Strategy.FULL) as house:
        furnish(house)
        [north] = let_in(house, NORTH)
        await reduce(north, 4.5)
        await order(north, "tank", power_state="off", minutes=30)
        house.settings = settings(strategy=Strategy.REDUCE)
        await house.restart()
        assert house.claim("tank", UTILITY) is None
        kept = house.owner.latest("reduction", Location("home", "utility", "dso.north"))
        assert kept is not None
        assert isinstance(kept.value, LoadReduction)
        assert (kept.value.active, kept.sequence > 0) == (True, True)
        house.settings = settings(strategy=Strategy.REDUCE, who=frozenset({"supplier"}))
        await house.restart()
        ended = house.owner.latest("reduction", Location("home", "utility", "dso.north"))
        assert ended is not None
        assert isinstance(ended.value, LoadReduction)
        assert not ended.value.active


@stepped
async def test_hands_off_is_said(clock: Clock) -> None:
    async with scene(clock, strategy=Strategy.FULL) as house:
        furnish(house)
        house.owner.write("hands_off", UNIT, "on")
        answer = await reduce(house.owner, 6.0)
        assert answer.outcome is Outcome.PARTLY
        assert "hands off is on" in answer.text
        for _ in range(400):
            house.meter(7.0)
            await clock.sleep(1)
        assert not any(house.claim(name, UTILITY) for name in house.known), "nobody is shed in vain meanwhile"
        house.owner.write("hands_off", UNIT, "off")
        await lives(house, 1.0, 30)
        assert on(house) == {"tank", "freezer"}
