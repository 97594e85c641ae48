"""Takes connections of the home network through their TLS handshake, no more of them at once than there is room for.

asyncio's own server with `ssl=` counts nobody before the handshake is over; a stranger who never speaks is counted
here from the first moment on.
"""

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

from aiohttp import web

from heg.runtime.clock import Clock, real_span
from heg.web.tls.room import Pace, Room

logger = logging.getLogger(__name__)

HANDSHAKE_S = 10.0
"""Real seconds for a whole handshake."""
_GOODBYE_S = 2.0
_BREATH_S = 1.0
"""Real seconds of rest when the system gives no more connections."""

REFUSED_ROOM = "tls_too_many"
REFUSED_HANDSHAKE = "tls_handshake"
REFUSED_OFTEN = "tls_too_often"


class TlsDoor:
    """`run()` lets in until cancelled; then no handshake goes on. Who was let in belongs to the factory's owner, who
    ends them; `let_go` closes those that still say goodbye.

    `held` are the protocols of the factory that still have a connection; `refused` counts by reason.
    """

    def __init__(
        self,
        clock: Clock,
        room: Room,
        factory: Callable[[], web.RequestHandler],
        held: Callable[[], Iterable[asyncio.BaseProtocol]],
        refused: Counter[str],
    ) -> None:
        self._clock = clock
        self._room = room
        self._pace = Pace()
        self._factory = factory
        self._held = held
        self._refused = refused
        self._greeted: dict[asyncio.Task[None], str] = {}
        self._rest: asyncio.TimerHandle | None = None
        self._inside: dict[asyncio.BaseProtocol, tuple[str, asyncio.BaseTransport]] = {}

    async def run(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        """Let in whoever comes to the listener, which is the caller's and does not block."""
        loop = asyncio.get_running_loop()
        # Not `sock_accept`: cancelled at the moment of a connection it would lose it, open.
        loop.add_reader(listener, self._accept, listener, context)
        try:
            await loop.create_future()
        finally:
            loop.remove_reader(listener)
            if self._rest is not None:
                self._rest.cancel()
            await self._end_handshakes()

    def _accept(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        try:
            connection, peer = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # gone again
        except OSError as error:  # no more descriptors
            logger.warning("no connection could be taken: %s", error)
            loop = asyncio.get_running_loop()
            loop.remove_reader(listener)
            rest_s = real_span(self._clock, _BREATH_S)
            self._rest = loop.call_later(rest_s, loop.add_reader, listener, self._accept, listener, context)
            return
        connection.setblocking(False)
        self._admit(connection, str(peer[0]), context)

    def _admit(self, connection: socket.socket, address: str, context: ssl.SSLContext) -> None:
        if not self._pace.may(address, self._clock.real_s()):
            self._refused[REFUSED_OFTEN] += 1
            connection.close()
            return
        held = set(self._held())
        self._inside = {protocol: one for protocol, one in self._inside.items() if protocol in held}
        taken = [*(inside for inside, _ in self._inside.values()), *self._greeted.values()]
        if not self._room.has_room(address, taken):
            self._refused[REFUSED_ROOM] += 1
            connection.close()
            return
        greeting = asyncio.ensure_future(self._greet(connection, address, context))
        self._greeted[greeting] = address
        greeting.add_done_callback(partial(self._over, connection))

    def _over(self, connection: socket.socket, greeting: asyncio.Task[None]) -> None:
        del self._greeted[greeting]
        if greeting.cancelled():  # perhaps before it began
            connection.close()

    async def _greet(self, connection: socket.socket, address: str, context: ssl.SSLContext) -> None:
        loop, speaking = asyncio.get_running_loop(), self._factory()
        try:
            transport, protocol = await loop.connect_accepted_socket(
                lambda: speaking,
                connection,
                ssl=context,
                ssl_handshake_timeout=real_span(self._clock, HANDSHAKE_S),
                ssl_shutdown_timeout=real_span(self._clock, _GOODBYE_S),
            )
        except (OSError, TimeoutError):
            self._refused[REFUSED_HANDSHAKE] += 1
        except asyncio.CancelledError:
            # Perhaps it was let in just now: then there is a goodbye that nobody is to wait for.
            if (made := speaking.transport) is not None:
                made.abort()
            raise
        else:
            self._inside[protocol] = address, transport

    def let_go(self) -> None:
        """Close at once whatever is left: a goodbye over TLS waits for its answer."""
        for _, transport in self._inside.values():
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        self._inside.clear()

    async def _end_handshakes(self) -> None:
        going = list(self._greeted)
        for one in going:
            one.cancel()
        await asyncio.gather(*going, return_exceptions=True)
