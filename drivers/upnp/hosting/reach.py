"""How announcements of the gateway reach appliances: over each link, and on loopback one by one."""

from collections.abc import Iterable

from drivers.upnp.exchange import on_loopback
from drivers.upnp.hosting.advertiser import Advertiser
from drivers.upnp.parts import Datagrams, Link
from drivers.upnp.server import HttpServer


class Reach:
    """`Datagrams` of the links on which the server can be asked: elsewhere nobody is told of it.

    Everybody on loopback, where multicast is off, are the targets that are searched there.
    """

    def __init__(self, datagrams: Datagrams, server: HttpServer, targets: Iterable[tuple[str, int]] = ()) -> None:
        self._datagrams, self._server = datagrams, server
        self._targets = tuple(one for one in targets if on_loopback(one[0]))

    def links(self) -> tuple[Link, ...]:
        """The links where it can be asked now."""
        return tuple(link for link in self._datagrams.links() if self._server.is_on(link))

    def to_all(self, link: Link, datagram: bytes) -> None:
        """Send to the group, or to each target."""
        if not on_loopback(link.address):
            self._datagrams.to_all(link, datagram)
            return
        for target in self._targets:
            if (":" in target[0]) == (":" in link.address):
                self._datagrams.to_one(link, datagram, target)

    def to_one(self, link: Link, datagram: bytes, place: tuple[str, int]) -> None:
        """Send to one."""
        self._datagrams.to_one(link, datagram, place)


class OnLinks:
    """An `Announcer`: the server is there where the links are, and the gateway is announced where the server is."""

    def __init__(self, datagrams: Datagrams, server: HttpServer, advertiser: Advertiser) -> None:
        self._datagrams, self._server, self._advertiser = datagrams, server, advertiser
        server.on_change(advertiser.links_changed)

    def searched(self, link: Link, datagram: bytes, source: tuple[str, int]) -> None:
        """Somebody searches."""
        self._advertiser.searched(link, datagram, source)

    def links_changed(self) -> None:
        """There are other links now."""
        self._server.listen(self._datagrams.links())
        self._advertiser.links_changed()
