"""Who is told of the gateway's state, and what each has yet to hear. Pure: time comes in, events go out.

Source: UPnP Device Architecture 1.1, 4. Who is slow hears the newest value of each variable, never a queue of old
ones, so that nobody's slowness takes room.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from drivers.upnp.exchange import Answer, Asked, address_of, on_loopback
from drivers.upnp.markup import escaped
from drivers.upnp.urls import bracketed

MOST_SUBSCRIBERS = 512
MOST_OF_ONE = 16
"""As many appliances as may live at one address (discovery)."""
_MOST_CALLBACKS = 3
_LONGEST_CALLBACK = 256
_FIRST_AFTER_S = 0.1
"""After the answer to SUBSCRIBE: gupnp 1.6.3 takes an event that overtakes it with 200, and forgets it."""
_PAUSES_S = (1.0, 10.0, 60.0, 300.0)
"""After each event in a row that was not taken, the last again and again: who sleeps hears the newest when it wakes."""
_MOST_REFUSED = 3
"""Of them in a row, where the last was refused: then there is no subscription any more."""
_LAST_SEQUENCE = 2**32 - 1
_CALLBACK = re.compile(r"<([!-;=?-~]*)>", re.ASCII)
_SECONDS = re.compile(r"second-([0-9]{1,9})", re.ASCII | re.IGNORECASE)
_BAD, _NOT_MET = HTTPStatus.BAD_REQUEST, HTTPStatus.PRECONDITION_FAILED


@dataclass(frozen=True, slots=True)
class Terms:
    """How long subscriptions are granted: what is asked for, within these bounds (s)."""

    shortest_s: int = 300
    longest_s: int = 1_800


@dataclass(frozen=True, slots=True)
class Place:
    """Where events go: one URL of a subscriber, taken apart. `host` is an address, with its zone where it has one."""

    host: str
    port: int
    target: str

    @property
    def header(self) -> str:
        """The value of the header HOST."""
        return f"{bracketed(self.host.partition('%')[0])}:{self.port}"


@dataclass(slots=True)
class Subscriber:
    """One subscription. `news` are the variables it has not been told, with their values."""

    sid: str
    peer: str
    places: tuple[Place, ...]
    until_s: float
    news: dict[str, str]
    sequence: int = 0
    failures: int = 0
    not_before_s: float = -math.inf
    slow: bool = False
    """Whether it was, the last time: it is told after the others."""
    busy: bool = True
    """True while an event is on its way, and until the subscription itself is answered."""


@dataclass(frozen=True, slots=True)
class Event:
    """What one subscriber is told next."""

    sid: str
    sequence: int
    places: tuple[Place, ...]
    news: Mapping[str, str]

    @property
    def body(self) -> bytes:
        """What is sent."""
        told = "".join(
            f"<e:property><{name}>{escaped(value)}</{name}></e:property>" for name, value in self.news.items()
        )
        head = '<?xml version="1.0" encoding="utf-8"?>\n<e:propertyset xmlns:e="urn:schemas-upnp-org:event-1-0">'
        return f"{head}{told}</e:propertyset>".encode()


class Subscriptions:
    """All of them. `state` has every evented variable; `new_sid` makes a UUID that nobody had before."""

    def __init__(
        self, state: Mapping[str, str], new_sid: Callable[[], str], refused: Counter[str], terms: Terms | None = None
    ) -> None:
        self._state = dict(state)
        self._new_sid, self._refused, self._terms = new_sid, refused, terms or Terms()
        self._all: dict[str, Subscriber] = {}

    def __len__(self) -> int:
        return len(self._all)

    def subscribe(self, asked: Asked, now_s: float, ready: Callable[[], None]) -> Answer:
        """Answer SUBSCRIBE: a new subscription, or a renewed one. `ready` is called when it may be told."""
        self.forget_the_late(now_s)
        sid, callback = asked.headers.get("SID"), asked.headers.get("CALLBACK")
        if sid is not None:
            return self._renew(asked, sid, now_s)
        if asked.headers.get("NT", "").strip() != "upnp:event":
            return Answer(_NOT_MET, counted="subscribe_malformed")
        places = _places(callback or "")
        ours = tuple(_zoned(one, asked) for one in places if address_of(one.host) == address_of(asked.peer))
        if not ours:
            return Answer(_NOT_MET, counted="subscribe_elsewhere" if places else "subscribe_malformed")
        if not self._make_room(asked.peer):
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, counted="subscribe_too_many")
        span_s = self._span_s(asked)
        new = Subscriber(f"uuid:{self._new_sid()}", asked.peer, ours, now_s + span_s, dict(self._state))
        new.not_before_s = now_s + _FIRST_AFTER_S
        self._all[new.sid] = new

        def answered() -> None:
            new.busy = False
            ready()

        return Answer(headers=_granted(new.sid, span_s), then=answered)

    def unsubscribe(self, asked: Asked) -> Answer:
        """Answer UNSUBSCRIBE."""
        if "NT" in asked.headers or "CALLBACK" in asked.headers:
            return Answer(_BAD, counted="subscribe_malformed")
        if self._of(asked, asked.headers.get("SID", "")) is None:
            return Answer(_NOT_MET, counted="subscribe_unknown")
        del self._all[asked.headers["SID"].strip()]
        return Answer()

    def changed(self, values: Mapping[str, str]) -> bool:
        """Take new values; only what differs is told. True when somebody has to be told."""
        news = {name: value for name, value in values.items() if self._state.get(name) != value}
        self._state.update(news)
        if news:
            for one in self._all.values():
                one.news.update(news)
        return bool(news and self._all)

    def due(self, now_s: float, *, first: bool) -> tuple[str, ...]:
        """Who has something to hear and is not being told already: of those told before, or those not yet."""
        due = (
            one
            for one in self._all.values()
            if one.news and not one.busy and one.not_before_s <= now_s and (one.sequence == 0) is first
        )
        return tuple(one.sid for one in sorted(due, key=lambda one: one.slow))

    def next_s(self, now_s: float) -> float:
        """When the first of those who are told later is due; infinite when nobody is."""
        waiting = (one.not_before_s for one in self._all.values() if one.news and not one.busy)
        return min((one for one in waiting if one > now_s), default=math.inf)

    def take(self, sid: str) -> Event | None:
        """Return what a subscriber is told now; `told` says how that went."""
        one = self._all.get(sid)
        if one is None or one.busy or not one.news:
            return None
        news, one.news, one.busy = one.news, {}, True
        sequence = one.sequence
        # After the last number comes 1: 0 is the first event's alone.
        one.sequence = sequence + 1 if sequence < _LAST_SEQUENCE else 1
        return Event(sid, sequence, one.places, news)

    def told(self, event: Event, status: int | None, now_s: float, *, slow: bool = False) -> None:
        """An event was answered with this HTTP status, after a long time perhaps; None: by nobody."""
        one = self._all.get(event.sid)
        if one is None:
            return
        one.busy, one.slow = False, slow
        if status is not None and status < _BAD:
            one.failures = 0
            return
        self._refused["event_unheard"] += 1
        one.failures += 1
        if status is not None and one.failures >= _MOST_REFUSED:
            del self._all[event.sid]
            return
        one.not_before_s = now_s + _PAUSES_S[min(one.failures, len(_PAUSES_S)) - 1]
        one.news = {**event.news, **one.news}
        if event.sequence == 0:  # it came before the answer that told the subscriber its SID, perhaps
            one.sequence = 0

    def forget_the_late(self, now_s: float) -> None:
        """End what was not renewed."""
        for sid in [sid for sid, one in self._all.items() if one.until_s <= now_s]:
            del self._all[sid]

    def _renew(self, asked: Asked, sid: str, now_s: float) -> Answer:
        if "CALLBACK" in asked.headers or "NT" in asked.headers:
            return Answer(_BAD, counted="subscribe_malformed")
        one = self._of(asked, sid)
        if one is None:
            return Answer(_NOT_MET, counted="subscribe_unknown")
        span_s = self._span_s(asked)
        one.until_s = now_s + span_s
        return Answer(headers=_granted(one.sid, span_s))

    def _of(self, asked: Asked, sid: str) -> Subscriber | None:
        """The subscription, if it is this peer's own."""
        one = self._all.get(sid.strip())
        return one if one is not None and one.peer == asked.peer else None

    def _make_room(self, peer: str) -> bool:
        """See that there is room for one more; who has most gives up what was renewed longest ago.

        So whoever starts again and again is heard each time, though nobody took back what it had before; and one
        address with many keeps out nobody who has fewer. Where they have but one more, only what did not take its last
        event gives way: a stranger has as many addresses as it likes, but who subscribes to hear takes what it is told.
        """
        counts = Counter(one.peer for one in self._all.values())
        full = len(self._all) >= MOST_SUBSCRIBERS
        # On loopback all have one address: there the bound of all holds alone.
        too_many = counts[peer] >= MOST_OF_ONE and not on_loopback(peer)
        if not full and not too_many:
            return True
        ours, most = counts[peer], max(counts.values())
        giving = [
            one
            for one in self._all.values()
            if (one.peer == peer if too_many else counts[one.peer] == most > ours and (most > ours + 1 or one.failures))
        ]
        if not giving:
            return False
        del self._all[min(giving, key=lambda one: one.until_s).sid]
        return True

    def _span_s(self, asked: Asked) -> int:
        wanted = _SECONDS.fullmatch(asked.headers.get("TIMEOUT", "").strip())
        terms = self._terms
        return terms.longest_s if wanted is None else min(max(int(wanted[1]), terms.shortest_s), terms.longest_s)


def _granted(sid: str, span_s: int) -> dict[str, str]:
    return {"SID": sid, "TIMEOUT": f"Second-{span_s}"}


def _places(callback: str) -> tuple[Place, ...]:
    """Where a CALLBACK header leads; what is no http URL of an address is left out."""
    texts = [one[1] for one in _CALLBACK.finditer(callback[: 4 * _LONGEST_CALLBACK])]
    return tuple(place for text in texts[:_MOST_CALLBACKS] if (place := _place(text)) is not None)


def _place(text: str) -> Place | None:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", 80 if parts.port is None else parts.port
    except ValueError:
        return None
    plain = len(text) <= _LONGEST_CALLBACK and parts.scheme == "http" and "@" not in parts.netloc and port > 0
    if not plain or address_of(host) is None:
        return None
    return Place(host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _zoned(place: Place, asked: Asked) -> Place:
    """A link-local address is reached by the link over which it asked."""
    local = ":" in asked.peer and ip_address(asked.peer).is_link_local
    return Place(asked.peer + (f"%{asked.interface}" if local else ""), place.port, place.target)
