"""HTTP/1.1 as UPnP needs it, both ways: messages are read from bytes as they come. Sans-IO.

A little reader of our own instead of a web framework: it is 16 MiB less in a process that may run on the smallest
computer of the house, and each connection costs about two kilobytes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

LARGEST_HEAD_BYTES = 8192
_END = b"\r\n\r\n"
_MOST_HEADERS = 64
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_REASONS = {
    100: "Continue",
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}


class HttpError(ValueError):
    """What came cannot be read any further; `status` is the answer to a request."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer: its first line in three words, its headers in small letters, its body."""

    start: tuple[str, str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def lasting(self) -> bool:
        """Tell whether the connection may be used again after it."""
        asked = self.headers.get("connection", "").lower()
        return "close" not in asked and "HTTP/1.1" in self.start


@dataclass(frozen=True, slots=True)
class Response:
    """An answer to a request."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_bytes(self, *, head_only: bool = False, lasting: bool = True) -> bytes:
        """Write it as it goes out."""
        extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        connection = "" if lasting else "CONNECTION: close\r\n"
        head = f"HTTP/1.1 {self.status} {_REASONS[self.status]}\r\n{extra}{connection}"
        return f"{head}CONTENT-LENGTH: {len(self.body)}\r\n\r\n".encode("latin-1") + (b"" if head_only else self.body)


class Reader:
    """Takes bytes in pieces of any size and gives whole messages, one after the other."""

    __slots__ = ("_buffer", "_chunks", "_head", "_largest_body", "_left", "_to_end")

    def __init__(self, largest_body: int) -> None:
        self._largest_body = largest_body
        self._buffer = bytearray()
        self._head: Message | None = None
        self._left = 0
        """Bytes of the body still to come; -1: in chunks."""
        self._chunks = bytearray()
        self._to_end = False

    @property
    def begun(self) -> bool:
        """Tell whether part of a message is there."""
        return bool(self._buffer) or self._head is not None

    @property
    def awaits_leave(self) -> bool:
        """Tell whether the sender waits to be told that its body may come."""
        head = self._head
        return head is not None and not self._buffer and head.headers.get("expect", "").lower() == "100-continue"

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._buffer += data

    def take(self) -> Message | None:
        """Give the next message, None while it is not whole. Raises `HttpError`; nothing more is read after that."""
        if self._head is None:
            self._read_head()
        if self._head is None or not self._body_whole():
            return None
        return self._finish()

    def ended(self) -> Message | None:
        """Give the answer whose end was the end of the connection; None where there is none."""
        if self._head is None or not self._to_end:
            return None
        self._chunks += self._buffer
        self._buffer.clear()
        return self._finish()

    def _finish(self) -> Message:
        assert self._head is not None
        whole = Message(self._head.start, self._head.headers, bytes(self._chunks))
        self._head, self._left, self._to_end = None, 0, False
        self._chunks = bytearray()
        return whole

    def _read_head(self) -> None:
        while self._buffer[:2] == b"\r\n":  # some send an empty line after a body
            del self._buffer[:2]
        end = self._buffer.find(_END, 0, LARGEST_HEAD_BYTES)
        if end < 0:
            if len(self._buffer) >= LARGEST_HEAD_BYTES:
                raise HttpError(431, f"expected a head of at most {LARGEST_HEAD_BYTES} bytes")
            return
        first, *lines = bytes(self._buffer[:end]).split(b"\r\n")
        del self._buffer[: end + len(_END)]
        headers = _headers(lines)
        self._head = Message(_first_line(first), headers)
        self._left = self._length(headers)

    def _length(self, headers: Mapping[str, str]) -> int:
        assert self._head is not None
        answer = self._head.start[0].startswith("HTTP/")
        length, coding = headers.get("content-length"), headers.get("transfer-encoding")
        if coding is not None:
            if coding.lower() != "chunked" or length is not None:
                raise HttpError(400 if length is not None else 501, "expected a body of stated length, or in chunks")
            return -1
        if length is None:
            self._to_end = answer and self._head.start[1] not in ("100", "204", "304")
            return 0
        if not (length.isascii() and length.isdigit() and len(length) < 10):
            raise HttpError(400, "Content-Length: expected a number")
        return self._bounded(int(length))

    def _bounded(self, length: int) -> int:
        if length > self._largest_body:
            raise HttpError(413, f"expected a body of at most {self._largest_body} bytes")
        return length

    def _body_whole(self) -> bool:
        if self._to_end:
            self._bounded(len(self._buffer))
            return False
        if self._left < 0:
            return self._chunks_whole()
        if len(self._buffer) < self._left:
            return False
        self._chunks += self._buffer[: self._left]
        del self._buffer[: self._left]
        return True

    def _chunks_whole(self) -> bool:
        while (end := self._buffer.find(b"\r\n")) >= 0:
            size_text = bytes(self._buffer[:end]).partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", size_text):
                raise HttpError(400, "expected the size of a chunk")
            size = int(size_text, 16)
            self._bounded(len(self._chunks) + size)
            if size == 0:
                return self._trailer_whole(end)
            if len(self._buffer) < end + 2 + size + 2:
                return False
            self._chunks += self._buffer[end + 2 : end + 2 + size]
            if self._buffer[end + 2 + size : end + 4 + size] != b"\r\n":
                raise HttpError(400, "expected the end of a chunk")
            del self._buffer[: end + 4 + size]
        if len(self._buffer) > 256:
            raise HttpError(400, "expected the size of a chunk")
        return False

    def _trailer_whole(self, end: int) -> bool:
        stop = self._buffer.find(_END, end)
        if stop < 0:
            if len(self._buffer) > LARGEST_HEAD_BYTES:
                raise HttpError(431, "expected a short trailer")
            return False
        del self._buffer[: stop + len(_END)]
        return True


def _first_line(line: bytes) -> tuple[str, str, str]:
    words = line.decode("latin-1").split(" ", 2)
    if len(words) == 2 and words[0].startswith("HTTP/"):
        words.append("")  # an answer without a phrase
    if len(words) != 3 or not all(words[:2]) or not any(one.startswith("HTTP/") for one in (words[0], words[2])):
        raise HttpError(400, "expected a first line of HTTP")
    if not any(one.startswith("HTTP/1.") for one in (words[0], words[2])):
        raise HttpError(505, "expected HTTP/1.1")
    return words[0], words[1], words[2]


def _headers(lines: list[bytes]) -> dict[str, str]:
    if len(lines) > _MOST_HEADERS:
        raise HttpError(431, f"expected at most {_MOST_HEADERS} headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or _TOKEN.fullmatch(name) is None or b"\n" in value or b"\0" in value:
            raise HttpError(400, "expected a header as NAME: VALUE")
        key = name.decode("ascii").lower()
        if key in headers and key in ("content-length", "transfer-encoding", "host", "soapaction", "sid"):
            raise HttpError(400, f"{key}: expected it once")
        headers[key] = value.strip().decode("latin-1")
    return headers
