"""The thin transports of the simulated devices: a listening TCP socket, or one end of a serial line.

Delays are timers of the event loop, so they follow whatever clock the loop runs by.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from collections.abc import Mapping
from typing import Protocol

from hil.devices.modbus import Reply, RtuFraming, TcpFraming, Unit


class Transport(Protocol):
    """Where a device can be reached."""

    async def start(self) -> None:
        """Begin to answer."""

    async def stop(self) -> None:
        """Cease to be there: nothing listens, connections are cut."""

    @property
    def address(self) -> str:
        """How a client gets there."""

    def cut(self) -> None:
        """Cut what is under way, as a device that restarts does."""


class TcpTransport:
    """A Modbus/TCP server. Port 0 takes a free one; a restarted server keeps the port it had."""

    def __init__(self, units: Mapping[int, Unit], host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self._units = units
        self._server: asyncio.Server | None = None
        self._connections: set[_TcpConnection] = set()

    @property
    def address(self) -> str:
        """host:port."""
        return f"{self.host}:{self.port}"

    @property
    def connections(self) -> int:
        """Clients connected now."""
        return len(self._connections)

    async def start(self) -> None:
        """Listen; OSError when the port is taken."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._accept, self.host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the socket and cut every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def cut(self) -> None:
        """Cut every connection, as a device that restarts its network does."""
        for connection in tuple(self._connections):
            connection.cut()

    def _accept(self) -> _TcpConnection:
        return _TcpConnection(TcpFraming(self._units), self._connections)


class _TcpConnection(asyncio.Protocol):
    def __init__(self, framing: TcpFraming, siblings: set[_TcpConnection]) -> None:
        self._framing = framing
        self._siblings = siblings
        self._transport: asyncio.Transport | None = None
        self._pending = _Pending(self._send)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._siblings.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's own name
        self._siblings.discard(self)
        self._pending.drop()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._pending.take(self._framing.receive(data))

    def cut(self) -> None:
        """Abort at once: no timer of this connection is left."""
        self._pending.drop()
        if self._transport is not None:
            self._transport.abort()

    def _send(self, reply: Reply) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(reply.data)
            if reply.hang_up:
                self._transport.close()


class SerialTransport:
    """One end of a pseudo-terminal; the gateway opens the other. Answers take the time the line speed costs."""

    def __init__(self, units: Mapping[int, Unit], baudrate: int = 19_200) -> None:
        self._framing = RtuFraming(units)
        self.baudrate = baudrate
        self._byte_s = 11 / baudrate
        self._master: int | None = None
        self._slave: int | None = None
        self._pending = _Pending(self._send)
        self._path = ""

    @property
    def address(self) -> str:
        """Path of the terminal to open."""
        return self._path

    async def start(self) -> None:
        """Create the line and begin to answer."""
        if self._master is None:
            self._master, self._slave = os.openpty()
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            self._path = os.ttyname(self._slave)
            asyncio.get_running_loop().add_reader(self._master, self._readable)

    async def stop(self) -> None:
        """Pull the plug."""
        self._pending.drop()
        if self._master is not None and self._slave is not None:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
            os.close(self._slave)
            self._master = self._slave = None

    def cut(self) -> None:
        """Answers under way are lost."""
        self._pending.drop()

    def _readable(self) -> None:
        if self._master is None:
            return
        with contextlib.suppress(BlockingIOError, OSError):
            data = os.read(self._master, 4096)
            for reply in self._framing.receive(data):
                line_s = (len(data) + len(reply.data)) * self._byte_s
                self._pending.take([Reply(reply.data, reply.delay_s + line_s)])

    def _send(self, reply: Reply) -> None:
        if self._master is not None:
            with contextlib.suppress(BlockingIOError, OSError):
                os.write(self._master, reply.data)


class _Pending:
    """Answers on their way, in order; dropped together when the link goes down."""

    def __init__(self, send: _Send) -> None:
        self._send = send
        self._timers: set[asyncio.TimerHandle] = set()

    def take(self, replies: list[Reply]) -> None:
        """Send now, or when its delay has passed."""
        for reply in replies:
            if reply.delay_s <= 0:
                self._send(reply)
            else:
                self._later(reply)

    def drop(self) -> None:
        """Forget what is on its way."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _later(self, reply: Reply) -> None:
        def due() -> None:
            self._timers.discard(timer)
            self._send(reply)

        timer = asyncio.get_running_loop().call_later(reply.delay_s, due)
        self._timers.add(timer)


class _Send(Protocol):
    def __call__(self, reply: Reply) -> None: ...
