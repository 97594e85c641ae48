"""A service that remembers begins anew when an erasure is done, and ends when it ends."""

import asyncio

import pytest

from heg.data.interface import DataInterface
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.records import ErasureRecord
from heg.runtime.clock import Clock
from heg.services.forgetting import anew_after_erasures
from tests.support.stepped import stepped

HERE = Location("home")


@stepped
async def test_it_begins_anew_when_an_erasure_is_done(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "x")
    runs: list[str] = []

    async def service() -> None:
        runs.append("begun")
        try:
            await clock.sleep(1000)
        finally:
            runs.append("ended")

    running = asyncio.create_task(anew_after_erasures(door, HERE, service))
    await clock.sleep(1)
    door.write("erasure", HERE, ErasureRecord("anna"))
    await clock.sleep(1)
    assert runs == ["begun"]
    door.write("erasure", HERE, ErasureRecord("anna", rows=7))
    await clock.sleep(1)
    assert runs == ["begun", "ended", "begun"]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert runs[-1] == "ended"
    await data.close()


@stepped
async def test_its_end_and_its_fault_are_its_own(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "x")

    async def fails() -> None:
        raise ValueError("as it is")

    async def ends() -> None:
        await clock.sleep(1)

    await anew_after_erasures(door, HERE, ends)
    with pytest.raises(ValueError, match="as it is"):
        await anew_after_erasures(door, HERE, fails)
    await data.close()
