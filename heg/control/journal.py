"""The lease journal: which actuators this unit has in hand, on disk before the first command (DESIGN.md, Two clocks 4).

`LeaseJournal` is what the control room uses; its file work happens in one thread of its own, in order, never in the
loop. `JournalFile` is that work. The bytes are in `journal_format`.

What is asked while the disk is busy is written together: an order for 160 appliances waits for two writes, not for 160.
Of such a write a power cut may leave any part, which reads as damage: then everything is given back first.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from heg.control.journal_format import (
    AREA,
    LARGE_AREA,
    SLOT,
    Condition,
    Doubt,
    Entry,
    HandsOff,
    HeldLease,
    Journalled,
    Layout,
    Released,
    Taken,
    apply_entry,
    encode,
    encode_area,
    entries_of,
    read_file,
    used_bytes,
)

T = TypeVar("T")


class _Ticket:
    """One entry on its way to the disk, and how that went."""

    __slots__ = ("done", "entry", "error")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.done = False
        self.error: Exception | None = None


class LeaseJournal:
    """The journal of one unit. A method returns when its record is durable and raises OSError when it is not."""

    def __init__(self, path: Path) -> None:
        self._file = JournalFile(path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lease-journal")
        self._waiting: deque[_Ticket] = deque()

    async def open(self) -> Journalled:
        """Read what the last process left, then begin a fresh area with it."""
        return await self._run(self._file.open)

    async def take(self, lease: HeldLease) -> None:
        """A lease begins or is prolonged; no command may be sent under it before this returns."""
        await self._append(Taken(lease))

    async def release(self, device: str, switched_utc_s: float = 0.0) -> None:
        """The device was given back; an appliance was switched last at that UTC second."""
        await self._append(Released(device, switched_utc_s))

    async def hands_off(self, *, on: bool) -> None:
        """The owner turned the hands-off switch; it survives a restart."""
        await self._append(HandsOff(on))

    async def doubt_settled(self) -> None:
        """After damage: every known actuator has been released, nothing can be held unnamed."""
        await self._append(Doubt(on=False))

    async def close(self) -> None:
        """Close the file and end the thread."""
        await self._run(self._file.close)
        self._thread.shutdown(wait=True)

    async def _append(self, entry: Entry) -> None:
        encode(entry)  # one that does not fit is refused alone, not with those it would be written with
        ticket = _Ticket(entry)
        self._waiting.append(ticket)
        await self._run(lambda: self._commit(ticket))

    def _commit(self, ticket: _Ticket) -> None:
        """In the thread: write whatever waits, unless that was done for this entry already."""
        if not ticket.done:
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            error: Exception | None = None
            try:
                self._file.append([one.entry for one in batch])
            except (OSError, ValueError) as failed:
                error = failed
            for one in batch:
                one.done, one.error = True, error
        if ticket.error is not None:
            raise ticket.error

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class JournalFile:
    """The file itself, blocking. Its size is fixed at creation, so that later writes need no room on the disk.

    Where so many leases are held at once that they do not fit, a larger one takes its place, once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None
        self._layout = Layout(0, 0, 0)
        self._state = Journalled(Condition.NEW, {})
        self._area = AREA
        self._used = [AREA, AREA]

    def open(self) -> Journalled:
        """Return what the file says; a damaged one is kept beside it as `*.damaged` and a new one begun."""
        self.close()
        image = self._path.read_bytes() if self._path.exists() else b""
        said, layout = read_file(image)
        if said.condition is Condition.DAMAGED:
            self._path.replace(self._path.with_suffix(".damaged"))
        if layout is None:
            self._create(said)
            return said
        self._area = len(image) // 2
        self._used = [used_bytes(image[: self._area]), used_bytes(image[self._area :])]
        self._layout = layout
        self._fd = os.open(self._path, os.O_RDWR)
        self._turn_area(said)
        return said

    def append(self, entries: Sequence[Entry]) -> None:
        """Write some entries and wait until the disk has them."""
        slots = b"".join(map(encode, entries))
        state = self._state
        for entry in entries:
            state = apply_entry(state, entry)
        layout = self._layout
        if layout.next_slot + len(entries) > self._area // SLOT:
            self._turn_area(state)
            return
        self._write(layout.area, layout.next_slot * SLOT, slots)
        self._state = state
        self._layout = Layout(layout.area, layout.generation, layout.next_slot + len(entries))

    def close(self) -> None:
        """Close the file; closing twice is allowed."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _create(self, state: Journalled) -> None:
        """Make a file of full size that says this, under another name first, so that a half-made one is never read."""
        entries = entries_of(state)
        header, body = encode_area(1, entries)
        area = AREA if len(header + body) < AREA else LARGE_AREA
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write((header + body).ljust(2 * area, b"\0"))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self.close()
        self._fd = os.open(self._path, os.O_RDWR)
        self._area, self._used = area, [len(header + body), 0]
        self._state, self._layout = state, Layout(0, 1, len(entries) + 1)

    def _turn_area(self, state: Journalled) -> None:
        """Write what is held into the other area: entries first, then the header that puts it in force."""
        area, generation = 1 - self._layout.area, self._layout.generation + 1
        entries = entries_of(state)
        header, body = encode_area(generation, entries)
        if SLOT + len(body) >= self._area:
            self._create(state)
            return
        # What stood there before is wiped as far as it went, and no further: flash wears.
        self._write(area, 0, (bytes(SLOT) + body).ljust(self._used[area], b"\0"))
        self._write(area, 0, header)
        self._used[area] = SLOT + len(body)
        self._state = state
        self._layout = Layout(area, generation, len(entries) + 1)

    def _write(self, area: int, at: int, content: bytes) -> None:
        if self._fd is None:
            raise OSError("the lease journal is closed; expected open() before the first write")
        self._used[area] = max(self._used[area], at + len(content))
        written = os.pwrite(self._fd, content, area * self._area + at)
        if written != len(content):
            raise OSError(f"the lease journal took {written} of {len(content)} bytes")
        os.fdatasync(self._fd)
