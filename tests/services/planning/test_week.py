"""The days ahead ride on the plan's question: at most hourly, again where no answer came, anew after a new past."""

from dataclasses import replace
from datetime import UTC, datetime

from heg.data.interface import DataInterface
from heg.model.instance import Location
from heg.model.plan import Degradation, DegradationCode, ExpectedEnergy, PlanReply, PlanRequest, Week, WeekSpan
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.services.planning.week import EACH_S, WeekKeeper
from tests.planner.requests import idle_reply, request
from tests.support.stepped import stepped

HERE = Location("demo")
WEEK = Week((WeekSpan(datetime(2025, 6, 1, tzinfo=UTC), 24.0, ExpectedEnergy(8.0, 6.0, 11.0)),), known_days=9.0)


@stepped
async def test_once_an_hour_and_sooner_where_it_was_not_had_or_no_longer_holds(clock: Clock) -> None:
    data = DataInterface(clock, "demo")
    door = data.admit(CUSTOMER, "test")
    keeper = WeekKeeper(door, HERE)
    asked = request()
    assert keeper.asked(asked, 0.0).week
    keeper.took(Degradation(DegradationCode.WORKER_LOST, "lost"), 0.0)
    keeper.took(idle_reply(asked), 0.0)
    assert door.latest("week", HERE) is None
    assert keeper.asked(asked, 1.0).week, "nothing was answered"
    keeper.took(replace_week(asked), 1.0)
    said = door.latest("week", HERE)
    assert said is not None
    assert said.value == WEEK
    assert keeper.asked(asked, EACH_S) == asked
    assert keeper.asked(asked, 1.0 + EACH_S).week
    keeper.forget()
    assert keeper.asked(asked, 2.0).week
    await data.close()


def replace_week(asked: PlanRequest) -> PlanReply:
    return replace(idle_reply(asked), week=WEEK)
