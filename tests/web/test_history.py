"""The house's history in columns, and single series: sums that are never made of a part, and bounded answers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.runtime.clock import Clock
from heg.web.energy import MAX_STEPS
from tests.support.stepped import stepped
from tests.web.house import BATTERY, HOME
from tests.web.serving import serving

NOON = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)


@stepped(start_utc=NOON)
async def test_two_days_of_minutes_side_by_side(clock: Clock) -> None:
    async with serving(clock) as served:
        served.house.remember(hours=48)
        past = (await served.get("/api/v1/energy")).json
    assert past["step_s"] == 60
    assert past["start_utc"] == "2026-06-01T12:00:00Z"
    assert {len(past[name]) for name in ("house_kw", "pv_kw", "battery_kw", "grid_kw", "soc")} == {48 * 60 + 1}
    for at in range(0, 2880, 97):
        whole = past["grid_kw"][at] + past["pv_kw"][at] - past["battery_kw"][at]
        assert past["house_kw"][at] == pytest.approx(whole, abs=0.002)


@stepped(start_utc=NOON)
async def test_quarters_are_means_of_their_minutes(clock: Clock) -> None:
    async with serving(clock) as served:
        served.house.remember(hours=2)
        minutes = (await served.get("/api/v1/energy?from=2026-06-03T10:00:00Z&to=2026-06-03T11:00:00Z")).json
        path = "/api/v1/energy?from=2026-06-03T10:00:00Z&to=2026-06-03T11:00:00Z&resolution=15min"
        quarters = (await served.get(path)).json
    assert len(quarters["pv_kw"]) == 4
    assert quarters["pv_kw"][0] == pytest.approx(sum(minutes["pv_kw"][:15]) / 15, abs=0.002)


@stepped(start_utc=NOON)
async def test_a_minute_that_one_device_missed_is_unknown_not_smaller(clock: Clock) -> None:
    async with serving(clock) as served:
        door_time = NOON - timedelta(minutes=5)
        served.house.report("power.active", "meter", 1.0, time=door_time)
        served.house.report("power.active", "battery", 0.5, time=door_time)
        past = (await served.get("/api/v1/energy?from=2026-06-03T11:50:00Z")).json
    assert past["grid_kw"][5] == 1.0
    assert past["pv_kw"][5] is None
    assert past["house_kw"][5] is None


@stepped(start_utc=NOON)
async def test_two_batteries_are_one_sum_only_where_both_are_known(clock: Clock) -> None:
    async with serving(clock) as served:
        served.house.report("device", "second", replace(BATTERY, name="second"))
        for minutes, device, power_kw in ((5, "battery", 1.0), (5, "second", 0.5), (4, "battery", 1.0)):
            served.house.report("power.active", device, power_kw, time=NOON - timedelta(minutes=minutes))
        past = (await served.get("/api/v1/energy?from=2026-06-03T11:50:00Z")).json
    assert past["battery_kw"][5:7] == [1.5, None]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("resolution=raw", "unsupported"),
        ("resolution=1s", "bad_request"),
        ("from=yesterday", "bad_request"),
        ("from=2026-06-03T11:00:00", "bad_request"),
        ("form=2026-06-03T11:00:00Z", "bad_request"),
        ("from=0001-01-01T00:00:00Z", "bad_time"),
        ("from=2026-06-03T11:00:00Z&to=2026-06-03T10:00:00Z", "bad_time"),
        ("from=2020-01-01T00:00:00Z", "too_large"),
    ],
)
def test_what_cannot_be_answered_is_refused(query: str, reason: str) -> None:
    @stepped(start_utc=NOON)
    async def ask(clock: Clock) -> None:
        async with serving(clock) as served:
            said = await served.get(f"/api/v1/energy?{query}")
        assert (said.status, said.json["reason"]) == (400, reason)

    ask()


def test_three_days_of_minutes_fit_into_one_answer() -> None:
    assert MAX_STEPS >= 3 * 24 * 60


@stepped(start_utc=NOON)
async def test_one_series_with_its_unit(clock: Clock) -> None:
    async with serving(clock) as served:
        served.house.remember(hours=1)
        path = "/api/v1/history?variable=soc&device=battery&resolution=raw&from=2026-06-03T11:30:00Z"
        page = (await served.get(path)).json
    assert (page["unit"], page["place"], len(page["rows"])) == ("1", f"{HOME.unit}/battery", 30)
    assert page["rows"][0]["time"] == "2026-06-03T11:30:00Z"
    assert page["next_cursor"] is None


@stepped(start_utc=NOON)
async def test_an_unknown_variable_is_refused(clock: Clock) -> None:
    async with serving(clock) as served:
        said = await served.get("/api/v1/history?variable=power.dark")
        bad = await served.get("/api/v1/history?variable=soc&device=no/such*place")
    assert (said.status, said.json["reason"]) == (404, "unknown_variable")
    assert bad.status == 400


texts = st.one_of(
    st.sampled_from(
        ["power.active", "soc", "device", "command.scan", "battery", "raw", "1min", "1d", "*", "", "0", "-1"]
    ),
    st.datetimes().map(lambda time: f"{time.isoformat()}Z"),
    st.text(max_size=20),
)
queries = st.dictionaries(
    st.sampled_from(["from", "to", "resolution", "variable", "device", "part", "cursor", "other"]), texts, max_size=6
)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["/api/v1/energy", "/api/v1/history"]), queries), max_size=20))
def test_no_question_breaks_the_server(questions: list[tuple[str, dict[str, str]]]) -> None:
    @stepped(start_utc=NOON)
    async def ask(clock: Clock) -> None:
        async with serving(clock) as served:
            served.house.tick()
            for path, query in questions:
                said = await served.ask("GET", path, params=query)
                assert said.status in (200, 400, 403, 404, 429), (path, query, said.text)
                assert isinstance(said.json, dict)

    ask()
