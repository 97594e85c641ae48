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

from appliance.upnp.ground import Ear, Ground, Mouth, Peer
from appliance.upnp.ssdp import Search
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
    """Announces itself as the honest one and gives trouble to who asks. Start it where the honest one has gone.

    Without a `ground` it only listens.
    """

    def __init__(
        self, whose: Whose, how: Corruption, clock: Clock, *, ground: Ground | None = None, foreign: str = "192.0.2.1"
    ) -> None:
        self.how = how
        self.asked = 0
        self._whose = whose
        self._clock = clock
        self._ground = ground
        self._mouth: Mouth | None = None
        self._foreign = foreign
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen, and say so. Raises OSError."""
        self._server = await asyncio.start_server(self._talk, self._whose.host, self._whose.port, limit=_HEAD_BYTES)
        if self._ground is not None:
            self._mouth = self._ground.speak(Ear(self._whose.host, self._found))
            self._mouth.to_group(self._announcement("NOTIFY * HTTP/1.1", f"HOST: {self._mouth.group_host}", "NT"))

    async def stop(self) -> None:
        """Hang up on everybody and be gone."""
        if self._mouth is not None:
            self._mouth.close()
        if self._server is not None:
            self._server.close()
        for talk in tuple(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def _found(self, search: Search, peer: Peer) -> None:
        if self._mouth is not None and search.target in ("ssdp:all", APPLIANCE_DEVICE):
            self._mouth.to(self._announcement("HTTP/1.1 200 OK", "EXT:", "ST"), peer)

    def _announcement(self, first: str, second: str, kind: str) -> bytes:
        alive = "NTS: ssdp:alive\r\n" if kind == "NT" else ""
        return (
            f"{first}\r\n{second}\r\nCACHE-CONTROL: max-age=1800\r\n{kind}: {APPLIANCE_DEVICE}\r\n{alive}"
            f"USN: uuid:{self._whose.uuid}::{APPLIANCE_DEVICE}\r\nSERVER: Rig UPnP/1.1 trouble/1\r\n"
            f"LOCATION: http://{self._whose.host}:{self._whose.port}/description.xml\r\n\r\n"
        ).encode()

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


GARBAGE: tuple[bytes, ...] = (
    b"",
    b"\x00" * 500,
    bytes((index * 37 + 11) % 256 for index in range(1400)),
    b"NOTIFY * HTTP/1.1\r\n",
    b"NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\nNT: upnp:rootdevice\r\n\r\n",
    b"NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\nUSN: uuid:" + b"f" * 1200 + b"\r\n\r\n",
    b"NOTIFY * HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n",
    b'M-SEARCH * HTTP/1.1\r\nMAN: "ssdp:discover"\r\nMX: -1\r\nST: ssdp:all\r\n\r\n',
    *(
        f"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nCACHE-CONTROL: max-age={age}\r\nNT: {APPLIANCE_DEVICE}\r\n"
        f"NTS: ssdp:alive\r\nUSN: uuid:{uuid}::{APPLIANCE_DEVICE}\r\nLOCATION: {where}\r\n\r\n".encode()
        for age, uuid, where in (
            ("-5", "00000000-0000-4000-8000-000000000001", "http://192.0.2.1/d.xml"),
            ("1800", "00000000-0000-4000-8000-000000000002", "http://192.0.2.1/d.xml"),
            ("1800", "00000000-0000-4000-8000-000000000003", "file:///etc/passwd"),
            ("1800", "00000000-0000-4000-8000-000000000004", "http://[::1"),
            ("99999999999", "no uuid at all", "http://127.0.0.1:22/"),
            ("1800", "../../etc", "http://user:word@127.0.0.1/"),
        )
    ),
)
"""What nobody should say to a multicast group."""

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
