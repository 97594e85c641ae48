"""The local API as typed calls: what is asked and answered are the declared messages, refusals are errors in words."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from heg.runtime.secrets import Secret
from heg.web.client.events import EventReader
from heg.web.client.faults import LaterError, LoginError, RefusedError, StrangerError
from heg.web.client.line import Line, Request, Response
from heg.web.guard import REQUEST_HEADER
from heg.web.messages import Message, Problem

SESSION_COOKIE = "__Host-heg-session"
JSON = "application/json"
PROBLEM = "application/problem+json"
_EVENTS = "text/event-stream"
_STREAM_QUIET_S = 60.0
_LONG_S = 900.0
_LONGEST_WORDS = 400

_M = TypeVar("_M", bound=Message)


@dataclass(frozen=True, slots=True)
class Key:
    """What lets a request in: a token, or a session's key."""

    secret: Secret
    is_session: bool = False

    def headers(self) -> Mapping[str, str]:
        """Return the header that carries it."""
        if self.is_session:
            return {"Cookie": f"{SESSION_COOKIE}={self.secret.reveal()}"}
        return {"Authorization": f"Bearer {self.secret.reveal()}"}


@dataclass(frozen=True, slots=True)
class Said(Generic[_M]):
    """A message, and the JSON it came in."""

    message: _M
    json: bytes


class Gateway:
    """Asks one gateway. Every call blocks; raises `GatewayError`.

    A session's key is exchanged now and then: `keep` is told of the new one.
    """

    def __init__(self, line: Line, key: Key | None = None, keep: Callable[[Secret], None] | None = None) -> None:
        self.line = line
        self.key = key
        self._keep = keep

    def with_key(self, key: Key | None) -> "Gateway":
        """Return the same gateway, asked as somebody else."""
        return Gateway(self.line, key)

    def get(self, path: str, type_: type[_M], /, **query: object) -> Said[_M]:
        """Read a message; what is None is left out of the address."""
        return self._said(Request("GET", with_query(path, query), {}), type_)

    def post(self, path: str, type_: type[_M], body: object = None, *, within_s: float = 30.0) -> Said[_M]:
        """Order something. What was refused where it is carried out is no error where the message has an `outcome`."""
        return self._said(self._order(path, body, within_s), type_)

    @contextmanager
    def download(self, path: str, /, **query: object) -> Iterator[Iterator[bytes]]:
        """Hold an answer of any length and kind; it may take for ever as long as something comes."""
        with self._asked(Request("GET", with_query(path, query), {})) as response:
            yield response.chunks(quiet_s=_STREAM_QUIET_S)

    @contextmanager
    def posting(self, path: str, body: bytes) -> Iterator[tuple[Iterator[bytes], bool]]:
        """Order something by the JSON of its body; hold the answer as it comes, and whether it was done."""
        with self._asked(Request("POST", path, _ORDERING, body, _LONG_S), answers=True) as response:
            yield response.chunks(quiet_s=_LONG_S), response.status == HTTPStatus.OK

    def events(self, path: str, type_: type[_M], /, **query: object) -> Iterator[Said[_M]]:
        """Yield the messages of a stream as they come, beats left out."""
        with self._asked(Request("GET", with_query(path, query), {"Accept": _EVENTS})) as response:
            if response.kind != _EVENTS:
                raise self._no_gateway(f"{response.kind or 'nothing'} where a stream was expected")
            reader = EventReader()
            for chunk in response.chunks(quiet_s=_STREAM_QUIET_S):
                try:
                    found = reader.take(chunk)
                except ValueError as error:
                    raise self._no_gateway(str(error)) from error
                yield from (self._decoded(event.data, JSON, type_) for event in found if event.name != "beat")

    def opened_session(self, path: str, type_: type[_M], body: object) -> tuple[Said[_M], Key]:
        """Log in by a password or a code; return the answer and the session's key."""
        with self._asked(replace(self._order(path, body, 60.0), secret=True)) as response:
            key = _session_of(response)
            said = self._decoded(response.whole(), response.kind, type_)
        if key is None:
            raise self._no_gateway("a login without a session")
        return said, Key(key, is_session=True)

    def _order(self, path: str, body: object, within_s: float) -> Request:
        return Request("POST", path, _ORDERING, msgspec.json.encode({} if body is None else body), within_s)

    def _said(self, request: Request, type_: type[_M]) -> Said[_M]:
        with self._asked(request, answers="outcome" in type_.__struct_fields__) as response:
            return self._decoded(response.whole(), response.kind, type_)

    @contextmanager
    def _asked(self, request: Request, *, answers: bool = False) -> Iterator[Response]:
        headers = {"Accept-Encoding": "identity", **request.headers, **(self.key.headers() if self.key else {})}
        secret = request.secret or self.key is not None
        with self.line.asked(replace(request, headers=headers, secret=secret)) as response:
            self._look_for_key(response)
            if response.status != HTTPStatus.OK and not (answers and response.kind == JSON):
                raise self._refusal(request, response)
            yield response

    def _look_for_key(self, response: Response) -> None:
        if self.key is None or not self.key.is_session:
            return
        found = _session_of(response)
        if found is not None:
            self.key = Key(found, is_session=True)
            if self._keep is not None:
                self._keep(found)

    def _decoded(self, body: bytes, kind: str, type_: type[_M]) -> Said[_M]:
        if kind != JSON:
            raise self._no_gateway(f"{kind or 'something without a type'} where JSON was expected")
        try:
            return Said(msgspec.json.decode(body, type=type_), body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._no_gateway(str(error)) from error

    def _refusal(self, request: Request, response: Response) -> RefusedError | StrangerError:
        status = response.status
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            where = plain(response.header("Location"))[:200] or "nowhere"
            mend = "that is not followed: name the address itself (--host)"
            return StrangerError(f"{self.line.address} sends elsewhere, to {where}; {mend}")
        try:
            problem = msgspec.json.decode(response.whole(), type=Problem) if response.kind == PROBLEM else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            problem = None
        if problem is None:
            return self._no_gateway(f"status {status} without a reason")
        return self._in_words(request, response, problem)

    def _in_words(self, request: Request, response: Response, problem: Problem) -> RefusedError:
        where = self.line.address
        said = _sentence(problem)
        match response.status:
            case HTTPStatus.UNAUTHORIZED:
                return LoginError(self._let_in(request, problem), response.status, problem)
            case HTTPStatus.FORBIDDEN:
                return LoginError(f"{where} does not allow that: {said}", response.status, problem)
            case HTTPStatus.TOO_MANY_REQUESTS:
                wait = response.header("Retry-After")
                again = f"; again in {wait} s" if wait.isascii() and wait.isdigit() and len(wait) < 7 else ""
                return LaterError(f"{where} has been asked too often: {said}{again}", response.status, problem)
            case HTTPStatus.SERVICE_UNAVAILABLE:
                return LaterError(f"{where} cannot do that now: {said}", response.status, problem)
        path = request.path.partition("?")[0]
        return RefusedError(f"{where} refused {path}: {said}", response.status, problem)

    def _let_in(self, request: Request, problem: Problem) -> str:
        where = self.line.address
        if problem.reason == "unclaimed":
            return f"{where} has no owner yet: at its console heg claim-code, then heg claim with that code"
        if request.body is not None and request.path in ("/api/v1/session", "/api/v1/claim", "/api/v1/password"):
            return f"{where} did not accept that: {_sentence(problem)}"
        if self.key is None:
            return f"{where} lets nobody in without a login: heg login, or a token in HEG_TOKEN"
        return (
            f"{where} does not know this login (ended, revoked or made anew): heg login, or another token in HEG_TOKEN"
        )

    def _no_gateway(self, why: str) -> StrangerError:
        return StrangerError(f"what answers at {self.line.address} is no gateway of this version: {plain(why)[:300]}")


_ORDERING = {REQUEST_HEADER: "1", "Content-Type": JSON}


def with_query(path: str, query: Mapping[str, object]) -> str:
    """Return a path with its query; what is None is left out, `since` and `until` are called as the API calls them."""
    said = {_NAMES.get(name, name): _text(value) for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(said, quote_via=quote)}" if said else path


def plain(text: str) -> str:
    """Return a text without what could steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


_NAMES = {"since": "from", "until": "to"}


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value.value if isinstance(value, Enum) else value)


def _sentence(problem: Problem) -> str:
    parts = (
        problem.expected and f"expected {problem.expected}",
        problem.came and f"came {problem.came}",
        problem.mend,
    )
    return plain("; ".join(part for part in parts if part) or problem.reason)[:_LONGEST_WORDS]


def _session_of(response: Response) -> Secret | None:
    for header in response.headers("Set-Cookie"):
        try:
            found = SimpleCookie(header).get(SESSION_COOKIE)
        except CookieError:
            continue
        if found is not None and found.value and found.value.isascii() and found.value.isprintable():
            return Secret(found.value)
    return None
