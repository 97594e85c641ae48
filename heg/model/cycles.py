"""An appliance's cycle that waits for its time: what it draws, when it may run, how far it is, and what is planned.

The record outlives restarts: what was asked for holds, and what has begun goes on. Pure.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from heg.model.plan import Deferrable, Plan
from heg.model.slots import slot_start

LONGEST_STEPS = 288
MOST_KW = 50.0
WHOLE_SHARE = 14.0 / 15.0
"""A slot of which so much is left still is a whole one for a cycle: plans are made a little after its start."""
_PLANNED_WITHIN = timedelta(minutes=1)


class CycleState(StrEnum):
    """Where a cycle that was asked for stands; `missed` is one that found no room in its window."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    MISSED = "missed"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class CycleCurve:
    """Mean kW (above 0) of each step of so many minutes; an interruptible one may pause between them."""

    power_kw: tuple[float, ...]
    step_minutes: int = 15
    interruptible: bool = False

    @property
    def length(self) -> timedelta:
        """How long it runs."""
        return len(self.power_kw) * timedelta(minutes=self.step_minutes)

    def by_slots(self, slot_minutes: int) -> tuple[float, ...]:
        """Return the mean kW of each slot, when it begins with a slot; the same energy."""
        if slot_minutes <= self.step_minutes:
            return tuple(kw for kw in self.power_kw for _ in range(self.step_minutes // slot_minutes))
        joined = slot_minutes // self.step_minutes
        parts = (self.power_kw[at : at + joined] for at in range(0, len(self.power_kw), joined))
        return tuple(math.fsum(part) / joined for part in parts)


@dataclass(frozen=True, slots=True)
class CycleRecord:
    """Variable `cycle` at part NAME of `cycle`: one run that was asked for, over before `latest`.

    `ran` are the starts of the slots in which it ran, the running one too. `planned_start` and `planned_end` are what
    the plan says now, None where it has no room. Where an appliance of this name is attached it is switched on then;
    `offer` is the id of the cycle that it offered itself, empty where a person asked. Else somebody starts it.
    """

    name: str
    state: CycleState
    curve: CycleCurve
    earliest: datetime
    latest: datetime
    asked: datetime
    ran: tuple[datetime, ...] = ()
    planned_start: datetime | None = None
    planned_end: datetime | None = None
    offer: str = ""

    @property
    def active(self) -> bool:
        """Tell whether it is still to be planned."""
        return self.state in (CycleState.WAITING, CycleState.RUNNING)


def deferrables(
    record: CycleRecord, start: datetime, slot_minutes: int, slots: int, now: datetime
) -> tuple[Deferrable, ...]:
    """Return what of a cycle is to be placed from `start` on; what runs goes on, whatever is cheap later.

    None begins in a slot of which too much is gone at `now`: it would end after its window.
    One whose window opens too late for this horizon and ends beyond it waits for a later plan.
    """
    slot = timedelta(minutes=slot_minutes)
    curve, interruptible = record.curve.by_slots(slot_minutes), record.curve.interruptible
    if not record.active or not slots:
        return ()
    if record.ran and not interruptible:
        left = curve[max(0, (start - record.ran[0]) // slot) :]
        return (_at_once(record.name, left[:slots]),) if left else ()
    before = sum(at < start for at in record.ran)
    held = curve[before : before + 1] if start in record.ran else ()
    left = curve[before + len(held) :]
    forced = (_at_once(record.name, held),) if held else ()
    begun = int(now - start > (1.0 - WHOLE_SHARE) * slot)
    earliest = max(len(held), begun, -((start - record.earliest) // slot))
    last = (record.latest - start) // slot
    if record.ran:
        last = max(last, earliest + len(left))  # what has begun is ended
    if not left or (last > slots and slots - earliest < len(left)):
        return forced
    return (
        *forced,
        Deferrable(
            name=record.name,
            power_kw=left,
            earliest_slot=earliest,
            latest_slot=min(max(last, 0), slots),
            interruptible=interruptible,
        ),
    )


def followed(record: CycleRecord, plan: Plan | None, now: datetime, slot_minutes: int) -> CycleRecord:
    """Return how a cycle stands at `now` by the plan in force, None where none knows of it."""
    if not record.active:
        return record
    slot = timedelta(minutes=slot_minutes)
    needed = len(record.curve.by_slots(slot_minutes))
    over = sum(at + slot <= now for at in record.ran)
    if record.ran and not record.curve.interruptible:
        over = max(0, (now - record.ran[0]) // slot)
    if over >= needed:
        return replace(
            record,
            state=CycleState.DONE,
            planned_end=record.ran[-1] + slot if record.curve.interruptible else record.ran[0] + needed * slot,
        )
    if not record.ran and now >= record.latest:
        return replace(record, state=CycleState.MISSED, planned_start=None, planned_end=None)
    return record if plan is None or plan.slot_minutes != slot_minutes else _planned(record, plan, now)


def _planned(record: CycleRecord, plan: Plan, now: datetime) -> CycleRecord:
    parts = [one.power_kw for one in plan.deferrable if one.name == record.name]
    runs = [plan.start + at * plan.slot for at in range(plan.slots) if any(kw[at] > 0.0 for kw in parts)]
    ran, here = record.ran, slot_start(now, plan.slot)
    # By an older plan only when no newer one has come: it may say otherwise.
    said = plan.start == here or now - here >= _PLANNED_WITHIN
    if said and here in runs and here not in ran and (not ran or record.curve.interruptible):
        ran = (*ran, here)
    first = ran[0] if ran else runs[0] if runs else None
    end = runs[-1] + plan.slot if runs else None
    if ran and not record.curve.interruptible:
        end = ran[0] + len(record.curve.by_slots(plan.slot_minutes)) * plan.slot
    return replace(
        record, ran=ran, state=CycleState.RUNNING if ran else CycleState.WAITING, planned_start=first, planned_end=end
    )


def _at_once(name: str, power_kw: tuple[float, ...]) -> Deferrable:
    return Deferrable(name=name, power_kw=power_kw, earliest_slot=0, latest_slot=len(power_kw))
