"""One connection of the driver's server: aiohttp's, bounded in number, time, and what comes before it is judged."""

import asyncio
import logging
from collections import Counter
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod

from drivers.upnp.exchange import PRODUCT
from heg.runtime.clock import Clock, real_span

logger = logging.getLogger(__name__)

LARGEST_HEAD_BYTES = 8_192
LONGEST_LIFE_S = 10.0
"""Real seconds that a connection may last, with its request, the answer, and all that is between."""
_MOST_HEADERS = 32
_LONGEST_LINE = 1_024
_LONGEST_FIELD = 4_096


class Care:
    """What connections share: the clock, who is inside, and the count of what was refused."""

    def __init__(self, clock: Clock, refused: Counter[str]) -> None:
        self.clock, self.refused = clock, refused
        self._of: Counter[str] = Counter()
        self._all: dict[Connection, None] = {}  # who came first stands first

    @property
    def all(self) -> int:
        """How many are inside."""
        return len(self._all)

    def of(self, peer: str) -> int:
        """How many of them are one address's."""
        return self._of[peer]

    def enter(self, connection: "Connection") -> None:
        """One more is inside."""
        self._all[connection] = None
        self._of[connection.peer] += 1

    def leave(self, connection: "Connection") -> None:
        """A connection is over."""
        if connection in self._all:
            del self._all[connection]
            self._of[connection.peer] -= 1
            if self._of[connection.peer] <= 0:
                del self._of[connection.peer]

    def make_room(self, peer: str) -> bool:
        """End the oldest connection of those addresses that have most, unless this one has as many.

        Where they have but one more, and would only change places, the oldest that has not said what it wants: a
        stranger with an address for each connection fills the house with those that never do.
        """
        most = max(self._of.values(), default=0)
        if most <= self._of[peer]:
            return False
        holders = (one for one in self._all if self._of[one.peer] == most and one.transport is not None)
        oldest = next((one for one in holders if most > self._of[peer] + 1 or one.is_awaited), None)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.end()
        return True

    def close(self) -> None:
        """End every connection."""
        for one in tuple(self._all):
            one.end()


class Connection(web.RequestHandler):
    """One request and its answer. What is no HTTP is refused without a traceback: strangers do not fill the log."""

    __slots__ = ("_care", "_end", "_entered", "_head_bytes", "peer")

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop, care: Care) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=0.0,  # the end is ours, below, and comes whatever is going on
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_FIELD,
            max_headers=_MOST_HEADERS,
            lingering_time=1.0,
            auto_decompress=False,  # nobody compresses here: nothing is unpacked, so nothing can burst
        )
        self.peer = ""
        self._care = care
        self._head_bytes = 0
        self._end: asyncio.TimerHandle | None = None
        self._entered: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, with an end in sight."""
        super().connection_made(transport)
        self._entered = transport
        span_s = real_span(self._care.clock, LONGEST_LIFE_S)
        self._end = asyncio.get_running_loop().call_later(span_s, self._break_off, "http_slow")

    def data_received(self, data: bytes) -> None:
        """Take what came, and give up a head that is too long."""
        if self._current_request is None and not self._messages:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > LARGEST_HEAD_BYTES and self._current_request is None and not self._messages:
            self._break_off("http_too_large")
        elif self._messages and self._heard_in_part():
            self._break_off("http_malformed")  # what should be the rest of its body cannot be read: nobody waits for it

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep who has said all, and only listens on; half a request has nothing to wait for."""
        return self._request_count > 0 and not self._heard_in_part()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End what still waits for the rest of a request, and make room for others."""
        task = self._task_handler if self._current_request is None else None
        super().connection_lost(exc)
        if task is not None:
            task.cancel()
        if self._end is not None:
            self._end.cancel()
            self._end = None
        self._entered = None
        self._care.leave(self)

    @property
    def is_awaited(self) -> bool:
        """Whether its request, or the rest of it, has yet to come."""
        return self._heard_in_part() if self._current_request is not None else not self._messages

    def end(self) -> None:
        """Break off, whatever is going on."""
        if isinstance(self._entered, asyncio.Transport):
            self._entered.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - what was wrong is not told: programs of UPnP read the status
    ) -> web.StreamResponse:
        """Answer what aiohttp could not read, and end the connection."""
        if isinstance(exc, ConnectionError) or request.writer.output_size > 0:
            raise ConnectionError("nobody is there to answer, or the answer is on its way already") from exc
        if status >= 500:
            logger.error("a request failed outside its handler", exc_info=exc)
        self._care.refused["http_fault" if status >= 500 else "http_malformed"] += 1
        if isinstance(exc, BadHttpMethod):  # M-POST, which UPnP 1.0 had beside POST: RFC 2774 calls this answer a no
            status = HTTPStatus.NOT_IMPLEMENTED
        response = web.Response(status=status, headers={"Server": PRODUCT})
        response.force_close()
        return response

    def log_debug(self, *_args: Any, **_kw: Any) -> None:
        """Strangers who go away early are not worth a line."""

    def _heard_in_part(self) -> bool:
        return self._current_request is not None and not self._current_request.content.is_eof()

    def _break_off(self, why: str) -> None:
        self._care.refused[why] += 1
        self.end()
