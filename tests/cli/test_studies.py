"""`heg backtest` and `heg size` as a person meets them."""

from __future__ import annotations

import json
import math
from csv import DictReader
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from heg.cli import main
from tests.cli.absent import refused_without

ROOT = Path(__file__).parents[2]
KEYS = {"cost_eur", "co2_eur", "peak_kw", "cycles", "import_kwh", "export_kwh"}
BATTERY = ("--ess-kwh", "10", "--ess-kw", "5", "--efficiency", "0.9")
PRICES = ("--ess-eur-per-kwh", "100", "--ess-eur-per-kw", "20")


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Ten days with a sun, an evening's load, cheap nights, CO2 and one missing reading."""
    path = tmp_path / "history.csv"
    lines = ["time_utc,demand_kw,production_kw,import_eur_per_kwh,export_eur_per_kwh,co2_eur_per_kwh"]
    for slot in range(240):
        time = datetime(2025, 5, 1, tzinfo=UTC) + slot * timedelta(hours=1)
        sun = max(0.0, 4.0 * math.sin(math.pi * (time.hour - 6) / 12))
        demand = "" if slot == 100 else f"{0.5 + 1.5 * (time.hour > 17)}"
        lines.append(f"{time:%Y-%m-%dT%H:%M:%SZ},{demand},{sun:.3f},{0.2 if time.hour < 6 else 0.35},0.05,0.02")
    path.write_text("\n".join(lines) + "\n")
    return path


def ran(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as ended:
        code = int(ended.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


def without_co2(history: Path) -> Path:
    rows = [line.split(",")[:-1] for line in history.read_text().splitlines()]
    history.write_text("\n".join(",".join(row) for row in rows))
    return history


def test_json_is_alone_on_standard_output_and_progress_beside_it(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ran(capsys, "backtest", history, *BATTERY, "--json")
    found: dict[str, Any] = json.loads(out)
    assert code == 0
    for name in ("no_battery", "rule", "ebr", "ebr_perfect"):
        assert set(found[name]) >= KEYS
    assert found["no_battery"]["cycles"] == 0.0
    assert found["no_battery"]["cost_eur"] == found["no_battery"]["bill_eur"]
    assert found["no_battery"]["co2_eur"] == pytest.approx(0.02 * found["no_battery"]["import_kwh"])
    assert 0.8 < found["share_of_perfect_saving"] <= 1.1
    assert (found["missing_slots"], found["missing_cells"]) == (1, 1)
    lines = err.splitlines()
    assert lines == [f"living it again: {percent} %" for percent in range(0, 101, 10)]


@pytest.mark.parametrize("efficiency", [0.9, 0.7])
def test_no_battery_and_the_rule_are_what_a_few_lines_make_of_the_file(
    history: Path, capsys: pytest.CaptureFixture[str], efficiency: float
) -> None:
    """Counted again from the file, without anything of ours."""
    with history.open(newline="") as lines:
        rows = [
            {name: float(cell or "nan") for name, cell in row.items() if name != "time_utc"}
            for row in DictReader(lines)
        ]
    rows[100]["demand_kw"] = rows[76]["demand_kw"]
    buy, left = sum(row["import_eur_per_kwh"] for row in rows) / len(rows), 0.0
    counted = {name: dict.fromkeys((*KEYS, "left_kwh"), 0.0) for name in ("no_battery", "rule")}
    for row in rows:
        surplus = row["production_kw"] - row["demand_kw"]
        stored = min(max(surplus, 0.0), 5.0, (10.0 - left) / efficiency**0.5)
        given = min(max(-surplus, 0.0), 5.0, left * efficiency**0.5)
        left += stored * efficiency**0.5 - given / efficiency**0.5
        for sums, grid in ((counted["no_battery"], -surplus), (counted["rule"], stored - given - surplus)):
            sums["import_kwh"] += max(grid, 0.0)
            sums["export_kwh"] += max(-grid, 0.0)
            sums["cost_eur"] += grid * row["import_eur_per_kwh" if grid > 0.0 else "export_eur_per_kwh"]
            sums["co2_eur"] += max(grid, 0.0) * row["co2_eur_per_kwh"]
            sums["peak_kw"] = max(sums["peak_kw"], grid)
        counted["rule"]["cycles"] += given / 10.0
    counted["rule"]["left_kwh"] = left
    counted["rule"]["cost_eur"] -= 0.9 * buy * left
    code, out, _ = ran(capsys, "backtest", history, *BATTERY[:4], "--efficiency", efficiency, "--json")
    found: dict[str, Any] = json.loads(out)
    assert code == 0
    for name, sums in counted.items():
        assert {key: found[name][key] for key in sums} == pytest.approx(sums, abs=1e-6)


def test_people_get_a_table_and_a_sentence(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "backtest", history, *BATTERY, "--from", "2025-05-02", "--days", "5")
    assert code == 0
    assert "5 days from 2025-05-02 00:00 UTC, 10 kWh, 5 kW, 90% round trip, planned 24 h ahead" in out
    assert "With heg this battery would save" in out
    assert "1 of 120 slots miss a reading" in out


def test_without_co2_there_is_none(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "backtest", without_co2(history), *BATTERY, "--days", "2", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["ebr"]["co2_eur"] is None
    assert found["objective"] == "energy"


def test_a_noisy_sun_is_the_same_for_the_same_seed(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def cost(seed: str) -> float:
        _, out, _ = ran(capsys, "backtest", history, *BATTERY, "--days", "4", "--json", "--pv-forecast", seed)
        found = json.loads(out)
        assert found["pv_forecast"] == seed
        return float(found["ebr"]["cost_eur"])

    assert cost("noisy:1") == cost("noisy:1")


def test_battery_site_and_contract_may_be_the_houses(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "heg.toml"
    config.write_text(
        """
[contract]
max_import_kw = 3.0
max_export_kw = 3.0

[device.battery]
serial = "B1"
role = "storage"
capacity_kwh = 7.0
max_charge_kw = 3.5
max_discharge_kw = 3.0

[planning]
horizon_hours = 12.0
objective = "co2"
"""
    )
    code, out, _ = ran(capsys, "backtest", history, "--config", config, "--days", "2", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["ess"] == {
        "capacity_kwh": 7.0,
        "min_rate_kw": -3.0,
        "max_rate_kw": 3.5,
        "round_trip_efficiency": 0.9,
    }
    assert (found["horizon_slots"], found["objective"]) == (12, "co2")
    assert found["ebr"]["peak_kw"] <= 3.0


def test_a_configuration_without_a_battery_says_what_it_lacks(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "heg.toml"
    config.write_text("")
    code, _, err = ran(capsys, "backtest", history, "--config", config)
    assert code == 78
    assert "expected [device.NAME] with role, capacity_kwh and max_charge_kw" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "expected --ess-kwh and --ess-kw, or --config with a battery"),
        ((*BATTERY, "--from", "2026-01-01"), "--from: expected a time from 2025-05-01T00:00Z to before 2025-05-11"),
        ((*BATTERY, "--from", "soon"), "--from: expected a day such as 2025-01-31, came 'soon'"),
        ((*BATTERY, "--days", "11"), "--days: expected at most 10, came 11"),
        ((*BATTERY, "--days", "0"), "expected a number above 0"),
        ((*BATTERY, "--pv-forecast", "noisy:x"), "expected own, or noisy: and a number"),
        ((*BATTERY, "--horizon-hours", "nan"), "expected hours from 1 to 168"),
        ((*BATTERY[:4], "--efficiency", "90"), "expected a share between 0.5 and 1, such as 0.9, came '90'"),
    ],
)
def test_an_option_that_cannot_be_is_exit_code_2(
    history: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = ran(capsys, "backtest", history, *arguments)
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize("command", [("backtest", *BATTERY), ("size", *PRICES)])
def test_a_file_that_is_no_history_is_named_with_its_line(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("time_utc,demand_kw,import_eur_per_kwh\n2025-01-01T00:00Z,much,0.2\n")
    code, out, err = ran(capsys, command[0], bad, *command[1:])
    assert (code, out) == (1, "")
    assert err == f"{bad}: line 2: demand_kw: expected a number or nothing, came 'much'\n"
    code, _, err = ran(capsys, command[0], tmp_path / "no.csv", *command[1:])
    assert code == 1
    assert "expected a file that can be read (No such file or directory)" in err


def test_the_best_battery_is_told_and_written(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ran(capsys, "size", history, *PRICES, "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    best = found["best"]
    assert best["capacity_kwh"] > 1.0
    assert best["net_saving_eur_per_year"] == max(each["net_saving_eur_per_year"] for each in found["curve"])
    assert best["payback_years"] == pytest.approx(best["investment_eur"] / best["saving_eur_per_year"])
    assert found["annuity"] == pytest.approx(1 / 15)
    code, out, _ = ran(capsys, "size", history, *PRICES)
    assert "Best for this home:" in out
    assert "<- best" in out


def test_where_none_pays_it_says_so(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "size", history, "--ess-eur-per-kwh", "90000", "--ess-eur-per-kw", "0")
    assert code == 0
    assert "At these prices no battery pays for this home." in out


@pytest.mark.parametrize("command", [("backtest", *BATTERY, "--days", "2"), ("size", *PRICES)])
def test_both_are_drawn(
    command: tuple[str, ...], history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "picture.svg"
    code, _, _ = ran(capsys, command[0], history, *command[1:], "--plot", picture)
    assert code == 0
    assert "EUR" in picture.read_text()
    code, out, err = ran(capsys, command[0], history, *command[1:], "--plot", tmp_path / "picture.gif")
    assert (code, out) == (1, "")
    assert ".png or .svg" in err


@pytest.mark.system
@pytest.mark.parametrize("command", [("backtest", *BATTERY), ("size", *PRICES)])
@pytest.mark.parametrize(("absent", "extra"), [("matplotlib", "plots"), ("highspy", "planner")])
def test_without_an_extra_they_say_how_to_get_it(
    command: tuple[str, ...], history: Path, tmp_path: Path, absent: str, extra: str
) -> None:
    refused_without(absent, extra, tmp_path, command[0], str(history), *command[1:], "--plot", str(tmp_path / "a.png"))


HOUSE = """
[unit]
time_zone = "Europe/Rome"

[device.battery]
serial = "B1"
role = "storage"
capacity_kwh = 7.0
max_charge_kw = 3.5

[feeds.tariff]
template = "two-band"

[feeds.tariff.peak]
eur_per_kw = 5.0
"""


def test_a_file_without_prices_has_the_contract_s_and_its_peak_charge(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "heg.toml"
    config.write_text(HOUSE)
    told = [line.split(",") for line in history.read_text().splitlines()]
    asked = ("backtest", history, "--config", config, "--days", "2", "--json")
    code, out, _ = ran(capsys, *asked)
    assert code == 0
    by_file = json.loads(out)["no_battery"]
    history.write_text("\n".join(",".join(row[:3]) for row in told))
    code, out, _ = ran(capsys, *asked)
    assert code == 0
    found = json.loads(out)
    slots = [(datetime.fromisoformat(row[0]), float(row[1] or 0) - float(row[2])) for row in told[1:49]]
    energy = {True: 0.0, False: 0.0}
    for time, kw in slots:
        local = time + timedelta(hours=2)
        bands = 0.22 if local.hour >= 22 or local.hour < 6 else 0.32
        energy[True] += kw * bands if kw > 0 else kw * 0.08
        energy[False] += kw * (0.2 if time.hour < 6 else 0.35) if kw > 0 else kw * 0.05
    assert found["no_battery"]["bill_eur"] == pytest.approx(energy[True] + 5.0 * 2.0)
    assert by_file["bill_eur"] == pytest.approx(energy[False] + 5.0 * 2.0), "prices in the file stand"
    assert found["ebr_perfect"]["peak_kw"] < 1.5


def test_without_any_price_it_says_where_one_may_stand(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history.write_text("\n".join(",".join(line.split(",")[:3]) for line in history.read_text().splitlines()))
    assert "missing import_eur_per_kwh" in ran(capsys, "backtest", history, *BATTERY)[2]
    config = tmp_path / "heg.toml"
    config.write_text(HOUSE.partition("[feeds")[0])
    assert "or [feeds.tariff] in the configuration" in ran(capsys, "backtest", history, "--config", config)[2]
    band = '[feeds.tariff.import]\nbands = [{ from = "08:00", to = "20:00", eur_per_kwh = 0.3 }]\n'
    config.write_text(HOUSE.partition("[feeds")[0] + band)
    code, _, err = ran(capsys, "backtest", history, "--config", config)
    assert code == 78
    assert "expected a price for every hour, otherwise_eur_per_kwh for one; none for 2025-05-01T00:00Z" in err
