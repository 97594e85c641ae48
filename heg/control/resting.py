"""How long an actuator that ignored, refused or overrode us is left alone, and who ends that early. Pure."""

from heg.control.lease_terms import LeaseRules, Wish
from heg.model.leases import Claimant


class Rest:
    """The rest of one actuator, in monotonic seconds: longer each time, until a command is confirmed."""

    def __init__(self, rules: LeaseRules) -> None:
        self._rules = rules
        self._until_s = 0.0
        self._times = 0
        self._begun_for: Wish | None = None

    def left_s(self, now_s: float) -> float:
        """Seconds until it is tried again."""
        return max(0.0, self._until_s - now_s)

    def keeps_from(self, wish: Wish, now_s: float) -> bool:
        """Tell whether it is left alone although this is wished."""
        return now_s < self._until_s and not self._ended_by(wish)

    def begin(self, wish: Wish | None, now_s: float) -> None:
        """What was wished came to nothing."""
        self._until_s = now_s + min(self._rules.cool_down_s * 2**self._times, self._rules.cool_down_most_s)
        self._times += 1
        self._begun_for = wish

    def last_until(self, then_s: float) -> None:
        """Rest until then, however often it has rested."""
        self._until_s = then_s

    def confirmed(self) -> None:
        """A command was taken: the next rest is a first one."""
        self._times = 0

    def forget(self) -> None:
        """Try again at once."""
        self._until_s, self._times = 0.0, 0

    def _ended_by(self, wish: Wish) -> bool:
        """An appliance left to its user is taken in hand again at once by who goes before, or for another order."""
        rested = self._begun_for
        if not self._rules.user_first or rested is None or wish.owner > Claimant.APPLIANCE:
            return False
        return wish.owner < rested.owner or wish.set_point != rested.set_point
