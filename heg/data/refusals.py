"""Refusals are counted under their name, and the counts are instances like any other (variable `self.refusals`)."""

from collections import Counter
from collections.abc import Callable

from heg.model.refusals import Refusal, RefusalCode

PUBLISH_AT_MOST_EVERY_S = 1.0


class RefusalBook:
    """Counts every refusal; says a count at once, but no code more than once a second, so that a flood stays cheap."""

    def __init__(self, now_s: Callable[[], float], publish: Callable[[RefusalCode, int], None]) -> None:
        self._now_s = now_s
        self._publish = publish
        self._counts: Counter[RefusalCode] = Counter()
        self._published: dict[RefusalCode, tuple[float, int]] = {}

    def count(self, refusal: Refusal) -> Refusal:
        """Count one and hand it back."""
        self._counts[refusal.code] += 1
        self._publish_if_due(refusal.code)
        return refusal

    def catch_up(self) -> None:
        """Publish the counts that were held back."""
        for code in tuple(self._counts):
            self._publish_if_due(code)

    def counts(self) -> dict[RefusalCode, int]:
        """Return how often each code was refused since the start."""
        return dict(self._counts)

    def _publish_if_due(self, code: RefusalCode) -> None:
        now_s, count = self._now_s(), self._counts[code]
        last_s, last_count = self._published.get(code, (float("-inf"), 0))
        if count != last_count and now_s - last_s >= PUBLISH_AT_MOST_EVERY_S:
            self._published[code] = (now_s, count)
            self._publish(code, count)
