"""Requests: few, none too long, no point torn."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.plan import MOST_REGISTERS, Span, merge

spans = st.lists(st.builds(Span, st.integers(0, 2000), st.integers(1, 4)), max_size=60)


@given(spans)
def test_each_point_is_whole_in_one_request_of_bounded_length(wanted: list[Span]) -> None:
    requests = merge(wanted)
    assert all(1 <= request.count <= MOST_REGISTERS for request in requests)
    assert list(requests) == sorted(requests)
    for span in wanted:
        assert any(request.address <= span.address and span.end <= request.end for request in requests)


def test_a_gap_is_read_over_only_where_that_is_worth_it() -> None:
    assert merge([Span(0, 2), Span(10, 2)]) == (Span(0, 12),)
    assert merge([Span(0, 2), Span(11, 2)]) == (Span(0, 2), Span(11, 2))


def test_a_long_block_is_cut() -> None:
    assert merge([Span(0, 300)]) == (Span(0, 125), Span(125, 125), Span(250, 50))
