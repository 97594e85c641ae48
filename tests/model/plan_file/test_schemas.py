from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from heg.model.plan_file.reading import read_problem
from heg.model.plan_file.schemas import FILES, schema_text
from heg.model.plan_file.writing import plan_text
from heg.planner.plan import plan
from tests.model.plan_file.problems import as_bytes, as_file, problem
from tests.planner.random_houses import sensible

PAGES = Path(__file__).parents[3] / "docs" / "integrators"


def validator(file: str) -> Draft202012Validator:
    schema = json.loads(schema_text(file))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("file", FILES)
def test_the_published_schemas_are_those_of_the_types(file: str) -> None:
    published = PAGES / f"plan-file.{file}.schema.json"
    reprint = f"heg plan --schema {file} > docs/integrators/{published.name}"
    assert published.read_text() == schema_text(file), reprint


@pytest.mark.parametrize("seed", range(12))
def test_what_is_read_and_written_fits_its_schema(seed: int) -> None:
    keys = as_file(sensible(seed, 1 + seed))
    validator("problem").validate(keys)
    written = plan_text(plan(read_problem(as_bytes(keys))))
    validator("plan").validate(json.loads(written))


@pytest.mark.parametrize(
    "changes",
    [
        {"demand_kw": []},
        {"slot_minutes": 0},
        {"unknown": 1},
        {"ess": {"capcity_kwh": 1}},
        {"objective": "profit"},
        {"pev": {"plugged": ["yes"]}},
        {"deferrable": [{"name": "x"}]},
        {"import_eur_per_kwh": ["0.3"]},
    ],
)
def test_what_the_reader_refuses_the_schema_refuses_too(changes: dict[str, Any]) -> None:
    assert validator("problem").is_valid(problem())
    assert not validator("problem").is_valid(problem(**changes))


def test_a_problem_may_say_null_where_it_may_say_nothing() -> None:
    optional = set(json.loads(schema_text("problem"))["$defs"]["Problem"]["properties"]) - set(problem())
    validator("problem").validate(problem() | dict.fromkeys(optional))


def test_no_name_of_ours_is_in_a_schema() -> None:
    for file in FILES:
        assert "Keys" not in schema_text(file)
