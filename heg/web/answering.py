"""Turns what an endpoint answered into a response: JSON with an ETag, problem+json, text, or a download in chunks."""

import asyncio
import hashlib
import logging
from contextlib import aclosing

from aiohttp import web

from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock, real_span
from heg.web.endpoint import Answered, Cookie, Download, Reply, Text
from heg.web.guard import Denied, Fault
from heg.web.messages import Message, Problem, details, encode

logger = logging.getLogger(__name__)

JSON = "application/json"
PROBLEM = "application/problem+json"

STATUS = {
    RefusalCode.NOT_GRANTED: 403,
    RefusalCode.TOO_SOON: 429,
    RefusalCode.UNKNOWN_VARIABLE: 404,
    RefusalCode.CONFLICT: 409,
    RefusalCode.NO_ONE_ANSWERS: 503,
    RefusalCode.NOT_READY: 503,
    RefusalCode.TIMEOUT: 504,
}
"""What a refusal of the data interface is over HTTP; any other is a bad request."""
REFUSED = 409
"""What a command is over HTTP that whoever answers it refuses."""

_SLOW_S = 30.0
"""Real seconds that a download waits for whoever reads it."""
_NOBODY_KEEPS = {"Cache-Control": "no-store"}


def denied_as(refusal: Refusal, otherwise: int = 400) -> Denied:
    """Make the answer of a refusal of the data interface."""
    access = refusal.code in (RefusalCode.NOT_GRANTED, RefusalCode.TOO_SOON)
    problem = Problem(reason=refusal.code, expected=refusal.expected, came=refusal.came, mend=refusal.mend)
    return Denied(STATUS.get(refusal.code, otherwise), Fault.ACCESS if access else Fault.BAD_REQUEST, problem)


async def respond(request: web.Request, answered: Answered, clock: Clock) -> web.StreamResponse:
    """Make the response of what a handler answered."""
    match answered:
        case web.StreamResponse():
            return answered
        case Text():
            return web.Response(body=answered.body, headers={"Content-Type": answered.content_type, **_NOBODY_KEEPS})
        case Download():
            return await _send(request, answered, clock)
        case Reply():
            response = said(answered.message, answered.status)
            for cookie in answered.cookies:
                hand(response, cookie)
            return response
    return _tagged(request, answered) if request.method in ("GET", "HEAD") else said(answered)


def hand(response: web.StreamResponse, cookie: Cookie) -> None:
    """Give a browser a cookie: for this host alone, out of reach of scripts and of other sites' requests."""
    age_s = cookie.max_age_s
    response.set_cookie(
        cookie.name, cookie.value, max_age=age_s, path="/", secure=True, httponly=True, samesite="Strict"
    )


def said(message: Message, status: int = 200) -> web.Response:
    """A message as a JSON response that nobody may keep."""
    return web.Response(status=status, body=encode(message), headers={"Content-Type": JSON, **_NOBODY_KEEPS})


def refused(denied: Denied) -> web.Response:
    """A refusal as problem+json (RFC 9457)."""
    body = encode(details(denied.problem, denied.status))
    response = web.Response(status=denied.status, body=body, headers={"Content-Type": PROBLEM, **_NOBODY_KEEPS})
    if denied.retry_after_s > 0:
        response.headers["Retry-After"] = f"{denied.retry_after_s:.0f}"
    return response


def _tagged(request: web.Request, message: Message) -> web.Response:
    """An answer that whoever kept the last one need not be sent again."""
    body = encode(message)
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, **_NOBODY_KEEPS}
    asked_for = [one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")]
    if tag in asked_for:
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, headers={"Content-Type": JSON, **headers})


async def _send(request: web.Request, download: Download, clock: Clock) -> web.StreamResponse:
    headers = {
        "Content-Type": download.content_type,
        "Content-Disposition": f'attachment; filename="{download.file_name}"',
        **_NOBODY_KEEPS,
    }
    async with aclosing(download.chunks) as chunks:
        # Begun before anything can break: what has not begun does not end either, and would hold what it holds.
        first = await anext(chunks, b"")
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        try:
            await _write(response, first, clock)
            async for chunk in chunks:
                await _write(response, chunk, clock)
            await response.write_eof()
        except Exception as error:
            # What was sent can't be taken back, and it must not look whole: the connection breaks off.
            level = logging.INFO if isinstance(error, ConnectionError | TimeoutError) else logging.WARNING
            logger.log(level, "download of %s broke off: %r", download.file_name, error)
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("a download broke off") from error
    return response


async def _write(response: web.StreamResponse, chunk: bytes, clock: Clock) -> None:
    async with asyncio.timeout(real_span(clock, _SLOW_S)):
        await response.write(chunk)
