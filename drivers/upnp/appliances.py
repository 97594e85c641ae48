"""All appliances of the house, by UUID: told by discovery, attached, lost, removed, and known again."""

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from drivers.upnp.actuator import ApplianceSwitch
from drivers.upnp.appliance import IDENTITY, PROTOCOL, Appliance
from drivers.upnp.calls import Calls
from drivers.upnp.client import HttpClient
from drivers.upnp.dismissed import Dismissed
from drivers.upnp.events import Subscriber
from drivers.upnp.hearing import Hearing
from drivers.upnp.neighbours import card_of
from drivers.upnp.orders import Place
from drivers.upnp.parting import Parting
from drivers.upnp.parts import Caller, Described, GoneWhy
from drivers.upnp.rounds import Rounds, part
from drivers.upnp.rousing import Rousing
from drivers.upnp.visit import Visit
from drivers.upnp.wake import SecureOn, Waker
from drivers.upnp.whereabouts import CardOf, Whereabouts
from heg.devices.contract import CommandAnswer, DeviceInfo, DriverContext
from heg.model.appliances import PowerState
from heg.model.instance import Quality
from heg.model.refusals import Refusal, RefusedError
from heg.runtime.clock import real_span

logger = logging.getLogger(__name__)

MOST_APPLIANCES = 512
_END_WITHIN_S = 2.0
"""Real time that the ends of subscriptions may take."""
_WHY = {GoneWhy.BYEBYE: "said goodbye", GoneWhy.EXPIRED: "no announcement within its max-age"}


@dataclass(frozen=True, slots=True)
class Gateway:
    """Who we are to appliances: our UUID, and the port of our HTTP server, to which they send their events."""

    uuid: str
    port: int


def _nowhere(_uuid: str) -> Iterable[Place]:
    return ()


class Appliances:
    """The driver's `Watcher` and `Askers`; `hearing` is its `EventSink`.

    `run` is its task; all else is called on the same loop. `besides` tells where discovery hears an appliance besides
    its home, `card` the network card that answers at an address.
    """

    def __init__(
        self,
        context: DriverContext,
        gateway: Gateway,
        waker: Waker,
        secure_on: SecureOn | None = None,
        *,
        besides: Callable[[str], Iterable[Place]] = _nowhere,
        card: CardOf = card_of,
        most: int = MOST_APPLIANCES,
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._gateway = gateway
        self._rousing = Rousing(context.clock, waker, secure_on or SecureOn({}))
        self._card = card
        self._most = most
        self._appliances: dict[str, Appliance] = {}
        self._rounds = Rounds(context.clock, self._rousing, self.kept)
        self._whereabouts = Whereabouts(besides, card)
        self.hearing = Hearing(context.clock, self, self._whereabouts)
        self._parting = Parting(context.clock, self._parted)
        self._dismissed = Dismissed()
        context.on_removed(PROTOCOL, self._removed)
        self.calls: Calls | None = None

    async def run(self) -> None:
        """Look after all appliances until cancelled; then end the subscriptions to their events."""
        self._recall()
        async with HttpClient(self._clock) as client:
            self.calls = Calls(client, self._gateway.uuid)
            subscriber = Subscriber(client, self._gateway.port)
            visit = Visit(self.calls, subscriber, self._clock, self, self._card)
            try:
                await self._rounds.run(visit, subscriber)
            finally:
                self.calls = None
                self._parting.close()
                await self._unsubscribe(subscriber)

    # What discovery says.

    def found(self, appliance: Described) -> None:
        """One is there: new, back, elsewhere, or restarted. One that its owner removed is left alone until wanted."""
        if not self._wanted(appliance):
            return
        kept = self._appliances.get(appliance.uuid) or self._new(appliance.uuid)
        if kept is None:
            return
        self._parting.back(appliance.uuid)
        kept.arrived(appliance)
        if kept.handle is not None:
            self.attach(kept)
        self.plan(kept)

    def gone(self, uuid: str, why: GoneWhy) -> None:
        """One is not there any more: asleep when its last word was so, else lost, unless it is back at once."""
        self._dismissed.note(uuid, None)
        kept = self._appliances.get(uuid)
        if kept is None:
            return
        kept.there = False
        if kept.handle is None:
            kept.described = None  # whatever is under way with it holds no more
            del self._appliances[uuid]
            self._rounds.drop(kept)
        elif kept.asleep:
            return
        elif why is GoneWhy.BYEBYE:
            self._parting.begin(uuid)
        else:
            self.lose(kept, _WHY[why])

    def owns(self, uuid: str, place: Place) -> bool:
        """Tell whether a place is an appliance's own, by its network card."""
        kept = self._appliances.get(uuid)
        return kept is not None and self._whereabouts.owns(kept, place)

    def take_back(self) -> None:
        """The owner looks for appliances: those that were removed are wanted, too."""
        for described in self._dismissed.take_all_back():
            self.found(described)

    # What appliances ask.

    def is_at(self, uuid: str, caller: Caller) -> bool | None:
        """Tell whether who calls is this appliance, by where it is discovered now."""
        kept = self._appliances.get(uuid)
        if kept is None or kept.described is None or not kept.there:
            return None
        return self._whereabouts.is_at(kept, caller)

    async def ask(self, uuid: str, command: str, arguments: Mapping[str, object]) -> CommandAnswer | None:
        """Hand in what an appliance asks of the house."""
        kept = self._appliances.get(uuid)
        return await kept.handle.ask(command, arguments) if kept is not None and kept.handle is not None else None

    # What visits, events and actuators need.

    def kept(self, uuid: str) -> Appliance | None:
        """Return the one of a UUID."""
        return self._appliances.get(uuid)

    def plan(self, appliance: Appliance) -> None:
        """Have one visited when it is due."""
        self._rounds.plan(appliance)

    def tell(self, appliance: Appliance, state: PowerState) -> None:
        """Report what state one says it is in."""
        appliance.told(state)
        if appliance.handle is not None:
            appliance.handle.report("state.power", state.value)

    def wake(self, appliance: Appliance) -> Refusal | None:
        """Begin to wake one; None when the first packets went out, or are on their way already."""
        refusal = self._rousing.begin(appliance)
        self.plan(appliance)
        return refusal

    def attach(self, kept: Appliance, before: DeviceInfo | None = None) -> Refusal | None:
        """Attach one, or say anew what it is; `before` is what earlier runs left of it. Refused when there is no room.

        One without room is visited again, ever more seldom, and told of once.
        """
        if self._appliances.get(kept.uuid) is not kept:
            return None  # it went, or was removed, while it was visited
        try:
            kept.switch = switch = kept.switch or ApplianceSwitch(kept, self)
            info = kept.info(before)
            kept.handle = self._context.attach(info, interval_s=math.inf, actuator=switch, appliance=switch)
        except RefusedError as error:
            if not kept.failures:
                logger.warning("appliance %s is left out: %s", kept.uuid, error)
            return error.refusal
        return None

    def lose(self, kept: Appliance, why: str) -> None:
        """One is lost: what it said last is not known to hold."""
        if kept.handle is None:
            return
        if kept.state is not None:
            kept.handle.report("state.power", kept.state.value, quality=Quality.STALE)
        kept.handle.lost(why)

    def _parted(self, uuid: str) -> None:
        """One said goodbye and did not come back; its last word, that it goes to sleep, may have come after that."""
        kept = self._appliances.get(uuid)
        if kept is not None and not kept.there and not kept.asleep:
            self.lose(kept, _WHY[GoneWhy.BYEBYE])

    # Which of them there are.

    def _new(self, uuid: str) -> Appliance | None:
        if len(self._appliances) >= self._most:
            logger.warning("appliance %s is left out: expected at most %d", uuid, self._most)
            return None
        self._appliances[uuid] = Appliance(uuid)
        return self._appliances[uuid]

    def _removed(self, identity: str) -> None:
        """Its owner takes one out: nothing is asked of it, and it is to send nothing."""
        kept = self._appliances.pop(identity.removeprefix(IDENTITY), None)
        if kept is None:
            return
        self._rounds.drop(kept)
        self._parting.back(kept.uuid)
        self._dismissed.add(kept.uuid, kept.described if kept.there else None)

    def _wanted(self, appliance: Described) -> bool:
        if appliance.uuid in self._dismissed:
            if not self._context.owner_settings(IDENTITY + appliance.uuid, appliance.serial).name:
                self._dismissed.note(appliance.uuid, appliance)
                return False
            self._dismissed.take_back(appliance.uuid)  # its owner names it anew
        return True

    def _recall(self) -> None:
        """Know again those that may be asleep: looking for them finds nothing."""
        for info in self._context.known(PROTOCOL):
            kept = Appliance(info.identity.removeprefix(IDENTITY))
            kept.recall(info, self._context.last_word(info.identity, "state.power"))
            if kept.asleep and kept.uuid not in self._appliances and len(self._appliances) < self._most:
                self._appliances[kept.uuid] = kept
                self.attach(kept, info)

    async def _unsubscribe(self, subscriber: Subscriber) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(real_span(self._clock, _END_WITHIN_S)):
                await asyncio.gather(*(part(kept, subscriber) for kept in self._appliances.values()))
