"""The write budget: no day, wherever it begins, holds more ordinary writes than allowed."""

from hypothesis import given
from hypothesis import strategies as st

from heg.control.budget import DAY_S, WriteMeter
from heg.model.capabilities import WriteBudget


@given(
    per_day=st.integers(0, 60),
    pauses=st.lists(st.sampled_from([1.0, 60.0, 1000.0, 20_000.0]), max_size=300),
    start=st.integers(0, 60),
)
def test_no_window_of_a_day_holds_more_than_the_budget(per_day: int, pauses: list[float], start: int) -> None:
    meter = WriteMeter(WriteBudget(per_day=per_day), now_s=0.0)
    now_s, written = 0.0, []
    for pause in pauses:
        now_s += pause
        if meter.allows(now_s):
            meter.count(now_s, 0)
            written.append(now_s)
    for first in written:
        assert sum(first <= at < first + DAY_S for at in written) <= per_day


def test_volatile_registers_have_no_limit() -> None:
    meter = WriteMeter(WriteBudget(volatile=True, per_day=1), now_s=0.0)
    for second in range(1000):
        assert meter.allows(second)
        meter.count(second, 0)
    assert meter.view(0).left is None
    assert meter.view(0).today == 1000
    assert meter.period_s == 0.0


def test_the_control_period_follows_from_the_budget() -> None:
    meter = WriteMeter(WriteBudget(per_day=200), now_s=0.0)
    assert meter.period_s == DAY_S / 150
    assert not meter.sustains(1.0)
    assert meter.sustains(600.0)


def test_what_a_process_before_wrote_today_counts() -> None:
    meter = WriteMeter(WriteBudget(per_day=100), now_s=0.0, day=7, today=100)
    assert not meter.allows(0.0)
    assert meter.view(7).left == 0
    assert meter.view(8).left == 100
