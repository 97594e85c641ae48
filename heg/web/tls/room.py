"""Room for connections of the home network: so many at once, and so many a second, in all and of one address. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from heg.web.budget import Budget, Budgets

EACH = Budget(per_s=10.0, burst=60.0)
"""Handshakes of one address: a browser takes six at once and then keeps them."""
ALL = Budget(per_s=50.0, burst=150.0)
"""Of all addresses: a handshake is one or two milliseconds of the loop that also carries the control cycle."""


@dataclass(frozen=True, slots=True)
class Room:
    """`each` is what one address may take: a browser takes six, and one machine must not shut out the others."""

    total: int
    each: int

    def has_room(self, address: str, held: Iterable[str]) -> bool:
        """Tell whether one more connection of this address may come beside those that are held, by their addresses."""
        counted = Counter(held)
        return counted.total() < self.total and counted[address] < self.each


class Pace:
    """How often handshakes begin, whoever asks for them."""

    def __init__(self, each: Budget = EACH, every: Budget = ALL) -> None:
        self._each = Budgets(each)
        self._all = Budgets(every)

    def may(self, address: str, now_s: float) -> bool:
        """Take one handshake from the budgets; False where there is none left."""
        return self._each.wait_s(address, now_s) == 0.0 and self._all.wait_s("", now_s) == 0.0
