"""An appliance as it is by itself: its state, what it agrees to, what it does when. Pure: no network, no clock.

Every question comes with the time and with the conditions that hold; what is to be carried out is handed back. The
one who asks keeps `kept` on disk before it carries out or answers anything.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from appliance.cycles import Cycle
from appliance.faults import Fault, SoapFault
from appliance.judging import Judge
from appliance.registrations import LONGEST, Book, PeriodState, Registrations
from heg.model.appliances import ApplianceFault, PowerState, WakeMethod
from heg.model.local_times import next_occurrence, time_of_day

SHORTEST_PERIOD = timedelta(minutes=1)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


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
    going: PowerState | None = None
    """Where it was on its way to, for a period or a cycle: one that was ended on the way goes there when it is back."""


@dataclass(frozen=True, slots=True)
class Done:
    """An order that was agreed to. `switch` is where the appliance is to go now, None where it stays."""

    reg_id: int = 0
    switch: PowerState | None = None


class ApplianceModel:
    """One appliance; `state` None: it has not told yet, and is taken to be on until it does."""

    def __init__(self, kind: Kind, state: PowerState | None = PowerState.ON, kept: Kept | None = None) -> None:
        kept = kept or Kept()
        self.kind = kind
        self.state = state or PowerState.ON
        self.seen = state is not None
        self.cycle = self._left = kept.cycle
        self.going = kept.going
        self.registrations = Registrations(kept.book, kind.longest_standby)

    @property
    def kept(self) -> Kept:
        """What must be on disk."""
        return Kept(self.registrations.book, self.cycle, self.going)

    @property
    def known_state(self) -> PowerState | None:
        """The state that it was seen in; None before that."""
        return self.state if self.seen else None

    @property
    def offered(self) -> Cycle | None:
        """The cycle that waits for its time."""
        return self.cycle if self.cycle is not None and not self.cycle.begun else None

    def observed(self, state: PowerState, now: datetime) -> None:
        """Take note of the state that the appliance truly has, whoever brought it there."""
        if state is self.state and self.seen:
            return
        first, self.state, self.seen = not self.seen, state, True
        if first and self.going not in (None, state):
            if self.cycle is not None and self.going is PowerState.ON:
                self.cycle = self.cycle.stopped_unseen()
            return  # the last run ended on the way: nobody brought it here
        self.going = None
        if state is not PowerState.STANDBY:
            self.registrations.overruled()  # somebody, or the end of a period, brought it elsewhere: it stays there
        if self.cycle is not None and self.cycle.begun and state is not PowerState.ON:
            paused = self.cycle.stopped_unseen() if first else self.cycle.pause(now)
            self.cycle = paused if self.cycle.interruptible else None  # who cannot pause was stopped by hand
        elif self.cycle is not None and self.cycle.begun:
            self.cycle = self.cycle.begin(now, state)

    def arrived(self) -> None:
        """Take note that the body did what it was told."""
        self.going = None

    def back_to(self, kept: Kept, state: PowerState | None, now: datetime) -> None:
        """Be as at `kept` and `state`, None: nobody knew it; what was agreed since came to nothing, what was observed
        since holds.
        """
        came = self.known_state
        self.state, self.seen = state or PowerState.ON, state is not None
        self.registrations.book, self.cycle, self.going = kept.book, kept.cycle, kept.going
        if came is not None:
            self.observed(came, now)

    def clock_stepped(self, step: timedelta, now: datetime) -> None:
        """Take note that the clock was set to `now`, by `step`; what the last run left was by the clock of then."""
        zone = self.kind.judge.zone
        if self.cycle is not None and self.cycle != self._left:
            self.cycle = self.cycle.by_clock(now, step, zone)
        self.registrations.clock_stepped(now, zone)

    def order(self, target: PowerState, now: datetime, holding: Collection[str]) -> Done | Fault:
        """Judge an order from outside; a refused one changes nothing."""
        if (objection := self._objection(target, now, holding)) is not None:
            return objection
        self.registrations.overruled()
        switch = None if target is self.state and self.seen else target
        self.going = None
        if target is PowerState.ON and self.cycle is not None:
            self.cycle, self.going = self.cycle.begin(now, self._resting()), switch
        return Done(switch=switch)

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
        ends = period.state is PeriodState.IN_FORCE and period.before is not self.known_state
        self.going = period.before if ends else None
        return Done(switch=self.going)

    def offer(self, cycle: Cycle) -> Fault | None:
        """Let a cycle wait in the appliance; not while another one runs."""
        if self.cycle is not None and self.cycle.begun:
            return Fault(ApplianceFault.BUSY, f"the cycle {self.cycle.name or self.cycle.id} has begun")
        self.cycle = cycle
        return None

    def take_back(self) -> Fault | None:
        """Forget the cycle that waits or pauses."""
        if self.cycle is None or self.cycle.running:
            runs = f"{self.cycle.name} runs; switch the appliance off instead" if self.cycle is not None else ""
            return Fault(ApplianceFault.NOT_NOW, runs or "no cycle waits")
        self.cycle = None
        return None

    def due(self, now: datetime, holding: Collection[str]) -> PowerState | None:
        """Do what its time has come for; give the state to go to, None: it stays where it is.

        Nothing before it was seen: nobody knows what would be restored.
        """
        if not self.seen:
            return None
        left_off = self._left_off(now, holding)
        target = self._start_cycle(now, self._end_cycle(now, left_off or self.state))
        ended = (one.before for one in self.registrations.due_ends(now))
        restored = next((before for before in ended if before is not None), None)
        for period in self.registrations.due_starts(now):
            if restored is not None:
                self.registrations.begin(period, restored)  # the one that ended hands over to it
                restored = None
            elif target is not PowerState.ON:
                self.registrations.begin(period, None)  # it rests already, and goes on resting at the end
            elif self._objection(PowerState.STANDBY, now, holding) is None:
                self.registrations.begin(period, PowerState.ON)
                target = PowerState.STANDBY
        target = restored or target
        if target is not self.state:
            self.going = target
            return target
        if left_off is not None or restored is not None:
            self.going = None  # it is over by now
        return None

    def awoke(self, now: datetime) -> None:
        """Take note that it slept until now: what should have begun meanwhile has, and is not begun again."""
        for period in self.registrations.due_starts(now):
            self.registrations.begin(period, None)

    def next_moment(self) -> datetime | None:
        """Tell when `due` has something to do next; None: not before something happens."""
        if not self.seen:
            return None
        cycle = self.cycle
        last = cycle.last_start if cycle is not None and self._starts_itself(cycle) else None
        left_off = _LONG_AGO if self.going is not None else None
        moments = [self.registrations.next_moment(), cycle.end() if cycle is not None else None, last, left_off]
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

    def _left_off(self, now: datetime, holding: Collection[str]) -> PowerState | None:
        """Where the last run was on its way to, as soon as nothing speaks against it."""
        if self.going is None or self._objection(self.going, now, holding) is not None:
            return None
        return self.going

    def _end_cycle(self, now: datetime, target: PowerState) -> PowerState:
        cycle = self.cycle
        if cycle is None or (end := cycle.end()) is None or end > now:
            return target
        self.cycle = None
        return cycle.before if cycle.before in self.kind.states else target

    def _start_cycle(self, now: datetime, target: PowerState) -> PowerState:
        cycle = self.cycle
        if cycle is None or not self._starts_itself(cycle) or (last := cycle.last_start) is None or last > now:
            return target
        self.cycle = cycle.begin(now, self._resting())
        return PowerState.ON

    def _starts_itself(self, cycle: Cycle) -> bool:
        return self.kind.starts_late_cycles and not cycle.begun

    def _resting(self) -> PowerState:
        """Where it goes when its cycle is over."""
        return self.state if self.state is not PowerState.ON else PowerState.STANDBY
