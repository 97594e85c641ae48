"""The scenarios of spec ebr.md by configuration alone, the retailer's viewpoint by prices alone, days of any length."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from heg.model.plan import DegradationCode, Objective, Plan, PlanInputs, PlanStatus, StorageInputs, VehicleInputs
from heg.planner.plan import plan
from tests.planner.houses import battery, car, house
from tests.planner.test_random_houses import held

SPOT = (0.20, 0.12, 0.08, 0.10, 0.25, 0.35, 0.30, 0.15, 0.10, 0.22, 0.40, 0.30)
NO_ESS = StorageInputs(capacity_kwh=0.0, min_rate_kw=-5.0, max_rate_kw=5.0, soc_kwh=0.0)
NO_CAR = VehicleInputs(capacity_kwh=0.0, min_rate_kw=0.0, max_rate_kw=7.4, soc_kwh=0.0, plugged=(True,) * 12)
SCENARIOS: dict[str, dict[str, Any]] = {
    "BU": {"ess": battery(), "pev": NO_CAR},
    "BC": {"ess": battery(), "pev": car(12, min_rate_kw=0.0, target_kwh=20.0, target_slot=8)},
    "BD": {"ess": battery(), "pev": car(12, min_rate_kw=-7.4, target_kwh=20.0, target_slot=8)},
    "PC": {"ess": NO_ESS, "pev": car(12, min_rate_kw=0.0, target_kwh=20.0, target_slot=8)},
    "PD": {"ess": NO_ESS, "pev": car(12, min_rate_kw=-7.4, target_kwh=20.0, target_slot=8)},
}


def _planned(name: str, **changes: Any) -> Plan:
    inputs = house(12, import_eur_per_kwh=SPOT, export_eur_per_kwh=(0.05,) * 12, **(SCENARIOS[name] | changes))
    made = plan(inputs)
    held(inputs, made)
    assert made.status is PlanStatus.OPTIMAL
    assert made.degradations == ()
    return made


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_scenario_is_its_capacities_and_rates(name: str) -> None:
    made = _planned(name)
    battery_kw = [decision.power_kw for decision in made.ess]
    car_kw = [decision.power_kw for decision in made.pev]
    assert (max(map(abs, battery_kw)) > 0.5) is name.startswith("B")
    assert (max(car_kw) > 0.5) is (name != "BU")
    assert (min(car_kw) < -0.5) is (name in ("BD", "PD"))
    if name != "BU":
        assert made.pev_soc_kwh[8] >= 20.0 - 1e-6


def test_every_means_more_costs_no_more() -> None:
    """Vehicle to grid is at least as good as charging only, and with a battery at least as good as without."""
    cost = {name: _planned(name).cost.total_eur for name in SCENARIOS}
    assert cost["BD"] <= cost["BC"] + 1e-6
    assert cost["PD"] <= cost["PC"] + 1e-6
    assert cost["BC"] <= cost["PC"] + 1e-6
    assert cost["BD"] <= cost["PD"] + 1e-6


def test_the_retailer_s_viewpoint_is_its_prices() -> None:
    """Day-ahead prices both ways, CO2 and the tube's penalty: negative prices and import = export, one way a slot."""
    spot = tuple(price - 0.18 for price in SPOT)
    inputs = house(
        12,
        import_eur_per_kwh=spot,
        export_eur_per_kwh=spot,
        co2_eur_per_kwh=(0.01,) * 12,
        tube_low_kw=(-2.0,) * 12,
        tube_high_kw=(3.0,) * 12,
        outside_tube_eur_per_kwh=0.05,
        objective=Objective.ENERGY_CO2_DISTRIBUTION,
        production_kw=(0.0,) * 6 + (4.0,) * 4 + (0.0,) * 2,
        ess=battery(),
        pev=car(12, min_rate_kw=-7.4, target_kwh=20.0, target_slot=8),
    )
    made = plan(inputs)
    held(inputs, made)
    assert made.status in (PlanStatus.OPTIMAL, PlanStatus.FEASIBLE)
    energy = sum(grid_kw * price for grid_kw, price in zip(made.grid_kw, spot, strict=True))
    assert made.cost.energy_eur == pytest.approx(energy)
    assert made.cost.co2_eur == pytest.approx(0.01 * sum(max(grid_kw, 0.0) for grid_kw in made.grid_kw))


def test_co2_alone_counts_what_is_imported_and_nothing_that_is_sold() -> None:
    co2 = tuple(0.05 if hour < 6 else 0.01 for hour in range(12))
    made = plan(
        house(12, import_eur_per_kwh=SPOT, export_eur_per_kwh=SPOT, co2_eur_per_kwh=co2, objective=Objective.CO2)
    )
    assert made.cost.energy_eur == 0.0
    assert made.cost.total_eur == pytest.approx(
        sum(max(grid_kw, 0.0) * price for grid_kw, price in zip(made.grid_kw, co2, strict=True))
    )
    assert sum(made.grid_kw[:6]) == pytest.approx(6.0 - 5.0 * math.sqrt(0.9))


@pytest.mark.parametrize(("day", "hours"), [((2024, 3, 31), 23), ((2024, 10, 27), 25), ((2024, 6, 1), 24)])
def test_a_day_of_any_length_is_its_slots(day: tuple[int, int, int], hours: int) -> None:
    """Slots are UTC intervals; the local day only says how many there are and which prices they have."""
    home = ZoneInfo("Europe/Berlin")
    start = datetime(*day, tzinfo=home).astimezone(UTC)
    end = (datetime(*day, tzinfo=home) + timedelta(days=1)).astimezone(UTC)
    slots = round((end - start) / timedelta(minutes=15))
    assert slots == 4 * hours
    local = [(start + index * timedelta(minutes=15)).astimezone(home).hour for index in range(slots)]
    prices = tuple(0.15 if hour < 6 else 0.35 for hour in local)
    inputs = house(
        slots, slot_minutes=15, start=start, import_eur_per_kwh=prices, pev=car(slots, target_kwh=20.0, target_slot=28)
    )
    made = plan(inputs)
    held(inputs, made)
    assert made.degradations == ()
    assert made.slots == slots
    assert made.start + made.slots * made.slot == end
    bought = [kw for kw, price in zip(made.grid_kw, prices, strict=True) if price > 0.2]
    assert max(bought) <= 1.0 + 1e-6  # all charging beyond the load itself is at night


@pytest.mark.parametrize("name", SCENARIOS)
def test_one_slot_is_a_horizon(name: str) -> None:
    changes = dict(SCENARIOS[name])
    changes["pev"] = replace(changes["pev"], plugged=(True,), target_slot=None)
    inputs = house(1, import_eur_per_kwh=(0.3,), peak_eur_per_kw=1.0, **changes)
    made = plan(inputs)
    held(inputs, made)
    assert made.slots == 1
    assert made.degradations == ()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"grid_min_kw": (3.0,) * 3, "grid_max_kw": (1.0,) * 3}, DegradationCode.LIMITS_CONTRADICT),
        ({"contract_max_kw": -5.0, "contract_min_kw": 5.0}, DegradationCode.LIMITS_CONTRADICT),
        ({"contract_max_kw": -50.0}, DegradationCode.DEMAND_ABOVE_CONTRACT),
    ],
)
def test_limits_that_contradict_are_kept_as_well_as_they_can_be(changes: dict[str, Any], code: DegradationCode) -> None:
    inputs: PlanInputs = house(3, peak_eur_per_kw=2.0, **changes)
    made = plan(inputs)
    assert code in [lack.code for lack in made.degradations]
    assert made.status is PlanStatus.DEGRADED


def test_limits_are_broken_as_little_as_possible_whatever_that_costs() -> None:
    made = plan(
        house(2, demand_kw=(1.0, 9.0), contract_max_kw=5.0, import_eur_per_kwh=(9.0, 0.01), ess=battery(soc_kwh=0.0))
    )
    assert made.ess_soc_kwh[1] == pytest.approx(4.0 * math.sqrt(0.9))  # all that fits below the contract, however dear
    assert made.grid_kw[0] == pytest.approx(5.0)
    assert made.grid_kw[1] == pytest.approx(9.0 - 4.0 * 0.9)
