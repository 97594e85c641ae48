"""What an endpoint of the API is: one declared row.

Routes, permissions, checks of what comes in, OpenAPI and their tests are made from the rows: adding one adds it all.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import msgspec

from heg.data.door import Door
from heg.web.accounts.records import Client
from heg.web.accounts.roles import Permission
from heg.web.accounts.standing import Identity
from heg.web.guard import LARGEST_BODY_BYTES
from heg.web.messages import Message

if TYPE_CHECKING:  # whoever only decodes messages (the command line) loads no server with them
    from aiohttp import web


class Open(StrEnum):
    """Needs that are no permission: nothing at all, or any login (what concerns only whoever is logged in).

    A token is nobody who is logged in; `any_key` is any login or token (a token may end itself).
    """

    TO_ANYBODY = "anybody"
    TO_ANY_LOGIN = "any_login"
    TO_ANY_KEY = "any_key"


Needs = Permission | Open


class Method(StrEnum):
    """How an endpoint is asked. What changes something is a POST; a GET answers HEAD as well."""

    GET = "GET"
    POST = "POST"


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what an address says: fields named in the path, all others in the query. None and defaults: left out."""


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what a body says. Never shown whole: it may hold passwords."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Nothing(Asked, frozen=True):
    """An empty object."""


class Nowhere(Wanted, frozen=True):
    """An address that says nothing but its path."""


_W = TypeVar("_W", bound=Wanted)
_B = TypeVar("_B", bound=Asked)


@dataclass(frozen=True, slots=True)
class Call(Generic[_W, _B]):
    """A request that was let in and is well formed. `door` is that of whoever asks: policies and delays hold for them.

    `who` is None where no login is asked for; `request` is for answers that go on (streams).
    """

    wanted: _W
    body: _B
    door: Door
    who: Identity | None
    client: Client
    request: "web.Request"

    @property
    def name(self) -> str:
        """Who asks, as the audit log names them."""
        return "" if self.who is None else str(self.who)


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie to be set for this host alone."""

    name: str
    value: str
    max_age_s: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A message that does not go alone: with a status of its own, or cookies."""

    message: Message
    status: int = 200
    cookies: tuple[Cookie, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """An answer that is no JSON, whole."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Download:
    """An answer of any length, made while it is sent: memory stays what one chunk takes."""

    chunks: AsyncGenerator[bytes, None]
    content_type: str
    file_name: str


Answered: TypeAlias = "Message | Reply | Text | Download | web.StreamResponse"
Handler = Callable[[Call[_W, _B]], Awaitable[Answered]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row. `answers` is what comes with status 200: a message, or the content type of what is none.

    `also` are content types it can answer in besides. `household`: one picture for all that no policy could narrow,
    refused to other stakeholders. `fresh`: the password must have been given in the last minutes, whatever it needs.
    `noted`: how it ended is written into the audit log, with the words of the body.
    """

    method: Method
    path: str
    needs: Needs
    summary: str
    handler: Callable[[Call[Any, Any]], Awaitable[Answered]]
    answers: type[Message] | str
    wanted: type[Wanted] = Nowhere
    body: type[Asked] = Nothing
    also: tuple[str, ...] = ()
    household: bool = False
    fresh: bool = False
    noted: bool = False
    largest_body_bytes: int = LARGEST_BODY_BYTES

    @property
    def group(self) -> str:
        """The first word behind the version: under it the documentation lists the endpoint."""
        words = [word for word in self.path.split("/") if word]
        return words[2] if words[:2] == ["api", "v1"] and len(words) > 2 else words[0]

    @property
    def key(self) -> tuple[str, str]:
        """Method and path, by which it is found."""
        return str(self.method), self.path


def reading(
    path: str,
    needs: Needs,
    summary: str,
    handler: Handler[_W, Nothing],
    answers: type[Message] | str,
    wanted: type[_W],
    *,
    also: tuple[str, ...] = (),
    household: bool = False,
    fresh: bool = False,
) -> Endpoint:
    """Declare an endpoint that changes nothing."""
    return Endpoint(
        Method.GET, path, needs, summary, handler, answers, wanted, also=also, household=household, fresh=fresh
    )


def ordering(
    path: str,
    needs: Needs,
    summary: str,
    handler: Handler[_W, _B],
    answers: type[Message] | str,
    wanted: type[_W],
    body: type[_B],
    *,
    fresh: bool = False,
    noted: bool = False,
    largest_body_bytes: int = LARGEST_BODY_BYTES,
) -> Endpoint:
    """Declare an endpoint that changes something."""
    return Endpoint(
        Method.POST,
        path,
        needs,
        summary,
        handler,
        answers,
        wanted,
        body,
        fresh=fresh,
        noted=noted,
        largest_body_bytes=largest_body_bytes,
    )


class Table:
    """All endpoints of a gateway. Raises ValueError for two rows of one key."""

    def __init__(self, *groups: tuple[Endpoint, ...]) -> None:
        self.rows = tuple(row for group in groups for row in group)
        self._by_key: Mapping[tuple[str, str], Endpoint] = {row.key: row for row in self.rows}
        if len(self._by_key) != len(self.rows):
            raise ValueError("two endpoints have the same method and path")

    def find(self, method: str, path: str) -> Endpoint | None:
        """Return the endpoint of a route; HEAD is asked as GET."""
        return self._by_key.get(("GET" if method == "HEAD" else method, path))
