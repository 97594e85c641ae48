"""Counter algebra: what a meter's register says that flowed, whatever happens to the register.

The one module that knows resets, roll-over, a swapped meter, implausible jumps and gaps. A step's delta is never
negative and never more than the meter could have counted in the time: no spike of +1400 kWh, none of -1400 kWh. What
cannot be told is not guessed: the step carries an event and the delta that is certain, which may be none.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum


class CounterEvent(StrEnum):
    """What happened to a counter besides counting."""

    NONE = "none"
    STARTED = "started"
    ROLLED_OVER = "rolled_over"
    RESET = "reset"
    SWAPPED = "swapped"
    JUMPED = "jumped"
    RECOVERED = "recovered"
    GAP = "gap"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class CounterRule:
    """What is known of a register.

    `max_kw` is the most power that can flow; `width_kwh` the value at which the register starts again at zero, None
    where unknown; `resolution_kwh` its step; `gap_s` the silence after which a delta is no longer spread over time as
    if it had been measured (it still counts). Some registers are written in bursts: a rise may hold all that flowed
    since the last rise, at most `burst_s`; `allowance_kwh` is forgiven besides.
    """

    max_kw: float
    width_kwh: float | None = None
    resolution_kwh: float = 0.001
    gap_s: float = 900.0
    burst_s: float = 120.0
    allowance_kwh: float = 0.01

    def possible_kwh(self, seconds: float) -> float:
        """Return the most that can have been counted in `seconds`."""
        return self.max_kw * max(0.0, seconds) / 3600.0 + self.allowance_kwh + 2.0 * self.resolution_kwh


@dataclass(frozen=True, slots=True)
class CounterReading:
    """One reading of a register: kWh, the monotonic second it was taken, and which physical meter it came from."""

    kwh: float
    at_s: float
    identity: str = ""


@dataclass(frozen=True, slots=True)
class CounterStep:
    """What one reading means: energy since the last one that counted (>= 0), over how long, and what else happened."""

    delta_kwh: float
    seconds: float
    event: CounterEvent = CounterEvent.NONE


@dataclass(frozen=True, slots=True)
class CounterState:
    """A counter as of the last reading that was believed, and the total that has flowed since the first.

    `doubt` is a reading that could not follow from the believed one; the next reading tells whether the register
    really stands there now (a jump, a reset) or the reading was noise.
    """

    rule: CounterRule
    believed: CounterReading | None = None
    doubt: CounterReading | None = None
    rose_at_s: float = 0.0
    total_kwh: float = 0.0

    def advance(self, reading: CounterReading) -> tuple["CounterState", CounterStep]:
        """Take the next reading; return the new state and the step. Never raises, never a negative delta.

        A falling register is believed at once when it is a roll-over or a new meter; otherwise (and for a rise that
        is too steep) only when a second reading confirms the new level: until then the step is `REFUSED`, delta 0.
        """
        if not math.isfinite(reading.kwh) or reading.kwh < 0:
            return self, CounterStep(0.0, 0.0, CounterEvent.REFUSED)
        if self.believed is None:
            return self._restarted(reading, CounterEvent.STARTED)
        if reading.identity != self.believed.identity:
            # The old meter's last words were its last reading; what the new one counted before we knew it is unknown.
            return self._restarted(reading, CounterEvent.SWAPPED)
        if reading.at_s < self.believed.at_s:
            return self, CounterStep(0.0, 0.0, CounterEvent.REFUSED)
        return self._same_meter(self.believed, reading)

    def _same_meter(self, before: CounterReading, reading: CounterReading) -> tuple["CounterState", CounterStep]:
        seconds = reading.at_s - before.at_s
        possible_kwh = self.rule.possible_kwh(max(seconds, min(reading.at_s - self.rose_at_s, self.rule.burst_s)))
        rise_kwh = reading.kwh - before.kwh
        if 0.0 <= rise_kwh <= possible_kwh:
            return self._counted(reading, rise_kwh, seconds, self._plain_event(seconds))
        if -2.0 * self.rule.resolution_kwh <= rise_kwh < 0.0:
            # Two registers read a moment apart, or a float's last digit: the level stands, nothing flowed.
            return replace(self, doubt=None), CounterStep(0.0, 0.0)
        if rise_kwh < 0.0 and self.rule.width_kwh is not None:
            rolled_kwh = rise_kwh + self.rule.width_kwh
            if 0.0 <= rolled_kwh <= possible_kwh:
                return self._counted(reading, rolled_kwh, seconds, CounterEvent.ROLLED_OVER)
        return self._doubted(reading, fell=rise_kwh < 0.0)

    def _doubted(self, reading: CounterReading, *, fell: bool) -> tuple["CounterState", CounterStep]:
        """Wait for a second reading that follows from the doubted one before the register's new level is taken."""
        if self.doubt is None or not self._follows(self.doubt, reading):
            return replace(self, doubt=reading), CounterStep(0.0, 0.0, CounterEvent.REFUSED)
        # What flowed between the two agreeing readings is certain; what flowed before them is lost with the old level.
        event = CounterEvent.RESET if fell else CounterEvent.JUMPED
        return self._counted(reading, reading.kwh - self.doubt.kwh, reading.at_s - self.doubt.at_s, event)

    def _follows(self, doubt: CounterReading, reading: CounterReading) -> bool:
        seconds = max(reading.at_s - doubt.at_s, min(reading.at_s - self.rose_at_s, self.rule.burst_s))
        return 0.0 <= reading.kwh - doubt.kwh <= self.rule.possible_kwh(seconds)

    def _plain_event(self, seconds: float) -> CounterEvent:
        if self.doubt is not None:
            return CounterEvent.RECOVERED
        return CounterEvent.GAP if seconds > self.rule.gap_s else CounterEvent.NONE

    def _counted(
        self, reading: CounterReading, delta_kwh: float, seconds: float, event: CounterEvent
    ) -> tuple["CounterState", CounterStep]:
        rose_at_s = reading.at_s if delta_kwh > 0.0 else self.rose_at_s
        total_kwh = self.total_kwh + delta_kwh
        state = replace(self, believed=reading, doubt=None, rose_at_s=rose_at_s, total_kwh=total_kwh)
        return state, CounterStep(delta_kwh, seconds, event)

    def _restarted(self, reading: CounterReading, event: CounterEvent) -> tuple["CounterState", CounterStep]:
        state = replace(self, believed=reading, doubt=None, rose_at_s=reading.at_s)
        return state, CounterStep(0.0, 0.0, event)
