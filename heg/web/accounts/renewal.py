"""When a session's key is exchanged for a new one, and when the old one ends. Pure: no file, no clock.

A key that leaked (a backup of a browser, a proxy's log) is good for an hour of use, not for a session's thirty days.
The old key holds until the new one has come back from the browser, and a little longer for what was under way: an
answer that is lost on its way logs nobody out.
"""

from collections.abc import Container
from dataclasses import dataclass

from heg.web.accounts.rules import Rules


@dataclass(frozen=True, slots=True)
class _Exchange:
    """An old key and the one that takes its place; `back_s` is when the new one was first used."""

    old: bytes
    new: bytes
    made_s: float
    back_s: float | None = None


class Renewal:
    """Sessions by the hash of their key."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._since: dict[bytes, float] = {}
        self._exchanges: dict[bytes, _Exchange] = {}

    def used(self, session: bytes, now_s: float) -> None:
        """Take note that a session's key came with a request."""
        self._since.setdefault(session, now_s)
        for old, exchange in self._exchanges.items():
            if exchange.new == session and exchange.back_s is None:
                self._exchanges[old] = _Exchange(old, exchange.new, exchange.made_s, now_s)
                return

    def due(self, session: bytes, now_s: float) -> bool:
        """Tell whether a key is old enough for another; one whose answer may be lost is tried again a little later."""
        before = self._exchanges.get(session)
        if before is not None and (before.back_s is not None or now_s - before.made_s < self._rules.key_grace_s):
            return False
        since_s = self._since.get(session)
        return since_s is not None and now_s - since_s >= self._rules.key_s

    def exchanged(self, old: bytes, new: bytes, now_s: float) -> bytes | None:
        """Take note of a new key on its way; return the one of an earlier try, which nobody has."""
        lost = self._exchanges.get(old)
        self._exchanges[old] = _Exchange(old, new, now_s)
        return None if lost is None else lost.new

    def over(self, now_s: float) -> tuple[bytes, ...]:
        """Return the old keys whose time is over, each once."""
        ended = [
            old
            for old, exchange in self._exchanges.items()
            if exchange.back_s is not None and now_s - exchange.back_s >= self._rules.key_grace_s
        ]
        for old in ended:
            del self._exchanges[old]
        return tuple(ended)

    def kin(self, session: bytes) -> tuple[bytes, ...]:
        """Return the other keys of the same login that are still good: they end with it."""
        pairs = ((one.old, one.new) for one in self._exchanges.values() if session in (one.old, one.new))
        return tuple(key for pair in pairs for key in pair if key != session)

    def keep_only(self, sessions: Container[bytes]) -> None:
        """Forget what is no more."""
        self._since = {key: since_s for key, since_s in self._since.items() if key in sessions}
        self._exchanges = {old: one for old, one in self._exchanges.items() if old in sessions and one.new in sessions}
