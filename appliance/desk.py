"""An appliance at work: orders come from the network, are judged, kept, carried out by its body; what happens is told.

The body is the real thing: a computer under logind, a machine behind a command or a wire, or a simulation.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from appliance import spoken
from appliance.cycles import Cycle
from appliance.faults import Fault, SoapFault
from appliance.model import ApplianceModel, Done, Kept
from appliance.registrations import same_address
from appliance.upnp.services import CYCLE, POWER, Service
from heg.model.appliances import ApplianceFault, PowerState
from heg.runtime.clock import Clock

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 60.0
"""Times of day are labels that may jump: whatever waits is looked at this often."""
_TRY_AGAIN_S = 15.0
"""What is due and is not allowed yet is tried again this often."""
_ORDERS = {
    "OperationOn": PowerState.ON,
    "OperationOff": PowerState.OFF,
    "GoToStandby": PowerState.STANDBY,
}


class BodyError(Exception):
    """The body did not do it; the fault says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.fault = fault


class Body(Protocol):
    """What an appliance truly is. It tells each change of its state to `ApplianceDesk.observed`, also its own."""

    async def go(self, target: PowerState) -> None:
        """Go to a state, or begin to. Raises `BodyError`."""


class Audience(Protocol):
    """Who is told of changes: the UPnP side."""

    def changed(self, service: Service, values: Mapping[str, str]) -> None:
        """Evented variables have these values now."""


Keep = Callable[[Kept], Awaitable[None]]
Holding = Callable[[frozenset[str]], Awaitable[frozenset[str]]]


async def _keep_nothing(_: Kept) -> None:
    """Outlive nothing: for simulations."""


async def _all_hold(names: frozenset[str]) -> frozenset[str]:
    """Take every condition to hold: nobody can find out."""
    return names


class ApplianceDesk:
    """Acts for one appliance; it has no task of its own while nothing is to be done.

    `keep` puts on disk what must outlive a restart, before anything is answered. `holding` finds out which conditions
    of the rules hold.
    """

    def __init__(
        self,
        model: ApplianceModel,
        clock: Clock,
        *,
        name: str,
        keep: Keep = _keep_nothing,
        holding: Holding = _all_hold,
    ) -> None:
        self.model = model
        self.name = name
        self.executed = 0
        """Orders that were carried out."""
        self._clock = clock
        self._keep = keep
        self._holding = holding
        self._body: Body | None = None
        self._audience: Audience | None = None
        self._kept = model.kept
        self._turn = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._stuck = False
        self.seen = False
        """Whether the body has told its state at least once."""

    def join(self, body: Body, audience: Audience) -> None:
        """Begin to work, with a body and with somebody to tell; what was kept goes on."""
        self._body, self._audience = body, audience
        self._changed()  # a cycle that waited before there was anybody to tell: its begin is news only to who knows it

    async def close(self) -> None:
        """End: nothing is done any more by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._body = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def observed(self, state: PowerState) -> None:
        """Take note of the state that the body truly has, and tell it at once."""
        self.seen = True
        if state is self.model.state:
            return
        self.model.observed(state, self._clock.utc())
        self._changed()
        self._soon(self._save())

    async def awoke(self) -> None:
        """Take note that the body slept: what was due meanwhile is looked at now."""
        self.model.awoke(self._clock.utc())
        await self._save()
        await self._do_due()

    def heard(self, uuid: str, address: str) -> None:
        """Follow somebody who announced itself: its registrations are withdrawn from where it is now."""
        if self.model.registrations.moved(uuid, address):
            self._soon(self._save())

    async def offer(self, cycle: Cycle | None) -> Fault | None:
        """Let a cycle wait in the appliance; None takes back the one that waits."""
        if cycle is None:
            self.model.take_back()
        elif (busy := self.model.offer(cycle)) is not None:
            return busy
        await self._save()
        self._changed()
        return None

    async def order(self, target: PowerState) -> Done | Fault:
        """Judge an order and carry it out."""
        async with self._turn:
            holding = await self._holding(self.model.kind.judge.conditions)
            cycle = self.model.cycle
            result = self.model.order(target, self._clock.utc(), holding)
            if isinstance(result, Done):
                self.executed += 1
                wrong = await self._go(result)
                if wrong is not None:
                    self.model.cycle = cycle
                    await self._save()
                    return wrong
            return result

    async def act(self, action: str, arguments: Mapping[str, str], peer: str) -> Mapping[str, str] | Fault:
        """Carry out an action of one of the services."""
        if action == "GetCycle":
            return spoken.cycle(self.model)
        if (wrong := spoken.wrong_asker(arguments)) is not None:
            return wrong
        if action == "GetPowerState":
            return {"PowerState": spoken.POWER_STATES[self.model.state], "RegID": "0"}
        if action == "WakeUpMethod":
            return spoken.wake_method(self.model.kind.wake)
        if not same_address(arguments["Address"], peer):
            came = f"Address: expected {peer}, from where you ask; came {arguments['Address']}"
            return Fault(ApplianceFault.NOT_YOURS, came)
        result = await self._do(action, arguments, (spoken.plain_uuid(arguments["UUID"]), peer))
        return result if isinstance(result, Fault) else {"RegID": str(result.reg_id)}

    def values(self, service: Service) -> Mapping[str, str]:
        """Tell the evented variables of a service as they are now."""
        if service is POWER:
            return {"PowerState": spoken.POWER_STATES[self.model.state]}
        offered = self.model.offered
        return {"CycleId": offered.id if offered is not None else ""}

    def page(self) -> str:
        """Make what people see in a browser."""
        return spoken.page(self.name, self.model)

    async def _do(self, action: str, arguments: Mapping[str, str], who: tuple[str, str]) -> Done | Fault:
        if (target := _ORDERS.get(action)) is not None:
            return await self.order(target)
        async with self._turn:
            if action == "StandbyPeriod":
                start, stop = arguments["StartTime"], arguments["StopTime"]
                result = self.model.register(who, start, stop, self._clock.utc())
            else:
                result = self.model.withdraw(int(arguments["RegID"]), who)
            return result if isinstance(result, Fault) else await self._go(result) or result

    async def _go(self, agreed: Done) -> Fault | None:
        """Keep what was agreed, then let the body do it."""
        await self._save()
        if agreed.switch is None:
            self._changed()
            return None
        return await self._switch(agreed.switch)

    async def _switch(self, target: PowerState) -> Fault | None:
        if self._body is None:
            return Fault(SoapFault.ACTION_FAILED, "the appliance is about to end")
        try:
            await self._body.go(target)
        except BodyError as error:
            logger.warning("%s: it did not go to %s: %s", self.name, target, error)
            return error.fault
        self._changed()
        return None

    async def _do_due(self) -> None:
        async with self._turn:
            holding = await self._holding(self.model.kind.judge.conditions)
            wanted = self.model.due(self._clock.utc(), holding)
            await self._save()
            for target in wanted:
                await self._switch(target)
            moment = self.model.next_moment()
            self._stuck = moment is not None and moment <= self._clock.utc()
            self._changed()

    def _changed(self) -> None:
        if self._audience is not None:
            for service in (POWER, CYCLE):
                self._audience.changed(service, self.values(service))
        self._arm()

    async def _save(self) -> None:
        if (kept := self.model.kept) != self._kept:
            self._kept = kept
            await self._keep(kept)
        self._arm()

    def _arm(self) -> None:
        """See to it that what is to be done next is done on time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._body is None:
            return
        now = self._clock.utc()
        if (moment := self.model.next_moment()) is not None:
            left_s = (moment - now).total_seconds()
            at_once_s = _TRY_AGAIN_S if self._stuck else 0.0
            pause_s = min(left_s, LOOK_AGAIN_S) if left_s > 0 else at_once_s
            self._timer = asyncio.get_running_loop().call_later(pause_s, self._look)

    def _look(self) -> None:
        self._timer = None
        moment, now = self.model.next_moment(), self._clock.utc()
        if moment is not None and moment <= now:
            self._soon(self._do_due())
        else:
            self._arm()

    def _soon(self, work: Awaitable[None]) -> None:
        async def doing() -> None:
            await work

        task = asyncio.get_running_loop().create_task(doing(), name=f"appliance: {self.name}")
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s: %s", self.name, error, exc_info=error)
