"""Claims about appliances, as this service says them: only those that changed are written, and what stands is renewed.

A claim outlives its last renewal by a quarter of an hour, so that an end of this service leaves none standing for long.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from heg.data.door import Door
from heg.model.appliances import PowerState
from heg.model.instance import ANY, Location
from heg.model.leases import Claim, Claimant, Reason
from heg.model.policy import Role
from heg.runtime.clock import Clock

logger = logging.getLogger(__name__)

CLAIM_S = 900.0
RENEWED_EVERY_S = 300.0
_ENDED_S = 1e-3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants of one appliance: to be in a state, or only that later claims give it one of `states`.

    `lasting` and `turn` are those of a claim.
    """

    reason: Reason
    power_state: PowerState | None = None
    states: frozenset[PowerState] | None = None
    lasting: bool = False
    turn: int = 0


def called(who: str) -> str:
    """Return a stakeholder as the people of the house call it: in their own house they are no customer."""
    return "the owner" if who == Role.CUSTOMER else who


class Speaker:
    """Says one claimant's claims about all appliances of one unit."""

    def __init__(self, door: Door, clock: Clock, unit: str, claimant: Claimant) -> None:
        self._door, self._clock, self._unit, self._claimant = door, clock, unit, claimant
        self._said = dict(self._left())

    @property
    def said(self) -> frozenset[str]:
        """The appliances of which something is claimed."""
        return frozenset(self._said)

    def say(self, wanted: Mapping[str, Wanted]) -> int:
        """Claim this and nothing else; returns how many claims were written."""
        now_s, written = self._clock.monotonic_s(), 0
        for name, want in wanted.items():
            before = self._said.get(name)
            if before is not None and before[0] == want and now_s - before[1] < RENEWED_EVERY_S:
                continue
            if before is None or before[0] != want:
                logger.info("%s: %s", name, want.reason.text)
            self._said[name] = (want, now_s)
            self._write(name, self._claim(want, CLAIM_S))
            written += 1
        for name in [one for one in self._said if one not in wanted]:
            want, _ = self._said.pop(name)
            self._write(name, self._claim(want, _ENDED_S))
            written += 1
        return written

    def _left(self) -> Iterator[tuple[str, tuple[Wanted, float]]]:
        """What the service said in this process before it began anew: it stands until it is said otherwise."""
        now_s = self._clock.monotonic_s()
        pattern = Location(self._unit, ANY, self._claimant.name.lower())
        for one in self._door.latest_all("claim", pattern):
            claim = one.value
            if not isinstance(claim, Claim) or one.sequence == 0 or one.source != self._door.service:
                continue
            if one.age_s(now_s) < claim.valid_s:
                wanted = Wanted(claim.reason, claim.power_state, claim.states, claim.lasting, claim.turn)
                yield one.location.device, (wanted, one.arrived_s)

    def _claim(self, want: Wanted, valid_s: float) -> Claim:
        return Claim(
            self._claimant,
            want.reason,
            valid_s,
            states=want.states,
            power_state=want.power_state,
            lasting=want.lasting,
            turn=want.turn,
        )

    def _write(self, name: str, claim: Claim) -> None:
        self._door.write("claim", Location(self._unit, name, self._claimant.name.lower()), claim)
