from __future__ import annotations

import math
from typing import Any

import pytest

from heg.model.plan import Degradation, DegradationCode, PlanStatus
from heg.model.regimes import Regime
from heg.planner.fallback import rule
from heg.planner.plan import plan
from heg.planner.tidy import NOMINAL_IMPORT_EUR_PER_KWH, tidy
from tests.planner.houses import battery, car, house

NAN = math.nan


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"demand_kw": (1.0, NAN, 1.0)}, DegradationCode.DEMAND_FORECAST_MISSING),
        ({"production_kw": (1.0,)}, DegradationCode.PRODUCTION_FORECAST_MISSING),
        ({"import_eur_per_kwh": ()}, DegradationCode.PRICES_MISSING),
        ({"import_eur_per_kwh": (0.3, NAN)}, DegradationCode.PRICES_ESTIMATED),
        ({"export_eur_per_kwh": (0.08,)}, DegradationCode.EXPORT_PRICES_MISSING),
        ({"co2_eur_per_kwh": (0.01, math.inf)}, DegradationCode.CO2_MISSING),
        ({"contract_min_kw": 3.0, "contract_max_kw": 2.0}, DegradationCode.LIMITS_CONTRADICT),
        ({"contract_max_kw": 0.5, "ess": None}, DegradationCode.DEMAND_ABOVE_CONTRACT),
        ({"ess": battery(soc_kwh=11.0)}, DegradationCode.SOC_OUT_OF_BOUNDS),
        ({"ess": battery(soc_kwh=-1.0)}, DegradationCode.SOC_OUT_OF_BOUNDS),
        ({"ess": battery(soc_kwh=NAN)}, DegradationCode.SOC_UNKNOWN),
        ({"ess": battery(round_trip_efficiency=90.0)}, DegradationCode.INPUT_MENDED),
        ({"ess": battery(capacity_kwh=-1.0, soc_kwh=0.0)}, DegradationCode.INPUT_MENDED),
        ({"pev": car(3, target_kwh=20.0, target_slot=-1)}, DegradationCode.TARGET_PAST),
        ({"pev": car(3, target_kwh=40.0, target_slot=0)}, DegradationCode.TARGET_UNREACHABLE),
        ({"first_slot_share": NAN}, DegradationCode.INPUT_MENDED),
        ({"slot_minutes": 0}, DegradationCode.INPUT_MENDED),
    ],
)
def test_each_lack_has_its_name_and_a_sentence_and_there_is_a_plan(
    changes: dict[str, Any], code: DegradationCode
) -> None:
    made = plan(house(3, **changes))
    assert code in [lack.code for lack in made.degradations]
    assert made.degradations[0].text.endswith(".")
    assert made.slots == 3


def test_what_the_caller_lacked_is_passed_on() -> None:
    lack = Degradation(DegradationCode.SOC_FROZEN, "The battery says the same for an hour.")
    made = plan(house(3, degradations=(lack,)))
    assert made.degradations == (lack,)
    assert made.status is PlanStatus.DEGRADED


def test_without_prices_the_house_is_led_by_self_consumption() -> None:
    made = plan(house(4, import_eur_per_kwh=(), ess=battery(end_value_eur_per_kwh=None)))
    assert set(made.import_eur_per_kwh) == {NOMINAL_IMPORT_EUR_PER_KWH}
    assert made.ess[0].order.regime is Regime.BALANCE


def test_an_empty_horizon_is_an_empty_plan() -> None:
    made = plan(house(0))
    assert made.status is PlanStatus.FALLBACK
    assert made.slots == 0
    assert made.ess == ()


def test_a_target_beyond_the_horizon_asks_only_for_what_cannot_be_charged_after_it() -> None:
    inputs = house(4, pev=car(4, target_kwh=30.0, target_slot=6))
    target = tidy(inputs).stores[1].target
    assert target is not None
    assert target.energy_kwh == pytest.approx(30.0 - 2 * 7.4 * 0.9**0.5)


def test_below_its_reserve_a_battery_is_not_emptied_further() -> None:
    made = plan(house(4, ess=battery(soc_kwh=1.0, reserve_kwh=2.0)))
    assert min(made.ess_soc_kwh) == pytest.approx(1.0)


def test_the_rule_charges_the_car_at_once_and_follows_the_house() -> None:
    powers, orders = rule(tidy(house(24, pev=car(24, target_kwh=20.0, target_slot=10))))
    assert powers[1][0] == pytest.approx(7.4)
    assert orders[1][0].regime is Regime.CHARGE
    assert 10.0 + 0.9**0.5 * sum(powers[1]) == pytest.approx(20.0)
    assert {order.regime for order in orders[0]} == {Regime.BALANCE}


def test_a_solver_without_time_gives_the_rule() -> None:
    made = plan(house(192, slot_minutes=15, pev=car(192, target_kwh=39.0, target_slot=100), time_limit_s=1e-3))
    assert made.status in (PlanStatus.FALLBACK, PlanStatus.OPTIMAL)  # a quick machine may have been quick enough
    assert made.slots == 192
