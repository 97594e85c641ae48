"""What it would have cost otherwise: never less than the plan, and by how much more is what a person can check."""

from __future__ import annotations

import math

import pytest

from heg.model.plan import Alternative, AlternativeKind, PlanInputs, PlanStatus
from heg.planner.otherwise import otherwise
from heg.planner.plan import plan
from tests.planner.houses import battery, car, house
from tests.planner.random_houses import furnished


def _ways(inputs: PlanInputs, storage: str = "ess") -> dict[AlternativeKind, Alternative]:
    return {each.kind: each for each in otherwise(inputs, plan(inputs)) if each.storage == storage}


def test_what_is_planned_costs_no_more_and_the_opposite_does() -> None:
    dear_first = (0.40,) + (0.10,) * 3
    ways = _ways(house(4, import_eur_per_kwh=dear_first, ess=battery(soc_kwh=1.0 / math.sqrt(0.9))))
    assert ways[AlternativeKind.FOLLOW].power_kw == pytest.approx(-1.0)
    assert ways[AlternativeKind.FOLLOW].more_eur == pytest.approx(0.0, abs=1e-6)
    # Nothing now: the kWh covers the load at 0.10 later instead of at 0.40 now.
    assert ways[AlternativeKind.NOTHING].more_eur == pytest.approx(0.30, abs=1e-5)
    assert "0.300 EUR more" in ways[AlternativeKind.NOTHING].text
    charge = ways[AlternativeKind.CHARGE]
    assert charge.power_kw == pytest.approx(5.0)
    assert charge.more_eur is not None
    assert charge.more_eur > 1.0


def test_a_full_battery_charges_nothing_and_an_absent_car_has_no_other_way() -> None:
    inputs = house(4, ess=battery(soc_kwh=10.0), pev=car(4, plugged=(False, True, True, True)))
    ways = otherwise(inputs, plan(inputs))
    assert {each.storage for each in ways} == {"ess"}
    assert [each.power_kw for each in ways if each.kind is AlternativeKind.CHARGE] == [0.0]


def test_a_car_below_its_least_power_does_nothing_instead() -> None:
    sun = (1.6, 0.0)
    ways = _ways(house(2, production_kw=sun, ess=None, pev=car(2, min_charge_kw=1.4)), "pev")
    assert ways[AlternativeKind.FOLLOW].power_kw == 0.0
    assert ways[AlternativeKind.CHARGE].power_kw == pytest.approx(7.4)


def test_a_limit_that_another_way_would_break_is_said() -> None:
    ways = _ways(house(4, contract_max_kw=3.0, ess=battery(soc_kwh=0.0)))
    assert ways[AlternativeKind.CHARGE].beyond_kwh == pytest.approx(3.0)
    assert "beyond the limits" in ways[AlternativeKind.CHARGE].text


def test_an_empty_horizon_has_no_other_ways() -> None:
    assert otherwise(house(0), plan(house(0))) == ()


@pytest.mark.parametrize("seed", range(60))
def test_nothing_else_is_ever_cheaper(seed: int) -> None:
    inputs = furnished(seed, 3 + seed % 5)
    made = plan(inputs)
    assert made.status is not PlanStatus.FALLBACK
    for each in otherwise(inputs, made):
        assert each.more_eur is not None
        assert each.beyond_kwh > 1e-6 or each.more_eur >= -2e-5
