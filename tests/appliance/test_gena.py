"""What subscribers are told, in which order and under which number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.upnp.client import Url
from appliance.upnp.gena import LONGEST_S, SHORTEST_S, Publisher, message, seconds_granted

URL = (Url("127.0.0.1", 80, "/"),)


def publisher() -> Publisher:
    sids = iter(range(100))
    return Publisher({"PowerState": "ON"}, lambda: f"uuid:{next(sids)}")


def test_after_the_largest_number_comes_one() -> None:
    one = publisher().subscribe(URL, 300, 0.0)
    assert one is not None
    assert one.take() == (0, {"PowerState": "ON"})
    one.seq = 2**32 - 1
    for text in ("OFF", "ON", "Standby"):
        one.add({"PowerState": text})
    assert [one.take(), one.take(), one.take()] == [
        (2**32 - 1, {"PowerState": "OFF"}),
        (1, {"PowerState": "ON"}),
        (2, {"PowerState": "Standby"}),
    ]


@given(st.lists(st.sampled_from(["ON", "OFF", "Standby"]) | st.none(), max_size=60))
def test_however_slow_a_subscriber_is_it_ends_up_knowing_what_is(steps: list[str | None]) -> None:
    """None: the subscriber takes one message."""
    told = publisher()
    one = told.subscribe(URL, 300, 0.0)
    assert one is not None
    known: dict[str, str] = {}
    numbers: list[int] = []
    now = "ON"
    for step in [*steps, *[None] * 20]:
        if step is not None:
            now = step
            told.changed({"PowerState": step}, 0.0)
        elif (due := one.take()) is not None:
            numbers.append(due[0])
            known |= due[1]
        assert len(one.pending) <= 8
    assert known == {"PowerState": now}
    assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("Second-300", 300),
        ("second-1", SHORTEST_S),
        ("Second-999999", LONGEST_S),
        ("infinite", LONGEST_S),
        ("Second-99999999999999999999", LONGEST_S),
        ("", LONGEST_S),
        ("Second--5", LONGEST_S),
    ],
)
def test_time_is_granted_within_bounds(asked: str, granted: int) -> None:
    assert seconds_granted(asked) == granted


def test_what_is_told_is_xml() -> None:
    assert b"<Name>a &amp; b</Name>" in message({"Name": "a & b"})
