from __future__ import annotations

from pathlib import Path

import pytest

from heg.studies.drawing import DrawingError, checked_target, new_figure, save


@pytest.mark.parametrize("name", ["plan.png", "plan.svg", "PLAN.SVG"])
def test_a_drawing_is_of_the_kind_its_name_says(tmp_path: Path, name: str) -> None:
    figure = new_figure(3.0, 2.0)
    figure.add_subplot().plot([0, 1], [1, 0])
    save(figure, tmp_path / name)
    head = (tmp_path / name).read_bytes()[:8]
    assert head.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml")


def test_equal_drawings_are_equal_svg_files(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        figure = new_figure(3.0, 2.0)
        figure.add_subplot().plot([0, 1], [1, 0])
        save(figure, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


@pytest.mark.parametrize(("name", "expected"), [("plan.pdf", ".png or .svg"), ("nowhere/plan.png", "a folder")])
def test_what_cannot_be_drawn_to_is_said_before_any_work(tmp_path: Path, name: str, expected: str) -> None:
    with pytest.raises(DrawingError, match=expected):
        checked_target(tmp_path / name)
