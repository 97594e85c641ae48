"""What every appliance is told this cycle: the state its claims leave, not switched more often than it stands. Pure.

An appliance nobody asks anything of is left alone. `min_on_s` and `min_off_s` count from our own switching, also from
one of the process before: for so long it stays as it was put, unless safety, the envelope, its owner's hand or itself
wants otherwise. Loss row `appliance-lost`.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from heg.control.deciding import Outcome, Told
from heg.control.journal_format import key_of
from heg.control.lease_terms import Wish
from heg.control.snapshot import ApplianceImage
from heg.control.states import StateDecision, decide_states
from heg.model.appliances import PowerState
from heg.model.leases import Claim, Claimant, Reason, ReasonCode, SetPoint
from heg.model.losses import loss
from heg.model.regimes import Regime

_LOST = loss("appliance-lost")
_NOBODY = Reason(ReasonCode.RELEASED, "Nobody asks anything of it.")
_RESUMED_S = 60.0
"""So long an appliance stays as the process before left it: who claims needs a moment after a start."""
_LONGEST_S = 86_400.0
"""Longer than a day nothing has to stay as it was put."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """How an appliance was put last: the state (None: given back), for whom, and how long it stays so at least.

    `awaits_s`: until then it is waited for those who may claim it.
    """

    state: PowerState | None
    claim: Claim | None
    until_s: float
    awaits_s: float = -math.inf

    def left_s(self, now_s: float) -> float:
        """So long it counts still, in seconds."""
        return max(0.0, max(self.until_s, self.awaits_s) - now_s)


class Switcher:
    """Decides for all appliances of one unit, cycle after cycle."""

    def __init__(self) -> None:
        self._standing: dict[str, _Standing] = {}
        self._switched: dict[str, float] = {}

    def was_switched(self, key: str, at_s: float) -> None:
        """One was given back, or the process before switched it, at that monotonic time; `key` is the journal's."""
        old = [one for one, then_s in self._switched.items() if at_s - then_s > _LONGEST_S]
        for one in old:
            del self._switched[one]
        self._switched[key] = at_s
        for identity in [one for one in self._standing if key_of(one) == key]:
            del self._standing[identity]  # whatever it was to be, decided before

    def decide(
        self,
        images: Iterable[ApplianceImage],
        shed: Mapping[str, Claim],
        told: Mapping[str, Told],
        now_s: float,
    ) -> dict[str, Outcome]:
        """Return what each is told; `shed` are the envelope's orders, `told` what stands under our leases."""
        looked = tuple(images)
        self._forget(now_s, {image.identity for image in looked if image.name in told})
        return {image.name: self._outcome(image, shed.get(image.name), told, now_s) for image in looked}

    def _outcome(self, image: ApplianceImage, shed: Claim | None, told: Mapping[str, Told], now_s: float) -> Outcome:
        if not image.present:
            held = told.get(image.name, Told()).stands is not None
            text = f"{image.name} does not answer; it is waited for."
            return Outcome(None, Reason(ReasonCode.APPLIANCE_LOST, text), _LOST.id if held else "")
        decision = decide_states(image.claims if shed is None else (shed, *image.claims))
        outvoted = tuple(_sentence(claim) for claim in decision.outvoted)
        before = self._before(image, told, now_s)
        if before is not None and (kept := _kept(image, before, decision, now_s)) is not None:
            return kept
        if decision.power_state is None or decision.claim is None:
            if (guarded := _guarded(image, told.get(image.name, Told()).stands, decision)) is not None:
                return replace(guarded, outvoted=outvoted)
            self._give_back(image, before, now_s)
            return Outcome(None, decision.bound.reason if decision.bound else _NOBODY, outvoted=outvoted)
        if before is None or before.state is not decision.power_state:
            until_s = now_s + _least_s(image, decision.power_state)
        else:
            until_s = before.until_s
        self._standing[image.identity] = _Standing(decision.power_state, decision.claim, until_s)
        return Outcome(_wish(decision.power_state, decision.claim), decision.claim.reason, outvoted=outvoted)

    def _before(self, image: ApplianceImage, told: Mapping[str, Told], now_s: float) -> _Standing | None:
        standing = self._standing.get(image.identity)
        stands = told.get(image.name, Told()).stands
        switched_s = self._switched.get(key_of(image.identity))
        if standing is None and stands is not None and stands.reason.code is ReasonCode.RECOVERED:
            standing = self._standing[image.identity] = _inherited(image, stands, switched_s, now_s)
        elif standing is None and switched_s is not None:
            return _given_back(image, switched_s)
        return standing

    def _give_back(self, image: ApplianceImage, before: _Standing | None, now_s: float) -> None:
        """Going back to what it was is a switching, too."""
        if before is not None and before.state is not None:
            self._standing[image.identity] = _given_back(image, now_s)

    def _forget(self, now_s: float, told: Collection[str]) -> None:
        for identity in [one for one, it in self._standing.items() if not it.left_s(now_s) and one not in told]:
            del self._standing[identity]


def _inherited(image: ApplianceImage, stands: Wish, switched_s: float | None, now_s: float) -> _Standing:
    """A lease of the process before: it goes on as it is until those who claim have spoken again."""
    state = stands.set_point.power_state
    claim = Claim(stands.owner, stands.reason, _RESUMED_S, power_state=state)
    until_s = -math.inf if switched_s is None or state is None else switched_s + _least_s(image, state)
    return _Standing(state, claim, until_s, awaits_s=now_s + _RESUMED_S)


def _given_back(image: ApplianceImage, at_s: float) -> _Standing:
    return _Standing(None, None, at_s + max(image.capability.min_on_s, image.capability.min_off_s))


def _kept(image: ApplianceImage, before: _Standing, decision: StateDecision, now_s: float) -> Outcome | None:
    """Return what one that was switched lately stays at; None where it may go another way at once."""
    left_s = before.left_s(now_s)
    if not left_s or (before.state is not None and decision.power_state is before.state):
        return None
    if decision.claim is not None and (decision.claim.claimant <= Claimant.APPLIANCE or now_s >= before.until_s):
        return None
    minutes = max(1, round(left_s / 60))
    outvoted = tuple(_sentence(claim) for claim in (decision.claim, *decision.outvoted) if claim is not None)
    if before.state is None or before.claim is None:
        if decision.power_state in (None, image.state):
            return None
        text = f"It was switched only just now: it is left as it is for {minutes} min."
        return Outcome(None, Reason(ReasonCode.SWITCHED_LATELY, text), outvoted=outvoted)
    if before.state not in decision.permitted or _ended_by_hand(before.claim):
        return None
    text = f"{before.claim.reason.text} It stays {before.state} for {minutes} min: it was switched only just now."
    awaited = now_s < before.awaits_s and decision.claim is None
    reason = before.claim.reason if awaited else Reason(ReasonCode.SWITCHED_LATELY, text)
    return Outcome(_wish(before.state, before.claim), reason, outvoted=outvoted)


def _guarded(image: ApplianceImage, stands: Wish | None, decision: StateDecision) -> Outcome | None:
    """Return how one stays on that is on by our order, which is over: to give it back would put it to standby.

    Somebody who goes before the rest asks that this is not done now. Where its user put it so meanwhile, it is let go.
    """
    bound = decision.bound
    if stands is None or bound is None or stands.set_point.lasting:
        return None
    if image.state is not stands.set_point.power_state or image.state not in decision.permitted:
        return None
    return Outcome(replace(stands, owner=bound.claimant, reason=bound.reason), bound.reason)


def _ended_by_hand(before: Claim) -> bool:
    """An order by hand ends when its owner says so, or at its time; one of a process that ended was not meant to."""
    return before.claimant is Claimant.MANUAL and before.reason.code is not ReasonCode.RECOVERED


def _least_s(image: ApplianceImage, state: PowerState) -> float:
    return image.capability.min_on_s if state is PowerState.ON else image.capability.min_off_s


def _wish(state: PowerState, claim: Claim) -> Wish:
    return Wish(
        SetPoint(power_state=state, lasting=claim.lasting, turn=claim.turn),
        claim.claimant,
        claim.reason,
        Regime.HOLD,
        native=False,
        min_kw=0.0,
        max_kw=0.0,
        urgent=claim.claimant <= Claimant.MANUAL,
    )


def _sentence(claim: Claim) -> str:
    return f"{claim.claimant.name.lower()} asks for {claim.power_state}: {claim.reason.text}"
