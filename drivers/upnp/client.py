"""One HTTP exchange with an appliance: thin, bounded in time, size and number; nothing is followed anywhere else.

All appliances share one session. Those that did not answer of late, or took long, share a few places of their own, so
that any number of frozen ones hold up nobody.
"""

import asyncio
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import aiohttp
from yarl import URL

from drivers.upnp.fetching import new_session
from drivers.upnp.parts import Link
from drivers.upnp.urls import authority
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock, real_span

LIMIT_S = 2.5
"""Of one exchange, its connection included; less than a hand of control waits for its device."""
AT_ONCE = 24
AT_ONCE_SILENT = 4
_MOST_SILENT = 512
_LONG_S = 1.5
"""Who takes longer counts as silent: a stranger might always answer at the last moment."""
_MEND = "check that it is switched on and in the same network"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back; header names are found however they are written."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Asks appliances over HTTP. `limit_s` (real seconds) is for each exchange from the moment it has its place."""

    def __init__(self, clock: Clock, *, limit_s: float = LIMIT_S, at_once: int = AT_ONCE) -> None:
        self._clock = clock
        self._limit_s = real_span(clock, limit_s)
        self._long_s = real_span(clock, _LONG_S)
        self._places = asyncio.Semaphore(at_once)
        self._places_of_silent = asyncio.Semaphore(AT_ONCE_SILENT)
        self._silent: dict[str, None] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = new_session()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(
        self,
        method: str,
        url: str,
        link: Link,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        most_bytes: int = 0,
    ) -> HttpAnswer | Refusal:
        """Send a request to an appliance on a link; an answer's body of more than `most_bytes` is refused."""
        where = zoned(URL(url, encoded=True), link)
        host = where.host or ""
        async with self._places_of_silent if host in self._silent else self._places:
            began_s = self._clock.monotonic_s()
            answer = await self._limited(method, where, {**headers, "Host": authority(url)}, body, most_bytes)
            took_s = self._clock.monotonic_s() - began_s
        self._note(host, answer, took_s)
        return answer

    def is_silent(self, url: str, link: Link) -> bool:
        """Tell whether who is to be asked there did not answer of late, or took long."""
        return zoned(URL(url, encoded=True), link).host in self._silent

    async def _limited(
        self, method: str, url: URL, headers: Mapping[str, str], body: bytes, most_bytes: int
    ) -> HttpAnswer | Refusal:
        if self._session is None:
            return Refusal(RefusalCode.NOT_READY, "a driver that runs", "one that has ended")
        try:
            async with (
                asyncio.timeout(self._limit_s),
                self._session.request(method, url, headers=headers, data=body, allow_redirects=False) as response,
            ):
                told = await _capped(response.content, most_bytes)
        except TimeoutError:
            return Refusal(RefusalCode.TIMEOUT, f"an answer within {self._limit_s:g} s", f"none from {url.host}", _MEND)
        except (aiohttp.ClientConnectionError, OSError) as error:
            return Refusal(RefusalCode.DEVICE_LOST, f"a connection to {url.host}", _short(error), _MEND)
        except (aiohttp.ClientError, ValueError) as error:
            return Refusal(RefusalCode.WRONG_TYPE, "an answer in HTTP", _short(error), "its maker must mend that")
        if told is None:
            return Refusal(RefusalCode.TOO_LARGE, f"an answer of at most {most_bytes} bytes", "more")
        return HttpAnswer(response.status, response.headers, told)

    def _note(self, host: str, answer: HttpAnswer | Refusal, took_s: float) -> None:
        self._silent.pop(host, None)
        lost = isinstance(answer, Refusal) and answer.code in (RefusalCode.TIMEOUT, RefusalCode.DEVICE_LOST)
        if lost or took_s > self._long_s:
            if len(self._silent) >= _MOST_SILENT:
                del self._silent[next(iter(self._silent))]
            self._silent[host] = None


def zoned(url: URL, link: Link) -> URL:
    """Return a URL by which a link-local address is reached: it means nothing without its interface."""
    host = (url.host or "").partition("%")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return url
    return url.with_host(f"{host}%{link.name}") if address.version == 6 and address.is_link_local else url


async def _capped(content: aiohttp.StreamReader, most_bytes: int) -> bytes | None:
    """Return a body, None when it has more bytes; of an answer whose body says nothing, nothing is read."""
    told = b""
    while most_bytes and (piece := await content.read(most_bytes + 1 - len(told))):
        told += piece
        if len(told) > most_bytes:
            return None
    return told


def _short(error: Exception) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in f"{error}"[:120]) or type(error).__name__
