from __future__ import annotations

import re

import pytest

from bench.rows import Row, percentile, table


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 2.0), (0.51, 3.0), (0.99, 4.0), (1.0, 4.0)])
def test_a_percentile_is_one_of_the_values(share: float, expected: float) -> None:
    assert percentile([4.0, 2.0, 3.0, 1.0], share) == expected


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        (Row("memory", 59, "MiB", limit=60), True),
        (Row("memory", 61, "MiB", limit=60), False),
        (Row("writes", 900, "1/s", limit=1000, at_most=False), False),
        (Row("writes", 900, "1/s"), None),
    ],
)
def test_a_promise_is_kept_or_broken(row: Row, kept: bool | None) -> None:
    assert row.kept is kept


def test_the_table_says_promise_and_ratio() -> None:
    text = table([Row("resident memory", 61.5, "MiB", "with the house", limit=60, baseline=30)])
    assert re.split(r"\s{2,}", text.splitlines()[1]) == [
        "resident memory",
        "61.5",
        "MiB",
        "<= 60 BROKEN",
        "2.05",
        "with the house",
    ]
