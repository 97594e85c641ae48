"""Plain HTTP on the home network: it sends browsers to HTTPS and answers nothing else.

No body is read, no cookie is taken or set, no page of the unit is given. A program that brings a token or an order is
refused aloud, because a redirect would let it go on sending secrets in clear for ever.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from http import HTTPStatus

from heg.runtime.clock import Clock, real_span
from heg.web.tls.names import read_host

LARGEST_HEAD_BYTES = 8192
HEAD_S = 5.0
"""Real seconds for a whole request."""
CONNECTIONS = 16
REFUSED = "redirect"
_READ_AWAY_S = 1.0
_HTTP_PORT = 80
_URL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?[]@!$&'()*+,;=%")
_IN_CLEAR = "this came unencrypted: use https://, and revoke a token that was sent this way"


def answer(head: bytes, covers: Callable[[str], bool], https_port: int) -> bytes:
    """Answer the head of a request.

    Who asked on port 80 came through the firewall's redirection, which has 443 as well; who asked here is sent to the
    port of HTTPS itself.
    """
    try:
        method, target, headers = _read(head)
    except ValueError as error:
        return _refusal(HTTPStatus.BAD_REQUEST, str(error))
    said = headers.get("host", "")
    host = read_host(said)
    if host is None or not covers(said):
        text = "expected a Host header that names this gateway; a name of your own stands in [web] names"
        return _refusal(HTTPStatus.MISDIRECTED_REQUEST, text)
    if method not in ("GET", "HEAD") or {"authorization", "cookie"} & headers.keys():
        return _refusal(HTTPStatus.FORBIDDEN, _IN_CLEAR)
    port = "" if host.port in (None, _HTTP_PORT) else f":{https_port}"
    return _response(HTTPStatus.PERMANENT_REDIRECT, "", f"Location: https://{host.bracketed}{port}{target}\r\n")


class Redirecting(asyncio.Protocol):
    """One connection: a head is read, an answer is written, the connection is closed."""

    def __init__(self, clock: Clock, say: Callable[[bytes], bytes], still: set["Redirecting"]) -> None:
        self._clock = clock
        self._say = say
        self._still = still
        self._head = bytearray()
        self._transport: asyncio.Transport | None = None
        self._end: asyncio.TimerHandle | None = None
        self._answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, unless there are too many."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self._still) >= CONNECTIONS:
            transport.abort()
            return
        self._still.add(self)
        self._close_after(HEAD_S)

    def data_received(self, data: bytes) -> None:
        """Collect the head; what comes after it is read away, so that the answer arrives."""
        if self._answered or self._transport is None:
            return
        self._head += data[: LARGEST_HEAD_BYTES + 1 - len(self._head)]
        if b"\r\n\r\n" in self._head or len(self._head) > LARGEST_HEAD_BYTES:
            self._answered = True
            self._transport.write(self._say(bytes(self._head)))
            self._transport.write_eof()
            self._close_after(_READ_AWAY_S)

    def connection_lost(self, _error: Exception | None) -> None:
        """Forget it."""
        self._still.discard(self)
        if self._end is not None:
            self._end.cancel()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _close_after(self, real_seconds: float) -> None:
        if self._end is not None:
            self._end.cancel()
        self._end = asyncio.get_running_loop().call_later(real_span(self._clock, real_seconds), self.abort)


def counting(say: Callable[[bytes], bytes], refused: Counter[str]) -> Callable[[bytes], bytes]:
    """Count what is not a redirect."""

    def said(head: bytes) -> bytes:
        found = say(head)
        if not found.startswith(b"HTTP/1.1 308 "):
            refused[REFUSED] += 1
        return found

    return said


def _read(head: bytes) -> tuple[str, str, Mapping[str, str]]:
    text, end, _ = head.partition(b"\r\n\r\n")
    if not end:
        raise ValueError(f"expected a request of at most {LARGEST_HEAD_BYTES} bytes")
    first, *lines = text.decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    target, _, version = rest.partition(" ")
    if version not in ("HTTP/1.1", "HTTP/1.0") or not target.startswith("/") or not set(target) <= _URL:
        raise ValueError("expected a request such as GET / HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name.lower() in headers.keys() & {"host"}:
            raise ValueError("expected header lines of name: value, and one Host")
        headers[name.lower()] = value.strip(" \t")
    return method, target, headers


def _refusal(status: HTTPStatus, text: str) -> bytes:
    return _response(status, text + "\n", "Content-Type: text/plain; charset=utf-8\r\n")


def _response(status: HTTPStatus, text: str, headers: str) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n{headers}Content-Length: {len(text)}\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\nServer: heg\r\n\r\n"
    )
    return (head + text).encode("latin-1")
