"""The real-time clock's alarm: it wakes a computer that sleeps, many also from off."""

import logging
from datetime import datetime
from pathlib import Path

logger = logging.getLogger(__name__)


class RtcAlarm:
    """The alarm of one clock, by its folder in sysfs. Nothing is raised: an alarm that cannot be set is said."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def set(self, moment: datetime | None, now: datetime) -> bool:
        """Have it wake the computer then, or not at all with None; tell whether that stands."""
        if self._folder is None:
            return moment is None
        alarm = self._folder / "wakealarm"
        try:
            # Its own count of seconds, because it may run on local time: what matters is how far away it is.
            shown = int((self._folder / "since_epoch").read_text(encoding="ascii"))
            alarm.write_text("0\n", encoding="ascii")  # the old one; a new one over it would be refused
            if moment is not None:
                away_s = max(int((moment - now).total_seconds()), 2)
                alarm.write_text(f"{shown + away_s}\n", encoding="ascii")
        except (OSError, ValueError) as error:
            if moment is not None:
                logger.warning("%s: it will not wake by itself at %s: %s", alarm, moment.isoformat(), error)
            return moment is None
        return True
