"""Holding producers back where the house would export more than the envelope allows and nobody can take it. Pure.

A producer is left alone until its power comes near the bound; then its limit follows what the house takes, found in
the same way as for storages (see `tracker`), until the bound is out of reach for a minute.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heg.control.lease_terms import Wish
from heg.control.snapshot import ActuatorImage, Known, Snapshot
from heg.control.tracker import LoadTracker, MeterDelay, follow
from heg.model.capabilities import ProducerCapability
from heg.model.envelope import Envelope
from heg.model.leases import Claimant, Reason, ReasonCode, SetPoint
from heg.model.regimes import Regime

_NEAR_KW = 0.1
_CLEAR_KW = 0.5
_CLEAR_S = 60.0


@dataclass(frozen=True, slots=True)
class Curtailment:
    """What one producer is told: its wish, or None to let go; and why."""

    wish: Wish | None
    reason: Reason


_FREE = Reason(ReasonCode.RELEASED, "Produces what it can.")


class Curtailer:
    """Decides for all curtailable producers of a unit together; what they may produce is split by their rated power."""

    def __init__(self, delay: MeterDelay) -> None:
        self._delay = delay
        self._names: tuple[str, ...] = ()
        self._tracker = LoadTracker(delay)
        self._limit_kw: float | None = None
        self._changed_s = -math.inf
        self._clear_since_s: float | None = None

    def decide(self, snapshot: Snapshot, envelope: Envelope, periods: Mapping[str, float]) -> dict[str, Curtailment]:
        """Return what each present producer is told; `periods` are the paces their registers may be written at (s)."""
        images = [
            image
            for image in snapshot.actuators.values()
            if isinstance(image.capability, ProducerCapability) and image.present
        ]
        if not images:
            return {}
        rated_kw = math.fsum(_rated(image) for image in images)
        limit_kw = self._limit(images, snapshot, envelope, rated_kw, max(periods.get(one.name, 0.0) for one in images))
        return {image.name: _told(image, limit_kw, rated_kw, envelope, snapshot) for image in images}

    def _limit(
        self, images: Sequence[ActuatorImage], snapshot: Snapshot, envelope: Envelope, rated_kw: float, period_s: float
    ) -> float | None:
        """Return the most that all may produce together, or None while nothing needs to be held back."""
        powers = [image.power_kw for image in images]
        known = [power for power in powers if isinstance(power, Known)]
        grid = snapshot.grid.power_kw
        if len(known) != len(powers) or not isinstance(grid, Known) or math.isinf(envelope.min_kw):
            return self._limit_kw  # not seen: what was held back stays held back
        produced_kw = math.fsum(power.value for power in known)
        allowed_kw = self._allowed(images, known, grid, envelope, rated_kw)
        if allowed_kw is None:
            return self._limit_kw
        now_s = snapshot.now_s
        if self._limit_kw is None:
            if produced_kw <= allowed_kw + _NEAR_KW:
                return None
            return self._set(allowed_kw, now_s)
        if self._cleared(allowed_kw - produced_kw, allowed_kw >= rated_kw, now_s):
            self._limit_kw = None
            return None
        if allowed_kw > self._limit_kw and now_s - self._changed_s < period_s:
            return self._limit_kw  # registers that wear: a limit is lifted at their pace, lowered at once
        return self._set(allowed_kw, now_s)

    def _allowed(
        self,
        images: Sequence[ActuatorImage],
        known: Sequence[Known],
        grid: Known,
        envelope: Envelope,
        rated_kw: float,
    ) -> float | None:
        names = tuple(image.name for image in images)
        if names != self._names:
            self._names, self._tracker = names, LoadTracker(self._delay)
        self._tracker.storages(min(power.arrived_s for power in known), -math.fsum(power.value for power in known))
        self._tracker.grid(grid.arrived_s, grid.value)
        load = self._tracker.load()
        if load is None:
            return None
        before_kw = rated_kw if self._limit_kw is None else self._limit_kw
        return follow(lambda load_kw: min(max(load_kw - envelope.min_kw, 0.0), rated_kw), load, before_kw)

    def _cleared(self, spare_kw: float, unbound: bool, now_s: float) -> bool:
        if not unbound and spare_kw < _CLEAR_KW:
            self._clear_since_s = None
            return False
        if self._clear_since_s is None:
            self._clear_since_s = now_s
        return now_s - self._clear_since_s >= _CLEAR_S

    def _set(self, limit_kw: float, now_s: float) -> float:
        if self._limit_kw is None or abs(limit_kw - self._limit_kw) > 1e-6:
            self._limit_kw, self._changed_s = limit_kw, now_s
        return self._limit_kw


def _rated(image: ActuatorImage) -> float:
    return image.capability.rated_kw if isinstance(image.capability, ProducerCapability) else 0.0


def _told(
    image: ActuatorImage, limit_kw: float | None, rated_kw: float, envelope: Envelope, snapshot: Snapshot
) -> Curtailment:
    if limit_kw is None or rated_kw <= 0:
        return Curtailment(None, _FREE)
    own_kw = round(limit_kw * _rated(image) / rated_kw, 3)
    source = f" ({envelope.min_source})" if envelope.min_source else ""
    text = f"Held to {own_kw:.2f} kW, so that no more than {-envelope.min_kw:g} kW is exported{source}."
    if not isinstance(snapshot.grid.power_kw, Known):
        text += " The grid meter does not answer: the limit stays."
    reason = Reason(ReasonCode.ENVELOPE, text)
    wish = Wish(
        SetPoint(power_kw=own_kw), Claimant.ENVELOPE, reason, Regime.LIMIT, False, 0.0, _rated(image), urgent=True
    )
    return Curtailment(wish, reason)
