"""Records as JSON: frozen dataclasses of the model to bytes and back, without losing a type, an infinity or a variant.

msgspec does the JSON; what it does not do with plain dataclasses (unions of several, infinite floats) is done here.
Each dataclass carries its class name under `is`, so that a stored row can be read by a person and by the next version:
unknown fields are ignored, missing ones take their default (DESIGN.md, Data outlives versions).
"""

import dataclasses
import enum
import math
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Union

import msgspec

TAG = "is"
_INFINITIES = {"inf": math.inf, "-inf": -math.inf}


class EncodingError(ValueError):
    """A value that is not what the catalogue says, with the place inside it that is wrong."""


def encode(value: object) -> bytes:
    """Return the JSON of a dataclass or plain value; raises `EncodingError` for NaN and unknown types."""
    return msgspec.json.encode(to_plain(value))


def decode(data: bytes, expected: Any) -> Any:
    """Return the value of type `expected` from its JSON; raises `EncodingError` naming the place that does not fit."""
    try:
        plain = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EncodingError(f"expected JSON: {error}") from error
    return from_plain(plain, expected)


def to_plain(value: object) -> Any:
    """Turn a dataclass into what JSON can hold; infinities become the strings inf and -inf."""
    if isinstance(value, enum.Enum):
        return value.value
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return _plain_float(value)
    if isinstance(value, datetime):
        return _plain_time(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        record: Any = type(value)
        plain: dict[str, Any] = {TAG: record.__name__}
        for name in _field_types(record):
            plain[name] = to_plain(getattr(value, name))
        return plain
    return _plain_container(value)


def _plain_container(value: object) -> Any:
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, frozenset | set):
        return sorted((to_plain(item) for item in value), key=repr)
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    raise EncodingError(f"expected a record of the model, came {type(value).__name__}")


def from_plain(plain: Any, expected: Any, where: str = "value") -> Any:
    """Build the value of type `expected` out of plain JSON values; `where` names the place in errors."""
    if expected is Any or expected is object:
        return plain
    origin = typing.get_origin(expected)
    if origin in (Union, types.UnionType):
        return _union(plain, typing.get_args(expected), where)
    if origin is not None:
        return _container(plain, origin, typing.get_args(expected), where)
    if dataclasses.is_dataclass(expected):
        return _dataclass(plain, expected, where)
    if isinstance(expected, type) and issubclass(expected, enum.Enum):
        try:
            return expected(plain)
        except ValueError as error:
            raise EncodingError(f"{where}: expected one of {[str(m) for m in expected]}, came {plain!r:.60}") from error
    return _leaf(plain, expected, where)


def _plain_float(value: float) -> float | str:
    if math.isnan(value):
        raise EncodingError("expected a number, came NaN")
    return str(value) if math.isinf(value) else value


def _plain_time(value: datetime) -> str:
    if value.tzinfo is None:
        raise EncodingError("expected an aware time, came one without zone")
    return value.isoformat()


@lru_cache(maxsize=256)
def _field_types(record: Any) -> Mapping[str, Any]:
    hints = typing.get_type_hints(record)
    return {field.name: hints[field.name] for field in dataclasses.fields(record) if field.init}


def _dataclass(plain: Any, record: Any, where: str) -> Any:
    if not isinstance(plain, dict):
        raise EncodingError(f"{where}: expected an object for {record.__name__}, came {type(plain).__name__}")
    if plain.get(TAG, record.__name__) != record.__name__:
        raise EncodingError(f"{where}: expected {record.__name__}, came {plain[TAG]!r:.60}")
    arguments = {
        name: from_plain(plain[name], hint, f"{where}.{name}")
        for name, hint in _field_types(record).items()
        if name in plain
    }
    try:
        return record(**arguments)
    except (TypeError, ValueError) as error:
        raise EncodingError(f"{where}: {error}") from error


def _union(plain: Any, members: tuple[Any, ...], where: str) -> Any:
    if plain is None and type(None) in members:
        return None
    candidates = [member for member in members if member is not type(None)]
    tagged = [member for member in candidates if dataclasses.is_dataclass(member)]
    if isinstance(plain, dict) and len(tagged) > 1:
        candidates = [m for m in tagged if getattr(m, "__name__", "") == plain.get(TAG)] or candidates[:1]
    reasons = []
    for member in candidates:
        try:
            return from_plain(plain, member, where)
        except EncodingError as error:
            reasons.append(str(error))
    raise EncodingError("; or ".join(reasons))


def _container(plain: Any, origin: Any, arguments: tuple[Any, ...], where: str) -> Any:
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(plain, dict):
            raise EncodingError(f"{where}: expected an object, came {type(plain).__name__}")
        return {key: from_plain(item, arguments[1], f"{where}.{key}") for key, item in plain.items()}
    if not isinstance(plain, list):
        raise EncodingError(f"{where}: expected a list, came {type(plain).__name__}")
    if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        if len(plain) != len(arguments):
            raise EncodingError(f"{where}: expected {len(arguments)} items, came {len(plain)}")
        return tuple(from_plain(i, a, f"{where}[{n}]") for n, (i, a) in enumerate(zip(plain, arguments, strict=True)))
    return origin(from_plain(item, arguments[0], f"{where}[{number}]") for number, item in enumerate(plain))


def _leaf(plain: Any, expected: Any, where: str) -> Any:
    if expected is float:
        if isinstance(plain, str) and plain in _INFINITIES:
            return _INFINITIES[plain]
        if isinstance(plain, int | float) and not isinstance(plain, bool):
            return float(plain)
    elif expected is datetime:
        return _time(plain, where)
    elif expected in (int, str, bool) and type(plain) is expected:
        return plain
    elif expected is type(None) and plain is None:
        return None
    raise EncodingError(f"{where}: expected {getattr(expected, '__name__', expected)}, came {plain!r:.60}")


def _time(plain: Any, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(plain)
    except (TypeError, ValueError) as error:
        raise EncodingError(f"{where}: expected an ISO 8601 time, came {plain!r:.60}") from error
    if moment.tzinfo is None:
        raise EncodingError(f"{where}: expected a time with zone, came {plain!r:.60}")
    return moment
