"""Columns and frames: exact both ways, and safe on any bytes."""

import contextlib
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heg.data.store.columns import DamagedError, Reader, Writer, seal, unseal
from heg.data.store.frames import Row, decode_frame, encode_frame, stored_number
from heg.data.store.rollups import Stats, decode_bucket, encode_bucket
from heg.model.instance import Quality

INTEGERS = st.integers(min_value=-(2**62), max_value=2**62)
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(min_value=-(10**6), max_value=10**6).map(lambda n: n / 1000),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-1000, max_value=1000).map(float),
)
TEXTS = st.one_of(st.text(max_size=20), st.booleans())
RECORDS = st.binary(max_size=30)


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Rows of a few series, each of one kind, with times that may jump anywhere."""
    kinds = draw(st.lists(st.sampled_from((NUMBERS, TEXTS, RECORDS)), min_size=1, max_size=5))
    drawn = []
    sequence = draw(st.integers(min_value=0, max_value=2**40))
    for _ in range(draw(st.integers(min_value=0, max_value=40))):
        series = draw(st.integers(min_value=0, max_value=len(kinds) - 1))
        sequence += draw(st.integers(min_value=1, max_value=3))
        time_ms = draw(st.integers(min_value=946684800000, max_value=7258118400000))
        drawn.append(Row(sequence, series + 1, time_ms, draw(st.sampled_from(Quality)), draw(kinds[series])))
    return drawn


@given(st.lists(INTEGERS))
@example([2**62, -(2**62), 2**62])
@example(list(range(0, 10**6, 997)))
def test_integers_come_back_exactly(values: list[int]) -> None:
    writer = Writer()
    writer.integers(values)
    assert Reader(writer.payload()).integers() == values


@given(st.lists(NUMBERS))
@example([230.1, 230.2, 1e300, -0.0, 5e-324])
@example([0.1 + 0.2, 1 / 3, math.pi])
def test_numbers_come_back_exactly(values: list[float]) -> None:
    writer = Writer()
    writer.numbers(values)
    assert Reader(writer.payload()).numbers(len(values)) == values


@given(rows())
def test_a_frame_comes_back_exactly(drawn: list[Row]) -> None:
    body = encode_frame(drawn)
    assert decode_frame(body) == drawn
    for series in {row.series for row in drawn}:
        assert decode_frame(body, frozenset({series})) == [row for row in drawn if row.series == series]


@given(rows(), st.data())
def test_a_damaged_frame_is_told_and_never_crashes(drawn: list[Row], data: st.DataObject) -> None:
    body = bytearray(encode_frame(drawn))
    at = data.draw(st.integers(min_value=0, max_value=len(body) - 1))
    body[at] ^= data.draw(st.integers(min_value=1, max_value=255))
    with pytest.raises(DamagedError):
        decode_frame(bytes(body))


@given(rows(), st.data())
def test_a_forged_frame_with_a_right_check_sum_never_crashes_either(drawn: list[Row], data: st.DataObject) -> None:
    payload = bytearray(unseal(encode_frame(drawn)))
    for _ in range(data.draw(st.integers(min_value=1, max_value=4))):
        at = data.draw(st.integers(min_value=0, max_value=len(payload) - 1))
        payload[at] = data.draw(st.integers(min_value=0, max_value=255))
    for decode in (decode_frame, lambda body: decode_bucket(body, 0)):
        with contextlib.suppress(DamagedError):
            decode(seal(bytes(payload)))
        with contextlib.suppress(DamagedError):
            decode(seal(bytes(payload), quick=True))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_order(body: bytes) -> None:
    for attempt in (lambda: unseal(body), lambda: decode_frame(seal(body)), lambda: decode_bucket(seal(body), 0)):
        with contextlib.suppress(DamagedError):
            attempt()


@pytest.mark.parametrize("quick", [False, True])
def test_a_bomb_is_refused(quick: bool) -> None:
    with pytest.raises(DamagedError, match="honest"):
        unseal(seal(bytes(65 * 1024 * 1024), quick=quick))


@given(st.binary(max_size=500))
def test_either_packing_gives_back_what_it_took_and_knows_the_other(payload: bytes) -> None:
    small, quick = seal(payload), seal(payload, quick=True)
    assert unseal(small) == unseal(quick) == payload
    assert small[0] != quick[0]
    with contextlib.suppress(DamagedError):  # the other's mark on a body is damage, or by chance a body
        unseal(bytes([quick[0]]) + small[1:])


@given(st.dictionaries(st.integers(min_value=1, max_value=10**6), st.tuples(NUMBERS, NUMBERS), max_size=20))
def test_a_bucket_comes_back_exactly(drawn: dict[int, tuple[float, float]]) -> None:
    bucket = {
        series: Stats.of(60_000 + series % 60_000, a).merged(Stats.of(60_000 + series % 50_000, b))
        for series, (a, b) in drawn.items()
        if math.isfinite(a + b)
    }
    back = decode_bucket(encode_bucket(bucket, 60_000), 60_000)
    assert back == {series: stats._replace(total=stored_number(stats.total)) for series, stats in bucket.items()}


@given(NUMBERS)
def test_a_stored_number_keeps_twelve_digits_and_is_stable(value: float) -> None:
    stored = stored_number(value)
    assert stored == pytest.approx(value, rel=1e-11)
    assert stored_number(stored) == stored
