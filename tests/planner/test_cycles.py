"""Appliances' cycles: run once, whole, when it is cheap, inside their window and the connection's limits."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

from heg.model.plan import Deferrable, DegradationCode, PlanStatus
from heg.planner.house import Cycle
from heg.planner.placing import cheapest_slots
from heg.planner.plan import plan
from tests.planner.houses import battery, car, house

VALLEY = (0.4, 0.4, 0.2, 0.1, 0.2, 0.4, 0.1, 0.4)


def washing(**changes: Any) -> Deferrable:
    usual: dict[str, Any] = {"name": "washing machine", "power_kw": (2.0, 0.5)}
    return Deferrable(**(usual | changes))


def test_a_cycle_runs_where_it_costs_least() -> None:
    made = plan(house(8, import_eur_per_kwh=VALLEY, ess=None, deferrable=(washing(),)))
    assert made.deferrable[0].power_kw == (0.0, 0.0, 0.0, 2.0, 0.5, 0.0, 0.0, 0.0)
    assert made.grid_kw[3] == pytest.approx(3.0)
    assert made.demand_kw == (1.0,) * 8
    assert made.status is PlanStatus.OPTIMAL


def test_one_that_may_pause_does() -> None:
    made = plan(
        house(8, import_eur_per_kwh=VALLEY, ess=None, deferrable=(washing(power_kw=(2.0, 2.0), interruptible=True),))
    )
    assert made.deferrable[0].power_kw == (0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 2.0, 0.0)


def test_it_keeps_to_its_window() -> None:
    made = plan(house(8, import_eur_per_kwh=VALLEY, ess=None, deferrable=(washing(earliest_slot=4, latest_slot=6),)))
    assert made.deferrable[0].power_kw == (0.0, 0.0, 0.0, 0.0, 2.0, 0.5, 0.0, 0.0)


def test_surplus_is_what_it_waits_for() -> None:
    sun = (0.0,) * 5 + (3.5,) * 2 + (0.0,)
    made = plan(house(8, production_kw=sun, ess=None, deferrable=(washing(),)))
    assert made.deferrable[0].power_kw[5] == 2.0


@pytest.mark.parametrize(
    "cycle",
    [
        washing(power_kw=(1.0,) * 9),
        washing(earliest_slot=7),
        washing(earliest_slot=5, latest_slot=3),
        washing(latest_slot=-2),
    ],
)
def test_one_without_room_is_named_and_all_else_is_planned(cycle: Deferrable) -> None:
    made = plan(house(8, deferrable=(cycle, washing(name="dryer"))))
    lacks = [lack for lack in made.degradations if lack.code is DegradationCode.DEFERRABLE_UNPLACED]
    assert len(lacks) == 1
    assert "washing machine" in lacks[0].text
    assert made.deferrable[0].power_kw == (0.0,) * 8
    assert sum(made.deferrable[1].power_kw) == pytest.approx(2.5)
    assert made.status is PlanStatus.DEGRADED


def test_limits_come_before_the_cycle_and_the_cycle_before_the_cost() -> None:
    tight = plan(house(4, contract_max_kw=2.0, ess=None, deferrable=(washing(),)))
    assert [lack.code for lack in tight.degradations] == [DegradationCode.DEFERRABLE_UNPLACED]
    assert "limits" in tight.degradations[0].text
    helped = plan(house(4, contract_max_kw=2.0, ess=battery(), deferrable=(washing(),)))
    assert helped.degradations == ()
    assert max(helped.grid_kw) <= 2.0 + 1e-6


def test_a_house_already_beyond_its_limit_still_runs_what_fits_beside_it() -> None:
    demand = (9.0, 1.0, 1.0, 1.0)
    made = plan(house(4, demand_kw=demand, contract_max_kw=5.0, ess=None, deferrable=(washing(),)))
    assert [lack.code for lack in made.degradations] == [DegradationCode.DEMAND_ABOVE_CONTRACT]
    assert sum(made.deferrable[0].power_kw[1:]) == pytest.approx(2.5)


def test_powers_that_no_appliance_draws_are_none() -> None:
    made = plan(house(4, deferrable=(washing(power_kw=(math.nan, -1.0, 1.0)),)))
    assert DegradationCode.INPUT_MENDED in [lack.code for lack in made.degradations]
    assert sum(made.deferrable[0].power_kw) == pytest.approx(1.0)


def test_a_slot_that_has_begun_is_no_whole_slot_of_a_cycle() -> None:
    dear_later = (0.1, 0.4, 0.4, 0.4)
    made = plan(house(4, import_eur_per_kwh=dear_later, ess=None, first_slot_share=0.5, deferrable=(washing(),)))
    assert made.deferrable[0].power_kw == (0.0, 2.0, 0.5, 0.0)


def test_without_a_solver_cycles_run_at_once() -> None:
    many = tuple(washing(name=f"appliance {number}", interruptible=True) for number in range(3))
    made = plan(house(96, slot_minutes=15, pev=car(96, min_charge_kw=1.4), deferrable=many, time_limit_s=1e-3))
    assert all(sum(waiting.power_kw) == pytest.approx(2.5) for waiting in made.deferrable)


@pytest.mark.parametrize("interruptible", [False, True])
def test_the_quick_placing_is_the_cheapest_of_all(interruptible: bool) -> None:
    chance = random.Random(5)
    for _ in range(40):
        price = np.array([chance.choice((0.1, 0.2, 0.3, 0.5)) for _ in range(7)])
        power_kw = np.array([chance.choice((0.5, 1.0, 2.0)) for _ in range(3)])
        found = cheapest_slots(Cycle(0, "", power_kw, 1, 7, interruptible), price)
        possible = [(a, b, c) for a in range(1, 5) for b in range(a + 1, 6) for c in range(b + 1, 7)]
        if not interruptible:
            possible = [each for each in possible if each[2] - each[0] == 2]
        assert tuple(found) in possible
        costs = [float(power_kw @ price[list(each)]) for each in possible]
        assert float(power_kw @ price[found]) == pytest.approx(min(costs))


def test_three_cycles_in_96_slots_take_less_than_a_second() -> None:
    chance = random.Random(1)
    prices = tuple(0.25 + 0.1 * math.cos(math.pi * (slot / 4 - 19) / 6) + chance.gauss(0, 0.01) for slot in range(96))
    made = plan(
        house(
            96,
            slot_minutes=15,
            import_eur_per_kwh=prices,
            demand_kw=tuple(0.3 + chance.expovariate(2.0) for _ in range(96)),
            production_kw=tuple(max(0.0, 4.0 * math.sin(math.pi * (slot / 4 - 6) / 12)) for slot in range(96)),
            export_eur_per_kwh=(0.08,) * 96,
            deferrable=(
                washing(power_kw=(2.0, 2.0, 0.3, 0.3, 0.3, 0.5, 0.5)),
                washing(name="dishwasher", power_kw=(0.1, 2.0, 0.2, 2.0, 0.1), earliest_slot=20, latest_slot=90),
                washing(name="dryer", power_kw=(2.2, 1.8, 1.5, 1.0), interruptible=True),
            ),
        )
    )
    assert made.status in (PlanStatus.OPTIMAL, PlanStatus.FEASIBLE)
    assert made.solve_ms < 1_000.0
    assert [round(sum(waiting.power_kw), 6) for waiting in made.deferrable] == [5.9, 4.4, 6.5]


def test_a_power_out_of_all_range_is_planned_as_none_and_said() -> None:
    made = plan(house(8, import_eur_per_kwh=VALLEY, ess=None, deferrable=(washing(power_kw=(1e300, 0.5)),)))
    assert sum(made.deferrable[0].power_kw) == 0.5
    assert any("no appliance draws" in lack.text for lack in made.degradations)
