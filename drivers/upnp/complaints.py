"""What strangers on the link were refused: counted all, told once each, a few kept for who asks."""

import logging
from collections import Counter

from heg.model.refusals import Refusal, RefusalCode

logger = logging.getLogger(__name__)

_MOST_HOSTS = 64
_MOST_TOLD = 256


class Complaints:
    """Bounded whatever comes: a flood of refusals is a number."""

    def __init__(self) -> None:
        self._counts: Counter[RefusalCode] = Counter()
        self._latest: dict[str, Refusal] = {}
        self._told: set[tuple[str, str]] = set()

    @property
    def counts(self) -> Counter[RefusalCode]:
        """How often something was refused, by reason."""
        return Counter(self._counts)

    @property
    def latest(self) -> dict[str, Refusal]:
        """The last refusal of each of the last hosts."""
        return dict(self._latest)

    def take(self, host: str, refusal: Refusal) -> None:
        """Count it; the log is told once of each kind and host."""
        self._counts[refusal.code] += 1
        self._latest.pop(host, None)
        if len(self._latest) >= _MOST_HOSTS:
            del self._latest[next(iter(self._latest))]
        self._latest[host] = refusal
        if (key := (host, refusal.expected)) not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(key)
            logger.warning("%s: %s", host, refusal)

    def settled(self, host: str) -> None:
        """The host did well: what was refused before is past."""
        self._latest.pop(host, None)
