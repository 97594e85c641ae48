"""What goes on while somebody looks: the live picture, and new instances as they come (server-sent events)."""

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import AsyncGenerator, Iterator

import msgspec
from aiohttp import web

from heg.data.door import Door, MailboxKind, Subscription
from heg.model.instance import ANY, Location
from heg.model.refusals import RefusedError
from heg.runtime.clock import Clock, real_span
from heg.web.accounts.roles import Permission
from heg.web.asking import DeniedError
from heg.web.endpoint import Answered, Call, Endpoint, Nothing, Nowhere, Wanted, reading
from heg.web.gate import Gate, asker_of, denied_for
from heg.web.guard import Denied, Fault
from heg.web.house import Home
from heg.web.messages import Problem, encode
from heg.web.settings import WebSettings
from heg.web.snapshot import Snapshot
from heg.web.stream import HEARTBEAT, Stream, Viewer
from heg.web.value_messages import PlaceName, VariableName
from heg.web.values import may_see, more_needed, newest_value

logger = logging.getLogger(__name__)

EVENTS = "text/event-stream"
_SEND_BUFFER_BYTES = 65_536
"""A live page's socket buffers little, so that a slow one misses pictures instead of lagging behind."""
_MAILBOX = 256


class Watched(Wanted, frozen=True):
    """Which series are watched; `*` stands for all."""

    variable: VariableName
    device: PlaceName = ANY
    part: PlaceName = ANY


class LiveApi:
    """Handlers of the streams; all of them together are as many as the settings say."""

    def __init__(self, door: Door, clock: Clock, home: Home, settings: WebSettings, gate: Gate | None) -> None:
        self._clock = clock
        self._home = home
        self._settings = settings
        self._gate = gate
        self._snapshot = Snapshot(door, clock, home)
        self._watching: set[Subscription] = set()
        self._held: Counter[str] = Counter()
        self._stream = self._new_stream()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the rows."""
        read = Permission.READ
        return (
            reading("/api/v1/events", read, "the live picture", self._events, EVENTS, Nowhere, household=True),
            reading("/api/v1/latest/events", read, "new instances as they come", self._instances, EVENTS, Watched),
        )

    @property
    def viewers(self) -> int:
        """How many streams are open."""
        return self._stream.viewers + len(self._watching)

    @property
    def dropped(self) -> int:
        """How many pictures slow pages missed."""
        return self._stream.dropped

    def open(self) -> None:
        """Begin anew: nobody looks yet."""
        self._stream = self._new_stream()

    async def run(self) -> None:
        """Show the live picture until cancelled."""
        await self._stream.run()

    def close(self) -> None:
        """End every stream."""
        self._stream.close()
        for told in tuple(self._watching):
            told.close()

    async def _events(self, call: Call[Nowhere, Nothing]) -> Answered:
        stream = self._stream
        with self._share(call.request):
            viewer = stream.join()
            if viewer is None:
                raise self._no_room(self._settings.clients)
            try:
                return await self._show(call.request, _frames(viewer))
            finally:
                stream.leave(viewer)

    async def _instances(self, call: Call[Watched, Nothing]) -> Answered:
        wanted = call.wanted
        if not may_see(call, wanted.variable):
            raise DeniedError(denied_for(more_needed(wanted.variable)))
        place = Location(self._home.unit, wanted.device, wanted.part)
        with self._share(call.request):
            told = call.door.event(wanted.variable, place, mailbox=MailboxKind.CONFLATING, size=_MAILBOX)
            if told.receipt.refusal is not None:
                raise RefusedError(told.receipt.refusal)
            self._watching.add(told)
            try:
                return await self._show(call.request, self._told(call, told))
            finally:
                self._watching.discard(told)
                told.close()

    async def _told(self, call: Call[Watched, Nothing], told: Subscription) -> AsyncGenerator[bytes, None]:
        coming = aiter(told)
        while True:
            try:
                async with asyncio.timeout(real_span(self._clock, self._settings.heartbeat_s)):
                    one = await anext(coming)
            except TimeoutError:
                yield HEARTBEAT
            except StopAsyncIteration:
                return
            else:
                if not may_see(call, one.instance.variable):
                    continue
                yield b"event: instance\ndata: " + msgspec.json.encode(newest_value(one.instance)) + b"\n\n"

    async def _show(self, request: web.Request, frames: AsyncGenerator[bytes, None]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": EVENTS, "Cache-Control": "no-store"})
        if request.transport is not None:
            _keep_buffers_small(request.transport)
        await response.prepare(request)
        if request.method == "HEAD":
            await frames.aclose()
            return response
        slow_s = real_span(self._clock, self._settings.slow_s)
        try:
            async for frame in frames:
                if self._gate is not None and not self._gate.still_admits(request):
                    break  # logged out, or no longer allowed to look
                async with asyncio.timeout(slow_s):
                    await response.write(frame)
        except TimeoutError:
            logger.info("a live page did not read for %.0f s: dropped", self._settings.slow_s)
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            logger.debug("a live page went away")
        finally:
            await frames.aclose()
        return response

    @contextlib.contextmanager
    def _share(self, request: web.Request) -> Iterator[None]:
        """Hold a stream's room: behind a login, no session and no token has more than half of it."""
        asker, most = asker_of(request), self._settings.clients
        mine = most if self._gate is None else most - most // 2
        if self.viewers >= most or self._held[asker] >= mine:
            raise self._no_room(mine)
        self._held[asker] += 1
        try:
            yield
        finally:
            self._held[asker] -= 1
            if self._held[asker] <= 0:
                del self._held[asker]

    def _new_stream(self) -> Stream:
        return Stream(
            self._clock,
            lambda: encode(self._snapshot.state()),
            period_s=1.0 / self._settings.rate_hz,
            heartbeat_s=self._settings.heartbeat_s,
            room=self._settings.clients,
        )

    def _no_room(self, most: int) -> DeniedError:
        expected = f"at most {most} open live pages"
        problem = Problem(reason=Fault.TOO_MANY, expected=expected, mend="close a page that is not needed")
        return DeniedError(Denied(503, Fault.TOO_MANY, problem))


async def _frames(viewer: Viewer) -> AsyncGenerator[bytes, None]:
    while (frame := await viewer.next()) is not None:
        yield frame


def _keep_buffers_small(transport: asyncio.Transport) -> None:
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
