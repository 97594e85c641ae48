"""`heg plan` as a person or a program meets it: JSON alone on standard output, words on standard error, exit codes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from heg.cli import main
from tests.cli.absent import refused_without
from tests.model.plan_file.problems import as_bytes, problem

ROOT = Path(__file__).parents[2]
DAY: dict[str, Any] = {"demand_kw": [1.0] * 24, "import_eur_per_kwh": [0.1] * 6 + [0.4] * 18}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "problem.json"
    path.write_bytes(as_bytes(problem(**DAY)))
    return path


def planned(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any, str]:
    code = main(["plan", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else None, err


def test_a_plan_is_alone_on_standard_output(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, keys, err = planned(capsys, file)
    assert (code, err) == (0, "")
    assert keys["status"] == "optimal"
    assert max(keys["ess_soc_kwh"]) == pytest.approx(10.0)


def test_what_lacked_is_said_to_people_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "problem.json"
    path.write_bytes(as_bytes(problem(demand_kw=[1, None, 1])))
    code, keys, err = planned(capsys, path)
    assert (code, keys["status"]) == (0, "degraded")
    assert err.startswith("heg plan: demand_forecast_missing: No forecast of demand for 1 of 3 slots")


def test_explained_it_is_still_alone_there(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, keys, err = planned(capsys, file, "--explain", "--json")
    assert (code, keys["status"]) == (0, "optimal")
    lines = err.splitlines()
    assert lines[0].startswith(f"optimal, 24 slots of 60 min: {keys['objective_value']:.2f} EUR (energy")
    assert lines[2].split()[:9] == ["time", "buy", "sell", "load", "sun", "battery", "stored", "grid", "regime"]
    assert lines[3].split() == ["UTC", "EUR/kWh", "EUR/kWh", "kW", "kW", "kW", "kWh", "kW"]
    assert len(lines) == 4 + 24 + 2 + 4
    assert lines[-5] == "Otherwise, in the first slot:"
    assert lines[-4].startswith("  battery: Doing nothing now (0.00 kW) would cost")
    assert lines[4].split()[:6] == ["2026-11-21", "00:00", "0.100", "0.000", "1.00", "-"]
    assert keys["reasons"][0]["ess"]["text"] in lines[4]
    assert f"{keys['ess_regime'][5]}: " in lines[9]


@pytest.mark.parametrize("name", ["plan.png", "plan.svg"])
def test_it_is_drawn_besides(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, keys, err = planned(capsys, file, "--plot", tmp_path / name)
    assert (code, keys["status"], err) == (0, "optimal", "")
    drawing = (tmp_path / name).read_bytes()
    if name.endswith("svg"):
        for words in (b"power, kW", b"price, EUR/kWh", b"stored, kWh", b"time, UTC", b"battery, of 10 kWh", b"21 Nov"):
            assert words in drawing, words
    else:
        assert drawing.startswith(b"\x89PNG")


def test_a_plot_that_cannot_be_is_refused_before_planning(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, keys, err = planned(capsys, file, "--plot", "plan.pdf")
    assert (code, keys) == (1, None)
    assert err == "--plot: plan.pdf: expected a file name that ends in .png or .svg\n"


def test_nonsense_is_refused_by_file_and_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "problem.json"
    path.write_bytes(as_bytes(problem(ess={"capacity_kwh": "ten"}, demand=[1])))
    code, keys, err = planned(capsys, path)
    assert (code, keys) == (1, None)
    assert f'{path}: ess.capacity_kwh = "ten": expected kWh, such as 10.0\n' in err
    assert f"{path}: demand = [1]: expected a key of the format; did you mean 'demand_kw'?\n" in err


@pytest.mark.parametrize("name", ["nowhere.json", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, keys, err = planned(capsys, name)
    assert (code, keys) == (1, None)
    assert err.startswith(f"{name}: expected a file that can be read (")


@pytest.mark.parametrize(
    "arguments", [["--time-limit", "0"], ["--gap", "nan"], ["--time-limit", "soon"], ["--schema", "x"]]
)
def test_an_option_that_is_nonsense_is_exit_code_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["plan", "problem.json", *arguments])
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_without_a_file_the_gateways_plan_is_meant(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    code, keys, err = planned(capsys)
    assert (code, keys) == (78, None)
    assert "heg.toml" in err
    assert "--host ADDRESS" in err


def test_a_problem_is_planned_here_and_nowhere_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", "192.168.1.20", "plan", "problem.json"]) == 2
    assert "plans on this machine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "title"), [([], "heg problem"), (["problem"], "heg problem"), (["plan"], "heg plan")]
)
def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str], arguments: list[str], title: str) -> None:
    code, schema, err = planned(capsys, "--schema", *arguments)
    assert (code, schema["title"], err) == (0, title, "")


@pytest.mark.system
def test_through_pipes_it_is_the_same(file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "heg", "plan", "-", "--explain"]
    done = subprocess.run(command, cwd=ROOT, input=file.read_bytes(), capture_output=True, timeout=60, check=True)
    assert json.loads(done.stdout)["status"] == "optimal"
    assert done.stderr.startswith(b"optimal, 24 slots")


@pytest.mark.system
@pytest.mark.parametrize(
    ("absent", "extra", "options"), [("matplotlib", "plots", ["--plot", "plan.png"]), ("highspy", "planner", [])]
)
def test_without_an_extra_it_says_how_to_get_it(
    file: Path, tmp_path: Path, absent: str, extra: str, options: list[str]
) -> None:
    refused_without(absent, extra, tmp_path, "plan", str(file), *options)


def test_standard_input_is_named_in_a_refusal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{")))
    code, keys, err = planned(capsys, "-")
    assert (code, keys) == (1, None)
    assert err.startswith("standard input: file: expected valid JSON in UTF-8")
