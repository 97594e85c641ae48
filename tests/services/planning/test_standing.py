"""Which plan stands: the new one, the old one for a while, then the rule; and what of it is published and claimed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from heg.data.door import Function
from heg.data.interface import DataInterface
from heg.model.capabilities import StorageCapability
from heg.model.instance import ANY, Location
from heg.model.leases import Claim, Claimant
from heg.model.plan import (
    Degradation,
    ForecastRequest,
    Plan,
    PlanInputs,
    PlanReply,
    PlanRequest,
    PlanStatus,
    SlotReason,
)
from heg.model.plan import DegradationCode as Lack
from heg.model.policy import CUSTOMER
from heg.model.records import PlannedSlot
from heg.model.regimes import Regime
from heg.model.slots import Profile
from heg.model.timings import Timings
from heg.runtime.clock import Clock
from heg.services.planning.gather import Gathered
from heg.services.planning.publish import Publisher
from heg.services.planning.settings import OLD_PLAN_S, PlanningSettings
from heg.services.planning.standing import Standing, asked_near, standing
from heg.services.planning.storages import member, together
from tests.services.planning.plain import PlainPlanner
from tests.support.stepped import START_UTC, stepped

NOON = datetime(2024, 8, 9, 12, tzinfo=UTC)
SETTINGS = PlanningSettings(unit="home", timings=Timings.for_cycle(1.0))
LOST = Degradation(Lack.WORKER_LOST, "The planner's process has ended.")


def asked(start: datetime = NOON, slots: int = 8, *lacks: Degradation, minutes: int = 15) -> Gathered:
    battery = StorageCapability(10.0, -5.0, 5.0)
    members = (member("battery", battery, 0.5, trusted=True, charge_limit_kw=None, discharge_limit_kw=None),)
    prices = (*(0.1,) * (slots // 4), *(0.3,) * (slots // 2), *(0.6,) * (slots // 4))
    problem = PlanInputs(
        slot_minutes=minutes,
        start=start,
        demand_kw=(),
        import_eur_per_kwh=prices,
        ess=together(members),
        degradations=lacks,
    )
    forecast = ForecastRequest(start=start, slot_minutes=minutes, slots=slots, demand=None, production=None)
    return Gathered(PlanRequest(id=1, problem=problem, forecast=forecast), members)


def answered(gathered: Gathered) -> PlanReply:
    return PlainPlanner(demand_kw=2.0).answer(gathered.request)


def made(now_s: float = 0.0, now: datetime = NOON) -> Standing:
    gathered = asked()
    return standing(answered(gathered), gathered, None, now_s, now)


def test_the_planner_is_told_what_the_plan_before_said() -> None:
    before, later = made(), asked(NOON + timedelta(minutes=15))
    assert asked_near(later, None) == later
    said = asked_near(later, before).request.problem.previous_plan
    assert said is not None
    assert said.start == NOON
    assert said.ess_kw == tuple(decision.power_kw for decision in before.plan.ess)
    assert any(said.ess_kw)


def test_a_plan_of_other_slots_or_storages_says_nothing() -> None:
    before = made()
    assert asked_near(asked(minutes=30), before).request.problem.previous_plan is None
    assert asked_near(asked(), replace(before, rule=True)).request.problem.previous_plan is None
    said = asked_near(replace(asked(), members=(), charger="keba"), before).request.problem.previous_plan
    assert said is not None
    assert said.ess_kw == said.pev_kw == ()


def test_an_answer_stands_with_every_lack_that_was_gathered() -> None:
    gathered = asked(NOON, 8, LOST)
    silent = replace(answered(gathered).plan, degradations=(), status=PlanStatus.OPTIMAL)
    stands = standing(PlanReply(id=1, plan=silent), gathered, None, 5.0, NOON)
    assert stands.good
    assert stands.plan.status is PlanStatus.DEGRADED
    assert stands.plan.degradations == (LOST,)


def test_without_an_answer_the_old_plan_is_followed_for_a_while() -> None:
    before = made()
    later = NOON + timedelta(minutes=20)
    stands = standing(LOST, asked(later), before, 1200.0, later)
    assert not stands.rule
    assert not stands.good
    assert stands.plan.ess == before.plan.ess
    assert [one.code for one in stands.plan.degradations] == [Lack.WORKER_LOST, Lack.OLD_PLAN]
    assert "12:00" in stands.plan.degradations[1].text
    assert stands.made_s == before.made_s  # it grows no younger by being followed


def test_the_rule_that_a_planner_gives_when_it_cannot_solve_comes_after_an_older_plan() -> None:
    gathered = asked()
    stuck = replace(answered(gathered).plan, status=PlanStatus.FALLBACK, degradations=(LOST,))
    reply = PlanReply(id=1, plan=stuck)
    stands = standing(reply, gathered, made(), 60.0, NOON)
    assert [one.code for one in stands.plan.degradations] == [Lack.WORKER_LOST, Lack.OLD_PLAN]
    alone = standing(reply, gathered, None, 60.0, NOON)
    assert alone.plan == stuck
    assert not alone.good


@pytest.mark.parametrize(
    ("before", "now_s", "now"),
    [
        (None, 0.0, NOON),
        (made(), OLD_PLAN_S + 1.0, NOON + timedelta(minutes=30)),
        (made(), 60.0, NOON + timedelta(hours=3)),  # the clock was set: its slots are others
        (made(), 60.0, NOON - timedelta(hours=3)),
    ],
)
def test_then_the_rule(before: Standing | None, now_s: float, now: datetime) -> None:
    stands = standing(LOST, asked(now), before, now_s, now)
    assert stands.rule
    assert stands.plan.status is PlanStatus.FALLBACK
    assert stands.plan.degradations == (LOST,)
    assert {one.order.regime for one in stands.plan.ess} == {Regime.BALANCE}
    lengths = {len(series) for series in (stands.plan.demand_kw, stands.plan.production_kw, stands.plan.grid_kw)}
    assert lengths == {8}


# ---- published -------------------------------------------------------------------------------------------------------


def newest_claim(door: object, name: str) -> Claim:
    found = door.latest("claim", Location("home", name, "plan"))  # type: ignore[attr-defined]
    assert isinstance(found.value, Claim)
    return found.value


@stepped
async def test_the_claim_outlives_its_slot_by_a_margin_and_no_clock_makes_it_longer(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "planning")
    publisher = Publisher(door, SETTINGS)
    gathered = asked(START_UTC)
    stands = standing(answered(gathered), gathered, None, 0.0, START_UTC)
    publisher.publish(stands, 0.0, START_UTC + timedelta(minutes=5))
    claim = newest_claim(door, "battery")
    assert claim.claimant is Claimant.PLAN
    assert claim.valid_s == 600.0 + SETTINGS.margin_s
    assert claim.order is not None
    assert claim.order.regime is Regime.CHARGE
    assert claim.reason.text.startswith("Charges: 0.10 EUR/kWh")
    publisher.withdraw()
    assert newest_claim(door, "battery").valid_s < 0.01
    await data.close()


@stepped
async def test_a_plan_of_other_slots_and_the_rule_claim_nothing(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "planning")
    publisher = Publisher(door, SETTINGS)
    gathered = asked(START_UTC)
    good = standing(answered(gathered), gathered, None, 0.0, START_UTC)
    publisher.publish(good, 0.0, START_UTC)
    publisher.publish(good, 0.0, START_UTC + timedelta(hours=9))
    assert newest_claim(door, "battery").valid_s < 0.01
    publisher.publish(good, 0.0, START_UTC)
    publisher.publish(standing(LOST, gathered, None, 0.0, START_UTC), 0.0, START_UTC)
    assert newest_claim(door, "battery").valid_s < 0.01
    await data.close()


@stepped
async def test_what_need_not_be_said_again_is_not_written_again(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "planning")
    publisher = Publisher(door, SETTINGS)
    gathered = asked(START_UTC)
    good = standing(answered(gathered), gathered, None, 0.0, START_UTC)
    publisher.publish(good, 0.0, START_UTC)

    async def written(variable: str, place: Location) -> object:
        return (await door.query(variable, place, function=Function.COUNT)).value

    battery = Location("home", "battery", "plan")
    old = standing(LOST, gathered, good, 60.0, START_UTC + timedelta(minutes=1))
    publisher.publish(old, 60.0, START_UTC + timedelta(minutes=1))
    publisher.publish(good, 120.0, START_UTC + timedelta(minutes=2))
    assert await written("claim", battery) == 1.0
    assert await written("plan.slot", Location("home")) == 1.0
    assert await written("profile.plan", Location("home")) == 2.0
    publisher.publish(good, 120.0, START_UTC + timedelta(minutes=8))  # the clock was set: the slot ends sooner
    assert await written("claim", battery) == 2.0
    await data.close()


@stepped
async def test_what_is_published_is_whole_and_small(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "planning")
    publisher = Publisher(door, SETTINGS)
    gathered = asked(START_UTC, 576, minutes=5)
    reply = answered(gathered)
    text = "Charges at the planned power: a kWh costs 0.1000 EUR now and saves 0.6000 EUR at 23:45 UTC tomorrow. " * 2
    decisions = tuple(
        replace(one, reason=SlotReason(one.reason.code, text, 1 / 3, 2 / 3, NOON, "contract_max", 1 / 7))
        for one in reply.plan.ess
    )
    plan = replace(reply.plan, ess=decisions, pev=decisions, pev_soc_kwh=reply.plan.ess_soc_kwh)
    stands = replace(standing(reply, gathered, None, 0.0, START_UTC), plan=plan, charger="charger")
    publisher.publish(stands, 0.0, START_UTC)
    found = door.latest("plan", Location("home"))
    assert found is not None, "two days of five minutes with a car must fit into one record"
    assert isinstance(found.value, Plan)
    assert found.value.slots == 288
    variables = ("profile.plan", "profile.plan.storage", "profile.plan.vehicle", "profile.plan.soc", "profile.demand")
    for variable in (*variables, "profile.demand.low", "profile.demand.high"):
        instance = door.latest(variable, Location("home"))
        assert instance is not None, variable
        assert isinstance(instance.value, Profile)
        assert len(instance.value.values) == 576
    slot = door.latest("plan.slot", Location("home"))
    assert slot is not None
    assert isinstance(slot.value, PlannedSlot)
    assert slot.time == START_UTC
    assert slot.value.ess_soc == 0.5
    assert len(msgspec.json.encode(slot.value)) < 800
    assert len(door.latest_all("claim", Location(ANY, ANY, ANY))) == 2
    await data.close()
