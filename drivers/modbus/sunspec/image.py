"""The registers of one model as last read, and what their points mean (scale factors, not-implemented values)."""

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from drivers.modbus.sunspec.definitions import (
    HEADER_REGISTERS,
    GroupDefinition,
    ModelDefinition,
    PointDefinition,
    definitions,
)

Value = float | int | str | None

_MOST_REPEATS = 64
_SCALE_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Place:
    """A point of a concrete device: its definition and its offset from the start of the model (the ID register)."""

    definition: PointDefinition
    offset: int
    prefix: str = ""


class ModelImage:
    """One model of one device. `overlay` takes registers in, the rest reads; nothing here raises on bad content."""

    def __init__(self, definition: ModelDefinition, address: int, length: int) -> None:
        self.definition = definition
        self.address = address
        self.registers = HEADER_REGISTERS + length
        self._data = bytearray(self.registers * 2)
        self._known = bytearray(self.registers)
        self._places: dict[str, Place] | None = None

    @property
    def id(self) -> int:
        """The model's number."""
        return self.definition.id

    def overlay(self, offset: int, data: bytes) -> None:
        """Take registers read from `offset` on; what would stand outside the model is left out."""
        start, end = max(offset, 0) * 2, min(offset * 2 + len(data), len(self._data))
        if start >= end:
            return
        self._data[start:end] = data[start - offset * 2 : end - offset * 2]
        for register in range(start // 2, end // 2):
            self._known[register] = 1
        if offset < self.definition.registers:
            self._places = None  # a count of a repeating group may have changed

    def header(self) -> bytes:
        """The model's id and length as they were read."""
        return bytes(self._data[: HEADER_REGISTERS * 2])

    def places(self) -> Mapping[str, Place]:
        """All points that this device's model has room for, by name (`module.1.DCW` in groups)."""
        if self._places is None:
            self._places = {
                place.prefix + place.definition.name: place
                for place in self._lay()
                if place.offset + place.definition.registers <= self.registers
            }
        return self._places

    def has(self, name: str) -> bool:
        """True when the point exists and is implemented."""
        return self.raw(name) is not None

    def raw(self, name: str) -> Value:
        """The value as it stands in the registers, unscaled; None when absent, never read, or not implemented."""
        place = self.places().get(name)
        return None if place is None else self._raw(place)

    def value(self, name: str) -> Value:
        """The value with its scale factor; None also where the scale factor is missing or absurd."""
        place = self.places().get(name)
        if place is None:
            return None
        raw = self._raw(place)
        if raw is None or isinstance(raw, str) or not place.definition.scale:
            return raw
        exponent = self.exponent(name)
        if exponent is None:
            return None
        return raw * float(10**exponent) if exponent >= 0 else round(raw / float(10**-exponent), -exponent)

    def number(self, name: str) -> float | None:
        """The scaled value as a float, None where it is none."""
        value = self.value(name)
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None

    def counted(self, name: str) -> float | None:
        """A counter that must exist: an accumulator at zero reads 0.0, though zero also means *not implemented*."""
        place = self.places().get(name)
        if place is None or not place.definition.type.startswith("acc"):
            return self.number(name)
        known = all(self._known[place.offset : place.offset + place.definition.registers])
        return self.number(name) if self.raw(name) is not None or not known else 0.0

    def text(self, name: str) -> str:
        """A string point, empty where it is not implemented."""
        value = self.raw(name)
        return value if isinstance(value, str) else ""

    def exponent(self, name: str) -> int | None:
        """The power of ten of a point: 0 where it has no scale factor, None where that one is missing or absurd."""
        place = self.places().get(name)
        if place is None:
            return None
        if not place.definition.scale:
            return 0
        factor = self.raw(place.definition.scale)
        return factor if isinstance(factor, int) and abs(factor) <= _SCALE_LIMIT else None

    def state(self, name: str) -> str | None:
        """The name of an enumeration's value; `other` for one that has none; None when not implemented."""
        place, raw = self.places().get(name), self.raw(name)
        if place is None or not isinstance(raw, int):
            return None
        return place.definition.states.get(raw, "other")

    def events(self, name: str) -> tuple[str, ...]:
        """The names of the bits that are set; a bit without a name is `bit_N`."""
        place, raw = self.places().get(name), self.raw(name)
        if place is None or not isinstance(raw, int):
            return ()
        named = place.definition.bits
        return tuple(
            named[bit] if bit < len(named) and named[bit] else f"bit_{bit}" for bit in range(32) if raw >> bit & 1
        )

    def values(self) -> dict[str, Value]:
        """All points, scaled."""
        return {name: self.value(name) for name in self.places()}

    def repeats(self, group: str) -> int:
        """How many members of a repeating group this device has."""
        return sum(1 for name in self.places() if name.startswith(f"{group}.") and name.endswith(f".{self._first()}"))

    def _first(self) -> str:
        group = self.definition.group
        return group.points[0].name if group is not None else ""

    def _lay(self) -> Iterator[Place]:
        for definition in self.definition.points:
            yield Place(definition, definition.offset)
        if self.definition.group is not None:
            yield from self._lay_group(self.definition.group, self.definition.registers, "")

    def _lay_group(self, group: GroupDefinition, start: int, prefix: str) -> Iterator[Place]:
        inner_count = self._count(group.inner) if group.inner is not None else 0
        inner_registers = group.inner.registers * inner_count if group.inner is not None else 0
        stride = group.registers + inner_registers
        for index in range(1, self._count(group) + 1):
            if start >= self.registers:
                return
            here = f"{prefix}{group.name}.{index}."
            for definition in group.points:
                yield Place(definition, start + definition.offset, here)
            if group.inner is not None:
                yield from self._lay_group(group.inner, start + group.registers, here)
            start += stride

    def _count(self, group: GroupDefinition) -> int:
        for definition in self.definition.points:
            if definition.name == group.count:
                raw = self._raw(Place(definition, definition.offset))
                return min(raw, _MOST_REPEATS) if isinstance(raw, int) else 0
        return 0

    def _raw(self, place: Place) -> Value:
        start, registers = place.offset, place.definition.registers
        if start + registers > self.registers or not all(self._known[start : start + registers]):
            return None
        return _DECODERS[place.definition.type[:3]](bytes(self._data[start * 2 : (start + registers) * 2]))


def model_image(model_id: int, address: int, length: int) -> ModelImage | None:
    """An empty image of a model at a Modbus address, None for a model that heg does not know."""
    definition = definitions().get(model_id)
    return None if definition is None else ModelImage(definition, address, length)


def _integer(data: bytes, *, signed: bool, absent: int) -> int | None:
    value = int.from_bytes(data, "big", signed=signed)
    return None if value == absent else value


def _unsigned(data: bytes) -> int | None:
    return _integer(data, signed=False, absent=(1 << len(data) * 8) - 1)


def _signed(data: bytes) -> int | None:
    return _integer(data, signed=True, absent=-(1 << len(data) * 8 - 1))


def _accumulated(data: bytes) -> int | None:
    return _integer(data, signed=False, absent=0)


def _float(data: bytes) -> float | None:
    number = struct.unpack(">f", data)[0]
    return float(number) if math.isfinite(number) else None


def _text(data: bytes) -> str | None:
    text = data.split(b"\0", 1)[0].decode("utf-8", "replace")
    return "".join(letter for letter in text if letter.isprintable()).strip() or None


_DECODERS: Mapping[str, Callable[[bytes], Value]] = {
    "u16": _unsigned,
    "u32": _unsigned,
    "u64": _unsigned,
    "i16": _signed,
    "i32": _signed,
    "acc": _accumulated,
    "e16": _unsigned,
    "b16": _unsigned,
    "b32": _unsigned,
    "sf": _signed,
    "f32": _float,
    "str": _text,
    "pad": lambda _data: None,
}
