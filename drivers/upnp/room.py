"""Who gets a place in the table of appliances: so many in all, so many at one host. Pure.

Who was ever described soundly is known and keeps the place; newcomers push out nobody but strangers that failed.
"""

from collections import Counter
from collections.abc import Iterable

from heg.model.refusals import Refusal, RefusalCode


class Room:
    """At most `most` places; `known` are those of earlier runs, whose places are kept for them."""

    def __init__(self, *, most: int, most_per_host: int, known: Iterable[str]) -> None:
        self._most = most
        self._most_per_host = most_per_host
        self._known = set(known)
        self._strangers = 0
        self._at_host: Counter[str] = Counter()
        self._failed: dict[str, str] = {}
        """Strangers that could not be described yet, with their hosts, the oldest first."""

    def knows(self, uuid: str) -> bool:
        """Tell whether one was ever described soundly."""
        return uuid in self._known

    def refusal(self, host: str) -> Refusal | None:
        """Return why a stranger at a host has no place."""
        if len(self._known) + self._strangers >= self._most:
            mend = "remove some that are gone for good, or raise [upnp] most_appliances"
            return Refusal(RefusalCode.TOO_LARGE, f"at most {self._most} appliances", "one more", mend)
        if self._is_full(host):
            return Refusal(RefusalCode.TOO_LARGE, f"at most {self._most_per_host} appliances at one host", "one more")
        return None

    def gives_way(self, host: str) -> str | None:
        """Return the stranger that failed longest ago: who floods a link must not keep out who comes honestly."""
        full = self._is_full(host)
        return next((uuid for uuid, at in self._failed.items() if not full or at == host), None)

    def enter(self, uuid: str, host: str) -> None:
        """One takes a place."""
        self._strangers += uuid not in self._known
        self._at_host[host] += 1

    def leave(self, uuid: str, host: str) -> None:
        """One leaves the table; the place of one that is known is kept."""
        self._leave(host)
        self._strangers -= uuid not in self._known
        self._failed.pop(uuid, None)

    def move(self, host: str, to: str) -> None:
        """One lives elsewhere now."""
        self._leave(host)
        self._at_host[to] += 1

    def failed(self, uuid: str, host: str) -> None:
        """One could not be described."""
        if uuid not in self._known:
            self._failed.setdefault(uuid, host)

    def sound(self, uuid: str) -> None:
        """One was described soundly: from now on it is known."""
        if uuid not in self._known:
            self._known.add(uuid)
            self._strangers -= 1
            self._failed.pop(uuid, None)

    def keep(self, known: Iterable[str]) -> None:
        """Only these keep their places."""
        self._known &= set(known)

    def _is_full(self, host: str) -> bool:
        return self._at_host[host] >= self._most_per_host

    def _leave(self, host: str) -> None:
        self._at_host[host] -= 1
        if not self._at_host[host]:
            del self._at_host[host]
