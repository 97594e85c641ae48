"""What holds for every endpoint: what comes in is checked as declared, what goes out is typed, tagged and bounded."""

import json
from datetime import timedelta
from typing import Annotated, Any

import pytest
from msgspec import Meta

from heg.runtime.clock import Clock
from heg.web.accounts.roles import Permission
from heg.web.asking import DeniedError, decoded
from heg.web.endpoint import Asked, Endpoint, Nothing, Nowhere, Table, reading
from heg.web.messages import Message
from heg.web.tables import as_csv
from tests.support.stepped import stepped
from tests.web.serving import ORDER_HEADERS, serving


class Wish(Asked, frozen=True):
    """A body."""

    count: Annotated[int, Meta(ge=1, description="a whole number, at least 1")]


async def nobody(_call: Any) -> Message:
    raise AssertionError("not asked")


def row(path: str) -> Endpoint:
    return reading(path, Permission.READ, "a test", nobody, Message, Nowhere)


def test_a_path_is_declared_once() -> None:
    with pytest.raises(ValueError, match="same method and path"):
        Table((row("/a"), row("/b")), (row("/a"),))


def test_a_wrong_field_is_named_with_what_it_takes() -> None:
    with pytest.raises(DeniedError) as raised:
        decoded(b'{"count": "secret"}', Wish)
    problem = raised.value.denied.problem
    assert problem.expected == "count: a whole number, at least 1"
    assert "secret" not in str(problem)


def test_an_empty_body_is_an_empty_object() -> None:
    assert decoded(b"", Nothing) == Nothing()


@stepped
async def test_a_refusal_is_problem_json(clock: Clock) -> None:
    async with serving(clock) as served:
        said = await served.get("/api/v1/energy?resolution=2min")
        nowhere = await served.get("/api/v1/devixes")
    assert (said.status, said.headers["Content-Type"]) == (400, "application/problem+json")
    assert said.json["type"] == "urn:heg:problem:bad_request"
    assert said.json["status"] == 400
    assert said.json["expected"] == "resolution: one of raw, 1min, 15min, 1h, 1d"
    assert said.json["came"] == "2min"
    assert "expected resolution: one of" in said.json["detail"]
    assert (nowhere.status, nowhere.headers["Content-Type"]) == (404, "application/problem+json")


@stepped
async def test_a_parameter_nobody_knows_is_refused_with_a_hint(clock: Clock) -> None:
    async with serving(clock) as served:
        said = await served.get("/api/v1/history?variable=soc&devise=battery")
        twice = await served.get("/api/v1/history?variable=soc&variable=soh")
    assert said.status == 400
    assert "did you mean device?" in said.json["expected"]
    assert twice.status == 400


@stepped
async def test_the_word_null_is_not_nothing_and_a_number_no_time(clock: Clock) -> None:
    async with serving(clock) as served:
        for path in (
            "/api/v1/energy?to=null",
            "/api/v1/savings?from=NULL",
            "/api/v1/history?variable=soc&to=null",
            "/api/v1/energy?to=0.5",
            "/api/v1/savings?from=1790000000",
        ):
            said = await served.get(path)
            assert (said.status, said.json["reason"]) == (400, "bad_request"), path


@stepped
async def test_a_method_that_a_path_does_not_take_is_answered_by_those_it_does(clock: Clock) -> None:
    async with serving(clock) as served:
        for method, path, allow in (
            ("POST", "/healthz", "GET, HEAD"),
            ("GET", "/api/v1/commands/scan", "POST"),
            ("DELETE", "/api/v1/state", "GET, HEAD"),
            ("TRACE", "/", "GET, HEAD"),
            ("PUT", "/nowhere", "GET, HEAD, POST"),
        ):
            said = await served.ask(method, path)
            assert (said.status, said.headers["Allow"]) == (405, allow), (method, path)


@stepped
async def test_who_has_the_answer_is_not_sent_it_again(clock: Clock) -> None:
    async with serving(clock) as served:
        first = await served.get("/api/v1/variables")
        again = await served.get("/api/v1/variables", If_None_Match=first.headers["ETag"])
        other = await served.get("/api/v1/variables", If_None_Match='"other"')
    assert (again.status, again.text) == (304, "")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert other.status == 200


@stepped
async def test_the_catalogue_and_the_newest_values(clock: Clock) -> None:
    async with serving(clock) as served:
        served.house.tick()
        catalogue = (await served.get("/api/v1/variables")).json["variables"]
        soc = (await served.get("/api/v1/latest?variable=soc&device=battery")).json["values"]
        everything = (await served.get("/api/v1/latest?device=battery")).json["values"]
        csv = await served.get("/api/v1/latest?device=battery&format=csv")
        unknown = await served.get("/api/v1/latest?variable=power.dark")
    assert {"power.active", "soc", "device"} <= {one["id"] for one in catalogue}
    assert [(one["device"], one["quality"]) for one in soc] == [("battery", "good")]
    assert {"soc", "power.active", "device"} <= {one["variable"] for one in everything}
    assert csv.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert len(csv.text.splitlines()) == len(everything) + 1
    assert unknown.status == 404


@stepped
async def test_a_history_comes_in_pages_or_as_one_csv(clock: Clock) -> None:
    async with serving(clock) as served:
        served.house.remember(hours=4)
        path = "/api/v1/history?variable=soc&device=battery&resolution=raw"
        first = (await served.get(f"{path}&limit=100")).json
        second = (await served.get(f"{path}&limit=100&cursor={first['next_cursor']}")).json
        whole = (await served.get(path)).json
        csv = await served.get(f"{path}&format=csv")
    assert len(first["rows"]) == len(second["rows"]) == 100
    assert whole["rows"][:200] == first["rows"] + second["rows"]
    lines = csv.text.splitlines()
    assert lines[0] == "time,value,low,high,first,last,count"
    assert len(lines) == len(whole["rows"]) + 1
    assert lines[1].startswith(f"{whole['rows'][0]['time']},{whole['rows'][0]['value']}")
    assert 'filename="soc-battery.csv"' in csv.headers["Content-Disposition"]


def test_a_spreadsheet_is_given_no_formula() -> None:
    assert as_csv([("=HYPERLINK(1)", "-1", -1.5, 'a"b,c')]) == b'\'=HYPERLINK(1),\'-1,-1.5,"a""b,c"\r\n'


@stepped
async def test_new_instances_are_told_as_they_come(clock: Clock) -> None:
    async with serving(clock) as served:
        address = f"{served.address}/api/v1/latest/events?variable=soc&device=battery"
        async with served.session.get(address) as stream:
            assert stream.headers["Content-Type"] == "text/event-stream"
            served.house.report("soc", "battery", 0.25)
            told = (await stream.content.readuntil(b"\n\n")).decode()
    event, data = told.splitlines()[:2]
    assert event == "event: instance"
    assert json.loads(data.removeprefix("data: "))["value"] == 0.25


@stepped
async def test_a_stream_nobody_feeds_beats(clock: Clock) -> None:
    async with serving(clock, heartbeat_s=10.0) as served:
        address = f"{served.address}/api/v1/latest/events?variable=soc"
        async with served.session.get(address) as stream:
            told = await stream.content.readuntil(b"\n\n")
    assert told.startswith(b"event: beat")


@stepped
async def test_streams_of_both_kinds_are_counted_together(clock: Clock) -> None:
    path = "/api/v1/latest/events?variable=soc"
    async with serving(clock, clients=1) as served, served.session.get(served.address + path):
        assert (await served.get("/api/v1/events")).status == 503
        assert (await served.get(path)).status == 503


@stepped
async def test_a_body_that_trickles_is_given_up(clock: Clock) -> None:
    async with serving(clock) as served:
        head = "".join(f"{name}: {value}\r\n" for name, value in ORDER_HEADERS.items())
        request = f"POST /api/v1/commands/hands-off HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}Content-Length: 12\r\n\r\n{{"
        before = clock.utc()
        answer = await served.raw(request.encode())
    assert b" 408 " in answer
    assert clock.utc() - before < timedelta(seconds=25)


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "1e3", "٣", "0x10", ""])
@stepped
async def test_no_length_breaks_the_server(clock: Clock, length: str) -> None:
    async with serving(clock) as served:
        head = "".join(f"{name}: {value}\r\n" for name, value in ORDER_HEADERS.items())
        request = (
            f"POST /api/v1/commands/scan HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{head}"
            f"Content-Length: {length}\r\n\r\n{{}}"
        )
        answer = await served.raw(request.encode())
    assert answer.split(b" ")[1][:1] == b"4"


@stepped
async def test_the_configuration_is_more_than_a_value(clock: Clock) -> None:
    async with serving(clock) as served:
        said = await served.get("/api/v1/latest?variable=configuration")
        assert said.status == 200  # no login is asked for here
