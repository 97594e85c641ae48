"""Who may ask what, for each kind of request: principal, variable, place, policy, time since the last access."""

from collections.abc import Callable
from datetime import datetime

from heg.data.access import Access, AccessControl, Principal, owner_of_new
from heg.data.door import Resolution
from heg.data.history import SPAN
from heg.data.image import Image, Series
from heg.data.rights import RightsKeeper
from heg.data.subscriptions import Switchboard
from heg.data.validation import location_refusal
from heg.model.catalogue import CATALOGUE, Variable
from heg.model.instance import ANY, Instance, Kind, Location
from heg.model.policy import CUSTOMER, Right, Stakeholder
from heg.model.refusals import Refusal, RefusalCode


class Checks:
    """Each check returns why a request is refused, None when it is let in."""

    def __init__(
        self, now_s: Callable[[], float], image: Image, rights: RightsKeeper, switchboard: Switchboard
    ) -> None:
        self._now_s = now_s
        self._image = image
        self._rights = rights
        self._switchboard = switchboard
        self._access = AccessControl()
        self._admitted: set[Principal] = set()

    def admit(self, who: Principal) -> Principal:
        """Know this principal from now on."""
        self._admitted.add(who)
        return who

    def principal(self, who: Principal) -> Refusal | None:
        """Refuse a handle that the interface did not make."""
        if who in self._admitted:
            return None
        return Refusal(RefusalCode.UNKNOWN_PRINCIPAL, "a handle made by this interface", str(who)[:100])

    def reading(self, who: Principal, variable: str, location: Location) -> Refusal | None:
        """Refuse to read a series; granted, it counts as the last look."""
        refusal = (
            self.principal(who) or variable_refusal(CATALOGUE.get(variable), variable) or location_refusal(location)
        )
        if refusal is not None:
            return refusal
        access = self._of(who, variable, location)
        return self._access.refusal(who, access, Right.READ, self._now_s())

    def history(
        self,
        who: Principal,
        variable: str,
        location: Location,
        start: datetime,
        end: datetime,
        resolution: Resolution,
        *,
        following: bool,
    ) -> Refusal | None:
        """Refuse a page of history; `following` ones are the same look as the first."""
        if start.tzinfo is None or end.tzinfo is None or end < start:
            return Refusal(RefusalCode.BAD_TIME, "start <= end, both with zone", f"{start} to {end}")
        refusal = (
            self.principal(who) or variable_refusal(CATALOGUE.get(variable), variable) or location_refusal(location)
        )
        if refusal is not None:
            return refusal
        delay_s = self.delay_s(who, variable, location)
        if delay_s and not _coarse_enough(resolution, delay_s):
            # Otherwise one access a quarter of an hour would still hand out every second of it.
            expected = f"a resolution of at least {delay_s:g} s for {variable}"
            return Refusal(RefusalCode.NOT_GRANTED, expected, str(resolution), "ask for a coarser resolution")
        if following and delay_s is not None:
            return None  # the next page is still the same access
        return self.reading(who, variable, location)

    def delay_s(self, who: Principal, variable: str, location: Location) -> float | None:
        """Return the delay somebody must keep on a series, 0 for its owner, None without access."""
        return self._access.min_delay_s(who, self._of(who, variable, location), Right.READ)

    def subscribing(self, who: Principal, variable: str, pattern: Location) -> Refusal | None:
        """Refuse a subscription; what its pattern covers is judged instance by instance."""
        refusal = self.principal(who)
        if refusal is None and variable != ANY:
            refusal = variable_refusal(CATALOGUE.get(variable), variable)
        refusal = refusal or location_refusal(pattern, pattern=True)
        if refusal is not None:
            return refusal
        if not self._switchboard.room_for(who):
            return Refusal(RefusalCode.TOO_LARGE, "fewer open subscriptions", str(who), "unsubscribe some")
        if variable == ANY or ANY in (pattern.unit, pattern.device, pattern.part):
            return None  # what is not granted is left out, instance by instance
        access = self._of(who, variable, pattern)
        if self._access.min_delay_s(who, access, Right.READ) is not None:
            return None
        return self._access.refusal(who, access, Right.READ, self._now_s())

    def commanding(self, who: Principal, variable: str, location: Location, *, pattern: bool = False) -> Refusal | None:
        """Refuse to give, or to answer, a command."""
        entry = CATALOGUE.get(variable)
        refusal = (
            self.principal(who) or variable_refusal(entry, variable) or location_refusal(location, pattern=pattern)
        )
        if refusal is not None:
            return refusal
        if entry is None or entry.kind is not Kind.COMMAND:
            return Refusal(RefusalCode.WRONG_KIND, "a command", variable)
        access = self._of(who, variable, location)
        return self._access.refusal(who, access, Right.WRITE, self._now_s())

    def writing(self, who: Principal, series: Series) -> Refusal | None:
        """Refuse to write a series; granted, it counts as the last write."""
        return self._to_series(who, series, Right.WRITE)

    def may_look(self, who: Principal, series: Series) -> bool:
        """Tell whether somebody may be told of a series now; if so, it counts as the last look."""
        return self._to_series(who, series, Right.READ) is None

    def owner_of(self, who: Principal, variable: str, location: Location) -> Stakeholder:
        """Return whose a series is, or would become."""
        return self._of(who, variable, location).owner

    def still_may_read(self, who: Principal, instance: Instance) -> bool:
        """Tell whether what was delivered may still be read."""
        access = self._of(who, instance.variable, instance.location)
        return self._access.min_delay_s(who, access, Right.READ) is not None

    def _to_series(self, who: Principal, series: Series, right: Right) -> Refusal | None:
        # Hundreds of series are looked at in one picture, nearly always by their owner: then nothing more is asked.
        if who.stakeholder == series.owner:
            return None
        return self._access.refusal(who, self._to(series), right, self._now_s())

    def _of(self, who: Principal, variable: str, location: Location) -> Access:
        series = self._image.find(variable, location)
        if series is not None:
            return self._to(series)
        owner = CUSTOMER if variable == ANY else owner_of_new(who.stakeholder, variable)
        return Access(variable, location, owner, self._rights.of_new(variable, location), written=False)

    def _to(self, series: Series) -> Access:
        written = self._image.find(*series.key) is series
        return Access(series.variable.id, series.location, series.owner, self._rights.in_force(series), written)


def variable_refusal(entry: Variable | None, variable: str) -> Refusal | None:
    """Refuse a variable that the catalogue does not know."""
    if entry is not None:
        return None
    return Refusal(RefusalCode.UNKNOWN_VARIABLE, "a variable of the catalogue", repr(variable)[:60])


def _coarse_enough(resolution: Resolution, delay_s: float) -> bool:
    return resolution in SPAN and SPAN[resolution].total_seconds() >= delay_s
