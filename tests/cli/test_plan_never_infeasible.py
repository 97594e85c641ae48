"""What a file may lack or get wrong and is still planned, by the command; and days of 23 and 25 hours."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from heg.cli import main
from tests.model.plan_file.problems import as_bytes, problem
from tests.planner import by_the_book

ROME = ZoneInfo("Europe/Rome")
BATTERY = {"capacity_kwh": 10, "min_rate_kw": -5, "max_rate_kw": 5, "soc_kwh": 5}
CAR = {"capacity_kwh": 40, "max_rate_kw": 7.4, "soc_kwh": 10, "plugged": [True] * 3, "end_value_eur_per_kwh": 0.1}
NAN = float("nan")

LACKS: list[tuple[dict[str, Any], set[str]]] = [
    ({"ess": BATTERY | {"soc_kwh": 11}}, {"soc_out_of_bounds"}),
    ({"ess": BATTERY | {"soc_kwh": -2}}, {"soc_out_of_bounds"}),
    ({"ess": BATTERY | {"soc_kwh": NAN}}, {"soc_unknown"}),
    ({"ess": BATTERY | {"soc_kwh": None}}, {"soc_unknown"}),
    ({"ess": BATTERY | {"capacity_kwh": 0, "soc_kwh": 0}}, set()),
    ({"ess": BATTERY | {"min_rate_kw": 0, "max_rate_kw": 0}}, set()),
    ({"ess": BATTERY | {"capacity_kwh": -10}}, {"input_mended", "soc_out_of_bounds"}),
    ({"ess": BATTERY | {"round_trip_efficiency": 90}}, {"input_mended"}),
    ({"ess": BATTERY | {"reserve_kwh": 20}}, {"input_mended"}),
    ({"ess": BATTERY | {"reserve_kwh": 8}}, set()),
    ({"ess": {}}, {"input_mended", "soc_unknown"}),
    ({"contract_max_kw": 0.5, "ess": BATTERY | {"soc_kwh": 0}}, {"demand_above_contract"}),
    ({"contract_max_kw": -4, "contract_min_kw": 4}, {"limits_contradict", "demand_above_contract"}),
    ({"grid_max_kw": [-1, None, 1], "grid_min_kw": [1, None, -1]}, {"limits_contradict", "demand_above_contract"}),
    ({"contract_max_kw": NAN}, {"input_mended"}),
    ({"demand_kw": [1, None, NAN]}, {"demand_forecast_missing"}),
    ({"demand_kw": [None] * 3}, {"demand_forecast_missing"}),
    ({"demand_kw": [1e9, 1, 1]}, {"input_mended"}),
    ({"production_kw": [1]}, {"production_forecast_missing"}),
    ({"import_eur_per_kwh": []}, {"prices_missing"}),
    ({"import_eur_per_kwh": [0.3]}, {"prices_estimated"}),
    ({"import_eur_per_kwh": [0.3] * 4}, {"input_mended"}),
    ({"export_eur_per_kwh": [0.1, None, 0.1]}, {"export_prices_missing"}),
    ({"co2_eur_per_kwh": [NAN, 0.1, 0.1]}, {"co2_missing"}),
    ({"import_eur_per_kwh": [-0.3, -0.1, -0.2], "export_eur_per_kwh": [-0.3, -0.1, -0.2]}, set()),
    ({"pev": CAR | {"target_kwh": 30, "target_slot": -1}}, {"target_past"}),
    ({"pev": CAR | {"target_kwh": 40, "target_slot": 1}}, {"target_unreachable"}),
    ({"pev": CAR | {"target_kwh": 50, "target_slot": 3}}, {"input_mended", "target_unreachable"}),
    ({"pev": CAR | {"target_kwh": 20, "target_slot": 4}}, {"input_mended"}),
    ({"pev": CAR | {"plugged": [None, True, True]}}, {"input_mended"}),
    ({"pev": CAR | {"min_charge_kw": 11}}, {"input_mended"}),
    ({"tube_low_kw": [2, 2, 2], "tube_high_kw": [1, 1, 1], "objective": "energy+co2+distribution"}, set()),
]


def planned(capsys: pytest.CaptureFixture[str], folder: Path, keys: dict[str, Any]) -> dict[str, Any]:
    file = folder / "problem.json"
    file.write_bytes(as_bytes(keys))
    assert main(["plan", str(file)]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("changes", "codes"), LACKS, ids=[f"{min(lack)}-{n}" for n, (lack, _) in enumerate(LACKS)])
def test_what_lacks_has_its_name_and_there_is_a_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], codes: set[str]
) -> None:
    keys = planned(capsys, tmp_path, problem() | changes)
    assert {lack["code"] for lack in keys["degradations"]} == codes
    assert keys["status"] == ("degraded" if codes - {"target_unreachable"} else "optimal")
    assert len(keys["grid_kw"]) == 3
    assert all(lack["text"].endswith(".") for lack in keys["degradations"])


def test_the_best_that_can_be_reached_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pev = CAR | {"target_kwh": 40, "target_slot": 1}
    assert planned(capsys, tmp_path, problem(pev=pev))["pev_best_kwh"] == pytest.approx(10 + 7.4 * 0.9**0.5)


def test_one_slot_is_a_horizon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = problem(1, contract_max_kw=6)
    plan = planned(capsys, tmp_path, keys)
    assert plan["status"] == "optimal"
    assert by_the_book.broken(keys, plan) == []


def test_limits_are_broken_as_little_as_possible_whatever_it_costs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """3 kW over a contract of 2: the battery gives what it has, though a kWh left would be worth more than all."""
    ess = BATTERY | {"soc_kwh": 1, "round_trip_efficiency": 1.0, "end_value_eur_per_kwh": 9}
    keys = problem(demand_kw=[3.0] * 3, contract_max_kw=2, ess=ess)
    plan = planned(capsys, tmp_path, keys)
    assert by_the_book.beyond_kwh(keys, plan) == pytest.approx(2.0, abs=1e-6)
    assert plan["ess_soc_kwh"][-1] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-21", 24)])
@pytest.mark.parametrize("slot_minutes", [15, 60])
def test_a_local_day_has_as_many_slots_as_it_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], day: str, hours: int, slot_minutes: int
) -> None:
    midnight = datetime.fromisoformat(day).replace(tzinfo=ROME)
    start, end = midnight.astimezone(UTC), (midnight + timedelta(days=1)).astimezone(UTC)
    slots = (end - start) // timedelta(minutes=slot_minutes)
    assert slots * slot_minutes == hours * 60
    local = [(start + slot * timedelta(minutes=slot_minutes)).astimezone(ROME).hour for slot in range(slots)]
    keys = problem(
        slots,
        slot_minutes=slot_minutes,
        start=midnight.isoformat(),
        import_eur_per_kwh=[0.15 if hour < 6 else 0.4 if 17 <= hour < 21 else 0.3 for hour in local],
    )
    file, drawing = tmp_path / "problem.json", tmp_path / "plan.svg"
    file.write_bytes(as_bytes(keys))
    assert main(["plan", str(file), "--explain", "--plot", str(drawing)]) == 0
    out, err = capsys.readouterr()
    plan = json.loads(out)
    assert (plan["status"], by_the_book.broken(keys, plan)) == ("optimal", [])
    assert plan["objective_value"] == pytest.approx(sum(by_the_book.cost_parts(keys, plan).values()), abs=1e-6)
    assert f"{start:%Y-%m-%d %H:%M}" in err
    assert len(plan["grid_kw"]) == slots
