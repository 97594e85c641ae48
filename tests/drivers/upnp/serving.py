"""The driver's server on loopback addresses, as strangers meet it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from drivers.upnp.exchange import Answer, Asked, Route
from drivers.upnp.parts import Link
from drivers.upnp.server import HttpServer
from heg.runtime.clock import Clock
from hil.ports import free_port

LOOPBACK = Link("lo", "127.0.0.1")


@dataclass
class Serving:
    """A running server."""

    server: HttpServer
    port: int
    refused: Counter[str]
    opened: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(
        self, source: str = "127.0.0.1", host: str = "127.0.0.1"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection from an address; it is closed with the server."""
        reader, writer = await asyncio.open_connection(host, self.port, local_addr=(source, 0))
        self.opened.append(writer)
        return reader, writer

    async def raw(self, data: bytes, source: str = "127.0.0.1", host: str = "127.0.0.1") -> bytes:
        """Send bytes and return all that comes until the server ends the connection."""
        reader, writer = await self.connect(source, host)
        with contextlib.suppress(ConnectionError):
            writer.write(data)
            await writer.drain()
        said = bytearray()
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(65536):
                said += piece
        writer.close()
        return bytes(said)

    async def ask(
        self, method: str, path: str, body: bytes = b"", source: str = "127.0.0.1", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask, and return status, headers (small letters) and body. `_` in a header's name stands for `-`."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body or method in ("POST", "NOTIFY"):
            lines.append(f"Content-Length: {len(body)}")
        said = await self.raw("\r\n".join([*lines, "", ""]).encode() + body, source)
        head, _, rest = said.partition(b"\r\n\r\n")
        first, *others = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in others)
        return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}, rest


@contextlib.asynccontextmanager
async def serving(
    clock: Clock,
    routes: Sequence[Route] = (),
    links: Sequence[Link] = (LOOPBACK,),
    port: int = 0,
    refused: Counter[str] | None = None,
) -> AsyncIterator[Serving]:
    """Run a server with these routes; at the end nothing of it is left."""
    refused = Counter[str]() if refused is None else refused
    port = port or free_port()
    server = HttpServer(clock, port, routes, refused)
    server.listen(links)
    running = asyncio.create_task(server.run())
    served = Serving(server, port, refused)
    try:
        while links and not server.places:
            await clock.sleep(0)
        yield served
    finally:
        for writer in served.opened:
            writer.close()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def said(method: str, path: str, body: bytes = b"", **headers: str) -> Route:
    """A route that always says the same."""

    async def answer(_asked: Asked) -> Answer:
        return Answer(body=body, headers=headers)

    return Route(method, path, answer, 64)
