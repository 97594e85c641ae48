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
    """One socket the unit listens on. `key` is where heg.toml moves it, `section` and name as a person writes them."""

    name: str
    protocol: str
    default_port: int
    reach: Reach
    key: str
    purpose: str


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """A socket of the table as one configuration has it: on which address and port."""

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

LISTENING_SOCKETS: tuple[ListeningSocket, ...] = (WEB,)


def as_markdown(sockets: Sequence[ListeningSocket] = LISTENING_SOCKETS) -> str:
    """Print the table as the documentation shows it."""
    rows = [
        "| name | protocol | port | reachable from | moved by | what for |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    rows.extend(
        f"| {one.name} | {one.protocol} | {one.default_port} | {one.reach} | `{one.key}` | {one.purpose} |"
        for one in sockets
    )
    return "\n".join(rows) + "\n"


def page() -> str:
    """Print the documentation page."""
    return f"""# Listening sockets

Printed from `heg/model/sockets.py`; nothing else of the gateway listens. `heg sockets` says where your configuration
has them (`--json`: for programs); `heg sockets --nft` makes a firewall of them ([how](../maintainers/packaging.md)).

{as_markdown()}"""
