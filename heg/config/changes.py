"""What differs between two texts of a configuration, key by key. Pure."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from heg.config.faults import shown

_NOTHING: object = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One key: what it was and what it is, as the file says it; empty where it is not there."""

    key: str
    before: str
    after: str

    def __str__(self) -> str:
        if not self.before:
            return f"{self.key} = {self.after} is new"
        if not self.after:
            return f"{self.key} = {self.before} is gone"
        return f"{self.key} = {self.after}, was {self.before}"


def changes(before: str, after: str) -> tuple[Change, ...]:
    """Compare two texts that are valid TOML; comments and layout are no change."""
    old, new = dict(_keys((), tomllib.loads(before))), dict(_keys((), tomllib.loads(after)))
    return tuple(
        Change(key, _said(old.get(key, _NOTHING)), _said(new.get(key, _NOTHING)))
        for key in dict.fromkeys((*old, *new))
        if old.get(key, _NOTHING) != new.get(key, _NOTHING)
    )


def _keys(where: tuple[str, ...], value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        if not value:
            yield f"[{'.'.join(where)}]", value
        for name, inner in value.items():
            yield from _keys((*where, name), inner)
    else:
        *section, key = where
        yield f"[{'.'.join(section)}] {key}" if section else key, value


def _said(value: object) -> str:
    return "" if value is _NOTHING else shown(value)
