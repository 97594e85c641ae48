"""The rules of the owner: windows by the clock, thresholds with hysteresis, minimum times, and the reason of each."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.instance import Location
from heg.model.leases import Claimant
from heg.runtime.clock import Clock
from heg.services.automation.rules import Market, RuleState, judge
from heg.services.automation.saying import Wanted
from heg.services.automation.settings import ApplianceRule, Window
from tests.services.automation.scene import OFF, ON, ROME, STANDBY, scene, settings
from tests.support.stepped import START_UTC, stepped

NOON = datetime(2026, 6, 1, 10, tzinfo=UTC)
DAY = Window(time(6), time(22))
NIGHT = Window(time(22), time(6))
UNKNOWN, FRESH = Market(), RuleState()
CHEAP = ApplianceRule(name="tank", max_price=0.30)


def wants(
    rule: ApplianceRule,
    moment: datetime = NOON,
    market: Market = UNKNOWN,
    before: RuleState = FRESH,
    now_s: float = 0.0,
) -> tuple[RuleState, Wanted | None]:
    return judge(rule, before, market, moment, ROME, now_s, min_on_s=600.0, min_off_s=300.0)


@pytest.mark.parametrize(
    ("window", "open_at", "shut_at"),
    [(DAY, ("06:00", "21:59:59"), ("05:59:59", "22:00")), (NIGHT, ("22:00", "00:00", "05:59"), ("06:00", "21:59"))],
)
def test_a_window_is_open_from_its_start_until_before_its_stop(
    window: Window, open_at: tuple[str, ...], shut_at: tuple[str, ...]
) -> None:
    assert all(window.holds(time.fromisoformat(clock)) for clock in open_at)
    assert not any(window.holds(time.fromisoformat(clock)) for clock in shut_at)


def test_outside_its_windows_it_rests_and_inside_it_is_left_alone_or_runs() -> None:
    rule = ApplianceRule(name="tank", windows=(DAY,), rest=OFF)
    midnight = NOON + timedelta(hours=12)
    _, resting = wants(rule, midnight)
    assert resting is not None
    assert (resting.power_state, resting.reason.text) == (OFF, "Rests outside 06:00-22:00.")
    assert wants(rule)[1] is None
    _, runs = wants(replace(rule, runs=True))
    assert runs is not None
    assert (runs.power_state, runs.reason.text) == (ON, "Works within 06:00-22:00.")


@pytest.mark.parametrize(
    ("night", "open_slots"),
    [
        # 02:00 to 03:00 does not come: the window is not open at all. Twice: for two hours.
        (datetime(2026, 3, 28, 23, tzinfo=UTC), 0),
        (datetime(2026, 10, 24, 22, tzinfo=UTC), 8),
        (datetime(2026, 6, 1, 22, tzinfo=UTC), 4),
    ],
)
def test_on_the_two_nights_of_the_year(night: datetime, open_slots: int) -> None:
    rule = ApplianceRule(name="tank", windows=(Window(time(2), time(3)),), runs=True)
    quarters = (night + at * timedelta(minutes=15) for at in range(5 * 4))
    working = [one for one in quarters if (want := wants(rule, one)[1]) is not None and want.power_state is ON]
    assert len(working) == open_slots


def test_a_threshold_has_hysteresis_and_a_reason_with_figures() -> None:
    state, want = wants(CHEAP, market=Market(price=0.31))
    assert want is not None
    assert want.reason.text == "Rests: energy costs 0.310 EUR/kWh, above 0.3."
    state, want = wants(CHEAP, market=Market(price=0.29), before=state, now_s=1000.0)
    assert want is not None, "not far enough below yet"
    state, want = wants(CHEAP, market=Market(price=0.285), before=state, now_s=2000.0)
    assert want is None
    dirty = ApplianceRule(name="tank", max_co2=0.4)
    _, want = wants(dirty, market=Market(co2=0.45))
    assert want is not None
    assert "0.450 kg CO2/kWh, above 0.4" in want.reason.text


def test_a_price_nobody_knows_has_no_say() -> None:
    assert wants(CHEAP)[1] is None
    state, _ = wants(CHEAP, market=Market(price=0.5))
    assert wants(CHEAP, before=state, now_s=1000.0)[1] is None


def test_a_price_that_jumps_does_not_switch_faster_than_its_minimum_times() -> None:
    state, want = wants(CHEAP, market=Market(price=0.1))
    changes: list[tuple[int, bool]] = []
    for second in range(0, 7200, 10):
        price = 0.9 if second // 60 % 2 else 0.1
        state, want = wants(CHEAP, market=Market(price=price), before=state, now_s=float(second))
        if not changes or changes[-1][1] is not (want is None):
            changes.append((second, want is None))
    for (at, works), (later, _) in itertools.pairwise(changes[1:]):  # what was found at first is nobody's switching
        assert later - at >= (600 if works else 300)
    assert len(changes) > 5


def test_what_is_found_at_a_start_waits_for_no_minimum_time() -> None:
    rule = ApplianceRule(name="tank", windows=(DAY,))
    shut = datetime(2026, 6, 1, 3, 59, tzinfo=UTC)
    state, want = wants(rule, shut, now_s=1.0)
    assert want is not None
    state, want = wants(rule, shut + timedelta(minutes=1), before=state, now_s=61.0)
    assert want is None, "the window opens; that it rested before was not our switching"
    state, want = wants(CHEAP, market=UNKNOWN, now_s=1.0)
    assert want is None
    state, want = wants(CHEAP, market=Market(price=0.9), before=state, now_s=11.0)
    assert want is not None, "nor was it switched on by us when the feed spoke for the first time"
    state, want = wants(CHEAP, market=Market(price=0.1), before=state, now_s=21.0)
    assert want is not None, "but now it was"
    assert "a while longer" in want.reason.text


@stepped
async def test_a_rule_that_is_taken_away_ends_at_once(clock: Clock) -> None:
    async with scene(clock, rules=(ApplianceRule(name="tank", max_price=0.30),)) as house:
        house.appliance("tank")
        house.owner.write("price.import", Location("home", "spot"), 0.40)
        await clock.sleep(2)
        assert house.claim("tank", Claimant.AUTOMATION) is not None
        await house.renewed(settings())
        await clock.sleep(2)
        assert house.claim("tank", Claimant.AUTOMATION) is None


@given(
    st.lists(st.tuples(st.one_of(st.none(), st.floats(-1, 1)), st.integers(1, 5000)), max_size=40),
    st.booleans(),
    st.sampled_from([(), (DAY,), (NIGHT, Window(time(10), time(12)))]),
)
def test_every_wish_is_right_at_its_moment(
    told: list[tuple[float | None, int]], runs: bool, windows: tuple[Window, ...]
) -> None:
    rule = ApplianceRule(name="tank", windows=windows, max_price=0.2, runs=runs)
    state, now_s, last = RuleState(), 0.0, (-1e9, False)
    for price, seconds in told:
        now_s += seconds
        moment = NOON + timedelta(seconds=now_s)
        state, want = wants(rule, moment, Market(price), state, now_s)
        shut = bool(windows) and not any(one.holds(moment.astimezone(ROME).time()) for one in windows)
        rests = want is not None and want.power_state is STANDBY
        if shut:
            assert rests
        if rests and not shut and last[1] is False:
            assert price is not None
            assert price > 0.2 * 0.95
        if want is not None:
            assert want.reason.text.endswith(".")
        last = (now_s, rests)


@stepped
async def test_the_rules_are_claimed_for_appliances_that_are_there_and_end(clock: Clock) -> None:
    rule = ApplianceRule(name="tank", max_price=0.30)
    async with scene(clock, rules=(rule, ApplianceRule(name="ghost", windows=(DAY,)))) as house:
        house.appliance("tank", min_on_s=0.0, min_off_s=0.0)
        house.appliance("lamp")
        assert house.alarms() == set()
        house.owner.write("price.import", Location("home", "spot"), 0.40)
        await clock.sleep(2)
        claim = house.claim("tank", Claimant.AUTOMATION)
        assert claim is not None
        assert (claim.power_state, claim.lasting) == (STANDBY, False)
        assert house.claim("lamp", Claimant.AUTOMATION) is None
        written = house.claims_written("tank", Claimant.AUTOMATION)
        await clock.sleep(100)
        assert house.claims_written("tank", Claimant.AUTOMATION) == written, "said once, renewed now and then"
        await clock.sleep(900)
        assert house.claim("tank", Claimant.AUTOMATION) is not None
        house.owner.write("price.import", Location("home", "spot"), 0.10)
        await clock.sleep(2)
        assert house.claim("tank", Claimant.AUTOMATION) is None
        assert house.alarms() == {"home/automation-rule"}, "nobody is called ghost"
        house.appliance("ghost")
        await clock.sleep(2)
        assert house.alarms() == set()
        assert clock.utc() > START_UTC
