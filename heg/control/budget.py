"""The write budget of an actuator's registers: volatile ones at will, others so many a day (DESIGN.md, 5).

Loss row `write-budget-spent`.
"""

from dataclasses import dataclass

from heg.model.capabilities import WriteBudget

DAY_S = 86400.0
_RESERVE_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class BudgetView:
    """What the owner sees: writes since midnight UTC, and how many may still follow today (None: no limit)."""

    today: int
    left: int | None


class WriteMeter:
    """Counts writes and says when the next one may come.

    A quarter of the day's budget may be used at once, the rest comes back evenly over a day, so that no 24 hours ever
    hold more than `per_day` ordinary writes, wherever midnight lies. Urgent ones (a release, a bound of the envelope)
    are never held back; they are counted, and later ordinary ones wait for them.
    """

    def __init__(self, budget: WriteBudget, *, now_s: float, day: int = 0, today: int = 0) -> None:
        self._budget = budget
        self._burst = min(float(budget.per_day), max(1.0, budget.per_day * _RESERVE_SHARE))
        self._per_s = max(budget.per_day - self._burst, min(budget.per_day, 0.5)) / DAY_S
        self._tokens = min(self._burst, max(budget.per_day - today, 0.0))
        self._at_s = now_s
        self._day, self._today = day, today

    @property
    def period_s(self) -> float:
        """Seconds between two writes of new values that the budget allows for ever; 0 where it is unlimited."""
        if self._budget.volatile:
            return self._budget.every_s
        return max(1.0 / self._per_s if self._per_s > 0 else DAY_S, self._budget.every_s)

    def allows(self, now_s: float) -> bool:
        """Tell whether an ordinary write may be made now."""
        return self._budget.volatile or self._refilled(now_s) >= 1.0

    def sustains(self, every_s: float) -> bool:
        """Tell whether writing every so many seconds can go on for ever."""
        return self._budget.volatile or every_s >= self.period_s

    def count(self, now_s: float, day: int) -> None:
        """A write was sent; `day` is the UTC day number, a label for the owner's count only."""
        self._tokens, self._at_s = self._refilled(now_s) - 1.0, now_s
        self._today = self._today + 1 if day == self._day else 1
        self._day = day

    def view(self, day: int) -> BudgetView:
        """What the owner sees."""
        today = self._today if day == self._day else 0
        if self._budget.volatile:
            return BudgetView(today, None)
        return BudgetView(today, max(0, self._budget.per_day - today))

    def _refilled(self, now_s: float) -> float:
        return min(self._burst, self._tokens + (now_s - self._at_s) * self._per_s)
