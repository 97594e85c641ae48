"""A cycle that waits in an appliance, and how it runs: begun once, and not cut short unless it can pause. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from appliance.labels import Moment
from heg.model.appliances import PowerState
from heg.model.cycles import CycleCurve


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

    def not_begun_yet(self) -> "Cycle":
        """Return it as it is before it runs: the appliance did not come to that."""
        return replace(self, since=None)

    def pause(self, now: datetime) -> "Cycle":
        """Return it pausing, with what it has done."""
        if self.since is None:
            return self
        return replace(self, ran=self.ran + max(now - self.since, timedelta()), since=None)
