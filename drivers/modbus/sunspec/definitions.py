"""SunSpec model definitions, read from `models.toml` beside this file."""

import functools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HEADER_REGISTERS = 2


@dataclass(frozen=True, slots=True)
class PointDefinition:
    """One point: where it stands (registers from the start of its group or, at the top, of the model) and how it reads.

    `scale` is the name of a scale factor point, or empty.
    """

    name: str
    type: str
    offset: int
    registers: int
    scale: str = ""
    states: Mapping[int, str] = field(default_factory=dict)
    bits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupDefinition:
    """Points that repeat: up to as often as the top-level point `count` says."""

    name: str
    count: str
    points: tuple[PointDefinition, ...]
    registers: int
    inner: "GroupDefinition | None" = None


@dataclass(frozen=True, slots=True)
class ModelDefinition:
    """A model: its fixed points (header not among them), and the group that repeats after them."""

    id: int
    points: tuple[PointDefinition, ...]
    registers: int
    group: GroupDefinition | None = None


@functools.cache
def definitions() -> Mapping[int, ModelDefinition]:
    """All models that heg knows, by id."""
    text = Path(__file__).with_name("models.toml").read_text(encoding="utf-8")
    return parse_definitions(tomllib.loads(text))


def parse_definitions(tables: Mapping[str, Any]) -> Mapping[int, ModelDefinition]:
    """Build definitions from the tables of a definition file; raises ValueError where a line is malformed."""
    names = _Names(tables.get("states", {}), tables.get("bits", {}))
    models: dict[int, ModelDefinition] = {}
    for table in tables["model"]:
        points, end = _points(table, HEADER_REGISTERS, names)
        group = _group(table.get("group"), names)
        for model_id in table["ids"]:
            models[model_id] = ModelDefinition(model_id, points, end, group)
    return models


@dataclass(frozen=True, slots=True)
class _Names:
    states: Mapping[str, Mapping[str, str]]
    bits: Mapping[str, list[str]]

    def states_of(self, table: Mapping[str, Any], point: str) -> Mapping[int, str]:
        named = table.get("states", {}).get(point)
        return {} if named is None else {int(value): state for value, state in self.states[named].items()}

    def bits_of(self, table: Mapping[str, Any], point: str) -> tuple[str, ...]:
        named = table.get("bits", {}).get(point)
        return () if named is None else tuple(self.bits[named])


_REGISTERS = {
    "u16": 1,
    "i16": 1,
    "e16": 1,
    "b16": 1,
    "sf": 1,
    "pad": 1,
    "u32": 2,
    "i32": 2,
    "acc32": 2,
    "b32": 2,
    "f32": 2,
    "u64": 4,
    "acc64": 4,
}


def _points(table: Mapping[str, Any], offset: int, names: _Names) -> tuple[tuple[PointDefinition, ...], int]:
    points: list[PointDefinition] = []
    for point_names, type_, scale in _lines(table["points"].splitlines()):
        registers = int(type_[3:]) if type_.startswith("str") else _REGISTERS.get(type_, 0)
        if registers <= 0:
            raise ValueError(f"point {point_names[0]}: type {type_!r}: expected one of {', '.join(_REGISTERS)} or strN")
        for name in point_names:
            states, bits = names.states_of(table, name), names.bits_of(table, name)
            points.append(PointDefinition(name, type_, offset, registers, scale, states, bits))
            offset += registers
    return tuple(points), offset


def _lines(lines: Iterable[str]) -> Iterable[tuple[list[str], str, str]]:
    for line in lines:
        if not line.strip():
            continue
        point_names, colon, reading = line.partition(":")
        words = reading.split()
        if not colon or not 1 <= len(words) <= 2 or not point_names.split():
            raise ValueError(f"{line!r}: expected 'names : type [scale]'")
        yield point_names.split(), words[0], words[1] if len(words) == 2 else ""


def _group(table: Mapping[str, Any] | None, names: _Names) -> GroupDefinition | None:
    if table is None:
        return None
    points, end = _points(table, 0, names)
    return GroupDefinition(table["name"], table["count"], points, end, _group(table.get("group"), names))
