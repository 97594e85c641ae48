"""A small HTTP server for one appliance: few connections, each bounded in size and time."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from appliance.upnp.ground import at_home
from appliance.upnp.http import HttpError, Message, Reader, Response
from appliance.upnp.soap import LARGEST_CALL_BYTES

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 24
MOST_OF_ONE = 8
"""Connections of one address: who hoards them locks nobody else out."""
IDLE_S = 15.0
"""How long a connection may say nothing, or take for one request."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request and who sent it, by its address without a zone."""

    method: str
    path: str
    message: Message
    peer: str
    local: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A response, and what is done when it is on its way."""

    response: Response
    afterwards: Callable[[], None] | None = None


Handler = Callable[[Request], Awaitable[Reply]]


class HttpServer:
    """Listens at one address. It can be frozen, a fault for the rig: connections are taken, nothing is answered."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self.connections: set[Connection] = set()
        self._thawed: asyncio.Event | None = None
        self.port = 0

    @property
    def frozen(self) -> bool:
        """Tell whether nothing is answered."""
        return self._thawed is not None

    async def open(self, address: str, port: int) -> None:
        """Begin to listen; port 0 takes a free one. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self, self._handler), address, port, backlog=32)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """End at once: who is connected sees the connection broken."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self.connections):
            connection.abort()

    def under_way(self) -> list[asyncio.Task[None]]:
        """List what is being answered now."""
        return [one.answering for one in self.connections if one.answering is not None]

    def freeze(self, *, frozen: bool) -> None:
        """Answer nothing from now on, or go on where it stood."""
        if frozen == self.frozen:
            return
        if self._thawed is not None:
            self._thawed.set()
        self._thawed = asyncio.Event() if frozen else None
        for connection in list(self.connections):
            connection.go_on()

    async def thawed(self) -> None:
        """Wait while nothing is answered."""
        while self._thawed is not None:
            await self._thawed.wait()


class Connection(asyncio.Protocol):
    """One connection: one request after the other."""

    __slots__ = ("_full", "_handler", "_last", "_reader", "_server", "_timer", "_transport", "answering", "peer")

    def __init__(self, server: HttpServer, handler: Handler) -> None:
        self._server = server
        self._handler = handler
        self._reader = Reader(LARGEST_CALL_BYTES)
        self._transport: asyncio.Transport | None = None
        self.answering: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.peer = ""
        self._last = False
        self._full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, unless there are too many."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self.peer = peer[0].partition("%")[0] if peer else ""
        of_peer = sum(one.peer == self.peer for one in self._server.connections)
        if of_peer >= MOST_OF_ONE or len(self._server.connections) >= MOST_CONNECTIONS or not at_home(self.peer):
            transport.abort()
            return
        self._server.connections.add(self)
        self._wait()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - how it ended is the same to us
        """Forget it."""
        self._server.connections.discard(self)
        self._stop_waiting()
        self._transport = None
        if self.answering is not None:
            self.answering.cancel()

    def data_received(self, data: bytes) -> None:
        """Take bytes; a request under way is answered first."""
        self._reader.feed(data)
        self.go_on()

    def eof_received(self) -> bool:
        """Answer still what was asked; nothing more comes."""
        self._last = True
        return self.answering is not None or (self._server.frozen and self._reader.begun)

    def pause_writing(self) -> None:
        """Answer nothing more to somebody who does not read."""
        self._full = True

    def resume_writing(self) -> None:
        """Go on answering."""
        self._full = False
        self.go_on()

    def abort(self) -> None:
        """Break it off."""
        if self._transport is not None:
            self._transport.abort()

    def go_on(self) -> None:
        """Answer what is there, if nobody holds us."""
        if self._transport is None or self.answering is not None or self._full or self._server.frozen:
            self._hold()
            return
        self._transport.resume_reading()
        try:
            message = self._reader.take()
        except HttpError as error:
            self._refuse(error.status, str(error))
            return
        if message is not None:
            self._stop_waiting()
            self.answering = asyncio.get_running_loop().create_task(self._answer(message), name="appliance: request")
        elif self._reader.awaits_leave:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _hold(self) -> None:
        if self._transport is not None and self._reader.begun:
            self._transport.pause_reading()

    async def _answer(self, message: Message) -> None:
        reply = Reply(Response(500))
        try:
            reply = await self._reply(message)
        except Exception:
            logger.exception("a request could not be answered")
        await self._server.thawed()
        if (transport := self._transport) is None:
            return
        lasting = message.lasting and not self._last
        transport.write(reply.response.to_bytes(head_only=message.start[0] == "HEAD", lasting=lasting))
        if reply.afterwards is not None:
            reply.afterwards()
        self.answering = None
        if not lasting:
            transport.close()
            return
        self._wait()
        self.go_on()

    async def _reply(self, message: Message) -> Reply:
        method, path, _ = message.start
        if message.start[0].startswith("HTTP/"):
            return Reply(Response(400, b"expected a request\n"))
        assert self._transport is not None
        local = self._transport.get_extra_info("sockname")[0].partition("%")[0]
        try:
            async with asyncio.timeout(IDLE_S):
                return await self._handler(Request(method, path, message, self.peer, local))
        except TimeoutError:
            return Reply(Response(503))

    def _refuse(self, status: int, text: str) -> None:
        assert self._transport is not None
        with contextlib.suppress(RuntimeError):
            self._transport.write(Response(status, f"{text}\n".encode()).to_bytes(lasting=False))
        self._transport.close()

    def _wait(self) -> None:
        self._stop_waiting()
        self._timer = asyncio.get_running_loop().call_later(IDLE_S, self._too_long)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_long(self) -> None:
        if self._server.frozen:
            self._wait()
        elif self._transport is not None:
            self._transport.abort()
