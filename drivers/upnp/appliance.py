"""One appliance as the driver keeps it: thin, because there may be hundreds. Pure: no socket, no clock.

there ──goodbye or max-age over──▶ asleep (its last word was standby or off) or lost (it was on)
asleep ──magic packets──▶ waking ──it is there again, and on──▶ there;  time over ──▶ asleep
"""

import math
from typing import Protocol

from drivers.upnp.events import Subscription
from drivers.upnp.parts import Described
from drivers.upnp.wake import PAUSES_S, Sleeper
from heg.devices.contract import Actuator, ApplianceActuator, DeviceHandle, DeviceInfo
from heg.model.appliances import PowerState, WakeMethod
from heg.model.capabilities import ApplianceCapability
from heg.model.refusals import Refusal

PROTOCOL = "upnp"
IDENTITY = "uuid:"
SETTLE_S = ApplianceCapability(0.0).settle_s
SLEEPING = frozenset({PowerState.STANDBY, PowerState.OFF})
_RETRY_S = (2.0, 5.0, 15.0, 60.0, 300.0)


class Switch(Actuator, ApplianceActuator, Protocol):
    """What control may do to it."""


class Waking:
    """An appliance that is being woken: until when, and when the next packets go."""

    __slots__ = ("next_s", "sent", "until_s")

    def __init__(self, until_s: float, now_s: float) -> None:
        self.until_s = until_s
        self.sent = 0
        self.next_s = now_s

    def packet_sent(self, now_s: float) -> None:
        """One round of packets went out."""
        self.next_s = now_s + PAUSES_S[min(self.sent, len(PAUSES_S) - 1)]
        self.sent += 1


class Appliance:
    """What is known of one appliance, and what is under way with it.

    `described` is where it was found last, None for one known from earlier runs only; `address` is known of that one,
    too. `unread` tells that its state is to be asked, `cycle_unread` its cycle. `settled` tells that how it is woken
    and what it draws is known. `times_told` counts what it says by itself: an answer is old where that came since it
    was asked.
    """

    __slots__ = (
        "accepted",
        "address",
        "before",
        "busy",
        "card",
        "cycle_events",
        "cycle_unread",
        "described",
        "events",
        "failures",
        "handle",
        "not_before_s",
        "ordered",
        "rated_kw",
        "released",
        "renew_s",
        "settled",
        "state",
        "switch",
        "there",
        "times_told",
        "unread",
        "uuid",
        "wake",
        "waking",
    )

    def __init__(self, uuid: str) -> None:
        self.uuid = uuid
        self.described: Described | None = None
        self.address = ""
        self.handle: DeviceHandle | None = None
        self.switch: Switch | None = None
        self.there = False
        self.times_told = 0
        self.state: PowerState | None = None
        self.accepted: PowerState | None = None
        self.before: PowerState | None = None
        self.ordered: PowerState | None = None
        self.released = False
        self.wake = WakeMethod.NONE
        self.card = ""
        self.rated_kw = 0.0
        self.settled = False
        self.unread = True
        self.cycle_unread = True
        self.busy = False
        self.failures = 0
        self.not_before_s = -math.inf
        self.renew_s = -math.inf
        self.events = Subscription()
        self.cycle_events: Subscription | None = None
        self.waking: Waking | None = None

    @property
    def wakeable(self) -> bool:
        """Tell whether magic packets can reach it."""
        return self.wake is not WakeMethod.NONE and bool(self.card)

    @property
    def asleep(self) -> bool:
        """Tell whether it is silent because it sleeps: its last word was so, or the order that it took since."""
        return not self.there and (self.accepted or self.state) in SLEEPING

    @property
    def sleeper(self) -> Sleeper:
        """It, as magic packets need it."""
        return Sleeper(self.card, self.wake, self.address)

    def info(self, before: DeviceInfo | None = None) -> DeviceInfo:
        """What is announced of it; `before` is what earlier runs left of one that is not there."""
        capabilities = (ApplianceCapability(self.rated_kw, wake=self.wake, settle_s=SETTLE_S),)
        if self.described is None:
            return before or DeviceInfo(IDENTITY + self.uuid, "", "", "", "", PROTOCOL, "", capabilities)
        described = self.described
        return DeviceInfo(
            identity=IDENTITY + self.uuid,
            maker=described.maker,
            model=described.model,
            serial=described.serial,
            version="",
            protocol=PROTOCOL,
            address=described.host,
            capabilities=capabilities,
            name=described.name,
            hardware=self.card,
        )

    def recall(self, info: DeviceInfo, last: object) -> None:
        """Take over what earlier runs knew of it; `last` is the state it told last."""
        self.card, self.address = info.hardware, info.address
        self.state = next((one for one in PowerState if one.value == last), None)
        for capability in info.capabilities:
            if isinstance(capability, ApplianceCapability):
                self.wake, self.rated_kw = capability.wake, capability.rated_kw

    def arrived(self, described: Described) -> None:
        """It is there, perhaps elsewhere, perhaps restarted: nothing that was agreed with it is taken to hold.

        Whether it still has its subscriber it says itself when the subscription is prolonged, at once. One that never
        went has, and would go on sending to a subscription that nobody here knows any more.
        """
        before = self.described
        self.described, self.address, self.there = described, described.host, True
        self.unread = self.cycle_unread = True
        self.settled = False
        self.failures, self.not_before_s, self.renew_s = 0, -math.inf, -math.inf
        if before is None or not _sends_alike(before, described):
            self.events.ended()
            self.cycle_events = None
        if not described.cycle_event_url:
            self.cycle_events = None
        elif self.cycle_events is None or before is None or before.cycle_event_url != described.cycle_event_url:
            self.cycle_events = Subscription()

    def told(self, state: PowerState) -> None:
        """It says what state it is in."""
        self.state, self.accepted, self.unread = state, None, False
        self.times_told += 1
        if self.waking is not None and state is PowerState.ON:
            self.waking = None

    def missed(self) -> None:
        """Something that it said was not heard: it is asked how things stand, and what was asked before is old."""
        self.unread = self.cycle_unread = True
        self.times_told += 1

    def begin_waking(self, now_s: float) -> None:
        """It is wanted on and sleeps; while it is being woken already, the time that it has does not begin anew."""
        if self.waking is None:
            self.waking, self.unread = Waking(now_s + SETTLE_S, now_s), True

    def succeeded(self) -> None:
        """It answered."""
        self.failures, self.not_before_s = 0, -math.inf

    def failed(self, now_s: float) -> None:
        """It did not answer properly: it is asked again later, ever more seldom."""
        self.not_before_s = now_s + _RETRY_S[min(self.failures, len(_RETRY_S) - 1)]
        self.failures += 1

    def refused(self, refusal: Refusal) -> None:
        """Count what was refused of it."""
        if self.handle is not None:
            self.handle.refused(refusal)

    def due_s(self) -> float:
        """Return when something is to be done about it next; infinite: when something happens."""
        waking_s = min(self.waking.next_s, self.waking.until_s) if self.waking is not None else math.inf
        if not self.there:
            return waking_s
        waiting = self.unread or self.cycle_unread or not self.settled or self.waking is not None
        return min(waking_s, max(-math.inf if waiting else self.renew_s, self.not_before_s))


def _sends_alike(before: Described, now: Described) -> bool:
    """Tell whether a subscription may go on: asked for at the same place, its events sent to the same address."""
    return before.event_url == now.event_url and before.link == now.link
