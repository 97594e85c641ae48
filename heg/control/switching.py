"""What every appliance is told this cycle: the state its claims leave, not switched more often than it stands. Pure.

An appliance nobody asks anything of is left alone. `min_on_s` and `min_off_s` count from our own switching: for so long
it stays as it was put, unless safety, the envelope, its owner's hand or itself wants otherwise. Loss row
`appliance-lost`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from heg.control.deciding import Outcome, Told
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


@dataclass(frozen=True, slots=True)
class _Standing:
    """How an appliance was put last: the state (None: given back), for whom, and how long it stays so at least."""

    state: PowerState | None
    claim: Claim | None
    until_s: float


class Switcher:
    """Decides for all appliances of one unit, cycle after cycle."""

    def __init__(self) -> None:
        self._standing: dict[str, _Standing] = {}

    def decide(
        self,
        images: Iterable[ApplianceImage],
        shed: Mapping[str, Claim],
        told: Mapping[str, Told],
        now_s: float,
    ) -> dict[str, Outcome]:
        """Return what each is told; `shed` are the envelope's orders, `told` what stands under our leases."""
        self._forget(now_s, told)
        return {image.name: self._outcome(image, shed.get(image.name), told, now_s) for image in images}

    def _outcome(self, image: ApplianceImage, shed: Claim | None, told: Mapping[str, Told], now_s: float) -> Outcome:
        if not image.present:
            held = told.get(image.name, Told()).stands is not None
            text = f"{image.name} does not answer; it is waited for."
            return Outcome(None, Reason(ReasonCode.APPLIANCE_LOST, text), _LOST.id if held else "")
        decision = decide_states(image.claims if shed is None else (shed, *image.claims))
        outvoted = tuple(_sentence(claim) for claim in decision.outvoted)
        before = self._standing.get(image.name) or self._inherited(image.name, told, now_s)
        if before is not None and (kept := _kept(image, before, decision, now_s)) is not None:
            return kept
        if decision.power_state is None or decision.claim is None:
            self._give_back(image, before, now_s)
            return Outcome(None, decision.bound.reason if decision.bound else _NOBODY, outvoted=outvoted)
        if before is None or before.state is not decision.power_state:
            until_s = now_s + _least_s(image, decision.power_state)
        else:
            until_s = before.until_s
        self._standing[image.name] = _Standing(decision.power_state, decision.claim, until_s)
        return Outcome(_wish(decision.power_state, decision.claim), decision.claim.reason, outvoted=outvoted)

    def _inherited(self, name: str, told: Mapping[str, Told], now_s: float) -> _Standing | None:
        """A lease of the process before: it goes on as it is until those who claim have spoken again."""
        stands = told.get(name, Told()).stands
        if stands is None or stands.reason.code is not ReasonCode.RECOVERED:
            return None
        claim = Claim(stands.owner, stands.reason, _RESUMED_S, power_state=stands.set_point.power_state)
        self._standing[name] = _Standing(stands.set_point.power_state, claim, now_s + _RESUMED_S)
        return self._standing[name]

    def _give_back(self, image: ApplianceImage, before: _Standing | None, now_s: float) -> None:
        """Going back to what it was is a switching, too."""
        if before is not None and before.state is not None:
            least_s = max(image.capability.min_on_s, image.capability.min_off_s)
            self._standing[image.name] = _Standing(None, None, now_s + least_s)

    def _forget(self, now_s: float, told: Mapping[str, Told]) -> None:
        over = [name for name, one in self._standing.items() if now_s >= one.until_s and name not in told]
        for name in over:
            del self._standing[name]


def _kept(image: ApplianceImage, before: _Standing, decision: StateDecision, now_s: float) -> Outcome | None:
    """Return what one that was switched lately stays at; None where it may go another way at once."""
    if now_s >= before.until_s or (before.state is not None and decision.power_state is before.state):
        return None
    if decision.claim is not None and (decision.claim.claimant <= Claimant.APPLIANCE or _resumed(before)):
        return None
    minutes = max(1, round((before.until_s - now_s) / 60))
    outvoted = tuple(_sentence(claim) for claim in (decision.claim, *decision.outvoted) if claim is not None)
    if before.state is None or before.claim is None:
        if decision.power_state in (None, image.state):
            return None
        text = f"It was switched only just now: it is left as it is for {minutes} min."
        return Outcome(None, Reason(ReasonCode.SWITCHED_LATELY, text), outvoted=outvoted)
    if before.state not in decision.permitted or before.claim.claimant is Claimant.MANUAL:
        return None
    text = f"{before.claim.reason.text} It stays {before.state} for {minutes} min: it was switched only just now."
    reason = before.claim.reason if _resumed(before) else Reason(ReasonCode.SWITCHED_LATELY, text)
    return Outcome(_wish(before.state, before.claim), reason, outvoted=outvoted)


def _resumed(before: _Standing) -> bool:
    return before.claim is not None and before.claim.reason.code is ReasonCode.RECOVERED


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
