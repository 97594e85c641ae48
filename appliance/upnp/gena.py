"""GENA, from the publisher's side: who is subscribed, what each is told, in which order. Sans-IO.

Source: UPnP Device Architecture 1.1, chapter 4. SEQ is 0 in the first message and never again: after the largest
number comes 1. Only variables that changed are told. A subscriber that is slow gets what it missed in one message.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from ipaddress import ip_address

from appliance.upnp.client import Url

MOST_SUBSCRIBERS = 16
MOST_OF_ADDRESS = 4
"""Who subscribes again and again, as after each crash, gives up its own oldest, and shuts nobody out."""
SHORTEST_S, LONGEST_S = 60, 3600
_MOST_PENDING = 8
_LAST_SEQ = 2**32 - 1


@dataclass(slots=True, eq=False)
class Subscription:
    """One subscriber. `ends_s` is monotonic time; `pending` is what it was not told yet, oldest first."""

    sid: str
    callbacks: tuple[Url, ...]
    ends_s: float
    seq: int = 0
    pending: list[dict[str, str]] = field(default_factory=list)

    def add(self, values: Mapping[str, str]) -> None:
        """Have it told; where too much waits already, with what waits last."""
        if len(self.pending) >= _MOST_PENDING:
            self.pending[-1] |= values
        else:
            self.pending.append(dict(values))

    def take(self) -> tuple[int, dict[str, str]] | None:
        """Give number and values of the next message; None where nothing is to be told."""
        if not self.pending:
            return None
        seq = self.seq
        self.seq = 1 if seq == _LAST_SEQ else seq + 1
        return seq, self.pending.pop(0)


class Publisher:
    """The subscribers of one service and the values they know."""

    __slots__ = ("_new_sid", "_subscriptions", "_told")

    def __init__(self, values: Mapping[str, str], new_sid: Callable[[], str]) -> None:
        self._told = dict(values)
        self._new_sid = new_sid
        self._subscriptions: dict[str, Subscription] = {}

    def subscribe(self, callbacks: tuple[Url, ...], seconds: int, now_s: float) -> Subscription | None:
        """Take a subscriber, who is to be told all values first; None where there is no room.

        The hosts of `callbacks` are addresses, as numbers.
        """
        self._forget_ended(now_s)
        host = ip_address(callbacks[0].host)
        of_one = [sid for sid, one in self._subscriptions.items() if ip_address(one.callbacks[0].host) == host]
        if len(of_one) >= MOST_OF_ADDRESS:
            del self._subscriptions[of_one[0]]
        elif len(self._subscriptions) >= MOST_SUBSCRIBERS:
            return None
        new = Subscription(self._new_sid(), callbacks, now_s + seconds, pending=[dict(self._told)])
        self._subscriptions[new.sid] = new
        return new

    def renew(self, sid: str, seconds: int, now_s: float) -> bool:
        """Let a subscription go on from now; False where there is none of that name."""
        self._forget_ended(now_s)
        if (known := self._subscriptions.get(sid)) is None:
            return False
        known.ends_s = now_s + seconds
        return True

    def unsubscribe(self, sid: str) -> bool:
        """Let a subscriber go; False where there is none of that name."""
        return self._subscriptions.pop(sid, None) is not None

    def changed(self, values: Mapping[str, str], now_s: float) -> None:
        """Have every subscriber told what is different from before."""
        new = {name: value for name, value in values.items() if self._told.get(name) != value}
        if not new:
            return
        self._told |= new
        self._forget_ended(now_s)
        for one in self._subscriptions.values():
            one.add(new)

    def skip(self, count: int) -> None:
        """Leave out the next numbers, as if those messages had been lost."""
        for one in self._subscriptions.values():
            one.seq = (one.seq + count - 1) % _LAST_SEQ + 1

    def forget_all(self) -> None:
        """Lose all subscribers, as a restart does."""
        self._subscriptions.clear()

    def waiting(self) -> Iterator[Subscription]:
        """Give those who are still to be told something."""
        return (one for one in self._subscriptions.values() if one.pending)

    def __contains__(self, one: Subscription) -> bool:
        return self._subscriptions.get(one.sid) is one

    def __len__(self) -> int:
        return len(self._subscriptions)

    def _forget_ended(self, now_s: float) -> None:
        for sid in [sid for sid, one in self._subscriptions.items() if one.ends_s <= now_s]:
            del self._subscriptions[sid]


def seconds_granted(asked: str) -> int:
    """Return how long a subscription lasts for what its TIMEOUT header asks."""
    number = asked.strip().lower().removeprefix("second-")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        return LONGEST_S  # "infinite", nothing, or nonsense: it is renewed or it ends
    return min(max(int(number), SHORTEST_S), LONGEST_S)


def message(values: Mapping[str, str]) -> bytes:
    """Make the body that tells values."""
    listed = "".join(f"<e:property><{name}>{escape(text)}</{name}></e:property>" for name, text in values.items())
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    return f'{head}<e:propertyset xmlns:e="urn:schemas-upnp-org:event-1-0">{listed}</e:propertyset>\n'.encode()
