"""Reads a request as its endpoint declares it: address and body become typed values, or a problem that says which part.

The library's own words name fields and types, never values: a password in the wrong place is not repeated.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec
from aiohttp import HttpVersion11, web

from heg.runtime.clock import Clock, real_span
from heg.web.endpoint import Asked, Wanted
from heg.web.guard import Denied, Fault
from heg.web.messages import Problem

_BODY_WITHIN_S = 10.0
"""Real seconds within which a body is here: who sends a byte a minute holds no handler."""
_LONGEST_SHOWN = 64
_LONGEST_VALUE = 4096
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_S = TypeVar("_S", bound=msgspec.Struct)
_W = TypeVar("_W", bound=Wanted)
_B = TypeVar("_B", bound=Asked)


class DeniedError(Exception):
    """A request is refused; the server answers and counts it."""

    def __init__(self, denied: Denied) -> None:
        super().__init__(denied.problem.reason)
        self.denied = denied


def read_wanted(request: web.Request, type_: type[_W]) -> _W:
    """Read what the address says. Raises `DeniedError`."""
    said: dict[str, str] = dict(request.match_info)
    for name, value in request.query.items():
        if name in said:
            raise _bad(name, "once", "it came twice")
        if len(value) > _LONGEST_VALUE:
            raise _bad(name, f"at most {_LONGEST_VALUE} characters", f"{len(value)}")
        said[name] = value
    return _converted(said, type_)


async def read_body(request: web.Request, type_: type[_B], clock: Clock) -> _B:
    """Read the body; an empty one is an empty object. Raises `DeniedError`."""
    try:
        async with asyncio.timeout(real_span(clock, _BODY_WITHIN_S)):
            await _go_on(request)
            body = await request.read()
    except TimeoutError:
        problem = Problem(reason=Fault.SLOW, expected=f"the whole body within {_BODY_WITHIN_S:g} s", came="less")
        raise DeniedError(Denied(408, Fault.SLOW, problem)) from None
    return decoded(body, type_)


async def _go_on(request: web.Request) -> None:
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        writer = request.writer
        await writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        writer.output_size = 0  # the answer itself has not begun


def decoded(body: bytes, type_: type[_B]) -> _B:
    """Read a body's bytes; an empty one is an empty object. Raises `DeniedError`."""
    _demand_once(body)
    try:
        return msgspec.json.decode(body or b"{}", type=type_)
    except msgspec.ValidationError as error:
        raise _wrong(error, type_) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _bad("body", "a JSON object", str(error)) from None


def _demand_once(body: bytes) -> None:
    """Refuse an object that says a name twice: we would take one of them, and whoever reads it elsewhere the other."""

    def once(pairs: list[tuple[str, object]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            raise _bad("body", "each name once", "one that came twice")

    with contextlib.suppress(ValueError, RecursionError):  # what is no JSON is refused in words by who reads it
        json.loads(body, object_pairs_hook=once)


def described(type_: Any) -> str:
    """Return the phrase of a field's `Meta.description`, "" without one."""
    if get_origin(type_) is Annotated:
        for extra in type_.__metadata__:
            if isinstance(extra, msgspec.Meta) and extra.description:
                return extra.description
        return described(type_.__origin__)
    return next((text for part in get_args(type_) if (text := described(part))), "")


def _converted(said: Mapping[str, str], type_: type[_S]) -> _S:
    known = [field.encode_name for field in msgspec.structs.fields(type_)]
    for name in said:
        if name not in known:
            import difflib  # a gateway that nobody misspells needs none

            close = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise _bad(_short(name), f"one of {', '.join(known) or 'no parameters'}{hint}", _short(name))
    try:
        found = msgspec.convert(dict(said), type_, strict=False)
    except msgspec.ValidationError as error:
        raise _wrong(error, type_, said) from None
    for field in msgspec.structs.fields(type_):
        text = said.get(field.encode_name)
        if text is not None and _was_guessed(text, getattr(found, field.name)):
            raise _bad(field.encode_name, described(field.type), _short(text))
    return found


def _was_guessed(text: str, value: object) -> bool:
    """Tell what the library takes for more than it says: the word null for nothing, a bare number for a time."""
    return value is None or (isinstance(value, datetime) and _DATE.match(text) is None)


def _wrong(error: msgspec.ValidationError, type_: type[msgspec.Struct], said: Mapping[str, str] = {}) -> DeniedError:
    text, _, path = str(error).partition(" - at `$.")
    name = path.rstrip("`").split(".")[0].split("[")[0]
    field = next((one for one in msgspec.structs.fields(type_) if one.encode_name == name), None)
    expected, _, came = _plainly(text).partition(", got ")
    if field is not None:
        expected = described(field.type) or expected
    return _bad(name or "body", expected, _short(said[name]) if name in said else came)


def _plainly(text: str) -> str:
    """Say the library's words as what was expected."""
    for its, ours in (("Object missing required field", "the field"), ("Object contains unknown field", "no field")):
        text = text.replace(its, ours)
    return text.removeprefix("Expected ")


def _bad(name: str, expected: str, came: str) -> DeniedError:
    problem = Problem(reason=Fault.BAD_REQUEST, expected=f"{name}: {expected}", came=came)
    return DeniedError(Denied(400, Fault.BAD_REQUEST, problem))


def _short(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:_LONGEST_SHOWN]
