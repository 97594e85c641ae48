"""The bytes between gateway and planner's process: framed, checked, typed (pure; DESIGN.md, Rules of the house).

A frame is a header of `heg`, version, kind, length and CRC32, and a payload of msgpack. The checksum covers kind,
length and payload. Where one frame is wrong the place of the next is unknown, so the first refusal is the last word of
a `FrameReader`: whoever reads ends the talk.
"""

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from numbers import Integral, Real

import msgspec

from heg.model.plan import PlanReply, PlanRequest

VERSION = 1
LONGEST_PAYLOAD = 4 * 1024 * 1024
"""Bytes. The largest question (five weeks of 5-minute slots, two days ahead) has a tenth of it."""
LONGEST_TEXT = 500

_MAGIC = b"heg"
_HEAD = struct.Struct(">3sB")
_BODY = struct.Struct(">BI")
_CRC = struct.Struct(">I")
HEADER_SIZE = _HEAD.size + _BODY.size + _CRC.size


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker's first word: it has loaded what it needs and waits for questions."""

    version: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """The worker's answer where its work ended in an error of its own."""

    id: int
    text: str


Message = Ready | PlanRequest | PlanReply | Failure


class WireFault(StrEnum):
    """What is wrong with bytes that came."""

    NOT_A_FRAME = "not_a_frame"
    OTHER_VERSION = "other_version"
    UNKNOWN_KIND = "unknown_kind"
    TOO_LONG = "too_long"
    CHECKSUM = "checksum"
    NOT_DECODABLE = "not_decodable"


@dataclass(frozen=True, slots=True)
class WireRefusal:
    """Bytes that were refused: the fault by name, and what was expected and what came."""

    fault: WireFault
    text: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.text}"


class MessageTooLongError(ValueError):
    """A message of ours is larger than what the other side takes."""


class _Kind(IntEnum):
    READY = 1
    REQUEST = 2
    REPLY = 3
    FAILURE = 4


def encode(message: Message) -> bytes:
    """Return the frame of a message.

    Numbers of other libraries are sent as plain ones. Raises `MessageTooLongError`, and `TypeError` for values that no
    message may hold.
    """
    payload = msgspec.msgpack.encode(message, enc_hook=_plain)
    if len(payload) > LONGEST_PAYLOAD:
        raise MessageTooLongError(f"a message of {len(payload)} bytes: expected at most {LONGEST_PAYLOAD}")
    body = _BODY.pack(_kind_of(message), len(payload))
    return _HEAD.pack(_MAGIC, VERSION) + body + _CRC.pack(zlib.crc32(payload, zlib.crc32(body))) + payload


class FrameReader:
    """Makes messages out of bytes as they come. Feed it pieces, and take messages until it gives None.

    It holds one longest frame at most, as long as it is asked between pieces.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._refusal: WireRefusal | None = None

    @property
    def is_within_frame(self) -> bool:
        """True when the bytes so far end in the middle of a frame."""
        return bool(self._held)

    def feed(self, data: bytes) -> None:
        """Take what came."""
        if self._refusal is None:
            self._held += data

    def next(self) -> Message | WireRefusal | None:
        """Return the next message; None when more bytes are needed; the refusal, again and again, once there is one."""
        if self._refusal is None:
            taken = self._take()
            if not isinstance(taken, WireRefusal):
                return taken
            self._refusal = taken
            self._held.clear()
        return self._refusal

    def _take(self) -> Message | WireRefusal | None:
        # What can be refused early is: a stranger's first bytes are no reason to wait for the length they seem to say.
        held = self._held
        if not _MAGIC.startswith(held[: len(_MAGIC)]):
            return WireRefusal(WireFault.NOT_A_FRAME, f"expected {_MAGIC!r}, came {bytes(held[:8])!r}")
        if len(held) >= _HEAD.size and held[_HEAD.size - 1] != VERSION:
            text = (
                f"expected version {VERSION}, came {held[_HEAD.size - 1]}; gateway and worker are of one installation"
            )
            return WireRefusal(WireFault.OTHER_VERSION, text)
        if len(held) < HEADER_SIZE:
            return None
        body = bytes(held[_HEAD.size : _HEAD.size + _BODY.size])
        kind, length = _BODY.unpack(body)
        if length > LONGEST_PAYLOAD:
            return WireRefusal(WireFault.TOO_LONG, f"expected at most {LONGEST_PAYLOAD} bytes, announced {length}")
        end = HEADER_SIZE + length
        if len(held) < end:
            return None
        (checksum,) = _CRC.unpack_from(held, HEADER_SIZE - _CRC.size)
        payload = bytes(held[HEADER_SIZE:end])
        del held[:end]
        if zlib.crc32(payload, zlib.crc32(body)) != checksum:
            return WireRefusal(WireFault.CHECKSUM, f"a frame of {length} bytes does not have the sum it came with")
        return _decoded(kind, payload)


def _decoded(kind: int, payload: bytes) -> Message | WireRefusal:
    wanted = _TYPES.get(kind)
    if wanted is None:
        expected = ", ".join(str(known.value) for known in _Kind)
        return WireRefusal(WireFault.UNKNOWN_KIND, f"expected a kind of {expected}, came {kind}")
    try:
        return msgspec.msgpack.decode(payload, type=wanted)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        return WireRefusal(WireFault.NOT_DECODABLE, f"{wanted.__name__}: {error}"[:LONGEST_TEXT])


def _kind_of(message: Message) -> _Kind:
    for kind, wanted in _TYPES.items():
        if type(message) is wanted:
            return _Kind(kind)
    raise TypeError(f"{type(message).__name__}: expected a message of this wire")


def _plain(value: object) -> int | float:
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise TypeError(f"{type(value).__name__}: expected values of heg.model.plan")


_TYPES: dict[int, type[Message]] = {
    _Kind.READY: Ready,
    _Kind.REQUEST: PlanRequest,
    _Kind.REPLY: PlanReply,
    _Kind.FAILURE: Failure,
}
