"""Following measured power through delay: how an emulated regime finds the uncontrolled load without chasing itself.

The grid meter's value is older than it says (0.5 to 3 s), a storage answers with a lag of its own, and neither is
known exactly. The uncontrolled load is what the meter showed minus what our storages did *at that same moment*; taken
with the wrong moment, each move of ours looks like a load and is answered by another. So the tracker does not guess
the moment: over every moment that the meter's age allows it takes the lowest and the highest power the storages had,
and gets an *interval* for the load. A command that lies inside what the interval asks for stays as it is; one outside
moves to the nearest edge. While nothing of ours moves the interval is a point and the answer exact and at once (a step
is answered by one step); while we move, only what no possible age contradicts is corrected. Sans-IO; see
docs/decisions.md.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from heg.control.delay import OLDEST_S, AgeLearner, recent

Law = Callable[[float], float]
"""From uncontrolled load (kW, importing positive) to storage power (kW, charging positive); never rising."""

_MOST_SAMPLES = 128
_SETTLES_S = 15.0
"""A storage's sample this much older than the meter's moment may still say where it was then; later it has arrived."""


@dataclass(frozen=True, slots=True)
class MeterDelay:
    """How much older the grid meter's value may be than the storages' own, in seconds.

    `slack_s` is the time between two samples of the storages; `storage_behind_s` covers a storage whose value is older
    than the meter's. Defaults cover every meter of the specification; the commissioning step test narrows them.
    """

    least_s: float = 0.0
    most_s: float = 3.5
    slack_s: float = 1.0
    storage_behind_s: float = 1.5

    def scaled(self, cycle_s: float) -> "MeterDelay":
        """The same delay for another control cycle: the slack is one sample, never more than a second."""
        return replace(self, slack_s=min(self.slack_s, cycle_s))


@dataclass(frozen=True, slots=True)
class LoadInterval:
    """The uncontrolled load (kW, importing positive) lies between `low_kw` and `high_kw`."""

    low_kw: float
    high_kw: float

    @property
    def width_kw(self) -> float:
        """How much our own movement blurs the load."""
        return self.high_kw - self.low_kw


class LoadTracker:
    """Collects grid and storage power as they arrive and says what the uncontrolled load may be."""

    def __init__(self, delay: MeterDelay | None = None) -> None:
        self._delay = delay or MeterDelay()
        self._own: deque[tuple[float, float]] = deque(maxlen=_MOST_SAMPLES)
        self._told: deque[tuple[float, float]] = deque(maxlen=_MOST_SAMPLES)
        self._grid_kw = 0.0
        self._grid_at_s: float | None = None
        self._learner = AgeLearner(self._delay.most_s + self._delay.slack_s)

    @property
    def meter_age_s(self) -> float | None:
        """How old the meter's values were found to be, where that is more than was assumed; the owner should know."""
        return self._learner.age_s

    def told(self, at_s: float, total_kw: float) -> None:
        """Hand in the sum of the powers just commanded (kW): until it is seen, the storages may be there already."""
        if not self._told or self._told[-1][1] != total_kw:
            self._told.append((at_s, total_kw))

    def storages(self, at_s: float, total_kw: float) -> None:
        """Hand in the sum of the storages' measured power (charging positive) and when it was read (monotonic s)."""
        if self._own and at_s <= self._own[-1][0]:
            return
        self._own.append((at_s, total_kw))
        recent(self._own, at_s - OLDEST_S - self._delay.slack_s)

    def grid(self, at_s: float, grid_kw: float) -> None:
        """Hand in measured grid power (importing positive) and when it arrived (monotonic s)."""
        if at_s != self._grid_at_s:
            self._learner.learn(at_s, grid_kw, self._own)
        self._grid_at_s, self._grid_kw = at_s, grid_kw

    def load(self) -> LoadInterval | None:
        """Return what the uncontrolled load may have been when the meter measured, or None before both are known."""
        if self._grid_at_s is None or not self._own:
            return None
        possible = self._own_when_measured(self._grid_at_s)
        return LoadInterval(self._grid_kw - max(possible), self._grid_kw - min(possible))

    def _own_when_measured(self, grid_at_s: float) -> list[float]:
        most_s = max(self._delay.most_s, self._learner.age_s or 0.0)
        from_s = grid_at_s - most_s - self._delay.slack_s
        until_s = grid_at_s - self._delay.least_s + self._delay.slack_s
        inside = [kw for at_s, kw in self._own if from_s <= at_s <= until_s]
        if not inside:
            inside = [min(self._own, key=lambda sample: abs(sample[0] - grid_at_s))[1]]
        return inside + self._before_the_window(from_s) + self._where_a_late_storage_may_be(grid_at_s)

    def _before_the_window(self, from_s: float) -> list[float]:
        """With a cycle of several seconds the window begins between two samples, while a storage was on its way."""
        before = [sample for sample in self._own if sample[0] < from_s]
        after = [at_s for at_s, _ in self._own if at_s >= from_s]
        if not before or not after or after[0] - from_s <= self._delay.slack_s or from_s - before[-1][0] > _SETTLES_S:
            return []
        return [before[-1][1]]

    def _where_a_late_storage_may_be(self, grid_at_s: float) -> list[float]:
        """A storage whose value is older than the meter's may be at its new command, or further on its way to it."""
        behind_s = self._delay.storage_behind_s
        possible = [kw for at_s, kw in self._told if grid_at_s - behind_s <= at_s <= grid_at_s]
        if len(self._own) > 1:
            (before_s, before_kw), (last_s, last_kw) = self._own[-2], self._own[-1]
            possible.append(last_kw + (last_kw - before_kw) / (last_s - before_s) * behind_s)
        return possible


def follow(law: Law, load: LoadInterval, previous_kw: float) -> float:
    """Return the next command: the previous one where it may be right, else the nearest that may be (kW)."""
    wanted = law(load.high_kw), law(load.low_kw)
    return min(max(previous_kw, min(wanted)), max(wanted))
