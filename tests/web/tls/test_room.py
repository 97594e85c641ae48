"""How many come in, at once and a second."""

from heg.web.budget import Budget
from heg.web.tls.room import Pace, Room


def test_one_machine_does_not_shut_out_the_others() -> None:
    room = Room(total=4, each=2)
    assert room.has_room("a", ["a"])
    assert not room.has_room("a", ["a", "a"])
    assert room.has_room("b", ["a", "a", "c"])
    assert not room.has_room("b", ["a", "a", "c", "c"])


def test_a_wild_loop_is_slowed_and_others_come_in() -> None:
    pace = Pace(Budget(per_s=1.0, burst=3.0), Budget(per_s=10.0, burst=100.0))
    assert [pace.may("a", 0.0) for _ in range(5)] == [True, True, True, False, False]
    assert pace.may("b", 0.0)
    assert pace.may("a", 1.0)
    assert not pace.may("a", 1.5)


def test_many_addresses_together_are_slowed_too() -> None:
    pace = Pace(Budget(per_s=1.0, burst=3.0), Budget(per_s=10.0, burst=20.0))
    assert sum(pace.may(f"10.0.0.{number}", 0.0) for number in range(100)) == 20
    assert sum(pace.may(f"10.0.1.{number}", 1.0) for number in range(100)) == 10


def test_what_an_address_was_refused_is_not_taken_from_all() -> None:
    pace = Pace(Budget(per_s=1.0, burst=1.0), Budget(per_s=1.0, burst=2.0))
    assert [pace.may("a", 0.0) for _ in range(50)].count(True) == 1
    assert pace.may("b", 0.0)
