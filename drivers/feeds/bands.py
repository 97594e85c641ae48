"""Time of use: prices by local hour, weekday and month (spec ebr.md, Tariffs). Pure.

A band's hours are what clocks on the wall show: on the day of 23 hours a band between 02:00 and 03:00 does not
happen, on the day of 25 it happens twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
STEP_MINUTES = 15


@dataclass(frozen=True, slots=True)
class Band:
    """A price between two local times on some days; `first` after `last` means over midnight, equal means all day.

    A day is the one on which the band begins.
    """

    first: time
    last: time
    days: frozenset[int]
    months: frozenset[int]
    eur_per_kwh: float

    def holds(self, local: datetime) -> bool:
        """Tell whether it holds at a local time."""
        now = local.time().replace(tzinfo=None)
        if self.first < self.last:
            return self.first <= now < self.last and self._on(local.date())
        if now >= self.first:
            return self._on(local.date())
        return now < self.last and self._on(local.date() - timedelta(days=1))

    def _on(self, begun: date) -> bool:
        return begun.weekday() in self.days and begun.month in self.months


@dataclass(frozen=True, slots=True)
class TimeOfUse:
    """Bands in order: the first one that holds decides. None where none holds and nothing else is agreed."""

    zone: ZoneInfo
    bands: tuple[Band, ...]
    otherwise_eur_per_kwh: float | None

    def at(self, moment: datetime) -> float | None:
        """The price at a moment (EUR/kWh)."""
        local = moment.astimezone(self.zone)
        held = (band.eur_per_kwh for band in self.bands if band.holds(local))
        return next(held, self.otherwise_eur_per_kwh)


def clock_time(text: str) -> time:
    """Read `HH:MM`, a full quarter hour; `24:00` is midnight. ValueError says what was expected."""
    hours, _, minutes = text.partition(":")
    if text == "24:00":
        return time()
    try:
        parsed = time(int(hours), int(minutes)) if hours.isdecimal() and minutes.isdecimal() else None
    except ValueError:
        parsed = None
    if parsed is None or parsed.minute % STEP_MINUTES:
        raise ValueError(f'{text!r}: expected a local time at a full quarter of an hour, such as "06:00" or "22:30"')
    return parsed


def weekdays(entries: Iterable[str]) -> frozenset[int]:
    """Read `mon`, `mon-fri`, `fri-mon`; none means every day. ValueError says what was expected."""
    found: set[int] = set()
    for entry in entries:
        first, dash, last = entry.lower().partition("-")
        if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
            raise ValueError(f'days: {entry!r}: expected {", ".join(WEEKDAYS)} or a range such as "mon-fri"')
        begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        found |= {(begin + offset) % 7 for offset in range((end - begin) % 7 + 1)}
    return frozenset(found or range(7))
