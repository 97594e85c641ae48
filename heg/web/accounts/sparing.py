"""How many lines of one sort are worth their flash. Pure: some at once, then one now and then, the others counted."""


class Sparing:
    """Lets `at_once` through, then one every `every_s` seconds."""

    def __init__(self, at_once: int, every_s: float) -> None:
        self._at_once = at_once
        self._every_s = every_s
        self._room = float(at_once)
        self._at_s: float | None = None
        self._held_back = 0

    def admits(self, now_s: float) -> int | None:
        """Return how many were held back since the last one let through; None: this one is held back, too."""
        if self._at_s is not None:
            self._room = min(float(self._at_once), self._room + (now_s - self._at_s) / self._every_s)
        self._at_s = now_s
        if self._room < 1.0:
            self._held_back += 1
            return None
        self._room -= 1.0
        held_back, self._held_back = self._held_back, 0
        return held_back
