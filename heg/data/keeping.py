"""The running store behind the interface: opened, checked, flushed, kept small; its troubles become alarms."""

import logging
from collections.abc import Mapping

from heg.data.door import CommandAnswer, Outcome
from heg.data.requests import RequestProcessor
from heg.data.store.disk import DiskHealth, DiskState
from heg.data.store.frames import from_ms
from heg.data.store.store import NOT_READY, SqliteStore
from heg.data.store.values import value_of
from heg.model.instance import Instance, Location
from heg.model.losses import loss
from heg.model.records import AlarmRecord, Severity
from heg.runtime.clock import Clock

DISK_FULL = loss("disk-full").id
DISK_FAULTY = "disk-faulty"
STORE_CORRUPT = loss("store-corrupt").id
ROWS_LOST = "rows-lost"

logger = logging.getLogger(__name__)


class StoreKeeper:
    """Drives a `SqliteStore` at its times. Every fault is an alarm instance; none stops the image."""

    def __init__(self, clock: Clock, unit: str, store: SqliteStore, processor: RequestProcessor) -> None:
        self._clock = clock
        self._unit = unit
        self._store = store
        self._processor = processor
        self._raised: dict[str, AlarmRecord] = {}
        self._flush_due_s = 0.0
        self._upkeep_due_s = 0.0
        processor.answer_itself("command.backup", Location(unit), self.backup)

    async def open(self) -> None:
        """Open the file and refill the image with the newest of the last run, where nothing newer came meanwhile."""
        for restored in await self._store.open():
            name, row = restored.name, restored.row
            value = value_of(name.variable, row.value)
            time = from_ms(row.time_ms)
            self._processor.restore(
                Instance(
                    name.variable, name.location, value, time, row.quality, name.owner, name.source, restored.policy
                )
            )
        await self._end_erasure()
        now_s = self._clock.monotonic_s()
        self._flush_due_s = now_s + self._store.settings.flush_s
        self._upkeep_due_s = now_s + self._store.settings.flush_s
        self._say(self._store.health)

    async def _end_erasure(self) -> None:
        """End what a crash broke off, before anybody reads the past."""
        eraser = await self._store.under_way()
        if eraser is not None:
            self._processor.forget(eraser.selection)
            rows = await self._store.resume(eraser)
            logger.info("an erasure of an earlier run is %s", "not done" if rows is None else "done")

    async def backup(self, _place: Location, _arguments: Mapping[str, object]) -> CommandAnswer:
        """Answer `command.backup`: a consistent copy of the store beside it."""
        copy = await self._store.backup()
        if copy is None:
            return CommandAnswer(Outcome.REFUSED, str(NOT_READY), NOT_READY)
        return CommandAnswer(Outcome.DONE, f"the store is copied to {copy.name}", detail={"file": str(copy)})

    async def check(self) -> None:
        """Look the whole file over: behind the running image, because a large one takes a while."""
        self._say(await self._store.check())

    def due_s(self) -> float:
        """When there is next something to do (monotonic)."""
        return min(self._flush_due_s, self._upkeep_due_s)

    async def tend(self) -> None:
        """Do what is due."""
        now_s = self._clock.monotonic_s()
        if now_s >= self._flush_due_s:
            self._flush_due_s = now_s + self._store.settings.flush_s
            self._say(await self._store.flush())
        if now_s >= self._upkeep_due_s:
            self._upkeep_due_s = now_s + self._store.settings.upkeep_every_s
            await self._store.upkeep()
            self._say(self._store.health)

    def _say(self, health: DiskHealth) -> None:
        kept = "measurements are kept in memory and the oldest raw values make room; control goes on"
        self._alarm(
            DISK_FULL,
            health.state is DiskState.FULL,
            f"The disk is full ({health.detail}): {kept}.",
            "Free space on the disk, or lower the store's size in heg.toml.",
        )
        self._alarm(
            DISK_FAULTY,
            health.state is DiskState.FAULTY,
            f"The store cannot be written ({health.detail}): measurements are kept in memory; control goes on.",
            f"Check the disk and the rights on {self._store.settings.path}.",
        )
        self._alarm(
            STORE_CORRUPT,
            bool(health.note),
            f"{health.note[:1].upper()}{health.note[1:]}; control went on.",
            "Check the disk; keep the file.",
        )
        lost = health.lost_rows + self._store.dropped_rows
        # By powers of ten: an alarm that changes with each flush would itself fill what is left.
        some = 10 ** (len(str(lost)) - 1)
        self._alarm(ROWS_LOST, lost > 0, f"{some} values or more were lost: the disk took nothing.", "Mend the disk.")

    def _alarm(self, name: str, active: bool, text: str, mend: str) -> None:
        before = self._raised.get(name)
        if before is None and not active:
            return
        record = AlarmRecord(active, Severity.ALARM, text if active else before.text if before else "", mend)
        if record != before:
            self._raised[name] = record
            self._processor.write_itself("alarm", Location(self._unit, "store", name), record)
