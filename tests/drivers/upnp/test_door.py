"""Who is let in to the driver's HTTP server: few of one address, few in all, none but neighbours, and no flood."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import struct

import pytest

from drivers.upnp.connection import LONGEST_LIFE_S
from drivers.upnp.door import MOST_CONNECTIONS
from drivers.upnp.exchange import Answer, Asked, Route, address_of, at_home
from drivers.upnp.pace import Pace
from heg.runtime.clock import Clock
from tests.drivers.upnp.serving import said, serving
from tests.support.stepped import stepped

HELLO = said("GET", "/hello", b"hello")


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
async def test_who_has_an_address_for_each_connection_and_says_nothing_keeps_nobody_out(clock: Clock) -> None:
    """As a stranger with 256 addresses of IPv6: in no house's network is there a bound to them."""
    async with serving(clock, [HELLO]) as served:
        held = [await served.connect(f"127.0.1.{number}") for number in range(MOST_CONNECTIONS)]
        for number in range(1, 6):
            assert (await served.ask("GET", "/hello", source=f"127.0.0.{number}"))[0] == 200
            await served.connect(f"127.0.2.{number}")
        assert served.refused == {"http_crowded_out": 5}
        assert [reader.at_eof() for reader, _ in held[:6]] == [True] * 5 + [False]


@stepped
async def test_whose_request_is_being_answered_makes_no_room_for_one_more(clock: Clock) -> None:
    asked: list[str] = []

    async def ponder(one: Asked) -> Answer:
        asked.append(one.peer)
        await clock.sleep(2.0)
        return Answer(body=b"well")

    async with serving(clock, [Route("GET", "/ponder", ponder), HELLO]) as served:
        question = b"GET /ponder HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        held = [await served.connect(f"127.0.1.{number}") for number in range(MOST_CONNECTIONS)]
        for _, writer in held:
            writer.write(question)
        await clock.sleep(0.5)
        assert len(asked) == MOST_CONNECTIONS
        assert await served.raw(b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") == b""
        assert served.refused == {"http_too_many": 1}
        await clock.sleep(2.0)
        assert all([b"well" in await reader.read() for reader, _ in held])


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


def test_a_home_has_private_addresses() -> None:
    for text in ("192.168.1.2", "10.1.1.1", "172.31.0.1", "169.254.3.4", "127.0.0.9", "fe80::1%eth0", "fd00::1", "::1"):
        assert at_home(address_of(text)), text
    assert at_home(address_of("::ffff:10.0.0.1"))
    for text in ("8.8.8.8", "172.32.0.1", "2001:db8::1", "0.0.0.0", "::", "::ffff:8.8.8.8", "x", "239.255.255.250"):
        assert not at_home(address_of(text)), text


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
