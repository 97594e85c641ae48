"""Whether the connection point keeps its limits: each by its own averaging and reaction time (DESIGN.md, Two clocks 1).

The sharing of headroom keeps our actuators from leaving the envelope; the house alone may still leave it. Then the
owner is told before the fuse or the bill tells. Pure; times are monotonic seconds.
"""

from collections.abc import Sequence

from heg.model.envelope import EnvelopeLimit, EnvelopeSource, RunningMean, overdue

_TOLERANCE_KW = 0.05
_TOLERANCE_A = 0.25


class LimitWatch:
    """Sees the grid meter every cycle and says which limit has been exceeded for longer than it allows."""

    def __init__(self) -> None:
        self._means: dict[float, RunningMean] = {}
        self._outside_since_s: dict[EnvelopeSource, float] = {}

    def see(
        self, limits: Sequence[EnvelopeLimit], grid_kw: float | None, phase_a: Sequence[float], now_s: float
    ) -> str | None:
        """Take one cycle's measurements (None: the meter is not known, nothing can be said) and return a sentence for
        the first limit that is overdue, or None.
        """
        if grid_kw is None:
            self._means, self._outside_since_s = {}, {}
            return None
        windows = {limit.averaging_s for limit in limits}
        self._means = {w: self._means.get(w, RunningMean(w)).add(now_s, grid_kw) for w in windows}
        said = None
        for limit in limits:
            mean_kw = self._mean_kw(limit, grid_kw, now_s)
            excess = _excess(limit, mean_kw, phase_a)
            if excess is None:
                self._outside_since_s.pop(limit.source, None)
                continue
            since_s = self._outside_since_s.setdefault(limit.source, now_s)
            if said is None and overdue(since_s, limit, now_s):
                said = f"{limit.text or limit.source} is exceeded: {excess}. The house alone draws or feeds too much."
        return said

    def _mean_kw(self, limit: EnvelopeLimit, grid_kw: float, now_s: float) -> float:
        if limit.averaging_s <= 0:
            return grid_kw
        mean_kw = self._means[limit.averaging_s].kw(now_s)
        return grid_kw if mean_kw is None else mean_kw


def _excess(limit: EnvelopeLimit, mean_kw: float, phase_a: Sequence[float]) -> str | None:
    if mean_kw > limit.max_kw + _TOLERANCE_KW:
        return f"{mean_kw:.2f} kW import"
    if mean_kw < limit.min_kw - _TOLERANCE_KW:
        return f"{-mean_kw:.2f} kW export"
    most_a = max((abs(current_a) for current_a in phase_a), default=0.0)
    return f"{most_a:.1f} A on one phase" if most_a > limit.max_a_per_phase + _TOLERANCE_A else None
