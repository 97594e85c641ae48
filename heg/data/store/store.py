"""The store as the loop sees it: takes instances without waiting, flushes them behind, reads them back.

All work on the file happens on one thread of its own, in the order in which it was handed over; in stepped mode the
loop holds the clock meanwhile.
"""

import asyncio
import functools
import logging
import sqlite3
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from heg.data.door import Answer, Condition, Function, HistoryPage
from heg.data.history import HistoryRequest, under_new_name
from heg.data.selection import STAYS, Estimate, Selection
from heg.data.store import erasure
from heg.data.store.disk import Disk, DiskHealth, DiskState, Restored
from heg.data.store.files import copy_to, hold_reserve
from heg.data.store.frames import Row, to_ms
from heg.data.store.reading import FollowPage, Reader, Tally
from heg.data.store.schema import CURRENT, Schema
from heg.data.store.settings import StoreSettings
from heg.data.store.upkeep import Now, RetentionClock, keep_retention, keep_size, make_room
from heg.data.store.values import row_of
from heg.model.instance import Instance, Location
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.runtime.clock import Clock

if TYPE_CHECKING:
    from heg.data.store.export import Archive

NOT_READY = Refusal(RefusalCode.NOT_READY, "an open store", "none", "see the store's alarm; ask again later")
FOLLOW_LIMIT = 10_000
_RESERVE_TRIES = 8

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
_Entry = tuple[Instance, bytes | None]


class SqliteStore:
    """Give it to `DataInterface`, which opens, flushes and closes it."""

    def __init__(self, clock: Clock, settings: StoreSettings, schema: Schema = CURRENT) -> None:
        self.settings = settings
        self._clock = clock
        self._disk = Disk(settings, schema)
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._tail: list[_Entry] = []
        self._urgent: list[_Entry] = []
        self._committing: asyncio.Future[DiskHealth] | None = None
        self._renaming: asyncio.Future[DiskHealth] | None = None
        self._retention: RetentionClock | None = None
        self._selected: Selection | None = None
        self._health = DiskHealth()
        self._open = False
        self._closed = False
        self.dropped_rows = 0

    @property
    def health(self) -> DiskHealth:
        """How the disk was when it was last asked."""
        return self._health

    def append(self, instance: Instance, record: bytes | None, *, at_once: bool) -> None:
        """Take an instance; `at_once` commits it as soon as the worker is free. Never waits, never raises."""
        if self._closed:
            return
        if len(self._tail) >= self.settings.max_tail_rows:
            # Only while the worker is stuck: a flush empties the tail even when the disk refuses it.
            self._tail.pop(0)
            self.dropped_rows += 1
        entry = (instance, record)
        self._tail.append(entry)
        if at_once:
            self._urgent.append(entry)
            if self._open:
                self._commit_urgent()

    def rename(self, unit: str, devices: Mapping[str, str]) -> None:
        """Give devices other names, with all rows: one transaction, behind what was handed over before. Never waits.

        What must not wait goes into the same transaction: rules that name a device change with its series, or not.
        """
        if self._closed:
            return
        self._tail = [(under_new_name(instance, unit, devices), record) for instance, record in self._tail]
        if self._selected is not None:
            self._selected = self._selected.renamed(devices)
        batch = [(under_new_name(instance, unit, devices), record) for instance, record in self._urgent]
        self._urgent = []
        rename = functools.partial(self._disk.rename, batch, unit, dict(devices), self._label_ms())
        self._renaming = asyncio.get_running_loop().run_in_executor(self._executor, rename)
        self._renaming.add_done_callback(self._renamed)

    async def open(self) -> tuple[Restored, ...]:
        """Open the file behind the running image; returns the newest rows of the last run."""
        restored = await self._work(self._disk.open, self._label_ms())
        self._health = self._disk.health()
        self._open = True
        if self._urgent:
            self._commit_urgent()
        return restored

    async def check(self) -> DiskHealth:
        """Look the whole file over; a damaged one is put aside and a new one begun."""
        self._health = await self._work(self._disk.check, self._label_ms())
        return self._health

    async def flush(self) -> DiskHealth:
        """Put what has arrived since the last flush onto the disk."""
        batch, self._tail = self._tail, []
        self._health = await self._work(self._disk.flush, batch, self._label_ms())
        return self._health

    async def upkeep(self) -> None:
        """Keep retention and size: from time to time, not with every flush."""
        label_ms, now_s = self._label_ms(), self._clock.monotonic_s()
        if self._retention is None:
            self._retention = RetentionClock(await self._work(self._newest_label_ms, label_ms), now_s)
        now = Now(self._retention.now_ms(label_ms, now_s), self._disk.boot, round(now_s * 1000))
        await self._work(self._disk.run, functools.partial(self._keep, now), label_ms)
        self._health = self._disk.health()

    async def query(
        self, request: int, variable: str, location: Location, condition: Condition, function: Function
    ) -> Answer:
        """One value over the stored instances that satisfy the condition.

        Counted slice by slice, so that a question about weeks never holds up a flush.
        """
        tally = Tally(condition)

        def count(reader: Reader) -> bool:
            return reader.tally(self._disk.names.ids_of(variable, location), tally)

        while not (done := await self._read(count)):
            if done is None:
                return Answer(request, refusal=NOT_READY)
        return tally.answer(request, variable, function)

    async def history(self, request: HistoryRequest) -> HistoryPage:
        """One page of rows in time order."""

        def read(reader: Reader) -> HistoryPage:
            return reader.history(request, self._disk.names.ids_of(request.variable, request.location))

        page = await self._read(read)
        return HistoryPage((), refusal=NOT_READY) if page is None else page

    async def follow(self, cursor: str | None, limit: int = 1000) -> FollowPage:
        """Instances on disk in arrival order behind a cursor: nothing is missed, and a gap is told (for upstream)."""
        bounded = max(1, min(limit, FOLLOW_LIMIT))
        page = await self._read(lambda reader: reader.follow(cursor, bounded))
        return FollowPage((), cursor or "", gap=False, refusal=NOT_READY) if page is None else page

    async def export(self, selection: Selection) -> AsyncGenerator[bytes, None]:
        """A zip of tables and JSON lines, made piece by piece while it is read: memory stays what a piece takes."""
        # Only once somebody wants it: zip and its checks would lie in memory for ever.
        from heg.data.store.export import Archive

        await self.flush()
        archive = Archive(selection)
        try:
            while not archive.done:
                piece = await self._on_file(functools.partial(self._piece, archive, tuple(self._tail)))
                if piece is None:
                    raise RefusedError(NOT_READY)
                if piece:
                    yield piece
        finally:
            archive.close()

    async def estimate(self, selection: Selection) -> Estimate | None:
        """What a selection comes to; None when the disk does not say."""
        await self.flush()
        return await self._on_file(lambda connection: erasure.estimate(self._disk, connection, selection))

    async def erase(self, selection: Selection) -> int | None:
        """Erase a selection, however long it takes; returns how many rows. None when the disk did not do it.

        What was begun goes on with `resume()` after a crash.
        """
        self._selected = selection
        flushed = await self.flush()
        # A device may have been given another name meanwhile.
        selection = selection if self._selected is None else self._selected
        self._selected = None
        if flushed.state is not DiskState.GOOD:
            return None
        stays = [e for e in self._tail if not selection.takes(e[0]) or e[0].variable in STAYS]
        self._tail, kept = stays, {id(one[0]) for one in stays}
        self._urgent = [entry for entry in self._urgent if id(entry[0]) in kept]
        eraser = await self._on_file(lambda connection: erasure.begin(self._disk, connection, selection))
        return None if eraser is None else await self._carry_out(eraser)

    async def under_way(self) -> erasure.Eraser | None:
        """Return the erasure that an earlier run did not end."""
        found = await self._on_file(lambda connection: (erasure.under_way(connection),))
        return None if found is None else found[0]

    async def resume(self, eraser: erasure.Eraser) -> int | None:
        """Go on with an erasure of an earlier run."""
        return await self._carry_out(eraser)

    async def _carry_out(self, eraser: erasure.Eraser) -> int | None:
        more: bool | None = True
        while more:
            more = await self._on_file(lambda connection: eraser.step(self._disk, connection))

        def finish(connection: sqlite3.Connection) -> int:
            eraser.finish(self._disk, connection)
            return eraser.rows

        return None if more is None else await self._on_file(finish)

    async def backup(self) -> Path | None:
        """Write a consistent copy beside the file, in place of an earlier one; None when the disk did not do it."""
        target = Path(f"{self.settings.path}.backup")

        def work(connection: sqlite3.Connection) -> Path:
            copy_to(connection, target)
            return target

        await self.flush()
        return await self._on_file(work)

    async def close(self) -> None:
        """Flush, close the file, end the thread. What could not be written by now is lost and said."""
        if self._closed:
            return
        if self._open:
            await self.flush()
        self._closed = True
        await self._work(self._disk.close)
        self._executor.shutdown(wait=True)

    # -- the worker

    async def _work(self, function: Callable[..., _T], *arguments: object) -> _T:
        job = asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
        # Shielded: cancelling the waiter must not take a batch that is already handed over out of the queue.
        return await asyncio.shield(job)

    async def _on_file(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        done: list[_T] = []
        good = await self._work(self._disk.run, lambda connection: done.append(work(connection)), self._label_ms())
        return done[-1] if good else None

    async def _read(self, read: Callable[[Reader], _T]) -> _T | None:
        if self._closed:
            return None
        tail = tuple(self._tail)
        return await self._on_file(lambda connection: read(Reader(self._disk, connection, self._rows(tail))))

    def _commit_urgent(self) -> None:
        if self._committing is not None:
            return  # what comes meanwhile goes with the next commit
        batch, self._urgent = self._urgent, []
        loop = asyncio.get_running_loop()
        self._committing = loop.run_in_executor(self._executor, self._disk.commit_now, batch, self._label_ms())
        self._committing.add_done_callback(self._committed)

    def _committed(self, done: asyncio.Future[DiskHealth]) -> None:
        self._committing = None
        if done.cancelled():
            return
        if (error := done.exception()) is not None:
            logger.error("store: a commit failed", exc_info=error)
        else:
            self._health = done.result()
        if self._urgent and not self._closed:
            self._commit_urgent()

    def _renamed(self, done: asyncio.Future[DiskHealth]) -> None:
        if done.cancelled():
            return
        if (error := done.exception()) is not None:
            logger.error("store: devices were not renamed on disk", exc_info=error)
        else:
            self._health = done.result()

    def _rows(self, tail: tuple[_Entry, ...]) -> list[Row]:
        return [row_of(instance, record, self._disk.names.id_of(instance)) for instance, record in tail]

    def _keep(self, now: Now, connection: sqlite3.Connection) -> None:
        # A reserve that was spent is bought back with the oldest raw values, no more of them than it is large.
        for _ in range(_RESERVE_TRIES):
            if hold_reserve(self.settings) or not make_room(connection, self._disk):
                break
        keep_retention(connection, self.settings.retention, now, self._disk)
        keep_size(connection, self.settings.max_file_bytes, self._disk)

    def _newest_label_ms(self, otherwise_ms: int) -> int:
        connection = self._disk.connection
        found = None
        if connection is not None:
            found = connection.execute("SELECT max(label_ms) FROM frame").fetchone()[0]
        return otherwise_ms if found is None else int(found)

    def _piece(self, archive: "Archive", tail: tuple[_Entry, ...], connection: sqlite3.Connection) -> bytes:
        return archive.piece(self._disk, connection, self._rows(tail))

    def _label_ms(self) -> int:
        return to_ms(self._clock.utc())
