"""The process image: the newest instance of each series in memory, the truth for control (DESIGN.md, The door)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from heg.model.catalogue import Variable
from heg.model.instance import Instance, Location
from heg.model.losses import loss
from heg.model.policy import OWNER_ONLY, Policy, Stakeholder

SERIES_LIMIT = 20_000
CLOCK_JUMP = loss("clock-jump")
"""The row of the loss matrix that `is_newest` keeps: labels may leap, the newest instance is the newest arrived."""


@dataclass(slots=True, eq=False)
class Series:
    """One variable at one place: whose it is, the policy in force, and the newest instance.

    `generation` tells for which state of the owner's rules the policy was reckoned.
    """

    variable: Variable
    location: Location
    owner: Stakeholder
    policy: Policy = OWNER_ONLY
    newest: Instance | None = None
    last_record: bytes | None = field(default=None, repr=False)
    generation: int = -1

    @property
    def key(self) -> tuple[str, Location]:
        """Name of the series inside this unit."""
        return self.variable.id, self.location


class Image:
    """All series by variable and place. Knows no rights and no disk."""

    def __init__(self) -> None:
        self._by_variable: dict[str, dict[Location, Series]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def find(self, variable: str, location: Location) -> Series | None:
        """Return the series, or None while nobody has written it."""
        places = self._by_variable.get(variable)
        return None if places is None else places.get(location)

    def add(self, series: Series) -> bool:
        """Take a new series in; False when the image is full (a flood of invented places must not fill the memory)."""
        if self._count >= SERIES_LIMIT:
            return False
        self._by_variable.setdefault(series.variable.id, {})[series.location] = series
        self._count += 1
        return True

    def under(self, variable: str, pattern: Location) -> Iterator[Series]:
        """Yield the series of a variable under a place pattern, in the order in which they were first written."""
        for location, series in self._by_variable.get(variable, {}).items():
            if location.matches(pattern):
                yield series

    def everything(self) -> Iterator[Series]:
        """Yield every series."""
        for places in self._by_variable.values():
            yield from places.values()

    def rename(self, unit: str, devices: Mapping[str, str]) -> None:
        """Give devices other names, all at once. Where a series has the new name already, the newer of both stays."""
        moved = [one for one in self.everything() if one.location.unit == unit and one.location.device in devices]
        for series in moved:
            self.drop(series)
        for series in moved:
            series.location = replace(series.location, device=devices[series.location.device])
            if series.newest is not None:
                series.newest = replace(series.newest, location=series.location)
            known = self.find(*series.key)
            if known is not None and not _newer(series.newest, known.newest):
                continue
            if known is not None:
                self.drop(known)
            self.add(series)

    def drop(self, series: Series) -> None:
        """Forget a series (its owner had it erased)."""
        if self._by_variable.get(series.variable.id, {}).pop(series.location, None) is not None:
            self._count -= 1


def _newer(one: Instance | None, other: Instance | None) -> bool:
    return one is not None and (other is None or one.arrived_s > other.arrived_s)


def is_newest(current: Instance | None, time_lag_s: float, candidate: Instance) -> bool:
    """Tell whether a candidate replaces the newest instance, or is a late row that only belongs into the history.

    Labels alone do not decide, because the clock may have jumped: a row is late only if its label lies before the
    newest one's *and* it was measured (arrival minus `time_lag_s`) before the newest one arrived.
    """
    if current is None or candidate.time >= current.time:
        return True
    return candidate.arrived_s - max(0.0, time_lag_s) >= current.arrived_s
