"""The unit's watch on itself: what it publishes, and when it raises and ends its alarms."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from heg.data.door import Door
from heg.data.interface import DataInterface
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.records import AlarmRecord
from heg.model.timings import Timings
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming, run
from heg.runtime.notify import CycleHeartbeat, ServiceManager
from heg.services.vitals import Vitals
from tests.support.stepped import stepped


@asynccontextmanager
async def watched(clock: Clock) -> AsyncIterator[tuple[Vitals, Door]]:
    data = DataInterface(clock, "home")
    vitals = Vitals(
        data.admit(CUSTOMER, "unit"),
        clock,
        "home",
        Timings.for_cycle(1.0),
        CycleHeartbeat(ServiceManager(None), clock.real_s),
    )
    tasks = [asyncio.ensure_future(vitals.run()), asyncio.ensure_future(vitals.measure_lag())]
    yield vitals, data.admit(CUSTOMER, "test")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await data.close()


def alarm(door: Door, name: str) -> AlarmRecord | None:
    found = door.latest("alarm", Location("home", "", name))
    if found is None:
        return None
    assert isinstance(found.value, AlarmRecord)
    return found.value


@stepped
async def test_a_cycle_that_stalls_is_an_alarm_until_it_completes_again(clock: Clock) -> None:
    async with watched(clock) as (vitals, door):
        for _ in range(60):
            vitals.cycle_completed()
            await clock.sleep(1)
        assert alarm(door, "cycle-stalled") is None
        await clock.sleep(Timings.for_cycle(1.0).stalled_after_s + 3)
        raised = alarm(door, "cycle-stalled")
        assert raised is not None
        assert raised.active
        vitals.cycle_completed()
        ended = alarm(door, "cycle-stalled")
        assert ended is not None
        assert not ended.active


@stepped
async def test_figures_and_lag_are_published(clock: Clock) -> None:
    async with watched(clock) as (_, door):
        await clock.sleep(61)
        lag = door.latest("self.loop_lag", Location("home", "", "p99"))
        assert lag is not None
        assert lag.value == 0.0
        assert door.latest("self.memory", Location("home")) is not None


def test_a_loop_that_wakes_late_is_an_alarm_with_the_lateness() -> None:
    async def main(clock: Clock) -> AlarmRecord | None:
        async with watched(clock) as (_, door):
            await clock.sleep(0.01)
            time.sleep(0.9)  # noqa: TID251, ASYNC251 - blocking the loop is the point
            await clock.sleep(0.01)
            return alarm(door, "loop-late")

    raised = run(main, timing=RealTiming())
    assert raised is not None
    assert raised.active
    assert "s late" in raised.text
