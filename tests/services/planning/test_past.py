"""The past in memory: bounded, its gaps are gaps; read from the store page by page without holding anybody up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from heg.data.interface import DataInterface
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.services.planning.past import SeriesPast, SlotMean, read_past
from tests.support.stepped import stepped

NOON = datetime(2024, 8, 9, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
HERE = Location("home")


def test_gaps_stay_gaps_and_the_first_known_slot_begins_it() -> None:
    past = SeriesPast(15)
    past.put(NOON - 4 * QUARTER, 1.0)
    past.put(NOON - 2 * QUARTER, 2.0)
    told = past.until(NOON, running_kw=3.0)
    assert told.values_kw == (1.0, None, 2.0, None)
    assert (told.end, told.running_kw, told.slot_minutes) == (NOON, 3.0, 15)


def test_a_provisional_mean_gives_way_to_the_books() -> None:
    past = SeriesPast(15)
    past.put(NOON, 1.0, provisional=True)
    past.put(NOON, 2.0)
    past.put(NOON, 9.0, provisional=True)
    assert past.until(NOON + QUARTER).values_kw == (2.0,)


def test_it_holds_its_days_and_no_more() -> None:
    past = SeriesPast(60, days=2)
    for hours in range(100):
        past.put(NOON + timedelta(hours=hours), float(hours))
    told = past.until(NOON + timedelta(hours=100)).values_kw
    assert len(told) == 48
    assert told[-1] == 99.0
    assert past.until(NOON + timedelta(days=400)).values_kw == ()  # of another year nothing is left


def test_the_mean_of_a_slot_counts_time_and_not_samples() -> None:
    mean = SlotMean()
    mean.add(0.0, 1.0)
    mean.add(30.0, 4.0)
    mean.add(40.0, None)
    mean.add(90.0, 2.0)
    assert mean.kw == pytest.approx((30 * 1.0 + 10 * 4.0) / 40)
    assert mean.restart(100.0) == pytest.approx((30 * 1.0 + 10 * 4.0 + 10 * 2.0) / 50)
    mean.add(110.0, 5.0)
    assert mean.kw == pytest.approx(2.0)  # what flowed at the slot's end goes on to hold


@pytest.mark.parametrize(("minutes", "each"), [(5, 3), (15, 1), (30, 1), (60, 1)])
def test_five_weeks_come_back_from_the_store(tmp_path: Path, minutes: int, each: int) -> None:
    @stepped
    async def scene(clock: Clock) -> None:
        data = DataInterface(clock, "home", SqliteStore(clock, StoreSettings(tmp_path / "store.sqlite")))
        await data.open()
        door = data.admit(CUSTOMER, "test")
        now, slot = clock.utc(), timedelta(minutes=minutes)
        end = now - (now - datetime(1970, 1, 1, tzinfo=UTC)) % slot
        for back in range(1, 36 * 24 * 60 // minutes):
            if back % 50:
                door.write("slot.demand", HERE, back % 7 / 10, time=end - back * slot)
        past = SeriesPast(minutes)
        found = await read_past(door, clock, HERE, "slot.demand", past)
        told = past.until(end).values_kw
        assert found > 0.9 * 34 * 24 * 60 / minutes / each
        assert len(told) >= 34 * 24 * 60 // minutes
        if minutes >= 15:
            assert list(told[-3:]) == pytest.approx([0.3, 0.2, 0.1])
            assert told[-50] is None
        await data.close()

    scene()


@stepped
async def test_a_store_that_never_opens_is_given_up_and_said(clock: Clock, tmp_path: Path) -> None:
    data = DataInterface(clock, "home", SqliteStore(clock, StoreSettings(tmp_path)))  # a folder is no file
    past = SeriesPast(15)
    assert await read_past(data.admit(CUSTOMER, "test"), clock, HERE, "slot.demand", past) == 0
    assert past.until(clock.utc()).values_kw == ()
    await data.close()
