"""What the table of appliances wants done, and where appliances are heard."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from drivers.upnp.parts import GoneWhy, Link
from heg.model.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Place:
    """Where an appliance was heard: on which link, at which host, and where its description is (empty: not said)."""

    link: Link
    host: str
    location: str = ""

    def same_spot(self, other: "Place") -> bool:
        """Whether it is the same host on the same interface, whatever its ports and our address."""
        return self.host == other.host and self.link.name == other.link.name


Owns = Callable[[str, Place], bool]
"""Tells whether an appliance's own network card is at a place, as far as that is known."""


def nobody(_uuid: str, _place: Place) -> bool:
    """Of no card is known where it is."""
    return False


class Outcome(Enum):
    """What came of fetching a description."""

    SOUND = "sound"
    UNSOUND = "unsound"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Describe:
    """Fetch and judge its description; the answer goes to `SeenTable.described`. `known`: it was sound before."""

    uuid: str
    place: Place
    known: bool


@dataclass(frozen=True, slots=True)
class Verify:
    """See whether it is still there; the answer goes to `SeenTable.verified`."""

    uuid: str
    place: Place


@dataclass(frozen=True, slots=True)
class Ask:
    """Search for it at its own host: its announcement runs out."""

    uuid: str
    place: Place


@dataclass(frozen=True, slots=True)
class Found:
    """It is there, as described just now."""

    uuid: str


@dataclass(frozen=True, slots=True)
class Gone:
    """It is there no more."""

    uuid: str
    why: GoneWhy


@dataclass(frozen=True, slots=True)
class Refused:
    """What a host said was not believed."""

    host: str
    refusal: Refusal


Order = Describe | Verify | Ask | Found | Gone | Refused
