"""Subscriptions to an appliance's events: asked for, prolonged, ended; each message judged by its number.

A message of an unknown subscription is refused and nothing of it is kept. One may come before the answer to its
SUBSCRIBE does: it is believed from the appliance that is just being asked, and one number is all that is kept of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from drivers.upnp import gena
from drivers.upnp.client import HttpClient
from drivers.upnp.gena import Message, Order
from drivers.upnp.interfaces import our_address
from drivers.upnp.parts import EVENTS_PATH, Link
from drivers.upnp.urls import bracketed
from heg.model.refusals import Refusal, RefusalCode

_RENEW_SHARE = 0.5
_MOST_AT_ONCE = 20
_REFILL_PER_S = 5.0
NOT_NOW = 503
"""The answer to a message that is not taken: it comes too soon after many others, or before it is known whose it is.

412 would say that there is no subscription, and gupnp ends its own at that word.
"""


class Subscription:
    """One subscription as it stands: nothing, asked for, or granted until `until_s` (monotonic)."""

    __slots__ = ("_asking", "_early", "_last", "_room", "_room_at_s", "sid", "until_s")

    def __init__(self) -> None:
        self.sid = ""
        self.until_s = 0.0
        self._asking = False
        self._early = ""
        self._last: int | None = None
        self._room = float(_MOST_AT_ONCE)
        self._room_at_s = 0.0

    def due_s(self, lasts_s: float, now_s: float) -> float:
        """Return when one that was granted now for so long is prolonged."""
        return now_s + _RENEW_SHARE * lasts_s

    def live(self, now_s: float) -> bool:
        """Tell whether events come by it."""
        return bool(self.sid) and now_s < self.until_s

    def asked(self) -> None:
        """A new one is asked for: from now on a first message may come."""
        self._asking, self._early, self._last = True, "", None

    def granted(self, sid: str, until_s: float) -> bool:
        """The answer came; False when a message came already of another, so that the state must be read."""
        sound = self._early in ("", sid)
        if not sound:
            self._last = None
        self.sid, self.until_s, self._asking, self._early = sid, until_s, False, ""
        return sound

    def ended(self) -> None:
        """There is none any more: it was ended, refused, or its appliance restarted."""
        self.sid, self.until_s, self._asking, self._early, self._last = "", 0.0, False, "", None

    def take(self, message: Message, now_s: float, *, certain: bool = True) -> Order | int:
        """Judge a message: how it follows the one before, or the HTTP status that refuses it.

        `certain` tells whether it comes from the appliance for sure; if not, the subscription's number tells.
        """
        if self._asking and not certain:
            return NOT_NOW
        if not self._is_ours(message, now_s):
            return gena.PRECONDITION_FAILED
        if not self._has_room(now_s):
            return NOT_NOW
        found = gena.order(self._last, message.seq)
        self._last = message.seq
        return found

    def _is_ours(self, message: Message, now_s: float) -> bool:
        if self._asking and not self._early and message.seq == 0:
            self._early = message.sid
        return message.sid == self._early if self._asking else self.live(now_s) and message.sid == self.sid

    def _has_room(self, now_s: float) -> bool:
        refilled = self._room + (now_s - self._room_at_s) * _REFILL_PER_S
        self._room, self._room_at_s = min(refilled, float(_MOST_AT_ONCE)), now_s
        if self._room < 1.0:
            return False
        self._room -= 1.0
        return True


@dataclass(frozen=True, slots=True)
class Kept:
    """A subscription was granted or prolonged: when to prolong it next, and whether a message was missed."""

    due_s: float
    missed: bool


class Subscriber:
    """Asks appliances for their events, to be sent to our HTTP server at `port`."""

    def __init__(self, client: HttpClient, port: int) -> None:
        self._client = client
        self._port = port

    async def keep(
        self, subscription: Subscription, event_url: str, link: Link, place: str, now_s: float
    ) -> Kept | Refusal:
        """Prolong a subscription, or begin it; one that its appliance does not prolong is begun anew."""
        if subscription.live(now_s):
            answer = await self._prolong(subscription, event_url, link, now_s)
            if answer is not None:
                return answer
        return await self._begin(subscription, event_url, link, place, now_s)

    async def end(self, subscription: Subscription, event_url: str, link: Link) -> None:
        """End a subscription; whether its appliance hears that or not."""
        sid = subscription.sid
        subscription.ended()
        if sid:
            await self._client.ask("UNSUBSCRIBE", event_url, link, headers={"SID": sid})

    async def _prolong(
        self, subscription: Subscription, event_url: str, link: Link, now_s: float
    ) -> Kept | Refusal | None:
        answer = await self._subscribe(event_url, link, gena.renewing(subscription.sid))
        if isinstance(answer, int):
            subscription.ended()
            return None
        if isinstance(answer, Refusal):
            return answer
        subscription.until_s = now_s + answer.lasts_s
        if answer.sid != subscription.sid:
            subscription.ended()
            return None
        return Kept(subscription.due_s(answer.lasts_s, now_s), missed=False)

    async def _begin(
        self, subscription: Subscription, event_url: str, link: Link, place: str, now_s: float
    ) -> Kept | Refusal:
        subscription.ended()
        subscription.asked()
        answer = await self._subscribe(event_url, link, gena.subscribing(self._callback(event_url, link, place)))
        if not isinstance(answer, gena.Granted):
            subscription.ended()
            return answer if isinstance(answer, Refusal) else _refused(answer)
        sound = subscription.granted(answer.sid, now_s + answer.lasts_s)
        return Kept(subscription.due_s(answer.lasts_s, now_s), missed=not sound)

    async def _subscribe(self, event_url: str, link: Link, headers: Mapping[str, str]) -> gena.Granted | int | Refusal:
        answer = await self._client.ask("SUBSCRIBE", event_url, link, headers=headers)
        if isinstance(answer, Refusal):
            return answer
        if answer.status != gena.OK:
            return answer.status
        found = gena.granted(answer.headers)
        wrong = Refusal(RefusalCode.WRONG_TYPE, "an answer to SUBSCRIBE with a SID", "one without")
        return wrong if found is None else found

    def _callback(self, event_url: str, link: Link, place: str) -> str:
        ours = our_address(link, urlsplit(event_url).hostname or "")
        return f"http://{bracketed(ours)}:{self._port}{EVENTS_PATH}/{quote(place)}"


def _refused(status: int) -> Refusal:
    return Refusal(RefusalCode.DEVICE_REFUSED, "events to be sent", f"HTTP status {status} to SUBSCRIBE")
