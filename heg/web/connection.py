"""One connection: aiohttp's, with bounds of ours on what comes before a request is whole and after it is answered."""

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from heg.runtime.clock import Clock, real_span
from heg.web.answering import refused
from heg.web.guard import HEADERS, Denied, Fault
from heg.web.messages import Problem

logger = logging.getLogger(__name__)

LARGEST_HEAD_BYTES = 32_768
"""Request line and headers together; aiohttp bounds each of them alone."""
_MOST_HEADERS = 64
_IDLE_S = 30.0
"""Real seconds from the connection, or the last answer, to the next whole head."""
_SLOW_S = 30.0
"""Real seconds that an answer waits for whoever reads it."""


@dataclass(frozen=True, slots=True)
class Care:
    """What connections share: the clock, and the count of what was refused."""

    clock: Clock
    refused: Counter[str]


class Connection(web.RequestHandler):
    """What is no HTTP is refused as everything else is, without a traceback: strangers do not fill the log."""

    __slots__ = ("_care", "_head_bytes")

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop, care: Care) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]
            # Holds from the first moment on: who connects and never asks is let go as well.
            keepalive_timeout=real_span(care.clock, _IDLE_S),
            max_headers=_MOST_HEADERS,
            # Nobody compresses what they send here (415): nothing is unpacked, so nothing can burst.
            auto_decompress=False,
        )
        self._care = care
        self._head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Take what came, and give up a head that is too long."""
        waits = self._current_request is None and not self._messages and (self._waiter is not None or self._is_new())
        super().data_received(data)
        if not waits or self._messages:
            self._head_bytes = 0
            return
        self._head_bytes += len(data)
        if self._head_bytes > LARGEST_HEAD_BYTES and self.transport is not None:
            self._care.refused[Fault.TOO_LARGE] += 1
            self.transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End what still waits for the rest of a body that nobody asked for; a handler hears of the loss by itself."""
        task = self._task_handler if self._current_request is None else None
        super().connection_lost(exc)
        if task is not None:
            task.cancel()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer, and give up whoever does not read it. What aiohttp refused by itself is put in our words."""
        if isinstance(resp, web.HTTPException):
            resp = self._refuse(resp.status, resp.reason)
        try:
            async with asyncio.timeout(real_span(self._care.clock, _SLOW_S)):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            self._care.refused[Fault.SLOW] += 1
            if self.transport is not None:
                self.transport.abort()
            return resp, True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what aiohttp could not read, and end the connection."""
        if isinstance(exc, ConnectionError) or request.writer.output_size > 0:
            raise ConnectionError("nobody is there to answer, or the answer is on its way already") from exc
        if status >= 500:
            logger.error("a request failed outside its handler", exc_info=exc)
            return self._refuse(status, "a fault", Fault.INTERNAL)
        return self._refuse(status, "".join((message or "").strip().splitlines()[:1]))

    def _refuse(self, status: int, came: str, fault: Fault = Fault.BAD_REQUEST) -> web.Response:
        self._care.refused[fault] += 1
        expected = "an answer" if fault is Fault.INTERNAL else "a request in HTTP/1.1"
        response = refused(Denied(status, fault, Problem(reason=fault, expected=expected, came=came[:80])))
        response.headers.update(HEADERS)
        response.force_close()
        return response

    def log_debug(self, *_args: Any, **_kw: Any) -> None:
        """Strangers who go away early are not worth a line."""

    def _is_new(self) -> bool:
        return self._request_count == 0
