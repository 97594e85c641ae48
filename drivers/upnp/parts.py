"""What the driver's parts are to each other: who finds appliances, who talks with them, who tells of the gateway."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from heg.devices.contract import CommandAnswer

EVENTS_PATH = "/events"
"""Below it, on the driver's HTTP server, appliances' events come in: `EVENTS_PATH/PLACE`."""
MOST_EVENT_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Link:
    """One network interface and our address on it; appliances found there are answered from there."""

    name: str
    address: str
    """IPv4, or IPv6 without its zone."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who speaks to our HTTP server: an address without its zone, and by which of our interfaces.

    `interface` is empty on loopback, where addresses are one machine's all the same.
    """

    address: str
    interface: str = ""


class GoneWhy(StrEnum):
    """Why an appliance is not there any more."""

    BYEBYE = "byebye"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Described:
    """An appliance that was found and whose description is sound: all that is kept of it.

    `uuid` is the plain UUID in small letters, `host` a literal address without its zone. The URLs are absolute, on
    `host`, without zone as well. `cycle_control_url` and `cycle_event_url` are empty where it offers no cycles.
    """

    uuid: str
    link: Link
    host: str
    location: str
    maker: str
    model: str
    serial: str
    name: str
    control_url: str
    event_url: str
    cycle_control_url: str = ""
    cycle_event_url: str = ""


class Watcher(Protocol):
    """Who is told what discovery finds. Called on the event loop; returns at once."""

    def found(self, appliance: Described) -> None:
        """A new appliance, or one that came back, at another address perhaps, or restarted (its state is unknown)."""

    def gone(self, uuid: str, why: GoneWhy) -> None:
        """It said goodbye, or said nothing until its max-age was over."""


class EventSink(Protocol):
    """Who takes the events that appliances send. Called on the event loop; returns at once."""

    def notified(self, place: str, headers: Mapping[str, str], body: bytes, caller: Caller) -> int:
        """Take a NOTIFY at `EVENTS_PATH/place`; returns the HTTP status to answer with.

        `headers` finds a name however it is written; `body` has at most `MOST_EVENT_BYTES`.
        """


class Askers(Protocol):
    """The appliances as they may ask the gateway for something."""

    def is_at(self, uuid: str, caller: Caller) -> bool | None:
        """Tell whether an appliance is discovered now where the caller is; None for one that is not discovered."""

    async def ask(self, uuid: str, command: str, arguments: Mapping[str, object]) -> CommandAnswer | None:
        """Hand in what an appliance asks of the house; None when it is not known."""


class Datagrams(Protocol):
    """The sockets of SSDP, one for each link, as discovery keeps them. What cannot be sent is lost, and counted."""

    def links(self) -> tuple[Link, ...]:
        """The links in use now."""

    def to_all(self, link: Link, datagram: bytes) -> None:
        """Send to the group of the link's family (port 1900): an announcement."""

    def to_one(self, link: Link, datagram: bytes, place: tuple[str, int]) -> None:
        """Send to one address and port on the link: the answer to a search."""


class Announcer(Protocol):
    """Who tells the home network of the gateway. Called on the event loop; returns at once."""

    def searched(self, link: Link, datagram: bytes, source: tuple[str, int]) -> None:
        """Take an M-SEARCH as it came, to the group or to us alone; `source` is an address without its zone, a port."""

    def links_changed(self) -> None:
        """There are other links now, or other addresses on them."""
