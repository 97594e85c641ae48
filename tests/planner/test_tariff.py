"""Peak charge, blocks, desired profile and the plan before: what they cost, and what the plan makes of them."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest

from heg.model.plan import Block, Blocks, DegradationCode, Objective, Plan, PlanStatus, PreviousPlan, SlotReasonCode
from heg.model.regimes import Regime
from heg.planner.plan import plan
from tests.planner.houses import START, battery, house

EVENING = (1.0,) * 4 + (5.0,) * 2 + (1.0,) * 2
NAN = math.nan


def _codes(made: Plan) -> list[DegradationCode]:
    return [lack.code for lack in made.degradations]


def test_a_peak_charge_is_paid_for_what_the_highest_slot_goes_beyond_what_was_paid_for() -> None:
    made = plan(house(8, demand_kw=EVENING, ess=None, peak_eur_per_kw=3.0, peak_so_far_kw=2.0))
    assert made.cost.peak_eur == pytest.approx(3.0 * (5.0 - 2.0))
    assert made.cost.energy_eur == pytest.approx(0.30 * sum(EVENING))


def test_the_battery_shaves_the_peak_and_charges_no_higher_than_it() -> None:
    made = plan(house(8, demand_kw=EVENING, ess=battery(soc_kwh=0.0), peak_eur_per_kw=3.0, peak_so_far_kw=2.0))
    highest_kw = max(made.grid_kw)
    assert highest_kw < 3.0
    orders = [decision.order for decision in made.ess]
    shaving = [orders[slot] for slot in (4, 5)]
    assert {order.regime for order in shaving} == {Regime.LIMIT}
    for order in shaving:
        assert order.band is not None
        assert order.band.high_kw == pytest.approx(highest_kw)
    for slot, order in enumerate(orders):
        if order.regime is Regime.CHARGE:
            assert EVENING[slot] + order.power_kw <= highest_kw + 1e-6
    assert made.ess[4].reason.binding == "peak"
    assert made.ess[4].reason.code is SlotReasonCode.LIMIT
    assert "paid for" in made.ess[4].reason.text


def test_below_the_peak_that_was_paid_for_nothing_is_shaved_but_nothing_goes_beyond_it_either() -> None:
    prices = (0.10,) * 2 + (0.40,) * 6
    made = plan(house(8, import_eur_per_kwh=prices, ess=battery(soc_kwh=0.0), peak_eur_per_kw=5.0, peak_so_far_kw=3.0))
    assert max(made.grid_kw) == pytest.approx(3.0)
    assert made.cost.peak_eur == 0.0


def test_a_house_that_waits_still_keeps_under_the_peak() -> None:
    """A slot in which the battery would rest becomes a band: what nobody forecast is shaved too."""
    prices = (0.20,) * 4 + (0.60,) * 4
    made = plan(house(8, import_eur_per_kwh=prices, ess=battery(soc_kwh=4.0), peak_eur_per_kw=5.0, peak_so_far_kw=1.0))
    assert Regime.HOLD not in {decision.order.regime for decision in made.ess}
    waiting = [decision for decision in made.ess[:4] if decision.order.regime is Regime.LIMIT]
    assert waiting
    assert all(decision.order.band is not None for decision in waiting)


def test_blocks_that_rise_are_priced_from_where_the_period_has_got_to() -> None:
    steps = (Block(from_kwh=100.0, eur_per_kwh=0.05), Block(from_kwh=104.0, eur_per_kwh=0.20))
    made = plan(house(8, ess=None, blocks=Blocks(so_far_kwh=98.0, steps=steps)))
    assert made.cost.blocks_eur == pytest.approx(4 * 0.05 + 2 * 0.20)
    assert made.status is PlanStatus.OPTIMAL


def test_blocks_in_any_order_that_fall_are_filled_in_their_order_too() -> None:
    steps = (Block(from_kwh=4.0, eur_per_kwh=-0.10), Block(from_kwh=2.0, eur_per_kwh=0.20))
    made = plan(house(8, ess=None, blocks=Blocks(steps=steps)))
    assert made.cost.blocks_eur == pytest.approx(2 * 0.20 - 4 * 0.10)
    assert made.degradations == ()


def test_the_dear_block_is_what_a_kwh_from_the_battery_saves() -> None:
    """Alone the battery would stay as it is: neither does it pay to fill it nor to empty it before the block."""
    steps = (Block(from_kwh=4.0, eur_per_kwh=0.30),)
    kept = plan(house(8, ess=battery(end_value_eur_per_kwh=0.30)))
    used = plan(house(8, ess=battery(end_value_eur_per_kwh=0.30), blocks=Blocks(steps=steps)))
    assert kept.ess_soc_kwh[-1] == pytest.approx(5.0)
    assert sum(used.grid_kw) == pytest.approx(4.0)
    assert {decision.order.regime for decision in used.ess} <= {Regime.BALANCE, Regime.COVER, Regime.ABSORB}


def test_where_only_co2_counts_blocks_do_not() -> None:
    blocks = Blocks(steps=(Block(from_kwh=0.0, eur_per_kwh=1.0),))
    made = plan(house(4, objective=Objective.CO2, co2_eur_per_kwh=(0.02,) * 4, ess=None, blocks=blocks))
    assert made.cost.blocks_eur == 0.0
    assert made.cost.total_eur == pytest.approx(4 * 0.02)


def test_outside_the_tube_costs_only_where_distribution_counts() -> None:
    tube: dict[str, Any] = {"tube_high_kw": (0.5,) * 4, "outside_tube_eur_per_kwh": 1.0}
    assert plan(house(4, ess=None, **tube)).cost.outside_tube_eur == 0.0
    counted = plan(house(4, ess=None, objective=Objective.ENERGY_CO2_DISTRIBUTION, **tube))
    assert counted.cost.outside_tube_eur == pytest.approx(4 * 0.5)


def test_a_desired_profile_is_met_and_kept_whatever_the_load_does() -> None:
    desired = (1.5, 0.5, 1.0, 2.0)
    made = plan(house(4, desired_kw=desired, desired_weight_eur_per_kwh=2.0, ess=battery(end_value_eur_per_kwh=0.28)))
    assert made.grid_kw == pytest.approx(desired)
    assert made.cost.desired_eur == pytest.approx(0.0, abs=1e-9)
    for decision, wanted_kw in zip(made.ess, desired, strict=True):
        assert decision.order.regime is Regime.LIMIT
        assert decision.order.band is not None
        assert decision.order.band.low_kw == decision.order.band.high_kw == pytest.approx(wanted_kw)
    assert made.ess[0].reason.code is SlotReasonCode.TUBE


def test_a_desired_profile_out_of_reach_costs_the_1_norm() -> None:
    made = plan(house(4, desired_kw=(3.0, -1.0, NAN, 1.0), desired_weight_eur_per_kwh=0.1, ess=None))
    assert made.cost.desired_eur == pytest.approx(0.1 * (2.0 + 2.0))
    assert DegradationCode.INPUT_MENDED in _codes(made)


def test_of_equal_plans_the_one_nearest_to_the_plan_before_is_made() -> None:
    """At a flat price it is all the same when the battery gives what it has: whatever was said stays."""
    said = (0.0, -1.0, 0.0, -1.0, -1.0, 0.0, 0.0, 0.0)
    soc_kwh = 3.0 / math.sqrt(0.9)
    alone = plan(house(8, ess=battery(soc_kwh=soc_kwh)))
    before = PreviousPlan(start=START - timedelta(hours=1), ess_kw=(9.9, *said))
    made = plan(house(8, ess=battery(soc_kwh=soc_kwh), previous_plan=before))
    assert [decision.power_kw for decision in made.ess] == pytest.approx(said, abs=1e-5)
    assert [decision.power_kw for decision in alone.ess] != pytest.approx(said, abs=1e-5)
    assert made.cost.total_eur == pytest.approx(alone.cost.total_eur, abs=2e-6)


def test_the_plan_before_never_costs_anything() -> None:
    prices = tuple(0.2 + 0.1 * math.sin(hour) for hour in range(24))
    before = PreviousPlan(start=START, ess_kw=(3.0, -3.0) * 12)
    alone = plan(house(import_eur_per_kwh=prices))
    made = plan(house(import_eur_per_kwh=prices, previous_plan=before))
    assert made.cost.total_eur == pytest.approx(alone.cost.total_eur, abs=2e-5)


def test_a_plan_is_not_left_from_slot_to_slot_where_nothing_has_changed() -> None:
    prices = (0.2,) * 6 + (0.4,) * 18
    made = plan(house(import_eur_per_kwh=prices))
    said = tuple(decision.power_kw for decision in made.ess)
    next_kwh = made.ess_soc_kwh[1]
    later = plan(
        house(
            23,
            start=START + timedelta(hours=1),
            import_eur_per_kwh=prices[1:],
            ess=battery(soc_kwh=next_kwh),
            previous_plan=PreviousPlan(start=START, ess_kw=said),
        )
    )
    assert [decision.power_kw for decision in later.ess] == pytest.approx(said[1:], abs=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"peak_eur_per_kw": NAN},
        {"peak_eur_per_kw": -1.0},
        {"peak_so_far_kw": NAN, "peak_eur_per_kw": 1.0},
        {"blocks": Blocks(so_far_kwh=-3.0, steps=(Block(from_kwh=0.0, eur_per_kwh=0.1),))},
        {"blocks": Blocks(steps=(Block(from_kwh=NAN, eur_per_kwh=0.1),))},
        {"blocks": Blocks(steps=(Block(from_kwh=1.0, eur_per_kwh=math.inf),))},
        {"desired_kw": (1.0, 1.0), "desired_weight_eur_per_kwh": 0.1},
        {"desired_kw": (1.0, 1.0, 1.0), "desired_weight_eur_per_kwh": NAN},
    ],
)
def test_terms_that_cannot_be_are_mended_by_name(changes: dict[str, Any]) -> None:
    made = plan(house(3, **changes))
    assert DegradationCode.INPUT_MENDED in _codes(made)
    assert next(iter(changes)).split("_")[0] in " ".join(lack.text for lack in made.degradations)
    assert math.isfinite(made.cost.total_eur)
