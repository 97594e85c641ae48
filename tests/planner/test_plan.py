from __future__ import annotations

import math
from dataclasses import replace

import pytest

from heg.model.plan import DegradationCode, PlanStatus, SlotReasonCode
from heg.model.regimes import Regime
from heg.planner.plan import plan
from tests.planner.houses import battery, car, house
from tests.planner.random_houses import sensible


def test_cheap_night_and_dear_day_charge_at_night() -> None:
    prices = (0.10,) * 6 + (0.40,) * 18
    made = plan(house(import_eur_per_kwh=prices, ess=battery(soc_kwh=0.0)))
    assert made.status is PlanStatus.OPTIMAL
    assert max(made.ess_soc_kwh[:7]) == pytest.approx(10.0)
    charging = [decision for decision in made.ess if decision.order.regime is Regime.CHARGE]
    assert charging
    assert all(decision.reason.code is SlotReasonCode.CHEAP_NOW for decision in charging)
    assert "0.100" in charging[0].reason.text
    assert made.ess_soc_kwh[-1] == pytest.approx(0.0, abs=1e-6)


def test_flat_price_and_sun_is_self_consumption() -> None:
    sun = (0.0,) * 8 + (4.0,) * 4 + (0.0,) * 12
    made = plan(house(production_kw=sun, export_eur_per_kwh=(0.08,) * 24, ess=battery(soc_kwh=0.0)))
    assert made.ess[9].order.regime in (Regime.BALANCE, Regime.ABSORB)
    assert made.ess[9].reason.code is SlotReasonCode.STORE_SURPLUS
    assert made.ess[13].reason.code is SlotReasonCode.COVER_LOAD
    assert all(kw >= -1e-9 for kw in made.grid_kw[12:])


def test_load_above_the_contract_is_met_as_far_as_the_battery_reaches() -> None:
    made = plan(house(slots=2, demand_kw=(1.0, 9.0), contract_max_kw=5.0, ess=battery(soc_kwh=0.0, max_rate_kw=1.0)))
    stored_kwh = made.ess_soc_kwh[1]
    assert stored_kwh == pytest.approx(math.sqrt(0.9))
    assert made.grid_kw[1] == pytest.approx(9.0 - 0.9)
    assert DegradationCode.DEMAND_ABOVE_CONTRACT in [lack.code for lack in made.degradations]
    assert made.status is PlanStatus.DEGRADED


def test_the_car_is_ready_at_departure_and_charges_when_it_is_cheap() -> None:
    prices = (0.40,) * 4 + (0.10,) * 4 + (0.40,) * 4
    made = plan(house(12, import_eur_per_kwh=prices, ess=None, pev=car(12, target_kwh=25.0, target_slot=10)))
    assert made.pev_soc_kwh[10] == pytest.approx(25.0)
    assert made.pev_best_kwh is None
    assert all(decision.power_kw == 0.0 for decision in made.pev[:4])
    assert made.pev[5].order.regime is Regime.CHARGE
    assert made.pev[5].reason.code is SlotReasonCode.DEPARTURE


def test_a_car_that_cannot_be_ready_says_how_far_it_gets() -> None:
    made = plan(house(2, ess=None, pev=car(2, target_kwh=39.0, target_slot=2)))
    assert made.pev_best_kwh == pytest.approx(10.0 + 2 * 7.4 * math.sqrt(0.9))
    assert [lack.code for lack in made.degradations] == [DegradationCode.TARGET_UNREACHABLE]


def test_the_same_house_gets_the_same_plan() -> None:
    inputs = house(import_eur_per_kwh=tuple(0.2 + 0.1 * math.sin(hour) for hour in range(24)), pev=car(24))
    assert plan(inputs) == plan(inputs)


def test_what_is_proven_to_a_millionth_is_optimal_and_what_only_is_near_is_feasible() -> None:
    """Losses pay where a price is below zero: a search, and it ends where it is told to."""
    problem = sensible(33, 12)
    near, proven = plan(replace(problem, gap=1e-3)), plan(replace(problem, gap=1e-6, time_limit_s=30.0))
    assert (near.status, proven.status) == (PlanStatus.FEASIBLE, PlanStatus.OPTIMAL)
    assert proven.cost.total_eur < near.cost.total_eur < proven.cost.total_eur + 1e-2
