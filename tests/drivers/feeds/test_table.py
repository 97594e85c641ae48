"""CSV files line by line: what they say comes back, and whatever else they hold is named and left out."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.feeds.series import Series, Span, placed
from drivers.feeds.table import LONGEST_LINE, Rows, TableError, Wanted, read_table

START = datetime(2026, 3, 1, tzinfo=UTC)
SPAN = Span(START, START + timedelta(days=3))
PRICE = Wanted("price", -20.0, 20.0)
MINUTES = st.sampled_from([5, 15, 30, 60])
VALUES = st.lists(st.one_of(st.none(), st.floats(-20, 20)), min_size=2, max_size=200)


def read(text: str | bytes, *wanted: Wanted, settled: bool = True) -> Rows:
    body = text if isinstance(text, bytes) else text.encode()
    return read_table(BytesIO(body), wanted or (PRICE,), SPAN, settled=settled)


def written(values: list[float | None], minutes: int, *, begin: datetime = START, delimiter: str = ",") -> str:
    lines = [delimiter.join(("time_utc", "price"))]
    for index, value in enumerate(values):
        time = (begin + index * timedelta(minutes=minutes)).isoformat()
        lines.append(f"{time}{delimiter}{'' if value is None else repr(value)}")
    return "\n".join(lines) + "\n"


@given(VALUES, MINUTES, st.sampled_from([",", ";"]), st.integers(-300, 300))
def test_what_lies_in_the_span_comes_back(values: list[float | None], minutes: int, delimiter: str, shift: int) -> None:
    step = timedelta(minutes=minutes)
    begin = START + shift * step
    rows = read(written(values, minutes, begin=begin, delimiter=delimiter))
    said = [(begin + index * step, value) for index, value in enumerate(values) if value is not None]
    assert rows.series["price"] == placed(SPAN, minutes, said)
    assert rows.bad_lines == 0


@given(st.binary(max_size=400))
@example(b"time_utc,price\n" + b"x" * 3 * LONGEST_LINE + b"\n2026-03-01T00:00:00Z,0.1\n")
@example(b"time_utc,price\n0001-01-01T00:00:00+23:59,1\n9999-12-31T23:59:59-23:59,1\n")
@example(b"\xff\xfe\x00")
def test_any_bytes_are_refused_or_read(body: bytes) -> None:
    for text in (body, b"time_utc,price\n" + body):
        try:
            rows = read(text)
        except TableError:
            continue
        assert set(rows.series) == {"price"}


@given(VALUES, MINUTES)
def test_runs_tell_all_that_is_known_and_nothing_else(values: list[float | None], minutes: int) -> None:
    series = Series(START, minutes, tuple(values))
    runs = series.runs()
    told = [run.at(START + index * series.slot) for run in runs for index in range(len(values))]
    assert [value for value in told if value is not None] == [value for value in values if value is not None]
    for before, after in pairwise(runs):
        assert before.end < after.start, "a gap lies between two runs"


def test_a_line_that_is_too_long_does_not_take_the_next_one_with_it() -> None:
    rows = read("time_utc,price\n" + "9" * 3 * LONGEST_LINE + "\n2026-03-01T00:00:00Z,0.1\n2026-03-01T01:00:00Z,0.2\n")
    assert rows.series["price"].values[:3] == (0.1, 0.2, None)
    assert rows.bad_lines == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2026-03-01T02:00:00,0.1", "expected a time such as"),
        ("2026-03-01T02:00:00Z,0,1", ""),
        ('"2026-03-01T02:00:00Z","0.1"', ""),
        ("2026-03-01T02:00:00Z,0.1 EUR", "expected a number with a decimal point, came '0.1 EUR'"),
        ("2026-03-01T02:00:00Z,inf", "expected -20 to 20"),
        ("2026-03-01T02:00:00Z,1e3", "expected -20 to 20"),
        ("2026-03-01T01:00:00Z,0.5", "expected each slot once"),
        ("2026-03-01T02:07:00Z,0.5", "do not begin at a multiple of 60 min"),
    ],
)
def test_a_bad_line_is_named_and_left_out(line: str, said: str) -> None:
    good = written([0.1, 0.2], 60) + "".join(f"2026-03-01T{hour:02}:00:00Z,0.3\n" for hour in range(3, 21))
    rows = read(good + line + "\n")
    assert rows.series["price"].values[3:21] == (0.3,) * 18
    assert any(said in bad for bad in rows.bad) if said else not rows.bad


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "columns time_utc, price, came ''"),
        ("time,price\n", "columns time_utc, price, came 'time, price'"),
        ("time_utc,cost\n", "columns time_utc, price"),
        (written([1.0, 2.0], 7), "came 7 minutes"),
        (written([1.0, 2.0], 1440), "came 1440 minutes"),
    ],
)
def test_a_file_that_is_of_no_use_is_named(text: str, said: str) -> None:
    with pytest.raises(TableError, match=said):
        read(text)


def test_a_column_that_may_be_missing_is_missing() -> None:
    rows = read(written([1.0, 2.0], 60), PRICE, Wanted("co2", 0.0, 1.0, needed=False))
    assert set(rows.series) == {"price"}


def test_the_last_line_waits_for_its_end() -> None:
    text = written([0.1, 0.25], 60).rstrip("\n")[:-1]
    torn, settled = read(text, settled=False), read(text)
    assert (torn.torn, torn.series["price"].values[:2]) == (True, (0.1, None))
    assert (settled.torn, settled.series["price"].values[:2]) == (False, (0.1, 0.2))
