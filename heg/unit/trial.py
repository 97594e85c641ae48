"""A new configuration shows in practice whether it is good: tasks that it started and that fail are told, by version.

Nothing is rolled back by itself: a task may fail because a device is switched off as well as because of its new
address, and a gateway that took back what its owner just ordered would be fought, not trusted.
"""

from collections.abc import Iterable

from heg.data.door import Door
from heg.model.instance import Location
from heg.model.records import AlarmRecord, Severity
from heg.runtime.clock import Clock
from heg.runtime.health import TaskHealth

TRIAL_S = 120.0
_PART = "configuration-trial"


class Trial:
    """Watches what a version started, for two minutes; the alarm stands until all of it runs."""

    def __init__(self, door: Door, clock: Clock, here: Location) -> None:
        self._door, self._clock, self._here = door, clock, here
        self._version = 0
        self._until_s = 0.0
        self._text = ""
        self.tasks: tuple[str, ...] = ()

    def begin(self, version: int, tasks: tuple[str, ...]) -> None:
        """Watch a new version."""
        self._version, self.tasks = version, tasks
        self._until_s = self._clock.monotonic_s() + TRIAL_S
        self._tell("")

    def watch(self, health: Iterable[TaskHealth]) -> None:
        """Look at its tasks."""
        if not self.tasks or (self._clock.monotonic_s() > self._until_s and not self._text):
            return
        failing = [one for one in health if not one.good or self._failed_lately(one)]
        self._tell("; ".join(f"{one.name}: {one.last_error}" for one in failing)[:600])

    def _failed_lately(self, one: TaskHealth) -> bool:
        return one.failures > 0 and self._clock.monotonic_s() - one.since_s < TRIAL_S / 2

    def _tell(self, failing: str) -> None:
        if failing == self._text:
            return
        self._text = failing
        place = Location(self._here.unit, "", _PART)
        if failing:
            text = f"What version {self._version} of the configuration started does not run: {failing}"
            mend = "mend it, or take it back: heg config rollback"
            self._door.write("alarm", place, AlarmRecord(True, Severity.ALARM, text, mend))
        else:
            self._door.write("alarm", place, AlarmRecord(False, Severity.INFO, "the configuration runs"))
