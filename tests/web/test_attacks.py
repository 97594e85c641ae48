"""What strangers send: malformed, smuggled, forged, oversized, slow. Each ends in a counted refusal, and in no log."""

import asyncio
import contextlib
import gzip
import json
import logging
import re
import socket
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.runtime.clock import Clock
from heg.web.accounts.roles import Permission
from heg.web.budget import Budget
from heg.web.connection import LARGEST_HEAD_BYTES
from heg.web.endpoint import Answered, Download, Method, Nowhere, Open, Table, reading
from heg.web.gate import SESSION_COOKIE
from heg.web.guard import HEADERS
from heg.web.listen import open_listener, page_address
from heg.web.settings import WebSettings
from tests.support.stepped import stepped
from tests.web.serving import ORDER_HEADERS, Served, serving
from tests.web.test_login import COOKIES, PASSWORD, Browser, owned

HOST = b"Host: 127.0.0.1\r\n"
ORDER = HOST + b"X-Heg-Request: 1\r\nContent-Type: application/json\r\n"
GET = b"GET /api/v1/state HTTP/1.1\r\n"
POST = b"POST /api/v1/commands/scan HTTP/1.1\r\n"
SECOND = b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"

MALFORMED = {
    "both lengths": POST + ORDER + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
    "two lengths": POST + ORDER + b"Content-Length: 2\r\nContent-Length: 30\r\n\r\n{}" + SECOND,
    "the same length twice": POST + ORDER + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" + SECOND,
    "a list of lengths": POST + ORDER + b"Content-Length: 2, 2\r\n\r\n{}" + SECOND,
    "an unknown coding": POST + ORDER + b"Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}" + SECOND,
    "a coding behind a space": POST + ORDER + b"Transfer-Encoding : chunked\r\nContent-Length: 2\r\n\r\n{}" + SECOND,
    "a coding behind a tab": POST + ORDER + b"Transfer-Encoding:\tchunked\r\nContent-Length: 2\r\n\r\n{}" + SECOND,
    "two codings": POST + ORDER + b"Transfer-Encoding: gzip, identity\r\nContent-Length: 2\r\n\r\n{}" + SECOND,
    "a chunk of no size": GET + HOST + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n" + SECOND,
    "a folded header": GET + HOST + b"X: a\r\n b\r\n\r\n" + SECOND,
    "bare line feeds": b"GET /api/v1/state HTTP/1.1\nHost: 127.0.0.1\n\n" + SECOND,
    "one bare line feed": GET + b"Host: 127.0.0.1\nX: y\r\n\r\n" + SECOND,
    "a bare carriage return": GET + b"Host: 127.0.0.1\rX: y\r\n\r\n" + SECOND,
    "a header without a name": GET + HOST + b": y\r\n\r\n" + SECOND,
    "a space in a name": GET + HOST + b"X Y: z\r\n\r\n" + SECOND,
    "NUL in a value": GET + HOST + b"X: \x00\r\n\r\n" + SECOND,
    "two hosts": GET + HOST + b"Host: evil.example\r\n\r\n" + SECOND,
    "no host": GET + b"\r\n" + SECOND,
    "NUL in the path": b"GET /\x00 HTTP/1.1\r\n" + HOST + b"\r\n" + SECOND,
    "another version": b"GET / HTTP/3.0\r\n" + HOST + b"\r\n" + SECOND,
    "HTTP/2's greeting": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SECOND,
    "a greeting of TLS": bytes.fromhex("160301020001000100") + b"\x00" * 40 + b"\r\n\r\n",
    "a method nobody knows": b"FOO / HTTP/1.1\r\n" + HOST + b"\r\n" + SECOND,
    "an endless method": b"A" * 9000 + b" / HTTP/1.1\r\n" + HOST + b"\r\n" + SECOND,
    "an endless address": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n" + SECOND,
    "an endless header": GET + HOST + b"Cookie: " + b"a=b; " * 2000 + b"\r\n\r\n" + SECOND,
    "headers without end": GET + HOST + b"".join(b"X-%d: y\r\n" % number for number in range(80)) + b"\r\n" + SECOND,
}


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


FORGED: dict[str, dict[str, str]] = {
    "a form": {"Content-Type": "application/x-www-form-urlencoded"},
    "a form with a file": {"Content-Type": "multipart/form-data; boundary=x"},
    "a form that looks like JSON": {"Content-Type": "text/plain"},
    "a fetch without our header": {"Content-Type": "application/json"},
    "our header with another value": {"Content-Type": "application/json", "X-Heg-Request": "2"},
    "no type at all": {"X-Heg-Request": "1", "Content-Type": ""},
    "another origin": {**ORDER_HEADERS, "Origin": "https://evil.example"},
    "the other scheme": {**ORDER_HEADERS, "Origin": "https://127.0.0.1"},
    "another port of this machine": {**ORDER_HEADERS, "Origin": "http://127.0.0.1:3000"},
    "a name like ours": {**ORDER_HEADERS, "Origin": "http://127.0.0.1.evil.example"},
    "a sandboxed frame": {**ORDER_HEADERS, "Origin": "null"},
    "another site, no origin": {**ORDER_HEADERS, "Sec-Fetch-Site": "cross-site"},
    "another port, no origin": {**ORDER_HEADERS, "Sec-Fetch-Site": "same-site"},
}


@stepped
async def test_no_foreign_page_gives_any_order_with_the_owners_cookie(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        cookie = "; ".join(f"{name}={value}" for name, value in owner.cookies.items())
        rows = [row for row in owner.served.web.table.rows if row.method is Method.POST]
        assert len(rows) > 15
        for row in rows:
            path = re.sub(r"\{\w+\}", "1", row.path)
            for what, headers in FORGED.items():
                await clock.sleep(0)
                said = await asked(owner.served, path, {**headers, COOKIES: cookie})
                assert said.status in (403, 415, 429), (row.key, what, said.text)
        assert owner.served.house.orders == []
        assert (await owner.get("/api/v1/session")).json["name"] == "anna"


async def asked(served: Served, path: str, headers: dict[str, str]) -> Any:
    return await served.ask("POST", path, data=b'{"everywhere": true}', headers=headers)


@stepped
async def test_a_reading_method_never_orders(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        cookie = {COOKIES: "; ".join(f"{name}={value}" for name, value in owner.cookies.items())}
        for override in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
            headers = {**ORDER_HEADERS, **cookie, override: "POST"}
            for path in ("/api/v1/commands/scan", "/api/v1/session/end?_method=POST"):
                assert (await owner.served.ask("GET", path, headers=headers)).status == 405
        assert owner.served.house.orders == []
        assert (await owner.get("/api/v1/session")).json["name"] == "anna"


@stepped
async def test_two_sessions_at_once_are_none(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        mine = owner.cookies[SESSION_COOKIE]
        planted = f"{SESSION_COOKIE}=heg_s_{'A' * 43}"
        for cookies in (
            f"{planted}; {SESSION_COOKIE}={mine}",
            f"{SESSION_COOKIE}={mine}; {planted}",
            f"{SESSION_COOKIE}={mine};{SESSION_COOKIE} = {mine}",
        ):
            assert (await owner.served.ask("GET", "/api/v1/state", headers={COOKIES: cookies})).status == 401, cookies
        other = f"heg-session=x; __Secure-heg-session=y; x{SESSION_COOKIE}=z; {SESSION_COOKIE}={mine}"
        assert (await owner.served.ask("GET", "/api/v1/state", headers={COOKIES: other})).status == 200


@stepped
async def test_a_key_is_taken_where_keys_belong_and_nowhere_else(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        session = owner.cookies[SESSION_COOKIE]
        token = (await owner.post("/api/v1/tokens", {"label": "x", "scopes": ["read"]})).json["key"]
        for path, headers in (
            (f"/api/v1/state?token={token}", {}),
            (f"/api/v1/state?access_token={token}", {}),
            ("/api/v1/state", {"X-Api-Key": token}),
            ("/api/v1/state", {"Authorization": token}),
            ("/api/v1/state", {"Authorization": f"Token {token}"}),
            ("/api/v1/state", {COOKIES: f"heg-session={session}"}),
        ):
            assert (await owner.served.ask("GET", path, headers=headers)).status in (400, 401), path


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


CLIMBS = (
    "../",
    "..%2f",
    "%2e%2e/",
    "%2e%2e%2f",
    "..%252f",
    "..\\",
    "..%5c",
    "%c0%ae%c0%ae/",
    "....//",
    "..;/",
    "..%00/",
)


@stepped
async def test_no_path_leads_out_of_the_pages_files(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        for begin in ("/", "/assets/", "/static/", "/api/v1/", "//", "/%2f"):
            for climb in CLIMBS:
                for end in ("etc/passwd", "heg/web/server.py", "accounts.sqlite"):
                    target = f"{begin}{climb * 5}{end}"
                    request = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
                    answer = await owner.served.raw(request.encode())
                    assert answer.split(b" ")[1] in (b"400", b"401", b"404", b"421", b"429"), target
                    assert b"root:" not in answer


@pytest.mark.parametrize(
    "target", ["/..", "//evil.example/api/v1/state", "/api//v1/state", "/API/v1/state", "/api/v1/state/"]
)
@stepped
async def test_a_path_has_one_spelling(clock: Clock, target: str) -> None:
    async with serving(clock) as served:
        answer = await served.raw(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ")[1] == b"404"


@stepped
async def test_every_answer_forbids_frames_and_scripts(clock: Clock, tmp_path: Path) -> None:
    """Of every status the server can be brought to."""
    async with owned(clock, tmp_path) as owner:
        served = owner.served
        page = await served.get("/")
        answers = [
            page,
            await served.get("/", If_None_Match=page.headers["ETag"]),
            await served.get("/api/v1/state"),
            await served.get("/api/v1/session", Host="evil.example"),
            await owner.get("/api/v1/history?variable=soc&device=battery&format=csv"),
            await owner.get("/api/v1/audit/export"),
            await owner.get("/api/v1/nowhere"),
            await owner.get("/api/v1/history"),
            await owner.post("/api/v1/accounts/77/remove"),
            await owner.post("/api/v1/accounts", {"name": "anna", "role": "user"}),
            await served.ask("PUT", "/"),
            await served.ask("POST", "/api/v1/session", data=b"{}", headers={"X-Heg-Request": "1"}),
            await served.ask("POST", "/api/v1/session", data=b"{}"),
            await served.ask("POST", "/api/v1/session", data=b" " * 9000, headers=ORDER_HEADERS),
            await served.ask("GET", "/nowhere", headers={"Expect": "a wonder"}),
        ]
        assert {said.status for said in answers} >= {200, 304, 400, 401, 403, 404, 405, 409, 413, 415, 417, 421}
        for said in answers:
            for name, value in HEADERS.items():
                assert said.headers[name] == value, (said.status, name)
            assert "Access-Control-Allow-Origin" not in said.headers
            assert not any(name in said.headers for name in ("X-Powered-By", "Via"))


# oversized and slow


async def dripped(clock: Clock, served: Served, first: bytes, drop: bytes, every_s: float) -> tuple[float, int]:
    """Drip until the server lets go; seconds and bytes that took."""
    loop, begun, sent = asyncio.get_running_loop(), clock.utc(), 0
    with socket.socket() as connection:
        connection.setblocking(False)
        await loop.sock_connect(connection, ("127.0.0.1", served.port))
        await loop.sock_sendall(connection, first)
        try:
            while (clock.utc() - begun).total_seconds() < 120.0:
                await loop.sock_sendall(connection, drop)
                sent += len(drop)
                await clock.sleep(every_s)
        except ConnectionError:
            pass
    return (clock.utc() - begun).total_seconds(), sent


@stepped
async def test_a_head_that_never_ends_is_given_up(clock: Clock) -> None:
    async with serving(clock) as served:
        _seconds, sent = await dripped(clock, served, GET + HOST, b"X: " + b"y" * 4000 + b"\r\n", 0.01)
        assert sent < 2 * LARGEST_HEAD_BYTES
        assert 'reason="too_large"} 1.0' in (await served.get("/metrics")).text


@stepped
async def test_a_head_that_trickles_is_given_up(clock: Clock) -> None:
    async with serving(clock) as served:
        seconds, _ = await dripped(clock, served, GET + HOST, b"X", 1.0)
        assert 25.0 < seconds < 35.0
        whole = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
        seconds, _ = await dripped(clock, served, whole + GET + HOST, b"X", 1.0)
        assert 25.0 < seconds < 40.0
        head = POST + ORDER + b"Content-Length: 4000\r\n\r\n"
        seconds, _ = await dripped(clock, served, head, b" ", 1.0)
        assert 8.0 < seconds < 25.0
        assert (await served.get("/api/v1/state")).status == 200


@pytest.mark.parametrize(
    ("path", "seconds"),
    [
        (b"/api/v1/variables", 40),  # pipelined answers, each whole
        (b"/api/v1/history?variable=soc&device=battery&resolution=raw&format=csv", 80),  # downloads
        (b"/", 40),
    ],
)
@stepped
async def test_who_asks_and_never_reads_is_given_up(clock: Clock, path: bytes, seconds: int) -> None:
    loop = asyncio.get_running_loop()
    async with serving(clock, budget=Budget(1e6, 1e6)) as served:
        served.house.remember(hours=24)
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.setblocking(False)
            await loop.sock_connect(connection, ("127.0.0.1", served.port))
            asking = loop.create_task(
                loop.sock_sendall(connection, (b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n") * 2000)
            )
            await clock.sleep(seconds)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            assert peers(served.port) == []
        assert (await served.get("/api/v1/state")).status == 200


def peers(port: int) -> list[str]:
    """Who is connected to a port of this machine, by the system's count."""
    text = Path("/proc/self/net/tcp").read_text().splitlines()[1:]
    here = f":{port:04X}"
    return [line for line in text if line.split()[1].endswith(here) and line.split()[3] == "01"]


@stepped
async def test_nobody_is_told_to_go_on_whose_body_is_not_wanted(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        tail = b"Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        stranger = await owner.served.raw(POST + ORDER + tail)
        login = await owner.served.raw(b"POST /api/v1/session HTTP/1.1\r\n" + ORDER + tail + b"{}")
    assert stranger.startswith(b"HTTP/1.1 401 ")
    assert login.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 ")


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


@stepped
async def test_a_download_ends_with_whoever_waits_for_it_and_one_that_cannot_begin_is_refused(clock: Clock) -> None:
    """Whatever it holds is given back; nobody is sent the beginning of what will not come."""
    ended: list[str] = []

    async def chunks() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"x" * 100_000
        finally:
            ended.append("ended")

    async def refused() -> AsyncGenerator[bytes, None]:
        raise RefusedError(Refusal(RefusalCode.NOT_READY, "a store", "none"))
        yield b""

    async def handler(_call: Any) -> Answered:
        return Download(chunks(), "text/csv", "x.csv")

    async def refuser(_call: Any) -> Answered:
        return Download(refused(), "text/csv", "x.csv")

    async with serving(clock) as served:
        pass
    endless = reading("/endless", Permission.READ, "without end", handler, "text/csv", Nowhere)
    never = reading("/never", Permission.READ, "not even begun", refuser, "text/csv", Nowhere)
    served.web.table = Table(served.web.table.rows, (endless, never))
    with open_listener(WebSettings(port=0)) as listener:
        served.web._listener = listener
        running = asyncio.create_task(served.web.run())
        request = b"GET /endless HTTP/1.1\r\n" + HOST + b"\r\n"
        for waits_s in (0.0, 1.0):
            _reader, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
            writer.write(request)
            await clock.sleep(waits_s)
            writer.close()
            await clock.sleep(1.0)
        async with aiohttp.ClientSession() as session, session.get(f"{page_address(listener)}/never") as said:
            assert (said.status, (await said.json(content_type=None))["reason"]) == (503, "not_ready")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert ended == ["ended"] * 2


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity", "gzip, gzip"])
@stepped
async def test_a_packed_body_is_not_unpacked(clock: Clock, coding: str) -> None:
    bomb = gzip.compress(b" " * 7_000_000)
    assert len(bomb) < 8192
    async with serving(clock) as served:
        said = await served.ask(
            "POST", "/api/v1/commands/scan", data=bomb, headers={**ORDER_HEADERS, "Content-Encoding": coding}
        )
    assert said.status == 415


@pytest.mark.parametrize(
    "body",
    [
        b'{"device": "battery", "power_kw": NaN}',
        b'{"device": "battery", "power_kw": Infinity}',
        b'{"device": "battery", "power_kw": -Infinity}',
        b'{"device": "battery", "power_kw": 1e999}',
        b'{"device": "battery", "power_kw": 1' + b"0" * 5000 + b"}",
        b'{"device": "battery", "power_kw": 0x10}',
        b'{"device": "battery", "power_kw": "1"}',
        b'{"device": "battery", "power_kw": true}',
        b'{"device": "battery", "device": "pv"}',
        b'{"device": "battery", "devic\\u0065": "pv"}',
        b'{"device": "battery", "__proto__": {}}',
        b'{"device": "batt\\u0000ery"}',
        b'{"device": "batt\\u202eery"}',
        b'{"device": "b\xd0\xb0ttery"}',  # the second letter is Cyrillic
        b'{"device": "../battery"}',
        b'{"device": ["battery"]}',
        b'{"device": "battery"}{}',
        b'\xef\xbb\xbf{"device": "battery"}',
        '{"device": "battery"}'.encode("utf-16"),
        b'{"device": ' + b"[" * 4000 + b"]" * 4000 + b"}",
    ],
)
@stepped
async def test_numbers_and_names_are_what_they_look_like(clock: Clock, body: bytes) -> None:
    async with serving(clock) as served:
        said = await served.ask("POST", "/api/v1/commands/try", data=body, headers=ORDER_HEADERS)
        assert (said.status, said.json["reason"]) == (400, "bad_request"), said.text
        assert served.house.orders == []


@stepped
async def test_many_parameters_are_refused(clock: Clock) -> None:
    async with serving(clock) as served:
        said = await served.get("/api/v1/history?" + "&".join(f"p{number}=1" for number in range(1000)))
        long = await served.get("/api/v1/history?variable=soc&cursor=" + "x" * 5000)
    assert (said.status, long.status) == (400, 400)


# header injection


@pytest.mark.parametrize(
    "bad", ["%0d%0aSet-Cookie:%20x=y", "%0aX:y", "a%22;filename=%22b", "%E2%80%AE", "%00", "a%3bb"]
)
@stepped
async def test_no_header_takes_a_line_from_an_address(clock: Clock, bad: str) -> None:
    async with serving(clock) as served:
        for path in (
            f"/api/v1/history?variable=soc&device={bad}&format=csv",
            f"/api/v1/history?variable={bad}&format=csv",
            f"/api/v1/latest?device={bad}&format=csv",
            f"/{bad}",
        ):
            request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            answer = await served.raw(request.encode())
            head = answer.partition(b"\r\n\r\n")[0]
            assert answer.split(b" ")[1] in (b"400", b"404"), path
            assert b"Set-Cookie" not in head
            assert b"\nX:" not in head
            assert b"\n\n" not in head


@stepped
async def test_a_download_is_named_by_names_alone(clock: Clock) -> None:
    path = "/api/v1/history?variable=soc&format=csv&device="
    async with serving(clock) as served:
        good = await served.get(path + "battery.a-b")
        bad = [await served.get(path + name) for name in ("../../etc/passwd", "a%22b", "a%0ab", "~")]
    assert good.headers["Content-Disposition"] == 'attachment; filename="soc-battery.a-b.csv"'
    assert [said.status for said in bad] == [400] * 4


# budgets


@stepped
async def test_who_asks_in_a_wild_loop_is_told_to_wait_and_nobody_else(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        issued = await owner.post("/api/v1/tokens", {"label": "wild", "scopes": ["read"]})
        wild = Browser(owner.served, owner.desk, bearer=issued.json["key"])
        said = await wild.get("/api/v1/state")
        for _ in range(2000):
            if said.status == 429:
                break
            said = await wild.get("/api/v1/state")
        assert (said.status, said.json["reason"]) == (429, "too_often")
        assert int(said.headers["Retry-After"]) >= 1
        assert (await owner.get("/api/v1/state")).status == 200
        assert 'reason="too_often"' in (await owner.get("/metrics")).text


@stepped
async def test_one_key_does_not_hold_all_streams(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path, clients=4) as owner, contextlib.AsyncExitStack() as stack:
        issued = await owner.post("/api/v1/tokens", {"label": "greedy", "scopes": ["read"]})
        address, greedy = owner.served.address, {"Authorization": f"Bearer {issued.json['key']}"}
        mine = {COOKIES: "; ".join(f"{name}={value}" for name, value in owner.cookies.items())}
        statuses = []
        for path in ("/api/v1/events", "/api/v1/latest/events?variable=soc", "/api/v1/events"):
            stream = await stack.enter_async_context(owner.served.session.get(address + path, headers=greedy))
            statuses.append(stream.status)
        assert statuses == [200, 200, 503]
        stream = await stack.enter_async_context(owner.served.session.get(address + "/api/v1/events", headers=mine))
        assert stream.status == 200


@stepped
async def test_a_budget_of_strangers_is_their_addresses(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        stranger = owner.another()
        for number in range(2000):
            stranger.bearer = f"heg_t_{number:043d}"  # a new key each time makes no new budget
            if (await stranger.get("/api/v1/state")).status == 429:
                break
        else:
            raise AssertionError("a stranger may ask for ever")
        assert (await owner.get("/api/v1/state")).status == 200


@stepped
async def test_an_endpoint_open_to_anybody_has_a_budget_too(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        rows = [row for row in owner.served.web.table.rows if row.needs is Open.TO_ANYBODY and row.method is Method.GET]
        assert rows
        for _ in range(2000):
            if (await owner.served.get(rows[0].path)).status == 429:
                return
        raise AssertionError("a stranger may ask for ever")


@stepped
async def test_a_login_is_not_told_from_another_by_what_it_says(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        said: list[list[Any]] = []
        for name in ("anna", "nobody-at-all"):
            stranger = owner.another()
            said.append([])
            for _ in range(7):
                tried = await stranger.post("/api/v1/session", {"name": name, "password": "wrong password"})
                said[-1].append((tried.status, tried.json, sorted(set(tried.headers) - {"Date"})))
        assert said[0] == said[1]
        assert said[0][-1][0] == 429
        assert (await owner.post("/api/v1/session", {"name": "anna", "password": PASSWORD})).status == 200
