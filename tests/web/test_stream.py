"""The live stream: fresh at once, never faster than its rate, the newest wins, and nothing of it stays."""

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from heg.runtime.clock import Clock
from heg.web.stream import HEARTBEAT, Stream
from tests.support.stepped import stepped
from tests.web.serving import Served, serving


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, str]]:
    name = ""
    async for line in response.content:
        text = line.decode().rstrip("\n")
        if text.startswith("event: "):
            name = text.removeprefix("event: ")
        elif text.startswith("data: "):
            yield name, text.removeprefix("data: ")


async def first_state(served: Served) -> dict[str, Any]:
    async with served.session.get(served.address + "/api/v1/events") as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        async for name, data in events(response):
            assert name == "state"
            return json.loads(data)
    raise AssertionError("the stream ended without a picture")


@stepped
async def test_it_begins_with_a_fresh_picture_each_time(clock: Clock) -> None:
    async with serving(clock) as served:
        before = served.house.tick()
        assert (await first_state(served))["power"]["grid_kw"]["value"] == round(before.grid_kw, 3)
        await clock.sleep(3600.0)
        after = served.house.tick()
        assert (await first_state(served))["power"]["grid_kw"]["value"] == round(after.grid_kw, 3)


@stepped
async def test_it_is_never_faster_than_its_rate(clock: Clock) -> None:
    seen: list[float] = []
    async with serving(clock, rate_hz=4.0) as served:

        async def watch() -> None:
            async with served.session.get(served.address + "/api/v1/events") as response:
                async for name, _ in events(response):
                    if name == "state":
                        seen.append(clock.monotonic_s())

        watching = asyncio.create_task(watch())
        for step in range(200):
            served.house.report("power.active", "meter", step / 100.0)
            await clock.sleep(0.05)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    gaps = [later - earlier for earlier, later in itertools.pairwise(seen)]
    assert 36 <= len(seen) <= 42
    assert min(gaps) >= 0.249


@stepped
async def test_when_nothing_changes_it_shows_that_it_lives(clock: Clock) -> None:
    shown: list[bytes] = []
    stream = Stream(clock, lambda: b"still", period_s=0.25, heartbeat_s=10.0, room=1)
    viewer = stream.join()
    assert viewer is not None

    async def watch() -> None:
        while (frame := await viewer.next()) is not None:
            shown.append(frame)

    running, watching = asyncio.create_task(stream.run()), asyncio.create_task(watch())
    await clock.sleep(35.0)
    stream.close()
    await watching
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert shown.count(HEARTBEAT) == 3
    assert len(shown) <= 5


@stepped
async def test_nobody_looks_nothing_is_drawn(clock: Clock) -> None:
    drawn: list[float] = []

    def picture() -> bytes:
        drawn.append(clock.monotonic_s())
        return b"x"

    stream = Stream(clock, picture, period_s=0.25, heartbeat_s=10.0, room=1)
    running = asyncio.create_task(stream.run())
    await clock.sleep(60.0)
    assert drawn == []
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@stepped
async def test_a_slow_viewer_finds_the_newest_and_only_it(clock: Clock) -> None:
    stream = Stream(clock, lambda: b"", period_s=1.0, heartbeat_s=10.0, room=1)
    viewer = stream.join()
    assert viewer is not None
    for frame in (b"1", b"2", b"3"):
        viewer.put(frame)
    assert await viewer.next() == b"3"
    assert viewer.dropped == 3
    stream.leave(viewer)
    assert (stream.viewers, stream.dropped) == (0, 3)


@stepped
async def test_there_is_room_for_so_many_pages(clock: Clock) -> None:
    async with serving(clock, clients=2) as served:
        open_pages = [await served.session.get(served.address + "/api/v1/events") for _ in range(2)]
        refused = await served.get("/api/v1/events")
        assert (refused.status, refused.json["reason"]) == (503, "too_many")
        for page in open_pages:
            page.close()
        await clock.sleep(30.0)
        assert (await first_state(served))["unit"] == "home"


@stepped
async def test_a_page_that_does_not_read_is_dropped(clock: Clock) -> None:
    async with serving(clock, clients=1, slow_s=10.0) as served:
        deaf = socket.create_connection(("127.0.0.1", served.port))
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        for step in range(4000):
            served.house.report("power.active", "meter", (step % 1000) / 100.0)
            await clock.sleep(0.25)
            if "heg_web_viewers 0.0" in (await served.get("/metrics")).text and step > 4:
                break
        else:
            raise AssertionError("the deaf page was never dropped")
        deaf.close()
        assert (await first_state(served))["unit"] == "home"


@stepped
async def test_shutdown_ends_every_open_page(clock: Clock) -> None:
    async with serving(clock) as served:
        responses = [await served.session.get(served.address + "/api/v1/events") for _ in range(3)]
        session = served.session
        reading = [asyncio.create_task(response.read()) for response in responses]
        await clock.sleep(1.0)
        begun = clock.monotonic_s()
    assert clock.monotonic_s() - begun < 5.0
    await asyncio.gather(*reading, return_exceptions=True)
    assert session.closed
