"""Says that an appliance is there: again and again within its max-age, to whoever searches, and when it goes."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from appliance.upnp.ground import Mouth, Peer
from appliance.upnp.ssdp import Announcer, Search

MOST_ANSWERS = 16
"""Searches that wait for their answer at one time; more of them are a flood, and left."""
_AGAIN_S = 0.3
"""The first announcement is made twice: UDP may lose one."""

Uniform = Callable[[float, float], float]


class Advertiser:
    """Speaks for one appliance at one address. `close()` ends it without a word."""

    __slots__ = ("_announcer", "_answers", "_location", "_mouth", "_timer", "_uniform", "_utc", "quiet")

    def __init__(
        self, announcer: Announcer, mouth: Mouth, location: str, uniform: Uniform, utc: Callable[[], datetime]
    ) -> None:
        self._announcer = announcer
        self._mouth = mouth
        self._location = location
        self._uniform = uniform
        self._utc = utc
        self._timer: asyncio.TimerHandle | None = None
        self._answers: dict[tuple[Peer, str], asyncio.TimerHandle] = {}
        self.quiet = False
        """A fault for the rig: nothing is said, as long as it lasts."""

    def begin(self, again: tuple[float, ...] = (_AGAIN_S,)) -> None:
        """Announce it now, after each pause of `again` (s), and from then on before each max-age is over."""
        self._alive()
        if again:
            self._timer = asyncio.get_running_loop().call_later(again[0], self.begin, again[1:])
        else:
            self._go_on()

    def on_search(self, search: Search, peer: Peer) -> None:
        """Answer a search, within the time that it allows."""
        key = (peer, search.target)
        if self.quiet or key in self._answers or len(self._answers) >= MOST_ANSWERS:
            return
        date = f"{self._utc():%a, %d %b %Y %H:%M:%S} GMT"
        if answers := self._announcer.answers(search.target, self._location, date):
            pause_s = self._uniform(0.0, 0.95 * search.within_s)
            loop = asyncio.get_running_loop()
            self._answers[key] = loop.call_later(pause_s, self._answer, key, answers)

    def byebye(self) -> None:
        """Say that it goes."""
        if not self.quiet:
            for datagram in self._announcer.byebye(self._mouth.group_host):
                self._mouth.to_group(datagram)

    def close(self) -> None:
        """Say nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        for one in self._answers.values():
            one.cancel()
        self._answers.clear()

    def _answer(self, key: tuple[Peer, str], answers: list[bytes]) -> None:
        del self._answers[key]
        if not self.quiet:
            for datagram in answers:
                self._mouth.to(datagram, key[0])

    def _alive(self) -> None:
        if not self.quiet:
            for datagram in self._announcer.alive(self._location, self._mouth.group_host):
                self._mouth.to_group(datagram)

    def _keep_on(self) -> None:
        self._alive()
        self._go_on()

    def _go_on(self) -> None:
        max_age_s = self._announcer.max_age_s
        pause_s = self._uniform(0.3 * max_age_s, 0.45 * max_age_s)
        self._timer = asyncio.get_running_loop().call_later(pause_s, self._keep_on)
