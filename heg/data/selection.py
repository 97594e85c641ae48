"""What of an owner's data is meant, to be handed out or to be erased: all of it, of a device, of a span of time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from heg.model.instance import Instance, Location
from heg.model.policy import Stakeholder
from heg.model.slots import Profile

STAYS = frozenset({"policy", "contract.rights", "configuration", "hands_off", "erasure"})
"""Of these the newest instance stays when its owner has everything erased: what is in force, not what was.

Without the switch a gateway that was told to keep its hands off would take control again.
"""
PRESENT = frozenset(
    {"certificate", "device", "alarm", "envelope", "lease", "claim", "tariff", "health", "regime", "vehicle", "cycle"}
)
"""What tells how things are now and is written only when that changes."""
YOUNG = timedelta(minutes=10)
"""What arrived within this time tells of now as well."""


@dataclass(frozen=True, slots=True)
class Selection:
    """An owner's data: of one device ("" is the unit itself, None every one), from `since` until before `until`."""

    owner: Stakeholder
    device: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def whole(self) -> bool:
        """True for all of it."""
        return self.device is None and self.always

    @property
    def always(self) -> bool:
        """True where no time bounds it."""
        return self.since is None and self.until is None

    def renamed(self, devices: Mapping[str, str]) -> "Selection":
        """Return the same selection after devices were given other names."""
        return self if self.device is None else replace(self, device=devices.get(self.device, self.device))

    def names(self, owner: Stakeholder, location: Location) -> bool:
        """Tell whether a series belongs to it, at some time."""
        return owner == self.owner and self.device in (None, location.device)

    def at(self, time: datetime) -> bool:
        """Tell whether a time belongs to it."""
        return (self.since is None or self.since <= time) and (self.until is None or time < self.until)

    def takes(self, instance: Instance) -> bool:
        """Tell whether an instance belongs to it."""
        return self.names(instance.owner, instance.location) and self.at(instance.time)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a selection comes to before it is erased: at most so many rows (others' in the same frames count too)."""

    rows_at_most: int
    rollups: int
    series: int
    first: datetime | None
    last: datetime | None


def of_now(instance: Instance, now: datetime, now_s: float) -> bool:
    """Tell whether an instance tells how things are, not how they were: it is overwritten as they change."""
    if instance.variable in STAYS:
        return True
    if not instance.sequence:
        return False  # the last run left it
    if isinstance(instance.value, Profile):
        return instance.value.end > now
    if instance.variable in PRESENT:
        return True
    return isinstance(instance.value, float | str | bool) and instance.age_s(now_s) < YOUNG.total_seconds()
