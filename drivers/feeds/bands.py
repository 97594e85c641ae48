"""Time of use: prices by local hour, weekday, holiday and month (spec ebr.md, Tariffs). Pure.

A band's hours are what clocks on the wall show: on the day of 23 hours a band between 02:00 and 03:00 does not
happen, on the day of 25 it happens twice.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
STEP_MINUTES = 15


_LEAP_YEAR, _MONTHS = 2024, 12


@dataclass(frozen=True, slots=True)
class DayTypes:
    """Which weekday's prices a day has: its own, or on a public holiday those of `holidays_as` (0 is Monday).

    `yearly` are (month, day) of every year, `once` single days.
    """

    yearly: frozenset[tuple[int, int]] = frozenset()
    once: frozenset[date] = frozenset()
    holidays_as: int = 6

    def of(self, day: date) -> int:
        """The weekday that counts."""
        holiday = day in self.once or (day.month, day.day) in self.yearly
        return self.holidays_as if holiday else day.weekday()


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

    def holds(self, local: datetime, types: DayTypes) -> bool:
        """Tell whether it holds at a local time."""
        now = local.time().replace(tzinfo=None)
        if self.first < self.last:
            return self.first <= now < self.last and self._on(local.date(), types)
        if now >= self.first:
            return self._on(local.date(), types)
        return now < self.last and self._on(local.date() - timedelta(days=1), types)

    def _on(self, begun: date, types: DayTypes) -> bool:
        return types.of(begun) in self.days and begun.month in self.months


@dataclass(frozen=True, slots=True)
class TimeOfUse:
    """Bands in order: the first one that holds decides. None where none holds and nothing else is agreed."""

    zone: ZoneInfo
    bands: tuple[Band, ...]
    otherwise_eur_per_kwh: float | None
    types: DayTypes = field(default_factory=DayTypes)

    def at(self, moment: datetime) -> float | None:
        """The price at a moment (EUR/kWh)."""
        local = moment.astimezone(self.zone)
        held = (band.eur_per_kwh for band in self.bands if band.holds(local, self.types))
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


def day_types(holidays: Iterable[str], holidays_as: str) -> DayTypes:
    """Read days such as `12-25` (every year) and `2026-04-06`, and the weekday as which they count.

    ValueError says what was expected.
    """
    if holidays_as not in WEEKDAYS:
        raise ValueError(f"holidays_as: expected one of {', '.join(WEEKDAYS)}, came {holidays_as!r}")
    yearly, once = set(), set()
    for entry in holidays:
        whole = contract_day(entry if entry.count("-") > 1 else f"{_LEAP_YEAR}-{entry}", "holidays", entry)
        if entry.count("-") > 1:
            once.add(whole)
        else:
            yearly.add((whole.month, whole.day))
    return DayTypes(frozenset(yearly), frozenset(once), WEEKDAYS.index(holidays_as))


def contract_day(text: str, key: str, came: str | None = None) -> date:
    """Read `YYYY-MM-DD`. ValueError says what was expected of the key."""
    parts = text.split("-")
    right = [len(part) for part in parts] == [4, 2, 2] and all(part.isdecimal() for part in parts)
    year, month, day = (int(part) for part in parts) if right else (0, 0, 0)
    if not (year and 1 <= month <= _MONTHS and 1 <= day <= monthrange(year, month)[1]):
        or_yearly = ' or "12-25" for every year' if key == "holidays" else ""
        raise ValueError(f'{key}: {(came or text)!r}: expected a day such as "2026-04-06"{or_yearly}')
    return date(year, month, day)
