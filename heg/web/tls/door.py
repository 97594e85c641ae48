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

from heg.runtime.clock import Clock
from heg.web.stream import real_span
from heg.web.tls.room import Room

logger = logging.getLogger(__name__)

HANDSHAKE_S = 10.0
"""Real seconds for a whole handshake."""
_GOODBYE_S = 2.0
_BREATH_S = 1.0
"""Real seconds of rest when the system gives no more connections."""

REFUSED_ROOM = "tls_too_many"
REFUSED_HANDSHAKE = "tls_handshake"


class TlsDoor:
    """`run()` lets in until cancelled; then no handshake goes on. Who was let in belongs to the factory's owner.

    `held` names the peers' addresses of all who were let in and are still there; `refused` counts by reason.
    """

    def __init__(
        self,
        clock: Clock,
        room: Room,
        factory: Callable[[], asyncio.Protocol],
        held: Callable[[], Iterable[str]],
        refused: Counter[str],
    ) -> None:
        self._clock = clock
        self._room = room
        self._factory = factory
        self._held = held
        self._refused = refused
        self._greeted: dict[asyncio.Task[None], str] = {}

    async def run(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        """Let in whoever comes to the listener, which is the caller's and does not block."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    connection, peer = await loop.sock_accept(listener)
                except OSError as error:  # no more descriptors, or the peer is gone again
                    logger.warning("no connection could be taken: %s", error)
                    await self._clock.sleep(real_span(self._clock, _BREATH_S))
                    continue
                self._admit(connection, str(peer[0]), context)
        finally:
            await self._end_handshakes()

    def _admit(self, connection: socket.socket, address: str, context: ssl.SSLContext) -> None:
        if not self._room.has_room(address, (*self._held(), *self._greeted.values())):
            self._refused[REFUSED_ROOM] += 1
            connection.close()
            return
        greeting = asyncio.ensure_future(self._greet(connection, context))
        self._greeted[greeting] = address
        greeting.add_done_callback(self._greeted.pop)

    async def _greet(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                self._factory,
                connection,
                ssl=context,
                ssl_handshake_timeout=real_span(self._clock, HANDSHAKE_S),
                ssl_shutdown_timeout=real_span(self._clock, _GOODBYE_S),
            )
        except (OSError, TimeoutError):
            self._refused[REFUSED_HANDSHAKE] += 1
        except asyncio.CancelledError:
            connection.close()
            raise

    async def _end_handshakes(self) -> None:
        going = list(self._greeted)
        for one in going:
            one.cancel()
        await asyncio.gather(*going, return_exceptions=True)
