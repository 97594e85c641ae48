"""How often each of many may come: a pure bucket for each, in bounded room."""


class Pace:
    """How often one may come: so many at once, then so many a second."""

    def __init__(self, at_once: float, a_second: float, most: int = 1024) -> None:
        self._at_once, self._a_second, self._most = at_once, a_second, most
        self._left: dict[str, tuple[float, float]] = {}

    def may(self, who: str, now_s: float) -> bool:
        """Take one of what is left to somebody."""
        left, then_s = self._left.pop(who, (self._at_once, now_s))
        left = min(self._at_once, left + (now_s - then_s) * self._a_second)
        if len(self._left) >= self._most:  # who came longest ago is forgotten, and begins anew
            del self._left[next(iter(self._left))]
        may = left >= 1.0
        self._left[who] = (left - 1.0 if may else left, now_s)
        return may
