"""Columns of numbers and texts as few bytes: what frames and roll-ups are made of. Pure, exact, and safe on any input.

A column of integers is stored as differences in the narrowest width that holds them, split into planes of equal
significance: the planes of slowly varying values are nearly constant and vanish in the compressor behind.
"""

import lzma
import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TypeVar

import msgspec

SIZE_LIMIT = 64 * 1024 * 1024
"""No honest body unpacks to more; a damaged one must not fill the memory."""

_WIDTHS = ((1, "b"), (2, "h"), (4, "i"), (8, "q"))
_MAX_DECIMALS = 9
_LARGEST_EXACT = 2**53
_HEADER = struct.Struct("<BI")
_SMALL, _QUICK = 1, 2
"""The first byte of a body says how it is packed: LZMA, or zlib, which unpacks four times as fast."""
_FILTERS = ({"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 64 * 1024, "lc": 3, "lp": 0, "pb": 0},)

Text = str | bool
_T = TypeVar("_T")


class DamagedError(ValueError):
    """Bytes that are not what was written."""


def seal(payload: bytes, *, quick: bool = False) -> bytes:
    """Compress a payload and put packing and check sum before it.

    `quick` is for bodies that are read by the thousand (roll-ups): a sixth larger, unpacked in a quarter of the time.
    """
    if quick:
        body = zlib.compress(payload, 9)
        return _HEADER.pack(_QUICK, zlib.crc32(body)) + body
    body = lzma.compress(payload, format=lzma.FORMAT_RAW, filters=_FILTERS)
    return _HEADER.pack(_SMALL, zlib.crc32(body)) + body


def unseal(sealed: bytes) -> bytes:
    """Return the payload; raises `DamagedError` for anything that `seal` did not make."""
    if len(sealed) < _HEADER.size:
        raise DamagedError("shorter than its header")
    packing, check = _HEADER.unpack_from(sealed)
    body = sealed[_HEADER.size :]
    if packing not in (_SMALL, _QUICK):
        raise DamagedError(f"packing {packing}, expected {_SMALL} or {_QUICK}")
    if zlib.crc32(body) != check:
        raise DamagedError("check sum does not match")
    try:
        payload = _unpacked(body, quick=packing == _QUICK)
    except (lzma.LZMAError, zlib.error) as error:
        raise DamagedError(str(error)) from error
    if len(payload) >= SIZE_LIMIT:
        raise DamagedError("unpacks to more than any honest body")
    return payload


def _unpacked(body: bytes, *, quick: bool) -> bytes:
    if quick:
        return zlib.decompressobj().decompress(body, SIZE_LIMIT)
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS).decompress(body, SIZE_LIMIT)


class Writer:
    """Puts columns one behind the other."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def integers(self, values: Sequence[int]) -> None:
        """A column of integers, each below 2**63 in magnitude."""
        low, high = min(values, default=0), max(values, default=0)
        if low == high:
            self._column(b"c", struct.pack("<Iq", len(values), low))
            return
        order, deltas = _best_deltas(values)
        low, high = min(deltas), max(deltas)
        width, code = next((w, c) for w, c in _WIDTHS if -(1 << (8 * w - 1)) <= low and high < 1 << (8 * w - 1))
        packed = array(code, deltas)
        if sys.byteorder == "big":
            packed.byteswap()
        raw = packed.tobytes()
        planes = b"".join(raw[plane::width] for plane in range(width))
        self._column(b"012"[order : order + 1], bytes((width,)) + planes)

    def numbers(self, values: Sequence[float]) -> None:
        """A column of finite floats, exact: as decimals where they are decimals, otherwise bit by bit."""
        for decimals in range(_MAX_DECIMALS + 1):
            scaled = _as_integers(values, 10.0**decimals)
            if scaled is not None:
                self._parts.append(b"D" + bytes((decimals,)))
                self.integers(scaled)
                return
        self._parts.append(b"R")
        self.integers([_bits(value) for value in values])

    def texts(self, values: Sequence[Text]) -> None:
        """A column of strings and bools: each distinct one once."""
        distinct = {(type(v), v): v for v in values}
        index = {key: position for position, key in enumerate(distinct)}
        self.blob(msgspec.json.encode(list(distinct.values())))
        self.integers([index[(type(v), v)] for v in values])

    def blobs(self, values: Sequence[bytes]) -> None:
        """A column of byte strings: each distinct one once."""
        index: dict[bytes, int] = {}
        for value in values:
            index.setdefault(value, len(index))
        self.integers([len(value) for value in index])
        self.blob(b"".join(index))
        self.integers([index[value] for value in values])

    def blob(self, value: bytes) -> None:
        """One byte string."""
        self._parts.append(struct.pack("<I", len(value)))
        self._parts.append(value)

    def payload(self) -> bytes:
        """Everything written so far."""
        return b"".join(self._parts)

    def _column(self, kind: bytes, data: bytes) -> None:
        self._parts.append(kind)
        self.blob(data)


class Reader:
    """Takes columns off a payload in the order in which they were written; raises `DamagedError` where they are not."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0

    def integers(self, count: int | None = None) -> list[int]:
        """A column of integers, of `count` values where that is known."""
        kind, data = self._take(1), self.blob()
        values = _constant(data) if kind == b"c" else _undelta(kind, data)
        if count is not None and len(values) != count:
            raise DamagedError(f"{len(values)} values where {count} were expected")
        return values

    def numbers(self, count: int, chosen: Sequence[int] | None = None) -> list[float]:
        """A column of `count` floats, or the chosen ones of them."""
        kind = self._take(1)
        if kind == b"D":
            decimals = self._take(1)[0]
            if decimals > _MAX_DECIMALS:
                raise DamagedError("more decimals than are ever written")
            scale = 10.0**decimals
            values = self.integers(count)
            return [value / scale for value in (values if chosen is None else _pick(values, chosen))]
        if kind == b"R":
            values = self.integers(count)
            return [_from_bits(value) for value in (values if chosen is None else _pick(values, chosen))]
        raise DamagedError("no column of numbers")

    def texts(self, count: int) -> list[Text]:
        """A column of strings and bools."""
        try:
            distinct = msgspec.json.decode(self.blob(), type=list[str | bool])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DamagedError(str(error)) from error
        return _pick(distinct, self.integers(count))

    def blobs(self, count: int) -> list[bytes]:
        """A column of byte strings."""
        lengths = self.integers()
        joined = self.blob()
        if any(length < 0 for length in lengths) or sum(lengths) != len(joined):
            raise DamagedError("lengths do not add up")
        ends = list(accumulate(lengths))
        distinct = [joined[end - length : end] for end, length in zip(ends, lengths, strict=True)]
        return _pick(distinct, self.integers(count))

    def blob(self) -> bytes:
        """One byte string."""
        (length,) = struct.unpack("<I", self._take(4))
        return self._take(length)

    def _take(self, length: int) -> bytes:
        taken = self._payload[self._at : self._at + length]
        if len(taken) != length:
            raise DamagedError("shorter than its columns")
        self._at += length
        return taken


def _best_deltas(values: Sequence[int]) -> tuple[int, list[int]]:
    first = _deltas(values)
    second = _deltas(first)
    # Noise is smallest as it is (less its middle), drift as differences, steady counters as second ones.
    candidates = (list(values), first, second)
    middle = values[len(values) // 2]
    costs = (
        sum(abs(v - middle) for v in values),
        sum(map(abs, first[1:])),
        sum(map(abs, second[2:])),
    )
    order = costs.index(min(costs))
    if max(map(abs, candidates[order])) >= 1 << 63:
        order = 0
    return order, candidates[order]


def _deltas(values: Sequence[int]) -> list[int]:
    return [values[0], *(b - a for a, b in pairwise(values))]


def _constant(data: bytes) -> list[int]:
    if len(data) != 12:
        raise DamagedError("no constant column")
    count, value = struct.unpack("<Iq", data)
    if count > SIZE_LIMIT // 64:
        raise DamagedError("more values than any honest column")
    return [value] * count


def _undelta(kind: bytes, data: bytes) -> list[int]:
    if kind not in (b"0", b"1", b"2") or not data:
        raise DamagedError("no column of integers")
    width, planes = data[0], data[1:]
    code = dict(_WIDTHS).get(width)
    if code is None or len(planes) % width:
        raise DamagedError("no width that is ever written")
    count = len(planes) // width
    raw = bytearray(len(planes))
    for plane in range(width):
        raw[plane::width] = planes[plane * count : (plane + 1) * count]
    packed = array(code)
    packed.frombytes(bytes(raw))
    if sys.byteorder == "big":
        packed.byteswap()
    values = packed.tolist()
    for _ in range(int(kind)):
        values = list(accumulate(values))
    return values


def _as_integers(values: Sequence[float], scale: float) -> list[int] | None:
    scaled = []
    for value in values:
        product = value * scale
        if not -_LARGEST_EXACT < product < _LARGEST_EXACT:
            return None
        number = round(product)
        if number / scale != value:
            return None
        scaled.append(number)
    return scaled


def _bits(value: float) -> int:
    (bits,) = struct.unpack("<q", struct.pack("<d", value))
    return int(bits)


def _from_bits(bits: int) -> float:
    try:
        (value,) = struct.unpack("<d", struct.pack("<q", bits))
    except struct.error as error:
        raise DamagedError("no float") from error
    return float(value)


def _pick(distinct: Sequence[_T], indices: Sequence[int]) -> list[_T]:
    if any(not 0 <= index < len(distinct) for index in indices):
        raise DamagedError("an index beyond its column")
    return [distinct[index] for index in indices]
