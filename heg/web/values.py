"""The data interface over HTTP: catalogued variables, their newest instances, their past, and what comes."""

import math
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from heg.data.door import Door, HistoryPage, HistoryRow, Resolution
from heg.data.encoding import to_plain
from heg.model.catalogue import CATALOGUE, Variable
from heg.model.instance import ANY, Instance, Location
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.runtime.clock import Clock
from heg.web.accounts.records import Reason, Refused
from heg.web.accounts.roles import Permission
from heg.web.asking import DeniedError
from heg.web.endpoint import Answered, Call, Download, Endpoint, Nothing, Nowhere, Text, Wanted, reading
from heg.web.gate import denied_for
from heg.web.history_messages import SeriesPage, SeriesRow
from heg.web.house import Home
from heg.web.messages import Value, iso
from heg.web.spans import Span, between
from heg.web.tables import CSV, Format, Wish, as_csv
from heg.web.value_messages import CataloguedVariable, NewestValue, NewestValues, PlaceName, VariableName, Variables

_DEFAULT_SPAN = timedelta(hours=48)
_MOST_ROWS = 5000
_ROWS_AT_ONCE = 2000
_HISTORY_HEAD = ("time", "value", "low", "high", "first", "last", "count")
_LATEST_HEAD = ("variable", "device", "part", "time", "quality", "value", "unit")


class Series(Span, frozen=True, kw_only=True):
    """A series of history, and how it is to be cut."""

    variable: VariableName
    device: PlaceName = ""
    part: PlaceName = ""
    resolution: Annotated[Resolution, Meta(description=f"one of {', '.join(Resolution)}")] = Resolution.MINUTE
    cursor: Annotated[str, Meta(max_length=200, description="next_cursor of the page before")] | None = None
    limit: Annotated[int, Meta(ge=1, le=_MOST_ROWS, description=f"rows a page, 1 to {_MOST_ROWS}")] = _MOST_ROWS
    format: Wish = Format.JSON


class Pattern(Wanted, frozen=True):
    """Which series are meant; `*` stands for all."""

    variable: VariableName = ANY
    device: PlaceName = ANY
    part: PlaceName = ANY
    format: Wish = Format.JSON


class ValuesApi:
    """Handlers of the data interface's own requests, under the policies of whoever calls."""

    def __init__(self, clock: Clock, home: Home) -> None:
        self._clock = clock
        self._home = home

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the rows."""
        read, csv = Permission.READ, (CSV,)
        return (
            reading("/api/v1/variables", read, "the catalogue of variables", self._variables, Variables, Nowhere),
            reading(
                "/api/v1/latest", read, "the newest value of each series", self._latest, NewestValues, Pattern, also=csv
            ),
            reading("/api/v1/history", read, "rows of one series", self._history, SeriesPage, Series, also=csv),
        )

    async def _variables(self, _call: Call[Nowhere, Nothing]) -> Answered:
        return Variables(variables=tuple(_catalogued(CATALOGUE[name]) for name in sorted(CATALOGUE)))

    async def _latest(self, call: Call[Pattern, Nothing]) -> Answered:
        wanted = call.wanted
        names = sorted(CATALOGUE) if wanted.variable == ANY else [_known(wanted.variable).id]
        place = Location(self._home.unit, wanted.device, wanted.part)
        mine = [name for name in names if may_see(call, name)]
        if not mine:
            raise DeniedError(denied_for(more_needed(names[0])))
        newest = [
            newest_value(one)
            for name in mine
            for one in sorted(call.door.latest_all(name, place), key=lambda one: one.location)
        ]
        if wanted.format is Format.JSON:
            return NewestValues(values=tuple(newest))
        rows = ((v.variable, v.device, v.part, v.time, str(v.quality), _text(v.value), v.unit) for v in newest)
        return Text(as_csv((_LATEST_HEAD, *rows)), CSV)

    async def _history(self, call: Call[Series, Nothing]) -> Answered:
        wanted = call.wanted
        variable = _known(wanted.variable)
        if not may_see(call, variable.id):
            raise DeniedError(denied_for(more_needed(variable.id)))
        reader = _Reader(
            call.door, variable, Location(self._home.unit, wanted.device, wanted.part), wanted, self._clock
        )
        first = await reader.page(wanted.cursor, wanted.limit if wanted.format is Format.JSON else _ROWS_AT_ONCE)
        if wanted.format is Format.CSV:
            name = "-".join(part for part in (variable.id, wanted.device, wanted.part) if part).replace("/", "-")
            return Download(reader.as_csv(first), CSV, f"{name}.csv")
        rows = tuple(_row(row) for row in first.rows)
        place, unit = str(reader.place), variable.unit
        return SeriesPage(variable=variable.id, unit=unit, place=place, rows=rows, next_cursor=first.next_cursor)


def may_see(call: Call[Any, Any], variable: str) -> bool:
    """Tell whether whoever calls may see a variable at all: some hold more than values of the house."""
    needs = NEEDS_MORE.get(variable)
    return needs is None or call.who is None or call.who.may(needs)


NEEDS_MORE = {
    "configuration": Permission.CONFIGURE,
    "configuration.draft": Permission.CONFIGURE,
    "policy": Permission.POLICIES,
    "contract.rights": Permission.POLICIES,
}
"""Variables that reading values is not enough for."""


class _Reader:
    """Reads one series page after page."""

    def __init__(self, door: Door, variable: Variable, place: Location, wanted: Series, clock: Clock) -> None:
        self.place = place
        self._door = door
        self._variable = variable
        self._resolution = wanted.resolution
        self._start, self._end = between(wanted, clock, _DEFAULT_SPAN)

    async def page(self, cursor: str | None, limit: int) -> HistoryPage:
        page = await self._door.history(
            self._variable.id, self.place, self._start, self._end, self._resolution, cursor=cursor, limit=limit
        )
        if page.refusal is not None:
            raise RefusedError(page.refusal)
        return page

    async def as_csv(self, page: HistoryPage) -> AsyncGenerator[bytes, None]:
        yield as_csv((_HISTORY_HEAD,))
        while True:
            yield as_csv(_cells(row) for row in page.rows)
            if page.next_cursor is None:
                return
            page = await self.page(page.next_cursor, _ROWS_AT_ONCE)


def _known(name: str) -> Variable:
    variable = CATALOGUE.get(name)
    if variable is None:
        raise RefusedError(
            Refusal(RefusalCode.UNKNOWN_VARIABLE, "a catalogued variable such as power.active", name[:64])
        )
    return variable


def more_needed(variable: str) -> Refused:
    """Say what reading values is not enough for."""
    return Refused(Reason.NOT_ALLOWED, f"somebody who may {NEEDS_MORE[variable]}", "ask the owner")


def _catalogued(variable: Variable) -> CataloguedVariable:
    return CataloguedVariable(
        id=variable.id,
        kind=variable.kind,
        unit=variable.unit,
        description=variable.description,
        low=_finite(variable.low),
        high=_finite(variable.high),
        states=tuple(sorted(variable.states)),
    )


def _finite(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None


def newest_value(instance: Instance) -> NewestValue:
    """Make the message of an instance."""
    return NewestValue(
        variable=instance.variable,
        device=instance.location.device,
        part=instance.location.part,
        time=iso(instance.time),
        quality=instance.quality,
        value=_plain(instance.value),
        unit=CATALOGUE[instance.variable].unit,
        owner=str(instance.owner),
    )


def _row(row: HistoryRow) -> SeriesRow:
    return SeriesRow(
        time=iso(row.time),
        value=_plain(row.value),
        low=row.low,
        high=row.high,
        first=row.first,
        last=row.last,
        count=row.count,
    )


def _cells(row: HistoryRow) -> tuple[object, ...]:
    return iso(row.time), _text(_plain(row.value)), row.low, row.high, row.first, row.last, row.count


def _plain(value: object) -> Value:
    # JSON has no NaN and no infinity; the encoding of records says them in words, a bare number is left out.
    if isinstance(value, float) and not math.isfinite(value):
        return None
    plain: Value = to_plain(value)
    return plain


def _text(value: Value) -> object:
    return msgspec.json.encode(value).decode() if isinstance(value, dict | list) else value
