"""One question over HTTP, within limits of time, size and trust. The only module that loads aiohttp.

TLS with the machine's certificates; a redirect is followed on the same host only; what an error says never holds the
query, where a token may stand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp

MOST_BYTES = 4 * 1024 * 1024
_MOST_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK = 64 * 1024
_HEADERS = {"User-Agent": "heg (home energy gateway)"}


class FetchError(Exception):
    """No usable answer; says why, without the query. `retry_after_s` is the wait that the service asked for."""

    def __init__(self, text: str, retry_after_s: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


async def fetch(
    base: str,
    path: str,
    query: Mapping[str, str],
    *,
    content: str,
    timeout_s: float,
    most_redirects: int = _MOST_REDIRECTS,
) -> bytes:
    """The body of a GET that was answered 200 with a content type that names `content`. FetchError otherwise."""
    url = f"{base.rstrip('/')}{path}?{urlencode(query)}"
    host = urlsplit(url).netloc
    limit = aiohttp.ClientTimeout(total=timeout_s, connect=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(
                timeout=limit, cookie_jar=aiohttp.DummyCookieJar(), headers=_HEADERS, trust_env=False
            ) as session,
            asyncio.timeout(timeout_s),
        ):
            return await _ask(session, url, content, most_redirects)
    except TimeoutError:
        raise FetchError(f"{host}: no whole answer within {timeout_s:g} s") from None
    except aiohttp.ClientSSLError as error:
        raise FetchError(f"{host}: its certificate is not trusted ({type(error).__name__})") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise FetchError(f"{host}: {_kind(error)}") from None


async def _ask(session: aiohttp.ClientSession, url: str, content: str, most_redirects: int) -> bytes:
    for _ in range(most_redirects + 1):
        async with session.get(url, allow_redirects=False) as answer:
            if answer.status not in _REDIRECTS:
                return await _body(answer, content)
            url = _redirected(url, answer.headers.get("Location", ""))
    raise FetchError(f"{urlsplit(url).netloc}: expected at most {most_redirects} redirects")


def _redirected(url: str, location: str) -> str:
    here, there = urlsplit(url), urlsplit(urljoin(url, location))
    if (there.scheme, there.netloc) != (here.scheme, here.netloc):
        raise FetchError(f"{here.netloc}: expected an answer, came a redirect to {there.netloc[:80]}, not followed")
    return there.geturl()


async def _body(answer: aiohttp.ClientResponse, content: str) -> bytes:
    host = answer.url.authority
    if answer.status != 200 and not (content == "xml" and answer.status == 400):
        # ENTSO-E says what is wrong, and that there is nothing yet, with status 400 or 200.
        raise FetchError(f"{host}: expected status 200, came {answer.status}", _retry_after_s(answer))
    if content not in answer.content_type:
        raise FetchError(f"{host}: expected {content}, came {answer.content_type[:60]!r}")
    body = bytearray()
    async for chunk in answer.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > MOST_BYTES:
            raise FetchError(f"{host}: expected at most {MOST_BYTES} bytes")
    return bytes(body)


def _retry_after_s(answer: aiohttp.ClientResponse) -> float:
    """Seconds; a date in its place counts as nothing asked for."""
    text = answer.headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0.0


def _kind(error: Exception) -> str:
    """What happened, by its type: an error's own text may hold the whole address."""
    names = {
        aiohttp.ClientPayloadError: "the answer broke off",
        aiohttp.ClientConnectorError: "cannot be reached",
        aiohttp.ServerDisconnectedError: "hung up without an answer",
        aiohttp.ClientOSError: "the connection broke off",
    }
    return next((text for kind, text in names.items() if isinstance(error, kind)), type(error).__name__)
