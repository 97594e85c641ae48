"""Rules of the owner for appliances that are not there: a name that is spelt otherwise would do nothing, silently."""

from collections.abc import Mapping

from heg.data.door import Door
from heg.model.instance import Location
from heg.model.records import AlarmRecord, Severity
from heg.runtime.clock import Clock
from heg.services.automation.settings import AutomationSettings
from heg.services.automation.sight import Appliance

ALARM = "automation-rule"
_FOUND_WITHIN_S = 900.0
"""So long after a start an appliance may take to be found."""


class Strangers:
    """Tells which rules mean nobody."""

    def __init__(self, door: Door, clock: Clock, settings: AutomationSettings) -> None:
        self._door, self._clock = door, clock
        self._place = Location(settings.unit, "", ALARM)
        self._missing = {rule.name for rule in settings.rules}
        self._due_s = clock.monotonic_s() + _FOUND_WITHIN_S
        self._told = ""

    def look(self, appliances: Mapping[str, Appliance]) -> None:
        """Raise the alarm, or end it; who was found once is no stranger, wherever it is now."""
        self._missing -= appliances.keys()
        if self._clock.monotonic_s() < self._due_s:
            return
        text = f"No appliance is called {', '.join(sorted(self._missing))}." if self._missing else ""
        if text == self._told:
            return
        self._told = text
        mend = "heg appliances shows their names: mend [automation.appliance.NAME], or give the appliance that name."
        found = "Each appliance that has a rule was found."
        record = AlarmRecord(bool(text), Severity.INFO, text or found, mend if text else "")
        self._door.write("alarm", self._place, record)
