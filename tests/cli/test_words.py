"""What people read: columns, numbers, and nothing that steers their terminal."""

from __future__ import annotations

import pytest

from heg.cli.words import in_columns, number, say, share


def test_nothing_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(["a \x1b[31mred\x1b[0m \x9b31m name\nand a line", "gr\u00fcn"])
    assert capsys.readouterr().out == "a  [31mred [0m  31m name and a line\ngr\u00fcn\n"


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert list(in_columns(("A", "B"), [("one", "2"), ("x", "")], "none")) == ["A    B", "one  2", "x"]
    assert list(in_columns(("A", "B"), [], "none")) == ["none"]


def test_what_is_not_known_is_a_dash() -> None:
    assert (number(None), number(1.5, 2), share(None), share(0.125)) == ("-", "1.50", "-", "12 %")
