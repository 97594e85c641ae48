"""An appliance at work: orders come from the network, are judged, kept, carried out by its body; what happens is told.

The body is the real thing: a computer under logind, a machine behind a command or a wire, or a simulation.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from appliance import spoken
from appliance.body import Body, BodyError
from appliance.cycles import Cycle
from appliance.faults import Fault, SoapFault
from appliance.labels import Labels
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
MOST_ASKED = 8
"""Orders from the network that wait for each other, whether or not somebody waits for them still."""
_T = TypeVar("_T")
_ORDERS = {
    "OperationOn": PowerState.ON,
    "OperationOff": PowerState.OFF,
    "GoToStandby": PowerState.STANDBY,
}


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
        self._labels = Labels(clock)
        self._keep = keep
        self._holding = holding
        self._body: Body | None = None
        self._audience: Audience | None = None
        self._kept = model.kept
        self._turn = asyncio.Lock()
        self._disk = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._asked = 0
        self._stuck = False
        self._complained = ""

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
        await self.saved()

    def observed(self, state: PowerState) -> None:
        """Take note of the state that the body truly has, and tell it at once."""
        if state is self.model.state and self.model.seen:
            return
        begun = self.model.cycle
        self.model.observed(state, self._now())
        if begun is not None and self.model.cycle is None:
            logger.warning("%s: the cycle %s was broken off: somebody brought it to %s", self.name, begun.name, state)
        self._changed()
        self._soon(self.saved())

    async def awoke(self) -> None:
        """Take note that the body slept: what was due meanwhile is looked at now."""
        self.model.awoke(self._now())
        await self._do_due()

    def heard(self, uuid: str, address: str) -> None:
        """Follow somebody who announced itself: its registrations are withdrawn from where it is now."""
        if self.model.registrations.moved(uuid, address):
            self._soon(self.saved())

    async def saved(self) -> None:
        """Have on disk what must outlive a restart; what cannot be kept now is kept later."""
        try:
            await self._save()
        except OSError as error:
            self._complain(f"nothing can be kept on its disk now, and a restart would lose it: {error}")
        self._arm()

    async def offer(self, cycle: Cycle | None) -> Fault | None:
        """Let a cycle wait in the appliance; None takes back the one that waits."""
        async with self._turn:
            self._now()  # its window is by this clock
            before = self._as_it_is()
            refused = self.model.offer(cycle) if cycle is not None else self.model.take_back()
            return refused or await self._carry_out(before, None)

    async def order(self, target: PowerState) -> Done | Fault:
        """Judge an order and carry it out."""
        async with self._turn:
            holding = await self._holding(self.model.kind.judge.conditions)
            now, before = self._now(), self._as_it_is()
            result = self.model.order(target, now, holding)
            if isinstance(result, Done):
                wrong = await self._carry_out(before, result.switch)
                if wrong is not None:
                    return wrong
                self.executed += 1
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
        if self._asked >= MOST_ASKED:
            return Fault(
                ApplianceFault.BUSY, f"expected at most {MOST_ASKED} orders at a time, and the last to be done"
            )
        # An order goes on to its end, also when the one who gave it does not wait for that.
        work = self._soon(self._do(action, arguments, (spoken.plain_uuid(arguments["UUID"]), peer)))
        self._asked += 1
        work.add_done_callback(self._answered)
        result = await asyncio.shield(work)
        return result if isinstance(result, Fault) else {"RegID": str(result.reg_id)}

    def _answered(self, _: object) -> None:
        self._asked -= 1

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
            now, before = self._now(), self._as_it_is()
            if action == "StandbyPeriod":
                result = self.model.register(who, arguments["StartTime"], arguments["StopTime"], now)
            else:
                result = self.model.withdraw(int(arguments["RegID"]), who)
            return result if isinstance(result, Fault) else await self._carry_out(before, result.switch) or result

    async def _do_due(self) -> None:
        async with self._turn:
            holding = await self._holding(self.model.kind.judge.conditions)
            now, before = self._now(), self._as_it_is()
            await self._carry_out(before, self.model.due(now, holding))  # what fails is due still, and tried again
            moment = self.model.next_moment()
            self._stuck = moment is not None and moment <= now
            self._arm()

    def _as_it_is(self) -> tuple[Kept, PowerState | None]:
        return self.model.kept, self.model.known_state

    async def _carry_out(self, before: tuple[Kept, PowerState | None], target: PowerState | None) -> Fault | None:
        """Keep what was agreed, then have the body go there; what cannot be kept or done was never agreed."""
        try:
            await self._save()
            if target is not None:
                if self._body is None:
                    raise BodyError(Fault(SoapFault.ACTION_FAILED, "the appliance is about to end"))
                await self._body.go(target)
        except BodyError as error:
            self._complain(f"it did not go to {target}: {error}")
            wrong = error.fault
        except OSError as error:
            wrong = Fault(SoapFault.ACTION_FAILED, f"nothing can be kept on its disk now: {error.strerror or error}")
            self._complain(wrong.text)
        else:
            if target is not None:
                self.model.arrived()
            await self.saved()
            self._complained = ""
            self._changed()
            return None
        self.model.back_to(*before, self._clock.utc())
        await self.saved()
        return wrong

    def _complain(self, text: str) -> None:
        (logger.debug if self._complained == text else logger.warning)("%s: %s", self.name, text)
        self._complained = text

    def _now(self) -> datetime:
        """What the clock shows; where somebody set it since it was read last, the model is told first."""
        now, step = self._labels.read()
        if step:
            self.model.clock_stepped(step, now)
            self._changed()
        return now

    def _changed(self) -> None:
        if self._audience is not None:
            for service in (POWER, CYCLE):
                self._audience.changed(service, self.values(service))
        self._arm()

    async def _save(self) -> None:
        """Keep what is new. Raises OSError."""
        async with self._disk:
            if (kept := self.model.kept) != self._kept:
                await self._keep(kept)
                self._kept = kept

    def _arm(self) -> None:
        """See to it that what is to be done next is done on time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._body is None:
            return
        pauses = [] if self.model.kept == self._kept else [_TRY_AGAIN_S]
        if (moment := self.model.next_moment()) is not None:
            left_s = (moment - self._clock.utc()).total_seconds()
            at_once_s = _TRY_AGAIN_S if self._stuck else 0.0
            pauses.append(min(left_s, LOOK_AGAIN_S) if left_s > 0 else at_once_s)
        if pauses:
            self._timer = asyncio.get_running_loop().call_later(min(pauses), self._look)

    def _look(self) -> None:
        self._timer = None
        moment, now = self.model.next_moment(), self._now()
        if moment is not None and moment <= now:
            self._soon(self._do_due())
        else:
            self._soon(self.saved())

    def _soon(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = asyncio.get_running_loop().create_task(work, name=f"appliance: {self.name}")
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s: %s", self.name, error, exc_info=error)
