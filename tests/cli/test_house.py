"""Times as people write them, by the house's clock."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.cli.ends import CommandError
from heg.cli.house import House


@dataclass
class Told:
    """A gateway that tells its time."""

    utc: str = "2026-03-29T06:30:00Z"
    zone: str = "Europe/Berlin"

    def get(self, *_what: Any) -> Any:
        return self

    @property
    def message(self) -> Any:
        return self

    @property
    def time(self) -> Any:
        return self


def said(text: str) -> str:
    moment = House(Told()).moment(text, "--from")  # type: ignore[arg-type]
    assert moment is not None
    return moment.isoformat()


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("now", "2026-03-29T06:30:00+00:00"),
        ("today", "2026-03-28T23:00:00+00:00"),
        ("yesterday", "2026-03-27T23:00:00+00:00"),
        ("2026-03-29", "2026-03-28T23:00:00+00:00"),
        ("2026-03-29T12:00", "2026-03-29T10:00:00+00:00"),
        ("2026-03-29 12:00", "2026-03-29T10:00:00+00:00"),
        ("2026-03-29T12:00Z", "2026-03-29T12:00:00+00:00"),
        ("2026-03-29T12:00+05:00", "2026-03-29T07:00:00+00:00"),
        ("90min", "2026-03-29T05:00:00+00:00"),
        ("48h", "2026-03-27T06:30:00+00:00"),
        ("7d", "2026-03-22T06:30:00+00:00"),
    ],
)
def test_times_are_read_as_the_house_counts_them(text: str, utc: str) -> None:
    assert said(text) == utc


@pytest.mark.parametrize("text", ["", "soon", "999999w", "0001-01-01", "7", "-7d", "2026-13-01"])
def test_what_is_no_time_is_refused_in_words(text: str) -> None:
    with pytest.raises(CommandError, match="--from: expected a day"):
        said(text)


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    with suppress(CommandError):
        assert said(text).endswith("+00:00")
