"""Edits made on plain tables: what a text means before and after, without its comments and layout. Pure."""

import copy
from collections.abc import Mapping, MutableMapping
from typing import Any

from heg.model.edits import Append, Discard, Drop, Edit, EditError, Put, Rename


def made(raw: Mapping[str, Any], edit: Edit) -> dict[str, Any]:
    """Return what a file means after an edit. Raises `EditError`."""
    changed: dict[str, Any] = copy.deepcopy(dict(raw))
    parent: Any = changed
    for name in edit.key[:-1]:
        parent = parent.setdefault(name, {})
    make(parent, edit)
    return changed


def same(one: object, other: object) -> bool:
    """Tell whether two files mean the same; a section that holds nothing is as good as none."""
    return _pruned(one) == _pruned(other)


def has(raw: Mapping[str, Any], key: tuple[str, ...]) -> bool:
    """Tell whether a key is there."""
    inner: Any = raw
    for name in key:
        if not isinstance(inner, Mapping) or name not in inner:
            return False
        inner = inner[name]
    return True


def make(parent: MutableMapping[str, Any], edit: Edit) -> None:
    """Make an edit in the table that holds its key, be it a plain one or one of a document. Raises `EditError`."""
    name = edit.key[-1]
    match edit:
        case Put(_, value):
            parent[name] = value
        case Drop():
            parent.pop(name, None)
        case Rename(_, new):
            if name not in parent or new in parent:
                raise EditError(f"expected {name} to be there, and the name {new} to be free")
            parent[new] = parent.pop(name)
        case Append(_, value):
            if name not in parent:
                parent[name] = []
            parent[name].append(value)
        case Discard(_, values):
            _discard(parent, name, values)


def _discard(parent: MutableMapping[str, Any], name: str, values: tuple[object, ...]) -> None:
    items = parent.get(name, [])
    for index in reversed(range(len(items))):
        item = items[index]
        if (item.unwrap() if hasattr(item, "unwrap") else item) in values:
            del items[index]
    if name in parent and not len(items):
        del parent[name]


def _pruned(raw: object) -> object:
    if not isinstance(raw, Mapping):
        return raw
    inner = {name: _pruned(value) for name, value in raw.items()}
    return {name: value for name, value in inner.items() if value != {}}
