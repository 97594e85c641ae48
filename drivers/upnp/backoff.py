"""Who has just failed is left alone for a while, longer each time: silent hosts, servers that are wrong. Pure."""

from dataclasses import dataclass

_FIRST_S, _LONGEST_S = 2.0, 600.0


@dataclass(slots=True)
class _Failing:
    times: int
    until_s: float


class BackOff:
    """Back-off by name; of at most `most` names, the oldest are forgotten first."""

    def __init__(self, *, most: int = 1024, longest_s: float = _LONGEST_S) -> None:
        self._most = most
        self._longest_s = longest_s
        self._failing: dict[str, _Failing] = {}

    def left_s(self, name: str, now_s: float) -> float:
        """Seconds for which it is still to be left alone; 0: it may be asked."""
        failing = self._failing.get(name)
        return 0.0 if failing is None else max(0.0, failing.until_s - now_s)

    def is_failing(self, name: str) -> bool:
        """Tell whether it has failed since it last did well."""
        return name in self._failing

    def failed(self, name: str, now_s: float) -> None:
        """It failed again."""
        before = self._failing.pop(name, None)
        times = 1 if before is None else before.times + 1
        if len(self._failing) >= self._most:
            del self._failing[next(iter(self._failing))]
        self._failing[name] = _Failing(times, now_s + min(_FIRST_S * 2.0 ** min(times - 1, 16), self._longest_s))

    def succeeded(self, name: str) -> None:
        """All is well."""
        self._failing.pop(name, None)
