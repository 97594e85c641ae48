"""The service that keeps the books: looks, books, writes. It waits for nothing but the next look.

Of a slot that is over it writes `slot.demand` and `slot.production` (what forecasts learn from) and `books.slot`; of a
local day and month that is over `books.day` and `books.month`; of those that run `books.today` and `books.this_month`,
in memory only. `books.open` is what a restart goes on from: slot and checkpoint reach the disk with the same flush, so
that after a power cut either both are there or neither is, and nothing is booked twice.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from heg.data.door import Door, Resolution
from heg.model.books import BillingRecord, OpenBooks
from heg.model.instance import ANY, Location, Quality
from heg.model.records import BooksRecord, ErasureRecord, RecentBooks
from heg.model.refusals import RefusalCode
from heg.model.slots import Profile
from heg.model.tariff import TariffTerms, Viewpoint
from heg.runtime.clock import Clock
from heg.services.accounting.billing import Billing
from heg.services.accounting.house import HouseView
from heg.services.accounting.keeping import Changed, Keeping
from heg.services.accounting.ledger import Closed, Ledger
from heg.services.accounting.records import mean_kw, record_of
from heg.services.accounting.settings import AccountingSettings
from heg.services.accounting.spans import Calendar
from heg.services.accounting.tariff import TariffBook

logger = logging.getLogger(__name__)

_AGAIN_S = 5.0
_TRIES = 60
_ROWS = 1000
_PAGE = timedelta(hours=6)
_BREATH_S = 0.05
_ONE_WAY = 0.95


class Accounting:
    """One per unit; `run` is its supervised task. Built anew it goes on from what the door knows."""

    def __init__(self, door: Door, clock: Clock, settings: AccountingSettings) -> None:
        self._door, self._clock, self._settings = door, clock, settings
        self._here = Location(settings.unit)
        self._calendar = Calendar(settings.time_zone, settings.slot_minutes)
        self._view = HouseView(door, settings)
        self._tariffs = TariffBook(settings.slot_minutes, settings.viewpoint)
        recent = self._before("books.recent")
        self._keeping = Keeping(self._calendar, recent if isinstance(recent, RecentBooks) else None)
        self._billing = Billing(left if isinstance(left := self._before("books.billing"), BillingRecord) else None)
        self._billed: BillingRecord | None = None
        self._remembers = False
        self._ledger = Ledger(
            self._calendar,
            span_s=settings.span_s,
            ready_within_s=settings.timings.found_within_s,
            left=left if isinstance(left := self._before("books.open"), OpenBooks) else None,
        )
        self._heard: dict[tuple[str, Location], int] = {}
        self._written: OpenBooks | None = None
        self._told: datetime | None = None
        self._keep_due_s = clock.monotonic_s() + settings.keep_every_s
        self._one_way = _ONE_WAY
        self._reading: asyncio.Task[None] | None = None
        erasure = door.latest("erasure", self._here)
        self._obeyed = 0 if erasure is None else erasure.sequence

    async def run(self) -> None:
        """Keep the books until cancelled; where they stand is then written."""
        reading = self._reading = asyncio.create_task(self._read_kept(), name="accounting.kept")
        try:
            while True:
                self._look()
                await self._pause()
        finally:
            self._keep()
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading

    # -- looking

    def _look(self) -> None:
        self._forget()
        now_s, now = self._clock.monotonic_s(), self._clock.utc()
        learnt = self._learn(now)
        self._learn_terms(now)
        look = self._view.look(now_s, now)
        if look.battery is not None:
            self._one_way = look.battery.one_way
        closed = self._ledger.look(look)
        for one in closed:
            self._book(one)
        if learnt:
            self._write(self._keeping.reprice(self._tariffs, self._one_way))
        if self._ledger.booked_until != self._told:
            self._told = self._ledger.booked_until
            self._tell_running(now)
        if closed or now_s >= self._keep_due_s:
            self._keep()

    async def _pause(self) -> None:
        """Until the next look, or the slot's end: a slot is closed when it is over, not some seconds later."""
        now = self._clock.utc()
        left_s = (self._calendar.slot_of(now) + self._calendar.slot - now).total_seconds()
        await self._clock.sleep(min(self._settings.look_s, max(left_s, 0.001)))

    def _learn(self, now: datetime) -> bool:
        learnt = False
        for series in self._tariffs.series:
            found = self._door.latest_all(series, Location(self._settings.unit, ANY, ANY))
            new = [one for one in found if self._heard.get((series, one.location)) != one.sequence]
            for one in sorted(new, key=lambda one: one.sequence):
                self._heard[series, one.location] = one.sequence
                if isinstance(one.value, Profile) and one.quality is not Quality.BAD:
                    self._tariffs.learn(series, [one.value], now)
                    learnt = True
        return learnt

    def _learn_terms(self, now: datetime) -> None:
        """The contract's terms as the feed of this run says them; what an earlier run left may be another contract."""
        if self._settings.viewpoint is Viewpoint.RETAILER:
            return  # the resident's contract is not what the retailer pays
        found = self._door.latest_all("tariff", Location(self._settings.unit, ANY))
        newest = max(found, key=lambda one: one.sequence, default=None)
        if newest is None or not newest.sequence or not isinstance(newest.value, TariffTerms):
            return
        if newest.value != self._billing.terms:
            self._billing.learn(newest.value)
            self._recall(now)

    def _recall(self, now: datetime) -> None:
        """What the kept books know of the billing periods."""
        if self._remembers:
            self._billing.recall(self._keeping.since, self._calendar.slot_of(now))

    # -- booking

    def _book(self, closed: Closed) -> None:
        sums = closed.sums
        record = self._billing.book(sums.start, self._record(closed))
        means = mean_kw(closed)
        if means is not None and sums.until - sums.start == self._calendar.slot:
            for variable, kw in zip(("slot.demand", "slot.production"), means, strict=True):
                self._door.write(variable, self._here, kw, time=sums.start)
        self._write(self._keeping.put(sums.start, record))

    def _record(self, closed: Closed) -> BooksRecord:
        self._tariffs.next_block_eur_per_kwh = self._billing.next_kwh_eur(closed.sums.start)
        return record_of(closed, self._tariffs.over(closed.sums.start, closed.sums.until, self._one_way))

    def _write(self, changed: Changed) -> None:
        for variable, records in (
            ("books.slot", changed.slots),
            ("books.day", changed.days),
            ("books.month", changed.months),
        ):
            for start, record in sorted(records.items()):
                receipt = self._door.write(variable, self._here, record, time=start)
                if receipt.refusal is not None:
                    logger.error("%s of %s was refused: %s", variable, start.isoformat(), receipt.refusal)
        if changed.recent:
            self._door.write("books.recent", self._here, self._keeping.recent)

    def _tell_running(self, now: datetime) -> None:
        """The day and the month so far, with the slot that runs; not before it is known what the day began with."""
        if not self._remembers:
            return
        running = self._ledger.running
        open_record = None
        if running is not None:
            open_record = self._billing.charged(running.sums.start, self._record(running))
        slot = self._calendar.slot_of(now)
        for variable, found in (
            ("books.today", self._keeping.today(slot, open_record)),
            ("books.this_month", self._keeping.this_month(slot, open_record)),
        ):
            if found is not None:
                self._door.write(variable, self._here, found[1], time=found[0])

    # -- forgetting

    def _forget(self) -> None:
        """Forget what the owner had erased, before anything is written: books in memory would bring it back."""
        newest = self._door.latest("erasure", self._here)
        if newest is None or newest.sequence == self._obeyed or not isinstance(newest.value, ErasureRecord):
            return
        self._obeyed, erased = newest.sequence, newest.value
        if erased.device not in (None, ""):
            return  # the books are the unit's
        if self._reading is not None:
            self._reading.cancel()
        self._remembers = True
        self._keeping.forget(erased.since, erased.until or newest.time)
        if erased.since is None and erased.until is None:
            self._billing, self._billed = Billing(None), None
        self._door.write("books.recent", self._here, self._keeping.recent)
        logger.info("accounting: what the owner had erased is forgotten")

    # -- across restarts

    def _keep(self) -> None:
        self._keep_due_s = self._clock.monotonic_s() + self._settings.keep_every_s
        left = self._ledger.left()
        if left is not None and left != self._written:
            self._written = left
            self._door.write("books.open", self._here, left)
        running = self._ledger.running
        billed = self._billing.left(0.0 if running is None else running.sums.import_kwh)
        if (billed.energy_kwh or billed.peak_kw) and billed != self._billed:
            self._billed = billed
            self._door.write("books.billing", self._here, billed)

    def _before(self, variable: str) -> object:
        found = self._door.latest(variable, self._here)
        return None if found is None else found.value

    async def _read_kept(self) -> None:
        """What the store has of the last days' slots: behind the running books, which do not wait for it."""
        now = self._clock.utc()
        start, end = self._keeping.first_kept(self._calendar.slot_of(now)), now + timedelta(days=1)
        slots: dict[datetime, BooksRecord] = {}
        # The newest first, a few hours a page: the store's thread has other things to do.
        while end > start:
            begin = max(start, end - _PAGE)
            found = await self._stored(begin, end)
            if found is None:
                break
            slots.update(found)
            end = begin
            await self._clock.sleep(_BREATH_S)
        else:
            self._forget()
            self._write(self._keeping.restore(slots, self._clock.utc()))
        self._remembers = True
        self._recall(self._clock.utc())
        logger.info("accounting: %d spans read from the store", len(slots))

    async def _stored(self, start: datetime, end: datetime) -> Mapping[datetime, BooksRecord] | None:
        found: dict[datetime, BooksRecord] = {}
        cursor: str | None = None
        for _ in range(_TRIES):
            page = await self._door.history(
                "books.slot", self._here, start, end, Resolution.RAW, cursor=cursor, limit=_ROWS
            )
            if page.refusal is None:
                found.update({row.time: row.value for row in page.rows if isinstance(row.value, BooksRecord)})
                cursor = page.next_cursor
                if cursor is None:
                    return found
            elif page.refusal.code is RefusalCode.NOT_READY:
                await self._clock.sleep(_AGAIN_S)
            else:
                break
        logger.warning("books.slot cannot be read, the day's sum begins anew: %s", page.refusal)
        return None
