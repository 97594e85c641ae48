"""Values between the door and the disk: instances to rows, stored JSON back to the types of the catalogue."""

import msgspec

from heg.data.commands import CommandRecord
from heg.data.encoding import EncodingError, decode, to_plain
from heg.data.store.frames import Row, Value, stored_number, to_ms
from heg.model.catalogue import CATALOGUE, Durability
from heg.model.instance import Instance, Kind


def row_of(instance: Instance, record: bytes | None, series: int) -> Row:
    """Return the row of an instance; `record` is its JSON where it is a record."""
    value = instance.value
    stored: Value
    if record is not None:
        stored = record
    elif isinstance(value, str | bool):
        stored = value
    else:
        stored = stored_number(float(value)) if isinstance(value, int | float) else str(value)
    return Row(instance.sequence, series, to_ms(instance.time), instance.quality, stored)


def value_of(variable: str, stored: Value) -> object:
    """Return the value as the door gives it; a record this version cannot read any more comes back as plain JSON."""
    if not isinstance(stored, bytes):
        return stored
    entry = CATALOGUE.get(variable)
    expected = None if entry is None else entry.record_type
    if entry is not None and entry.kind is Kind.COMMAND:
        expected = CommandRecord
    try:
        if expected is not None:
            return decode(stored, expected)
    except EncodingError:
        pass
    try:
        plain: object = msgspec.json.decode(stored)
    except (msgspec.DecodeError, RecursionError):
        return None
    return plain


def outlives_raw(variable: str) -> bool:
    """Tell whether rows of this variable stay when raw values expire: commands, evidence, configuration, books."""
    entry = CATALOGUE.get(variable)
    return entry is not None and entry.durability in (Durability.AT_ONCE, Durability.KEPT)


def to_json(stored: Value) -> bytes:
    """Return a stored value as JSON for the tables that hold single values."""
    return stored if isinstance(stored, bytes) else msgspec.json.encode(to_plain(stored))


def from_json(data: bytes) -> Value:
    """Read back what `to_json` wrote: plain strings, bools and numbers as such, records as their JSON."""
    try:
        plain = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return data
    if isinstance(plain, str | bool):
        return plain
    return float(plain) if isinstance(plain, int | float) else data
