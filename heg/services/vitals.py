"""The unit's watch on itself: its tasks' health, its loop's lag, its cycle, its memory, as instances and alarms.

It feeds the watchdog by nothing but completed control cycles (DESIGN.md, Rules of the house; loss rows loop-late and
cycle-stalled).
"""

from __future__ import annotations

import logging

from heg.data.door import Door
from heg.model.instance import Location
from heg.model.losses import loss
from heg.model.records import AlarmRecord, HealthRecord, Severity
from heg.model.timings import Timings
from heg.runtime.clock import Clock, ClockMode
from heg.runtime.figures import measure
from heg.runtime.health import TaskHealth
from heg.runtime.lag import LagMeter, LagReport
from heg.runtime.notify import CycleHeartbeat

logger = logging.getLogger(__name__)

_LOOP_LATE = loss("loop-late").id
_CYCLE_STALLED = loss("cycle-stalled").id
_FIGURES_EVERY_S = 60.0
_ON_TIME_AGAIN_S = 60.0
"""Real seconds without a late wake-up after which the loop counts as on time again."""
_STALL_REAL_S = 2.0
"""Real seconds a cycle may always take: at 60 times real time a hiccup of the machine is 20 house seconds long."""
_MEND = "see what else keeps this machine busy; heg's log says what it was doing"


class Vitals:
    """One per unit. `run` and `measure_lag` are supervised tasks; the rest is called by whoever knows something."""

    def __init__(self, door: Door, clock: Clock, unit: str, timings: Timings, heartbeat: CycleHeartbeat) -> None:
        self._door = door
        self._clock = clock
        self._here = Location(unit)
        self._late_limit_ms = timings.loop_late_s * 1e3
        self._stall_limit_s = max(timings.stalled_after_s, _STALL_REAL_S * _speed(clock))
        self._heartbeat = heartbeat
        self._completed_s = clock.monotonic_s()
        self._late_s: float | None = None
        self._active: set[str] = set()

    def cycle_completed(self) -> None:
        """A control cycle has run to its end."""
        self._heartbeat.completed()
        self._completed_s = self._clock.monotonic_s()
        if _CYCLE_STALLED in self._active:
            self._alarm(_CYCLE_STALLED, active=False, text="the control cycle runs again")

    def tell(self, health: TaskHealth) -> None:
        """Publish a task's health."""
        record = HealthRecord(health.name, health.good, health.restarts, health.last_error)
        self._door.write("health", self._part(health.name), record)

    async def run(self) -> None:
        """Publish figures and watch the cycle until cancelled."""
        figures_due_s = self._clock.monotonic_s()
        while True:
            now_s = self._clock.monotonic_s()
            if now_s >= figures_due_s:
                figures_due_s = now_s + _FIGURES_EVERY_S
                self._tell_figures()
            self._watch_cycle(now_s)
            await self._clock.sleep(self._stall_limit_s / 10)

    async def measure_lag(self) -> None:
        """Measure how late the loop wakes until cancelled."""
        # A stepped loop has no lag: there a few wake-ups show that this runs, and more would only cost.
        interval_s, wakes = (5.0, 12) if self._clock.mode is ClockMode.STEPPED else (0.25, 100)
        meter = LagMeter(self._clock, self._tell_lag, on_wake=self._watch_lag, interval_s=interval_s, wakes=wakes)
        await meter.run()

    def _watch_cycle(self, now_s: float) -> None:
        age_s = now_s - self._completed_s
        if age_s > self._stall_limit_s and _CYCLE_STALLED not in self._active:
            self._alarm(_CYCLE_STALLED, active=True, text=f"no control cycle has completed for {age_s:.0f} s")

    def _watch_lag(self, late_ms: float) -> None:
        now_s = self._clock.real_s()
        if late_ms > self._late_limit_ms:
            self._late_s = now_s
            if _LOOP_LATE not in self._active:
                self._alarm(_LOOP_LATE, active=True, text=f"the event loop woke {late_ms / 1e3:.1f} s late")
        elif self._late_s is not None and now_s - self._late_s > _ON_TIME_AGAIN_S:
            self._late_s = None
            self._alarm(_LOOP_LATE, active=False, text="the event loop is on time again")

    def _tell_lag(self, report: LagReport) -> None:
        for part, late_ms in (("p50", report.p50_ms), ("p99", report.p99_ms), ("max", report.max_ms)):
            self._door.write("self.loop_lag", self._part(part), late_ms / 1e3)

    def _tell_figures(self) -> None:
        figures = measure()
        if figures.resident_mib is not None:
            self._door.write("self.memory", self._here, figures.resident_mib)
        if figures.bytes_written is not None:
            self._door.write("self.bytes_written", self._here, float(figures.bytes_written))

    def _alarm(self, name: str, *, active: bool, text: str) -> None:
        (self._active.add if active else self._active.discard)(name)
        logger.log(logging.ERROR if active else logging.INFO, "%s", text)
        record = AlarmRecord(active, Severity.ALARM, text, _MEND if active else "")
        self._door.write("alarm", self._part(name), record)

    def _part(self, part: str) -> Location:
        return Location(self._here.unit, "", part)


def _speed(clock: Clock) -> float:
    return clock.speed if clock.mode is ClockMode.SCALED else 1.0
