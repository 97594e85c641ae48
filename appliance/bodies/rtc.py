"""The real-time clock's alarm: it wakes a computer that sleeps, many also from off."""

import logging
from datetime import datetime
from pathlib import Path

from heg.runtime.files import replace_durably

logger = logging.getLogger(__name__)


class RtcAlarm:
    """The alarm of one clock, by its folder in sysfs. Nothing is raised: an alarm that cannot be set is said.

    There is one for everybody, and a recorder may have set it for its film: what is not ours goes only where we wake
    before it. Which is ours stands in the file `note`, as an alarm outlives the one who set it.
    """

    def __init__(self, folder: Path | None, note: Path) -> None:
        self._folder = folder
        self._note = note

    def set(self, moment: datetime | None, now: datetime) -> bool:
        """Have it wake the computer then, or not for us with None; tell whether that stands."""
        if self._folder is None:
            return moment is None
        alarm = self._folder / "wakealarm"
        try:
            # Its own count of seconds, because it may run on local time: what matters is how far away it is.
            shown, standing = _number(self._folder / "since_epoch"), _number(alarm)
            wanted = None if moment is None else shown + max(int((moment - now).total_seconds()), 2)
            if standing > shown and standing != self._ours() and (wanted is None or standing <= wanted):
                return True
            if standing:
                alarm.write_text("0\n", encoding="ascii")  # a new one over it would be refused
            if wanted is not None:
                replace_durably(self._note, f"{wanted}\n".encode())
                alarm.write_text(f"{wanted}\n", encoding="ascii")
        except (OSError, ValueError) as error:
            if moment is not None:
                logger.warning("%s: it will not wake by itself at %s: %s", alarm, moment.isoformat(), error)
            return moment is None
        return True

    def _ours(self) -> int:
        try:
            return _number(self._note)
        except (OSError, ValueError):
            return 0


def _number(file: Path) -> int:
    """Read a number; an empty file, as of an alarm that is not set, says 0. Raises OSError, ValueError."""
    return int(file.read_text(encoding="ascii") or 0)
