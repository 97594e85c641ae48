"""What claims leave of an appliance: the power states it may be in, and the one it is to take. Pure.

The discrete twin of `claims.decide`: a set of states is narrowed in place of an interval, in the same fixed order.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from heg.control.claims import in_order
from heg.model.appliances import PowerState
from heg.model.leases import Claim

ALL_STATES = frozenset(PowerState)


@dataclass(frozen=True, slots=True)
class StateDecision:
    """What is left: the states permitted, who narrowed them last, the state to take and who gave that order.

    `power_state` is None when nobody orders anything that is permitted. `outvoted` are orders that are not followed.
    """

    permitted: frozenset[PowerState] = ALL_STATES
    bound: Claim | None = None
    power_state: PowerState | None = None
    claim: Claim | None = None
    outvoted: tuple[Claim, ...] = ()


def decide_states(claims: Iterable[Claim]) -> StateDecision:
    """Fold the claims in their fixed order into one decision.

    A claim with states narrows; one that would leave none says nothing. The first order for a state that is still
    permitted settles the matter: what comes later is outvoted, as is an earlier order for a state that is not.
    """
    permitted, bound = ALL_STATES, None
    settled: Claim | None = None
    outvoted: list[Claim] = []
    for claim in in_order(claims):
        if settled is None and (left := permitted & (claim.states or ALL_STATES)) and left != permitted:
            permitted, bound = left, claim
        if claim.power_state is None:
            continue
        if settled is None and claim.power_state in permitted:
            settled = claim
        else:
            outvoted.append(claim)
    state = None if settled is None else settled.power_state
    return StateDecision(permitted, bound, state, settled, tuple(outvoted))
