"""The alarm that the configuration's file cannot be used: what was in force holds (loss row configuration-damaged)."""

import logging
from pathlib import Path

from heg.data.door import Door
from heg.model.instance import Location
from heg.model.losses import loss
from heg.model.records import AlarmRecord, Severity

logger = logging.getLogger(__name__)

DAMAGED = loss("configuration-damaged")
_LONGEST = 600


class FileAlarm:
    """Raised with every fault that the file has, over when it can be used again."""

    def __init__(self, door: Door, here: Location, path: Path) -> None:
        self._door, self._path = door, path
        self._place = Location(here.unit, "", DAMAGED.id)
        self._faults = ""

    def raised(self, faults: str) -> None:
        """The file has these faults."""
        if faults == self._faults:
            return
        self._faults = faults
        logger.error("the configuration's file cannot be used; what was in force stays so:\n%s", faults)
        text = f"The configuration's file cannot be used: {faults[:_LONGEST]}. {DAMAGED.in_force}"
        mend = f"mend {self._path}, or take the change back: heg config rollback"
        self._door.write("alarm", self._place, AlarmRecord(True, Severity.WARNING, text, mend))

    def over(self) -> None:
        """The file says what is in force."""
        if self._faults:
            self._faults = ""
            over = AlarmRecord(False, Severity.INFO, "the configuration's file is good again")
            self._door.write("alarm", self._place, over)
