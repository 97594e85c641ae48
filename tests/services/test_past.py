"""A past that its owner brings: what is taken, what is refused, what is never written over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.data.door import Door, Resolution
from heg.data.interface import DataInterface
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.services.past import MOST_SLOTS, PastError, bring_past, read_past
from tests.support.stepped import START_UTC, stepped

HOME = Location("home")
HEAD = "time_utc,demand_kw,production_kw\n"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def hourly(*rows: tuple[str, str], start: datetime = NOW - timedelta(days=2)) -> list[str]:
    return [HEAD] + [
        f"{(start + timedelta(hours=at)).isoformat()},{demand},{sun}\n" for at, (demand, sun) in enumerate(rows)
    ]


def test_hours_become_quarters_of_the_same_power() -> None:
    past = read_past(hourly(("1.2", "0"), ("0.4", "2")), 15, NOW)
    demand = past.slots["slot.demand"]
    assert list(demand.values()) == [1.2] * 4 + [0.4] * 4
    assert min(demand) == NOW - timedelta(days=2)


def test_quarters_become_hours_of_the_same_energy_and_a_part_hour_is_a_gap() -> None:
    lines = [HEAD] + [f"2026-02-01T00:{minute:02}:00Z,{kw},0\n" for minute, kw in ((0, 1), (15, 2), (30, 3), (45, 6))]
    lines += ["2026-02-01T01:00:00Z,9,0\n", "2026-02-01T01:15:00Z,,0\n"]
    past = read_past(lines, 60, NOW)
    assert past.slots["slot.demand"] == {datetime(2026, 2, 1, tzinfo=UTC): 3.0}
    assert past.gaps == 1


def test_what_lies_ahead_is_left_out() -> None:
    past = read_past(hourly(("1", "0"), ("2", "0"), start=NOW - timedelta(hours=1)), 60, NOW)
    assert list(past.slots["slot.demand"].values()) == [1.0]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "expected columns time_utc, demand_kw"),
        (["time_utc,power\n"], "came time_utc, power"),
        ([HEAD, "2026-02-01T00:00:00Z,1,0\n"], "at least two rows, came 1"),
        ([HEAD, "2026-02-01 00:00,1,0\n", "x,1,0\n"], "line 2: time_utc: expected a time such as"),
        (hourly(("1", "0"), ("many", "0")), "line 3: demand_kw: expected kW from 0 to 1000, came 'many'"),
        (hourly(("1", "0"), ("-1", "0")), "came '-1'"),
        (hourly(("1", "0"), ("nan", "0")), "came 'nan'"),
        ([HEAD, "2026-02-01T00:00:00Z,1,0\n", "2026-02-01T00:07:00Z,1,0\n"], "60 minutes apart, came 7"),
        ([HEAD, "2026-02-01T01:00:00Z,1,0\n", "2026-02-01T00:00:00Z,1,0\n"], "line 3: expected times in order"),
        ([HEAD, "2026-02-01T00:07:00Z,1,0\n", "2026-02-01T01:07:00Z,1,0\n"], "expected a slot start"),
    ],
)
def test_a_file_that_is_none_is_refused_by_line_and_reason(lines: list[str], says: str) -> None:
    with pytest.raises(PastError, match=says):
        read_past(lines, 15, NOW)


@given(st.lists(st.text(max_size=60), max_size=30))
def test_garbage_never_becomes_anything_but_a_refusal(lines: list[str]) -> None:
    try:
        read_past([HEAD, *lines], 15, NOW)
    except PastError:
        return


async def stored(door: Door, variable: str) -> list[object]:
    page = await door.history(variable, HOME, START_UTC - timedelta(days=40), START_UTC, Resolution.RAW, limit=5000)
    return [row.value for row in page.rows]


@stepped
async def test_it_is_in_the_store_and_what_was_measured_stays(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "import")
    measured = START_UTC - timedelta(hours=2)
    door.write("slot.demand", HOME, 7.0, time=measured)
    past = read_past(hourly(*[("1", "0.5")] * 48), 60, START_UTC)
    brought = await bring_past(door, "home", past, 60)
    assert (brought.written, brought.known) == (47 + 48, 1)
    assert (await stored(door, "slot.demand")).count(7.0) == 1
    assert await stored(door, "slot.production") == [0.5] * 48
    again = await bring_past(door, "home", past, 60)
    assert (again.written, again.known) == (0, 96)
    await data.close()


@stepped
async def test_only_the_newest_are_brought(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "import")
    start = START_UTC - timedelta(minutes=5 * (MOST_SLOTS + 10))
    times = [start + timedelta(minutes=5 * at) for at in range(MOST_SLOTS + 10)]
    past = read_past([HEAD, *(f"{time.isoformat()},1,\n" for time in times)], 5, START_UTC)
    brought = await bring_past(door, "home", past, 5)
    assert brought.written == MOST_SLOTS
    assert brought.first == times[10]
    await data.close()
