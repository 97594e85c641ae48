"""When a market is asked: at once for what is missing today, at stated times for tomorrow, never too often. Pure.

No chance in it: the same day of answers gives the same questions.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from drivers.feeds.publication import midnight

STATED_MINUTES = (5, 15, 30, 60, 120, 180, 300, 420, 540)
"""Minutes after the hour of publication at which tomorrow's prices are asked for until they are there."""
_EACH_HOUR = timedelta(hours=1)
BACK_OFF_S = (60.0, 120.0, 300.0, 600.0, 1200.0, 2400.0, 3600.0)
"""Waits after a question that failed, the last one for all further ones."""


class Schedule:
    """One per market. `due` says whether to ask now; what came of it is told by `answered` and `failed`."""

    def __init__(self, zone: ZoneInfo, published: time, *, calls_per_day: int) -> None:
        self._zone = zone
        self._published = published
        self._calls_per_day = calls_per_day
        self._failures = 0
        self._not_before_s = 0.0
        self._asked_at: datetime | None = None
        self._day: date | None = None
        self._calls = 0

    def due(self, now: datetime, now_s: float, known_until: datetime) -> bool:
        """Tell whether to ask now, given up to when prices are known without a gap."""
        if now_s < self._not_before_s or self._spent(now):
            return False
        if self._failures:
            return True
        if known_until < midnight(now, self._zone, days=1):
            return self._asked_at is None or self._stated_since(now) or abs(now - self._asked_at) >= _EACH_HOUR
        if known_until < midnight(now, self._zone, days=2):
            return self._stated_since(now)
        return False

    def asked(self, now: datetime) -> None:
        """A question goes out."""
        self._roll(now)
        self._calls += 1
        self._asked_at = now

    def answered(self) -> None:
        """It was answered, whatever the answer said."""
        self._failures = 0
        self._not_before_s = 0.0

    def failed(self, now_s: float) -> float:
        """It was not, or with nothing of use; returns the seconds until the next try."""
        wait_s = BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
        self._failures += 1
        self._not_before_s = now_s + wait_s
        return wait_s

    def _spent(self, now: datetime) -> bool:
        self._roll(now)
        return self._calls >= self._calls_per_day

    def _roll(self, now: datetime) -> None:
        today = now.astimezone(self._zone).date()
        if today != self._day:
            self._day, self._calls = today, 0

    def _stated_since(self, now: datetime) -> bool:
        """True when a stated time lies between the last question and now."""
        local = now.astimezone(self._zone)
        published = datetime.combine(local.date(), self._published, self._zone)
        asked = self._asked_at
        return any(
            (at := published + timedelta(minutes=minutes)) <= local and (asked is None or asked < at)
            for minutes in STATED_MINUTES
        )
