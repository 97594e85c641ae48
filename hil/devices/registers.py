"""SunSpec registers of one device, laid out and encoded with pysunspec2's model definitions.

Values go in as physical quantities (W, V, A, Wh, %) and are stored as the registers a client reads; a value that
is not given stays at SunSpec's *not implemented*. Writes are counted per register, as flash wear would be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sunspec2.device import Group, Model, Point
from sunspec2.mb import create_unimpl_value

Values = Mapping[str, Any]
"""Point name to value; a group name to a list of `Values` (repeating) or to `Values`."""

BASE_ADDRESS = 40000
_END_MODEL = b"\xff\xff\x00\x00"
_RANGES: dict[str, tuple[int, int]] = {
    "int16": (-0x7FFF, 0x7FFF),
    "uint16": (0, 0xFFFE),
    "acc16": (0, 0xFFFF),
    "enum16": (0, 0xFFFE),
    "bitfield16": (0, 0x7FFF),
    "count": (0, 0xFFFE),
    "int32": (-0x7FFFFFFF, 0x7FFFFFFF),
    "uint32": (0, 0xFFFFFFFE),
    "acc32": (0, 0xFFFFFFFF),
    "enum32": (0, 0xFFFFFFFE),
    "bitfield32": (0, 0x7FFFFFFF),
    "int64": (-0x7FFFFFFFFFFFFFFF, 0x7FFFFFFFFFFFFFFF),
    "uint64": (0, 0xFFFFFFFFFFFFFFFE),
    "acc64": (0, 0xFFFFFFFFFFFFFFFF),
    "sunssf": (-10, 10),
}
_WRAPPING = {"acc16", "acc32", "acc64"}


class Field:
    """One point of one model, bound to its place in the register image."""

    __slots__ = (
        "_decode",
        "_encode",
        "_image",
        "_implemented",
        "_kind",
        "_range",
        "_scale",
        "_start",
        "name",
        "registers",
        "writable",
    )

    def __init__(self, image: bytearray, start: int, point: Point, scale: int) -> None:
        self.name: str = point.pdef["name"]
        self.writable: bool = point.pdef.get("access") == "RW"
        self.registers: int = point.len
        self._image = image
        self._start = start
        self._kind: str = point.pdef["type"]
        self._scale: float = 10.0**-scale
        self._encode: Callable[[Any, int], bytes] = point.info.to_data
        self._decode: Callable[[bytes], Any] = point.info.data_to
        self._implemented: Callable[[Any], bool] = point.info.is_impl
        self._range = _RANGES.get(self._kind)

    @property
    def start(self) -> int:
        """Byte offset in the image."""
        return self._start

    def put(self, value: float | str) -> None:
        """Store a physical value; numbers are scaled, rounded and kept inside the type (accumulators wrap)."""
        coded: Any = value
        if self._range is not None:
            low, high = self._range
            whole = round(float(value) * self._scale)
            coded = whole & high if self._kind in _WRAPPING else min(max(whole, low), high)
        size = self.registers * 2
        self._image[self._start : self._start + size] = self._encode(coded, size)

    def get(self) -> float:
        """The physical value of a number that stands in the registers now; 0 where it says *not implemented*."""
        raw = self._decode(self.held())
        return raw / self._scale if self._implemented(raw) else 0.0

    def lie(self, value: float | None) -> None:
        """Show a value that is not so, whatever its size allows, or None for *not implemented*."""
        if value is None:
            self.hold(bytes(create_unimpl_value(self._kind, len=self.registers * 2)))
        else:
            self.put(value)

    def text(self) -> str:
        """The text that stands in the registers now."""
        return str(self._decode(self.held())).rstrip("\0")

    @property
    def implemented(self) -> bool:
        """False while the registers say *not implemented*; an accumulator at zero counts as implemented."""
        return self._kind in _WRAPPING or bool(self._implemented(self._decode(self.held())))

    def held(self) -> bytes:
        """The registers as they are."""
        return bytes(self._image[self._start : self._start + self.registers * 2])

    def hold(self, registers: bytes) -> None:
        """Put registers back as they were."""
        self._image[self._start : self._start + self.registers * 2] = registers


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model to lay out: its number and its values (pysunspec2 sizes repeating groups by the lists given)."""

    model_id: int
    values: Values


class ModelFields:
    """The fields of one model, by name; a field of a repeating group by `group[index].name`, from 1."""

    def __init__(self, model_id: int, start: int) -> None:
        self.model_id = model_id
        self.start = start
        self._fields: dict[str, Field] = {}

    def add(self, path: str, field: Field) -> None:
        """Take a field in."""
        self._fields[path] = field

    def __getitem__(self, path: str) -> Field:
        return self._fields[path]

    def __contains__(self, path: str) -> bool:
        return path in self._fields

    def __iter__(self) -> Iterator[tuple[str, Field]]:
        return iter(self._fields.items())

    def put(self, **values: float) -> None:
        """Store several physical values; names this model lacks are passed over (variants differ)."""
        for name, value in values.items():
            if (field := self._fields.get(name)) is not None:
                field.put(value)


class SunSpecImage:
    """The whole register space of a device: `SunS`, the chain of models, the end model."""

    def __init__(self, models: Sequence[ModelSpec], base: int = BASE_ADDRESS) -> None:
        self.base = base
        self.data = bytearray(b"SunS")
        self.models: dict[int, ModelFields] = {}
        self.write_counts: Counter[int] = Counter()
        self.change_counts: Counter[int] = Counter()
        self._owners: dict[int, tuple[int, str, Field]] = {}
        laid = [(spec, _lay(spec)) for spec in models]
        for _, model in laid:
            self.data += model.get_mb()
        self.data += _END_MODEL
        start = 4
        for spec, model in laid:
            self._bind(spec.model_id, model, start)
            start += model.len * 2

    def __getitem__(self, model_id: int) -> ModelFields:
        return self.models[model_id]

    def __contains__(self, model_id: int) -> bool:
        return model_id in self.models

    def address(self, model_id: int, path: str) -> int:
        """Modbus address of a point."""
        return self.base + self.models[model_id][path].start // 2

    def read(self, address: int, count: int) -> bytes | None:
        """Registers as they are; None when any of them does not exist."""
        start = (address - self.base) * 2
        if start < 0 or start + count * 2 > len(self.data):
            return None
        return bytes(self.data[start : start + count * 2])

    def write(self, address: int, words: bytes) -> list[tuple[int, str]] | None:
        """Store registers and name the points touched; None (and nothing stored) when one may not be written."""
        registers = range(address, address + len(words) // 2)
        owners = [self._owners.get(register) for register in registers]
        if any(owner is None or not owner[2].writable for owner in owners):
            return None
        start = (address - self.base) * 2
        before = bytes(self.data[start : start + len(words)])
        self.data[start : start + len(words)] = words
        self.write_counts.update(registers)
        self.change_counts.update(
            register for place, register in enumerate(registers) if _word(before, place) != _word(words, place)
        )
        return list(dict.fromkeys((owner[0], owner[1]) for owner in owners if owner is not None))

    def writes(self, model_id: int, path: str) -> int:
        """How often a point's first register has been written."""
        return self.write_counts[self.address(model_id, path)]

    def changes(self, model_id: int, path: str) -> int:
        """How often a write has given a point's first register another value (a contactor that moved)."""
        return self.change_counts[self.address(model_id, path)]

    def _bind(self, model_id: int, model: Model, start: int) -> None:
        fields = ModelFields(model_id, start)
        for path, point in _points(model, ""):
            field = Field(self.data, start + point.offset * 2, point, _scale(point))
            fields.add(path, field)
            for register in range(point.len):
                self._owners[self.base + field.start // 2 + register] = (model_id, path, field)
        self.models[model_id] = fields


def _word(words: bytes, place: int) -> bytes:
    return words[2 * place : 2 * place + 2]


def _lay(spec: ModelSpec) -> Model:
    """A pysunspec2 model with its values; numbers are physical, so scale factors are set first."""
    plain = {name: value for name, value in spec.values.items() if not isinstance(value, (int, float))}
    raw = {name: value for name, value in spec.values.items() if isinstance(value, (int, float))}
    model = Model(spec.model_id, data={**plain, **{k: v for k, v in raw.items() if _is_scale(k)}, **_counts(raw)})
    if model.error_info:
        raise ValueError(f"SunSpec model {spec.model_id}: {model.error_info.strip()}")
    _fill(model, spec.values)
    return model


def _fill(group: Group, values: Values) -> None:
    for name, value in values.items():
        if name in group.groups:
            inner = group.groups[name]
            for member, given in zip(inner, value, strict=True) if isinstance(inner, list) else ((inner, value),):
                _fill(member, given)
        elif name not in group.points:
            raise ValueError(f"SunSpec model {group.model.model_id} has no point {name!r}")
        elif _is_scale(name) or isinstance(value, str):
            group.points[name].set_value(value)
        else:
            group.points[name].set_value(value, computed=True)


def _counts(values: Values) -> Values:
    return {name: value for name, value in values.items() if name in ("NPt", "NCrv", "NPrt", "N")}


def _is_scale(name: str) -> bool:
    return name.endswith("_SF")


def _scale(point: Point) -> int:
    named = point.pdef.get("sf")
    if named is None:
        return 0
    try:
        return int(named)
    except ValueError:
        holder = point.group.points.get(named) or point.model.points.get(named)
        return 0 if holder is None or holder.value is None else int(holder.value)


def _points(group: Group, prefix: str) -> Iterator[tuple[str, Point]]:
    for name, point in group.points.items():
        yield prefix + name, point
    for name, inner in group.groups.items():
        for index, member in enumerate(inner if isinstance(inner, list) else [inner], start=1):
            suffix = f"[{index}]" if isinstance(inner, list) else ""
            yield from _points(member, f"{prefix}{name}{suffix}.")
