"""What is due when, for many: the earliest first, each name once. Pure; monotonic seconds are handed in."""

import heapq
import math

_SLACK = 64


class Agenda:
    """Names with the time at which each is due next."""

    def __init__(self) -> None:
        self._due_s: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._due_s)

    def put(self, name: str, due_s: float, now_s: float = -math.inf) -> None:
        """Have a name due then, whatever it was before; infinite: never. What is overdue has its turn in order."""
        if due_s <= now_s:
            if self._due_s.get(name, math.inf) <= now_s:
                return
            due_s = now_s
        if math.isinf(due_s) and due_s > 0.0:
            self._due_s.pop(name, None)
            return
        if self._due_s.get(name) == due_s:
            return
        self._due_s[name] = due_s
        heapq.heappush(self._heap, (due_s, name))
        if len(self._heap) > 2 * len(self._due_s) + _SLACK:
            self._heap = [(due, one) for one, due in self._due_s.items()]
            heapq.heapify(self._heap)

    def take(self, now_s: float) -> str | None:
        """Return the name that is due first and forget it; None when none is due yet."""
        while self._heap and self._heap[0][0] <= now_s:
            due_s, name = heapq.heappop(self._heap)
            if self._due_s.get(name) == due_s:
                del self._due_s[name]
                return name
        return None

    def next_s(self) -> float:
        """Return when the next is due; infinite: nothing is."""
        while self._heap and self._due_s.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf
