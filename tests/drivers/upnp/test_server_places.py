"""Where the driver's HTTP server listens: on the links there are, each interface by itself, and nowhere else."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable

import pytest

from drivers.upnp.door import MOST_OF_ONE
from drivers.upnp.parts import Link
from drivers.upnp.server import HttpServer
from heg.runtime.clock import Clock
from tests.drivers.upnp.serving import LOOPBACK, said, serving
from tests.support.namespaces import Network, cable, needs_networks, wired
from tests.support.peers import needs
from tests.support.stepped import stepped

HELLO = said("GET", "/hello", b"hello")


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


async def _until(so: Callable[[], bool], clock: Clock) -> None:
    for _ in range(500):
        if so():
            return
        await clock.sleep(0.01)
    raise AssertionError("it never came")
