"""The house's own time as people there live by it: its zone for what is shown, its clock for what is asked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from heg.cli.ends import CommandError
from heg.cli.zones import shown_in, zone_named

if TYPE_CHECKING:
    from heg.web.client.gateway import Gateway
    from heg.web.state_messages import HouseTime

_BEFORE = re.compile(r"(\d{1,6})(min|h|d|w)")
_UNITS = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EXPECTED = "a day (2026-06-01, today, yesterday), a time (2026-06-01T12:00), or how long ago (90min, 48h, 7d)"


class House:
    """Asks the house for its time once, and only where it is needed."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._said: tuple[tzinfo, datetime | None] | None = None

    def local(self, utc: str | None) -> str:
        """Return a moment of the API as the house's clock shows it, "-" for none."""
        return shown_in(self.zone, utc) if utc else "-"

    @property
    def zone(self) -> tzinfo:
        """The zone people there live by; UTC where it is not told."""
        return self._time()[0]

    def moment(self, text: str | None, option: str) -> datetime | None:
        """Read a time as people write it. Raises `CommandError`, `GatewayError`."""
        if text is None:
            return None
        said = text.strip().lower()
        try:
            if (before := _BEFORE.fullmatch(said)) is not None:
                return self._now() - timedelta(**{_UNITS[before[2]]: int(before[1])})
            if said in ("now", "today", "yesterday"):
                return self._day(said)
            moment = datetime.fromisoformat(text.strip())
            return (moment.replace(tzinfo=self.zone) if moment.tzinfo is None else moment).astimezone(UTC)
        except (ValueError, OverflowError):
            raise CommandError(2, f"{option}: expected {_EXPECTED}, came {text[:40]!r}") from None

    def _day(self, said: str) -> datetime:
        now = self._now()
        if said == "now":
            return now
        day = now.astimezone(self.zone).date() - timedelta(days=said == "yesterday")
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def _now(self) -> datetime:
        now = self._time()[1]
        if now is None:
            raise CommandError(2, "expected a time with its offset, such as 2026-06-01T12:00Z: the house's is not told")
        return now

    def _time(self) -> tuple[tzinfo, datetime | None]:
        if self._said is None:
            self._said = self._asked()
        return self._said

    def _asked(self) -> tuple[tzinfo, datetime | None]:
        from heg.web.client.faults import GatewayError
        from heg.web.state_messages import State

        try:
            time: HouseTime = self._gateway.get("/api/v1/state", State).message.time
            return zone_named(time.zone), datetime.fromisoformat(time.utc)
        except (GatewayError, ValueError):
            return UTC, None  # whoever may not see the house's picture sees UTC
