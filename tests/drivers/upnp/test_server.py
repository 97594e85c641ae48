"""The driver's HTTP server before strangers: what is no request, too much, too slow or from elsewhere is refused."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import pytest

from drivers.upnp.connection import LONGEST_LIFE_S
from drivers.upnp.exchange import Answer, Asked, Route
from drivers.upnp.parts import Caller
from drivers.upnp.server import events_to
from heg.runtime.clock import Clock
from tests.drivers.upnp.serving import said, serving
from tests.support.stepped import stepped

HELLO = said("GET", "/hello", b"hello")


async def _echo(asked: Asked) -> Answer:
    return Answer(body=asked.body, headers={"X-Peer": asked.peer, "X-Host": asked.host})


ECHO = Route("POST", "/echo", _echo, 64)


@stepped
async def test_a_request_gets_its_answer_and_the_connection_ends(clock: Clock) -> None:
    async with serving(clock, [HELLO, ECHO]) as served:
        status, headers, body = await served.ask("GET", "/hello")
        assert (status, body) == (200, b"hello")
        assert headers["connection"] == "close"
        assert "UPnP/1.1" in headers["server"]
        assert "date" in headers
        status, headers, body = await served.ask("POST", "/echo", b"x" * 64, source="127.0.0.7")
        assert (status, body, headers["x-peer"], headers["x-host"]) == (200, b"x" * 64, "127.0.0.7", "127.0.0.1")
        status, headers, body = await served.ask("HEAD", "/hello")
        assert (status, headers["content-length"], body) == (200, "5", b"")
        assert not served.refused


@stepped
async def test_only_what_was_handed_in_is_answered(clock: Clock) -> None:
    async with serving(clock, [HELLO, ECHO]) as served:
        assert (await served.ask("GET", "/other"))[0] == 404
        status, headers, _ = await served.ask("POST", "/hello")
        assert (status, headers["allow"]) == (405, "GET")
        assert (await served.ask("GET", "/hello/../hello"))[0] == 404
        assert (await served.ask("POST", "/echo", b"x" * 65))[0] == 413
        assert served.refused == {"http_path": 2, "http_method": 1, "http_too_large": 1}


@pytest.mark.parametrize("host", ["", "evil.example", "127.0.0.2", "[::1]", "localhost", "127.0.0.1.evil.example"])
@stepped
async def test_a_page_elsewhere_whose_name_leads_here_is_refused(clock: Clock, host: str) -> None:
    async with serving(clock, [HELLO]) as served:
        answer = await served.raw(f"GET /hello HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert answer.split(b" ")[1] == b"421"
        assert served.refused["http_host"] == 1


MALFORMED = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64 + b"\r\n\r\n",
    "two lengths": b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 30\r\n\r\n{}",
    "both lengths": b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked"
    b"\r\n\r\n",
    "a bare carriage return": b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\rX: y\r\n\r\n",
    "an endless address": b"GET /" + b"a" * 4000 + b" HTTP/1.1\r\n\r\n",
    "an endless header": b"GET /hello HTTP/1.1\r\nX: " + b"a" * 6000 + b"\r\n\r\n",
    "M-POST": b'M-POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nMAN: "a"; ns=01\r\nContent-Length: 2\r\n\r\n{}',
    "a folded header": b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\r\n b\r\n\r\n",
    "headers without end": b"GET /hello HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(64)) + b"\r\n",
}


OF_NO_METHOD = ("no HTTP", "M-POST")
"""gupnp and libupnp send POST, and M-POST only where that was answered with 405; gupnp's appliances say 501 to it."""


@pytest.mark.parametrize("name", MALFORMED)
@stepped
async def test_what_is_no_request_is_one_refusal_and_no_log(
    clock: Clock, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with serving(clock, [HELLO, ECHO]) as served:
            answer = await served.raw(MALFORMED[name])
            assert answer.split(b" ")[1] == (b"501" if name in OF_NO_METHOD else b"400"), answer
            assert served.refused == {"http_malformed": 1}
            assert (await served.ask("GET", "/hello"))[0] == 200
    assert not caplog.records


@stepped
async def test_a_head_that_trickles_in_without_end_is_broken_off(clock: Clock) -> None:
    async with serving(clock, [HELLO]) as served:
        reader, writer = await served.connect()
        writer.write(b"GET /hello HTTP/1.1\r\n")
        for number in range(20):
            writer.write(b"X-%d: %s\r\n" % (number, b"y" * 900))
            await clock.sleep(0.01)
        assert await _rest(reader) == b""
        assert served.refused == {"http_too_large": 1}


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET /hello HT", b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nslow"],
)
@stepped
async def test_no_connection_outlives_its_time(clock: Clock, begun: bytes) -> None:
    async with serving(clock, [HELLO, ECHO]) as served:
        reader, writer = await served.connect()
        begun_s = clock.monotonic_s()
        writer.write(begun)
        assert await _rest(reader) == b""
        assert clock.monotonic_s() - begun_s <= LONGEST_LIFE_S + 1.0
        assert (await served.ask("GET", "/hello"))[0] == 200


@stepped
async def test_a_connection_carries_one_request_only(clock: Clock) -> None:
    async with serving(clock, [HELLO]) as served:
        one = f"GET /hello HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode()
        assert (await served.raw(one * 20)).count(b"hello") == 1


@stepped
async def test_a_handler_that_fails_is_told_in_the_log_and_harms_nobody(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_asked: Asked) -> Answer:
        raise RuntimeError("broken")

    async with serving(clock, [Route("GET", "/broken", fail), HELLO]) as served:
        assert (await served.ask("GET", "/broken"))[0] == 500
        assert (await served.ask("GET", "/hello"))[0] == 200
    assert "GET /broken failed" in caplog.text


@stepped
async def test_who_waits_to_be_told_to_go_on_is_told(clock: Clock) -> None:
    async with serving(clock, [ECHO]) as served:
        reader, writer = await served.connect()
        head = f"POST /echo HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nContent-Length: 2\r\n"
        writer.write(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ok")
        assert (await _rest(reader)).endswith(b"\r\n\r\nok")


@stepped
async def test_an_older_http_is_not_told_to_go_on(clock: Clock) -> None:
    async with serving(clock, [ECHO]) as served:
        head = f"POST /echo HTTP/1.0\r\nHost: 127.0.0.1:{served.port}\r\nContent-Length: 2\r\n"
        answer = await served.raw(f"{head}Expect: 100-continue\r\n\r\nok".encode())
        assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\nok")


@stepped
async def test_who_has_said_all_and_only_listens_is_answered(clock: Clock) -> None:
    """As who ends its side of the connection behind its request, which many a small device does."""

    async def slowly(asked: Asked) -> Answer:
        await clock.sleep(0.5)
        return Answer(body=asked.body)

    async with serving(clock, [Route("POST", "/slow", slowly, 64)]) as served:
        head = f"POST /slow HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nContent-Length: 2\r\n\r\n".encode()
        reader, writer = await served.connect()
        writer.write(head + b"ok")
        writer.write_eof()
        assert (await _rest(reader)).endswith(b"\r\n\r\nok")
        reader, writer = await served.connect()
        begun_s = clock.monotonic_s()
        writer.write(head + b"o")
        await clock.sleep(0.1)
        writer.write_eof()
        assert await _rest(reader) == b""
        assert clock.monotonic_s() - begun_s < 1.0
        assert not served.refused


@stepped
async def test_a_piece_that_cannot_be_read_ends_the_wait_for_the_rest(clock: Clock) -> None:
    async with serving(clock, [ECHO]) as served:
        reader, writer = await served.connect()
        head = f"POST /echo HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(f"{head}3\r\nabc\r\n".encode())
        await clock.sleep(0.1)
        begun_s = clock.monotonic_s()
        writer.write(b"no number\r\n")
        assert await _rest(reader) == b""
        assert clock.monotonic_s() - begun_s < 1.0
        assert served.refused == {"http_malformed": 1}


@stepped
async def test_what_follows_an_answer_follows_also_when_nobody_hears_it(clock: Clock) -> None:
    followed = []

    async def late(_asked: Asked) -> Answer:
        await clock.sleep(0.5)
        return Answer(then=lambda: followed.append(1))

    async with serving(clock, [Route("SUBSCRIBE", "/late", late)]) as served:
        _, writer = await served.connect()
        writer.write(b"SUBSCRIBE /late HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await clock.sleep(0.1)
        writer.transport.abort()
        await clock.sleep(1.0)
        assert followed == [1]
        assert not served.refused


class Sink:
    def __init__(self) -> None:
        self.took: list[tuple[str, str | None, bytes, str]] = []

    def notified(self, place: str, headers: Mapping[str, str], body: bytes, caller: Caller) -> int:
        self.took.append((place, headers.get("sid"), body, caller.address))
        return 200 if headers.get("SID") == "uuid:1" else 412


@stepped
async def test_events_come_in(clock: Clock) -> None:
    sink = Sink()
    async with serving(clock, [events_to(sink)]) as served:
        assert (await served.ask("NOTIFY", "/events/abc", b"<e/>", SID="uuid:1"))[0] == 200
        assert (await served.ask("NOTIFY", "/events/abc", b"<e/>", SID="uuid:2"))[0] == 412
        assert (await served.ask("GET", "/events/abc"))[0] == 405
        assert served.refused == {"event_refused": 1, "http_method": 1}
    assert sink.took == [("abc", "uuid:1", b"<e/>", "127.0.0.1"), ("abc", "uuid:2", b"<e/>", "127.0.0.1")]


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""
