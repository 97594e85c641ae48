"""Collects what had to be mended, each once and with a sentence."""

import math
from collections.abc import Iterable

from heg.model.plan import Degradation, DegradationCode


class Mender:
    """Replaces numbers that cannot be true and remembers that it did."""

    def __init__(self, already: Iterable[Degradation] = ()) -> None:
        self._said: list[Degradation] = list(already)

    @property
    def degradations(self) -> tuple[Degradation, ...]:
        """Everything said so far, the caller's own first."""
        return tuple(self._said)

    def say(self, code: DegradationCode, text: str) -> None:
        """Remember one lack."""
        self._said.append(Degradation(code, text))

    def mended(self, key: str, what: str) -> None:
        """Remember that the value of `key` could not be true, and what was done."""
        self.say(DegradationCode.INPUT_MENDED, f"{key}: {what}.")

    def number(self, value: float, low: float, high: float, instead: float, key: str) -> float:
        """Return `value` if it is a number from `low` to `high`; the nearer bound, or `instead` for none at all."""
        if math.isnan(value):
            self.mended(key, f"expected a number, came nan; planned with {instead:g}")
            return instead
        if low <= value <= high:
            return float(value)
        nearest = low if value < low else high
        self.mended(key, f"expected {low:g} to {high:g}, came {value:g}; planned with {nearest:g}")
        return float(nearest)
