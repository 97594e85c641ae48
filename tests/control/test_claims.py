"""Claims narrow in their order, and a later one never widens what an earlier one left."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.control.claims import ClaimBook, Interval, decide
from heg.model.instance import Instance, Location
from heg.model.leases import Claim, Claimant, Reason, ReasonCode
from heg.model.regimes import Regime, RegimeOrder

WHY = Reason(ReasonCode.PLAN, "because")
DEVICE = Interval(-5.0, 5.0)

powers = st.none() | st.floats(-20, 20)
claims = st.builds(
    Claim,
    claimant=st.sampled_from(Claimant),
    reason=st.just(WHY),
    valid_s=st.just(10.0),
    min_kw=powers,
    max_kw=powers,
    order=st.none() | st.builds(RegimeOrder, regime=st.sampled_from(Regime), power_kw=st.floats(0, 10)),
)


def claim(
    claimant: Claimant, low: float | None = None, high: float | None = None, regime: Regime | None = None
) -> Claim:
    order = RegimeOrder(regime) if regime is not None else None
    return Claim(claimant, WHY, 10.0, low, high, order)


@given(st.lists(claims, max_size=8))
def test_a_later_claim_never_widens_what_an_earlier_one_left(made: list[Claim]) -> None:
    ordered = sorted(made, key=lambda one: one.claimant)
    for count in range(len(ordered)):
        before, with_one_more = decide(DEVICE, ordered[:count]).interval, decide(DEVICE, ordered[: count + 1]).interval
        assert before.contains(with_one_more.low_kw)
        assert before.contains(with_one_more.high_kw)
        assert with_one_more.low_kw <= with_one_more.high_kw


@given(st.lists(claims, max_size=8), st.randoms())
def test_the_first_order_stands_whatever_comes_later_and_in_whatever_sequence(
    made: list[Claim], random: object
) -> None:
    by_claimant = {one.claimant: one for one in made}
    shuffled = list(by_claimant.values())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    decision = decide(DEVICE, shuffled)
    orders = [one for one in sorted(by_claimant.values(), key=lambda one: one.claimant) if one.order]
    assert decision.claim == (orders[0] if orders else None)


def test_a_disjoint_wish_gets_the_nearest_point_that_is_left() -> None:
    decision = decide(DEVICE, [claim(Claimant.ENVELOPE, high=1.0), claim(Claimant.UTILITY, low=3.0, high=4.0)])
    assert decision.interval == Interval(1.0, 1.0)
    assert decision.high is not None
    assert decision.high.claimant is Claimant.ENVELOPE


def test_the_owners_manual_order_outvotes_plan_and_idle() -> None:
    decision = decide(
        DEVICE,
        [
            claim(Claimant.IDLE, regime=Regime.BALANCE),
            claim(Claimant.PLAN, high=0.0, regime=Regime.DISCHARGE),
            claim(Claimant.MANUAL, regime=Regime.CHARGE),
        ],
    )
    assert decision.order == RegimeOrder(Regime.CHARGE)
    assert decision.interval == DEVICE
    assert [one.claimant for one in decision.outvoted] == [Claimant.PLAN, Claimant.IDLE]


def at(claimed: Claim, arrived_s: float, source: str = "planner", device: str = "battery") -> Instance:
    place = Location("home", device, claimed.claimant.name.lower())
    return Instance("claim", place, claimed, datetime(2026, 1, 1, tzinfo=UTC), source=source, arrived_s=arrived_s)


def test_a_claim_expires_by_monotonic_time() -> None:
    book = ClaimBook("control")
    planned = at(claim(Claimant.PLAN, regime=Regime.HOLD), arrived_s=100.0)
    assert book.alive([planned], 109.9) == {"battery": (planned.value,)}
    assert book.alive([planned], 110.0) == {}


@pytest.mark.parametrize("claimant", [Claimant.SAFETY, Claimant.ENVELOPE, Claimant.MANUAL, Claimant.IDLE])
def test_nobody_else_speaks_for_safety_envelope_or_the_owner(claimant: Claimant) -> None:
    book = ClaimBook("control")
    assert book.alive([at(claim(claimant, regime=Regime.HOLD), 0.0, source="planner")], 1.0) == {}
    assert book.alive([at(claim(claimant, regime=Regime.HOLD), 0.0, source="control")], 1.0) != {}


def test_the_unit_may_say_who_speaks_for_the_plan() -> None:
    book = ClaimBook("control", {Claimant.PLAN: frozenset({"planner"})})
    wish = claim(Claimant.PLAN, regime=Regime.HOLD)
    assert book.alive([at(wish, 0.0, source="exports")], 1.0) == {}
    assert book.alive([at(wish, 0.0, source="planner")], 1.0) != {}


@pytest.mark.parametrize(
    "broken",
    [
        Claim(Claimant.PLAN, WHY, float("nan")),
        Claim(Claimant.PLAN, WHY, float("inf")),
        Claim(Claimant.PLAN, WHY, 10.0, min_kw=float("nan")),
        Claim(Claimant.PLAN, WHY, 10.0, order=RegimeOrder(Regime.CHARGE, float("nan"))),
    ],
)
def test_a_claim_that_cannot_be_followed_or_never_ends_has_no_say(broken: Claim) -> None:
    assert ClaimBook("control").alive([at(broken, 0.0)], 1.0) == {}
