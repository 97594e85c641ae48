"""Takes connections of the home network, few of one address, few in all, and not without end.

Whoever is turned away costs an accepted socket and no more: before anything is made for it. A flood of connections is
taken in small portions, so that the loop goes on beside it.
"""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable
from functools import partial

from drivers.upnp.connection import Care, Connection
from drivers.upnp.exchange import address_of, at_home
from drivers.upnp.pace import Pace
from heg.runtime.clock import Clock, real_span

logger = logging.getLogger(__name__)

Entering = tuple[asyncio.Transport, asyncio.BaseProtocol]
MOST_CONNECTIONS = 256
MOST_OF_ONE = 16
"""As many appliances as may live at one address (discovery): all may send an event at once."""
_A_TURN = 4
_BREATH_S, _TOLD_EVERY_S = 1.0, 600.0
"""Real seconds of rest when the system gives no more connections, and between two lines of the log about it."""


class Door:
    """Listening sockets and who comes in by them. `make` makes what speaks with who was let in."""

    def __init__(self, clock: Clock, refused: Counter[str], make: Callable[[], Connection], care: Care) -> None:
        self._clock, self._refused, self._make, self._care = clock, refused, make, care
        self._of_one, self._of_all = Pace(64.0, 32.0), Pace(1024.0, 512.0)
        self._telling = Pace(1.0, 1.0 / _TOLD_EVERY_S)
        self._entering: set[asyncio.Task[Entering]] = set()
        self._resting: dict[socket.socket, asyncio.TimerHandle] = {}

    def open(self, listener: socket.socket) -> None:
        """Let in whoever comes to a listener, which does not block and is ours from now on."""
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def shut(self, listener: socket.socket) -> None:
        """Let nobody in by it any more."""
        asyncio.get_running_loop().remove_reader(listener)
        if (timer := self._resting.pop(listener, None)) is not None:
            timer.cancel()
        listener.close()

    async def close(self) -> None:
        """End who is inside, and who is on the way in."""
        for task in tuple(self._entering):
            task.cancel()
        await asyncio.gather(*self._entering, return_exceptions=True)
        self._care.close()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_A_TURN):
            try:
                connection, place = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no more descriptors
                self._rest(listener, error)
                return
            connection.setblocking(False)
            if (why := self._why_not(place[0])) is None:
                self._enter(connection, str(address_of(place[0])))
            else:
                self._refused[why] += 1
                connection.close()

    def _rest(self, listener: socket.socket, error: OSError) -> None:
        self._refused["http_no_descriptor"] += 1
        if self._telling.may("", self._now_s()):
            logger.warning("no connection of an appliance could be taken: %s", error)
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        self._resting[listener] = loop.call_later(real_span(self._clock, _BREATH_S), self.open, listener)

    def _why_not(self, place: str) -> str | None:
        address = address_of(place)
        if address is None or not at_home(address):
            return "http_stranger"
        peer, now_s = str(address), self._now_s()
        # On loopback all have one address; there the bounds of all hold.
        alone = not address.is_loopback
        if (alone and not self._of_one.may(peer, now_s)) or not self._of_all.may("", now_s):
            return "http_too_often"
        if alone and self._care.of(peer) >= MOST_OF_ONE:
            return "http_too_many"
        if self._care.all < MOST_CONNECTIONS:
            return None
        if not self._care.make_room(peer):
            return "http_too_many"
        self._refused["http_crowded_out"] += 1
        return None

    def _now_s(self) -> float:
        """Real seconds."""
        return self._clock.monotonic_s() / real_span(self._clock, 1.0)

    def _enter(self, connection: socket.socket, peer: str) -> None:
        speaking = self._make()
        speaking.peer = peer
        self._care.enter(speaking)
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(loop.connect_accepted_socket(lambda: speaking, connection))
        self._entering.add(task)
        task.add_done_callback(partial(self._entered, connection, speaking))

    def _entered(self, connection: socket.socket, speaking: Connection, task: "asyncio.Task[Entering]") -> None:
        self._entering.discard(task)
        if task.cancelled() or task.exception() is not None:
            self._care.leave(speaking)
            if speaking.transport is None:  # it never came so far
                connection.close()
