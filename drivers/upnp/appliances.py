"""All appliances of the house: told by discovery, asked what they are, heard when they change, woken, and known again.

One task looks after all of them, at most so many at a time; an appliance that wants nothing costs nothing.
"""

import asyncio
import ipaddress
import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from drivers.upnp import gena
from drivers.upnp.actions import POWER_WORDS
from drivers.upnp.actuator import ApplianceSwitch
from drivers.upnp.agenda import Agenda
from drivers.upnp.appliance import IDENTITY, PROTOCOL, SLEEPING, Appliance
from drivers.upnp.calls import Calls
from drivers.upnp.client import HttpClient
from drivers.upnp.dismissed import Dismissed
from drivers.upnp.events import TOO_MANY, Subscriber
from drivers.upnp.gena import Order
from drivers.upnp.neighbours import card_of
from drivers.upnp.parting import Parting
from drivers.upnp.parts import Described, GoneWhy, Link
from drivers.upnp.rousing import Rousing
from drivers.upnp.soap import shortened
from drivers.upnp.visit import CYCLE_PLACE, Visit
from drivers.upnp.wake import SecureOn, Waker
from heg.devices.contract import CommandAnswer, DeviceHandle, DeviceInfo, DriverContext
from heg.model.appliances import PowerState
from heg.model.instance import Quality
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.runtime.clock import real_span

logger = logging.getLogger(__name__)

AT_ONCE = 12
MOST_APPLIANCES = 512
_CALM_S = 1.0
_BREATH_S = 0.02
"""Between two visits to one appliance, whatever it sends meanwhile."""
_END_WITHIN_S = 2.0
"""Real time that the ends of subscriptions may take."""
_WHY = {GoneWhy.BYEBYE: "said goodbye", GoneWhy.EXPIRED: "no announcement within its max-age"}


@dataclass(frozen=True, slots=True)
class Gateway:
    """Who we are to appliances: our UUID, and the port of our HTTP server, to which they send their events."""

    uuid: str
    port: int


class Appliances:
    """The driver's `Watcher`, `EventSink` and `Askers`. `run` is its task; all else is called on the same loop."""

    def __init__(
        self,
        context: DriverContext,
        gateway: Gateway,
        waker: Waker,
        secure_on: SecureOn | None = None,
        *,
        card: Callable[[str, Link], str] = card_of,
        most: int = MOST_APPLIANCES,
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._gateway = gateway
        self._rousing = Rousing(context.clock, waker, secure_on or SecureOn({}))
        self._card = card
        self._most = most
        self._appliances: dict[str, Appliance] = {}
        self._agenda = Agenda()
        self._wake_up = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._parting = Parting(context.clock, self._parted)
        self._dismissed = Dismissed()
        self._leaving: list[Appliance] = []
        """Those that are kept no more, and whose subscriptions are to be ended."""
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
                async with asyncio.TaskGroup() as tasks:
                    await self._serve(tasks, visit, subscriber)
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
        self._plan(kept)

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
            self._agenda.put(uuid, math.inf)
        elif kept.asleep:
            return
        elif why is GoneWhy.BYEBYE:
            self._parting.begin(uuid)
        else:
            self.lose(kept, _WHY[why])

    def take_back(self) -> None:
        """The owner looks for appliances: those that were removed are wanted, too."""
        for described in self._dismissed.take_all_back():
            self.found(described)

    # What appliances send, and ask.

    def notified(self, place: str, headers: Mapping[str, str], body: bytes, peer: str) -> int:
        """Take a NOTIFY; returns the HTTP status. What is not of a subscription of ours is kept nowhere."""
        uuid, _, which = place.partition("/")
        kept = self._appliances.get(uuid)
        if kept is None or kept.described is None or not _is_from(peer, kept.described.host):
            return gena.PRECONDITION_FAILED
        if (subscription := kept.cycle_events if which == CYCLE_PLACE else kept.events) is None:
            return gena.PRECONDITION_FAILED
        message = gena.message(headers, body)
        if isinstance(message, int):
            if message == gena.BAD_REQUEST:
                kept.refused(
                    Refusal(RefusalCode.WRONG_TYPE, "an event message of GENA", f"{len(body)} bytes of another")
                )
            return message
        order = subscription.take(message, self._clock.monotonic_s())
        if isinstance(order, int):
            if order == TOO_MANY:
                self._read_later(kept)
            return order
        if order is Order.GAP:
            kept.unread = kept.cycle_unread = True
        if order is not Order.AGAIN:
            self._take(kept, message.values)
        self._plan(kept)
        return gena.OK

    def address_of(self, uuid: str) -> str | None:
        """Where an appliance is discovered now."""
        kept = self._appliances.get(uuid)
        if kept is None or kept.described is None or not kept.there:
            return None
        return _plain(kept.described.host)

    async def ask(self, uuid: str, command: str, arguments: Mapping[str, object]) -> CommandAnswer | None:
        """Hand in what an appliance asks of the house."""
        kept = self._appliances.get(uuid)
        return await kept.handle.ask(command, arguments) if kept is not None and kept.handle is not None else None

    # What visits and actuators need.

    def tell(self, appliance: Appliance, state: PowerState) -> None:
        """Report what state one says it is in."""
        appliance.told(state)
        if appliance.handle is not None:
            appliance.handle.report("state.power", state.value)

    def wake(self, appliance: Appliance) -> Refusal | None:
        """Begin to wake one; None when the first packets went out, or are on their way already."""
        refusal = self._rousing.begin(appliance)
        self._plan(appliance)
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
        handle: DeviceHandle | None = kept.handle
        if handle is None:
            return
        if kept.state is not None:
            handle.report("state.power", kept.state.value, quality=Quality.STALE)
        handle.lost(why)

    def _parted(self, uuid: str) -> None:
        """One said goodbye and did not come back; its last word, that it goes to sleep, may have come after that."""
        kept = self._appliances.get(uuid)
        if kept is not None and not kept.there and not kept.asleep:
            self.lose(kept, _WHY[GoneWhy.BYEBYE])

    # How they are looked after.

    async def _serve(self, tasks: asyncio.TaskGroup, visit: Visit, subscriber: Subscriber) -> None:
        while True:
            self._wake_up.clear()
            while self._leaving:
                tasks.create_task(_take_leave(self._leaving.pop(), subscriber), name="appliance that leaves")
            now_s = self._clock.monotonic_s()
            while len(self._under_way) < AT_ONCE and (uuid := self._agenda.take(now_s)) is not None:
                if (kept := self._appliances.get(uuid)) is not None:
                    kept.busy = True
                    task = tasks.create_task(self._look_after(kept, visit), name=f"appliance {uuid}")
                    self._under_way.add(task)
                    task.add_done_callback(self._under_way.discard)
            next_s = self._agenda.next_s() if len(self._under_way) < AT_ONCE else math.inf
            with suppress(TimeoutError):
                async with asyncio.timeout(max(next_s - now_s, 0.0) if math.isfinite(next_s) else None):
                    await self._wake_up.wait()

    async def _look_after(self, kept: Appliance, visit: Visit) -> None:
        try:
            self._rousing.go_on(kept)
            if kept.there:
                await visit.pay(kept)
        except Exception:
            logger.exception("appliance %s: it is visited later", kept.uuid)
            kept.failed(self._clock.monotonic_s())
        finally:
            kept.busy = False
            kept.not_before_s = max(kept.not_before_s, self._clock.monotonic_s() + _BREATH_S)
            self._plan(kept)
            if self._appliances.get(kept.uuid) is not kept:
                self._leaving.append(kept)
            self._wake_up.set()

    def _plan(self, kept: Appliance) -> None:
        """Have it visited when it is due."""
        if not kept.busy and self._appliances.get(kept.uuid) is kept:
            self._agenda.put(kept.uuid, kept.due_s())
            self._wake_up.set()

    def _read_later(self, kept: Appliance) -> None:
        """What it said was not taken; when it has calmed down it is asked how things stand."""
        kept.unread = kept.cycle_unread = True
        kept.not_before_s = max(kept.not_before_s, self._clock.monotonic_s() + _CALM_S)
        self._plan(kept)

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
        self.tell(kept, state)

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
        self._agenda.put(kept.uuid, math.inf)
        self._parting.back(kept.uuid)
        self._dismissed.add(kept.uuid, kept.described if kept.there else None)
        if not kept.busy:
            self._leaving.append(kept)
            self._wake_up.set()

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
        ends = [end for kept in self._appliances.values() for end in _ends(kept, subscriber)]
        with suppress(TimeoutError):
            async with asyncio.timeout(real_span(self._clock, _END_WITHIN_S)):
                await asyncio.gather(*ends)


def _is_from(peer: str, host: str) -> bool:
    """Tell whether a peer is who lives at a host. Of IPv6 one has several addresses, temporary ones to ask from."""
    if peer == _plain(host):
        return True
    if ":" not in peer or ":" not in host:
        return False
    try:
        return ipaddress.IPv6Network((peer, 64), strict=False) == ipaddress.IPv6Network(
            (_plain(host), 64), strict=False
        )
    except ValueError:
        return False


def _plain(host: str) -> str:
    """An address without its zone, as peers are called."""
    return host.partition("%")[0]


async def _take_leave(kept: Appliance, subscriber: Subscriber) -> None:
    await asyncio.gather(*_ends(kept, subscriber))


def _ends(kept: Appliance, subscriber: Subscriber) -> Iterable[Awaitable[None]]:
    if kept.there and kept.described is not None:
        yield subscriber.end(kept.events, kept.described.event_url, kept.described.link)
        if kept.cycle_events is not None:
            yield subscriber.end(kept.cycle_events, kept.described.cycle_event_url, kept.described.link)
