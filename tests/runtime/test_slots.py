"""UTC slot starts: each once, none lost in silence, whatever the labels do."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.runtime.clock import Clock
from tests.support.stepped import START_UTC, stepped

QUARTER = timedelta(minutes=15)


async def take(clock: Clock, count: int, length: timedelta = QUARTER) -> list[datetime]:
    slots: list[datetime] = []
    async for slot in clock.slots(length):
        slots.append(slot)
        if len(slots) == count:
            break
    return slots


@stepped
async def test_a_slot_that_starts_now_is_the_first(clock: Clock) -> None:
    assert await take(clock, 3) == [START_UTC + i * QUARTER for i in range(3)]


@stepped(start_utc=START_UTC + timedelta(minutes=7))
async def test_slots_are_aligned_to_utc_and_come_on_time(clock: Clock) -> None:
    async for slot in clock.slots(QUARTER):
        assert slot == START_UTC + QUARTER
        assert timedelta() <= clock.utc() - slot < timedelta(milliseconds=1)
        break


@stepped
async def test_a_busy_reader_gets_the_present_slot_and_the_lost_ones_are_counted(clock: Clock) -> None:
    slots = clock.slots(QUARTER)
    assert await anext(slots) == START_UTC
    await clock.sleep(50 * 60)
    assert await anext(slots) == START_UTC + 3 * QUARTER
    assert slots.skipped == 2


@stepped
async def test_a_backward_jump_repeats_no_slot(clock: Clock) -> None:
    slots = clock.slots(QUARTER)
    assert [await anext(slots) for _ in range(3)][-1] == START_UTC + 2 * QUARTER
    clock.jump_utc(-1000)
    assert await anext(slots) == START_UTC + 3 * QUARTER
    assert slots.skipped == 0


@stepped
async def test_a_clock_that_was_years_ahead_does_not_silence_the_slots(clock: Clock) -> None:
    slots = clock.slots(QUARTER)
    clock.jump_utc(10 * 365 * 86400)
    await anext(slots)
    clock.jump_utc(-10 * 365 * 86400)
    assert await asyncio.wait_for(anext(slots), 2000) <= START_UTC + QUARTER


@given(steps=st.lists(st.tuples(st.floats(0, 4000), st.integers(-20000, 20000)), max_size=12))
@settings(max_examples=50, deadline=None)
@stepped
async def test_no_slot_twice_and_every_gap_counted(clock: Clock, steps: list[tuple[float, int]]) -> None:
    seen: list[datetime] = []
    slots = clock.slots(QUARTER)

    async def read() -> None:
        async for slot in slots:
            assert slot <= clock.utc() < slot + QUARTER
            seen.append(slot)

    reader = asyncio.ensure_future(read())
    for wait_s, jump_s in steps:
        await clock.sleep(wait_s)
        clock.jump_utc(jump_s)
    await clock.sleep(3600)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    assert len(set(seen)) == len(seen)
    if steps and all(jump_s >= 0 for _, jump_s in steps) and seen:
        span = (seen[-1] - START_UTC) // QUARTER + 1
        assert span == len(seen) + slots.skipped


@stepped
async def test_a_length_that_is_none_is_refused(clock: Clock) -> None:
    with pytest.raises(ValueError, match="expected a positive span"):
        clock.slots(timedelta())


@stepped
async def test_slots_lived_before_a_backward_jump_are_not_counted_as_skipped(clock: Clock) -> None:
    slots = clock.slots(QUARTER)
    assert await anext(slots) == START_UTC
    clock.jump_utc(3600)
    assert await anext(slots) == START_UTC + 4 * QUARTER
    assert slots.skipped == 3
    clock.jump_utc(-3600)
    assert [await anext(slots) for _ in range(4)] == [START_UTC + i * QUARTER for i in (1, 2, 3, 5)]
    assert slots.skipped == 3
