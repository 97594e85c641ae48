"""The driver's one HTTP server: description, control, events and page, on the home network's links and nowhere else.

What comes is hostile. A connection carries one request and lives for a bounded time, whatever it does; there are few
for each address and few in all. Only the routes that were handed in are answered, and only to addresses of a home.
"""

import asyncio
import logging
import socket
from asyncio.trsock import TransportSocket
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from aiohttp import HttpVersion11, web

from drivers.upnp.connection import Care, Connection
from drivers.upnp.door import Door
from drivers.upnp.exchange import PRODUCT, Answer, Asked, Route, address_of, on_loopback
from drivers.upnp.parts import EVENTS_PATH, MOST_EVENT_BYTES, EventSink, Link
from drivers.upnp.urls import bracketed
from heg.runtime.clock import Clock, real_span

logger = logging.getLogger(__name__)

_BACKLOG = 256
_AGAIN_S = 10.0
"""After this a port that was taken is tried again."""
_GOODBYE_S = 1.0
_LONGEST_INTERFACE = 16
"""IFNAMSIZ, netdevice(7)."""


class Doorway(NamedTuple):
    """Where one socket listens: on an interface (empty and 0: loopback), at an address.

    The number is part of it: an interface that was made anew under its old name is another one, and whatever was bound
    to the old one hears nothing any more.
    """

    interface: str
    number: int
    address: str


class HttpServer:
    """`run()` is one task of the driver; `listen` says on which links. Refusals are counted by name in `refused`."""

    def __init__(self, clock: Clock, port: int, routes: Sequence[Route], refused: Counter[str]) -> None:
        self._clock, self._port, self._refused = clock, port, refused
        self._exact = {(one.method, one.path): one for one in routes if not one.below}
        self._below = [one for one in routes if one.below]
        self._wanted: frozenset[Doorway] = frozenset()
        self._changed = asyncio.Event()
        self._listening: dict[Doorway, socket.socket] = {}
        self._told: set[str] = set()
        self._hooks: list[Callable[[], None]] = []

    def on_change(self, hook: Callable[[], None]) -> None:
        """Have a hook called when it listens somewhere else than before."""
        self._hooks.append(hook)

    def is_on(self, link: Link) -> bool:
        """Tell whether it listens on a link now."""
        return _doorway(link) in self._listening

    @property
    def places(self) -> frozenset[Doorway]:
        """Where it listens now."""
        return frozenset(self._listening)

    def listen(self, links: Iterable[Link]) -> None:
        """Be there on these links, and on no others."""
        wanted = frozenset(map(_doorway, links))
        if wanted != self._wanted:
            self._wanted = wanted
            self._changed.set()

    def url(self, link: Link, path: str) -> str:
        """Return the address of a path as who is on the link finds it."""
        return f"http://{bracketed(link.address)}:{self._port}{path}"

    async def run(self) -> None:
        """Serve until cancelled; nothing of it is left then."""
        server = web.Server(self._answer)
        care = Care(self._clock, self._refused)
        loop = asyncio.get_running_loop()
        door = Door(self._clock, self._refused, lambda: Connection(server, loop, care), care)
        try:
            while True:
                self._changed.clear()
                missing = self._reconcile(door)
                with suppress(TimeoutError):
                    async with asyncio.timeout(real_span(self._clock, _AGAIN_S) if missing else None):
                        await self._changed.wait()
        finally:
            for one in self._listening.values():
                door.shut(one)
            self._listening.clear()
            await door.close()
            await server.shutdown(real_span(self._clock, _GOODBYE_S))

    def _reconcile(self, door: Door) -> bool:
        before = self.places
        for doorway in self._listening.keys() - self._wanted:
            door.shut(self._listening.pop(doorway))
        for doorway in sorted(self._wanted - self._listening.keys()):
            try:
                opened = _open(doorway, self._port)
            except OSError as error:
                self._tell_once(
                    f"[upnp] port = {self._port}: cannot listen on {doorway.interface or doorway.address}: "
                    f"{error.strerror}; appliances are found but cannot send their events there until it is free, or "
                    "another port is set"
                )
                continue
            self._listening[doorway] = opened
            door.open(opened)
        if self.places != before:
            for hook in self._hooks:
                hook()
        return bool(self._wanted - self._listening.keys())

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = await self._judged(request)
        if answer.counted:
            self._refused[answer.counted] += 1
        response = web.Response(status=answer.status, body=answer.body, headers={"Server": PRODUCT, **answer.headers})
        response.force_close()
        if answer.then is None:
            return response
        # Said before what follows from it: a subscriber must know its SID when the first event comes.
        try:
            await response.prepare(request)
            await response.write_eof()
        finally:  # also where nobody is there to hear it: what was begun must go on to its end
            answer.then()
        return response

    async def _judged(self, request: web.BaseRequest) -> Answer:
        transport = request.transport
        peername = transport and transport.get_extra_info("peername")
        if transport is None or not peername:  # the kernel forgets who reset a connection before it was taken
            raise ConnectionResetError("gone before it was heard")
        host = transport.get_extra_info("sockname")[0].partition("%")[0]
        interface = _interface_of(transport.get_extra_info("socket"))
        if not _means(request.headers.get("Host", ""), host):
            return Answer(421, counted="http_host")
        method = "GET" if request.method == "HEAD" else request.method
        route = self._route(method, request.path)
        if isinstance(route, Answer):
            return route
        body = await self._body(request, route.largest_body)
        if isinstance(body, Answer):
            return body
        try:
            asked = Asked(method, request.path, request.headers, body, str(address_of(peername[0])), host, interface)
            return await route.handler(asked)
        except Exception:
            # One request's failure is ours to mend, but not the server's to die of.
            logger.exception("%s %s failed", method, request.path[:80])
            return Answer(500, counted="http_fault")

    def _route(self, method: str, path: str) -> Route | Answer:
        if (found := self._exact.get((method, path))) is not None:
            return found
        for one in self._below:
            if one.method == method and path.startswith(one.path):
                return one
        allowed = sorted({one.method for one in (*self._exact.values(), *self._below) if _covers(one, path)})
        if allowed:
            return Answer(405, headers={"Allow": ", ".join(allowed)}, counted="http_method")
        return Answer(404, counted="http_path")

    async def _body(self, request: web.BaseRequest, most: int) -> bytes | Answer:
        if (request.content_length or 0) > most:
            return Answer(413, counted="http_too_large")
        if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # the answer itself has not begun
        body = bytearray()
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > most:
                return Answer(413, counted="http_too_large")
        return bytes(body)

    def _tell_once(self, text: str) -> None:
        if text not in self._told and len(self._told) < 64:
            self._told.add(text)
            logger.warning("%s", text)


def events_to(sink: EventSink) -> Route:
    """Return the route by which appliances' events come in."""

    async def notified(asked: Asked) -> Answer:
        place = asked.path.removeprefix(f"{EVENTS_PATH}/")
        status = sink.notified(place, asked.headers, asked.body, asked.caller)
        return Answer(status, counted="" if status < 400 else "event_refused")

    return Route("NOTIFY", f"{EVENTS_PATH}/", notified, MOST_EVENT_BYTES, below=True)


def _doorway(link: Link) -> Doorway:
    """Every address of an interface is one socket, bound to the interface: a new address needs no new one."""
    if on_loopback(link.address):
        return Doorway("", 0, link.address)
    try:
        number = socket.if_nametoindex(link.name)
    except OSError:  # gone meanwhile: the next look at the links says so
        number = 0
    return Doorway(link.name, number, "::" if ":" in link.address else "0.0.0.0")  # noqa: S104 - bound to the interface


def _open(doorway: Doorway, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in doorway.address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if doorway.interface:  # without privileges since Linux 5.7
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, doorway.interface.encode() + b"\0")
        listener.bind((doorway.address, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _interface_of(connection: TransportSocket) -> str:
    """Return the interface that a connection is bound to, as its listener is; empty on loopback."""
    try:
        name: bytes = connection.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, _LONGEST_INTERFACE)
    except OSError as error:
        raise ConnectionResetError("gone before it was heard") from error
    return name.rstrip(b"\0").decode("ascii", "replace")


def _covers(route: Route, path: str) -> bool:
    return path.startswith(route.path) if route.below else path == route.path


def _means(header: str, host: str) -> bool:
    """Whether a Host header is the very address that was asked: a page elsewhere whose name leads here is refused."""
    name = header[1:].partition("]")[0] if header.startswith("[") else header.partition(":")[0]
    address = address_of(name)
    return address is not None and address == address_of(host)
