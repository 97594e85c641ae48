"""The driver's HTTP server before strangers: what is no request, too much, too slow or from elsewhere is refused."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import socket
import struct
from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from drivers.upnp.connection import LONGEST_LIFE_S
from drivers.upnp.door import MOST_CONNECTIONS, MOST_OF_ONE
from drivers.upnp.exchange import Answer, Asked, Route, address_of, at_home
from drivers.upnp.pace import Pace
from drivers.upnp.parts import Caller, Link
from drivers.upnp.server import HttpServer, events_to
from heg.runtime.clock import Clock
from tests.drivers.upnp.serving import LOOPBACK, said, serving
from tests.support.namespaces import Network, cable, needs_networks, wired
from tests.support.peers import needs
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
    "headers without end": b"GET /hello HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(64)) + b"\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
@stepped
async def test_what_is_no_request_is_one_refusal_and_no_log(
    clock: Clock, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with serving(clock, [HELLO, ECHO]) as served:
            answer = await served.raw(MALFORMED[name])
            assert answer.split(b" ")[1] == b"400", answer
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
async def test_there_are_so_many_connections_and_no_more(clock: Clock) -> None:
    async with serving(clock, [HELLO]) as served:
        idle = [await served.connect() for _ in range(MOST_CONNECTIONS)]
        assert await served.raw(b"GET /hello HTTP/1.1\r\n\r\n") == b""
        assert served.refused["http_too_many"] == 1
        await clock.sleep(LONGEST_LIFE_S + 1.0)
        assert (await served.ask("GET", "/hello"))[0] == 200
        assert len(idle) == MOST_CONNECTIONS


@stepped
async def test_without_descriptors_it_rests_and_says_so_once(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with serving(clock, [HELLO]) as served:
        with contextlib.ExitStack() as held, socket.socket() as waiting:
            resource.setrlimit(resource.RLIMIT_NOFILE, (waiting.fileno() + 8, hard))
            held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
            with contextlib.suppress(OSError):
                while True:
                    held.callback(os.close, os.dup(0))
            waiting.connect(("127.0.0.1", served.port))
            await clock.sleep(20.0)
        assert served.refused["http_no_descriptor"] >= 19
        assert (await served.ask("GET", "/hello"))[0] == 200
    assert caplog.text.count("no connection of an appliance could be taken") == 1


@stepped
async def test_who_holds_most_connections_gives_one_up_for_who_has_none(clock: Clock) -> None:
    """As a stranger with many addresses of IPv6, each with as many as one may have."""
    async with serving(clock, [HELLO]) as served:
        held = [await served.connect(f"127.0.0.{10 + number % 16}") for number in range(MOST_CONNECTIONS)]
        for number in range(1, 6):
            assert (await served.ask("GET", "/hello", source=f"127.0.0.{100 + number}"))[0] == 200
            assert served.refused["http_crowded_out"] == number
            await served.connect(f"127.0.0.{100 + number}")
        ended = [reader for reader, _ in held if reader.at_eof()]
        assert ended == [reader for reader, _ in held[: len(ended)]]
        await clock.sleep(LONGEST_LIFE_S + 1.0)
        assert (await served.ask("GET", "/hello"))[0] == 200


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
async def test_who_resets_before_it_is_let_in_is_not_worth_a_line(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(clock, [HELLO]) as served:
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", served.port)) as one:  # the loop stands still meanwhile
                one.sendall(b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await clock.sleep(0.1)
        assert (await served.ask("GET", "/hello"))[0] == 200
        assert not served.refused
    assert not caplog.records


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


@stepped
async def test_it_is_where_the_links_are(clock: Clock) -> None:
    async with serving(clock, [HELLO]) as served:
        other = Link("lo", "127.0.0.3")
        served.server.listen([LOOPBACK, other])
        await _until(lambda: len(served.server.places) == 2, clock)
        assert b"hello" in await served.raw(
            f"GET /hello HTTP/1.1\r\nHost: 127.0.0.3:{served.port}\r\n\r\n".encode(), host="127.0.0.3"
        )
        served.server.listen([other])
        await _until(lambda: len(served.server.places) == 1, clock)
        with pytest.raises(ConnectionRefusedError):
            await served.connect()


@stepped
async def test_a_port_that_is_taken_is_tried_again(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(clock, [HELLO]) as first, serving(clock, [HELLO], links=(), port=first.port) as second:
        second.server.listen([LOOPBACK])
        await clock.sleep(25.0)
        assert not second.server.places
        first.server.listen([])
        await clock.sleep(15.0)
        assert second.server.places
    assert caplog.text.count("cannot listen on 127.0.0.1: Address already in use") == 1


def test_a_home_has_private_addresses() -> None:
    for text in ("192.168.1.2", "10.1.1.1", "172.31.0.1", "169.254.3.4", "127.0.0.9", "fe80::1%eth0", "fd00::1", "::1"):
        assert at_home(address_of(text)), text
    assert at_home(address_of("::ffff:10.0.0.1"))
    for text in ("8.8.8.8", "172.32.0.1", "2001:db8::1", "0.0.0.0", "::", "::ffff:8.8.8.8", "x", "239.255.255.250"):
        assert not at_home(address_of(text)), text


@needs_networks
@needs("curl")
def test_each_interface_has_its_own_and_strangers_are_turned_away() -> None:
    near = ("10.77.0.1/16", "8.8.4.1/24", "fd77::1/64")
    with wired(addresses=(near, ("10.77.0.2/16", "8.8.4.4/24", "fd77::2/64"))) as (home, street):

        async def look(clock: Clock) -> None:
            links = [Link("lan0", "10.77.0.1"), Link("lan0", "fd77::1")]
            async with serving(clock, [HELLO], links=links) as served:
                await _until(lambda: len(served.server.places) == 2, clock)
                asking = ("curl", "-s", "-g", "--max-time", "3", "-w", "%{http_code}")

                async def asked(*more: str) -> str:
                    return (await asyncio.to_thread(street.run, *asking, *more)).stdout

                assert await asked(f"http://10.77.0.1:{served.port}/hello") == "hello200"
                assert await asked(f"http://[fd77::1]:{served.port}/hello") == "hello200"
                assert await asked("--interface", "8.8.4.4", f"http://8.8.4.1:{served.port}/hello") == "000"
                assert served.refused == {"http_stranger": 1}
                with pytest.raises(ConnectionRefusedError):
                    await served.connect()  # loopback is no link
                held = [await asyncio.to_thread(_connect, street, served.port) for _ in range(MOST_OF_ONE)]
                assert await asked(f"http://10.77.0.1:{served.port}/hello") == "000"
                assert served.refused["http_too_many"] == 1
                assert await asked("--interface", "fd77::2", f"http://[fd77::1]:{served.port}/hello") == "hello200"
                for one in held:
                    one.close()

        home.loop(look)


@needs_networks
@needs("curl")
def test_an_interface_made_anew_under_its_old_name_is_served_again() -> None:
    """As a bridge that is set up again, or a card that was pulled and put back faster than links are looked at."""
    with wired() as (home, street):

        async def look(clock: Clock) -> None:
            links = [Link("lan0", "10.77.0.1")]
            async with serving(clock, [HELLO], links=links) as served:
                asking = ("curl", "-s", "--max-time", "2", f"http://10.77.0.1:{served.port}/hello")
                assert (await asyncio.to_thread(street.run, *asking)).stdout == "hello"
                home.ip("link del lan0")
                cable(home, street)
                home.addresses("10.77.0.1/16")
                street.addresses("10.77.0.2/16")
                served.server.listen(links)
                await clock.sleep(0.1)
                assert (await asyncio.to_thread(street.run, *asking)).stdout == "hello"

        home.loop(look)


def _connect(net: Network, port: int) -> socket.socket:
    with net.entered():
        return socket.create_connection(("10.77.0.1", port), 3)


@stepped
async def test_an_address_of_ipv6_stands_in_brackets(clock: Clock) -> None:
    server = HttpServer(clock, 8465, [], Counter())
    assert server.url(Link("eth0", "192.168.1.5"), "/x") == "http://192.168.1.5:8465/x"
    assert server.url(Link("eth0", "fe80::5"), "/x") == "http://[fe80::5]:8465/x"


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def _until(so: Callable[[], bool], clock: Clock) -> None:
    for _ in range(500):
        if so():
            return
        await clock.sleep(0.01)
    raise AssertionError("it never came")


def test_a_pace_forgets_who_came_long_ago_and_nobody_else() -> None:
    pace = Pace(4.0, 2.0, most=3)
    assert [pace.may("a", 0.0) for _ in range(6)] == [True] * 4 + [False] * 2
    assert [pace.may("a", 0.6) for _ in range(2)] == [True, False]
    assert all(pace.may(who, 1.0) for who in "bcdefg")
    assert len(pace._left) == 3
    assert [pace.may("g", 1.0) for _ in range(4)] == [True] * 3 + [False]


@stepped
async def test_a_flood_of_connections_is_turned_away_and_time_heals_it(clock: Clock) -> None:
    async with serving(clock, [HELLO]) as served:
        statuses = [await served.raw(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") for _ in range(1100)]
        assert sum(bool(one) for one in statuses) == 1024
        assert served.refused["http_too_often"] == 76
        await clock.sleep(1.0)
        assert (await served.ask("GET", "/hello"))[0] == 200
