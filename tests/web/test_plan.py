"""The plan over the API: in short in the picture, whole, and beside what happened; nothing of it makes a page wait."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from heg.model.plan import Degradation, DegradationCode
from heg.runtime.clock import Clock
from heg.web.lacks import MENDING, MOST_LACKS, as_lacks
from heg.web.plan_messages import Expected
from heg.web.planning import expected
from tests.support.stepped import stepped
from tests.web import paper_plan
from tests.web.house import CHARGER
from tests.web.serving import serving

MORNING = datetime(2026, 6, 3, 8, 0, tzinfo=UTC)


@stepped(start_utc=MORNING)
async def test_without_a_plan_nothing_is_made_up(clock: Clock) -> None:
    async with serving(clock) as served:
        state = (await served.get("/api/v1/state")).json
        whole = (await served.get("/api/v1/plan")).json
    assert state["planning"] is True
    assert state["plan"] is None
    assert whole == {"planning": True, "plan": None}


@stepped(start_utc=MORNING)
async def test_the_picture_says_what_is_planned_now_and_when_it_changes(clock: Clock) -> None:
    async with serving(clock) as served:
        paper_plan.publish(served.house.door, paper_plan.plan_from(MORNING))
        await clock.sleep(90.0)
        plan = (await served.get("/api/v1/state")).json["plan"]
    storage = plan["storage"]
    assert (plan["status"], plan["age_s"], plan["vehicle"]) == ("optimal", 90, None)
    assert plan["ends_utc"] == "2026-06-04T08:00:00Z"
    assert storage["reason"] == "room_for_later"
    assert (storage["price_now"], storage["price_later"]) == (0.08, pytest.approx(-0.02, abs=0.002))
    assert storage["later_utc"] == "2026-06-03T11:30:00Z"
    assert storage["next"]["regime"] == "charge"
    assert MORNING < datetime.fromisoformat(storage["next"]["at_utc"]) < MORNING + timedelta(hours=4)
    assert plan["prices"]["low"] < 0 < plan["prices"]["high"]
    assert plan["expected"]["hours"] == 6.0
    assert plan["expected"]["production_kwh"] > plan["expected"]["demand_kwh"] > 0


def test_what_is_expected_counts_a_slot_that_has_begun_by_what_is_left_of_it() -> None:
    plan = replace(
        paper_plan.plan_from(MORNING, slots=8),
        demand_kw=(4.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0),
        production_kw=(0.0,) * 7 + (8.0,),
    )
    found = expected(plan, MORNING + timedelta(minutes=10))
    assert found == Expected(hours=1.8, demand_kwh=round(4 / 12 + 0.75 + 2.0, 2), production_kwh=2.0)
    assert expected(plan, MORNING - timedelta(hours=5)).demand_kwh == 1.0 + 0.75 + 2.0
    assert expected(plan, MORNING + timedelta(days=3)).hours == 0.0


@stepped(start_utc=MORNING)
async def test_an_old_plan_is_read_at_the_slot_that_runs_and_never_beyond_its_end(clock: Clock) -> None:
    async with serving(clock) as served:
        plan = paper_plan.plan_from(MORNING, slots=8)
        paper_plan.publish(served.house.door, plan)
        await clock.sleep(3600.0)
        within = (await served.get("/api/v1/state")).json["plan"]
        await clock.sleep(7 * 86400.0)
        after = (await served.get("/api/v1/state")).json["plan"]
    assert within["prices"]["import_now"] == plan.import_eur_per_kwh[4]
    assert after["prices"]["import_now"] == plan.import_eur_per_kwh[7]
    assert after["expected"] == {"hours": 0.0, "demand_kwh": 0.0, "production_kwh": 0.0}
    assert after["age_s"] > 7 * 86400


@stepped(start_utc=MORNING)
async def test_the_whole_plan_lies_in_columns_of_one_length(clock: Clock) -> None:
    async with serving(clock) as served:
        paper_plan.publish(served.house.door, paper_plan.plan_from(MORNING))
        said = await served.get("/api/v1/plan")
    plan = said.json["plan"]
    columns = [name for name, value in plan.items() if isinstance(value, list) and name not in ("lacks", "cycles")]
    assert len(columns) == 10
    assert {len(plan[name]) for name in columns} == {96}
    assert {len(plan["storage"][name]) for name in ("power_kw", "regime", "reason", "text")} == {96}
    assert len(plan["storage"]["soc"]) == 97
    assert all(0 <= share <= 1 for share in plan["storage"]["soc"])
    assert plan["demand_low_kw"][0] < plan["demand_kw"][0] < plan["demand_high_kw"][0]
    assert plan["cost"]["total_eur"] == pytest.approx(1.01)
    assert len(said.text) < 25_000


@stepped(start_utc=MORNING)
async def test_a_band_of_another_forecast_is_not_shown_as_this_ones(clock: Clock) -> None:
    async with serving(clock) as served:
        paper_plan.publish(served.house.door, paper_plan.plan_from(MORNING))
        served.house.door.write("plan", paper_plan.HERE, paper_plan.plan_from(MORNING + timedelta(hours=3)))
        plan = (await served.get("/api/v1/plan")).json["plan"]
    assert plan["demand_low_kw"] == []
    assert len(plan["demand_kw"]) == 96


@stepped(start_utc=MORNING)
async def test_what_lacks_is_said_with_how_to_mend_it(clock: Clock) -> None:
    async with serving(clock) as served:
        paper_plan.publish(served.house.door, paper_plan.degraded(paper_plan.plan_from(MORNING)))
        plan = (await served.get("/api/v1/state")).json["plan"]
    assert plan["status"] == "degraded"
    assert [lack["code"] for lack in plan["lacks"]] == ["prices_missing", "history_short"]
    assert plan["lacks"][0]["mend"].startswith("Name a price feed")


def test_every_lack_has_a_mending_and_is_told_once() -> None:
    assert set(MENDING) == set(DegradationCode)
    many = [Degradation(code, "x" * 5000) for code in DegradationCode] * 3
    lacks = as_lacks(many)
    assert [lack.code for lack in lacks] == list(DegradationCode)[:MOST_LACKS]
    assert all(len(lack.text) <= 400 for lack in lacks)
    short = [Degradation(DegradationCode.HISTORY_SHORT, text) for text in ("load", "sun", "load")]
    assert [lack.text for lack in as_lacks(short)] == ["load", "sun"]
    assert as_lacks([Degradation(DegradationCode.NETTED)])[0].text == "Netted."


@stepped(start_utc=MORNING)
async def test_plan_and_truth_side_by_side(clock: Clock) -> None:
    async with serving(clock) as served:
        served.house.remember(hours=24)
        paper_plan.remember(served.house.door, MORNING)
        past = (await served.get("/api/v1/plan/past")).json
    assert past["start_utc"] == "2026-06-02T08:00:00Z"
    done, planned = past["done"], past["planned"]
    assert {len(column) for part in (done, planned) for column in part.values()} == {97}
    for at in range(96):
        time = datetime(2026, 6, 2, 8, tzinfo=UTC) + at * timedelta(minutes=15)
        assert planned["demand_kw"][at] == pytest.approx(paper_plan.forecast_load_kw(time), abs=0.001)
        assert planned["import_eur_per_kwh"][at] == pytest.approx(paper_plan.price(time))
        assert done["demand_kw"][at] is not None
    assert set(planned["regime"][:96]) >= {"charge", "cover", "hold"}
    assert done["vehicle_kw"] == [None] * 97


@stepped(start_utc=MORNING)
async def test_a_car_is_no_part_of_the_demand(clock: Clock) -> None:
    async with serving(clock) as served:
        house = served.house
        house.report("device", "charger", CHARGER)
        for minutes in range(30, 0, -1):
            time = MORNING - timedelta(minutes=minutes)
            for device, kw in (("meter", 8.0), ("pv", 0.0), ("battery", 0.0), ("charger", 7.0)):
                house.report("power.active", device, kw, time=time)
        past = (await served.get("/api/v1/plan/past?from=2026-06-03T07:30:00Z&to=2026-06-03T08:00:00Z")).json
    assert past["done"]["vehicle_kw"] == [7.0, 7.0]
    assert past["done"]["demand_kw"] == [1.0, 1.0]


@stepped(start_utc=MORNING)
async def test_what_was_brought_from_before_stands_where_nothing_was_measured(clock: Clock) -> None:
    async with serving(clock) as served:
        served.house.door.write("slot.demand", paper_plan.HERE, 0.7, time=MORNING - timedelta(hours=1))
        past = (await served.get("/api/v1/plan/past?from=2026-06-03T07:00:00Z")).json
    assert past["done"]["demand_kw"][:2] == [0.7, None]


@stepped(start_utc=MORNING)
async def test_an_hour_that_was_planned_holds_for_its_quarters_and_minutes_are_joined(clock: Clock) -> None:
    async with serving(clock) as served:
        hour = paper_plan.planned_slot(paper_plan.plan_from(MORNING - timedelta(hours=2), minutes=60))
        served.house.door.write("plan.slot", paper_plan.HERE, hour, time=MORNING - timedelta(hours=2))
        asked = "/api/v1/plan/past?from=2026-06-03T06:30:00Z&to=2026-06-03T07:30:00Z"
        hours = (await served.get(asked)).json
        fine = paper_plan.planned_slot(paper_plan.plan_from(MORNING - timedelta(minutes=20), minutes=5))
        for part, minutes in ((1.0, 20), (2.0, 15), (6.0, 10), (9.0, 5)):
            fine = replace(fine, grid_kw=part)
            served.house.door.write("plan.slot", paper_plan.HERE, fine, time=MORNING - timedelta(minutes=minutes))
        fines = (await served.get("/api/v1/plan/past?from=2026-06-03T07:45:00Z&to=2026-06-03T08:00:00Z")).json
    assert hours["start_utc"] == "2026-06-03T06:00:00Z"
    assert [one is not None for one in hours["planned"]["demand_kw"]] == [True] * 4 + [False] * 2
    assert fines["planned"]["grid_kw"] == [pytest.approx((2.0 + 6.0 + 9.0) / 3, abs=0.001)]


@stepped(start_utc=MORNING)
async def test_what_was_planned_is_read_from_the_store_once(clock: Clock) -> None:
    async with serving(clock) as served:
        paper_plan.remember(served.house.door, MORNING, hours=3)
        first = (await served.get("/api/v1/plan/past?from=2026-06-03T05:00:00Z&to=2026-06-03T07:00:00Z")).json
        late = paper_plan.planned_slot(paper_plan.plan_from(MORNING, slots=1))
        served.house.door.write("plan.slot", paper_plan.HERE, late, time=MORNING - timedelta(hours=2))
        again = (await served.get("/api/v1/plan/past?from=2026-06-03T05:00:00Z&to=2026-06-03T07:00:00Z")).json
    assert first == again


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("from=2026-05-01T00:00:00Z", "too_large"),
        ("from=2026-06-04T00:00:00Z", "bad_time"),
        ("from=yesterday", "bad_request"),
    ],
)
@stepped(start_utc=MORNING)
async def test_a_span_that_cannot_be_is_refused(clock: Clock, query: str, reason: str) -> None:
    async with serving(clock) as served:
        said = await served.get(f"/api/v1/plan/past?{query}")
    assert said.status == 400
    assert said.json["reason"] == reason


@stepped(start_utc=MORNING)
async def test_a_charger_shows_what_is_known_of_its_car(clock: Clock) -> None:
    async with serving(clock) as served:
        before = (await served.get("/api/v1/state")).json["vehicles"]
        served.house.report("device", "charger", CHARGER)
        unknown = (await served.get("/api/v1/state")).json["vehicles"]
        served.house.plug(MORNING)
        served.house.tick()
        known = (await served.get("/api/v1/state")).json["vehicles"]
    assert before == []
    assert (unknown[0]["charger"], unknown[0]["known"], unknown[0]["plugged"]) == ("charger", False, False)
    assert (known[0]["known"], known[0]["soc"], known[0]["target_soc"]) == (True, 0.42, 0.8)
    assert known[0]["power_kw"]["value"] == 0.0
