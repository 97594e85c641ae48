"""The sockets of SSDP: on each link one that hears the group, one that is asked alone, one that searches.

Whatever comes is read a bounded number at a time and within a budget per second: who floods a link is heard less, and
the loop goes on. The kernel drops the rest.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from drivers.upnp.interfaces import our_address
from drivers.upnp.links import LocalLink
from drivers.upnp.parts import Announcer, Link
from drivers.upnp.ssdp.packet import MOST_BYTES, Announcement, is_search, parse
from drivers.upnp.ssdp.sockets import Destination, asked_socket, destinations, hearing_sockets, searching_socket
from heg.model.refusals import Refusal

logger = logging.getLogger(__name__)

PACKETS_A_SECOND = 2000
_AT_ONCE = 32
_PAUSE_S = 0.1

Hear = Callable[[Announcement, LocalLink, str], None]
"""Told an announcement or an answer, the link it came on, the sender's host."""
Complain = Callable[[str, Refusal], None]
"""Told the host that sent what cannot be read."""


@dataclass(slots=True)
class _Opened:
    """The sockets of one link."""

    search: "_Ear"
    hearing: list["_Ear"] = field(default_factory=list)
    asked: "_Ear | None" = None


class SsdpNetwork:
    """All links. Hooks are called on the event loop and return at once."""

    def __init__(self, search_port: int, complain: Complain) -> None:
        self._search_port = search_port
        self._complain = complain
        self._opened: dict[LocalLink, _Opened] = {}
        self._hear: list[Hear] = []
        self._announcers: list[Announcer] = []
        self._told: set[str] = set()

    @property
    def local_links(self) -> tuple[LocalLink, ...]:
        """The links that are open now."""
        return tuple(self._opened)

    def links(self) -> tuple[Link, ...]:
        """The links in use now."""
        return tuple(one.link for one in self._opened)

    def on_announcement(self, hear: Hear) -> None:
        """Have every neighbour's announcements and answers told."""
        self._hear.append(hear)

    def add_announcer(self, announcer: Announcer) -> None:
        """Have searches and changes of links told."""
        self._announcers.append(announcer)

    def adopt(self, wanted: Iterable[LocalLink]) -> tuple[LocalLink, ...]:
        """Open what is new, close what is no more; returns what was opened. What cannot be opened is told once."""
        wanted = tuple(wanted)
        gone = [link for link in self._opened if link not in wanted]
        for link in gone:
            self._close(self._opened.pop(link))
        for link, opened in self._opened.items():
            if link.multicast and not opened.hearing:
                self._hear_group(link, opened)
            self._be_asked(link, opened)
        new = tuple(link for link in wanted if link not in self._opened and self._open(link))
        if new or gone:
            for announcer in self._announcers:
                announcer.links_changed()
        return new

    def close(self) -> None:
        """Close all sockets."""
        self._hear.clear()
        self._announcers.clear()
        self.adopt(())

    def multicast(self, link: LocalLink, data: Callable[[str], bytes]) -> None:
        """Send to each group of a link; `data` makes the packet, told the value of its HOST header."""
        for group in destinations(link):
            self._send(link, data(group.host_header), group.address)

    def to_all(self, link: Link, datagram: bytes) -> None:
        """Send to the groups of the link's family: an announcement."""
        for opened in self._opened:
            if opened.link == link:
                self.multicast(opened, lambda _header: datagram)

    def to_one(self, link: Link, datagram: bytes, place: tuple[str, int]) -> None:
        """Send to one address and port on the link: the answer to a search, from where it was sent to if it can be."""
        for local, opened in self._opened.items():
            if local.link == link:
                self._send(local, datagram, _towards(local, *place), opened.asked)

    def send(self, link: LocalLink, data: bytes, host: str, port: int) -> None:
        """Send to one host."""
        self._send(link, data, _towards(link, host, port))

    def link_towards(self, host: str, interface: str = "") -> LocalLink | None:
        """The open link on which a host would be a neighbour: of an interface, if it is known on which."""
        interface = interface or host.partition("%")[2]
        links = (link for link in self._opened if interface in ("", link.link.name))
        return next((link for link in links if link.neighbour(host) is not None), None)

    def spoken_by(self, link: Link, host: str) -> Link:
        """Return the link by which the kernel speaks to a host that was heard on one."""
        ours = our_address(link, host)
        return link if link.address == ours else next((one for one in self.links() if one.address == ours), link)

    def _send(self, link: LocalLink, data: bytes, address: Destination, by: "_Ear | None" = None) -> None:
        opened = self._opened.get(link)
        if opened is not None:
            try:
                (by or opened.search).socket.sendto(data, address)
            except OSError as error:  # a full queue or a lost route: what is said here is said again
                self._tell_once(f"{link.link.name}: cannot send to {address[0]}: {error.strerror}")

    def _open(self, link: LocalLink) -> bool:
        try:
            search, port = searching_socket(link, self._search_port)
        except OSError as error:
            self._tell_once(f"{link.link.name} ({link.link.address}): appliances are not searched here: {error}")
            return False
        if port != self._search_port:
            self._tell_once(
                f"{link.link.name}: port {self._search_port} is in use, answers come to {port}: a firewall must know"
            )
        self._opened[link] = opened = _Opened(_Ear(search, link, self._take))
        self._hear_group(link, opened)
        self._be_asked(link, opened)
        return True

    def _hear_group(self, link: LocalLink, opened: _Opened) -> None:
        try:
            opened.hearing = [_Ear(one, link, self._take) for one in hearing_sockets(link)]
        except OSError as error:  # searching still works
            self._tell_once(
                f"{link.link.name} ({link.link.address}): announcements are not heard here: {error}; another program "
                "may hold port 1900 for itself; it is tried again"
            )

    def _be_asked(self, link: LocalLink, opened: _Opened) -> None:
        """Time and again anew: a program that has come since, and wants port 1900 for itself, shall have it."""
        if opened.asked is not None:
            opened.asked.close()
            opened.asked = None
        try:
            if (one := asked_socket(link)) is not None:
                opened.asked = _Ear(one, link, self._take)
        except OSError as error:  # whoever searches the group is answered all the same
            self._tell_once(f"{link.link.name} ({link.link.address}): searches of us alone are not heard: {error}")

    def _close(self, opened: _Opened) -> None:
        for ear in (opened.search, *opened.hearing, *filter(None, (opened.asked,))):
            ear.close()

    def _take(self, data: bytes, source: str, port: int, link: LocalLink) -> None:
        host = link.neighbour(source)
        if host is None:
            return
        if is_search(data):
            for announcer in self._announcers:
                announcer.searched(link.link, data, (host.partition("%")[0], port))
            return
        packet = parse(data)
        if isinstance(packet, Refusal):
            self._complain(host, packet)
        elif packet is not None:
            for hear in self._hear:
                hear(packet, link, host)

    def _tell_once(self, text: str) -> None:
        if text not in self._told and len(self._told) < 64:
            self._told.add(text)
            logger.warning("%s", text)


def _towards(link: LocalLink, host: str, port: int) -> Destination:
    return (host.partition("%")[0], port, 0, link.index) if link.is_v6 else (host, port)


class _Ear:
    """Reads one socket within its budget."""

    def __init__(
        self, opened: socket.socket, link: LocalLink, take: Callable[[bytes, str, int, LocalLink], None]
    ) -> None:
        self.socket = opened
        self._link = link
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._left = float(PACKETS_A_SECOND)
        self._counted_s = self._loop.time()
        self._resume: asyncio.TimerHandle | None = None
        self._loop.add_reader(opened.fileno(), self._readable)

    def close(self) -> None:
        if self._resume is not None:
            self._resume.cancel()
        self._loop.remove_reader(self.socket.fileno())
        self.socket.close()

    def _readable(self) -> None:
        now_s = self._loop.time()
        self._left = min(self._left + (now_s - self._counted_s) * PACKETS_A_SECOND, float(PACKETS_A_SECOND))
        self._counted_s = now_s
        if self._left < 1.0:
            self._loop.remove_reader(self.socket.fileno())
            self._resume = self._loop.call_later(_PAUSE_S, self._go_on)
            return
        with suppress(OSError):  # nothing more to read, or an ICMP error of something that was sent
            for _ in range(min(_AT_ONCE, int(self._left))):
                data, source = self.socket.recvfrom(MOST_BYTES + 1)
                self._left -= 1.0
                self._take(data, source[0], source[1], self._link)

    def _go_on(self) -> None:
        self._resume = None
        self._loop.add_reader(self.socket.fileno(), self._readable)
