from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from heg.model.plan import Objective, PlanInputs, SlotReasonCode
from heg.model.regimes import Regime
from heg.planner.plan import plan
from tests.planner.houses import START, battery, car, house


def dear_evening(**changes: object) -> PlanInputs:
    usual = house(8, import_eur_per_kwh=(0.30,) * 4 + (0.32,) * 4, export_eur_per_kwh=(0.08,) * 8)
    return replace(usual, **changes)  # type: ignore[arg-type]


def test_energy_is_saved_for_the_dear_evening_and_the_reason_says_so() -> None:
    made = plan(dear_evening(ess=battery(soc_kwh=3.0)))
    now = made.ess[0]
    assert now.order.regime is Regime.ABSORB
    assert now.reason.code is SlotReasonCode.SAVE_FOR_LATER
    assert now.reason.price_now_eur_per_kwh == pytest.approx(0.30)
    assert now.reason.price_later_eur_per_kwh == pytest.approx(0.32)
    assert now.reason.later == START + timedelta(hours=4)
    assert "0.300" in now.reason.text
    assert "0.320" in now.reason.text


def test_what_is_partly_needed_later_is_covered_only_down_to_that() -> None:
    made = plan(dear_evening(ess=battery(soc_kwh=6.0, end_value_eur_per_kwh=0.0)))
    first = made.ess[0].order
    assert first.regime in (Regime.BALANCE, Regime.COVER)
    assert first.ends_at_soc is not None
    assert 0.25 < first.ends_at_soc < 0.55


def test_a_high_export_price_sells_what_the_house_will_not_need() -> None:
    made = plan(house(3, export_eur_per_kwh=(0.29, 0.0, 0.0), ess=battery(soc_kwh=10.0)))
    assert made.ess[0].order.regime is Regime.DISCHARGE
    assert made.ess[0].order.power_kw == pytest.approx(5.0)
    assert made.ess[0].reason.code is SlotReasonCode.SELL_NOW


def test_a_negative_price_charges_from_the_grid() -> None:
    made = plan(house(4, import_eur_per_kwh=(-0.10, 0.30, 0.30, 0.30), ess=battery(soc_kwh=0.0)))
    assert made.ess[0].order.regime is Regime.CHARGE
    assert made.ess[0].power_kw == pytest.approx(5.0)


def test_a_surplus_that_export_pays_better_for_is_not_stored() -> None:
    made = plan(
        house(
            4,
            demand_kw=(0.0,) * 4,
            production_kw=(3.0, 3.0, 0.0, 0.0),
            export_eur_per_kwh=(0.10,) * 4,
            ess=battery(soc_kwh=0.0, end_value_eur_per_kwh=0.05),
        )
    )
    assert made.ess[0].power_kw == 0.0
    ends = made.ess[0].order.ends_at_soc  # a little may be needed after all
    assert made.ess[0].order.regime is Regime.HOLD or (ends is not None and ends < 0.1)


def test_a_tube_is_kept_by_the_battery_within_its_band() -> None:
    made = plan(
        house(
            4,
            demand_kw=(4.0,) * 4,
            tube_high_kw=(3.0,) * 4,
            outside_tube_eur_per_kwh=1.0,
            objective=Objective.ENERGY_CO2_DISTRIBUTION,
            ess=battery(soc_kwh=5.0, end_value_eur_per_kwh=0.6),
        )
    )
    order = made.ess[0].order
    assert order.regime is Regime.LIMIT
    assert order.band is not None
    assert order.band.high_kw == pytest.approx(3.0)
    assert made.ess[0].reason.code is SlotReasonCode.TUBE
    assert made.ess[0].reason.binding == "tube_high"
    assert made.ess[0].reason.shadow_eur_per_kwh > 0.0


def test_the_contract_names_itself_with_its_shadow_price() -> None:
    made = plan(
        house(
            3,
            demand_kw=(1.0, 1.0, 8.0),
            import_eur_per_kwh=(0.10, 0.40, 0.40),
            contract_max_kw=5.0,
            ess=battery(soc_kwh=1.0, end_value_eur_per_kwh=0.5),
        )
    )
    assert made.grid_kw[2] == pytest.approx(5.0)
    assert made.ess[2].order.regime is Regime.LIMIT
    assert made.ess[2].reason.binding == "contract_max"


def test_a_car_that_is_away_says_so() -> None:
    made = plan(house(2, ess=None, pev=car(2, plugged=(False, True))))
    assert made.pev[0].reason.code is SlotReasonCode.NOT_PLUGGED
    assert made.pev[0].order.regime is Regime.HOLD


def test_a_car_takes_cheap_surplus_beyond_its_target_and_imports_nothing_for_it() -> None:
    made = plan(
        house(
            4,
            demand_kw=(0.5,) * 4,
            production_kw=(0.0, 6.0, 6.0, 0.0),
            export_eur_per_kwh=(0.05,) * 4,
            ess=None,
            pev=car(4, end_value_eur_per_kwh=None),
        )
    )
    assert made.pev_soc_kwh[-1] == pytest.approx(10.0 + 2 * 5.5 * 0.9**0.5)
    assert made.pev[1].order.regime is Regime.ABSORB
