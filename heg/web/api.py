"""The JSON API under /api/v1: what it answers to, in one place. See docs/integrators/api.md."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from aiohttp import web

from heg.data.door import Door, HistoryRow, Resolution
from heg.model.catalogue import CATALOGUE
from heg.model.instance import Location
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.runtime.clock import Clock
from heg.web.energy import energy_history
from heg.web.house import Home, Household
from heg.web.messages import Actuator, Alarm, DeviceReadings, Message, Problem, SeriesPage, SeriesRow, encode, iso
from heg.web.orders import as_message, command_for, read_order
from heg.web.planned_past import PlannedPast
from heg.web.savings import By, savings_table
from heg.web.snapshot import Snapshot
from heg.web.week import week_state

_DEFAULT_SPAN = timedelta(hours=48)
_PLAN_SPAN = timedelta(hours=24)
_SAVINGS_SPAN = {By.SLOT: timedelta(hours=48), By.DAY: timedelta(days=31), By.MONTH: timedelta(days=400)}
_MOST_ROWS = 5000
_STATUS = {
    RefusalCode.NOT_GRANTED: 403,
    RefusalCode.TOO_SOON: 429,
    RefusalCode.UNKNOWN_VARIABLE: 404,
    RefusalCode.NO_ONE_ANSWERS: 503,
    RefusalCode.NOT_READY: 503,
    RefusalCode.TIMEOUT: 504,
}


class Actuators(Message, frozen=True):
    """What each actuator does and why."""

    actuators: tuple[Actuator, ...]


class Devices(Message, frozen=True):
    """Every attached device with its newest values."""

    devices: tuple[DeviceReadings, ...]


class Alarms(Message, frozen=True):
    """Active alarms."""

    alarms: tuple[Alarm, ...]


@dataclass(frozen=True, slots=True)
class View:
    """The house through one door."""

    door: Door
    snapshot: Snapshot
    planned_past: PlannedPast


class Api:
    """Handlers of the API. They decode, ask the door, and encode."""

    def __init__(
        self,
        door: Door,
        clock: Clock,
        home: Home,
        snapshot: Snapshot,
        door_of: Callable[[web.Request], Door | None] | None = None,
    ) -> None:
        self._household = View(door, snapshot, PlannedPast(door, clock, home))
        self._clock = clock
        self._home = home
        self._door_of = door_of
        self._others: dict[Door, View] = {}
        # Two days of minutes are real work for the store: one after the other, however many pages open at once.
        self._reading_past = asyncio.Lock()

    def _view(self, request: web.Request) -> "View":
        """What whoever asks may see: everybody but the household by a door of their own, under the owner's policies."""
        door = None if self._door_of is None else self._door_of(request)
        if door is None:
            return self._household
        if door not in self._others:
            past = PlannedPast(door, self._clock, self._home)
            self._others[door] = View(door, Snapshot(door, self._clock, self._home), past)
        return self._others[door]

    def add_routes(self, routes: web.UrlDispatcher) -> None:
        """Put the handlers under their paths."""
        routes.add_get("/api/v1/state", self._state)
        routes.add_get("/api/v1/devices", self._devices)
        routes.add_get("/api/v1/leases", self._leases)
        routes.add_get("/api/v1/alarms", self._alarms)
        routes.add_get("/api/v1/plan", self._plan)
        routes.add_get("/api/v1/plan/past", self._plan_past)
        routes.add_get("/api/v1/week", self._week)
        routes.add_get("/api/v1/energy", self._energy)
        routes.add_get("/api/v1/history", self._history)
        routes.add_get("/api/v1/savings", self._savings)
        routes.add_post("/api/v1/commands/{name}", self._command)

    async def _state(self, request: web.Request) -> web.Response:
        return _json(self._view(request).snapshot.state())

    async def _devices(self, request: web.Request) -> web.Response:
        return _json(Devices(devices=self._view(request).snapshot.devices()))

    async def _leases(self, request: web.Request) -> web.Response:
        return _json(Actuators(actuators=self._view(request).snapshot.actuators()))

    async def _alarms(self, request: web.Request) -> web.Response:
        return _json(Alarms(alarms=self._view(request).snapshot.alarms()))

    async def _plan(self, request: web.Request) -> web.Response:
        return _json(self._view(request).snapshot.plan())

    async def _plan_past(self, request: web.Request) -> web.Response:
        asked = self._between(request, _PLAN_SPAN)
        if isinstance(asked, Refusal):
            return _refused(asked)
        try:
            async with self._reading_past:
                found = await self._view(request).planned_past.read(*asked)
        except RefusedError as error:
            return _refused(error.refusal)
        return _refused(found) if isinstance(found, Refusal) else _json(found)

    async def _week(self, request: web.Request) -> web.Response:
        return _json(week_state(self._view(request).door, self._clock, self._home))

    async def _energy(self, request: web.Request) -> web.Response:
        asked = self._span(request)
        if isinstance(asked, Refusal):
            return _refused(asked)
        start, end, resolution = asked
        household = Household.of(self._view(request).door, self._home.unit)
        try:
            async with self._reading_past:
                found = await energy_history(self._view(request).door, household, start, end, resolution)
        except RefusedError as error:
            return _refused(error.refusal)
        return _refused(found) if isinstance(found, Refusal) else _json(found)

    async def _savings(self, request: web.Request) -> web.Response:
        try:
            by = By(request.query.get("by", By.DAY))
        except ValueError:
            expected = f"by one of {', '.join(By)}"
            return _refused(Refusal(RefusalCode.UNSUPPORTED, expected, request.query["by"][:64]))
        asked = self._between(request, _SAVINGS_SPAN[by])
        if isinstance(asked, Refusal):
            return _refused(asked)
        try:
            async with self._reading_past:
                found = await savings_table(self._view(request).door, self._home.here, *asked, by)
        except RefusedError as error:
            return _refused(error.refusal)
        return _refused(found) if isinstance(found, Refusal) else _json(found)

    async def _history(self, request: web.Request) -> web.Response:
        asked = self._span(request)
        if isinstance(asked, Refusal):
            return _refused(asked)
        start, end, resolution = asked
        variable = CATALOGUE.get(request.query.get("variable", ""))
        if variable is None:
            came = request.query.get("variable", "none")[:64]
            return _refused(Refusal(RefusalCode.UNKNOWN_VARIABLE, "a catalogued variable such as power.active", came))
        place = Location(self._home.unit, request.query.get("device", ""), request.query.get("part", ""))
        try:
            page = await self._view(request).door.history(
                variable.id, place, start, end, resolution, cursor=request.query.get("cursor"), limit=_MOST_ROWS
            )
        except RefusedError as error:
            return _refused(error.refusal)
        if page.refusal is not None:
            return _refused(page.refusal)
        rows = tuple(_row(row) for row in page.rows)
        return _json(
            SeriesPage(
                variable=variable.id, unit=variable.unit, place=str(place), rows=rows, next_cursor=page.next_cursor
            )
        )

    async def _command(self, request: web.Request) -> web.Response:
        order = read_order(request.match_info["name"], await request.read())
        if isinstance(order, Refusal):
            return _refused(order)
        command = command_for(order, self._home)
        try:
            given = await self._view(request).door.command(
                command.variable, command.place, command.arguments, timeout_s=command.timeout_s
            )
        except RefusedError as error:
            return _refused(error.refusal)
        code = given.refusal.code if given.refusal is not None else None
        status = 200 if given.outcome != "refused" else _STATUS.get(code, 409) if code is not None else 409
        return _json(as_message(given), status)

    def _span(self, request: web.Request) -> tuple[datetime, datetime, Resolution] | Refusal:
        query = request.query
        try:
            resolution = Resolution(query.get("resolution", Resolution.MINUTE))
        except ValueError:
            expected = f"resolution one of {', '.join(Resolution)}"
            return Refusal(RefusalCode.UNSUPPORTED, expected, query["resolution"][:64])
        between = self._between(request, _DEFAULT_SPAN)
        return between if isinstance(between, Refusal) else (*between, resolution)

    def _between(self, request: web.Request, default: timedelta) -> tuple[datetime, datetime] | Refusal:
        query = request.query
        # The minute under way belongs to it: the page's curve ends now.
        end = _time(query.get("to")) if "to" in query else self._clock.utc() + timedelta(seconds=1)
        if isinstance(end, Refusal):
            return end
        start = _time(query.get("from")) if "from" in query else _before(end, default)
        return start if isinstance(start, Refusal) else (start, end)


def _before(end: datetime, span: timedelta) -> datetime | Refusal:
    try:
        return end - span
    except OverflowError:
        return Refusal(RefusalCode.BAD_TIME, "a time in this century", iso(end))


def _time(text: str | None) -> datetime | Refusal:
    try:
        time = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        time = None
    if time is None or time.tzinfo is None or not 2000 <= time.year <= 2200:
        return Refusal(RefusalCode.BAD_TIME, "a UTC time such as 2026-06-01T12:00:00Z", str(text)[:64])
    return time.astimezone(UTC)


def _row(row: HistoryRow) -> SeriesRow:
    value = row.value if isinstance(row.value, float | int | str | bool) else None
    return SeriesRow(
        time=iso(row.time), value=value, low=row.low, high=row.high, first=row.first, last=row.last, count=row.count
    )


def _refused(refusal: Refusal) -> web.Response:
    problem = Problem(reason=refusal.code, expected=refusal.expected, came=refusal.came, mend=refusal.mend)
    return _json(problem, _STATUS.get(refusal.code, 400))


def _json(message: Message, status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        body=encode(message),
        headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
    )
