"""The envelope of the connection point over HTTP, and the evidence of how its limits and the leases were kept."""

from collections.abc import AsyncGenerator, Iterable
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta

from heg.data.door import Door, HistoryPage, HistoryRow, Resolution
from heg.model.envelope import Envelope, EnvelopeSource
from heg.model.instance import Location
from heg.model.records import EvidenceRecord
from heg.model.refusals import RefusedError
from heg.runtime.clock import Clock
from heg.web.accounts.roles import Permission
from heg.web.endpoint import Answered, Call, Download, Endpoint, Nothing, Nowhere, reading
from heg.web.evidence_messages import EnvelopeState, EvidenceLine, EvidencePage
from heg.web.house import Home
from heg.web.messages import iso
from heg.web.snapshot import envelope_now
from heg.web.spans import Span, between
from heg.web.tables import CSV, Format, Wish, as_csv
from heg.web.value_messages import PlaceName

_DEFAULT_SPAN = timedelta(days=31)
_MOST_ROWS = 1000
_HEAD = ("time", "source", "device", "what", "reason", "text", "grid_before_kw", "grid_after_kw")


class EvidenceWanted(Span, frozen=True, kw_only=True):
    """Which evidence: of the envelope as a whole, of one source's limits, or of a device's leases."""

    source: (
        Annotated[EnvelopeSource, Meta(description=f"one of {', '.join(EnvelopeSource)}; without it, all together")]
        | None
    ) = None
    device: PlaceName = ""
    cursor: Annotated[str, Meta(max_length=200, description="next_cursor of the page before")] | None = None
    limit: Annotated[int, Meta(ge=1, le=_MOST_ROWS, description=f"rows a page, 1 to {_MOST_ROWS}")] = _MOST_ROWS
    format: Wish = Format.JSON


class EvidenceApi:
    """Handlers of envelope and evidence. They ask the door of whoever calls."""

    def __init__(self, clock: Clock, home: Home) -> None:
        self._clock = clock
        self._home = home

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the rows."""
        read = Permission.READ
        return (
            reading("/api/v1/envelope", read, "the limits of the connection point", self._now, EnvelopeState, Nowhere),
            reading(
                "/api/v1/evidence",
                read,
                "changes of limits and leases, the meter before and after",
                self._evidence,
                EvidencePage,
                EvidenceWanted,
                also=(CSV,),
            ),
        )

    async def _now(self, call: Call[Nowhere, Nothing]) -> Answered:
        newest = call.door.latest("envelope", self._home.here)
        envelope = None if newest is None or not isinstance(newest.value, Envelope) else envelope_now(newest.value)
        return EnvelopeState(envelope=envelope, since_utc=None if newest is None else iso(newest.time))

    async def _evidence(self, call: Call[EvidenceWanted, Nothing]) -> Answered:
        wanted = call.wanted
        place = Location(self._home.unit, wanted.device, "" if wanted.source is None else wanted.source.value)
        span = between(wanted, self._clock, _DEFAULT_SPAN)
        page = await _page(call.door, place, span, wanted.cursor, wanted.limit)
        if wanted.format is Format.CSV:
            return Download(_as_csv(call.door, place, span, page), CSV, "evidence.csv")
        return EvidencePage(lines=tuple(_lines(place, page.rows)), next_cursor=page.next_cursor)


async def _page(
    door: Door, place: Location, span: tuple[datetime, datetime], cursor: str | None, limit: int
) -> HistoryPage:
    page = await door.history("evidence", place, *span, Resolution.RAW, cursor=cursor, limit=limit)
    if page.refusal is not None:
        raise RefusedError(page.refusal)
    return page


async def _as_csv(
    door: Door, place: Location, span: tuple[datetime, datetime], page: HistoryPage
) -> AsyncGenerator[bytes, None]:
    yield as_csv((_HEAD,))
    while True:
        lines = _lines(place, page.rows)
        yield as_csv(tuple(getattr(line, name) for name in _HEAD) for line in lines)
        if page.next_cursor is None:
            return
        page = await _page(door, place, span, page.next_cursor, _MOST_ROWS)


def _lines(place: Location, rows: Iterable[HistoryRow]) -> Iterable[EvidenceLine]:
    for row in rows:
        if isinstance(row.value, EvidenceRecord):
            yield EvidenceLine(
                time=iso(row.time),
                source=place.part,
                device=place.device,
                what=row.value.what,
                reason=row.value.reason.code,
                text=row.value.reason.text,
                grid_before_kw=row.value.grid_before_kw,
                grid_after_kw=row.value.grid_after_kw,
            )
