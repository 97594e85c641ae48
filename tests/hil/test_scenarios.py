"""The rig's own scenarios: every file is understood, and each row of the loss matrix has one."""

from pathlib import Path

import pytest

import hil
from hil.scenario import load

FOLDER = Path(hil.__file__).parent / "scenarios"
FILES = sorted(FOLDER.glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_scenario_is_understood(path: Path) -> None:
    scenario = load(path, offline=True)
    assert scenario.tells
    assert scenario.expectations
    assert scenario.duration_s >= max(expected.last_s for expected in scenario.expectations)
