"""Spans of time as an address says them: `from` and `to`, with what is meant where they are left out."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.web.endpoint import Wanted
from heg.web.messages import iso

if TYPE_CHECKING:  # what only decodes messages needs no event loop
    from heg.runtime.clock import Clock

_A_TIME = "a UTC time such as 2026-06-01T12:00:00Z"
Moment = Annotated[datetime, Meta(tz=True, description=_A_TIME)]
_YEARS = range(2000, 2201)


class Span(Wanted, frozen=True, rename={"since": "from", "until": "to"}):
    """From (inclusive) until (exclusive); without them up to now, as far back as the endpoint says."""

    since: Moment | None = None
    until: Moment | None = None


def between(span: Span, clock: "Clock", default: timedelta) -> tuple[datetime, datetime]:
    """Return the span's ends in UTC. Raises `RefusedError` for times out of this century or the next."""
    # The minute under way belongs to it: the page's curve ends now.
    until = clock.utc() + timedelta(seconds=1) if span.until is None else _plausible(span.until)
    return (until - default if span.since is None else _plausible(span.since)), until


def _plausible(time: datetime) -> datetime:
    if time.year not in _YEARS:
        raise RefusedError(Refusal(RefusalCode.BAD_TIME, _A_TIME, iso(time) if time.year > 1 else "year 1"))
    return time.astimezone(UTC)
