"""The driver's HTTP client: bounded in time, size and number, and the silent hold up nobody."""

from __future__ import annotations

import asyncio

import pytest
from yarl import URL

from drivers.upnp.client import HttpClient, zoned
from drivers.upnp.parts import Link
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock
from tests.drivers.upnp.peer import Peer, http_answer, peers
from tests.support.stepped import stepped

LINK = Link("lo", "127.0.0.1")


async def ask(client: HttpClient, peer: Peer, action: str = "GetPowerState", most: int = 1000) -> bytes | RefusalCode:
    answer = await client.ask(
        "POST", peer.described.control_url, LINK, headers={"SOAPACTION": f'"a#{action}"'}, body=b"x", most_bytes=most
    )
    return answer.code if isinstance(answer, Refusal) else answer.body


@stepped
async def test_the_silent_hold_up_nobody_else(clock: Clock) -> None:
    frozen = [Peer(number=number, silent=True) for number in range(1, 7)]
    sound = Peer(number=9)
    async with peers(*frozen, sound), HttpClient(clock, at_once=2) as client:
        for one in frozen:
            assert await ask(client, one) is RefusalCode.TIMEOUT
        waiting = [asyncio.ensure_future(ask(client, one)) for one in frozen]
        await clock.sleep(0.1)
        began_s = clock.monotonic_s()
        assert b"GetPowerStateResponse" in await ask(client, sound)  # type: ignore[operator]
        assert clock.monotonic_s() - began_s < 0.1
        assert set(await asyncio.gather(*waiting)) == {RefusalCode.TIMEOUT}
        assert clock.monotonic_s() - began_s < 5.5  # four at a time


@stepped
async def test_who_answers_at_the_last_moment_is_as_good_as_silent(clock: Clock) -> None:
    slow = [Peer(number=number, slow_s=2.4) for number in range(1, 7)]
    sound = Peer(number=9)
    async with peers(*slow, sound), HttpClient(clock, at_once=2) as client:
        for one in (*slow, sound):
            assert isinstance(await ask(client, one), bytes)
        assert [client.is_silent(one.described.control_url, LINK) for one in (slow[0], sound)] == [True, False]
        waiting = [asyncio.ensure_future(ask(client, one)) for one in slow]
        await clock.sleep(0.1)
        began_s = clock.monotonic_s()
        await ask(client, sound)
        assert clock.monotonic_s() - began_s < 0.1
        await asyncio.gather(*waiting)


@stepped
async def test_whoever_answers_again_is_silent_no_more(clock: Clock) -> None:
    frozen = [Peer(number=number, silent=True) for number in range(1, 7)]
    async with peers(*frozen), HttpClient(clock) as client:
        for one in frozen:
            await ask(client, one)
        frozen[0].silent = False
        await ask(client, frozen[0])
        waiting = [asyncio.ensure_future(ask(client, one)) for one in frozen[1:]]
        await clock.sleep(0.1)
        began_s = clock.monotonic_s()
        assert isinstance(await ask(client, frozen[0]), bytes)
        assert clock.monotonic_s() - began_s < 0.1
        await asyncio.gather(*waiting)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (http_answer(b"x" * 1001), RefusalCode.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 2000, RefusalCode.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", RefusalCode.WRONG_TYPE),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000 + b"\r\n\r\n", RefusalCode.WRONG_TYPE),
        (b"SSH-2.0-OpenSSH\r\n\r\n", RefusalCode.WRONG_TYPE),
        (b"\xff\x00", RefusalCode.WRONG_TYPE),
        (b"", RefusalCode.DEVICE_LOST),
    ],
)
@stepped
async def test_what_is_no_answer_is_refused(clock: Clock, raw: bytes, code: RefusalCode) -> None:
    peer = Peer(raw={"GetPowerState": raw})
    async with peers(peer), HttpClient(clock) as client:
        assert await ask(client, peer) is code


@stepped
async def test_nobody_there_is_lost(clock: Clock) -> None:
    peer = Peer()
    async with peers(peer):
        pass
    async with HttpClient(clock) as client:
        assert await ask(client, peer) is RefusalCode.DEVICE_LOST


@stepped
async def test_what_is_packed_stays_packed(clock: Clock) -> None:
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
    peer = Peer(raw={"GetPowerState": packed})
    async with peers(peer), HttpClient(clock) as client:
        assert await ask(client, peer) == b"abc"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://[fe80::1]:80/a?b=%20", "http://[fe80::1%eth0]/a?b=%20"),
        ("http://[fe80::1%25eth0]:81/a", "http://[fe80::1%eth0]:81/a"),
        ("http://[fd00::1]:81/a", "http://[fd00::1]:81/a"),
        ("http://169.254.1.1/a", "http://169.254.1.1/a"),
    ],
)
def test_a_link_local_address_is_reached_by_its_interface(url: str, wanted: str) -> None:
    assert str(zoned(URL(url, encoded=True), Link("eth0", "fe80::2"))) == wanted
