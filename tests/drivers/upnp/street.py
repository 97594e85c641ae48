"""A street of small appliances for the tests of discovery: each answers searches and serves what it is told to say.

They share no code with the driver. On loopback each has an address of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from drivers.upnp.config import UpnpConfig
from drivers.upnp.discovery import Discovery
from drivers.upnp.fetching import Fetcher, new_session
from drivers.upnp.parts import Described, GoneWhy
from heg.runtime.clock import Clock
from hil.ports import free_port
from tests.drivers.upnp.documents import CYCLE_TABLE, device_xml, response, scpd, uuid_number


@dataclass
class Appliance(asyncio.DatagramProtocol):
    """One appliance. Everything it says can be changed while it runs."""

    uuid: str
    host: str
    ssdp_port: int
    max_age: int = 1800
    boot: int = 1
    pages: dict[str, bytes] = field(default_factory=dict)
    head: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
    answers_searches: bool = True
    trickles: bool = False
    asked: list[str] = field(default_factory=list)
    searched: int = 0
    port: int = 0
    location: str = ""
    _udp: asyncio.DatagramTransport | None = None
    _says: socket.socket | None = None
    _tcp: asyncio.Server | None = None
    _serving: set[asyncio.Task] = field(default_factory=set)

    async def start(self, *, group: str = "", inside: AbstractContextManager[None] | None = None) -> None:
        """Open its sockets, in another network where one is given, and serve."""
        self.pages.setdefault("/device.xml", device_xml(self.uuid))
        self.pages.setdefault("/scpd.xml", scpd())
        self.pages.setdefault("/cycles.xml", scpd(CYCLE_TABLE, "CycleId"))
        with inside or contextlib.nullcontext():
            heard, listening = self._open(group)
        self._tcp = await asyncio.start_server(self._serve, sock=listening)
        self.port = listening.getsockname()[1]
        self.location = self.location or f"http://{_bracketed(self.host.partition('%')[0])}:{self.port}/device.xml"
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=heard)

    def _open(self, group: str) -> tuple[socket.socket, socket.socket]:
        host, _, zone = self.host.partition("%")
        v6, index = ":" in host, socket.if_nametoindex(zone) if zone else 0
        family = socket.AF_INET6 if v6 else socket.AF_INET

        def at(address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
            return (address, port, 0, index) if v6 else (address, port)

        heard = socket.socket(family, socket.SOCK_DGRAM)
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        heard.bind(at(group or host, self.ssdp_port))
        self._says = socket.socket(family, socket.SOCK_DGRAM)
        self._says.bind(at(host, 0))
        if group and v6:
            member = socket.inet_pton(family, group) + struct.pack("@I", index)
            heard.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
            self._says.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        elif group:
            member = socket.inet_aton(group) + socket.inet_aton(host)
            heard.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            self._says.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(host))
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(at(host, self.port))
        listening.listen(64)
        for one in (heard, listening):
            one.setblocking(False)
        return heard, listening

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._udp = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        if data.startswith(b"M-SEARCH") and self.answers_searches:
            self.searched += 1
            self.say(response(self.uuid, self.location, max_age=self.max_age, boot=self.boot), source)

    def say(self, data: bytes, to: tuple[Any, ...]) -> None:
        """From a socket of its host, as answers and announcements come."""
        assert self._says is not None, "it has not begun"
        self._says.sendto(data, to)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = request.split()[1]
            self.asked.append(path)
            body = self.pages.get(path)
            if body is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            else:
                writer.write(self.head + b"Content-Length: %d\r\n\r\n" % len(body))
                if self.trickles:
                    for letter in body:
                        writer.write(bytes((letter,)))
                        await asyncio.sleep(1.0)  # noqa: TID251 - on the test's own loop
                writer.write(body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._serving.discard(task)
            writer.close()

    async def stop(self) -> None:
        """Vanish without a word."""
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        if self._says is not None:
            self._says.close()
            self._says = None
        if self._tcp is not None:
            self._tcp.close()
            self._tcp = None
        for task in list(self._serving):
            task.cancel()
        await asyncio.sleep(0)  # noqa: TID251


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@dataclass
class Record:
    """A watcher that remembers, with the times."""

    clock: Clock
    told: list[tuple[float, str, str]] = field(default_factory=list)
    here: dict[str, Described] = field(default_factory=dict)

    def found(self, appliance: Described) -> None:
        self.told.append((self.clock.monotonic_s(), "found", appliance.uuid))
        self.here[appliance.uuid] = appliance

    def gone(self, uuid: str, why: GoneWhy) -> None:
        self.told.append((self.clock.monotonic_s(), str(why), uuid))
        del self.here[uuid]

    def words(self, uuid: str) -> list[str]:
        return [what for _, what, who in self.told if who == uuid]


@dataclass
class Street:
    """Discovery and the appliances it may find."""

    clock: Clock
    discovery: Discovery
    record: Record
    config: UpnpConfig
    appliances: list[Appliance]

    @property
    def ours(self) -> tuple[str, int]:
        return "127.0.0.1", self.config.search_port

    def has(self, count: int) -> bool:
        """Whether so many are there."""
        return len(self.record.here) == count

    async def until(self, holds: object, within_s: float = 60.0, every_s: float = 0.05) -> float:
        began_s = self.clock.monotonic_s()
        while not holds():  # type: ignore[operator]
            assert self.clock.monotonic_s() - began_s < within_s, f"not within {within_s:g} s: {self.record.told}"
            await self.clock.sleep(every_s)
        return self.clock.monotonic_s() - began_s


@contextlib.asynccontextmanager
async def discovering(
    clock: Clock, config: UpnpConfig, appliances: list[Appliance], known: Callable[[], Iterable[str]] = tuple
) -> AsyncIterator[Street]:
    """Discovery runs; at the end the appliances are stopped."""
    async with new_session() as session:
        record = Record(clock)
        discovery = Discovery(config, clock, Fetcher(session, clock), record, known=known)
        running = asyncio.create_task(discovery.run())
        try:
            yield Street(clock, discovery, record, config, appliances)
            assert not running.done(), "discovery goes on whatever comes"
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            for appliance in appliances:
                await appliance.stop()


@contextlib.asynccontextmanager
async def a_street(
    clock: Clock,
    *numbers: int,
    known: Callable[[], Iterable[str]] = tuple,
    start: bool = True,
    **more: object,
) -> AsyncIterator[Street]:
    """Appliances `127.0.1.N` on loopback, found by unicast search."""
    ssdp_port = free_port()
    targets = tuple(f"127.0.1.{number}:{ssdp_port}" for number in numbers)
    config = UpnpConfig(
        **{  # type: ignore[arg-type]
            "interfaces": ("lo",),
            "search_targets": targets,
            "search_port": free_port(),
            "search_mx_s": 1,
            **more,
        }
    )
    appliances = [Appliance(uuid_number(number), f"127.0.1.{number}", ssdp_port) for number in numbers]
    if start:
        for appliance in appliances:
            await appliance.start()
    async with discovering(clock, config, appliances, known) as street:
        yield street
