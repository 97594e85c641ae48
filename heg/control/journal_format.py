"""The bytes of the lease journal: what a slot holds, and what a whole file says (pure; DESIGN.md, Two clocks 4).

The file has a fixed size and is written in place, so that a full disk cannot stop control. It is two areas of 512-byte
slots, 64 each, or 1024 once more leases are held at a time; a slot holds one record as `crc32-in-hex record-as-json
0xFF` and is never crossed by a disk sector. 0xFF occurs nowhere in UTF-8 text, so the last used slot without it was
never finished: a torn tail, which nobody acted upon. Whatever else does not check is damage. The first slot of an area
is its header; the newest generation is the truth.
"""

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

import msgspec

from heg.model.appliances import PowerState
from heg.model.leases import Claimant, ReasonCode
from heg.model.regimes import Regime

T = TypeVar("T")

SLOT = 512
SLOTS_PER_AREA = 64
AREA = SLOT * SLOTS_PER_AREA
FILE_SIZE = 2 * AREA
LARGE_AREA = 16 * AREA
"""Of the file that takes the place of the usual one once more than 61 leases are held, or were lately: room for 512."""
LARGE_FILE_SIZE = 2 * LARGE_AREA
FORMAT = 1
_END = b"\xff"
_CRC_DIGITS = 8
_LONGEST_KEY = 120
_LEFT_FOR_S = 86_400.0
_MOST_LEFT = 480
"""Of those given back so many are remembered, for a day at most: beside 512 that are held there is room for them."""


@dataclass(frozen=True, slots=True)
class HeldLease:
    """What is journalled of a lease: who holds what on which device, and until when (UTC seconds, a label).

    `regime` is set for a native regime; otherwise the commanded power lies in `min_kw` to `max_kw` (kW at the device)
    and `followed` is the regime the powers follow.
    An appliance was put into `power_state` at `switched_utc_s`; it was found in `before`, and `former` is what it was
    told until then.
    New values under the lease stay inside that and are not journalled. `device` is the device's identity, `boot` the
    machine's boot id.
    """

    device: str
    name: str
    regime: Regime | None
    min_kw: float
    max_kw: float
    owner: Claimant
    code: ReasonCode
    taken_utc_s: float
    expires_utc_s: float
    followed: Regime = Regime.HOLD
    boot: str = ""
    day: int = 0
    writes_today: int = 0
    power_state: PowerState | None = None
    before: PowerState | None = None
    former: PowerState | None = None
    switched_utc_s: float = 0.0


class Condition(StrEnum):
    """What reading the file found."""

    NEW = "new"
    CLEAN = "clean"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Journalled:
    """What the journal says: the leases held by device, the owner's hands-off switch, and whether it can be believed.

    `doubt` stands from the discovery of damage until every known actuator has been released. `left` are appliances
    that are held no more, with the UTC second in which they were switched last.
    """

    condition: Condition
    held: Mapping[str, HeldLease]
    hands_off: bool = False
    doubt: bool = False
    left: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the next record goes: the area in force (0 or 1), its generation, the next free slot in it."""

    area: int
    generation: int
    next_slot: int


class _Header(msgspec.Struct, frozen=True, tag="area"):
    format: int
    generation: int


class Taken(msgspec.Struct, frozen=True, tag="taken"):
    """A lease begins, or is prolonged."""

    lease: HeldLease


class Released(msgspec.Struct, frozen=True, tag="released"):
    """The device was given back; an appliance was switched last at that UTC second (0: not an appliance)."""

    device: str
    switched_utc_s: float = 0.0


class HandsOff(msgspec.Struct, frozen=True, tag="hands_off"):
    """The owner turned the switch."""

    on: bool


class Doubt(msgspec.Struct, frozen=True, tag="doubt"):
    """Something may be held that the journal does not name; or no longer."""

    on: bool


Entry = Taken | Released | HandsOff | Doubt
_ENTRY_DECODER: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)
_HEADER_DECODER: msgspec.json.Decoder[_Header] = msgspec.json.Decoder(_Header)


class EntryTooLongError(ValueError):
    """An entry that does not fit a slot: a device identity or name far beyond any real one."""


def key_of(identity: str) -> str:
    """Return a device's name in the journal: its identity, or what stands for one too long for a slot."""
    if len(identity.encode()) <= _LONGEST_KEY:
        return identity
    return "sha256:" + hashlib.sha256(identity.encode()).hexdigest()


def encode(entry: Entry) -> bytes:
    """Return the slot for an entry; raises `EntryTooLongError` when it does not fit."""
    return _slot(msgspec.json.encode(entry))


def encode_area(generation: int, entries: Iterable[Entry]) -> tuple[bytes, bytes]:
    """Return (header slot, slots of these entries) with which a fresh area begins; the rest of it is zeros."""
    header = _slot(msgspec.json.encode(_Header(FORMAT, generation)))
    body = b"".join(encode(entry) for entry in entries)
    if len(body) >= LARGE_AREA - SLOT:
        most = LARGE_AREA // SLOT - 3
        raise EntryTooLongError(f"expected at most {most} leases in the journal, came {len(body) // SLOT}")
    return header, body


def entries_of(state: Journalled) -> tuple[Entry, ...]:
    """Return the shortest list of entries that says the same."""
    left = (Released(device, switched_utc_s) for device, switched_utc_s in state.left.items())
    return (HandsOff(state.hands_off), Doubt(state.doubt), *left, *(Taken(lease) for lease in state.held.values()))


def apply_entry(state: Journalled, entry: Entry) -> Journalled:
    """Return what the journal says after one more entry."""
    match entry:
        case Taken(lease):
            return replace(state, held={**state.held, lease.device: lease}, left=_without(state.left, lease.device))
        case Released(device, switched_utc_s):
            left = _without(state.left, device)
            if switched_utc_s > 0.0:
                left = _lately({**left, device: switched_utc_s}, switched_utc_s)
            return replace(state, held=_without(state.held, device), left=left)
        case HandsOff(on):
            return replace(state, hands_off=on)
        case Doubt(on):
            return replace(state, doubt=on)


def read_file(image: bytes) -> tuple[Journalled, Layout | None]:
    """Return what a journal file says and where to go on.

    A damaged one has no layout but still says what it can.
    """
    if not image:
        return Journalled(Condition.NEW, {}), None
    size = LARGE_AREA if len(image) == LARGE_FILE_SIZE else AREA
    areas = [_read_area(image[index * size : (index + 1) * size]) for index in (0, 1)]
    newest = max((0, 1), key=lambda index: areas[index].generation)
    chosen = areas[newest]
    damaged = len(image) not in (FILE_SIZE, LARGE_FILE_SIZE)
    damaged = damaged or chosen.generation == 0 or any(area.damaged for area in areas)
    if damaged:
        hands_off = any(area.state.hands_off for area in areas)
        return Journalled(Condition.DAMAGED, _union(areas), hands_off, doubt=True), None
    return chosen.state, Layout(newest, chosen.generation, chosen.next_slot)


def used_bytes(area: bytes) -> int:
    """Return how far an area is written, in whole slots; behind that it is zeros."""
    return -(-len(area.rstrip(b"\0")) // SLOT) * SLOT


def _without(entries: Mapping[str, T], device: str) -> Mapping[str, T]:
    return {key: one for key, one in entries.items() if key != device} if device in entries else entries


def _lately(left: Mapping[str, float], now_utc_s: float) -> dict[str, float]:
    """Nothing stays as it was put for longer than a day; nor is a day ahead a time that a right clock told."""
    young = [(device, at_s) for device, at_s in left.items() if abs(now_utc_s - at_s) < _LEFT_FOR_S]
    return dict(young[-_MOST_LEFT:])


@dataclass(frozen=True, slots=True)
class _Area:
    state: Journalled
    generation: int
    next_slot: int
    damaged: bool


def _slot(text: bytes) -> bytes:
    framed = b"%08x" % zlib.crc32(text) + text + _END
    if len(framed) > SLOT:
        raise EntryTooLongError(f"expected a journal entry of at most {SLOT} bytes, came {len(framed)}")
    return framed.ljust(SLOT, b"\0")


class _TornError(Exception):
    """A slot that was never finished."""


class _DamagedError(Exception):
    """A slot that was finished and no longer checks."""


def _text_of(slot: bytes) -> bytes:
    """Return the text in a used slot; raises `_TornError` or `_DamagedError`."""
    framed = slot.rstrip(b"\0")
    body, mark, behind = framed.partition(_END)
    checks = _crc_holds(body)
    if not mark and not checks:
        # A finished frame whose end mark alone was flipped still checks without its last byte: damage, not a torn tail.
        raise _DamagedError if _crc_holds(body[:-1]) else _TornError
    # Torn just before its mark a frame is whole all the same: its sum says so.
    if behind or not checks:
        raise _DamagedError
    return body[_CRC_DIGITS:]


def _crc_holds(body: bytes) -> bool:
    return len(body) > _CRC_DIGITS and body[:_CRC_DIGITS] == b"%08x" % zlib.crc32(body[_CRC_DIGITS:])


def _read_area(area: bytes) -> _Area:
    state = Journalled(Condition.CLEAN, {})
    slots = [area[at : at + SLOT] for at in range(0, used_bytes(area), SLOT)]
    used = [index for index, slot in enumerate(slots) if slot.strip(b"\0")]
    if not used or used[0] != 0:
        # No header: an area that was being filled when the power went, or was never used. Nobody acted upon it.
        return _Area(state, 0, 0, damaged=False)
    generation = _generation(slots[0])
    if generation is None:
        return _Area(state, 0, 0, damaged=True)
    if generation == 0:
        return _Area(state, 0, 0, damaged=False)
    return _read_entries(state, generation, slots, used)


def _generation(slot: bytes) -> int | None:
    """Return the header's generation, 0 for one never finished, None for a damaged one."""
    try:
        header = _HEADER_DECODER.decode(_text_of(slot))
    except _TornError:
        return 0
    except (_DamagedError, msgspec.MsgspecError):
        return None
    return header.generation if header.format == FORMAT and header.generation > 0 else None


def _read_entries(state: Journalled, generation: int, slots: list[bytes], used: list[int]) -> _Area:
    last = used[-1]
    damaged = len(used) != last + 1
    next_slot = last + 1
    for index in range(1, last + 1):
        try:
            state = apply_entry(state, _ENTRY_DECODER.decode(_text_of(slots[index])))
        except _TornError:
            damaged = damaged or index != last
            next_slot = index
        except (_DamagedError, msgspec.MsgspecError):
            damaged = True
    return _Area(state, generation, next_slot, damaged)


def _union(areas: list[_Area]) -> dict[str, HeldLease]:
    """Every lease any area still names: in doubt it is released."""
    return {device: lease for area in areas for device, lease in area.state.held.items()}
