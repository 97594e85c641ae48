"""What has been booked lately, so that a day is the sum of its slots and late prices still reach them. Pure.

Of the last days every span's record is kept in memory, of the last two months every day's, of the last years every
month's. What leaves memory is in the store. A span that is booked twice over, because the clock was set back, becomes
the sum of both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from heg.model.books import priced, together
from heg.model.records import BooksRecord, RecentBooks, StartedBooks
from heg.services.accounting.spans import Calendar
from heg.services.accounting.tariff import TariffBook

KEPT_MONTHS = 25
KEPT_DAYS = 3
"""Local days whose slots are kept: prices that come later than that are too late."""


@dataclass(slots=True)
class Changed:
    """What must be written: records by start."""

    slots: dict[datetime, BooksRecord] = field(default_factory=dict)
    days: dict[datetime, BooksRecord] = field(default_factory=dict)
    months: dict[datetime, BooksRecord] = field(default_factory=dict)

    @property
    def recent(self) -> bool:
        """Tell whether the days or months are others now."""
        return bool(self.days or self.months)


class Keeping:
    """Slots of the last days and days of the last months, by start."""

    def __init__(self, calendar: Calendar, recent: RecentBooks | None = None) -> None:
        recent = RecentBooks() if recent is None else recent
        self._calendar = calendar
        self._slots: dict[datetime, BooksRecord] = {}
        self._days = {one.start: one.books for one in recent.days}
        self._months = {one.start: one.books for one in recent.months}
        self._running: tuple[datetime, datetime] | None = None

    def restore(self, slots: Mapping[datetime, BooksRecord], now: datetime) -> Changed:
        """Take the slots that the store has of an earlier run. A day among them that was not summed up yet is now."""
        for start, record in slots.items():
            self._slots.setdefault(start, record)
        changed = Changed()
        today = self._calendar.day(self._calendar.slot_of(now))
        for day in sorted({self._calendar.day(slot) for slot in slots}):
            if day < today and day not in self._days and (whole := self._sum_of_day(day)) is not None:
                self._days[day] = changed.days[day] = whole
        for month in {self._calendar.month(day) for day in changed.days} - {self._calendar.month(today)}:
            self._sum_up(month, changed)
        return changed

    @property
    def recent(self) -> RecentBooks:
        """The days and months that are kept."""
        return RecentBooks(_started(self._days), _started(self._months))

    def forget(self, since: datetime | None, until: datetime) -> None:
        """Drop what the owner had erased: every span that may reach into it."""

        def left(books: Mapping[datetime, BooksRecord], longest: timedelta) -> dict[datetime, BooksRecord]:
            return {
                start: one
                for start, one in books.items()
                if (since is not None and start + longest <= since) or start >= until
            }

        self._slots = left(self._slots, self._calendar.slot)
        self._days = left(self._days, timedelta(hours=25))
        self._months = left(self._months, timedelta(days=31, hours=1))

    def put(self, start: datetime, record: BooksRecord) -> Changed:
        """Keep a span's record; return what has to be written: it, and the day and month that it ended."""
        changed = Changed()
        before = self._slots.get(start)
        whole = record if before is None else together([before, record]) or record
        self._slots[start] = changed.slots[start] = whole
        day, month = self._calendar.day(start), self._calendar.month(start)
        running, self._running = self._running, (day, month)
        if running is not None and running[0] != day:
            self._end(running, changed, month_over=running[1] != month)
        if day in self._days:
            # A day that was over gets one more span: the clock was set back, or a gap is booked that began in it.
            more = together([self._days[day], record])
            self._days[day] = changed.days[day] = more if more is not None else record
            if month in self._months:
                self._sum_up(month, changed)
        self._forget(start)
        return changed

    def reprice(self, tariffs: TariffBook, one_way: float) -> Changed:
        """Price what could not be priced when it was booked; return what has to be written anew."""
        changed = Changed()
        for start, record in self._slots.items():
            if not _lacks_price(record):
                continue
            tariff = tariffs.over(start, start + timedelta(minutes=record.minutes), one_way)
            if tariff.known_share > record.priced_share or (
                record.export_eur_per_kwh is None and tariff.export_eur_per_kwh is not None
            ):
                changed.slots[start] = priced(record, tariff)
        self._slots.update(changed.slots)
        for day in {self._calendar.day(start) for start in changed.slots} & self._days.keys():
            self._renew(day, changed)
        return changed

    def today(self, slot: datetime, running: BooksRecord | None) -> tuple[datetime, BooksRecord] | None:
        """Return start and books of the local day of a slot, with the span that is open."""
        day = self._calendar.day(slot)
        found = [*self._slots_of(day), *([running] if running is not None else [])]
        whole = together(found)
        return None if whole is None else (day, whole)

    def this_month(self, slot: datetime, running: BooksRecord | None) -> tuple[datetime, BooksRecord] | None:
        """Return start and books of the local month of a slot, with the day and the span that are open."""
        month, day = self._calendar.month(slot), self._calendar.day(slot)
        days = [one for start, one in sorted(self._days.items()) if month <= start < day]
        today = self.today(slot, running)
        whole = together([*days, *([today[1]] if today is not None else [])])
        return None if whole is None else (month, whole)

    def since(self, start: datetime) -> list[tuple[datetime, BooksRecord]]:
        """Return what is kept from `start` on, nothing twice: months that are over, other days, other slots."""
        months = [(month, one) for month, one in self._months.items() if month >= start]
        whole = {month for month, _ in months}
        days = [
            (day, one) for day, one in self._days.items() if day >= start and self._calendar.month(day) not in whole
        ]
        slots = [
            (slot, one)
            for slot, one in self._slots.items()
            if slot >= start and self._calendar.day(slot) not in self._days
        ]
        return [*months, *days, *slots]

    def first_kept(self, slot: datetime) -> datetime:
        """Return the start of the first local day whose slots are kept when this slot runs: whole days, always."""
        day = self._calendar.day(slot)
        for _ in range(KEPT_DAYS):
            day = self._calendar.day(day - self._calendar.slot)
        return day

    def first_day_kept(self, slot: datetime) -> datetime:
        """Return the start of the first day that is kept: that of the month before, whose end may still be priced."""
        return self._calendar.month(self._calendar.month(slot) - self._calendar.slot)

    # -- days

    def _end(self, running: tuple[datetime, datetime], changed: Changed, *, month_over: bool) -> None:
        day, month = running
        whole = self._sum_of_day(day)
        if whole is None:
            return
        self._days[day] = changed.days[day] = whole
        if month_over:
            self._sum_up(month, changed)

    def _renew(self, day: datetime, changed: Changed) -> None:
        """Slots of a day that was over have a price now."""
        if (whole := self._sum_of_day(day)) is None:
            return
        self._days[day] = changed.days[day] = whole
        month = self._calendar.month(day)
        if month in self._months:
            self._sum_up(month, changed)

    def _slots_of(self, day: datetime) -> list[BooksRecord]:
        end = self._calendar.next_day(day)
        return [one for start, one in sorted(self._slots.items()) if day <= start < end]

    def _sum_of_day(self, day: datetime) -> BooksRecord | None:
        return together(self._slots_of(day))

    def _sum_up(self, month: datetime, changed: Changed) -> None:
        days = sorted(self._days.items())
        whole = together([one for start, one in days if self._calendar.month(start) == month])
        if whole is not None:
            self._months[month] = changed.months[month] = whole

    def _forget(self, newest: datetime) -> None:
        oldest = self.first_kept(newest)
        for start in [one for one in self._slots if one < oldest]:
            del self._slots[start]
        first = self.first_day_kept(newest)
        for start in [one for one in self._days if one < first]:
            del self._days[start]
        for start in sorted(self._months)[:-KEPT_MONTHS]:
            del self._months[start]


def _lacks_price(record: BooksRecord) -> bool:
    return record.priced_share < 1.0 or record.export_eur_per_kwh is None


def _started(books: Mapping[datetime, BooksRecord]) -> tuple[StartedBooks, ...]:
    return tuple(StartedBooks(start, one) for start, one in sorted(books.items()))
