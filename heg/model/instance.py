"""An instance: one value of a variable at a time, a place and an owner (spec data-interface.md, An instance)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from heg.model.policy import CUSTOMER, OWNER_ONLY, Policy, Stakeholder

ANY = "*"


class Kind(StrEnum):
    """The kinds of instance (DESIGN.md, The door)."""

    SCALAR = "scalar"
    COUNTER = "counter"
    STATE = "state"
    PROFILE = "profile"
    RECORD = "record"
    COMMAND = "command"


class Quality(StrEnum):
    """How far a value may be believed (spec field-protocols.md, What every driver owes)."""

    GOOD = "good"
    STALE = "stale"
    BAD = "bad"


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """Unit, device and part of it, written `home/battery/phase.a`; empty device means the unit itself."""

    unit: str
    device: str = ""
    part: str = ""

    def __str__(self) -> str:
        return "/".join(piece for piece in (self.unit, self.device, self.part) if piece)

    def matches(self, pattern: Self) -> bool:
        """Tell whether this place lies under `pattern`, whose pieces may be `*`."""
        return (
            pattern.unit in (ANY, self.unit)
            and pattern.device in (ANY, self.device)
            and pattern.part in (ANY, self.part)
        )


ANYWHERE = Location(ANY, ANY, ANY)


@dataclass(frozen=True, slots=True)
class Instance:
    """One value as it stands in the process image and in the store.

    `value` is a float for scalars and counters, a string or bool for states, a `Profile` for profiles, a frozen
    dataclass of `heg.model` for records. `time` is UTC and only a label; `arrived_s` is monotonic and gives the age.
    `sequence` is the order of arrival at the door, unique in this process.
    """

    variable: str
    location: Location
    value: object
    time: datetime
    quality: Quality = Quality.GOOD
    owner: Stakeholder = CUSTOMER
    source: str = ""
    policy: Policy = OWNER_ONLY
    arrived_s: float = 0.0
    sequence: int = 0

    def age_s(self, now_s: float) -> float:
        """Seconds since arrival on the monotonic clock."""
        return now_s - self.arrived_s
