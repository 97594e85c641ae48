"""Whatever the file says: a plan or a refusal in words, never a traceback."""

from __future__ import annotations

import contextlib
import copy
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from heg.cli import main
from heg.model.plan_file.schemas import schema_text
from tests.model.plan_file.problems import problem

SLOTS = 6
STORAGE = {
    "capacity_kwh": 10,
    "min_rate_kw": -5,
    "max_rate_kw": 5,
    "soc_kwh": 4,
    "round_trip_efficiency": 0.9,
    "reserve_kwh": 1,
    "wear_eur_per_kwh": 0.02,
    "end_value_eur_per_kwh": 0.1,
}
WHOLE = problem(
    production_kw=[0, 0, 2, 3, 1, 0],
    production_curtailable=True,
    demand_kw=[1, 2, 1, 1, 3, 2],
    import_eur_per_kwh=[0.2, 0.1, 0.3, -0.1, 0.4, 0.3],
    export_eur_per_kwh=[0.1, 0.1, 0.2, -0.2, 0.1, 0.1],
    co2_eur_per_kwh=[0.02] * SLOTS,
    tube_low_kw=[-1, None, -1, -1, None, -1],
    tube_high_kw=[2, None, 2, 2, 2, 2],
    outside_tube_eur_per_kwh=0.2,
    contract_min_kw=-6,
    contract_max_kw=6,
    grid_min_kw=[None, -4, -4, -4, -4, -4],
    grid_max_kw=[5, None, 5, 5, 5, 5],
    peak_eur_per_kw=2,
    peak_so_far_kw=1,
    blocks={
        "so_far_kwh": 290,
        "steps": [{"from_kwh": 300, "eur_per_kwh": 0.05}, {"from_kwh": 310, "eur_per_kwh": 0.1}],
    },
    desired_kw=[0, 0, 1, 1, 0, 0],
    desired_weight_eur_per_kwh=0.1,
    ess=STORAGE,
    pev=STORAGE
    | {
        "plugged": [True, True, True, True, False, False],
        "target_kwh": 8,
        "target_slot": 4,
        "target_penalty_eur_per_kwh": 10,
        "min_charge_kw": 1.4,
    },
    deferrable=[{"name": "dishes", "power_kw": [2, 0.5], "earliest_slot": 1, "latest_slot": 5, "interruptible": False}],
    previous_plan={"start": "2026-11-20T23:00:00Z", "ess_kw": [1] * SLOTS, "pev_kw": [0] * SLOTS},
    objective="energy+co2+distribution",
)
PLAN = Draft202012Validator(json.loads(schema_text("plan")))
NUMBERS = st.one_of(
    st.sampled_from((0, -1, 1, 0.5, 1e9, -1e9, 1e300, -1e-300, 10**400, 1 << 63)),
    st.floats(),
    st.integers(-100, 100),
)
VALUES: st.SearchStrategy[Any] = st.one_of(
    NUMBERS,
    st.none(),
    st.booleans(),
    st.text(max_size=5),
    st.sampled_from(("2026-11-21T00:00:00Z", "2026-11-21", "9999-12-31T23:59:59Z", "co2", "energy+co2", "\ud800")),
    st.lists(st.one_of(NUMBERS, st.none()), max_size=8),
    st.lists(st.booleans(), max_size=8),
    st.dictionaries(st.text(max_size=4), st.none(), max_size=2),
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place of a value in which something stands: the container, and the key or number in it."""
    inside = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [*((value, key) for key, _ in inside), *(place for _, each in inside for place in places(each))]


@st.composite
def changed(draw: st.DrawFn) -> dict[str, Any]:
    keys = copy.deepcopy(WHOLE)
    for _ in range(draw(st.integers(1, 4))):
        container, key = draw(st.sampled_from(places(keys)))
        match draw(st.sampled_from(("number", "number", "number", "value", "gone", "more"))):
            case "number":
                container[key] = draw(NUMBERS)
            case "value":
                container[key] = draw(VALUES)
            case "gone":
                del container[key]
            case "more" if isinstance(container, dict):
                container[draw(st.text(max_size=5))] = draw(VALUES)
            case _:
                container.append(draw(VALUES))
    return keys


def ended(file: Path, text: bytes) -> tuple[int, str, str]:
    file.write_bytes(text)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["plan", str(file), "--time-limit", "2", "--explain"])
    return code, out.getvalue(), err.getvalue()


def no_such_word(word: str) -> None:
    pytest.fail(f"{word} is no JSON")


def judged(file: Path, text: bytes) -> None:
    """A plan that its schema knows, of as many slots as there are demands; or words that name file and key."""
    code, out, err = ended(file, text)
    event(f"exit code {code}")
    if code != 0:
        assert (code, out) == (1, "")
        assert all(line.startswith((f"{file}: ", "and ")) for line in err.splitlines()), err
        assert ": expected " in err
        return
    plan = json.loads(out, parse_constant=no_such_word)
    PLAN.validate(plan)
    assert len(plan["grid_kw"]) == len(plan["reasons"]) == len(json.loads(text)["demand_kw"])
    for lack in plan["degradations"]:
        assert f"heg plan: {lack['code']}: {lack['text']}" in err


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzzed") / "problem.json"


def test_the_whole_file_is_planned_as_it_stands(file: Path) -> None:
    code, out, _ = ended(file, json.dumps(WHOLE).encode())
    assert code == 0
    assert json.loads(out)["status"] in {"optimal", "feasible"}


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(keys=changed())
def test_a_changed_file_is_planned_or_refused_in_words(file: Path, keys: dict[str, Any]) -> None:
    judged(file, json.dumps(keys).encode())


@settings(max_examples=120)
@given(at=st.integers(0, len(json.dumps(WHOLE)) - 1), length=st.integers(0, 5), instead=st.binary(max_size=4))
def test_broken_text_is_planned_or_refused_in_words(file: Path, at: int, length: int, instead: bytes) -> None:
    text = json.dumps(WHOLE).encode()
    judged(file, text[:at] + instead + text[at + length :])


@pytest.mark.soak
@settings(max_examples=5_000, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(keys=changed())
def test_five_thousand_changed_files_are_planned_or_refused_in_words(file: Path, keys: dict[str, Any]) -> None:
    judged(file, json.dumps(keys).encode())
