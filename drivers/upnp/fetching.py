"""One GET of a stranger, within caps of time and size; no redirect is followed, nothing is unpacked."""

import asyncio
from dataclasses import dataclass

import aiohttp

from drivers.upnp.urls import authority
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock, real_span

_CHUNK = 8192
_LONGEST_LINE = 4096
_LEAST_REAL_S = 0.25
"""In scaled time, too, others need real milliseconds."""


@dataclass(frozen=True, slots=True)
class Missed:
    """No answer. `silent`: nobody took the connection, so that the whole host is likely not there."""

    refusal: Refusal
    silent: bool = False


def new_session() -> aiohttp.ClientSession:
    """A client without cookies, proxies, redirects and idle connections. Whoever makes it closes it.

    160 connections kept idle would cost more memory than all that is known of their appliances.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True, use_dns_cache=False),
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        read_bufsize=_CHUNK,
        max_line_size=_LONGEST_LINE,
        max_field_size=_LONGEST_LINE,
        skip_auto_headers=("Accept", "Content-Type"),
        headers={"User-Agent": "Linux UPnP/2.0 heg/1", "Accept-Encoding": "identity"},
    )


class Fetcher:
    """Fetches by HTTP."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock

    async def get(self, url: str, *, most_bytes: int, timeout_s: float) -> bytes | Missed:
        """The body of an answer with status 200."""
        try:
            async with (
                asyncio.timeout(max(timeout_s, real_span(self._clock, _LEAST_REAL_S))),
                self._session.get(url, allow_redirects=False, headers={"Host": authority(url)}) as answer,
            ):
                return await _body(answer, most_bytes)
        except TimeoutError:
            return _missed(RefusalCode.TIMEOUT, f"a whole answer within {timeout_s:g} s", url, silent=True)
        except aiohttp.ClientConnectorError as error:
            silent = not isinstance(error.os_error, ConnectionRefusedError)
            return _missed(RefusalCode.NO_ONE_ANSWERS, "an answer", f"{url}: {error.os_error.strerror}", silent=silent)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _missed(RefusalCode.WRONG_TYPE, "an answer of HTTP", f"{url}: {type(error).__name__}")


async def _body(answer: aiohttp.ClientResponse, most_bytes: int) -> bytes | Missed:
    url = str(answer.url)
    if answer.status != 200:
        return _missed(RefusalCode.DEVICE_REFUSED, "status 200", f"{answer.status} from {url}")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        return _missed(RefusalCode.UNSUPPORTED, "a body that is not packed", url)
    body = bytearray()
    async for chunk in answer.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > most_bytes:
            return _missed(RefusalCode.TOO_LARGE, f"at most {most_bytes} bytes", f"more from {url}")
    return bytes(body)


def _missed(code: RefusalCode, expected: str, came: str, *, silent: bool = False) -> Missed:
    return Missed(Refusal(code, expected, came[:200]), silent)
