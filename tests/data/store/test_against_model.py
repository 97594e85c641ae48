"""The store against a plain list: whatever happens in between, both tell the same past."""

import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.data.door import Condition, Door, Function, HistoryRow, Resolution
from heg.data.history import HistoryRequest, aggregate, rows_between
from heg.data.interface import DataInterface
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.model.instance import Instance, Location, Quality
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from tests.data.store.houses import as_after_a_power_cut
from tests.support.stepped import START_UTC, stepped

PLACES = (Location("home", "meter"), Location("home", "battery"))
SOURCES = ("modbus", "dlms")


@dataclass(frozen=True)
class Write:
    place: int
    source: int
    value: float
    quality: Quality
    late_s: int | None


@dataclass(frozen=True)
class Advance:
    seconds: float


@dataclass(frozen=True)
class Jump:
    seconds: float


@dataclass(frozen=True)
class Flush:
    pass


@dataclass(frozen=True)
class Restart:
    cut: bool


VALUES = st.integers(min_value=-5000, max_value=5000).map(lambda n: n / 1000)
STEPS = st.one_of(
    st.builds(
        Write,
        st.integers(0, 1),
        st.integers(0, 1),
        VALUES,
        st.sampled_from((Quality.GOOD, Quality.GOOD, Quality.BAD)),
        st.one_of(st.none(), st.sampled_from((-600, 1, 61, 901, 3700, 90000)), st.integers(-3600, 2 * 86400)),
    ),
    st.builds(Advance, st.sampled_from((0.001, 1.0, 7.0, 61.0, 901.0, 3700.0, 90000.0))),
    st.builds(Jump, st.sampled_from((-7200.0, -60.0, 60.0, 5000.0, 200000.0))),
    st.just(Flush()),
    st.builds(Advance, st.sampled_from((61.0, 3700.0, 90000.0))),
    st.just(Flush()),
    st.builds(Restart, st.booleans()),
)


class House:
    """A store on disk, and beside it the list of what it was told."""

    def __init__(self, clock: Clock, folder: Path) -> None:
        self.clock = clock
        self.folder = folder
        self.path = folder / "store.sqlite"
        self.told: list[Instance] = []
        self.durable = 0

    async def begin(self) -> None:
        self.store = SqliteStore(self.clock, StoreSettings(self.path))
        self.data = DataInterface(self.clock, "home", self.store)
        self.doors = [self.data.admit(CUSTOMER, source) for source in SOURCES]
        append = self.store.append

        def listening(instance: Instance, record: bytes | None, *, at_once: bool) -> None:
            self.told.append(instance)
            append(instance, record, at_once=at_once)

        self.store.append = listening  # type: ignore[method-assign]
        await self.data.open()

    async def take(self, step: Write | Advance | Jump | Flush | Restart) -> None:
        match step:
            case Write(place, source, value, quality, late_s):
                time = None if late_s is None else self.clock.utc() - timedelta(seconds=late_s)
                door = self.doors[source]
                assert door.write("power.active", PLACES[place], value, time=time, quality=quality).accepted
            case Advance(seconds):
                await self.clock.sleep(seconds)
            case Jump(seconds):
                self.clock.jump_utc(seconds)
            case Flush():
                await self.flush()
            case Restart(cut):
                await self.restart(cut=cut)

    async def flush(self) -> None:
        await self.store.flush()
        self.durable = len(self.told)

    async def restart(self, *, cut: bool) -> None:
        if cut:
            later = as_after_a_power_cut(self.path, Path(tempfile.mkdtemp(dir=self.folder)))
            await self.data.close()
            self.path = later
            self.told = self.told[: self.durable]
        else:
            await self.data.close()
        self.durable = len(self.told)
        await self.begin()

    def of(self, place: Location) -> list[Instance]:
        return [instance for instance in self.told if instance.location == place]


def two_sources_at_once(instances: list[Instance]) -> bool:
    """Which of two sources came last within a millisecond a roll-up does not know."""
    return len({(i.time, i.source) for i in instances}) != len({i.time for i in instances})


async def pages(
    door: Door, place: Location, start: datetime, end: datetime, resolution: Resolution
) -> list[HistoryRow]:
    rows: list[HistoryRow] = []
    cursor = None
    while True:
        page = await door.history("power.active", place, start, end, resolution, cursor=cursor, limit=7)
        assert page.refusal is None
        rows += page.rows
        if (cursor := page.next_cursor) is None:
            return rows


async def compare(house: House, start: datetime, end: datetime, condition: Condition) -> None:
    for place in PLACES:
        for resolution in Resolution:
            wanted = rows_between(
                house.of(place), HistoryRequest("power.active", place, start, end, resolution, None, 10**6)
            )
            found = await pages(house.doors[0], place, start, end, resolution)
            assert [(r.time, r.low, r.high, r.count) for r in found] == [
                (r.time, r.low, r.high, r.count) for r in wanted
            ], resolution
            for row, model in zip(found, wanted, strict=True):
                if resolution is Resolution.RAW or not two_sources_at_once(house.of(place)):
                    assert (row.first, row.last) == (model.first, model.last), resolution
            assert [r.value for r in found] == [pytest.approx(r.value, abs=1e-9) for r in wanted]
        chosen = [instance for instance in house.of(place) if condition.holds(instance)]
        for function in (
            Function.COUNT,
            Function.SUM,
            Function.AVERAGE,
            Function.MINIMUM,
            Function.FIRST,
            Function.LAST,
        ):
            answer = await house.doors[0].query("power.active", place, condition, function)
            expected = aggregate(0, chosen, function)
            assert answer.value == (None if expected.value is None else pytest.approx(expected.value, abs=1e-9))
            assert answer.time == expected.time


async def followed(house: House) -> list[tuple[datetime, object]]:
    cursor: str | None = None
    seen: list[tuple[datetime, object]] = []
    while True:
        page = await house.data.follow(cursor, 5)
        assert not page.gap
        if not page.instances:
            return seen
        seen += [(instance.time, instance.value) for instance in page.instances]
        cursor = page.cursor


@settings(max_examples=100)
@given(
    steps=st.lists(STEPS, min_size=8, max_size=40),
    from_s=st.integers(-90000, 90000),
    span_s=st.integers(0, 200000),
    low=st.one_of(st.none(), VALUES),
    quality=st.one_of(st.none(), st.just(Quality.GOOD)),
)
@stepped
async def test_store_and_list_tell_the_same_past(
    clock: Clock, steps: list[Write], from_s: int, span_s: int, low: float | None, quality: Quality | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        house = House(clock, Path(folder))
        await house.begin()
        try:
            for step in steps:
                await house.take(step)
            start = START_UTC + timedelta(seconds=from_s)
            end = start + timedelta(seconds=span_s)
            await compare(house, start, end, Condition(start, end, value_min=low, quality=quality))
            whole = (START_UTC - timedelta(days=9), START_UTC + timedelta(days=60))
            await compare(house, *whole, Condition(quality=quality))
            assert await followed(house) == [(i.time, i.value) for i in house.told[: house.durable]]
        finally:
            await house.data.close()
