"""Attacks from the home network: the same bounds hold behind the handshake."""

import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from heg.runtime.clock import Clock
from heg.web.guard import HEADERS
from tests.support.stepped import stepped
from tests.web.attacks.wire import MALFORMED, peers
from tests.web.tls.serving import LanServed, serving_lan

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


async def said_to(served: LanServed, request: bytes) -> bytes:
    _, reader, writer = await served.connect()
    writer.write(request)
    answer = await reader.read()
    writer.transport.abort()
    await served.clock.sleep(0.1)
    return answer


@stepped(start_utc=NOW)
async def test_what_is_no_request_gets_one_refusal_and_no_log(
    clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving_lan(clock, tmp_path) as served:
        with caplog.at_level(logging.INFO):
            caplog.clear()
            for name, request in MALFORMED.items():
                answer = await said_to(served, request)
                assert re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer) == [b"400"], (name, answer)
                for header, value in HEADERS.items():
                    assert f"{header}: {value}".encode() in answer
            assert not caplog.records


@pytest.mark.parametrize(
    ("drop", "every_s", "within_s"), [(b"X", 1.0, 40.0), (b"X: " + b"y" * 4000 + b"\r\n", 0.1, 5.0)]
)
@stepped(start_utc=NOW)
async def test_a_head_without_end_is_given_up(
    clock: Clock, tmp_path: Path, drop: bytes, every_s: float, within_s: float
) -> None:
    async with serving_lan(clock, tmp_path) as served:
        _, _, writer = await served.connect()
        begun = clock.utc()
        writer.write(b"GET / HTTP/1.1\r\n")
        while not writer.transport.is_closing() and clock.utc() - begun < timedelta(seconds=120):
            writer.write(drop)
            await clock.sleep(every_s)
        assert clock.utc() - begun < timedelta(seconds=within_s)
        writer.transport.abort()
        await clock.sleep(0.1)


@stepped(start_utc=NOW)
async def test_who_asks_and_never_reads_is_given_up(clock: Clock, tmp_path: Path) -> None:
    async with serving_lan(clock, tmp_path) as served:
        _, reader, writer = await served.connect()
        reader._limit = 1  # type: ignore[attr-defined] # the stream stops reading from the socket
        writer.write((f"GET / HTTP/1.1\r\nHost: {served.lan.host}\r\n\r\n").encode() * 3000)
        for _ in range(70):
            await clock.sleep(1.0)
        assert peers(served.lan.port) == []
        writer.transport.abort()
        await clock.sleep(0.1)
        status, _, _ = await served.ask("GET", served.https + "/", ssl=served.trusting)
        assert status == 200
