"""One HTTP request from a chosen address of ours, bounded in size and time."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from appliance.upnp.http import HttpError, Message, Reader


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute http URL in parts."""

    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def read_url(text: str) -> Url | None:
    """Read an absolute http URL; None for anything else."""
    if len(text) > 512 or not text.isascii() or not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text)
        port = parts.port or 80
    except ValueError:
        return None
    if parts.scheme.lower() != "http" or not parts.hostname or parts.username is not None:
        return None
    query = f"?{parts.query}" if parts.query else ""
    return Url(parts.hostname, port, f"{parts.path or '/'}{query}")


async def exchange(
    method: str,
    url: Url,
    headers: Mapping[str, str],
    body: bytes = b"",
    *,
    source: str | None,
    limit_s: float,
    largest: int = 65_536,
) -> Message:
    """Send one request and read its answer. Raises OSError (TimeoutError too) or `HttpError`.

    `source` is our address that it comes from, None: whichever the kernel takes.
    """
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"{method} {url.path} HTTP/1.1\r\nHOST: {url.authority}\r\n{lines}CONNECTION: close\r\n"
    async with asyncio.timeout(limit_s):
        reader, writer = await asyncio.open_connection(
            _zoned(url.host, source), url.port, local_addr=None if source is None else (source, 0), limit=16_384
        )
        try:
            writer.write(f"{head}CONTENT-LENGTH: {len(body)}\r\n\r\n".encode("latin-1") + body)
            return await _answer(reader, Reader(largest))
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _zoned(host: str, source: str | None) -> str:
    """Say over which link an address of the link is meant: the one of the address that we speak from."""
    zone = (source or "").partition("%")[2]
    return f"{host}%{zone}" if zone and host.lower().startswith("fe80:") and "%" not in host else host


async def _answer(stream: asyncio.StreamReader, reader: Reader) -> Message:
    while data := await stream.read(16_384):
        reader.feed(data)
        message = reader.take()
        if message is not None and message.start[1] == "100":
            message = reader.take()
        if message is not None:
            if not message.start[0].startswith("HTTP/"):
                raise HttpError(400, "expected an answer of HTTP")
            return message
    if (ended := reader.ended()) is not None:
        return ended
    raise ConnectionResetError("expected an answer, but the connection ended")
