from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from heg.model.plan import (
    Block,
    Blocks,
    Deferrable,
    DegradationCode,
    Objective,
    PlanInputs,
    PreviousPlan,
    StorageInputs,
    VehicleInputs,
)
from heg.model.plan_file.faults import MOST_SHOWN, PlanFileError
from heg.model.plan_file.reading import LARGEST_BYTES, read_problem
from tests.model.plan_file.problems import as_bytes, as_file, problem
from tests.planner.random_houses import sensible

START = datetime(2026, 11, 21, tzinfo=UTC)


def read(**changes: Any) -> PlanInputs:
    return read_problem(as_bytes(problem(**changes)))


def refused(text: bytes) -> str:
    with pytest.raises(PlanFileError) as refusal:
        read_problem(text)
    return str(refusal.value)


def said(inputs: PlanInputs) -> list[str]:
    assert {lack.code for lack in inputs.degradations} <= {DegradationCode.INPUT_MENDED}
    return [lack.text for lack in inputs.degradations]


def test_four_keys_are_a_problem_and_the_rest_has_its_defaults() -> None:
    keys = {"slot_minutes": 15, "start": "2026-11-21T00:00:00Z", "demand_kw": [1, 2], "import_eur_per_kwh": [0.3, 0.2]}
    expected = PlanInputs(slot_minutes=15, start=START, demand_kw=(1.0, 2.0), import_eur_per_kwh=(0.3, 0.2))
    assert read_problem(as_bytes(keys)) == expected
    others = {
        *("production_kw", "production_curtailable", "export_eur_per_kwh", "co2_eur_per_kwh", "tube_low_kw"),
        *("tube_high_kw", "outside_tube_eur_per_kwh", "contract_min_kw", "contract_max_kw", "grid_min_kw"),
        *("grid_max_kw", "peak_eur_per_kw", "peak_so_far_kw", "blocks", "desired_kw", "desired_weight_eur_per_kwh"),
        *("ess", "pev", "deferrable", "previous_plan", "objective"),
    }
    assert read_problem(as_bytes(keys | dict.fromkeys(others))) == expected


def test_every_key_arrives_where_it_belongs() -> None:
    storage = {"capacity_kwh": 10, "min_rate_kw": -5, "max_rate_kw": 4, "soc_kwh": 3, "round_trip_efficiency": 0.8}
    storage |= {"wear_eur_per_kwh": 0.02, "end_value_eur_per_kwh": 0.1, "reserve_kwh": 1}
    vehicle = {"plugged": [True, False], "target_kwh": 8, "target_slot": 1, "target_penalty_eur_per_kwh": 5}
    keys = {
        "slot_minutes": 30,
        "start": "2026-11-21T01:00:00+01:00",
        "demand_kw": [1, 2],
        "production_kw": [0.5, 0],
        "production_curtailable": True,
        "import_eur_per_kwh": [0.3, 0.2],
        "export_eur_per_kwh": [0.1, 0],
        "co2_eur_per_kwh": [0.01, 0.02],
        "tube_low_kw": [-1, None],
        "tube_high_kw": [None, 2],
        "outside_tube_eur_per_kwh": 0.4,
        "contract_min_kw": -6,
        "contract_max_kw": 6,
        "grid_min_kw": [None, -4],
        "grid_max_kw": [5, None],
        "peak_eur_per_kw": 4,
        "peak_so_far_kw": 2,
        "blocks": {"so_far_kwh": 240, "steps": [{"from_kwh": 300, "eur_per_kwh": 0.05}]},
        "desired_kw": [0, 1],
        "desired_weight_eur_per_kwh": 0.7,
        "ess": storage,
        "pev": storage | vehicle | {"min_charge_kw": 1.4},
        "deferrable": [
            {"name": "dishes", "power_kw": [2, 0.1], "earliest_slot": 0, "latest_slot": 2, "interruptible": True},
            {"power_kw": [1]},
        ],
        "previous_plan": {"start": "2026-11-20T23:30:00Z", "ess_kw": [0, 1], "pev_kw": [2, 3]},
        "objective": "energy+co2+distribution",
    }
    assert read_problem(as_bytes(keys)) == PlanInputs(
        slot_minutes=30,
        start=START,
        demand_kw=(1, 2),
        production_kw=(0.5, 0),
        production_curtailable=True,
        import_eur_per_kwh=(0.3, 0.2),
        export_eur_per_kwh=(0.1, 0),
        co2_eur_per_kwh=(0.01, 0.02),
        tube_low_kw=(-1, None),
        tube_high_kw=(None, 2),
        outside_tube_eur_per_kwh=0.4,
        contract_min_kw=-6,
        contract_max_kw=6,
        grid_min_kw=(None, -4),
        grid_max_kw=(5, None),
        peak_eur_per_kw=4,
        peak_so_far_kw=2,
        blocks=Blocks(so_far_kwh=240, steps=(Block(from_kwh=300, eur_per_kwh=0.05),)),
        desired_kw=(0, 1),
        desired_weight_eur_per_kwh=0.7,
        ess=StorageInputs(**storage),
        pev=VehicleInputs(
            **storage,
            plugged=(True, False),
            target_kwh=8,
            target_slot=1,
            target_penalty_eur_per_kwh=5,
            min_charge_kw=1.4,
        ),
        deferrable=(
            Deferrable(name="dishes", power_kw=(2, 0.1), earliest_slot=0, latest_slot=2, interruptible=True),
            Deferrable(name="deferrable 2", power_kw=(1,)),
        ),
        previous_plan=PreviousPlan(start=datetime(2026, 11, 20, 23, 30, tzinfo=UTC), ess_kw=(0, 1), pev_kw=(2, 3)),
        objective=Objective.ENERGY_CO2_DISTRIBUTION,
    )


@pytest.mark.parametrize("seed", range(20))
def test_a_problem_written_as_a_file_is_read_as_it_was(seed: int) -> None:
    inputs = sensible(seed, 1 + seed % 9)
    again = read_problem(as_bytes(as_file(inputs)))
    assert as_file(again) == as_file(inputs)


def test_gaps_in_a_series_are_no_numbers_whoever_wrote_them() -> None:
    inputs = read_problem(
        b'{"slot_minutes": 15.0, "start": "2026-11-21T00:00", "demand_kw": [1, null, NaN, Infinity],'
        b' "import_eur_per_kwh": []}'
    )
    assert math.isnan(inputs.demand_kw[1])
    assert math.isnan(inputs.demand_kw[2])
    assert inputs.demand_kw[3] == math.inf
    assert (inputs.slot_minutes, inputs.start, inputs.import_eur_per_kwh) == (15, START, ())
    assert inputs.degradations == ()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"export_eur_per_kwh": [0.1] * 5}, "export_eur_per_kwh: expected 3 values, one a slot of demand_kw, came 5"),
        ({"grid_max_kw": [4.0]}, "grid_max_kw: expected 3 values, one a slot of demand_kw, came 1; no limit"),
        ({"ess": {"max_rate_kw": 5, "min_rate_kw": -5, "soc_kwh": 1}}, "ess.capacity_kwh: not given; planned with 0."),
        ({"pev": {"capacity_kwh": 40, "max_rate_kw": 7, "soc_kwh": 1}}, "pev.plugged: not given; planned as never"),
        ({"pev": {"plugged": [True]}}, "pev.plugged: expected 3 values, one a slot of demand_kw, came 1; not there"),
        ({"pev": {"plugged": [1, 0, None]}}, "pev.plugged: not known in 1 slots; planned as not there in these."),
        ({"pev": {"plugged": [1, 1, 1], "target_kwh": 4}}, "pev.target_slot: not given; planned without the target."),
        ({"pev": {"plugged": [1, 1, 1], "target_slot": 4}}, "pev.target_slot: 4 lies beyond the 3 slots"),
    ],
)
def test_what_does_not_fit_is_planned_and_named(changes: dict[str, Any], text: str) -> None:
    inputs = read(**changes)
    assert any(sentence.startswith(text) for sentence in said(inputs)), said(inputs)
    assert len(inputs.export_eur_per_kwh) in {0, 3}


def test_a_target_without_its_slot_is_meant_only_when_it_says_null() -> None:
    meant = read(pev={"capacity_kwh": 40, "max_rate_kw": 7, "plugged": [1, 1, 1], "target_kwh": 4, "target_slot": None})
    assert meant.pev is not None
    assert (meant.pev.target_slot, said(meant)) == (None, [])


def test_a_storage_that_does_not_say_how_full_it_is_is_handed_on_as_not_known() -> None:
    ess = read(ess={"capacity_kwh": 10, "min_rate_kw": -5, "max_rate_kw": 5}).ess
    assert ess is not None
    assert math.isnan(ess.soc_kwh)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "file: expected valid JSON in UTF-8"),
        (b"\xff{}", "file: expected valid JSON in UTF-8"),
        (b"[" * 100_000, "file: expected valid JSON in UTF-8"),
        (b'{"slot_minutes": ' + b"9" * 5_000 + b"}", "file: expected valid JSON in UTF-8"),
        (b'"x"', 'file = "x": expected an object'),
        (b" " * (LARGEST_BYTES + 1), f"file = {LARGEST_BYTES + 1} bytes: expected at most {LARGEST_BYTES} bytes"),
        (b'{"start": 1, "start": 2}', "start: expected each key once in an object; this one stands there twice"),
    ],
    ids=range(7),
)
def test_what_is_no_problem_at_all_is_refused(text: bytes, expected: str) -> None:
    assert refused(text).startswith(expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"slot_minutes": 0}, "slot_minutes = 0: expected whole minutes from 1 to 1440, such as 15"),
        ({"slot_minutes": "15"}, 'slot_minutes = "15": expected whole minutes'),
        ({"slot_minutes": 7.5}, "slot_minutes = 7.5: expected whole minutes"),
        ({"start": "yesterday"}, 'start = "yesterday": expected a UTC time'),
        ({"start": "0001-01-01T00:00:00+14:00"}, 'start = "0001-01-01T00:00:00+14:00": expected a UTC time'),
        ({"start": 1_700_000_000}, "start = 1700000000: expected a UTC time"),
        ({"demand_kw": []}, "demand_kw = []: expected a list of kW, one a slot, 1 to 10000 of them"),
        ({"demand_kw": 1}, "demand_kw = 1: expected a list of kW"),
        ({"demand_kw": [1, "2", 3]}, 'demand_kw[1] = "2": expected a number, or null where there is none'),
        ({"demand_kw": [1, True, 3]}, "demand_kw[1] = true: expected a number"),
        ({"demand_kw": [10**400]}, 'demand_kw[0] = "a very large number": expected a number'),
        ({"objective": "profit"}, 'objective = "profit": expected "energy+co2", "co2" or "energy+co2+distribution"'),
        ({"ess": 10}, "ess = 10: expected an object, { } with keys in it"),
        (
            {"ess": {"capcity_kwh": 10}},
            "ess.capcity_kwh = 10: expected a key of the format; did you mean 'capacity_kwh'",
        ),
        ({"ess": {"capacity_kwh": "10"}}, 'ess.capacity_kwh = "10": expected kWh, such as 10.0'),
        ({"pev": {"plugged": [True, 2]}}, "pev.plugged[1] = 2: expected true or false"),
        ({"pev": {"target_slot": 1.5}}, "pev.target_slot = 1.5: expected a number of a slot"),
        ({"production_curtailable": "no"}, 'production_curtailable = "no": expected true when production may be cut'),
        ({"blocks": {"steps": [{"from_kwh": 1}]}}, "blocks.steps[0].eur_per_kwh: expected EUR/kWh, such as 0.05; this"),
        (
            {"deferrable": [{"name": "x"}]},
            "deferrable[0].power_kw: expected a list of kW, one for each slot of the cycle;",
        ),
        ({"deferrable": {}}, "deferrable = {}: expected a list of at most 50 cycles"),
        ({"deferrable": [{"power_kw": [1]}] * 51}, "deferrable = "),
        (
            {"deferrable": [{"power_kw": [1], "name": "a\x1b[1m"}]},
            'deferrable[0].name = "a\\u001b[1m": expected a name',
        ),
        ({"deferrable": [{"power_kw": [1], "name": "a\n"}]}, 'deferrable[0].name = "a\\n": expected a name'),
        ({"objective": "\ud800"}, 'objective = "\\ud800": expected "energy+co2"'),
        ({"previous_plan": {"start": "?"}}, 'previous_plan.start = "?": expected a UTC time'),
        ({"import_price": [1]}, "import_price = [1]: expected a key of the format; did you mean"),
        ({"a\x1b[31m": 1}, '"a\\u001b[31m" = 1: expected a key of the format; known are slot_minutes, start,'),
    ],
)
def test_a_key_that_is_nonsense_is_named_with_what_was_expected(changes: dict[str, Any], expected: str) -> None:
    assert refused(as_bytes(problem(**changes))).startswith(expected)


@pytest.mark.parametrize("key", ["slot_minutes", "start", "demand_kw", "import_eur_per_kwh"])
def test_what_is_required_may_be_neither_absent_nor_null(key: str) -> None:
    absent, null = problem(), problem() | {key: None}
    del absent[key]
    for keys, came in ((absent, ""), (null, " = null")):
        text = refused(as_bytes(keys))
        assert text.startswith(f"{key}{came}: expected ")
        assert text.endswith("; this key is required")


def test_all_faults_are_named_at_once_but_no_more_than_a_person_reads() -> None:
    assert refused(b'{"demand_kw": 1, "start": []}').count("\n") == 3
    many = refused(as_bytes(problem() | {f"key{number}": 1 for number in range(30)}))
    assert len(many.splitlines()) == MOST_SHOWN + 1
    assert many.endswith("and 10 more")
