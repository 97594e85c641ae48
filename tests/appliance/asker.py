"""A control point in a few lines that shares nothing with the appliance: of the standard library only."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from xml.sax.saxutils import escape

GATEWAY = "11111111-2222-3333-4444-555555555555"
POWER = "urn:heg-energy:service:PowerManagement:1"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def error_code(self) -> int:
        found = re.search(r"<errorCode>([0-9]+)</errorCode>", self.body)
        assert found, self.body
        return int(found[1])

    def result(self, name: str) -> str:
        found = re.search(f"<{name}>([^<]*)</{name}>", self.body)
        assert found, self.body
        return found[1]


async def raw(host: str, port: int, data: bytes, *, source: str = "127.0.0.1") -> bytes:
    """Send bytes and read until the other side ends."""
    reader, writer = await asyncio.open_connection(host, port, local_addr=(source, 0))
    try:
        writer.write(data)
        if writer.can_write_eof():
            writer.write_eof()
        return await reader.read(1_000_000)
    finally:
        writer.transport.abort()


async def ask(
    location: str,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: str = "",
    source: str = "127.0.0.1",
) -> Answer:
    """One HTTP request."""
    host, port = location.removeprefix("http://").partition("/")[0].rsplit(":", 1)
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n{lines}"
    data = f"{head}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode()
    return parsed(await raw(host.strip("[]"), int(port), data, source=source))


def parsed(data: bytes) -> Answer:
    head, _, body = data.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split(" ")[1]), headers, body)


async def call(
    location: str,
    action: str,
    *,
    urn: str = POWER,
    uuid: str = GATEWAY,
    address: str = "127.0.0.1",
    source: str = "127.0.0.1",
    **more: str,
) -> Answer:
    """Ask for an action, as the gateway would."""
    who = {"UUID": uuid, "Address": address} if urn == POWER else {}
    return await soap(location, action, {**who, **more}, urn=urn, source=source)


async def soap(
    location: str, action: str, arguments: Mapping[str, str], *, urn: str = POWER, source: str = "127.0.0.1"
) -> Answer:
    """Ask for an action with any arguments."""
    listed = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in arguments.items())
    body = (
        '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
        f'<s:Body><u:{action} xmlns:u="{urn}">{listed}</u:{action}></s:Body></s:Envelope>'
    )
    path = "/power/control" if urn == POWER else "/cycle/control"
    headers = {"SOAPACTION": f'"{urn}#{action}"', "CONTENT-TYPE": 'text/xml; charset="utf-8"'}
    return await ask(location, "POST", path, headers, body, source)


class Listener:
    """Takes NOTIFYs and keeps their headers and bodies."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.address = address
        self.messages: list[tuple[dict[str, str], str]] = []
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        self.pause: asyncio.Event | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, self.address, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @property
    def callback(self) -> str:
        return f"<http://127.0.0.1:{self.port}/cb>"

    def told(self) -> list[tuple[int, dict[str, str]]]:
        """SEQ and values of every message."""
        return [
            (int(headers["seq"]), dict(re.findall(r"<e:property><(\w+)>([^<]*)<", body)))
            for headers, body in self.messages
        ]

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = (await reader.readexactly(int(headers["content-length"]))).decode()
            if self.pause is not None:
                await self.pause.wait()
            self.messages.append(({**headers, "": first}, body))
            writer.write(self.answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()


def searcher() -> socket.socket:
    """A UDP socket that asks from the loopback."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    made.bind(("127.0.0.1", 0))
    return made
