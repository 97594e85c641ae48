"""Claims narrow an appliance's states in their order; a later one never gives back what an earlier one took."""

from hypothesis import given
from hypothesis import strategies as st

from heg.control.states import ALL_STATES, decide_states
from heg.model.appliances import PowerState
from heg.model.leases import Claim, Claimant, Reason, ReasonCode

WHY = Reason(ReasonCode.AUTOMATION, "because")
ON, STANDBY, OFF = PowerState.ON, PowerState.STANDBY, PowerState.OFF

claims = st.builds(
    Claim,
    claimant=st.sampled_from(Claimant),
    reason=st.just(WHY),
    valid_s=st.just(10.0),
    states=st.none() | st.frozensets(st.sampled_from(PowerState)),
    power_state=st.none() | st.sampled_from(PowerState),
)


def claim(claimant: Claimant, state: PowerState | None = None, *states: PowerState) -> Claim:
    return Claim(claimant, WHY, 10.0, states=frozenset(states) or None, power_state=state)


@given(st.lists(claims, max_size=8))
def test_a_later_claim_never_gives_back_what_an_earlier_one_took_and_something_is_always_left(
    made: list[Claim],
) -> None:
    ordered = sorted(made, key=lambda one: one.claimant)
    for count in range(len(ordered)):
        before, now = decide_states(ordered[:count]), decide_states(ordered[: count + 1])
        assert now.permitted
        assert now.permitted <= before.permitted
        if before.power_state is not None:
            assert (now.power_state, now.claim, now.permitted) == (before.power_state, before.claim, before.permitted)


@given(st.lists(claims, max_size=8), st.randoms())
def test_the_first_permitted_order_settles_whatever_the_sequence(made: list[Claim], random: object) -> None:
    by_claimant = {one.claimant: one for one in made}
    shuffled = list(by_claimant.values())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    decision = decide_states(shuffled)
    assert decision == decide_states(sorted(by_claimant.values(), key=lambda one: one.claimant))
    assert decision.power_state is None or decision.power_state in decision.permitted
    orders = [one for one in by_claimant.values() if one.power_state is not None]
    assert len(orders) == len(decision.outvoted) + (decision.claim is not None)
    earlier = [
        one for one in decision.outvoted if decision.claim is not None and one.claimant < decision.claim.claimant
    ]
    assert all(one.power_state not in decision.permitted for one in earlier)


def test_a_claim_that_would_leave_nothing_says_nothing() -> None:
    decision = decide_states([claim(Claimant.APPLIANCE, None, ON), claim(Claimant.UTILITY, None, OFF, STANDBY)])
    assert decision.permitted == {ON}
    assert decide_states([claim(Claimant.UTILITY)]).permitted == ALL_STATES


def test_no_standby_keeps_automation_from_putting_it_to_sleep_and_the_envelope_goes_before_both() -> None:
    wake, asleep = claim(Claimant.APPLIANCE, None, ON), claim(Claimant.AUTOMATION, STANDBY)
    kept = decide_states([asleep, wake])
    assert kept.power_state is None
    assert kept.outvoted == (asleep,)
    assert kept.bound == wake
    shed = claim(Claimant.ENVELOPE, OFF)
    decision = decide_states([wake, claim(Claimant.MANUAL, ON), shed])
    assert decision.claim == shed
    assert [one.claimant for one in decision.outvoted] == [Claimant.MANUAL]
