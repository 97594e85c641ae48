"""Who drips, never reads, or hangs up: given up in time, and what it held is given back."""

import asyncio
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
from heg.web.endpoint import Answered, Download, Nowhere, Table, reading
from heg.web.listen import open_listener, page_address
from heg.web.settings import WebSettings
from tests.support.stepped import stepped
from tests.web.attacks.wire import GET, HOST, ORDER, POST, peers
from tests.web.serving import Served, serving
from tests.web.test_login import owned


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


@stepped
async def test_nobody_is_told_to_go_on_whose_body_is_not_wanted(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        tail = b"Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        stranger = await owner.served.raw(POST + ORDER + tail)
        login = await owner.served.raw(b"POST /api/v1/session HTTP/1.1\r\n" + ORDER + tail + b"{}")
    assert stranger.startswith(b"HTTP/1.1 401 ")
    assert login.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 ")


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
