"""The envelope of a connection point: an interval in kW and in A per phase (DESIGN.md, Two clocks 1).

How the headroom inside it is shared among actuators: heg/model/headroom.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class EnvelopeSource(StrEnum):
    """Who bounds the connection point."""

    CONTRACT = "contract"
    DSO = "dso"
    UTILITY = "utility"
    TUBE = "tube"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class EnvelopeLimit:
    """One source's say: kW at the connection point (positive importing), amperes per phase, and how it is measured.

    `averaging_s` is the time over which the limit counts, `reaction_s` the time within which it must be held.
    """

    source: EnvelopeSource
    min_kw: float = float("-inf")
    max_kw: float = float("inf")
    max_a_per_phase: float = float("inf")
    averaging_s: float = 0.0
    reaction_s: float = 10.0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The interval that all sources together leave; `min_source` and `max_source` name the ones that bind."""

    min_kw: float = float("-inf")
    max_kw: float = float("inf")
    max_a_per_phase: float = float("inf")
    min_source: EnvelopeSource | None = None
    max_source: EnvelopeSource | None = None
    limits: tuple[EnvelopeLimit, ...] = ()


_PRECEDENCE = (
    EnvelopeSource.CONTRACT,
    EnvelopeSource.DSO,
    EnvelopeSource.PRODUCTION,
    EnvelopeSource.UTILITY,
    EnvelopeSource.TUBE,
)
"""Where two sources contradict each other the earlier keeps its word: what protects wires before what saves money."""


def combine(limits: Iterable[EnvelopeLimit]) -> Envelope:
    """Return the interval that all limits together leave. No limits: no envelope, for nobody has a say.

    A limit that contradicts an earlier one (its lowest above the other's highest) gives way as far as it must.
    """
    ordered = tuple(sorted(limits, key=lambda limit: _PRECEDENCE.index(limit.source)))
    envelope = Envelope(limits=ordered)
    for limit in ordered:
        envelope = _narrowed(envelope, limit)
    return envelope


@dataclass(frozen=True, slots=True)
class SourceVoice:
    """A configured source: what it last said and when (monotonic), how long that holds, and what holds in silence.

    A limit that never changes (the supply contract) has `max_age_s` infinite.
    """

    fail_safe: EnvelopeLimit
    max_age_s: float = float("inf")
    heard: EnvelopeLimit | None = None
    heard_at_s: float = 0.0

    def silent(self, now_s: float) -> bool:
        """Tell whether the source has said nothing that still holds."""
        return self.heard is None or now_s - self.heard_at_s > self.max_age_s

    def limit(self, now_s: float) -> EnvelopeLimit:
        """Return what counts now: the last word while it holds, then the fail-safe; never *no limit*."""
        return self.fail_safe if self.heard is None or self.silent(now_s) else self.heard


@dataclass(frozen=True, slots=True)
class RunningMean:
    """Mean power over the last `window_s` seconds, from samples that each hold until the next; times are monotonic."""

    window_s: float
    samples: tuple[tuple[float, float], ...] = ()

    def add(self, now_s: float, kw: float) -> "RunningMean":
        """Return the mean with one more sample; what is older than the window and holds no more is forgotten."""
        start_s = now_s - self.window_s
        after = tuple(sample for sample in self.samples if sample[0] > start_s)
        before = self.samples[: len(self.samples) - len(after)][-1:]
        return RunningMean(self.window_s, (*((start_s, kw_) for _, kw_ in before), *after, (now_s, kw)))

    def kw(self, now_s: float) -> float | None:
        """Return the mean as of `now_s`; None before the first sample."""
        if not self.samples:
            return None
        ends = [at_s for at_s, _ in self.samples[1:]] + [now_s]
        pieces = [(end_s - at_s, kw) for (at_s, kw), end_s in zip(self.samples, ends, strict=True)]
        seconds = sum(piece for piece, _ in pieces)
        return sum(piece * kw for piece, kw in pieces) / seconds if seconds > 0 else self.samples[-1][1]


def overdue(outside_since_s: float | None, limit: EnvelopeLimit, now_s: float) -> bool:
    """Tell whether the connection point has been outside this limit for longer than its reaction time."""
    return outside_since_s is not None and now_s - outside_since_s > limit.reaction_s


def _narrowed(envelope: Envelope, limit: EnvelopeLimit) -> Envelope:
    low = min(max(limit.min_kw, envelope.min_kw), envelope.max_kw)
    high = max(min(limit.max_kw, envelope.max_kw), low)
    return Envelope(
        low,
        high,
        min(envelope.max_a_per_phase, limit.max_a_per_phase),
        limit.source if low > envelope.min_kw else envelope.min_source,
        limit.source if high < envelope.max_kw else envelope.max_source,
        envelope.limits,
    )
