"""Room for connections of the home network: so many in all, so many of one address. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """`each` is what one address may take: a browser takes six, and one machine must not shut out the others."""

    total: int
    each: int

    def has_room(self, address: str, held: Iterable[str]) -> bool:
        """Tell whether one more connection of this address may come beside those that are held, by their addresses."""
        counted = Counter(held)
        return counted.total() < self.total and counted[address] < self.each
