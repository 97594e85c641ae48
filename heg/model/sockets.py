"""The one table of listening sockets: documentation and firewall are made from it (DESIGN.md, Rules of the house)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Reach(StrEnum):
    """From where a listening socket can be reached."""

    LOOPBACK = "this machine only"
    LAN = "home network"


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """One socket the unit listens on. `key` is where heg.toml moves it, section and name as a person writes them.

    `visited_at` is the port by which people come: the firewall leads it here, because a gateway opens no port below
    1024. 0: none. `groups` are the multicast addresses it hears besides.
    """

    name: str
    protocol: str
    default_port: int
    reach: Reach
    key: str
    purpose: str
    visited_at: int = 0
    groups: tuple[str, ...] = ()


EVERYWHERE = "*"
"""As a host: each address of the interfaces that a driver uses, which may change while it runs."""


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """A socket of the table as one configuration has it: on which address (or `EVERYWHERE`) and port."""

    listening: ListeningSocket
    host: str
    port: int


WEB = ListeningSocket(
    name="web",
    protocol="tcp",
    default_port=8462,
    reach=Reach.LOOPBACK,
    key="[web] port",
    purpose="the live page, the local API, /healthz and /metrics",
)

WEB_TLS = ListeningSocket(
    name="web-tls",
    protocol="tcp",
    default_port=8463,
    reach=Reach.LAN,
    key="[web] tls_port",
    purpose="the same over TLS, behind login",
    visited_at=443,
)

REDIRECT = ListeningSocket(
    name="web-redirect",
    protocol="tcp",
    default_port=8464,
    reach=Reach.LAN,
    key="[web] redirect_port",
    purpose="sends browsers from http to https, nothing else",
    visited_at=80,
)

UPNP = ListeningSocket(
    name="upnp",
    protocol="tcp",
    default_port=8465,
    reach=Reach.LAN,
    key="[upnp] port",
    purpose="what the gateway offers to appliances, and the events they send",
)

UPNP_SEARCH = ListeningSocket(
    name="upnp-search",
    protocol="udp",
    default_port=8466,
    reach=Reach.LAN,
    key="[upnp] search_port",
    purpose="answers of appliances that were searched",
)

SSDP = ListeningSocket(
    name="ssdp",
    protocol="udp",
    default_port=1900,
    reach=Reach.LAN,
    key="[upnp]",
    purpose="announcements of appliances, and searches for the gateway; shared with other programs",
    groups=("239.255.255.250", "ff02::c", "ff05::c"),
)

LISTENING_SOCKETS: tuple[ListeningSocket, ...] = (WEB, WEB_TLS, REDIRECT, UPNP, UPNP_SEARCH, SSDP)
"""What reaches the home network is there only where `[web] host` or a section `[upnp]` says so."""


def as_markdown(sockets: Sequence[ListeningSocket] = LISTENING_SOCKETS) -> str:
    """Print the table as the documentation shows it."""
    rows = [
        "| name | protocol | port | with the firewall also at | reachable from | moved by | what for |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows.extend(
        f"| {one.name} | {one.protocol} | {one.default_port} | {one.visited_at or '-'} | {one.reach} | `{one.key}` "
        f"| {one.purpose} |"
        for one in sockets
    )
    return "\n".join(rows) + "\n"


def page() -> str:
    """Print the documentation page."""
    return f"""# Listening sockets

Printed from `heg/model/sockets.py`; nothing else of the gateway listens. `heg sockets` says where your configuration
has them (`--json`: for programs); `heg sockets --nft` makes a firewall of them ([how](../maintainers/packaging.md)).

{as_markdown()}
What the home network reaches of `[web]` is there only with its `host` set to something else than loopback, and of
`[upnp]` only where that section is: on the interfaces it names, or on all of the home network. There every address of
the interface is meant (`*`), with appliances on loopback alone it is this machine only.
"""
