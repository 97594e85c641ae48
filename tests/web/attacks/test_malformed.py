"""What is no request, or is one within another: one counted refusal each, and nothing in a log."""

import asyncio
import json
import logging
import re
from pathlib import Path

import pytest

from heg.runtime.clock import Clock
from heg.web.endpoint import Method
from heg.web.guard import HEADERS
from tests.support.stepped import stepped
from tests.web.attacks.wire import GET, HOST, MALFORMED, ORDER, POST, SECOND
from tests.web.serving import ORDER_HEADERS, serving
from tests.web.test_login import owned


@pytest.mark.parametrize("name", MALFORMED)
@stepped
async def test_what_is_no_request_gets_one_refusal_and_no_log(
    clock: Clock, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with serving(clock) as served:
            answer = await served.raw(MALFORMED[name])
            metrics = (await served.get("/metrics")).text
            assert served.house.orders == []
    assert re.findall(rb"HTTP/1\.[01] (\d\d\d)", answer) == [b"400"], answer
    assert answer.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
    head, _, body = answer.partition(b"\r\n\r\n")
    for header, value in HEADERS.items():
        assert f"{header}: {value}".encode() in head
    assert json.loads(body)["reason"] == "bad_request"
    assert 'heg_refusals_total{at="web",reason="bad_request"} 1.0' in metrics
    assert not caplog.records


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "evil.example@127.0.0.1",
        "127.0.0.1@evil.example",
        "127.0.0.1/evil.example",
        "127.0.0.1, evil.example",
        "127.0.0.1 evil.example",
        "127.0.0.1#evil.example",
        "127.0.0.1?",
        "127.0.0.1\\evil.example",
        "0x7f000001",
        "2130706433",
        "127.1",
        "[::1",
        "[::1%25lo]",
        "",
    ],
)
@stepped
async def test_a_host_that_is_not_plainly_this_machine_is_refused(clock: Clock, host: str) -> None:
    async with serving(clock) as served:
        answer = await served.raw(GET + f"Host: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ")[1] == b"421"


@stepped
async def test_neither_a_target_nor_a_proxys_header_speaks_for_the_host(clock: Clock) -> None:
    close = b"Connection: close\r\n\r\n"
    async with serving(clock) as served:
        other = await served.raw(b"GET http://evil.example/api/v1/state HTTP/1.1\r\n" + HOST + close)
        turned = await served.raw(b"GET http://127.0.0.1/api/v1/state HTTP/1.1\r\nHost: evil.example\r\n" + close)
        ours = await served.raw(b"GET http://127.0.0.1/api/v1/state HTTP/1.1\r\n" + HOST + close)
        told = await served.raw(GET + b"Host: evil.example\r\nX-Forwarded-Host: 127.0.0.1\r\n" + close)
    assert [answer.split(b" ")[1] for answer in (other, turned, ours, told)] == [b"421", b"421", b"200", b"421"]


@stepped
async def test_no_proxys_header_makes_another_address(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
            body = json.dumps({"name": "anna", "password": "wrong"}).encode()
            headers = {**ORDER_HEADERS, header: "for=192.0.2.7"}
            assert (await owner.served.ask("POST", "/api/v1/session", data=body, headers=headers)).status == 401
        lines = (await owner.get("/api/v1/audit")).json["lines"]
        assert {line["address"] for line in lines} <= {"127.0.0.1", "console", ""}


@stepped
async def test_a_head_is_asked_and_no_body_comes_nor_a_stream(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        cookie = "; ".join(f"{name}={value}" for name, value in owner.cookies.items()).encode()
        rows = [row for row in owner.served.web.table.rows if row.method is Method.GET]
        for row in rows:
            path = re.sub(r"\{\w+\}", "1", row.path).encode()
            query = b"?variable=soc&device=battery&format=csv" if path.endswith(b"/history") else b""
            query = b"?variable=soc" if path.endswith(b"latest/events") else query
            head = b"HEAD " + path + query + b" HTTP/1.1\r\n" + HOST + b"Cookie: " + cookie + b"\r\n"
            answer = await owner.served.raw(head + b"Connection: close\r\n\r\n")
            assert answer.split(b" ")[1] != b"500", row.path
            assert answer.endswith(b"\r\n\r\n"), row.path
            assert answer.count(b"\r\n\r\n") == 1, row.path
        assert owner.served.web._live.viewers == 0


@stepped
async def test_answers_come_in_the_order_of_the_questions(clock: Clock) -> None:
    paths = (b"/api/v1/state", b"/nowhere", b"/", b"/api/v1/history", b"/api/v1/variables")
    requests = [b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n" for path in paths]
    async with serving(clock) as served:
        answer = await served.raw(b"".join(requests) + SECOND)
    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", answer) == [b"200", b"404", b"200", b"400", b"200", b"503"]


@stepped
async def test_nothing_within_a_refused_body_is_a_request(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        inner = b"POST /api/v1/commands/scan HTTP/1.1\r\n" + ORDER + b"Content-Length: 2\r\n\r\n{}"
        for body in (inner.ljust(9000), inner):
            length = b"Content-Length: %d\r\n\r\n" % len(body)
            answer = await owner.served.raw(POST + ORDER + length + body + SECOND)
            found = re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)
            assert found in ([b"413", b"503"], [b"413", b"200"], [b"401", b"503"], [b"401", b"200"]), found
        assert owner.served.house.orders == []


@stepped
async def test_who_hangs_up_in_the_middle_leaves_no_log(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with serving(clock) as served:
            for request in (
                POST + ORDER + b"Content-Length: 10\r\n\r\n{",
                POST + ORDER + b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n",
                GET + HOST + b"Content-Length: 10\r\n\r\n{",
                GET + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
                b"GET /api/v1/events HTTP/1.1\r\n" + HOST + b"\r\n",
                GET,
            ):
                _reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
                writer.write(request)
                await clock.sleep(0.1)
                writer.transport.abort()
                await clock.sleep(0.1)
            assert (await served.get("/api/v1/state")).status == 200
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
