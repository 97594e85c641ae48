"""The control cycle begins just after the meter has spoken, where the meter's pace allows it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.control.pace import next_start_s


def starts(cycle_s: float, meter_every_s: float, meter_phase_s: float, count: int = 60) -> list[tuple[float, float]]:
    """Cycle starts, each with how long the newest meter value had waited."""
    began_s, found = 100.0, []
    for _ in range(count):
        arrived_s = (began_s - meter_phase_s) // meter_every_s * meter_every_s + meter_phase_s
        found.append((began_s, began_s - arrived_s))
        began_s = next_start_s(began_s, cycle_s, arrived_s)
    return found


@given(phase=st.floats(0.0, 0.99), cycle_s=st.sampled_from([0.5, 1.0, 5.0, 60.0]))
def test_it_locks_to_a_meter_of_the_same_pace(phase: float, cycle_s: float) -> None:
    late = starts(cycle_s, cycle_s, phase * cycle_s)[20:]
    assert all(waited <= 0.04 * cycle_s for _, waited in late)
    spans = [after - before for (before, _), (after, _) in pairwise(late[10:])]
    assert spans == pytest.approx([cycle_s] * len(spans))  # locked, it is calm


@given(every=st.floats(0.3, 5.0), phase=st.floats(0.0, 1.0))
def test_whatever_the_meter_does_a_cycle_is_a_cycle(every: float, phase: float) -> None:
    found = starts(1.0, every, phase * every)
    for (before, _), (after, _) in pairwise(found):
        assert 0.9 - 1e-9 <= after - before <= 1.1 + 1e-9


def test_it_lets_a_value_go_first_that_comes_at_the_same_moment() -> None:
    began_s = 101.0
    for _ in range(3):
        began_s = next_start_s(began_s, 1.0, began_s - 1.0)
    assert began_s > 104.01


def test_without_a_meter_it_keeps_its_own_pace() -> None:
    assert next_start_s(10.0, 1.0, None) == 11.0
    assert next_start_s(10.0, 1.0, 3.0) == 11.0  # stale
    assert next_start_s(10.0, 1.0, 10.5) == 11.0  # a value from the future is nobody's pace
