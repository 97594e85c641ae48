"""From JSON text to keys: every key that is nonsense is found in one go and named (pure)."""

from __future__ import annotations

import difflib
import json
import re
import types
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec

from heg.model.plan import PlanInputs
from heg.model.plan_file.faults import Fault, Path, PlanFileError, key_of, shown
from heg.model.plan_file.keys import Keys, ProblemKeys
from heg.model.plan_file.meaning import inputs_of

LARGEST_BYTES = 16 * 1024 * 1024
_KEYS = TypeVar("_KEYS", bound=Keys)
_AT = re.compile(r" - at `\$\[(\d+)\]`$")


def read_problem(text: bytes) -> PlanInputs:
    """Return the problem of a file's bytes; lengths that do not fit are in its `degradations`.

    Raises `PlanFileError` that names every key that is nonsense.
    """
    raw = _parsed(text)
    faults: list[Fault] = []
    keys = _object(raw, ProblemKeys, (), faults)
    if keys is None:
        raise PlanFileError(*faults)
    return inputs_of(keys)


def _parsed(text: bytes) -> object:
    if len(text) > LARGEST_BYTES:
        raise PlanFileError(Fault("file", f"{len(text)} bytes", f"at most {LARGEST_BYTES} bytes"))
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:  # not UTF-8, digits or brackets without end included
        raise PlanFileError(Fault("file", "", f"valid JSON in UTF-8 ({error})")) from error


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise PlanFileError(Fault(key_of((twice,)), "", "each key once in an object; this one stands there twice"))
    return found


def _object(raw: object, type_: type[_KEYS], where: Path, faults: list[Fault]) -> _KEYS | None:
    """Return an object's keys, each looked at, so that one fault does not hide the next; None when any was wrong.

    A key that is null is as one that is absent, but where the two are told apart.
    """
    if not isinstance(raw, dict):
        faults.append(Fault(key_of(where) or "file", shown(raw), "an object, { } with keys in it"))
        return None
    fields = {field.name: field for field in msgspec.structs.fields(type_)}
    before = len(faults)
    faults.extend(_unknown((*where, key), fields, raw[key]) for key in raw if key not in fields)
    values = {}
    for name, field in fields.items():
        if raw.get(name) is not None:
            values[name] = _value(raw[name], field.type, (*where, name), faults)
        elif name in raw and msgspec.UnsetType in _parts(field.type):
            values[name] = None
        elif field.required:
            came = "null" if name in raw else ""
            faults.append(Fault(key_of((*where, name)), came, f"{_described(field.type)}; this key is required"))
    return type_(**values) if len(faults) == before else None


def _value(raw: object, type_: Any, where: Path, faults: list[Fault]) -> Any:
    inner, listed = _inner(type_)
    if inner is not None and not listed:
        return _object(raw, inner, where, faults)
    if inner is not None and isinstance(raw, list) and len(raw) <= _most(type_):
        return tuple(_object(value, inner, (*where, number), faults) for number, value in enumerate(raw))
    try:
        return msgspec.convert(_plain(raw, type_), type_)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # half a character, as JSON may have it
        at = _AT.search(str(error))
        expected = _described(type_)
        if at is not None and isinstance(raw, list):
            where, raw = (*where, int(at[1])), raw[int(at[1])]
            expected = "true or false" if bool in _parts(type_) else "a number, or null where there is none"
        faults.append(Fault(key_of(where), shown(raw), expected))
        return None


def _plain(raw: object, type_: Any) -> object:
    """Return 15 for 15.0 where a whole number is expected, and true and false for 1 and 0 where those are."""
    wanted = {part for part in _parts(type_) if isinstance(part, type)}
    if int in wanted and isinstance(raw, float) and raw.is_integer():
        return int(raw)
    if bool in wanted and isinstance(raw, list):
        return [bool(value) if isinstance(value, int | float) and value in {0, 1} else value for value in raw]
    return raw


def _unknown(where: Path, known: Iterable[str], raw: object) -> Fault:
    close = difflib.get_close_matches(str(where[-1])[:100], sorted(known), n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
    return Fault(key_of(where), shown(raw), f"a key of the format; {hint}")


def _parts(type_: Any) -> Iterable[Any]:
    """Give a type and all that it is made of."""
    yield type_
    if get_origin(type_) is Annotated:
        yield from _parts(type_.__origin__)
    elif get_origin(type_) in {Union, types.UnionType, tuple}:
        for part in get_args(type_):
            yield from _parts(part)


def _inner(type_: Any) -> tuple[type[Keys] | None, bool]:
    """Return the object behind a key, if it is one, and whether it is a list of them."""
    parts = list(_parts(type_))
    listed = any(get_origin(part) is tuple for part in parts)
    return next((part for part in parts if isinstance(part, type) and issubclass(part, Keys)), None), listed


def _metas(type_: Any) -> Iterable[msgspec.Meta]:
    for part in _parts(type_):
        if get_origin(part) is Annotated:
            yield from (extra for extra in part.__metadata__ if isinstance(extra, msgspec.Meta))


def _described(type_: Any) -> str:
    told = [meta.description for meta in _metas(type_) if meta.description]
    return told[0] if told else "an object, { } with keys in it"


def _most(type_: Any) -> int:
    return max((meta.max_length for meta in _metas(type_) if meta.max_length is not None), default=0)
