"""Changes of single keys in the owner's text: comments, order and layout of everything else stay as they are.

tomlkit is loaded with the first change of a key only.
"""

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from heg.config import lines, plainly
from heg.model.edits import Append, Drop, Edit, EditError, Put, Rename


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Return the text with the edits made, one after the other. Raises `EditError`.

    What comes out is read again and must say exactly what was meant.
    """
    for edit in edits:
        try:
            meant = plainly.made(tomllib.loads(text), edit)
            text = _made(text, edit)
            said = tomllib.loads(text)
        except (ValueError, KeyError, TypeError, AttributeError) as error:  # tomlkit's own errors are ValueErrors
            raise EditError(f"{_where(edit)}: expected a text that can be changed there: {error}") from error
        if not plainly.same(said, meant):
            raise EditError(f"{_where(edit)}: expected a text that can be changed there; change it by hand")
    return text


def _made(text: str, edit: Edit) -> str:
    """Sections are lines of their own to people: they are found, put and taken out as lines, with what stands above."""
    match edit:
        case Rename(key, name) if (renamed := lines.with_section_renamed(text, key, name)) is not None:
            return renamed
        case Drop(key) if (without := lines.without_section(text, key)) is not None:
            return without
        case Put(key, value) if len(key) > 1 and not plainly.has(tomllib.loads(text), key):
            if lines.has_section(text, key[:-1]):
                return lines.with_key(text, key, value)
            if not plainly.has(tomllib.loads(text), key[:-1]):
                return lines.with_section(text, key[:-1], {key[-1]: value})
        case Append(key, Mapping() as value) if lines.has_section(text, key) or not plainly.has(
            tomllib.loads(text), key
        ):
            return lines.with_section(text, key, value, of_a_list=True)
        case _:
            pass
    return _by_key(text, edit)


def _by_key(text: str, edit: Edit) -> str:
    import tomlkit

    document = tomlkit.parse(text)
    parent: Any = document
    for name in edit.key[:-1]:
        parent = parent.setdefault(name, tomlkit.table())
    plainly.make(parent, edit)
    return tomlkit.dumps(document)


def _where(edit: Edit) -> str:
    return ".".join(edit.key)
