"""A frame: all rows of one flush, in arrival order, as one compressed body (DESIGN.md, Flash)."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from heg.data.history import EPOCH
from heg.data.store.columns import DamagedError, Reader, Text, Writer, seal, unseal
from heg.model.instance import Quality

Value = float | str | bool | bytes
"""What a row holds: a number, a state, or the JSON of a record."""

_QUALITIES = (Quality.GOOD, Quality.STALE, Quality.BAD)
_QUALITY_CODE = {quality: code for code, quality in enumerate(_QUALITIES)}
_MILLISECOND = timedelta(milliseconds=1)


class Row(NamedTuple):
    """One stored instance. `series` is the id in the store's dictionary, `time_ms` UTC since 1970."""

    sequence: int
    series: int
    time_ms: int
    quality: Quality
    value: Value


def encode_frame(rows: Sequence[Row]) -> bytes:
    """Return the body of a frame; rows come in arrival order."""
    by_series: dict[int, list[Value]] = {}
    for row in rows:
        by_series.setdefault(row.series, []).append(row.value)
    position = {series: index for index, series in enumerate(by_series)}
    writer = Writer()
    writer.integers(list(by_series))
    writer.integers([position[row.series] for row in rows])
    writer.integers([row.sequence for row in rows])
    writer.integers([row.time_ms for row in rows])
    writer.integers([_QUALITY_CODE[row.quality] for row in rows])
    for values in by_series.values():
        _write_values(writer, values)
    return seal(writer.payload())


def decode_frame(body: bytes, only: frozenset[int] | None = None) -> list[Row]:
    """Return the rows in arrival order, of some series only if asked; raises `DamagedError` and nothing else."""
    try:
        return _decode(Reader(unseal(body)), only)
    except (OverflowError, MemoryError, UnicodeDecodeError) as error:
        raise DamagedError(repr(error)) from error


def to_ms(time: datetime) -> int:
    """Milliseconds since 1970 of an aware time."""
    return (time - EPOCH) // _MILLISECOND


def from_ms(time_ms: int) -> datetime:
    """The UTC time of milliseconds since 1970."""
    return EPOCH + timedelta(milliseconds=time_ms)


def stored_number(value: float) -> float:
    """A number as it is stored: with twelve significant digits, so that the noise of scale factors costs no flash."""
    return float(f"{value:.12g}")


def _decode(reader: Reader, only: frozenset[int] | None) -> list[Row]:
    series = reader.integers()
    order = reader.integers()
    count = len(order)
    if len(set(series)) != len(series) or any(not 0 <= index < len(series) for index in order):
        raise DamagedError("series that do not fit their rows")
    if only is not None and only.isdisjoint(series):
        return []
    sequences, times, qualities = reader.integers(count), reader.integers(count), reader.integers(count)
    if any(not 0 <= code < len(_QUALITIES) for code in qualities):
        raise DamagedError("an unknown quality")
    columns = _columns(reader, order, len(series))
    rows = []
    for index, sequence, time_ms, code in zip(order, sequences, times, qualities, strict=True):
        value = next(columns[index])
        if only is None or series[index] in only:
            rows.append(Row(sequence, series[index], time_ms, _QUALITIES[code], value))
    return rows


def _columns(reader: Reader, order: Sequence[int], count: int) -> list[Iterator[Value]]:
    sizes = [0] * count
    for index in order:
        sizes[index] += 1
    return [iter(_read_values(reader, size)) for size in sizes]


def _write_values(writer: Writer, values: Sequence[Value]) -> None:
    first = values[0]
    if isinstance(first, bytes):
        writer.blob(b"B")
        writer.blobs([value for value in values if isinstance(value, bytes)])
    elif isinstance(first, str | bool):
        writer.blob(b"T")
        writer.texts([value for value in values if isinstance(value, str | bool)])
    else:
        writer.blob(b"N")
        writer.numbers([float(value) for value in values])


def _read_values(reader: Reader, size: int) -> Sequence[Value]:
    kind = reader.blob()
    if kind == b"N":
        return reader.numbers(size)
    if kind == b"T":
        texts: list[Text] = reader.texts(size)
        return texts
    if kind == b"B":
        return reader.blobs(size)
    raise DamagedError("no column of values")
