"""The slot grid, power profiles and profile tubes (spec vocabulary.md: slot, power profile, profile tube).

Slots are UTC intervals that start at whole multiples of their length. Days of 23 and 25 hours do not exist here: they
are the business of tariffs and of what people read.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

SLOT_MINUTES = (5, 15, 30, 60)
LONGEST = 35_136
"""Values a profile may hold: a leap year of quarter hours. Whoever sends more is not describing a house's day."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def slot_start(moment: datetime, length: timedelta) -> datetime:
    """Return the start of the slot that `moment` (aware) lies in.

    Raises `ValueError` for a time without zone or a length that is no slot length.
    """
    _check_length(length)
    if moment.tzinfo is None:
        raise ValueError(f"a moment of a slot: expected an aware time, came {moment!r}")
    return _EPOCH + (moment - _EPOCH) // length * length


@dataclass(frozen=True, slots=True)
class Profile:
    """A function from slots to a value: `values[i]` holds from `start + i * slot` until the next slot begins.

    The unit is the catalogue's: kW, or EUR/kWh where the profile is one of prices. Raises `ValueError` when `start` is
    off the grid, `slot_minutes` none of `SLOT_MINUTES`, or a value not finite.
    """

    start: datetime
    slot_minutes: int
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if slot_start(self.start, self.slot) != self.start:
            raise ValueError(f"profile start {self.start.isoformat()}: expected a multiple of {self.slot} in UTC")
        if len(self.values) > LONGEST:
            raise ValueError(f"a profile of {len(self.values)} slots: expected at most {LONGEST}")
        if not all(math.isfinite(value) for value in self.values):
            raise ValueError("a profile value that is not finite: expected numbers; leave out what is unknown")

    @property
    def slot(self) -> timedelta:
        """Length of a slot."""
        return timedelta(minutes=self.slot_minutes)

    @property
    def end(self) -> datetime:
        """The moment at which the last slot ends."""
        return self.start + self.slot * len(self.values)

    @property
    def energy_kwh(self) -> float:
        """Energy of the whole profile."""
        return math.fsum(self.values) * (self.slot / timedelta(hours=1))

    def at(self, moment: datetime) -> float | None:
        """Return the value that holds at `moment`; None before the start or from the end on."""
        index = (moment - self.start) // self.slot
        return self.values[index] if 0 <= index < len(self.values) else None

    def cut(self, start: datetime, end: datetime) -> Self:
        """Return the slots that lie wholly inside [start, end); empty at the nearest slot start when there are none."""
        first = min(max(0, -((self.start - start) // self.slot)), len(self.values))
        last = min(len(self.values), (end - self.start) // self.slot)
        return type(self)(self.start + self.slot * first, self.slot_minutes, self.values[first : max(first, last)])

    def resampled(self, slot_minutes: int) -> Self:
        """Return the same energy on another grid, cut to the new slots that this profile covers wholly.

        Prices come out as their mean over time.
        """
        _check_length(timedelta(minutes=slot_minutes))
        if slot_minutes == self.slot_minutes:
            return self
        return self._joined(slot_minutes) if slot_minutes > self.slot_minutes else self._split(slot_minutes)

    def plus(self, other: Self) -> Self:
        """Return the sum over the slots that both have; `other` must have the same slot length."""
        _same_grid(self, other)
        start, end = max(self.start, other.start), min(self.end, other.end)
        mine, theirs = self.cut(start, end), other.cut(start, end)
        return type(self)(
            mine.start, self.slot_minutes, tuple(a + b for a, b in zip(mine.values, theirs.values, strict=True))
        )

    def scaled(self, factor: float) -> Self:
        """Return every value times `factor`; -1 turns producing into consuming."""
        return type(self)(self.start, self.slot_minutes, tuple(value * factor for value in self.values))

    def _split(self, slot_minutes: int) -> Self:
        parts = self.slot_minutes // slot_minutes
        return type(self)(self.start, slot_minutes, tuple(value for value in self.values for _ in range(parts)))

    def _joined(self, slot_minutes: int) -> Self:
        parts, slot = slot_minutes // self.slot_minutes, timedelta(minutes=slot_minutes)
        first = slot_start(self.start + slot - self.slot, slot)
        whole = self.cut(first, slot_start(self.end, slot)).values
        means = (math.fsum(whole[i : i + parts]) / parts for i in range(0, len(whole), parts))
        return type(self)(first, slot_minutes, tuple(means))


@dataclass(frozen=True, slots=True)
class Tube:
    """A pair of profiles on one grid, low <= high in every slot. Raises `ValueError` otherwise."""

    low: Profile
    high: Profile

    def __post_init__(self) -> None:
        _same_grid(self.low, self.high)
        if (self.low.start, len(self.low.values)) != (self.high.start, len(self.high.values)):
            raise ValueError("a tube: expected low and high to cover the same slots")
        for index, (low, high) in enumerate(zip(self.low.values, self.high.values, strict=True)):
            if low > high:
                raise ValueError(f"a tube: expected low <= high, came {low:g} > {high:g} kW in slot {index}")

    def follows(self, profile: Profile, tolerance_kw: float = 0.0) -> bool:
        """Tell whether `profile` covers every slot of the tube and lies inside it in each."""
        _same_grid(self.low, profile)
        inside = profile.cut(self.low.start, self.low.end)
        if len(inside.values) != len(self.low.values):
            return False
        return all(
            low - tolerance_kw <= value <= high + tolerance_kw
            for low, value, high in zip(self.low.values, inside.values, self.high.values, strict=True)
        )

    def outside_kwh(self, profile: Profile) -> float:
        """Return the energy by which `profile` leaves the tube in the slots that both cover (what DAPP prices)."""
        _same_grid(self.low, profile)
        hours = self.low.slot / timedelta(hours=1)
        inside = profile.cut(self.low.start, self.low.end)
        low, high = self.low.cut(inside.start, inside.end), self.high.cut(inside.start, inside.end)
        return hours * math.fsum(
            max(0.0, floor - value, value - ceiling)
            for floor, value, ceiling in zip(low.values, inside.values, high.values, strict=True)
        )


def _same_grid(left: Profile, right: Profile) -> None:
    if left.slot != right.slot:
        raise ValueError(f"two profiles: expected one slot length, came {left.slot} and {right.slot}; resample one")


def _check_length(length: timedelta) -> None:
    if length not in (timedelta(minutes=minutes) for minutes in SLOT_MINUTES):
        raise ValueError(f"slot length {length}: expected {', '.join(map(str, SLOT_MINUTES))} minutes")
