"""Announces the gateway on every link at once and from time to time, answers who searches for it, says goodbye."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random

from drivers.upnp.exchange import Address, address_of, at_home
from drivers.upnp.hosting.announcements import MAX_AGE_S, Presence
from drivers.upnp.hosting.searches import parse_search
from drivers.upnp.pace import Pace
from drivers.upnp.parts import Datagrams, Link
from heg.runtime.clock import Clock

_AGAIN_S = (0.15, 0.6)
"""Datagrams get lost: what is said at a start is said once more, after a time in between."""
_SHARE = (0.3, 0.45)
"""Shares of its max-age after which it is announced again."""
_SOONER = 0.9
"""The answer must be there within the time, not only on its way."""
_MOST_WAITING = 64
_OF_ONE, _OF_ONE_A_SECOND = 16.0, 4.0
"""So many searches of one address are answered at once and in the long run: its flood is not the others' silence."""


class Advertiser:
    """An `Announcer`. `run()` is one task of the driver; `location` is where the description is, as a link sees it."""

    def __init__(
        self,
        clock: Clock,
        datagrams: Datagrams,
        presence: Presence,
        location: Callable[[Link], str],
        refused: Counter[str],
        chance: Random | None = None,
    ) -> None:
        self._clock, self._datagrams, self._presence = clock, datagrams, presence
        self._location, self._refused = location, refused
        self._chance = chance or Random()  # noqa: S311 - spreads answers over time, hides nothing
        self._told: frozenset[Link] = frozenset()
        self._joined = False
        self._changed = asyncio.Event()
        self._pace = Pace(_OF_ONE, _OF_ONE_A_SECOND)
        self._waiting: dict[tuple[Link, tuple[str, int], str], asyncio.TimerHandle] = {}

    async def run(self) -> None:
        """Announce until cancelled, then say goodbye."""
        try:
            while True:
                self._changed.clear()
                self._meet_links()
                self._announce()
                await self._pause(self._chance.uniform(*_AGAIN_S))
                if not self._changed.is_set():
                    self._announce()
                    await self._pause(MAX_AGE_S * self._chance.uniform(*_SHARE))
        finally:
            for timer in self._waiting.values():
                timer.cancel()
            self._waiting.clear()
            for link in self._told:
                for datagram in self._presence.byebye(_group(link)):
                    self._datagrams.to_all(link, datagram)
            self._told = frozenset()

    def links_changed(self) -> None:
        """There are other links now, or other addresses on them."""
        self._changed.set()

    def searched(self, link: Link, datagram: bytes, source: tuple[str, int]) -> None:
        """Answer a search, at some moment within its time; who asks again meanwhile is answered once."""
        search = parse_search(datagram)
        if search is None:
            self._refused["search_malformed"] += 1
            return
        wanted = self._presence.wanted(search.target) if link in self._told else ()
        if not wanted:
            return
        key, address = (link, source, search.target), address_of(source[0])
        if not at_home(address) or not 0 < source[1] < 65536:
            self._refused["search_stranger"] += 1
        elif key in self._waiting:
            return
        elif not self._may(address):
            self._refused["search_too_many"] += 1
        else:
            wait_s = self._chance.uniform(0.0, _SOONER * search.within_s)
            self._waiting[key] = asyncio.get_running_loop().call_later(wait_s, self._answer, key, wanted)

    def _may(self, address: Address | None) -> bool:
        if len(self._waiting) >= _MOST_WAITING or address is None:
            return False
        return address.is_loopback or self._pace.may(str(address), self._clock.monotonic_s())

    def _answer(self, key: tuple[Link, tuple[str, int], str], wanted: tuple[tuple[str, str], ...]) -> None:
        self._waiting.pop(key, None)
        link, source, _ = key
        for target, usn in wanted:
            said = self._presence.answer(target, usn, self._location(link), self._clock.utc())
            self._datagrams.to_one(link, said, source)

    async def _pause(self, seconds: float) -> None:
        """Wait, unless the links change meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    def _meet_links(self) -> None:
        """A link more than before, or again: the boot id grows (1.2.2), and those that stay are told (1.2.4)."""
        links = frozenset(self._datagrams.links())
        if links - self._told:
            if self._joined:
                for link in self._told & links:
                    for datagram in self._presence.update(_group(link), self._location(link)):
                        self._datagrams.to_all(link, datagram)
                self._presence = self._presence.next()
            self._joined = True
        self._told = links

    def _announce(self) -> None:
        for link in self._told:
            for datagram in self._presence.alive(_group(link), self._location(link)):
                self._datagrams.to_all(link, datagram)


def _group(link: Link) -> str:
    return "[FF02::C]:1900" if ":" in link.address else "239.255.255.250:1900"
