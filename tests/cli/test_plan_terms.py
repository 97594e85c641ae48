"""Each term of a problem by the command, in a house so small that a person sees what is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heg.cli import main
from tests.model.plan_file.problems import as_bytes, problem
from tests.planner import by_the_book

EMPTY = {
    "capacity_kwh": 10,
    "min_rate_kw": -5,
    "max_rate_kw": 5,
    "soc_kwh": 0,
    "round_trip_efficiency": 1,
    "end_value_eur_per_kwh": 0.5,
}
"""A battery that is worth filling at 0.3 EUR/kWh, and not at more than 0.5."""


@pytest.fixture
def planned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Plan a problem by the command; what comes is held by the book."""

    def plan(keys: dict[str, Any]) -> dict[str, Any]:
        file = tmp_path / "problem.json"
        file.write_bytes(as_bytes(keys))
        assert main(["plan", str(file)]) == 0
        made = json.loads(capsys.readouterr().out)
        assert by_the_book.broken(keys, made) == []
        assert made["cost_eur"] == pytest.approx(by_the_book.cost_parts(keys, made), abs=1e-6)
        return made

    return plan


def test_a_peak_price_spreads_what_is_charged(planned: Any) -> None:
    made = planned(problem(4, ess=EMPTY, peak_eur_per_kw=0.5))
    assert made["grid_kw"] == pytest.approx([3.5] * 4, abs=1e-6)
    assert made["cost_eur"]["peak"] == pytest.approx(0.5 * 3.5)


def test_a_peak_that_was_there_before_costs_nothing_more(planned: Any) -> None:
    made = planned(problem(2, ess=EMPTY, peak_eur_per_kw=5, peak_so_far_kw=3))
    assert made["grid_kw"] == pytest.approx([3.0, 3.0], abs=1e-6)
    assert made["cost_eur"]["peak"] == pytest.approx(0.0, abs=1e-6)


def test_in_a_dear_block_nothing_is_stored(planned: Any) -> None:
    """5 kWh are left of the cheap block; the house takes 3 of them."""
    blocks = {"so_far_kwh": 95, "steps": [{"from_kwh": 100, "eur_per_kwh": 0.3}]}
    made = planned(problem(3, ess=EMPTY, blocks=blocks))
    assert sum(made["grid_kw"]) == pytest.approx(5.0, abs=1e-6)
    assert made["cost_eur"]["blocks"] == pytest.approx(0.0, abs=1e-6)
    made = planned(problem(3, ess=EMPTY, blocks=blocks | {"so_far_kwh": 99}))
    assert made["cost_eur"]["blocks"] == pytest.approx(2 * 0.3)


def test_a_desired_profile_is_come_near_to(planned: Any) -> None:
    full = EMPTY | {"soc_kwh": 5, "end_value_eur_per_kwh": 0.3}
    made = planned(problem(2, ess=full, desired_kw=[0.0, 4.0], desired_weight_eur_per_kwh=1.0))
    assert made["grid_kw"] == pytest.approx([0.0, 4.0], abs=1e-6)
    assert made["cost_eur"]["desired"] == pytest.approx(0.0, abs=1e-6)


def test_a_cycle_waits_for_its_time_and_runs_unbroken(planned: Any) -> None:
    prices = [0.4, 0.1, 0.4, 0.2, 0.2, 0.4]
    washing = {"name": "washing", "power_kw": [2, 2], "latest_slot": 6}
    made = planned(problem(6, ess=None, import_eur_per_kwh=prices, deferrable=[washing]))
    assert made["deferrable"] == [{"name": "washing", "power_kw": [0, 0, 0, 2, 2, 0]}]
    made = planned(problem(6, ess=None, import_eur_per_kwh=prices, deferrable=[washing | {"interruptible": True}]))
    assert made["deferrable"] == [{"name": "washing", "power_kw": [0, 2, 0, 2, 0, 0]}]


def test_a_cycle_without_room_is_left_out_and_named(planned: Any) -> None:
    drying = {"name": "drying", "power_kw": [2, 2, 2], "earliest_slot": 1, "latest_slot": 3}
    made = planned(problem(4, ess=None, deferrable=[drying]))
    assert made["deferrable"] == [{"name": "drying", "power_kw": [0.0] * 4}]
    assert [lack["code"] for lack in made["degradations"]] == ["deferrable_unplaced"]
    assert made["status"] == "degraded"


def test_of_equal_plans_it_keeps_to_the_one_before(planned: Any) -> None:
    """Any hour is as good as another: without a plan before it is not the third and half of the first."""
    small = EMPTY | {"capacity_kwh": 3, "max_rate_kw": 3}
    before = {"start": "2026-11-20T23:00:00Z", "ess_kw": [0, 1, 0, 2, 0]}
    alone, kept = (planned(problem(4, ess=small, previous_plan=plan)) for plan in (None, before))
    assert kept["ess_kw"] == pytest.approx([1, 0, 2, 0], abs=1e-6)
    assert alone["ess_kw"] != pytest.approx([1, 0, 2, 0], abs=1e-6)
    assert kept["objective_value"] == pytest.approx(alone["objective_value"], abs=1e-6)
    assert kept["status"] == "optimal"


def test_a_plan_before_is_not_kept_where_it_costs(planned: Any) -> None:
    before = {"start": "2026-11-21T00:00:00Z", "ess_kw": [5, 5, 0]}
    made = planned(problem(3, ess=EMPTY, import_eur_per_kwh=[0.4, 0.2, 0.1], previous_plan=before))
    assert made["ess_kw"] == pytest.approx([0, 5, 5], abs=1e-4)  # to keep near it may cost a millionth of a euro
