"""How far ahead a feed may speak: of days as people count them, and only of what has been published. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from drivers.feeds.series import Span, hour_floor

_DAYS_AHEAD = 3
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Publication:
    """When what is to come is published: all at once, at a local time for the next day, or so many hours ahead."""

    at: time | None = None
    ahead: timedelta | None = None

    @classmethod
    def of(cls, at: time | None, ahead_hours: float | None) -> Publication:
        """As configured."""
        return cls(at, None if ahead_hours is None else timedelta(hours=ahead_hours))

    def known_until(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The moment up to which something may be known now."""
        if self.ahead is not None:
            return now + self.ahead
        if self.at is None:
            return midnight(now, zone, days=_DAYS_AHEAD)
        published = now.astimezone(zone).time() >= self.at
        return midnight(now, zone, days=2 if published else 1)


def midnight(now: datetime, zone: ZoneInfo, *, days: int = 0) -> datetime:
    """The local midnight that began today, or so many days later (UTC)."""
    date = now.astimezone(zone).date() + timedelta(days=days)
    return datetime.combine(date, time(), zone).astimezone(UTC)


def window(now: datetime, zone: ZoneInfo, *, days_back: int = 0) -> Span:
    """What a feed speaks of: today and the next two days, in full UTC hours, so that 48 hours are always ahead.

    With `days_back` so many days before today too.
    """
    end = midnight(now, zone, days=_DAYS_AHEAD)
    return Span(hour_floor(midnight(now, zone, days=-days_back)), hour_floor(end + _HOUR - timedelta(microseconds=1)))
