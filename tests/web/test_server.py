"""The server on a real socket: what it says, to whom, and that nothing of it stays."""

import asyncio

import aiohttp
import pytest

from heg.data.interface import DataInterface
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.web.guard import HEADERS, LARGEST_BODY_BYTES
from heg.web.listen import open_listener, page_address
from heg.web.server import WebServer
from heg.web.settings import WebSettings
from tests.support.stepped import stepped
from tests.web.house import HOME, PV
from tests.web.serving import ORDER_HEADERS, serving


@stepped
async def test_the_state_tells_what_the_house_does(clock: Clock) -> None:
    async with serving(clock) as served:
        moment = served.house.tick()
        state = (await served.get("/api/v1/state")).json
    assert state["power"]["grid_kw"]["value"] == pytest.approx(moment.grid_kw, abs=0.002)
    assert state["power"]["house_kw"]["value"] == pytest.approx(moment.house_kw, abs=0.004)
    assert state["power"]["house_kw"]["quality"] == "good"
    assert state["storages"][0]["soc"]["value"] == pytest.approx(moment.soc, abs=0.001)
    assert state["time"]["zone"] == "Europe/Rome"
    assert [device["name"] for device in state["devices"]] == ["battery", "meter", "pv"]
    assert state["actuators"][0]["reason"] == "self_consumption"
    assert state["actuators"][0]["owner"] == "idle"
    assert state["envelope"]["max_kw"] == 17.3
    assert state["looking"] is False


@stepped
async def test_before_anything_is_found_it_says_so(clock: Clock) -> None:
    async with serving(clock, attach=False) as served:
        state = (await served.get("/api/v1/state")).json
    assert state["looking"] is True
    assert state["power"]["house_kw"]["value"] is None
    assert state["power"]["pv_kw"] is None


@stepped
async def test_an_unbounded_envelope_is_null_not_infinity(clock: Clock) -> None:
    async with serving(clock) as served:
        state = (await served.get("/api/v1/state")).json
    assert state["envelope"]["limits"][0]["min_kw"] is None


@stepped
async def test_a_lost_device_leaves_an_old_value_that_says_so(clock: Clock) -> None:
    async with serving(clock) as served:
        served.house.tick()
        served.house.lose(PV)
        await clock.sleep(5.0)
        state = (await served.get("/api/v1/state")).json
    assert state["power"]["pv_kw"]["quality"] == "stale"
    assert state["power"]["house_kw"]["quality"] == "stale"
    assert state["devices"][2]["status"] == "lost"
    assert state["devices"][2]["age_s"] == 5


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/api/v1/state", "/nothing", "/api/v1/energy?from=x"])
def test_every_answer_carries_the_strict_headers(path: str) -> None:
    @stepped
    async def ask(clock: Clock) -> None:
        async with serving(clock) as served:
            said = await served.get(path)
        for name, value in HEADERS.items():
            assert said.headers[name] == value, name
        if path.startswith("/api"):
            assert said.headers["Cache-Control"] == "no-store"

    ask()


@stepped
async def test_a_rebound_name_reads_nothing(clock: Clock) -> None:
    async with serving(clock) as served:
        said = await served.get("/api/v1/state", Host="evil.example")
    assert said.status == 421
    assert "devices" not in said.text


@stepped
async def test_a_strangers_page_orders_nothing(clock: Clock) -> None:
    async with serving(clock) as served:
        for headers in (
            ORDER_HEADERS | {"Origin": "http://evil.example"},
            ORDER_HEADERS | {"Sec-Fetch-Site": "cross-site"},
            {"Content-Type": "text/plain"},
        ):
            assert (await served.order("hands-off", {"on": True}, headers)).status in (403, 415)
        assert served.house.orders == []
        metrics = (await served.get("/metrics")).text
    assert 'heg_refusals_total{at="web",reason="origin"} 2.0' in metrics


@stepped
async def test_too_large_a_body_is_refused_before_it_is_read(clock: Clock) -> None:
    async with serving(clock) as served:
        said = await served.order("hands-off", {"on": True, "fill": "x" * LARGEST_BODY_BYTES})
    assert said.status == 413
    assert said.json["reason"] == "too_large"


@stepped
async def test_a_body_of_unsaid_length_is_refused(clock: Clock) -> None:
    head = (
        b"POST /api/v1/commands/scan HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Heg-Request: 1\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    )
    async with serving(clock) as served:
        said = await served.raw(head)
    assert said.startswith(b"HTTP/1.1 411 ")


@stepped
async def test_an_overlong_head_and_nonsense_are_refused(clock: Clock) -> None:
    async with serving(clock) as served:
        for nonsense in (
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 40_000 + b"\r\n\r\n",
            b"\x16\x03\x01\x02\r\n\r\n",
        ):
            assert (await served.raw(nonsense)).startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
        assert (await served.get("/api/v1/state")).status == 200


@stepped
async def test_unknown_paths_and_methods_get_json(clock: Clock) -> None:
    async with serving(clock) as served:
        missing = await served.get("/api/v1/nothing")
        wrong = await served.ask("DELETE", "/api/v1/state")
        escape = await served.get("/../../etc/passwd")
    assert (missing.status, missing.json["reason"]) == (404, "bad_request")
    assert (wrong.status, wrong.json["reason"]) == (405, "method")
    assert escape.status == 404


@stepped
async def test_more_connections_than_allowed_are_closed_at_once(clock: Clock) -> None:
    async with serving(clock, connections=8) as served:
        idle = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(8)]
        await clock.sleep(0.1)
        assert await served.raw(b"") == b""
        for _reader, writer in idle:
            writer.close()
            await writer.wait_closed()
        await clock.sleep(0.1)
        assert (await served.get("/healthz")).status in (200, 503)


@stepped
async def test_who_connects_and_never_asks_is_let_go(clock: Clock) -> None:
    async with serving(clock, connections=8) as served:
        mute = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(8)]
        for _reader, writer in mute:
            writer.write(b"GET / HTTP/1.1\r\nHost: ")
        await clock.sleep(31.0)
        assert (await served.get("/api/v1/state")).status == 200
        for reader, writer in mute:
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()


@stepped
async def test_the_page_is_sent_once_and_then_known(clock: Clock) -> None:
    async with serving(clock) as served:
        first = await served.get("/")
        second = await served.get("/", If_None_Match=first.headers["ETag"])
    assert first.headers["Content-Type"] == "text/html; charset=utf-8"
    assert second.status == 304


@stepped
async def test_devices_come_with_all_their_values(clock: Clock) -> None:
    async with serving(clock) as served:
        served.house.tick()
        devices = (await served.get("/api/v1/devices")).json["devices"]
    meter = devices[1]
    readings = {(one["variable"], one["part"]): one for one in meter["readings"]}
    assert readings["voltage", "phase.a"]["unit"] == "V"
    assert readings["frequency", ""]["value"] == 50.01


@stepped
async def test_a_restarted_server_finds_its_port_and_forgets_its_viewers(clock: Clock) -> None:
    data = DataInterface(clock, HOME.unit)
    settings = WebSettings(port=0)
    with open_listener(settings) as listener:
        web = WebServer(data.admit(CUSTOMER, "web"), clock, HOME, settings, listener)
        for _ in range(3):
            running = asyncio.create_task(web.run())
            async with (
                aiohttp.ClientSession() as session,
                session.get(page_address(listener) + "/api/v1/state") as said,
            ):
                assert said.status == 200
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
    await data.close()


@stepped
async def test_a_server_cancelled_while_it_starts_leaves_nothing(clock: Clock) -> None:
    for turns in range(8):
        async with serving(clock):
            for _ in range(turns):
                await clock.sleep(0.0)
