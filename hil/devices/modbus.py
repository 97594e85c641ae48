"""A Modbus server without I/O: bytes in, answers out, and every way a device can misbehave.

Written for the rig alone: the gateway's driver and this server share no code, so neither can hide the other's
mistakes. Function codes 3, 4, 6, 16 and 23; TCP and RTU framing.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
DEVICE_FAILURE = 4
TARGET_FAILED = 11

MOST_REGISTERS_READ = 125
MOST_REGISTERS_WRITTEN = 123
_LONGEST_FRAME = 260


@dataclass(slots=True)
class Manner:
    """How a link behaves; the default is well. Faults may be set and cleared at any time."""

    silent: bool = False
    delay_s: float = 0.0
    garbage: bool = False
    half: bool = False
    wrong_transaction: bool = False
    exception: int | None = None
    write_exception: int | None = None
    hang_up: bool = False
    requests: int = 0
    functions: frozenset[int] = frozenset({3, 4, 6, 16, 23})
    noise: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - noise, repeatable

    def well(self) -> None:
        """Behave again."""
        self.silent = self.garbage = self.half = self.wrong_transaction = self.hang_up = False
        self.delay_s, self.exception, self.write_exception = 0.0, None, None


class Unit(Protocol):
    """What answers behind a unit id, and how it behaves on the link."""

    manner: Manner

    def read(self, address: int, count: int) -> bytes | None:
        """Registers as bytes, None where one does not exist."""

    def write(self, address: int, words: bytes) -> bool:
        """Store registers; False where one may not be written."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes to send after a delay; `hang_up` closes the connection afterwards."""

    data: bytes
    delay_s: float = 0.0
    hang_up: bool = False


def answer(pdu: bytes, unit: Unit) -> bytes:
    """The answer of a well-behaved unit to one protocol data unit."""
    function = pdu[0]
    if function not in unit.manner.functions:
        return bytes((function | 0x80, ILLEGAL_FUNCTION))
    if function in (3, 4) and len(pdu) == 5:
        return _read(function, pdu, unit)
    if function == 6 and len(pdu) == 5:
        address = struct.unpack_from(">H", pdu, 1)[0]
        return pdu if unit.write(address, pdu[3:5]) else bytes((0x86, ILLEGAL_ADDRESS))
    if function == 16 and len(pdu) > 6:
        return _write(function, pdu[1:], unit) or pdu[:5]
    if function == 23 and len(pdu) > 10:
        return _write(function, pdu[5:], unit) or _read(function, pdu[:5], unit)
    return bytes((function | 0x80, ILLEGAL_VALUE))


def _read(function: int, pdu: bytes, unit: Unit) -> bytes:
    address, count = struct.unpack_from(">HH", pdu, 1)
    if not 1 <= count <= MOST_REGISTERS_READ:
        return bytes((function | 0x80, ILLEGAL_VALUE))
    data = unit.read(address, count)
    if data is None:
        return bytes((function | 0x80, ILLEGAL_ADDRESS))
    return bytes((function, len(data))) + data


def _write(function: int, body: bytes, unit: Unit) -> bytes | None:
    """Carry out a write of several registers; None when done, otherwise the refusal."""
    address, count, size = struct.unpack_from(">HHB", body)
    words = body[5:]
    if not 1 <= count <= MOST_REGISTERS_WRITTEN or size != 2 * count or len(words) != size:
        return bytes((function | 0x80, ILLEGAL_VALUE))
    return None if unit.write(address, words) else bytes((function | 0x80, ILLEGAL_ADDRESS))


def _said(pdu: bytes, unit: Unit) -> bytes:
    """The answer as the unit's manner has it; a refusal is given without carrying the request out."""
    refusal = unit.manner.exception
    if refusal is None and pdu[0] in (6, 16, 23):
        refusal = unit.manner.write_exception
    if refusal is not None:
        return bytes((pdu[0] | 0x80, refusal))
    return answer(pdu, unit)


class TcpFraming:
    """One Modbus/TCP connection."""

    def __init__(self, units: Mapping[int, Unit]) -> None:
        self._units = units
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[Reply]:
        """Take bytes from the client; give what is to be sent."""
        self._buffer += data
        replies: list[Reply] = []
        while len(self._buffer) >= 8:
            transaction, protocol, length = struct.unpack_from(">HHH", self._buffer)
            if protocol != 0 or not 2 <= length <= _LONGEST_FRAME - 6:
                self._buffer.clear()
                return [*replies, Reply(b"", hang_up=True)]
            if len(self._buffer) < 6 + length:
                break
            unit_id, pdu = self._buffer[6], bytes(self._buffer[7 : 6 + length])
            del self._buffer[: 6 + length]
            replies += self._reply(transaction, unit_id, pdu)
        return replies

    def _reply(self, transaction: int, unit_id: int, pdu: bytes) -> list[Reply]:
        unit = self._units.get(unit_id)
        if unit is None:
            return [Reply(_mbap(transaction, unit_id, bytes((pdu[0] | 0x80, TARGET_FAILED))))]
        unit.manner.requests += 1
        if unit.manner.silent:
            return []
        if unit.manner.wrong_transaction:
            transaction = (transaction + 17) & 0xFFFF
        return [_spoil(_mbap(transaction, unit_id, _said(pdu, unit)), unit.manner)]


def _mbap(transaction: int, unit_id: int, pdu: bytes) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit_id) + pdu


class RtuFraming:
    """A serial line: frames are found by their length and checksum; what does not fit is skipped byte by byte."""

    def __init__(self, units: Mapping[int, Unit]) -> None:
        self._units = units
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[Reply]:
        """Take bytes from the line; give what is to be sent."""
        self._buffer += data
        replies: list[Reply] = []
        while (length := self._frame_length()) is not None and len(self._buffer) >= length:
            frame = bytes(self._buffer[:length])
            if crc16(frame[:-2]) != frame[-2:]:
                del self._buffer[0]
                continue
            del self._buffer[:length]
            replies += self._reply(frame[0], frame[1:-2])
        return replies

    def _frame_length(self) -> int | None:
        if len(self._buffer) < 2:
            return None
        if self._buffer[1] == 16:
            return 9 + self._buffer[6] if len(self._buffer) > 6 else None
        if self._buffer[1] == 23:
            return 13 + self._buffer[10] if len(self._buffer) > 10 else None
        return 8

    def _reply(self, unit_id: int, pdu: bytes) -> list[Reply]:
        unit = self._units.get(unit_id)
        if unit is None:
            return []
        unit.manner.requests += 1
        if unit.manner.silent:
            return []
        frame = bytes((unit_id,)) + _said(pdu, unit)
        return [_spoil(frame + crc16(frame), unit.manner)]


def _spoil(frame: bytes, manner: Manner) -> Reply:
    if manner.garbage:
        frame = manner.noise.randbytes(len(frame))
    if manner.half:
        frame = frame[: max(1, len(frame) // 2)]
    return Reply(frame, manner.delay_s, manner.hang_up)


def crc16(data: bytes) -> bytes:
    """The checksum of Modbus RTU, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)
