"""What a storage does beside what it is told, learnt while it stands still. Sans-IO; see docs/decisions.md."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

_SMALL_KW = 0.3
"""Below this power an error counts as an offset, above it as a share."""
_FOLLOWED = 0.3
"""A storage that moves by less than this share of a step did not follow it."""
_FLICKER_KW = 0.1
"""Readings further apart than this are not those of a storage that stands still."""
_FEWEST = 4
"""Readings without which no standstill is seen, however long a cycle is."""


class Trim:
    """Learns what a storage does beside what it is told (a gain error, an offset), once it stands still.

    Without it a storage that gives 90 % of its command would leave a tenth on the meter for ever. Each lesson is a
    small step that has to show: a storage that does not follow it is at a limit of its own (taper, temperature), where
    pushing would only wind up; the step is taken back and nothing more is tried at that power.
    """

    def __init__(
        self,
        *,
        steady_s: float = 8.0,
        steady_kw: float = 0.015,
        enough_kw: float = 0.02,
        step_share: float = 0.06,
        most_share: float = 0.25,
        most_offset_kw: float = 0.15,
    ) -> None:
        self._steady_s, self._steady_kw, self._enough_kw = steady_s, steady_kw, enough_kw
        self._step_share, self._most_share, self._most_offset_kw = step_share, most_share, most_offset_kw
        self._gain = 0.0
        self._offset_kw = 0.0
        self._wanted_kw = 0.0
        self._seen: list[tuple[float, float]] = []
        self._tried: _Step | None = None
        self._deaf_at_kw: float | None = None

    @property
    def kw(self) -> float:
        """What to add to the power wanted last (`learn`), in kW."""
        return self._offset_kw if abs(self._wanted_kw) < _SMALL_KW else self._gain * self._wanted_kw

    def learn(self, now_s: float, wanted_kw: float, measured_kw: float) -> None:
        """Compare what is wanted (without trim) with what is measured; only a standstill of both teaches anything."""
        if abs(self._wanted_kw - wanted_kw) > self._steady_kw:
            self._seen.clear()
        self._wanted_kw = wanted_kw
        self._seen.append((now_s, measured_kw))
        if now_s - self._seen[0][0] < self._steady_s or len(self._seen) < _FEWEST:
            return
        # It stands still when its readings lie together and the means of the two halves agree.
        half = len(self._seen) // 2
        first_kw, last_kw = (_mean(part) for part in (self._seen[:half], self._seen[half:]))
        flicker_kw = max(kw for _, kw in self._seen) - min(kw for _, kw in self._seen)
        del self._seen[0]
        if flicker_kw <= _FLICKER_KW and abs(last_kw - first_kw) <= self._steady_kw:
            self._seen.clear()
            self._conclude(wanted_kw, last_kw)

    def _conclude(self, wanted_kw: float, measured_kw: float) -> None:
        if self._tried is not None and abs(self._tried.wanted_kw - wanted_kw) <= self._steady_kw:
            step, self._tried = self._tried, None
            if abs(step.added_kw) > self._steady_kw and (measured_kw - step.before_kw) / step.added_kw < _FOLLOWED:
                self._gain, self._offset_kw, self._deaf_at_kw = step.gain, step.offset_kw, wanted_kw
                return
        missing_kw = wanted_kw - measured_kw
        if abs(missing_kw) <= self._enough_kw or self._deaf(wanted_kw):
            return
        self._step(wanted_kw, measured_kw, missing_kw)

    def _deaf(self, wanted_kw: float) -> bool:
        """At or beyond a power that the storage did not reach it is not asked for more."""
        if self._deaf_at_kw is None:
            return False
        if wanted_kw * self._deaf_at_kw > 0 and abs(wanted_kw) >= abs(self._deaf_at_kw) - _SMALL_KW:
            return True
        self._deaf_at_kw = None
        return False

    def _step(self, wanted_kw: float, measured_kw: float, missing_kw: float) -> None:
        before = self.kw
        self._tried = _Step(wanted_kw, measured_kw, 0.0, self._gain, self._offset_kw)
        if abs(wanted_kw) < _SMALL_KW:
            self._offset_kw = _within(self._offset_kw + missing_kw, self._most_offset_kw)
        else:
            share = _within(missing_kw / wanted_kw, self._step_share)
            self._gain = _within(self._gain + share, self._most_share)
        self._tried = replace(self._tried, added_kw=self.kw - before)


@dataclass(frozen=True, slots=True)
class _Step:
    """A lesson under test: where the storage stood, what was added, and what to go back to."""

    wanted_kw: float
    before_kw: float
    added_kw: float
    gain: float
    offset_kw: float


def _mean(samples: Sequence[tuple[float, float]]) -> float:
    return sum(kw for _, kw in samples) / len(samples)


def _within(value: float, most: float) -> float:
    return min(max(value, -most), most)
