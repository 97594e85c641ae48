"""What a broken or hostile appliance says: at the address of an honest one, byte by byte, without any library.

It stands in for the appliance's own server for as long as the trouble lasts. Whoever asks is answered by the same
trouble, whatever is asked; how often is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from heg.model.appliances import APPLIANCE_DEVICE, APPLIANCE_SERVICE
from heg.runtime.clock import Clock

_HUGE_BYTES = 64 * 1024 * 1024
_CHUNK = b"<!-- " + b"x" * 16_000 + b" -->"
_HEAD_BYTES = 16 * 1024


class Corruption(StrEnum):
    """How an appliance can be broken."""

    FROZEN = "frozen"
    """Accepts, and never answers."""
    SLOW = "slow"
    """Answers a byte a second."""
    HUGE = "huge"
    """A description without an end."""
    MALFORMED = "malformed"
    """XML that is none."""
    BOMB = "bomb"
    """XML whose entities grow without bounds."""
    FOREIGN = "foreign"
    """A sound description whose addresses are another host's."""
    OTHER = "other"
    """A sound description of somebody else: another UUID."""
    HALF = "half"
    """Hangs up in the middle of an answer."""
    ERROR = "error"
    """HTTP 500 to everything."""
    NOISE = "noise"
    """No HTTP at all."""


@dataclass(frozen=True, slots=True)
class Whose:
    """The appliance that is impersonated."""

    uuid: str
    host: str
    port: int


class Trouble:
    """A listening socket that gives trouble. Start it with `async with` where the honest one has gone."""

    def __init__(self, whose: Whose, how: Corruption, clock: Clock, *, foreign: str = "192.0.2.1") -> None:
        self.how = how
        self.asked = 0
        self._whose = whose
        self._clock = clock
        self._foreign = foreign
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, self._whose.host, self._whose.port, limit=_HEAD_BYTES)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for talk in tuple(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await reader.readuntil(b"\r\n\r\n")
                self.asked += 1
                await self._answer(reader, writer)
        except asyncio.CancelledError:
            return  # the trouble is over
        finally:
            self._talks.discard(task)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match self.how:
            case Corruption.FROZEN:
                while await reader.read(_HEAD_BYTES):
                    pass
            case Corruption.SLOW:
                await self._slowly(_ok(self._description()), writer)
            case Corruption.HUGE:
                await _endless(writer)
            case Corruption.NOISE:
                writer.write(bytes((index * 37 + 11) % 256 for index in range(4000)))
                await writer.drain()
            case Corruption.ERROR:
                writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
            case Corruption.HALF:
                whole = _ok(self._description())
                writer.write(whole[: len(whole) * 2 // 3])
                await writer.drain()
            case _:
                writer.write(_ok(_BODIES[self.how](self)))
                await writer.drain()

    async def _slowly(self, answer: bytes, writer: asyncio.StreamWriter) -> None:
        for at in range(len(answer)):
            writer.write(answer[at : at + 1])
            await writer.drain()
            await self._clock.sleep(1.0)

    def _description(self, *, uuid: str = "", host: str = "") -> bytes:
        base = f"http://{host or self._whose.host}:{self._whose.port}"
        return (
            '<?xml version="1.0"?>\n<root xmlns="urn:schemas-upnp-org:device-1-0">'
            "<specVersion><major>1</major><minor>1</minor></specVersion><device>"
            f"<deviceType>{APPLIANCE_DEVICE}</deviceType><friendlyName>Broken</friendlyName>"
            "<manufacturer>Rig</manufacturer><modelName>Trouble</modelName>"
            f"<UDN>uuid:{uuid or self._whose.uuid}</UDN><serviceList><service>"
            f"<serviceType>{APPLIANCE_SERVICE}</serviceType><serviceId>urn:heg-energy:serviceId:PowerManagement</serviceId>"
            f"<SCPDURL>{base}/s.xml</SCPDURL><controlURL>{base}/c</controlURL><eventSubURL>{base}/e</eventSubURL>"
            "</service></serviceList></device></root>"
        ).encode()

    def _malformed(self) -> bytes:
        return self._description()[:-40] + b"<unclosed & <<>"

    def _foreigner(self) -> bytes:
        return self._description(host=self._foreign)

    def _somebody_else(self) -> bytes:
        return self._description(uuid="00000000-dead-4bad-8bad-000000000000")

    def _bomb(self) -> bytes:
        entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
        head = f'<?xml version="1.0"?><!DOCTYPE root [<!ENTITY l0 "lol">{entities}]>'
        return self._description().replace(b'<?xml version="1.0"?>', head.encode()).replace(b"Broken", b"&l9;")


_BODIES: dict[Corruption, Callable[[Trouble], bytes]] = {
    Corruption.MALFORMED: Trouble._malformed,  # noqa: SLF001 - its own table
    Corruption.BOMB: Trouble._bomb,  # noqa: SLF001
    Corruption.FOREIGN: Trouble._foreigner,  # noqa: SLF001
    Corruption.OTHER: Trouble._somebody_else,  # noqa: SLF001
}


def _ok(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


async def _endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\n\r\n<?xml version="1.0"?><root>')
    for _ in range(_HUGE_BYTES // len(_CHUNK)):
        writer.write(_CHUNK)
        await writer.drain()
