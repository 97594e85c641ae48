"""An appliance as it is by itself: its state, what it agrees to, what it does when. Pure: no network, no clock.

Every question comes with the time and with the conditions that hold; what is to be carried out is handed back. The
one who asks keeps `kept` on disk before it carries out or answers anything.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from appliance.cycles import Cycle
from appliance.faults import Fault, SoapFault
from appliance.judging import Judge
from appliance.registrations import LONGEST, Book, PeriodState, Registrations
from heg.model.appliances import ApplianceFault, PowerState, WakeMethod
from heg.model.local_times import next_occurrence, time_of_day

SHORTEST_PERIOD = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """What an appliance is and may do; it stays the same while it runs."""

    wake: WakeMethod = WakeMethod.WOL
    rated_w: int = 0
    states: frozenset[PowerState] = frozenset(PowerState)
    """Where it can be ordered to go."""
    judge: Judge = field(default_factory=Judge)
    longest_standby: timedelta = LONGEST
    starts_late_cycles: bool = True
    """A cycle that nobody started begins by itself in time for its latest end."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What outlives a restart."""

    book: Book = field(default_factory=Book)
    cycle: Cycle | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """An order that was agreed to. `switch` is where the appliance is to go now, None where it stays."""

    reg_id: int = 0
    switch: PowerState | None = None


class ApplianceModel:
    """One appliance."""

    def __init__(self, kind: Kind, state: PowerState = PowerState.ON, kept: Kept | None = None) -> None:
        kept = kept or Kept()
        self.kind = kind
        self.state = state
        self.cycle = kept.cycle
        self.registrations = Registrations(kept.book, kind.longest_standby)

    @property
    def kept(self) -> Kept:
        """What must be on disk."""
        return Kept(self.registrations.book, self.cycle)

    @property
    def offered(self) -> Cycle | None:
        """The cycle that waits for its time."""
        return self.cycle if self.cycle is not None and not self.cycle.begun else None

    def observed(self, state: PowerState, now: datetime) -> None:
        """Take note of the state that the appliance truly has, whoever brought it there."""
        if state is self.state:
            return
        self.state = state
        if state is not PowerState.STANDBY:
            self.registrations.overruled()  # somebody, or the end of a period, brought it elsewhere: it stays there
        if self.cycle is not None and self.cycle.begun and state is not PowerState.ON:
            # Who cannot pause was stopped by hand: it is over.
            self.cycle = self.cycle.pause(now) if self.cycle.interruptible else None
        elif self.cycle is not None and self.cycle.begun:
            self.cycle = self.cycle.begin(now, state)

    def order(self, target: PowerState, now: datetime, holding: Collection[str]) -> Done | Fault:
        """Judge an order from outside; a refused one changes nothing."""
        if (objection := self._objection(target, now, holding)) is not None:
            return objection
        self.registrations.overruled()
        if target is PowerState.ON and self.cycle is not None:
            self.cycle = self.cycle.begin(now, self._resting())
        return Done(switch=None if target is self.state else target)

    def register(self, who: tuple[str, str], start: str, stop: str, now: datetime) -> Done | Fault:
        """Take a standby period from `who` (UUID, address) for the next time that the clock shows `start`."""
        if (begin := time_of_day(start)) is None or (end := time_of_day(stop)) is None:
            came = f"{start!r}, {stop!r}"
            return Fault(SoapFault.ARGUMENT_VALUE_INVALID, f"StartTime, StopTime: expected HH:MM:SS, came {came}")
        if PowerState.STANDBY not in self.kind.states:
            return Fault(ApplianceFault.UNSAFE, "this appliance has no standby")
        starts = next_occurrence(begin, now, self.kind.judge.zone)
        stops = next_occurrence(end, starts, self.kind.judge.zone)
        if stops - starts < SHORTEST_PERIOD or begin == end:
            return Fault(SoapFault.ARGUMENT_VALUE_INVALID, "StopTime: expected at least a minute after StartTime")
        number = self.registrations.register(*who, starts, stops)
        return number if isinstance(number, Fault) else Done(reg_id=number)

    def withdraw(self, number: int, who: tuple[str, str]) -> Done | Fault:
        """Take a period back; one that is in force ends now."""
        period = self.registrations.withdraw(number, *who)
        if isinstance(period, Fault):
            return period
        ends = period.state is PeriodState.IN_FORCE and period.before is not None and period.before is not self.state
        return Done(switch=period.before if ends else None)

    def offer(self, cycle: Cycle) -> Fault | None:
        """Let a cycle wait in the appliance; not while another one runs."""
        if self.cycle is not None and self.cycle.begun:
            return Fault(ApplianceFault.BUSY, f"the cycle {self.cycle.name or self.cycle.id} has begun")
        self.cycle = cycle
        return None

    def take_back(self) -> bool:
        """Forget the cycle that waits or pauses; tell whether there was one."""
        there = self.cycle is not None and not self.cycle.running
        if there:
            self.cycle = None
        return there

    def due(self, now: datetime, holding: Collection[str]) -> tuple[PowerState, ...]:
        """Do what its time has come for; give the states to go to, in this order."""
        wanted: list[PowerState] = []
        self._end_cycle(now, wanted)
        self._start_cycle(now, wanted)
        ended = [one.before for one in self.registrations.due_ends(now)]
        wanted += [before for before in ended if before is not None and before is not self.state]
        rests = (wanted[-1] if wanted else self.state) is not PowerState.ON
        for period in self.registrations.due_starts(now):
            if rests:
                self.registrations.begin(period, None)  # it rests already, and goes on resting at the end
            elif self._objection(PowerState.STANDBY, now, holding) is None:
                self.registrations.begin(period, self.state)
                wanted.append(PowerState.STANDBY)
        return tuple(wanted)

    def awoke(self, now: datetime) -> None:
        """Take note that it slept until now: what should have begun meanwhile has, and is not begun again."""
        for period in self.registrations.due_starts(now):
            self.registrations.begin(period, None)

    def next_moment(self) -> datetime | None:
        """Tell when `due` has something to do next; None: not before something happens."""
        cycle = self.cycle
        last = cycle.last_start if cycle is not None and self._starts_itself(cycle) else None
        moments = [self.registrations.next_moment(), cycle.end() if cycle is not None else None, last]
        return min((one for one in moments if one is not None), default=None)

    def must_wake(self) -> datetime | None:
        """Tell when the appliance must be awake next, if it sleeps now; None: nothing of its own needs it."""
        cycle = self.cycle
        last = cycle.last_start if cycle is not None and self._starts_itself(cycle) else None
        return min((one for one in (self.registrations.next_stop(), last) if one is not None), default=None)

    def _objection(self, target: PowerState, now: datetime, holding: Collection[str]) -> Fault | None:
        if target not in self.kind.states:
            return Fault(ApplianceFault.UNSAFE, f"this appliance cannot be ordered to {target}")
        cycle = self.cycle
        if target is not PowerState.ON and cycle is not None and cycle.running and not cycle.interruptible:
            end = cycle.end()
            until = f" until {end.isoformat(timespec='seconds')}" if end is not None else ""
            return Fault(ApplianceFault.BUSY, f"the cycle {cycle.name or cycle.id} runs{until}")
        return self.kind.judge.objection(target, now, holding)

    def _end_cycle(self, now: datetime, wanted: list[PowerState]) -> None:
        cycle = self.cycle
        if cycle is None or (end := cycle.end()) is None or end > now:
            return
        self.cycle = None
        if cycle.before is not self.state and cycle.before in self.kind.states:
            wanted.append(cycle.before)

    def _start_cycle(self, now: datetime, wanted: list[PowerState]) -> None:
        cycle = self.cycle
        if cycle is None or not self._starts_itself(cycle) or (last := cycle.last_start) is None or last > now:
            return
        self.cycle = cycle.begin(now, self._resting())
        if self.state is not PowerState.ON:
            wanted.append(PowerState.ON)

    def _starts_itself(self, cycle: Cycle) -> bool:
        return self.kind.starts_late_cycles and not cycle.begun

    def _resting(self) -> PowerState:
        """Where it goes when its cycle is over."""
        return self.state if self.state is not PowerState.ON else PowerState.STANDBY
