"""When a weather service is asked: every few hours, less often after a failure, never above a day's budget. Pure."""

from __future__ import annotations

from datetime import date, datetime

from drivers.feeds.market.schedule import BACK_OFF_S

_LONGEST_WAIT_S = 24 * 3600.0


class Calls:
    """One per service. `due` says whether to ask now; what came of it is told by `answered` and `failed`."""

    def __init__(self, *, every_s: float, calls_per_day: int) -> None:
        self._every_s = every_s
        self._calls_per_day = calls_per_day
        self._not_before_s = 0.0
        self._failures = 0
        self._day: date | None = None
        self._calls = 0

    def due(self, now: datetime, now_s: float) -> bool:
        """Tell whether to ask now. Budgets are of UTC days."""
        self._roll(now)
        return now_s >= self._not_before_s and self._calls < self._calls_per_day

    def asked(self, now: datetime) -> None:
        """A question goes out."""
        self._roll(now)
        self._calls += 1

    def answered(self, now_s: float) -> None:
        """It was answered with something of use."""
        self._failures = 0
        self._not_before_s = now_s + self._every_s

    def failed(self, now_s: float, wait_s: float = 0.0) -> float:
        """It was not; `wait_s` is what the service asked for. Returns the seconds until the next try."""
        own_s = BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
        waits_s = max(own_s, min(wait_s, _LONGEST_WAIT_S))
        self._failures += 1
        self._not_before_s = now_s + waits_s
        return waits_s

    def _roll(self, now: datetime) -> None:
        if now.date() != self._day:
            self._day, self._calls = now.date(), 0
