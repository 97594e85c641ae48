"""What appliances are told, whoever claims what when: ranks are kept, and nobody is switched faster than it stands."""

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from heg.control.deciding import Outcome, Told
from heg.control.snapshot import ApplianceImage
from heg.control.switching import Switcher
from heg.model.appliances import PowerState
from heg.model.capabilities import ApplianceCapability
from heg.model.leases import Claim, Claimant, Reason, ReasonCode

ON, STANDBY, OFF = PowerState.ON, PowerState.STANDBY, PowerState.OFF
RESTS = frozenset({STANDBY, OFF})
WHY = Reason(ReasonCode.AUTOMATION, "because")
MIN_ON_S, MIN_OFF_S = 300.0, 600.0
BY_RULE = (Claimant.UTILITY, Claimant.PLAN, Claimant.AUTOMATION)
SHED = Claim(Claimant.ENVELOPE, WHY, 60.0, states=RESTS, power_state=STANDBY)


def order(claimant: Claimant, state: PowerState) -> Claim:
    return Claim(claimant, WHY, 3600.0, power_state=state)


@dataclass
class Heater:
    """One that is told every second and does so at once; what nobody wishes any more goes back to how it was found."""

    state: PowerState = ON
    found: PowerState = ON
    claims: tuple[Claim, ...] = ()
    shed: bool = False
    now_s: float = 0.0
    held: Outcome | None = None
    switcher: Switcher = field(default_factory=Switcher)
    switched: list[tuple[float, PowerState]] = field(default_factory=list)

    def second(self) -> Outcome:
        capability = ApplianceCapability(2.0, min_on_s=MIN_ON_S, min_off_s=MIN_OFF_S)
        image = ApplianceImage("heater", "uuid:heater", capability, True, self.state, claims=self.claims)
        told = {} if self.held is None else {"heater": Told(stands=self.held.wish)}
        outcome = self.switcher.decide([image], {"heater": SHED} if self.shed else {}, told, self.now_s)["heater"]
        wanted = self.found if outcome.wish is None else outcome.wish.set_point.power_state
        assert wanted is not None
        if self.held is None:
            self.found = self.state
        if wanted is not self.state:
            self.switched.append((self.now_s, wanted))
        self.state = wanted
        self.held = outcome if outcome.wish is not None else None
        self.now_s += 1.0
        return outcome

    def seconds(self, count: int) -> None:
        for _ in range(count):
            self.second()


_orders = st.builds(order, st.sampled_from(BY_RULE), st.sampled_from(PowerState))
_claims = st.lists(_orders, max_size=3, unique_by=lambda one: one.claimant).map(tuple)
_spans = st.lists(st.tuples(_claims, st.sampled_from([1, 7, 200, 299, 301, 700])), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PowerState), _spans)
def test_whatever_rules_plans_and_utilities_claim_it_stays_as_it_was_put(
    state: PowerState, spans: list[tuple[tuple[Claim, ...], int]]
) -> None:
    heater = Heater(state, state)
    for claims, seconds in spans:
        heater.claims = claims
        heater.seconds(seconds)
    for (since_s, put), (until_s, _) in zip(heater.switched, heater.switched[1:], strict=False):
        assert until_s - since_s >= (MIN_ON_S if put is ON else MIN_OFF_S), heater.switched


@settings(max_examples=100, deadline=None)
@given(_spans, st.sampled_from(PowerState), _claims)
def test_its_owners_hand_counts_at_once_whatever_stood_before(
    spans: list[tuple[tuple[Claim, ...], int]], wanted: PowerState, others: tuple[Claim, ...]
) -> None:
    heater = Heater()
    for claims, seconds in spans:
        heater.claims = claims
        heater.seconds(seconds)
    heater.claims = (*others, order(Claimant.MANUAL, wanted))
    heater.second()
    assert heater.state is wanted
    heater.seconds(700)
    assert heater.state is wanted


@settings(max_examples=100, deadline=None)
@given(_spans, _claims, st.sampled_from(PowerState))
def test_the_envelope_goes_before_its_owner_and_before_what_it_asked_for(
    spans: list[tuple[tuple[Claim, ...], int]], others: tuple[Claim, ...], manual: PowerState
) -> None:
    heater = Heater()
    for claims, seconds in spans:
        heater.claims = claims
        heater.seconds(seconds)
    stay = Claim(Claimant.APPLIANCE, WHY, 900.0, states=frozenset({ON}), power_state=ON)
    heater.claims, heater.shed = (*others, stay, order(Claimant.MANUAL, manual)), True
    heater.second()
    assert heater.state is STANDBY


@settings(max_examples=100, deadline=None)
@given(_spans, _claims)
def test_in_a_period_without_standby_nobody_who_comes_later_puts_it_to_sleep(
    spans: list[tuple[tuple[Claim, ...], int]], others: tuple[Claim, ...]
) -> None:
    heater = Heater()
    stay = Claim(Claimant.APPLIANCE, WHY, 900.0, states=frozenset({ON}))
    for claims, seconds in spans:
        heater.claims = claims
        heater.seconds(seconds)
        heater.claims = (*claims, stay)
        heater.second()
        assert heater.state is ON
    heater.claims = (*others, stay)
    heater.seconds(20)
    assert heater.state is ON
    by_hand = replace(order(Claimant.MANUAL, OFF), valid_s=60.0)
    heater.claims = (*others, stay, by_hand)
    heater.second()
    assert heater.state is OFF, "its owner goes before"
