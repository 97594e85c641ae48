"""What the API tells of the house as the page shows it: now, the plan, the week, the past, the books."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from heg.data.door import Door, Resolution
from heg.model.refusals import Refusal, RefusedError
from heg.runtime.clock import Clock
from heg.web.accounts.roles import Permission
from heg.web.endpoint import Answered, Call, Endpoint, Nothing, Nowhere, reading
from heg.web.energy import energy_history
from heg.web.history_messages import EnergyHistory
from heg.web.house import Home, Household
from heg.web.messages import Message
from heg.web.plan_messages import PlanPast, PlanState, WeekState
from heg.web.planned_past import PlannedPast
from heg.web.savings import By, savings_table
from heg.web.savings_messages import SavingsTable
from heg.web.snapshot import Snapshot
from heg.web.spans import Span, between
from heg.web.state_messages import Actuators, Alarms, Devices, State
from heg.web.week import week_state

_DEFAULT_SPAN = timedelta(hours=48)
_PLAN_SPAN = timedelta(hours=24)
_SAVINGS_SPAN = {By.SLOT: timedelta(hours=48), By.DAY: timedelta(days=31), By.MONTH: timedelta(days=400)}


class EnergySpan(Span, frozen=True):
    """A span in equal steps."""

    resolution: Annotated[Resolution, Meta(description=f"one of {', '.join(Resolution)}")] = Resolution.MINUTE


class SavingsSpan(Span, frozen=True):
    """A span of the books."""

    by: Annotated[By, Meta(description=f"one of {', '.join(By)}")] = By.DAY


@dataclass(frozen=True, slots=True)
class View:
    """The house through one door."""

    door: Door
    snapshot: Snapshot
    planned_past: PlannedPast


class Api:
    """Handlers of what the page shows. They ask the door of whoever calls."""

    def __init__(self, clock: Clock, home: Home) -> None:
        self._clock = clock
        self._home = home
        self._views: dict[Door, View] = {}
        # Two days of minutes are real work for the store: one after the other, however many pages open at once.
        self._reading_past = asyncio.Lock()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the rows."""
        read = Permission.READ
        return (
            reading("/api/v1/state", read, "all of now, as the page shows it", self._state, State, Nowhere),
            reading("/api/v1/devices", read, "devices with their newest values", self._devices, Devices, Nowhere),
            reading("/api/v1/leases", read, "what each actuator does, and why", self._leases, Actuators, Nowhere),
            reading("/api/v1/alarms", read, "active alarms and how to mend them", self._alarms, Alarms, Nowhere),
            reading("/api/v1/plan", read, "the plan in force, with its reasons", self._plan, PlanState, Nowhere),
            reading("/api/v1/plan/past", read, "plan and truth in quarter hours", self._plan_past, PlanPast, Span),
            reading("/api/v1/week", read, "the days ahead: needed and produced", self._week, WeekState, Nowhere),
            reading("/api/v1/energy", read, "the past in equal steps", self._energy, EnergyHistory, EnergySpan),
            reading(
                "/api/v1/savings", read, "the books, beside other houses", self._savings, SavingsTable, SavingsSpan
            ),
        )

    def _view(self, door: Door) -> View:
        if door not in self._views:
            past = PlannedPast(door, self._clock, self._home)
            self._views[door] = View(door, Snapshot(door, self._clock, self._home), past)
        return self._views[door]

    async def _state(self, call: Call[Nowhere, Nothing]) -> Answered:
        return self._view(call.door).snapshot.state()

    async def _devices(self, call: Call[Nowhere, Nothing]) -> Answered:
        return Devices(devices=self._view(call.door).snapshot.devices())

    async def _leases(self, call: Call[Nowhere, Nothing]) -> Answered:
        return Actuators(actuators=self._view(call.door).snapshot.actuators())

    async def _alarms(self, call: Call[Nowhere, Nothing]) -> Answered:
        return Alarms(alarms=self._view(call.door).snapshot.alarms())

    async def _plan(self, call: Call[Nowhere, Nothing]) -> Answered:
        return self._view(call.door).snapshot.plan()

    async def _plan_past(self, call: Call[Span, Nothing]) -> Answered:
        start, end = between(call.wanted, self._clock, _PLAN_SPAN)
        async with self._reading_past:
            return found(await self._view(call.door).planned_past.read(start, end))

    async def _week(self, call: Call[Nowhere, Nothing]) -> Answered:
        return week_state(call.door, self._clock, self._home)

    async def _energy(self, call: Call[EnergySpan, Nothing]) -> Answered:
        start, end = between(call.wanted, self._clock, _DEFAULT_SPAN)
        household = Household.of(call.door, self._home.unit)
        async with self._reading_past:
            return found(await energy_history(call.door, household, start, end, call.wanted.resolution))

    async def _savings(self, call: Call[SavingsSpan, Nothing]) -> Answered:
        by = call.wanted.by
        start, end = between(call.wanted, self._clock, _SAVINGS_SPAN[by])
        async with self._reading_past:
            return found(await savings_table(call.door, self._home.here, start, end, by))


def found(answer: Message | Refusal) -> Message:
    """Return what was found. Raises `RefusedError` where it was a refusal."""
    if isinstance(answer, Refusal):
        raise RefusedError(answer)
    return answer
