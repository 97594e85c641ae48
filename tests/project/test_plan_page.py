"""The page on `heg plan` says what is: its example runs, and every key of both files has its place on it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from heg.cli import main
from tests.planner import by_the_book

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: (DOCS / name).read_text() for name in ("integrators/plan-file.md", "users/ask-for-a-plan.md")}
PAGE = PAGES["integrators/plan-file.md"]


@pytest.mark.parametrize("name", PAGES)
def test_the_example_is_planned_without_a_lack(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    [example] = re.findall(r"```json\n(.*?)```", PAGES[name], flags=re.DOTALL)
    file = tmp_path / "house.json"
    file.write_text(example)
    assert main(["plan", str(file), "--explain", "--plot", str(tmp_path / "plan.svg")]) == 0
    plan, problem = json.loads(capsys.readouterr().out), json.loads(example)
    assert (plan["status"], plan["degradations"]) == ("optimal", [])
    assert by_the_book.broken(problem, plan) == []
    assert plan["objective_value"] == pytest.approx(sum(by_the_book.cost_parts(problem, plan).values()), abs=1e-6)
    target_kwh = problem.get("pev", {}).get("target_kwh", 0.0)
    assert plan["pev_soc_kwh"][-1] >= target_kwh - 1e-6


@pytest.mark.parametrize("file", ["problem", "plan"])
def test_every_key_is_on_the_page(capsys: pytest.CaptureFixture[str], file: str) -> None:
    main(["plan", "--schema", file])
    schema = json.loads(capsys.readouterr().out)
    keys = {key for part in schema["$defs"].values() for key in part.get("properties", {})}
    on_page = set(re.findall(r"[a-z0-9_]+", " ".join(re.findall(r"`([^`\n]+)`", PAGE))))
    assert keys - on_page == set()
