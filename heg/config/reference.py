"""The reference of `heg.toml`, printed from the types that check it: docs/users/configuration.md."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

import msgspec

from heg.config.reader import described, inner_struct
from heg.config.schema import HegConfig

_HEAD = """# Configuration

`heg.toml`, one file. `heg check --config heg.toml` names all that is wrong with it at once: file, key, what came, what
was expected. Unknown keys are refused. A secret never stands in the file: its key takes a reference, exactly one of
`{ file = "/path" }`, `{ env = "NAME" }` and `{ credential = "NAME" }` (systemd).

Printed from the types that check the file; do not edit.
"""


def page(drivers: Mapping[str, type[Any]]) -> str:
    """The whole page: the unit's own sections, then those of the drivers by name."""
    sections = [
        *_sections("", HegConfig),
        *(part for name in sorted(drivers) for part in _section(name, drivers[name])),
    ]
    return "\n".join([_HEAD, *sections])


def _sections(prefix: str, struct: type[msgspec.Struct]) -> Iterator[str]:
    for field in msgspec.structs.fields(struct):
        inner = _inner(field.type)
        if inner is not None:
            yield from _section(_title(prefix + field.encode_name, field.type), inner)


def _section(title: str, struct: type[msgspec.Struct]) -> Iterator[str]:
    keys = [field for field in msgspec.structs.fields(struct) if _inner(field.type) is None]
    text = inspect.cleandoc(struct.__doc__ or "").partition(": ")
    yield f"## `[{title}]`\n\n{_sentence(text[2] if text[0].startswith('`[') else ''.join(text))}\n"
    if keys:
        rows = [f"| `{field.encode_name}` | {_default(field)} | {_expected(field.type)} |" for field in keys]
        yield "\n".join(["| key | default | expected |", "| --- | --- | --- |", *rows]) + "\n"
    yield from _sections(title.strip("[]") + ".", struct)


def _inner(type_: Any) -> type[msgspec.Struct] | None:
    """The section behind a key: itself one, or a table or list of them."""
    if get_origin(type_) is dict:
        return inner_struct(get_args(type_)[1])
    if get_origin(type_) in (list, tuple):
        return inner_struct(get_args(type_)[0])
    return inner_struct(type_)


def _title(name: str, type_: Any) -> str:
    if get_origin(type_) is dict:
        return f"{name}.NAME"
    return f"[{name}]" if get_origin(type_) in (list, tuple) else name


def _expected(type_: Any) -> str:
    if get_origin(type_) in (list, tuple):
        return f"a list, each {_expected(get_args(type_)[0])}"
    return described(type_)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if value is None:
        return "-"
    return f"`{msgspec.json.encode(value).decode()}`"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
