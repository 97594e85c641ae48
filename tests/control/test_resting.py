"""Who is left alone how long, and who may end it."""

from dataclasses import replace

from heg.control.lease_terms import LeaseRules, Wish
from heg.control.resting import Rest
from heg.model.appliances import PowerState
from heg.model.leases import Claimant, Reason, ReasonCode, SetPoint
from heg.model.regimes import Regime

RULES = LeaseRules(cool_down_s=100.0, cool_down_most_s=350.0)
WISH = Wish(
    SetPoint(power_state=PowerState.OFF),
    Claimant.AUTOMATION,
    Reason(ReasonCode.MANUAL, "why"),
    Regime.HOLD,
    native=False,
    min_kw=0.0,
    max_kw=0.0,
)


def test_each_rest_is_longer_until_a_command_is_confirmed() -> None:
    rest = Rest(RULES)
    lasted = []
    for _ in range(4):
        rest.begin(WISH, 1000.0)
        lasted.append(rest.left_s(1000.0))
    assert lasted == [100.0, 200.0, 350.0, 350.0]
    rest.confirmed()
    rest.begin(WISH, 1000.0)
    assert rest.left_s(1000.0) == 100.0
    assert rest.keeps_from(WISH, 1099.9)
    assert not rest.keeps_from(WISH, 1100.0)


def test_what_the_owner_asks_ends_it() -> None:
    rest = Rest(RULES)
    rest.begin(WISH, 0.0)
    rest.forget()
    assert rest.left_s(0.0) == 0.0


def test_an_appliance_is_taken_again_by_who_goes_before_or_for_another_order() -> None:
    rest = Rest(replace(RULES, user_first=True))
    rest.begin(replace(WISH, owner=Claimant.APPLIANCE), 0.0)
    assert rest.keeps_from(WISH, 1.0)
    assert rest.keeps_from(replace(WISH, owner=Claimant.APPLIANCE), 1.0)
    assert not rest.keeps_from(replace(WISH, owner=Claimant.MANUAL), 1.0)
    another = replace(WISH, owner=Claimant.APPLIANCE, set_point=SetPoint(power_state=PowerState.ON))
    assert not rest.keeps_from(another, 1.0)


def test_another_device_rests_whoever_asks() -> None:
    rest = Rest(RULES)
    rest.begin(WISH, 0.0)
    assert rest.keeps_from(replace(WISH, owner=Claimant.ENVELOPE), 1.0)
