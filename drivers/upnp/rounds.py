"""Who is visited when: one task for all appliances, a few visits at a time; one that wants nothing costs nothing."""

import asyncio
import logging
import math
from collections.abc import Callable
from contextlib import suppress

from drivers.upnp.agenda import Agenda
from drivers.upnp.appliance import Appliance
from drivers.upnp.events import Subscriber
from drivers.upnp.rousing import Rousing
from drivers.upnp.visit import Visit
from heg.runtime.clock import Clock

logger = logging.getLogger(__name__)

AT_ONCE = 12
AT_ONCE_SILENT = 4
"""Of them, at appliances that did not answer of late: each holds its place for as long as an answer may take."""
_ASIDE_S = 0.5
"""So long one of those waits when there are enough of them."""
_BREATH_S = 0.02
"""Between two visits to one appliance, whatever it sends meanwhile."""


class Rounds:
    """`kept` returns the appliance of a UUID; only who is kept is visited."""

    def __init__(self, clock: Clock, rousing: Rousing, kept: Callable[[str], Appliance | None]) -> None:
        self._clock = clock
        self._rousing = rousing
        self._kept = kept
        self._agenda = Agenda()
        self._wake_up = asyncio.Event()
        self._under_way = self._silent = 0
        self._leaving: list[Appliance] = []
        """Those that are kept no more, and whose subscriptions are to be ended."""

    async def run(self, visit: Visit, subscriber: Subscriber) -> None:
        """Pay visits until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake_up.clear()
                while self._leaving:
                    tasks.create_task(part(self._leaving.pop(), subscriber), name="appliance that leaves")
                now_s = self._clock.monotonic_s()
                self._begin(tasks, visit, now_s)
                next_s = self._agenda.next_s() if self._under_way < AT_ONCE else math.inf
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(next_s - now_s, 0.0) if math.isfinite(next_s) else None):
                        await self._wake_up.wait()

    def plan(self, appliance: Appliance) -> None:
        """Have one visited when it is due."""
        if not appliance.busy and self._is_kept(appliance):
            self._agenda.put(appliance.uuid, appliance.due_s(), self._clock.monotonic_s())
            self._wake_up.set()

    def drop(self, appliance: Appliance) -> None:
        """One is kept no more: it is not visited again, and is to send nothing."""
        self._agenda.put(appliance.uuid, math.inf)
        if not appliance.busy:
            self._leaving.append(appliance)
            self._wake_up.set()

    def _begin(self, tasks: asyncio.TaskGroup, visit: Visit, now_s: float) -> None:
        while self._under_way < AT_ONCE and (uuid := self._agenda.take(now_s)) is not None:
            if (appliance := self._kept(uuid)) is None:
                continue
            silent = visit.may_be_long(appliance)
            if silent and self._silent >= AT_ONCE_SILENT:
                self._agenda.put(uuid, now_s + _ASIDE_S)
                continue
            appliance.busy = True
            self._under_way += 1
            self._silent += silent
            tasks.create_task(self._look_after(appliance, visit, silent=silent), name=f"appliance {uuid}")

    async def _look_after(self, appliance: Appliance, visit: Visit, *, silent: bool) -> None:
        try:
            self._rousing.go_on(appliance)
            if appliance.there:
                await visit.pay(appliance)
        except Exception:
            logger.exception("appliance %s: it is visited later", appliance.uuid)
            appliance.failed(self._clock.monotonic_s())
        finally:
            self._under_way -= 1  # before who waits for a place is told
            self._silent -= silent
            appliance.busy = False
            appliance.not_before_s = max(appliance.not_before_s, self._clock.monotonic_s() + _BREATH_S)
            self.plan(appliance)
            if not self._is_kept(appliance):
                self._leaving.append(appliance)
            self._wake_up.set()

    def _is_kept(self, appliance: Appliance) -> bool:
        return self._kept(appliance.uuid) is appliance


async def part(appliance: Appliance, subscriber: Subscriber) -> None:
    """End the subscriptions to an appliance's events, where it is there."""
    described = appliance.described
    if described is None or not appliance.there:
        return
    ends = [subscriber.end(appliance.events, described.event_url, described.link)]
    if appliance.cycle_events is not None:
        ends.append(subscriber.end(appliance.cycle_events, described.cycle_event_url, described.link))
    await asyncio.gather(*ends)
