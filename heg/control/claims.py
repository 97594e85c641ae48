"""Claims: ordered wishes narrow what an actuator may do; a later one never widens it (DESIGN.md, Two clocks 3).

Pure. A claim arrives through the door as an instance of variable `claim` at the actuator's location, `part` being its
claimant's name, so that each claimant has one claim per actuator.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from heg.model.instance import Instance
from heg.model.leases import Claim, Claimant, Reason, ReasonCode
from heg.model.regimes import RegimeOrder


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval of power in kW, both ends included."""

    low_kw: float
    high_kw: float

    def narrowed(self, low_kw: float | None, high_kw: float | None) -> "Interval":
        """Return what another interval leaves of this one: the overlap, or the nearest point of this one."""
        low = self.low_kw if low_kw is None else min(max(low_kw, self.low_kw), self.high_kw)
        high = self.high_kw if high_kw is None else min(max(high_kw, self.low_kw), self.high_kw)
        if low <= high:
            return Interval(low, high)
        # The other interval was empty or back to front; it says nothing that could be followed.
        return self

    def clamp(self, power_kw: float) -> float:
        """Return the power of this interval that is nearest to `power_kw`."""
        return min(max(power_kw, self.low_kw), self.high_kw)

    def contains(self, power_kw: float, tolerance_kw: float = 1e-9) -> bool:
        """Tell whether this power lies inside."""
        return self.low_kw - tolerance_kw <= power_kw <= self.high_kw + tolerance_kw


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of an interval and who set it."""

    claimant: Claimant
    reason: Reason


@dataclass(frozen=True, slots=True)
class Decision:
    """What the claims leave of one actuator: the interval, who bounds it, and the order to follow within it.

    `order` is None when nobody wants the actuator moved. `claim` is the one that gave the order.
    """

    interval: Interval
    low: Bound | None = None
    high: Bound | None = None
    order: RegimeOrder | None = None
    claim: Claim | None = None
    outvoted: tuple[Claim, ...] = ()


def decide(device: Interval, claims: Iterable[Claim]) -> Decision:
    """Fold the claims in their fixed order into one decision; `device` is what the device itself can do.

    A claim with an interval narrows. The first claim with an order settles the matter: what comes later is outvoted,
    for following it would undo what the earlier claimant was promised.
    """
    decision = Decision(device)
    outvoted: list[Claim] = []
    for claim in in_order(claims):
        if decision.order is not None:
            outvoted.append(claim)
            continue
        decision = _narrow(decision, claim)
    return Decision(decision.interval, decision.low, decision.high, decision.order, decision.claim, tuple(outvoted))


def in_order(claims: Iterable[Claim]) -> list[Claim]:
    """Return the claims in their fixed order."""
    return sorted(claims, key=_rank)


def _rank(claim: Claim) -> tuple[int, bool]:
    """Two claims of the owner's class: a step test runs to its end before what was ordered by hand goes on."""
    return claim.claimant, claim.reason.code is not ReasonCode.COMMISSIONING


def _narrow(decision: Decision, claim: Claim) -> Decision:
    interval = decision.interval.narrowed(claim.min_kw, claim.max_kw)
    bound = Bound(claim.claimant, claim.reason)
    return Decision(
        interval,
        low=bound if interval.low_kw > decision.interval.low_kw else decision.low,
        high=bound if interval.high_kw < decision.interval.high_kw else decision.high,
        order=claim.order,
        claim=claim if claim.order is not None else decision.claim,
    )


LONGEST_CLAIM_S = 7 * 86400.0
OWN_CLAIMS = frozenset({Claimant.SAFETY, Claimant.ENVELOPE, Claimant.MANUAL, Claimant.IDLE})


@dataclass(frozen=True, slots=True)
class ClaimBook:
    """Which claims are alive. `own_source` is the control room's service name: only it speaks for safety, envelope,
    the owner's manual command and idling; `allowed` may narrow who speaks for the others (empty: any service).
    """

    own_source: str
    allowed: Mapping[Claimant, frozenset[str]] = field(default_factory=dict)

    def alive(self, instances: Iterable[Instance], now_s: float) -> dict[str, tuple[Claim, ...]]:
        """Return the living claims of each device name; expired ones and ones without standing are left out."""
        by_device: dict[str, list[Claim]] = {}
        for instance in instances:
            claim = instance.value
            if isinstance(claim, Claim) and self._counts(instance, claim, now_s):
                by_device.setdefault(instance.location.device, []).append(claim)
        return {device: tuple(claims) for device, claims in by_device.items()}

    def _counts(self, instance: Instance, claim: Claim, now_s: float) -> bool:
        if not _sound(claim) or instance.age_s(now_s) >= claim.valid_s:
            return False
        if claim.claimant in OWN_CLAIMS:
            return instance.source == self.own_source
        sources = self.allowed.get(claim.claimant)
        return sources is None or instance.source in sources


def _sound(claim: Claim) -> bool:
    """Refuse what could never be followed or would never end: a figure that is none, an endless validity."""
    figures = [figure for figure in (claim.min_kw, claim.max_kw) if figure is not None]
    if claim.order is not None:
        figures.append(claim.order.power_kw)
    return 0 < claim.valid_s <= LONGEST_CLAIM_S and not any(math.isnan(figure) for figure in figures)
