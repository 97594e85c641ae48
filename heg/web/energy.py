"""The house's history in columns: stored rows of several devices laid side by side on one grid of steps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from heg.data.door import Door, Resolution
from heg.model.instance import Location
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.web.history_messages import EnergyHistory
from heg.web.house import Household, Member
from heg.web.messages import iso

STEPS: Mapping[Resolution, timedelta] = {
    Resolution.MINUTE: timedelta(minutes=1),
    Resolution.QUARTER: timedelta(minutes=15),
    Resolution.HOUR: timedelta(hours=1),
    Resolution.DAY: timedelta(days=1),
}
MAX_STEPS = 4500
"""Three days of minutes: what one answer may hold, so that nobody can make the unit build a huge one."""
_PAGE_ROWS = MAX_STEPS

Column = list[float | None]


@dataclass(frozen=True, slots=True)
class Grid:
    """Equal steps from `start` on."""

    start: datetime
    step: timedelta
    count: int

    @classmethod
    def over(cls, start: datetime, end: datetime, resolution: Resolution) -> "Grid | Refusal":
        """Lay the steps of a resolution over a span, beginning where the step of `start` begins."""
        step = STEPS.get(resolution)
        if step is None:
            return Refusal(RefusalCode.UNSUPPORTED, f"resolution one of {', '.join(STEPS)}", resolution)
        first = _floor(start, step)
        count = -((first - end) // step)
        if count <= 0:
            return Refusal(RefusalCode.BAD_TIME, "from before to", f"{iso(start)} to {iso(end)}")
        if count > MAX_STEPS:
            return Refusal(
                RefusalCode.TOO_LARGE,
                f"at most {MAX_STEPS} steps",
                f"{count}",
                "ask for a shorter span or longer steps",
            )
        return cls(first, step, count)

    @property
    def end(self) -> datetime:
        """Where the last step ends."""
        return self.start + self.step * self.count

    def index(self, time: datetime) -> int | None:
        """Return which step a time lies in, None outside."""
        at = (time - self.start) // self.step
        return at if 0 <= at < self.count else None


async def energy_history(
    door: Door, household: Household, start: datetime, end: datetime, resolution: Resolution
) -> EnergyHistory | Refusal:
    """Mean power of house, PV, battery and grid and the state of charge, in columns of equal steps.

    Raises `RefusedError` where the door refuses to show the past.
    """
    grid = Grid.over(start, end, resolution)
    if isinstance(grid, Refusal):
        return grid
    meter = await added(door, [household.grid] if household.grid else [], grid, resolution)
    pv = await added(door, household.producers, grid, resolution)
    battery = await added(door, household.storages, grid, resolution)
    soc = await _soc(door, household.storages, grid, resolution)
    house = [
        _load(meter[at], pv[at] if household.producers else 0.0, battery[at] if household.storages else 0.0)
        for at in range(grid.count)
    ]
    return EnergyHistory(
        start_utc=iso(grid.start),
        step_s=int(grid.step.total_seconds()),
        house_kw=house,
        pv_kw=pv,
        battery_kw=battery,
        grid_kw=meter,
        soc=soc,
    )


def _load(grid_kw: float | None, pv_kw: float | None, battery_kw: float | None) -> float | None:
    if grid_kw is None or pv_kw is None or battery_kw is None:
        return None
    return round(grid_kw + pv_kw - battery_kw, 3)


async def added(door: Door, members: Sequence[Member], grid: Grid, resolution: Resolution) -> Column:
    """Mean power of several devices together; unknown where one of them is."""
    columns = [await column_of(door, "power.active", member.place, grid, resolution) for member in members]
    return _across(columns, grid, lambda values: round(sum(values), 3))


async def _soc(door: Door, members: Sequence[Member], grid: Grid, resolution: Resolution) -> Column:
    columns = [await column_of(door, "soc", member.place, grid, resolution) for member in members]
    return _across(columns, grid, lambda values: round(sum(values) / len(values), 4))


def _across(columns: Sequence[Column], grid: Grid, join: Callable[[Sequence[float]], float]) -> Column:
    """Join columns step by step; a step that one of them lacks is unknown, never a smaller sum."""
    if not columns:
        return [None] * grid.count
    joined: Column = []
    for values in zip(*columns, strict=True):
        known = [value for value in values if value is not None]
        joined.append(join(known) if len(known) == len(values) else None)
    return joined


async def column_of(door: Door, variable: str, place: Location, grid: Grid, resolution: Resolution) -> Column:
    """One series on the grid. Raises `RefusedError` where the door refuses to show it."""
    column: Column = [None] * grid.count
    cursor: str | None = None
    while True:
        page = await door.history(variable, place, grid.start, grid.end, resolution, cursor=cursor, limit=_PAGE_ROWS)
        if page.refusal is not None:
            raise RefusedError(page.refusal)
        for row in page.rows:
            at = grid.index(row.time)
            if at is not None and isinstance(row.value, int | float) and not isinstance(row.value, bool):
                column[at] = round(row.value, 4)
        cursor = page.next_cursor
        if cursor is None:
            return column


def _floor(time: datetime, step: timedelta) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (time - epoch) // step * step
