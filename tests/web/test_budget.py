"""How often one asker may ask: never more than the budget, never less, and in bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.web.budget import Budget, Budgets

BUDGET = Budget(per_s=10.0, burst=20.0)


def test_a_burst_and_then_the_rate() -> None:
    budgets = Budgets(BUDGET)
    assert [budgets.wait_s("a", 0.0) for _ in range(20)] == [0.0] * 20
    assert budgets.wait_s("a", 0.0) == pytest.approx(0.1)
    assert budgets.wait_s("a", 0.05) == pytest.approx(0.05)
    assert budgets.wait_s("a", 0.1) == 0.0
    assert budgets.wait_s("a", 0.1) > 0.0


def test_one_asker_costs_another_nothing() -> None:
    budgets = Budgets(BUDGET)
    for _ in range(1000):
        budgets.wait_s("wild", 0.0)
    assert budgets.wait_s("a person", 0.0) == 0.0


def test_who_is_refused_pays_nothing() -> None:
    budgets = Budgets(BUDGET)
    for number in range(10_000):
        budgets.wait_s("wild", number / 10_000)
    assert budgets.wait_s("wild", 1.11) == 0.0


def test_askers_without_end_take_no_memory_without_end() -> None:
    budgets = Budgets(BUDGET)
    for number in range(5000):
        budgets.wait_s(f"address {number}", 0.0)
    assert len(budgets._buckets) <= 1024


def test_new_askers_do_not_free_the_one_who_waits() -> None:
    budgets = Budgets(BUDGET)
    for _ in range(30):
        budgets.wait_s("wild", 0.0)
    for number in range(5000):
        budgets.wait_s(f"address {number}", 0.0)
    assert budgets.wait_s("wild", 0.0) > 0.0


@given(st.lists(st.floats(0.0, 0.5), max_size=200))
def test_never_more_than_burst_and_rate_whatever_the_pace(gaps: list[float]) -> None:
    budgets, now_s, let_in = Budgets(BUDGET), 0.0, 0
    for gap_s in gaps:
        now_s += gap_s
        let_in += budgets.wait_s("a", now_s) == 0.0
    assert let_in <= BUDGET.burst + BUDGET.per_s * now_s + 1e-6


@given(st.lists(st.floats(-10.0, 10.0), max_size=50))
def test_a_clock_that_goes_back_gives_nothing_away(steps: list[float]) -> None:
    budgets, now_s = Budgets(BUDGET), 100.0
    for step_s in steps:
        now_s += step_s
        assert 0.0 <= budgets.wait_s("a", now_s) <= 0.1 + 1e-9
