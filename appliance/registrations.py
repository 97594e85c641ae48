"""Standby periods that somebody registered: each is begun once and ended once, whatever restarts and clocks do. Pure.

A period is one occurrence, the next one; whoever wants it every night asks every day. Its record says how far it is,
and is kept before anything is done about it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from zoneinfo import ZoneInfo

from appliance.faults import Fault, SoapFault
from appliance.labels import Moment, same_time_of_day
from heg.model.appliances import ApplianceFault, PowerState

MOST_OPEN = 8
"""Registrations that wait or are in force, of all who ask together."""
LONGEST = timedelta(hours=16)
_KEPT_ENDED = 8
_LARGEST_ID = 2**31 - 1


class PeriodState(StrEnum):
    """Where a period stands: it waits, is in force, or is over in one of three ways."""

    WAITING = "waiting"
    IN_FORCE = "in_force"
    DONE = "done"
    MISSED = "missed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Period:
    """A standby period. `owner` is the UUID of who asked, from `address`.

    `before` is the state that is restored at its end, None where there is nothing to restore.
    """

    id: int
    owner: str
    address: str
    start: Moment
    stop: Moment
    state: PeriodState = PeriodState.WAITING
    before: PowerState | None = None

    @property
    def open(self) -> bool:
        """Tell whether something is still to be done about it."""
        return self.state in (PeriodState.WAITING, PeriodState.IN_FORCE)


@dataclass(frozen=True, slots=True)
class Book:
    """What is kept across restarts: the periods, and the next id, which is never given twice."""

    next_id: int = 1
    periods: tuple[Period, ...] = ()


class Registrations:
    """The standby periods of one appliance. `book` is what must be on disk before an answer leaves."""

    def __init__(self, book: Book | None = None, longest: timedelta = LONGEST) -> None:
        self.book = book or Book()
        self._longest = longest
        self._of_this_run: frozenset[int] = frozenset()

    def open(self) -> tuple[Period, ...]:
        """List what waits or is in force, oldest first."""
        return tuple(one for one in self.book.periods if one.open)

    def register(self, owner: str, address: str, start: datetime, stop: datetime) -> int | Fault:
        """Take a period and return its id; who asks for the same again gets the same id."""
        for one in self.open():
            if one.owner == owner and (one.start, one.stop) == (start, stop):
                return one.id
        if (wrong := self._objection(start, stop)) is not None:
            return wrong
        new = Period(self.book.next_id, owner, address, start, stop)
        ended = [one for one in self.book.periods if not one.open][-_KEPT_ENDED:]
        self.book = Book(self.book.next_id % _LARGEST_ID + 1, (*ended, *self.open(), new))
        self._of_this_run = frozenset(one.id for one in self.open() if one is new or one.id in self._of_this_run)
        return new.id

    def withdraw(self, number: int, owner: str, address: str) -> Period | Fault:
        """Take a period back; returns it as it was. Only who registered it may, from where it is known to be."""
        found = next((one for one in self.open() if one.id == number), None)
        if found is None:
            return Fault(ApplianceFault.NOT_REGISTERED, f"RegID: expected one that is open, came {number}")
        if found.owner != owner or not same_address(found.address, address):
            return Fault(ApplianceFault.NOT_YOURS, f"RegID {number} was registered by somebody else")
        self._become(found, PeriodState.WITHDRAWN)
        return found

    def moved(self, owner: str, address: str) -> bool:
        """Follow somebody who was heard at another address; tell whether that changed anything."""
        periods = tuple(
            replace(one, address=address) if one.owner == owner and one.open else one for one in self.book.periods
        )
        changed = periods != self.book.periods
        self.book = replace(self.book, periods=periods)
        return changed

    def next_moment(self) -> datetime | None:
        """Tell when something is to be done next; now or earlier where it is due."""
        moments = [one.stop if one.state is PeriodState.IN_FORCE else one.start for one in self.open()]
        return min(moments, default=None) if moments else None

    def next_stop(self) -> datetime | None:
        """Tell when the first period ends that has something to restore, with those that follow on it at once."""
        stop = min((one.stop for one in self.open() if one.before is not None), default=None)
        while (on := next((one.stop for one in self.open() if one.start == stop), None)) is not None:
            stop = on
        return stop

    def due_starts(self, now: datetime) -> tuple[Period, ...]:
        """Give what waits and should have begun; what is over already is marked missed."""
        for one in self.open():
            if one.state is PeriodState.WAITING and one.stop <= now:
                self._become(one, PeriodState.MISSED)
        return tuple(one for one in self.open() if one.state is PeriodState.WAITING and one.start <= now)

    def begin(self, period: Period, before: PowerState | None) -> None:
        """Mark a period begun; at its end `before` is restored."""
        self._replace(period, replace(period, state=PeriodState.IN_FORCE, before=before))

    def due_ends(self, now: datetime) -> tuple[Period, ...]:
        """Give what is in force and should have ended; it is marked done, so that it comes once."""
        ended = tuple(one for one in self.open() if one.state is PeriodState.IN_FORCE and one.stop <= now)
        for one in ended:
            self._become(one, PeriodState.DONE)
        return ended

    def clock_stepped(self, now: datetime, zone: ZoneInfo) -> None:
        """Take note that the clock was set: what was registered by the wrong one means the times of day of this one.

        A computer without a clock of its own begins in the past. What the last run kept was registered before that.
        """
        for one in self.open():
            if one.id not in self._of_this_run:
                continue
            if one.state is PeriodState.IN_FORCE and one.stop > now:
                self._replace(one, replace(one, stop=same_time_of_day(one.stop, now, zone)))
            elif one.state is PeriodState.WAITING and not one.start <= now < one.stop:
                start = same_time_of_day(one.start, now, zone)
                self._replace(one, replace(one, start=start, stop=start + (one.stop - one.start)))

    def overruled(self) -> bool:
        """Forget what would be restored: somebody decided otherwise since; tell whether that changed anything."""
        periods = tuple(replace(one, before=None) if one.open else one for one in self.book.periods)
        changed = periods != self.book.periods
        self.book = replace(self.book, periods=periods)
        return changed

    def _objection(self, start: datetime, stop: datetime) -> Fault | None:
        if len(self.open()) >= MOST_OPEN:
            return Fault(ApplianceFault.TOO_MANY, f"expected at most {MOST_OPEN} registrations; withdraw one first")
        if stop - start > self._longest:
            hours = self._longest.total_seconds() / 3600
            return Fault(SoapFault.ARGUMENT_VALUE_OUT_OF_RANGE, f"expected a period of at most {hours:g} hours")
        for one in self.open():
            if one.start < stop and start < one.stop:
                return Fault(ApplianceFault.NOT_NOW, f"it overlaps with RegID {one.id}; withdraw that first")
        return None

    def _become(self, period: Period, state: PeriodState) -> None:
        self._replace(period, replace(period, state=state))

    def _replace(self, old: Period, new: Period) -> None:
        periods = tuple(new if one.id == old.id else one for one in self.book.periods)
        self.book = replace(self.book, periods=periods)


def same_address(one: str, other: str) -> bool:
    """Tell whether two texts are one address, whatever zone stands behind it."""
    try:
        return ip_address(one.partition("%")[0]) == ip_address(other.partition("%")[0])
    except ValueError:
        return False
