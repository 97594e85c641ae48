from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from heg.model.plan import CostParts, DeferrablePlan, Degradation, DegradationCode, Plan, PlanStatus
from heg.model.plan_file.writing import plan_text
from heg.planner.plan import plan
from tests.planner.houses import START, car, house

PLAN_KEYS = (
    *("status", "degradations", "objective_value", "cost_eur", "ess_kw", "pev_kw", "grid_kw", "production_used_kw"),
    *("ess_soc_kwh", "pev_soc_kwh", "ess_regime", "pev_regime", "reasons", "deferrable", "pev_best_kwh", "solve_ms"),
)


def written(made: Plan) -> dict[str, Any]:
    return json.loads(plan_text(made))


def test_a_plan_has_all_its_keys_in_order_one_a_line() -> None:
    text = plan_text(plan(house(2)))
    assert [line.split('"')[1] for line in text.splitlines()[1:-1]] == list(PLAN_KEYS)


def test_lengths_are_those_of_the_slots_with_and_without_storages() -> None:
    for inputs in (house(3), house(3, ess=None), house(3, pev=car(3))):
        keys = written(plan(inputs))
        for name in ("ess_kw", "pev_kw", "grid_kw", "production_used_kw", "ess_regime", "pev_regime", "reasons"):
            assert len(keys[name]) == 3, name
        assert len(keys["ess_soc_kwh"]) == len(keys["pev_soc_kwh"]) == 4


def test_a_storage_that_is_not_there_rests() -> None:
    keys = written(plan(house(2, ess=None)))
    assert keys["ess_kw"] == keys["pev_kw"] == [0.0, 0.0]
    assert keys["ess_regime"] == ["hold", "hold"]
    assert keys["reasons"] == [{"ess": None, "pev": None}] * 2


def test_the_parts_of_the_cost_add_up_to_the_objective() -> None:
    parts = CostParts(
        energy_eur=1, co2_eur=2, outside_tube_eur=4, wear_eur=8, target_eur=16, end_value_eur=-32, peak_eur=64
    )
    keys = written(replace(plan(house(1)), cost=replace(parts, blocks_eur=128, desired_eur=256)))
    assert keys["objective_value"] == sum(keys["cost_eur"].values()) == 447
    assert keys["cost_eur"]["end_value"] == -32
    assert keys["cost_eur"]["desired"] == 256


def test_what_lacks_and_what_is_best_and_cycles_are_told() -> None:
    made = replace(
        plan(house(2, pev=car(2))),
        status=PlanStatus.DEGRADED,
        degradations=(Degradation(DegradationCode.TARGET_PAST, "Gone."),),
        deferrable=(DeferrablePlan(name="dishes", power_kw=(0.0, 2.0)),),
        pev_best_kwh=12.5,
    )
    keys = written(made)
    assert (keys["status"], keys["pev_best_kwh"]) == ("degraded", 12.5)
    assert keys["degradations"] == [{"code": "target_past", "text": "Gone."}]
    assert keys["deferrable"] == [{"name": "dishes", "power_kw": [0.0, 2.0]}]


def test_a_reason_has_code_sentence_and_figures() -> None:
    made = plan(house(3, import_eur_per_kwh=(0.1, 0.4, 0.4)))
    reason = written(made)["reasons"][0]["ess"]
    assert reason["code"] == made.ess[0].reason.code
    assert reason["text"] == made.ess[0].reason.text
    assert reason["marginal_eur_per_kwh"] == made.ess[0].marginal_eur_per_kwh
    later = made.ess[0].reason.later
    assert later is None or (later > START and reason["later"].endswith("Z"))


def test_what_json_has_no_word_for_becomes_null() -> None:
    keys = written(replace(plan(house(1, ess=None)), solve_ms=math.inf, grid_kw=(math.nan,)))
    assert (keys["solve_ms"], keys["grid_kw"]) == (None, [None])
