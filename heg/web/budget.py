"""How often one asker may ask. Pure: told who and when, it says how long to wait.

A budget is a bucket: it holds a burst, each request takes one, and it fills at a steady rate. A program in a wild loop
is told to wait; whoever looks at the page, and a program that asks every second, never notice.
"""

from dataclasses import dataclass

_MOST_ASKERS = 1024


@dataclass(frozen=True, slots=True)
class Budget:
    """Requests a second for good, and how many at once after a rest."""

    per_s: float = 30.0
    burst: float = 300.0


@dataclass(slots=True)
class _Bucket:
    left: float
    at_s: float


class Budgets:
    """One bucket for each asker, in memory of a fixed bound; times are monotonic seconds."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._buckets: dict[str, _Bucket] = {}

    def wait_s(self, asker: str, now_s: float) -> float:
        """Take one request from an asker's budget; above 0 it is not let in, and would be after so many seconds."""
        bucket = self._buckets.get(asker)
        if bucket is None:
            self._make_room(now_s)
            bucket = self._buckets[asker] = _Bucket(self._budget.burst, now_s)
        bucket.left = self._filled(bucket, now_s)
        bucket.at_s = now_s
        if bucket.left < 1.0:
            return (1.0 - bucket.left) / self._budget.per_s
        bucket.left -= 1.0
        return 0.0

    def _filled(self, bucket: _Bucket, now_s: float) -> float:
        return min(self._budget.burst, bucket.left + max(0.0, now_s - bucket.at_s) * self._budget.per_s)

    def _make_room(self, now_s: float) -> None:
        """Forget who has rested; where nobody has, whoever has most left."""
        if len(self._buckets) < _MOST_ASKERS:
            return
        left = {asker: self._filled(bucket, now_s) for asker, bucket in self._buckets.items()}
        rested = [asker for asker, amount in left.items() if amount >= self._budget.burst]
        for asker in rested or [max(left, key=left.__getitem__)]:
            del self._buckets[asker]
