"""One GET of a stranger: whatever it answers, there is a body within its cap or a reason, in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers.upnp.fetching import Fetcher, Missed, new_session
from heg.model.refusals import RefusalCode
from heg.runtime.clock import Clock
from tests.support.stepped import stepped

MOST = 1000
OK = b"HTTP/1.1 200 OK\r\n"


@asynccontextmanager
async def answering(answer: bytes, *, stays: bool = False) -> AsyncIterator[str]:
    """A server that says this to everybody, and hangs up unless it stays."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if not stays:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/d.xml"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


async def fetched(clock: Clock, answer: bytes, *, stays: bool = False) -> bytes | Missed:
    async with new_session() as session, answering(answer, stays=stays) as url:
        began_s = clock.monotonic_s()
        found = await Fetcher(session, clock).get(url, most_bytes=MOST, timeout_s=5.0)
        assert clock.monotonic_s() - began_s <= 5.1
        return found


def chunked(*chunks: bytes) -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in (*chunks, b""))
    return OK + b"Transfer-Encoding: chunked\r\n\r\n" + body


@stepped
async def test_a_body_comes_whole_however_it_is_sent(clock: Clock) -> None:
    assert await fetched(clock, OK + b"Content-Length: 3\r\n\r\nabc") == b"abc"
    assert await fetched(clock, chunked(b"ab", b"c")) == b"abc"
    assert await fetched(clock, OK + b"\r\nabc") == b"abc"


REFUSED: dict[str, tuple[bytes, RefusalCode]] = {
    "too much": (OK + b"Content-Length: 2000\r\n\r\n" + b"x" * 2000, RefusalCode.TOO_LARGE),
    "too much in pieces": (chunked(*[b"x" * 400] * 4), RefusalCode.TOO_LARGE),
    "packed": (OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", RefusalCode.UNSUPPORTED),
    "elsewhere": (b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1/\r\n\r\n", RefusalCode.DEVICE_REFUSED),
    "nothing": (b"", RefusalCode.WRONG_TYPE),
    "no HTTP": (b"220 ready\r\n", RefusalCode.WRONG_TYPE),
    "cut off": (OK + b"Content-Length: 9\r\n\r\nabc", RefusalCode.WRONG_TYPE),
    "a huge head": (OK + b"X: " + b"x" * 10_000 + b"\r\n\r\n", RefusalCode.WRONG_TYPE),
    "two lengths": (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", RefusalCode.WRONG_TYPE),
    "a length below zero": (OK + b"Content-Length: -1\r\n\r\n", RefusalCode.WRONG_TYPE),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_answer_is_refused_by_a_reason(kind: str) -> None:
    @stepped
    async def whole(clock: Clock) -> None:
        found = await fetched(clock, REFUSED[kind][0])
        assert isinstance(found, Missed)
        assert found.refusal.code is REFUSED[kind][1], found
        assert not found.silent

    whole()


@stepped
async def test_who_takes_the_connection_and_is_silent_is_given_up(clock: Clock) -> None:
    for said in (b"", OK, OK + b"Content-Length: 5\r\n\r\nab", chunked(b"ab")[:-5]):
        found = await fetched(clock, said, stays=True)
        assert isinstance(found, Missed)
        assert found.silent


@stepped
async def test_a_host_that_takes_no_connection_is_there_all_the_same(clock: Clock) -> None:
    async with new_session() as session:
        found = await Fetcher(session, clock).get("http://127.0.0.1:1/", most_bytes=MOST, timeout_s=5.0)
    assert isinstance(found, Missed)
    assert not found.silent


lines = st.sampled_from(
    [b"Content-Length: 5", b"Content-Length: x", b"Transfer-Encoding: chunked", b"Transfer-Encoding: x", b"X", b": y",
     b"Content-Encoding: br", b"Content-Type: text/xml; charset=none", b"Connection: upgrade", b"Set-Cookie: a=b",
     b"\xff: \x00", b" folded", b"Location: //x"]
)  # fmt: skip
heads = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.0 200", b"HTTP/1.1 100 Continue", b"HTTP/1.1 204 N", b"HTTP/9 999", b"HTTP/1.1 101 S"]
)
bodies = st.one_of(
    st.binary(max_size=30),
    st.just(b"5\r\nabcde\r\n0\r\n\r\n"),
    st.just(b"ffffffffffffffffff\r\n"),
    st.just(b"x" * 3000),
)


@settings(max_examples=150)
@given(heads, st.lists(lines, max_size=5), bodies, st.booleans())
@example(b"HTTP/1.1 100 Continue", [], b"HTTP/1.1 100 Continue\r\n\r\n" * 90, True)
@stepped
async def test_whatever_comes_ends_in_time(
    clock: Clock, head: bytes, more: list[bytes], body: bytes, stays: bool
) -> None:
    found = await fetched(clock, b"\r\n".join([head, *more, b"", b""]) + body, stays=stays)
    assert isinstance(found, Missed) or len(found) <= MOST


@settings(max_examples=60)
@given(st.binary(max_size=200), st.booleans())
@stepped
async def test_any_bytes_are_an_answer_or_none(clock: Clock, said: bytes, stays: bool) -> None:
    found = await fetched(clock, said, stays=stays)
    assert isinstance(found, Missed) or len(found) <= MOST
