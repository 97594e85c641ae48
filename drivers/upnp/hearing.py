"""What appliances send of themselves: events, each judged by who sends it and how it follows the one before."""

from collections.abc import Mapping
from typing import Protocol

from drivers.upnp import gena
from drivers.upnp.actions import POWER_WORDS
from drivers.upnp.appliance import SLEEPING, Appliance
from drivers.upnp.events import NOT_NOW
from drivers.upnp.gena import Order
from drivers.upnp.parts import Caller
from drivers.upnp.soap import shortened
from drivers.upnp.visit import CYCLE_PLACE
from drivers.upnp.whereabouts import Whereabouts
from heg.model.appliances import PowerState
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock

_CALM_S = 1.0


class Keeper(Protocol):
    """Who keeps the appliances."""

    def kept(self, uuid: str) -> Appliance | None:
        """Return the one of a UUID."""

    def tell(self, appliance: Appliance, state: PowerState) -> None:
        """Report what state one says it is in."""

    def plan(self, appliance: Appliance) -> None:
        """Have one visited when it is due."""


class Hearing:
    """The driver's `EventSink`. What is not of a subscription of ours is kept nowhere."""

    def __init__(self, clock: Clock, keeper: Keeper, whereabouts: Whereabouts) -> None:
        self._clock = clock
        self._keeper = keeper
        self._whereabouts = whereabouts

    def notified(self, place: str, headers: Mapping[str, str], body: bytes, caller: Caller) -> int:
        """Take a NOTIFY; returns the HTTP status."""
        uuid, _, which = place.partition("/")
        kept = self._keeper.kept(uuid)
        if kept is None:
            return gena.PRECONDITION_FAILED
        certain = self._whereabouts.is_at(kept, caller)
        if not certain and not self._whereabouts.may_be_at(kept, caller):
            return gena.PRECONDITION_FAILED
        if (subscription := kept.cycle_events if which == CYCLE_PLACE else kept.events) is None:
            return gena.PRECONDITION_FAILED
        message = gena.message(headers, body)
        if isinstance(message, int):
            if message == gena.BAD_REQUEST:
                came = f"{len(body)} bytes of another"
                kept.refused(Refusal(RefusalCode.WRONG_TYPE, "an event message of GENA", came))
            return message
        order = subscription.take(message, self._clock.monotonic_s(), certain=certain)
        if isinstance(order, int):
            if order == NOT_NOW:
                self._read_later(kept)
            return order
        if order is Order.GAP:
            kept.missed()
        if order is not Order.AGAIN:
            self._take(kept, message.values)
        self._keeper.plan(kept)
        return gena.OK

    def _read_later(self, kept: Appliance) -> None:
        """What it said was not taken; when it has calmed down it is asked how things stand."""
        kept.missed()
        kept.not_before_s = max(kept.not_before_s, self._clock.monotonic_s() + _CALM_S)
        self._keeper.plan(kept)

    def _take(self, kept: Appliance, values: Mapping[str, str]) -> None:
        if "CycleId" in values:
            kept.cycle_unread = True
        if (word := values.get("PowerState")) is None:
            return
        state = POWER_WORDS.get(word)
        if state is None:
            expected = f"PowerState as one of {', '.join(POWER_WORDS)}"
            kept.refused(Refusal(RefusalCode.OUT_OF_RANGE, expected, repr(shortened(word, 40))))
            return
        if not kept.there and state is PowerState.ON:
            if kept.state not in SLEEPING:
                return  # late news of one that said goodbye
            kept.there = kept.unread = True  # it woke up, and says so before it announces itself
        self._keeper.tell(kept, state)
