"""`heg forecast` as a person meets it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from heg.cli import main


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Three weeks of evenings and suns."""
    path = tmp_path / "history.csv"
    lines = ["time_utc,demand_kw,production_kw,import_eur_per_kwh"]
    for slot in range(21 * 24):
        time = datetime(2025, 5, 1, tzinfo=UTC) + slot * timedelta(hours=1)
        sun = 2.0 if 8 <= time.hour < 16 else 0.0
        lines.append(f"{time:%Y-%m-%dT%H:%M:%SZ},{0.5 + 1.0 * (time.hour >= 18)},{sun},0.3")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_days_for_people_and_for_programs(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", str(history), "--days", "3"]) == 0
    words = capsys.readouterr().out
    assert "Thu 22 May  demand  18.0" in words
    assert words.count("production") == 3
    assert main(["forecast", str(history), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert len(said["days"]) == 7
    assert len(said["hours"]) == 168
    assert said["days"][0]["demand"]["kwh"] == pytest.approx(18.0, abs=0.3)
    assert said["days"][0]["production"]["kwh"] == pytest.approx(16.0, abs=1.0)
    slots = said["slots"]
    assert (slots["start"], slots["slot_minutes"]) == ("2025-05-22T00:00:00+00:00", 60)
    assert slots["demand"]["mean_kw"][12] == pytest.approx(0.5, abs=0.05)
    assert list(slots["demand"]["quantiles_kw"]) == ["0.1", "0.25", "0.5", "0.75", "0.9"]
    assert [row[20] for row in slots["demand"]["quantiles_kw"].values()] == pytest.approx([1.5] * 5, abs=0.15)
    assert len(slots["production"]["quantiles_kw"]["0.9"]) == 168


def test_what_cannot_be_is_said(history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", str(tmp_path / "none.csv")]) == 1
    assert "expected a file that can be read" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["forecast", str(history), "--days", "9"])
