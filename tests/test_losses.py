"""The loss matrix is kept: its page is printed, each row has one enforcer that knows it and one scenario on the rig."""

from pathlib import Path

import pytest

from heg.model.loss_types import LossRow, Span
from heg.model.losses import LOSSES, loss, page
from heg.model.timings import Timings

ROOT = Path(__file__).parents[1]
ROWS = [pytest.param(row, id=row.id) for row in LOSSES.values()]


def mentions(row: LossRow) -> list[str]:
    """Modules of ours that look the row up."""
    paths = [path for room in ("heg", "drivers") for path in sorted((ROOT / room).rglob("*.py"))]
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in paths
        if path.parent.name != "model" and f'loss("{row.id}")' in path.read_text()
    ]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_exactly_one_enforcer_that_looks_it_up(row: LossRow) -> None:
    assert mentions(row) == [row.enforcer]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_played_on_the_rig(row: LossRow) -> None:
    scenario = ROOT / "hil" / "scenarios" / f"{row.scenario}.toml"
    assert f'row = "{row.id}"' in scenario.read_text()


def test_the_page_is_the_printed_matrix() -> None:
    mend = "python -c 'from heg.model import losses; print(losses.page(), end=\"\")' > docs/loss-matrix.md"
    assert (ROOT / "docs" / "loss-matrix.md").read_text() == page(), f"print it again: {mend}"


@pytest.mark.parametrize("row", ROWS)
def test_a_row_says_everything(row: LossRow) -> None:
    assert all((row.lost, row.mode, row.safe, row.left, row.enforcer, row.scenario))
    timings = Timings.for_cycle(1.0)
    assert row.within.at(timings) > 0
    assert row.max_age is None or row.max_age.at(timings) > 0


def test_an_unknown_row_is_named_with_those_that_exist() -> None:
    with pytest.raises(KeyError, match="grid-meter-stale"):
        loss("meter-gone")


def test_all_times_follow_the_cycle_by_one_rule() -> None:
    second, minute, fast = Timings.for_cycle(1.0), Timings.for_cycle(60.0), Timings.for_cycle(0.2)
    assert second.meter_max_age_s == 5.0
    for name in Timings.__slots__:
        if name != "cycle_s":
            assert getattr(minute, name) == pytest.approx(60.0 * getattr(second, name)), name
            assert getattr(fast, name) == getattr(second, name), name
    assert Span("wish_s", seconds=3.0, cycles=2.0).at(minute) == 600.0 + 3.0 + 120.0
    with pytest.raises(ValueError, match="above 0"):
        Timings.for_cycle(0.0)
