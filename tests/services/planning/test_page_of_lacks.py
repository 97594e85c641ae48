"""The owner's page of planning has every lack that a plan can name."""

from pathlib import Path

import pytest

from heg.model.plan import DegradationCode

PAGE = Path(__file__).parents[3] / "docs" / "users" / "planning.md"


@pytest.mark.parametrize("code", list(DegradationCode))
def test_a_lack_is_explained_to_who_has_it(code: DegradationCode) -> None:
    rows = [line for line in PAGE.read_text().splitlines() if f"`{code}`" in line and line.startswith("|")]
    assert len(rows) == 1, f"docs/users/planning.md: expected one row for {code}, found {len(rows)}"
