"""What is remembered of those who do wrong: enough to leave them alone, and never more than a bound."""

from __future__ import annotations

from drivers.upnp.backoff import BackOff
from drivers.upnp.complaints import Complaints
from heg.model.refusals import Refusal, RefusalCode


def test_who_fails_again_is_left_alone_for_longer_up_to_a_bound() -> None:
    backoff = BackOff(longest_s=60.0)
    waits = []
    for _ in range(40):
        backoff.failed("a", 100.0)
        waits.append(backoff.left_s("a", 100.0))
    assert waits[:6] == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0]
    assert waits[-1] == 60.0
    assert backoff.left_s("a", 161.0) == 0.0
    assert backoff.left_s("b", 100.0) == 0.0


def test_who_does_well_begins_anew() -> None:
    backoff = BackOff()
    backoff.failed("a", 0.0)
    backoff.failed("a", 0.0)
    backoff.succeeded("a")
    assert backoff.left_s("a", 0.0) == 0.0
    backoff.failed("a", 0.0)
    assert backoff.left_s("a", 0.0) == 2.0


def test_of_many_the_oldest_are_forgotten() -> None:
    backoff = BackOff(most=3)
    for name in "abcd":
        backoff.failed(name, 0.0)
    backoff.failed("b", 0.0)
    backoff.failed("e", 0.0)
    assert [name for name in "abcde" if backoff.left_s(name, 0.0)] == ["b", "d", "e"]


def test_complaints_count_all_and_keep_few() -> None:
    complaints = Complaints()
    for number in range(5000):
        complaints.take(f"10.0.{number // 250}.{number % 250}", Refusal(RefusalCode.CONFLICT, f"something {number}"))
    assert complaints.counts == {RefusalCode.CONFLICT: 5000}
    assert len(complaints.latest) == 64
    assert "10.0.19.249" in complaints.latest
    complaints.settled("10.0.19.249")
    assert "10.0.19.249" not in complaints.latest
