"""A cycle that waits in an appliance, and how it runs: begun once, and not cut short unless it can pause. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import NAMESPACE_OID, uuid5
from zoneinfo import ZoneInfo

from appliance.labels import Moment, same_time_of_day
from heg.model.appliances import PowerState
from heg.model.cycles import CycleCurve

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cycle:
    """A cycle as a person loads it: what it draws, and the window it must lie in.

    `ran` is how long it has run until `since`; None: it does not run now. `before` is where it goes at its end.
    """

    id: str
    name: str
    curve: CycleCurve
    earliest: Moment | None = None
    latest: Moment | None = None
    ran: timedelta = timedelta()
    since: Moment | None = None
    before: PowerState = PowerState.STANDBY
    begun: bool = False

    @property
    def last_start(self) -> datetime | None:
        """When it must begin to be over in time; None where nothing presses."""
        return None if self.latest is None else self.latest - self.curve.length

    @property
    def running(self) -> bool:
        """Tell whether it runs now."""
        return self.since is not None

    @property
    def interruptible(self) -> bool:
        """Tell whether it may pause."""
        return self.curve.interruptible

    def end(self) -> datetime | None:
        """Tell when it is over, if it goes on; None while it does not run."""
        return None if self.since is None else self.since + self.curve.length - self.ran

    def begin(self, now: datetime, before: PowerState) -> "Cycle":
        """Return it running: begun, or going on after a pause."""
        if self.running:
            return self
        return replace(self, since=now, begun=True, before=self.before if self.begun else before)

    def stopped_unseen(self) -> "Cycle":
        """Return it as it was when it last began to run: nobody knows whether it did since, and for how long."""
        return replace(self, since=None)

    def pause(self, now: datetime) -> "Cycle":
        """Return it pausing, with what it has done."""
        if self.since is None:
            return self
        return replace(self, ran=self.ran + max(now - self.since, timedelta()), since=None)

    def by_clock(self, now: datetime, step: timedelta, zone: ZoneInfo) -> "Cycle":
        """Return it by a clock that was set to `now`, by `step`: one that runs takes no longer and no shorter by that.

        The window of one that waits means the times of day of this clock, as many days away as they were: it is
        another offer by that.
        """
        if self.since is not None:
            return replace(self, since=self.since + step)
        said = self.latest or self.earliest
        if self.begun or said is None:
            return self
        days = (said - (now - step)) // _DAY * _DAY
        moved = same_time_of_day(said, now + days, zone) - said
        if not moved:
            return self
        earliest = None if self.earliest is None else self.earliest + moved
        latest = None if self.latest is None else self.latest + moved
        return replace(self, id=str(uuid5(NAMESPACE_OID, f"{self.id} {moved}")), earliest=earliest, latest=latest)
