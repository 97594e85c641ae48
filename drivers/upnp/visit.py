"""One visit at an appliance: whatever is to be asked of it or agreed with it now, one after the other."""

from dataclasses import dataclass
from typing import Protocol

from drivers.upnp import cycles
from drivers.upnp.appliance import SLEEPING, Appliance
from drivers.upnp.calls import Calls
from drivers.upnp.events import Subscriber, Subscription
from drivers.upnp.parts import Described
from drivers.upnp.soap import Fault
from drivers.upnp.whereabouts import CardOf
from heg.model.appliances import PowerState, WakeMethod
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock

CYCLE_PLACE = "cycle"
_LOST_AFTER = 3
_ASKED_EVERY_S = 60.0
_SILENT = frozenset({RefusalCode.TIMEOUT, RefusalCode.DEVICE_LOST})


class Host(Protocol):
    """Who keeps the appliances."""

    def tell(self, appliance: Appliance, state: PowerState) -> None:
        """Report what state one says it is in."""

    def attach(self, appliance: Appliance) -> Refusal | None:
        """Attach one, or say anew what it is; refused when the house has no room for it."""

    def lose(self, appliance: Appliance, why: str) -> None:
        """One is lost."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Visits appliances. `card` tells the network card that answers at an address."""

    calls: Calls
    subscriber: Subscriber
    clock: Clock
    host: Host
    card: CardOf

    async def pay(self, kept: Appliance) -> None:
        """Do what is due; what fails is counted and done later."""
        described = kept.described
        if described is None:
            return
        refusal = await self._all(kept, described)
        if kept.described is not described:
            return  # it is elsewhere by now, or was restarted: nothing of this holds
        if refusal is None:
            kept.succeeded()
            return
        kept.refused(refusal)
        kept.failed(self.clock.monotonic_s())
        if refusal.code in _SILENT and kept.failures >= _LOST_AFTER and kept.state not in SLEEPING:
            self.host.lose(kept, f"it announces itself and does not answer ({refusal.came})")

    def may_be_long(self, kept: Appliance) -> bool:
        """Tell whether one did not answer of late, so that a visit is likely in vain."""
        described = kept.described
        return kept.there and described is not None and self.calls.is_silent(described)

    async def _all(self, kept: Appliance, described: Described) -> Refusal | None:
        if kept.handle is None:
            return await self._meet(kept, described)
        for step in (self._subscribe, self._read, self._wake_up, self._learn, self._read_cycle):
            refusal = await step(kept, described)
            if refusal is not None or kept.described is not described:
                return refusal
        return None

    async def _meet(self, kept: Appliance, described: Described) -> Refusal | None:
        """First of all it is known; the rest is for the next visit, so that nobody waits for it to be known."""
        state = await self._state(described)
        if kept.described is not described:
            return None
        no_room = self.host.attach(kept)
        if isinstance(state, Refusal):
            return state
        if no_room is None:
            self.host.tell(kept, state)
        return no_room

    async def _subscribe(self, kept: Appliance, described: Described) -> Refusal | None:
        now_s = self.clock.monotonic_s()
        if now_s < kept.renew_s:
            return None
        known = kept.events.live(now_s)
        answer = await self.subscriber.keep(kept.events, described.event_url, described.link, kept.uuid, now_s)
        if isinstance(answer, Refusal):
            return self._without_events(kept, answer, now_s)
        due_s = answer.due_s
        if answer.missed or known:  # now and then it is asked itself: the last event may be the lost one
            kept.unread = kept.cycle_unread = True
        if kept.cycle_events is not None:
            due_s = min(due_s, await self._subscribe_cycle(kept.cycle_events, described, kept.uuid, now_s))
        if kept.described is described:
            kept.renew_s = due_s
        return None

    def _without_events(self, kept: Appliance, refusal: Refusal, now_s: float) -> Refusal | None:
        """One that answers and sends no events is asked itself, now and then."""
        if refusal.code in _SILENT:
            return refusal
        kept.refused(refusal)
        kept.unread = kept.cycle_unread = True
        kept.renew_s = now_s + _ASKED_EVERY_S
        return None

    async def _subscribe_cycle(
        self, subscription: Subscription, described: Described, uuid: str, now_s: float
    ) -> float:
        """Return when to prolong; one that tells no cycles is an appliance all the same, and asked now and then."""
        place = f"{uuid}/{CYCLE_PLACE}"
        answer = await self.subscriber.keep(subscription, described.cycle_event_url, described.link, place, now_s)
        return now_s + _ASKED_EVERY_S if isinstance(answer, Refusal) else answer.due_s

    async def _read(self, kept: Appliance, described: Described) -> Refusal | None:
        if not kept.unread:
            return None
        before = kept.times_told
        state = await self._state(described)
        if kept.described is not described:
            return None
        if isinstance(state, Refusal):
            return state
        if kept.times_told == before:  # else an event overtook the answer
            self.host.tell(kept, state)
        return None

    async def _wake_up(self, kept: Appliance, described: Described) -> Refusal | None:
        """One that was woken and is there, but not on yet, is ordered on."""
        if kept.waking is None:
            return None
        answer = await self.calls.bring(described, PowerState.ON)
        if not isinstance(answer, Refusal):
            kept.waking = None
        return answer.refusal("the order to be on") if isinstance(answer, Fault) else answer

    async def _learn(self, kept: Appliance, described: Described) -> Refusal | None:
        """How it is woken: asked while it is awake, and its card looked up while the kernel knows it."""
        if kept.settled:
            return None
        method = await self.calls.wake_method(described)
        if isinstance(method, Refusal) and method.code in _SILENT:
            return method
        if isinstance(method, Fault | Refusal):
            if isinstance(method, Refusal) or not method.cannot:
                kept.refused(method.refusal("WakeUpMethod") if isinstance(method, Fault) else method)
            method = WakeMethod.NONE
        if kept.described is not described:
            return None
        kept.wake = method
        if method is not WakeMethod.NONE:
            kept.card = self.card(described.host, described.link) or kept.card
        kept.settled = True
        if not described.cycle_control_url:
            self.host.attach(kept)
        return None

    async def _read_cycle(self, kept: Appliance, described: Described) -> Refusal | None:
        if not kept.cycle_unread or not described.cycle_control_url:
            kept.cycle_unread = False
            return None
        kept.cycle_unread = False  # what changes while it is asked is to be read, too
        answer = await self.calls.cycle(described)
        if isinstance(answer, Refusal) and answer.code in _SILENT:
            kept.cycle_unread = True
            return answer
        if kept.described is not described:
            return None
        if isinstance(answer, Fault | Refusal):
            kept.refused(answer.refusal("GetCycle") if isinstance(answer, Fault) else answer)
        else:
            kept.rated_kw = cycles.rated_kw(answer)
        self.host.attach(kept)
        if not isinstance(answer, Fault | Refusal) and kept.handle is not None:
            offer = cycles.offer_of(answer, self.clock.utc())
            if isinstance(offer, Refusal):
                kept.refused(offer)
            else:
                kept.handle.report("cycle.offer", offer)
        return None

    async def _state(self, described: Described) -> PowerState | Refusal:
        answer = await self.calls.power_state(described)
        return answer.refusal("GetPowerState") if isinstance(answer, Fault) else answer
