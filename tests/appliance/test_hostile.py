"""Whatever strangers send: an answer or silence, never an exception, nothing kept, and the next one is served."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.faults import Fault
from appliance.registrations import MOST_OPEN
from appliance.simulated import SimulatedAppliance
from appliance.upnp.advertiser import MOST_ANSWERS
from appliance.upnp.client import read_url
from appliance.upnp.description import Identity
from appliance.upnp.device import Place
from appliance.upnp.gena import MOST_OF_ADDRESS, MOST_SUBSCRIBERS
from appliance.upnp.ground import Ground, at_home
from appliance.upnp.http import Reader
from appliance.upnp.markup import MarkupError, leaves
from appliance.upnp.server import MOST_CONNECTIONS, MOST_OF_ONE
from appliance.upnp.services import POWER
from appliance.upnp.soap import Call, NotSoapError, read_call
from appliance.upnp.ssdp import read, read_answer
from heg.runtime.clock import Clock
from tests.appliance.asker import ask, call, parsed, raw, searcher
from tests.appliance.fuzz_rows import messages_of
from tests.support.stepped import run_stepped, stepped

ADDRESS = "127.0.43.1"
URN = POWER.urn
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"


@contextlib.asynccontextmanager
async def appliance(clock: Clock):
    ground = Ground(port=19_043)
    made = SimulatedAppliance(Identity("0cf4c7a6-5a12-4d1c-9a3e-0123456789ab", "one"), ground, clock, Place(ADDRESS))
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
        ground.close()


def port_of(one: SimulatedAppliance) -> int:
    return int(one.upnp.location.split(":")[2].partition("/")[0])


_LINES = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n",
        b"POST /power/control HTTP/1.1\r\n",
        b"SUBSCRIBE /power/events HTTP/1.1\r\n",
        b"NOTIFY * HTTP/1.1\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"Host: 127.0.43.1\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Expect: 100-continue\r\n",
        b"CALLBACK: <http://127.0.0.1:9/x>\r\nNT: upnp:event\r\n",
        b"TIMEOUT: Second-99999999999999999999\r\n",
        b"\r\n",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"fffffffff\r\n",
    ]
)
_BYTES = st.lists(_LINES | st.binary(max_size=60), max_size=12).map(b"".join)


@given(_BYTES, st.lists(st.integers(1, 40), max_size=8))
def test_the_reader_of_http_says_the_same_however_bytes_come(data: bytes, cuts: list[int]) -> None:
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(data[at : at + cut])
        at += cut
    assert messages_of(Reader(4096), [*pieces, data[at:]]) == messages_of(Reader(4096), [data])


_XML = st.lists(
    st.sampled_from(
        [
            f'<s:Envelope xmlns:s="{ENVELOPE}">',
            "<s:Body>",
            f'<u:OperationOn xmlns:u="{URN}">',
            "<UUID>",
            "x",
            "</UUID>",
            "<Address/>",
            "</u:OperationOn>",
            "</s:Body>",
            "</s:Envelope>",
            "<!DOCTYPE a [<!ENTITY b 'cc'>]>",
            "&b;",
            "<a>" * 50,
            "&#0;",
        ]
    )
    | st.text(max_size=10),
    max_size=14,
).map("".join)


@given(_XML, st.sampled_from([f'"{URN}#OperationOn"', "", "x#y", f"{URN}#GetPowerState"]))
def test_soap_is_a_call_a_fault_or_no_soap(text: str, action: str) -> None:
    with contextlib.suppress(NotSoapError):
        assert isinstance(read_call(POWER, action, text.encode()), Call | Fault)
    with contextlib.suppress(MarkupError):
        assert isinstance(leaves(text.encode()), list)


@given(st.binary(max_size=5000) | _BYTES, st.booleans())
def test_datagrams_are_something_or_nothing(data: bytes, multicast: bool) -> None:
    read(data, multicast=multicast)
    read(b"M-SEARCH * HTTP/1.1\r\n" + data, multicast=multicast)
    read(b"NOTIFY * HTTP/1.1\r\n" + data, multicast=multicast)
    read_answer(b"HTTP/1.1 200 OK\r\n" + data)


@given(st.text(max_size=60) | st.builds("http://{}:{}/{}".format, st.text(max_size=9), st.integers(), st.text()))
def test_urls_are_read_or_not(text: str) -> None:
    url = read_url(text)
    assert url is None or 0 < url.port < 65536


@settings(max_examples=40)
@given(st.lists(_BYTES, min_size=1, max_size=4))
def test_a_running_one_answers_after_whatever_came(talks: list[bytes]) -> None:
    async def main(clock: Clock) -> None:
        async with appliance(clock) as one:
            for talk in talks:
                with contextlib.suppress(OSError):
                    await raw(ADDRESS, port_of(one), talk)
            with searcher() as asking:
                for talk in talks:
                    asking.sendto(talk, (ADDRESS, 19_043))
            assert (await call(one.upnp.location, "GetPowerState")).result("PowerState") == "ON"
            await clock.sleep(10)
            assert one.upnp.subscribers <= 4

    run_stepped(main)


@stepped
async def test_entities_that_would_grow_are_not_taken(clock: Clock) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "' + "c" * 5000 + '">]><a>' + "&b;" * 500 + "</a>"
    async with appliance(clock) as one:
        answer = await ask(one.upnp.location, "POST", "/power/control", {"SOAPACTION": '"x#y"'}, bomb)
        assert (answer.status, one.upnp.refused) == (400, {"not_soap": 1})
        assert "no document type" in answer.body


@stepped
async def test_bodies_and_heads_are_bounded(clock: Clock) -> None:
    async with appliance(clock) as one:
        assert (await ask(one.upnp.location, "POST", "/power/control", {}, "x" * 20_000)).status == 413
        head = b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 4000
        assert parsed(await raw(ADDRESS, port_of(one), head)).status == 431


@stepped
async def test_connections_are_few_and_do_not_last_for_nothing(clock: Clock) -> None:
    async with appliance(clock) as one:
        idle = [
            await asyncio.open_connection(ADDRESS, port_of(one), local_addr=(f"127.0.43.{10 + n // MOST_OF_ONE}", 0))
            for n in range(MOST_CONNECTIONS)
        ]
        with pytest.raises((OSError, IndexError)):
            await ask(one.upnp.location, "GET", "/description.xml")
        await clock.sleep(16)
        assert (await ask(one.upnp.location, "GET", "/description.xml")).status == 200
        for _, writer in idle:
            writer.transport.abort()


@stepped
async def test_who_hoards_connections_locks_nobody_else_out(clock: Clock) -> None:
    async with appliance(clock) as one:
        idle = [await asyncio.open_connection(ADDRESS, port_of(one)) for _ in range(MOST_OF_ONE + 4)]
        with pytest.raises((OSError, IndexError)):
            await ask(one.upnp.location, "GET", "/description.xml")
        assert (await ask(one.upnp.location, "GET", "/description.xml", source="127.0.43.9")).status == 200
        for _, writer in idle:
            writer.transport.abort()


@stepped
async def test_who_asks_on_and_on_and_reads_nothing_is_not_answered_on_and_on(clock: Clock) -> None:
    async with appliance(clock) as one:
        reader, writer = await asyncio.open_connection(ADDRESS, port_of(one), limit=1024)
        writer.write(b"GET /description.xml HTTP/1.1\r\nHost: 127.0.43.1\r\n\r\n" * 20_000)
        await clock.sleep(5)
        (connection,) = one.upnp._server.connections
        assert connection._transport is not None
        assert connection._transport.get_write_buffer_size() < 128 * 1024
        await clock.sleep(20)
        assert not one.upnp._server.connections
        assert not reader.at_eof()
        writer.transport.abort()


@pytest.mark.parametrize(
    ("address", "home"),
    [
        ("10.0.0.1", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("8.8.8.8", False),
        ("2a00::1", False),
        ("", False),
    ],
)
def test_only_a_home_network_is_answered(address: str, home: bool) -> None:
    assert at_home(address) is home


@stepped
async def test_subscribers_and_answers_and_registrations_are_few(clock: Clock) -> None:
    async with appliance(clock) as one:
        told = []
        for number in range(MOST_SUBSCRIBERS + 4):
            host = f"127.0.0.{1 + number // MOST_OF_ADDRESS}"
            headers = {"CALLBACK": f"<http://{host}:9/x>", "NT": "upnp:event"}
            told.append((await ask(one.upnp.location, "SUBSCRIBE", "/power/events", headers, source=host)).status)
        assert told == [200] * MOST_SUBSCRIBERS + [503] * 4
        headers = {"CALLBACK": "<http://127.0.0.1:9/x>", "NT": "upnp:event"}
        for _ in range(20):  # one that is there already gives up its own oldest
            assert (await ask(one.upnp.location, "SUBSCRIBE", "/power/events", headers)).status == 200
        assert one.upnp.subscribers == MOST_SUBSCRIBERS
        for number in range(MOST_ANSWERS * 4):
            with searcher() as asking:
                message = f'M-SEARCH * HTTP/1.1\r\nMAN: "ssdp:discover"\r\nST: ssdp:all\r\nN: {number}\r\n\r\n'
                asking.sendto(message.encode(), (ADDRESS, 19_043))
        codes = [
            (await call(one.upnp.location, "StandbyPeriod", StartTime=f"{hour:02}:00:00", StopTime=f"{hour:02}:30:00"))
            for hour in range(MOST_OPEN + 2)
        ]
        assert [code.status for code in codes] == [200] * MOST_OPEN + [500] * 2
        await clock.sleep(30)
