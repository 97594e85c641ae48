"""Finds appliances: searches and listens on each link, keeps the table, has descriptions fetched, tells the watcher.

Thin: the table (`seen.py`) decides, the network (`ssdp/network.py`) carries, the describer (`describing.py`) fetches.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace

from drivers.upnp.complaints import Complaints
from drivers.upnp.config import UpnpConfig, target_of
from drivers.upnp.describing import Answer, Describer
from drivers.upnp.fetching import Fetcher
from drivers.upnp.interfaces import InterfaceChanges, InterfaceError, read_links
from drivers.upnp.links import LocalLink
from drivers.upnp.orders import Ask, Describe, Found, Gone, Order, Outcome, Owns, Place, Refused, Verify, nobody
from drivers.upnp.parts import Described, Watcher
from drivers.upnp.seen import SeenTable
from drivers.upnp.ssdp.network import SsdpNetwork
from drivers.upnp.ssdp.packet import SSDP_PORT, Announcement, Kind, search_request
from drivers.upnp.urls import bracketed, location_at
from heg.model.appliances import APPLIANCE_SERVICE
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock

logger = logging.getLogger(__name__)

_MOST_PER_HOST = 16
_REPEATS_S = (0.0, 0.3, 1.2)
"""Datagrams get lost: a search is said three times (UPnP Device Architecture 2.0, 1.3.2)."""
_ANSWERED_WITHIN_S = 1.0
_JITTER = 0.1
_LINKS_AGAIN_S = 30.0
_LEAST_PAUSE_S = 0.02
_TIDY_EVERY_S = 60.0


class Discovery:
    """One per driver; `run` is its task. `watcher` is told on the event loop; `known` gives the house's UUIDs.

    `owns` tells whether an appliance's own network card is at a place.
    """

    def __init__(
        self,
        config: UpnpConfig,
        clock: Clock,
        fetcher: Fetcher,
        watcher: Watcher,
        *,
        known: Callable[[], Iterable[str]] = tuple,
        owns: Owns = nobody,
        jitter: random.Random | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._watcher = watcher
        self._targets = tuple(target_of(entry) for entry in config.search_targets)
        most_per_host = config.most_appliances if "lo" in config.interfaces else _MOST_PER_HOST
        self.table = SeenTable(most=config.most_appliances, most_per_host=most_per_host, known=known(), owns=owns)
        self.complaints = Complaints()
        self.network = SsdpNetwork(config.search_port, self.complaints.take)
        self._describer = Describer(fetcher, clock, self._answered)
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads packets, guards nothing
        self._known = known
        self._tidied_s = -_TIDY_EVERY_S
        self._sooner = asyncio.Event()
        self._due_s = 0.0
        self._search_now = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled."""
        self.network.on_announcement(self._heard)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._describer.run())
                tasks.create_task(self._follow_links())
                tasks.create_task(self._search_for_ever())
                tasks.create_task(self._keep_time())
        finally:
            self.network.close()

    async def scan(self) -> str:
        """Search now, wait for the answers; says what is there."""
        before = set(self.table.present())
        await self._search(self.network.local_links)
        await self._clock.sleep(self._config.search_mx_s + _ANSWERED_WITHIN_S)
        present = self.table.present()
        new = len(set(present) - before)
        links = ", ".join(dict.fromkeys(link.name for link in self.network.links()))
        said = [f"{len(present)} appliances on {links or 'no link: none is up'}, {new} new"]
        said += [f"not used: {host}: {refusal}" for host, refusal in list(self.complaints.latest.items())[-5:]]
        return "; ".join(said)

    # What comes

    def _heard(self, packet: Announcement, link: LocalLink, host: str) -> None:
        location = ""
        if packet.kind is not Kind.BYEBYE:
            checked = location_at(packet.location, host)
            if isinstance(checked, Refusal):
                self.complaints.take(host, checked)
                return
            location = checked
        self._carry_out(self.table.heard(packet, Place(link.link, host, location), self._clock.monotonic_s()))

    def _answered(self, order: Describe | Verify, answer: Answer) -> None:
        now_s = self._clock.monotonic_s()
        if isinstance(order, Verify):
            there = answer.outcome is Outcome.SOUND
            self._carry_out(self.table.verified(order.uuid, order.place, there=there, now_s=now_s))
            return
        if answer.outcome is Outcome.SOUND:
            self.complaints.settled(order.place.host)
        if answer.refusal is not None and answer.refusal.code is not RefusalCode.TOO_SOON:
            self.complaints.take(order.place.host, answer.refusal)
        orders = self.table.described(order.uuid, order.place, answer.outcome, now_s, wait_s=answer.wait_s)
        self._carry_out(orders, answer.described)

    def _carry_out(self, orders: Iterable[Order], described: Described | None = None) -> None:
        for order in orders:
            match order:
                case Describe() | Verify():
                    self._describer.take(order)
                case Ask():
                    self._ask(order.place)
                case Found():
                    assert described is not None  # only an answer finds
                    link = self.network.spoken_by(described.link, described.host)
                    self._watcher.found(replace(described, link=link))
                case Gone():
                    self._watcher.gone(order.uuid, order.why)
                case Refused():
                    self.complaints.take(order.host, order.refusal)
                    self._make_room(order.refusal)
        if self.table.soonest_s < self._due_s:
            self._sooner.set()

    def _make_room(self, refusal: Refusal) -> None:
        """A full table forgets whom the house has forgotten."""
        now_s = self._clock.monotonic_s()
        if refusal.code is RefusalCode.TOO_LARGE and now_s >= self._tidied_s + _TIDY_EVERY_S:
            self._tidied_s = now_s
            self.table.remember(self._known())

    async def _keep_time(self) -> None:
        while True:
            now_s = self._clock.monotonic_s()
            self._carry_out(self.table.due(now_s))
            # A timer may come a hair's breadth too soon; without a pause it would come again and again until it is due.
            self._due_s = max(self.table.soonest_s, now_s + _LEAST_PAUSE_S)
            self._sooner.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._due_s if self._due_s < float("inf") else None):
                    await self._sooner.wait()

    # What is asked

    async def _follow_links(self) -> None:
        named = frozenset(self._config.interfaces)
        changes = InterfaceChanges(self._clock)
        try:
            while True:
                try:
                    opened = self.network.adopt(read_links(named))
                except InterfaceError as error:
                    logger.error("%s; looked at again in %g s", error, _LINKS_AGAIN_S)
                    opened = ()
                if opened:
                    self._search_now.set()
                await changes.wait(_LINKS_AGAIN_S)
        finally:
            changes.close()

    async def _search_for_ever(self) -> None:
        repeats: tuple[float, ...] = _REPEATS_S
        while True:
            self._search_now.clear()
            await self._search(self.network.local_links, repeats)
            repeats = _REPEATS_S[:1]  # what is lost now is said again, and by each appliance itself
            pause_s = self._config.search_interval_s * (1.0 + self._jitter.uniform(-_JITTER, _JITTER))
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._search_now.wait()
                    repeats = _REPEATS_S

    async def _search(self, links: Iterable[LocalLink], repeats: Iterable[float] = _REPEATS_S) -> None:
        links = tuple(links)
        began_s = self._clock.monotonic_s()
        for after_s in repeats:
            await self._clock.sleep_until(began_s + after_s * (1.0 + self._jitter.uniform(-_JITTER, _JITTER)))
            for link in links:
                if link.multicast:
                    self.network.multicast(link, self._to_all)
            for host, port in self._targets:
                self._ask_at(host, port)

    def _to_all(self, host_header: str) -> bytes:
        return search_request(APPLIANCE_SERVICE, host=host_header, mx_s=self._config.search_mx_s)

    def _ask(self, place: Place) -> None:
        ports = [port for host, port in self._targets if host == place.host] or [SSDP_PORT]
        for port in ports:
            self._ask_at(place.host, port, place.link.name)

    def _ask_at(self, host: str, port: int, interface: str = "") -> None:
        link = self.network.link_towards(host, interface)
        if link is not None:
            header = f"{bracketed(host.partition('%')[0])}:{port}"
            self.network.send(link, search_request(APPLIANCE_SERVICE, host=header, mx_s=None), host, port)
