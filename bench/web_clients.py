"""Clients of the web server for measuring: keep-alive connections and live streams, doing as little as can be."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PASSWORD = "a long passphrase to measure with"
_ORDER = "X-Heg-Request: 1\r\nContent-Type: application/json\r\n"


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and the seconds it took."""

    status: int
    headers: bytes
    body: bytes
    span_s: float

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)

    @property
    def cookies(self) -> str:
        """What a browser would send from now on."""
        lines = [line[12:] for line in self.headers.decode().split("\r\n") if line.startswith("Set-Cookie: ")]
        return "; ".join(line.partition(";")[0] for line in lines)


class Client:
    """One connection, asked one thing after the other. `key` is a header line that lets it in."""

    def __init__(self, port: int, key: str = "X-Key: none") -> None:
        self._port = port
        self._key = key

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 22)
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._writer.transport.abort()

    async def get(self, path: str) -> Answered:
        """Ask for something."""
        return await self._ask(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{self._key}\r\n\r\n".encode())

    async def post(self, path: str, body: Mapping[str, object]) -> Answered:
        """Order something."""
        data = json.dumps(body)
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{self._key}\r\n{_ORDER}Content-Length: {len(data)}\r\n\r\n"
        return await self._ask((head + data).encode())

    async def _ask(self, request: bytes) -> Answered:
        begun_s = time.perf_counter()
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        _, _, length = head.partition(b"Content-Length: ")
        body = await self._reader.readexactly(int(length.partition(b"\r")[0])) if length else b""
        return Answered(int(head.split(b" ", 2)[1]), head, body, time.perf_counter() - begun_s)

    async def watch(self, path: str) -> None:
        """Open a stream."""
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{self._key}\r\n\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head:
            raise ConnectionError(head.decode())

    async def frame(self) -> bytes:
        """Wait for the stream's next event."""
        while b"data: " not in (frame := await self._reader.readuntil(b"\n\n")):
            pass
        return frame


@dataclass(frozen=True, slots=True)
class Keys:
    """Header lines: the owner's session, and tokens of the owner's."""

    owner: str
    tokens: tuple[str, ...]


async def claimed(config: Path, port: int, tokens: int = 0) -> Keys:
    """Claim a gateway as a person does, and have tokens made."""
    command = [str(Path(sys.executable).parent / "heg"), "claim-code", "--config", str(config), "--json"]
    said = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    code = json.loads(said.stdout)["code"]
    async with Client(port) as stranger:
        claim = await stranger.post("/api/v1/claim", {"code": code, "name": "owner", "password": PASSWORD})
    assert claim.status == 200, claim.body
    owner = f"Cookie: {claim.cookies}"
    async with Client(port, owner) as browser:
        made = [
            await browser.post("/api/v1/tokens", {"label": f"bench {number}", "scopes": ["read", "command"]})
            for number in range(tokens)
        ]
    assert all(one.status == 200 for one in made), [one.body for one in made if one.status != 200]
    return Keys(owner, tuple(f"Authorization: Bearer {one.json['key']}" for one in made))
