"""Events of the gateway: every subscriber hears the newest in its turn, and none of them costs the others anything."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from drivers.upnp.hosting.subscribers import MOST_SUBSCRIBERS
from drivers.upnp.markup import Caps, read
from heg.model.appliances import RequestKind
from heg.runtime.clock import Clock
from tests.drivers.upnp.hosted import WASHER, Hosted, hosted
from tests.support.stepped import stepped


@dataclass
class Ear:
    """A subscriber's own little server on 127.0.0.7."""

    port: int
    status: int = 200
    deaf: bool = False
    heard: list[tuple[dict[str, str], dict[str, str]]] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"<http://127.0.0.7:{self.port}/my/events?x=1>"

    def told(self, name: str) -> list[str | None]:
        return [values.get(name) for _, values in self.heard]

    def sequence(self) -> list[int]:
        return [int(headers["seq"]) for headers, _ in self.heard]


@contextlib.asynccontextmanager
async def ear(clock: Clock) -> AsyncIterator[Ear]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.splitlines()
            headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines if line}
            body = await reader.readexactly(int(headers["content-length"]))
            assert first == "NOTIFY /my/events?x=1 HTTP/1.1"
            assert headers["nt"] == "upnp:event"
            assert headers["nts"] == "upnp:propchange"
            assert headers["host"] == f"127.0.0.7:{mine.port}"
            if mine.deaf:
                await reader.read()
            else:
                values = {one.children[0].name: one.children[0].text for one in read(body, Caps()).children}
                mine.heard.append((headers, values))
                mine.at_s.append(clock.monotonic_s())
                writer.write(f"HTTP/1.1 {mine.status} said\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.7", 0)
    mine = Ear(server.sockets[0].getsockname()[1])
    try:
        yield mine
    finally:
        server.close()
        for _ in range(20):
            await clock.sleep(0.0)


async def subscribe(
    home: Hosted, callback: str, source: str = "127.0.0.7", **headers: str
) -> tuple[int, dict[str, str]]:
    said = {"NT": "upnp:event", "CALLBACK": callback, "TIMEOUT": "Second-1800", **headers}
    status, answered, _ = await home.served.ask("SUBSCRIBE", "/subscribe", b"", source, **said)
    return status, answered


@stepped
async def test_the_first_event_has_everything_and_the_others_what_changed(clock: Clock) -> None:
    async with ear(clock) as mine, hosted(clock) as home:
        status, headers = await subscribe(home, mine.url)
        assert status == 200
        assert headers["sid"].startswith("uuid:")
        assert headers["timeout"] == "Second-1800"
        assert headers["content-length"] == "0"
        await clock.sleep(0.2)
        assert mine.heard[0][0]["sid"] == headers["sid"]
        assert mine.heard[0][1] == {"OpenRegistrations": "0", "RegistrationUpdateID": "0"}
        assert (await home.call("WakeUpTime", Time="06:30:00"))[0] == 200
        await clock.sleep(3.0)
        assert mine.heard[1][1] == {"OpenRegistrations": "1", "RegistrationUpdateID": "1"}
        home.house.write(WASHER, 9, RequestKind.WAKE_UP)
        home.house.end(next(one for _, one in home.house.context.registrations() if one.id == 1))
        await clock.sleep(3.0)
        assert mine.heard[2][1] == {"RegistrationUpdateID": "2"}
        assert mine.sequence() == [0, 1, 2]


@stepped
async def test_a_burst_of_orders_is_few_events_and_the_last_has_the_newest(clock: Clock) -> None:
    async with ear(clock) as mine, hosted(clock) as home:
        await subscribe(home, mine.url)
        await clock.sleep(0.2)
        for number in range(40):
            home.house.write(WASHER, number + 1, RequestKind.WAKE_UP)
            home.device._look()
            await clock.sleep(0.1)
        await clock.sleep(5.0)
        assert mine.told("OpenRegistrations")[-1] == "40"
        assert len(mine.heard) <= 5
        gaps = [after - before for before, after in zip(mine.at_s[1:], mine.at_s[2:], strict=False)]
        assert all(gap >= 1.9 for gap in gaps), gaps


@stepped
async def test_who_is_new_does_not_wait_for_the_others(clock: Clock) -> None:
    async with ear(clock) as mine, ear(clock) as late, hosted(clock, moderation_s=60.0) as home:
        await subscribe(home, mine.url)
        home.house.write(WASHER, 1, RequestKind.WAKE_UP)
        await clock.sleep(5.0)
        home.house.write(WASHER, 2, RequestKind.WAKE_UP)
        await clock.sleep(5.0)
        assert mine.told("OpenRegistrations") == ["0", "1"]
        await subscribe(home, late.url)
        await clock.sleep(0.2)
        assert late.told("OpenRegistrations") == ["2"]
        await clock.sleep(60.0)
        assert mine.told("OpenRegistrations") == ["0", "1", "2"]
        assert late.sequence() == [0]


@stepped
async def test_renewed_ended_and_forgotten(clock: Clock) -> None:
    async with ear(clock) as mine, hosted(clock) as home:
        _, headers = await subscribe(home, mine.url, TIMEOUT="Second-5")
        assert headers["timeout"] == "Second-300"
        sid = headers["sid"]

        async def renew(**more: str) -> tuple[int, dict[str, str]]:
            status, said, _ = await home.served.ask("SUBSCRIBE", "/subscribe", b"", "127.0.0.7", **more)
            return status, said

        await clock.sleep(290.0)
        assert (await renew(SID=sid, TIMEOUT="Second-infinite"))[1]["timeout"] == "Second-1800"
        await clock.sleep(1000.0)
        assert len(home.device.subscriptions) == 1
        assert (await renew(SID=sid, NT="upnp:event"))[0] == 400
        assert (await renew(SID=sid, CALLBACK=mine.url))[0] == 400
        assert (await renew(SID="uuid:other"))[0] == 412
        await clock.sleep(900.0)
        assert len(home.device.subscriptions) == 0
        assert (await renew(SID=sid))[0] == 412
        _, headers = await subscribe(home, mine.url)
        ended = await home.served.ask("UNSUBSCRIBE", "/subscribe", source="127.0.0.8", SID=headers["sid"])
        assert ended[0] == 412  # another's
        assert (await home.served.ask("UNSUBSCRIBE", "/subscribe", source="127.0.0.7", SID=headers["sid"]))[0] == 200
        assert (await home.served.ask("UNSUBSCRIBE", "/subscribe", source="127.0.0.7", SID=headers["sid"]))[0] == 412
        assert len(mine.heard) <= 2


BAD_CALLBACKS = {
    "nothing": "",
    "no brackets": "http://127.0.0.7:80/",
    "another host": "<http://127.0.0.8:80/>",
    "a name": "<http://localhost:80/>",
    "TLS": "<https://127.0.0.7/>",
    "a file": "<file:///etc/passwd>",
    "a user": "<http://a@127.0.0.7/>",
    "no port": "<http://127.0.0.7:0/>",
    "no such port": "<http://127.0.0.7:99999/>",
    "far too long": f"<http://127.0.0.7/{'a' * 300}>",
    "a space": "<http://127.0.0.7/a HTTP/1.1>",
    "the group": "<http://239.255.255.250:1900/>",
}


@pytest.mark.parametrize("name", BAD_CALLBACKS)
@stepped
async def test_events_go_only_to_who_asked(clock: Clock, name: str) -> None:
    async with hosted(clock) as home:
        status, _ = await subscribe(home, BAD_CALLBACKS[name])
        assert status == 412
        assert sum(home.refused.values()) == 1
        assert len(home.device.subscriptions) == 0


@stepped
async def test_of_several_callbacks_its_own_is_taken(clock: Clock) -> None:
    async with ear(clock) as mine, hosted(clock) as home:
        assert (await subscribe(home, f"<http://[fe80::1]:80/x><http://8.8.8.8/>{mine.url}"))[0] == 200
        await clock.sleep(0.2)
        assert mine.sequence() == [0]


@stepped
async def test_who_knows_nothing_of_it_is_dropped_and_who_does_not_hear_delays_nobody(clock: Clock) -> None:
    async with ear(clock) as deaf, ear(clock) as forgot, ear(clock) as mine, hosted(clock) as home:
        deaf.deaf, forgot.status = True, 412
        for one in (deaf, forgot, mine):
            await subscribe(home, one.url)
        await subscribe(home, "<http://127.0.0.7:9/>")  # where nobody listens
        assert len(home.device.subscriptions) == 4
        await clock.sleep(0.5)
        assert mine.sequence() == [0]
        for number in range(4):
            home.house.write(WASHER, number + 1, RequestKind.WAKE_UP)
            await clock.sleep(8.0)
        assert len(home.device.subscriptions) == 3
        assert mine.told("OpenRegistrations") == ["0", "1", "2", "3", "4"]
        assert home.refused["event_unheard"] == 9
        assert forgot.sequence() == [0, 0, 0]
        await clock.sleep(1800.0)
        assert len(home.device.subscriptions) == 0


@stepped
async def test_a_hundred_that_take_every_event_and_answer_none_delay_the_others_little(clock: Clock) -> None:
    async with ear(clock) as mine, ear(clock) as deaf, hosted(clock) as home:
        deaf.deaf = True
        for _ in range(100):
            await subscribe(home, deaf.url, TIMEOUT="Second-300")
        await subscribe(home, mine.url)
        begun_s = clock.monotonic_s()
        while not mine.at_s:
            await clock.sleep(0.1)
        # The first time nobody knows of them: eight a quarter of a second, sixty-four that hold on for three seconds.
        assert clock.monotonic_s() - begun_s < 6.0
        await clock.sleep(4.0)
        home.house.write(WASHER, 1, RequestKind.WAKE_UP)
        begun_s = clock.monotonic_s()
        while len(mine.at_s) < 2:
            await clock.sleep(0.1)
        assert clock.monotonic_s() - begun_s < 2.0 + 0.5  # by when registrations are looked at
        assert mine.told("OpenRegistrations") == ["0", "1"]
        await clock.sleep(340.0)
        assert len(home.device.subscriptions) == 1


@stepped
async def test_who_sleeps_hears_the_newest_when_it_wakes(clock: Clock) -> None:
    async with ear(clock) as mine, hosted(clock) as home:
        await subscribe(home, mine.url)
        await clock.sleep(1.0)
        mine.deaf = True
        for number in range(3):
            home.house.write(WASHER, number + 1, RequestKind.WAKE_UP)
            await clock.sleep(200.0)
        assert len(home.device.subscriptions) == 1
        mine.deaf = False
        await clock.sleep(310.0)
        assert mine.told("OpenRegistrations") == ["0", "3"]
        assert home.refused["event_unheard"] <= 6


@stepped
async def test_what_was_not_taken_is_told_again_with_what_came_since(clock: Clock) -> None:
    async with ear(clock) as mine, hosted(clock) as home:
        mine.status = 412  # the first event overtook the answer
        await subscribe(home, mine.url)
        await clock.sleep(0.5)
        mine.status = 200
        await clock.sleep(3.0)
        assert mine.sequence() == [0, 0]
        mine.status = 503
        home.house.write(WASHER, 1, RequestKind.WAKE_UP)
        await clock.sleep(2.5)
        mine.status = 200
        await clock.sleep(5.0)
        assert mine.sequence() == [0, 0, 1, 2]
        assert mine.told("OpenRegistrations") == ["0", "0", "1", "1"]


@stepped
async def test_there_are_so_many_subscribers_and_no_more(clock: Clock) -> None:
    async with hosted(clock) as home:
        for number in range(MOST_SUBSCRIBERS):
            assert (await subscribe(home, f"<http://127.0.0.7:{number + 1}/>", TIMEOUT="Second-300"))[0] == 200
        assert (await subscribe(home, "<http://127.0.0.7:1/>"))[0] == 503
        assert home.refused["subscribe_too_many"] == 1
        await clock.sleep(340.0)  # nobody listens there, and nobody has renewed them
        assert len(home.device.subscriptions) == 0
