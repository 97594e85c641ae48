"""The days ahead over the API: none, a young house's, and a week's."""

from datetime import UTC, datetime, timedelta

from heg.runtime.clock import Clock
from tests.support.stepped import stepped
from tests.web import paper_plan
from tests.web.serving import serving

MORNING = datetime(2026, 6, 3, 8, 0, tzinfo=UTC)


@stepped(start_utc=MORNING)
async def test_nothing_is_made_up_before_the_first_one(clock: Clock) -> None:
    async with serving(clock) as served:
        assert (await served.get("/api/v1/week")).json == {"planning": True, "week": None}


@stepped(start_utc=MORNING)
async def test_a_week_is_told_by_the_day_with_its_bands_and_its_age(clock: Clock) -> None:
    async with serving(clock) as served:
        served.house.door.write("week", paper_plan.HERE, paper_plan.week_from(MORNING))
        await clock.sleep(60.0)
        week = (await served.get("/api/v1/week")).json["week"]
    assert (week["age_s"], week["known_days"], week["enough"], week["lacks"]) == (60, 35.0, True, [])
    assert [day["hours"] for day in week["days"]] == [14.0, *(24.0,) * 6, 10.0]
    assert week["days"][1]["start_utc"] == "2026-06-03T22:00:00Z"
    assert week["days"][1]["demand"] == {"kwh": 14.2, "low_kwh": 11.0, "high_kwh": 18.9}
    assert week["days"][1]["production"]["kwh"] == 11.0
    assert sum((timedelta(hours=day["hours"]) for day in week["days"]), timedelta()) == timedelta(days=7)


@stepped(start_utc=MORNING)
async def test_of_a_young_house_it_is_said_that_too_little_is_known(clock: Clock) -> None:
    async with serving(clock) as served:
        served.house.door.write("week", paper_plan.HERE, paper_plan.week_from(MORNING, known_days=1.4))
        week = (await served.get("/api/v1/week")).json["week"]
    assert (week["enough"], week["known_days"]) == (False, 1.4)
    assert week["lacks"][0]["code"] == "history_short"
