"""What was planned beside what happened, on quarter hours: plan.slot records next to the house's roll-ups.

A slot's record is read at its own start, a frame or two of the store each, and kept once the slot is over: what was
planned does not change any more. So many pages and many reloads cost the store the first reading only.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from heg.data.door import Door, Resolution
from heg.model.records import PlannedSlot
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.model.slots import slot_start
from heg.runtime.clock import Clock
from heg.web.energy import Column, Grid, added, column_of, energy_history
from heg.web.house import Home, Household
from heg.web.messages import iso
from heg.web.plan_messages import PastDone, PastPlanned, PlanPast

MOST_STEPS = 288
"""Three days of quarter hours."""
_QUARTER = timedelta(minutes=15)
_FINE = timedelta(minutes=5)
_INSTANT = timedelta(seconds=1)
_KEPT = timedelta(hours=75)
_LONGEST = 200


class PlannedPast:
    """Reads plan and truth of a span; remembers the slots that are over."""

    def __init__(self, door: Door, clock: Clock, home: Home) -> None:
        self._door = door
        self._clock = clock
        self._home = home
        self._over: dict[datetime, PlannedSlot | None] = {}

    async def read(self, start: datetime, end: datetime) -> PlanPast | Refusal:
        """Return the quarter hours of a span side by side. Raises `RefusedError` where the past may not be shown."""
        # From the start of a slot on: what was planned for a longer one stands at its first quarter.
        slot = timedelta(minutes=max(15, self._slot_minutes()))
        grid = Grid.over(slot_start(start, slot), end, Resolution.QUARTER)
        if isinstance(grid, Refusal):
            return grid
        if grid.count > MOST_STEPS:
            return Refusal(
                RefusalCode.TOO_LARGE, f"at most {MOST_STEPS} quarter hours", f"{grid.count}", "ask for a shorter span"
            )
        planned = await self._planned(grid)
        return PlanPast(start_utc=iso(grid.start), step_s=900, done=await self._done(grid), planned=planned)

    async def _done(self, grid: Grid) -> PastDone:
        household = Household.of(self._door, self._home.unit)
        past = await energy_history(self._door, household, grid.start, grid.end, Resolution.QUARTER)
        if isinstance(past, Refusal):
            raise RefusedError(past)
        vehicle = await added(self._door, household.chargers, grid, Resolution.QUARTER)
        demand = _less(past.house_kw, vehicle) if household.chargers else past.house_kw
        return PastDone(
            demand_kw=_first_of(demand, await self._booked("slot.demand", grid)),
            production_kw=_first_of(past.pv_kw, await self._booked("slot.production", grid)),
            battery_kw=past.battery_kw,
            vehicle_kw=vehicle,
            grid_kw=past.grid_kw,
            soc=past.soc,
        )

    async def _booked(self, variable: str, grid: Grid) -> Column:
        """Slots as they were booked: what was brought from before this unit measured stands there too."""
        column = await column_of(self._door, variable, self._home.here, grid, Resolution.QUARTER)
        return _spread(column, self._slot_minutes() // 15)

    async def _planned(self, grid: Grid) -> PastPlanned:
        rows: list[PlannedSlot | None] = [
            await self._quarter(grid.start + index * grid.step) for index in range(grid.count)
        ]
        return _in_columns(_held(rows))

    async def _quarter(self, start: datetime) -> PlannedSlot | None:
        if start in self._over:
            return self._over[start]
        fine = self._slot_minutes() < 15
        starts = [start + part * _FINE for part in range(3)] if fine else [start]
        found = [slot for moment in starts if (slot := await self._slot(moment)) is not None]
        joined = _joined(found)
        if start + _QUARTER + _FINE <= self._clock.utc():
            self._keep(start, joined)
        return joined

    async def _slot(self, start: datetime) -> PlannedSlot | None:
        page = await self._door.history("plan.slot", self._home.here, start, start + _INSTANT, limit=4)
        if page.refusal is not None:
            raise RefusedError(page.refusal)
        slots = [row.value for row in page.rows if isinstance(row.value, PlannedSlot)]
        return slots[-1] if slots else None

    def _keep(self, start: datetime, slot: PlannedSlot | None) -> None:
        self._over[start] = slot
        oldest = self._clock.utc() - _KEPT
        for moment in [moment for moment in self._over if moment < oldest]:
            del self._over[moment]

    def _slot_minutes(self) -> int:
        newest = self._door.latest("plan.slot", self._home.here)
        return newest.value.slot_minutes if newest is not None and isinstance(newest.value, PlannedSlot) else 15


def _held(rows: Sequence[PlannedSlot | None]) -> list[PlannedSlot | None]:
    """A slot that is longer than a quarter holds for all of its quarters."""
    held: list[PlannedSlot | None] = []
    last, left = None, 0
    for row in rows:
        if row is not None:
            last, left = row, max(1, row.slot_minutes // 15)
        held.append(last if left > 0 else None)
        left -= 1
    return held


def _joined(slots: Sequence[PlannedSlot]) -> PlannedSlot | None:
    """One quarter of several shorter slots: the mean of their figures, the words of the first."""
    if len(slots) < 2:
        return slots[0] if slots else None

    def mean(value: Callable[[PlannedSlot], float | None]) -> float | None:
        known = [found for one in slots if (found := value(one)) is not None]
        return sum(known) / len(known) if known else None

    first = slots[0]
    return PlannedSlot(
        slot_minutes=15,
        demand_kw=mean(lambda one: one.demand_kw) or 0.0,
        production_kw=mean(lambda one: one.production_kw) or 0.0,
        grid_kw=mean(lambda one: one.grid_kw) or 0.0,
        ess_kw=mean(lambda one: one.ess_kw),
        pev_kw=mean(lambda one: one.pev_kw),
        ess_regime=first.ess_regime,
        pev_regime=first.pev_regime,
        ess_soc=first.ess_soc,
        import_eur_per_kwh=mean(lambda one: one.import_eur_per_kwh),
        export_eur_per_kwh=mean(lambda one: one.export_eur_per_kwh),
        co2_eur_per_kwh=mean(lambda one: one.co2_eur_per_kwh),
        status=first.status,
        reason=first.reason,
        text=first.text,
        degradations=first.degradations,
    )


def _in_columns(rows: Sequence[PlannedSlot | None]) -> PastPlanned:
    def numbers(value: Callable[[PlannedSlot], float | None], digits: int = 3) -> Column:
        found = [None if row is None else value(row) for row in rows]
        return [None if one is None else round(one, digits) + 0.0 for one in found]

    def words(value: Callable[[PlannedSlot], str]) -> list[str | None]:
        return [None if row is None else value(row)[:_LONGEST] or None for row in rows]

    return PastPlanned(
        demand_kw=numbers(lambda row: row.demand_kw),
        production_kw=numbers(lambda row: row.production_kw),
        battery_kw=numbers(lambda row: row.ess_kw),
        vehicle_kw=numbers(lambda row: row.pev_kw),
        grid_kw=numbers(lambda row: row.grid_kw),
        soc=numbers(lambda row: row.ess_soc, 4),
        import_eur_per_kwh=numbers(lambda row: row.import_eur_per_kwh, 5),
        export_eur_per_kwh=numbers(lambda row: row.export_eur_per_kwh, 5),
        co2_eur_per_kwh=numbers(lambda row: row.co2_eur_per_kwh, 5),
        regime=words(lambda row: row.ess_regime),
        status=words(lambda row: row.status),
        reason=words(lambda row: row.reason),
        text=words(lambda row: row.text),
        lacks=[() if row is None else row.degradations for row in rows],
    )


def _less(column: Column, other: Column) -> Column:
    return [None if a is None or b is None else round(max(0.0, a - b), 3) for a, b in zip(column, other, strict=True)]


def _first_of(column: Column, other: Column) -> Column:
    return [b if a is None else a for a, b in zip(column, other, strict=True)]


def _spread(column: Column, quarters: int) -> Column:
    """A slot of several quarters stands in the first of them only: it holds for all."""
    if quarters <= 1:
        return column
    held: Column = []
    for index, value in enumerate(column):
        earlier = [column[at] for at in range(max(0, index - quarters + 1), index)]
        held.append(value if value is not None else next((one for one in reversed(earlier) if one is not None), None))
    return held
