"""The data interface of one unit: makes doors, owns image and store (spec data-interface.md; DESIGN.md, The door)."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping

from heg.data.access import Principal
from heg.data.door import Door
from heg.data.erasing import ErasureDesk
from heg.data.handle import Handle
from heg.data.history import MemoryStore
from heg.data.keeping import StoreKeeper
from heg.data.requests import RequestProcessor
from heg.data.selection import Selection
from heg.data.store.disk import DiskHealth
from heg.data.store.reading import FollowPage
from heg.data.store.store import NOT_READY, SqliteStore
from heg.model.instance import Location
from heg.model.policy import Stakeholder
from heg.model.refusals import RefusalCode
from heg.model.rights import Rule
from heg.runtime.clock import Clock

PUBLISH_EVERY_S = 10.0
OPEN_WITHIN_S = 3.0

logger = logging.getLogger(__name__)


class DataInterface:
    """Held by the composition root only; services and drivers get a `Door` from `admit()`.

    The image works from the first moment on. `run()` opens the store behind it; `close()` flushes. Without a `store`
    the past is kept in memory, bounded.
    """

    def __init__(self, clock: Clock, unit: str, store: SqliteStore | None = None) -> None:
        self._clock = clock
        self._store = store
        self._memory = MemoryStore()
        self._processor = RequestProcessor(clock, unit, self._memory if store is None else store)
        self._opened = False
        self._keeper = None if store is None else StoreKeeper(clock, unit, store, self._processor)
        self._processor.rights.ready = store is None
        self._errands: set[asyncio.Task[None]] = set()
        keeps = self._memory if store is None else store
        self._erasures = ErasureDesk(clock, Location(unit), self._processor, keeps, self._start)

    def admit(self, stakeholder: Stakeholder, service: str, standing: tuple[Rule, ...] = ()) -> Door:
        """Authenticate a service once, when the unit starts it: the handle names it on every call.

        `standing` rules come with the role the owner gave it; the owner's own rules go before them.
        """
        return Handle(self._processor, self._processor.admit(Principal(stakeholder, service, standing)))

    def rename_devices(self, devices: Mapping[str, str]) -> None:
        """Give devices other names, all at once; history and rules go with them. Repeating it changes nothing."""
        self._processor.rename_devices(devices)
        self._erasures.rename(devices)

    def refusals(self) -> dict[RefusalCode, int]:
        """Return how often each code was refused since the start."""
        return self._processor.refusals.counts()

    def store_health(self) -> DiskHealth | None:
        """Return how the disk behind is; None where there is none."""
        return None if self._store is None else self._store.health

    async def open(self, within_s: float | None = OPEN_WITHIN_S) -> None:
        """Open the store and refill the image: wait for it before what must know the owner's switches (control) starts.

        Returns after `within_s` at the latest, however slow the disk is; `run()` goes on waiting for it.
        """
        if self._keeper is None or self._opened:
            return
        try:
            await asyncio.wait_for(self._keeper.open(), within_s)
        except TimeoutError:
            logger.error("the store is not open after %s s: going on without what the last run left", within_s)
        else:
            self._opened = True
            self._processor.rights.ready = True

    async def run(self) -> None:
        """Open, check, flush and keep the books until cancelled (a supervised task)."""
        await self.open(None)
        if self._keeper is not None:
            await self._keeper.check()
        while True:
            next_s = self._clock.monotonic_s() + PUBLISH_EVERY_S
            if self._keeper is not None:
                next_s = min(next_s, self._keeper.due_s())
            await self._clock.sleep_until(next_s)
            self._processor.refusals.catch_up()
            self._processor.rights.tend()
            if self._keeper is not None:
                await self._keeper.tend()

    async def close(self) -> None:
        """End all subscriptions, flush, close the file; nothing is written afterwards."""
        self._processor.close()
        for errand in list(self._errands):
            errand.cancel()
        await asyncio.gather(*self._errands, return_exceptions=True)
        if self._store is not None:
            await self._store.close()

    async def follow(self, cursor: str | None, limit: int = 1000) -> FollowPage:
        """Instances on disk in arrival order behind a cursor: the lossless way out, for the upstream link."""
        if self._store is None:
            return FollowPage((), cursor or "", gap=False, refusal=NOT_READY)
        return await self._store.follow(cursor, limit)

    async def erase(self, selection: Selection) -> int | None:
        """Erase of memory and disk what an owner has selected; how many rows, None when the disk did not do it."""
        self._processor.forget(selection)
        return await (self._memory if self._store is None else self._store).erase(selection)

    def _start(self, errand: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(errand, name="data.erase")
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
        return task
