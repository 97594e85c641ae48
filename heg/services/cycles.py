"""Appliances' cycles that wait for their time: answers `command.cycle`, and keeps the record `cycle` of each.

The slot loop places what is asked for; this service says when it is to run, follows it slot by slot, and knows it
again after a restart. Switching the appliance is not its matter: automation reads the planned start, or a person.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from heg.data.door import CommandAnswer, Door, Outcome
from heg.model.cycles import CycleRecord, CycleState, followed
from heg.model.instance import Location
from heg.model.plan import Plan
from heg.model.refusals import Refusal, RefusalCode
from heg.model.timings import Timings
from heg.runtime.clock import Clock
from heg.services.cycle_words import CycleSettings, Wanted, read_wish, usual_window

logger = logging.getLogger(__name__)

PLACE = "cycle"
"""The place of all cycles; each is a part of it."""
MOST_CYCLES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CyclesSettings:
    """One unit's cycles as configured, the slots they are planned by, and the zone people speak of."""

    unit: str
    timings: Timings
    zone: ZoneInfo
    slot_minutes: int = 15
    cycles: tuple[CycleSettings, ...] = ()


class CycleService:
    """One per unit; built anew it goes on from what the door knows."""

    def __init__(self, door: Door, clock: Clock, settings: CyclesSettings) -> None:
        self._door, self._clock, self._settings = door, clock, settings
        self._known = {one.name: one for one in settings.cycles}
        self._asked_at: dict[str, int] = {}
        """Arrival of each request of this run: a plan that came before knows nothing of it."""

    async def run(self) -> None:
        """Answer and keep until cancelled."""
        answering = self._door.answer("command.cycle", Location(self._settings.unit), self._wish)
        try:
            while True:
                self.look()
                await self._clock.sleep(max(2.0, self._settings.timings.cycle_s))
        finally:
            self._door.unsubscribe(answering.request)

    def look(self) -> None:
        """Ask for what is wanted every day, and follow what was asked for."""
        now = self._clock.utc()
        records = self._records()
        for settings in self._settings.cycles:
            before = records.get(settings.name)
            if settings.daily and (before is None or not before.active):
                earliest, latest = usual_window(settings, now, self._settings.zone)
                if before is None or before.earliest != earliest:
                    self._ask(Wanted(settings.name, settings.curve, earliest, latest))
        plan = self._door.latest("plan", Location(self._settings.unit))
        for name, record in self._records().items():
            knows = plan is not None and plan.sequence > self._asked_at.get(name, 0)
            made = plan.value if plan is not None and knows and isinstance(plan.value, Plan) else None
            self._write(record, followed(record, made, now, self._settings.slot_minutes))

    def _records(self) -> dict[str, CycleRecord]:
        found = self._door.latest_all("cycle", Location(self._settings.unit, PLACE, "*"))
        return {one.value.name: one.value for one in found if isinstance(one.value, CycleRecord)}

    def _write(self, before: CycleRecord | None, record: CycleRecord) -> int:
        """Write what is new; return its arrival."""
        if record == before:
            return 0
        place = Location(self._settings.unit, PLACE, record.name)
        self._door.write("cycle", place, record)
        if before is None or before.state is not record.state:
            logger.info("cycle %s: %s", record.name, record.state)
        newest = self._door.latest("cycle", place)
        return 0 if newest is None else newest.sequence

    def _ask(self, wanted: Wanted) -> CycleRecord:
        record = CycleRecord(
            wanted.name,
            CycleState.WAITING,
            wanted.curve,
            wanted.earliest,
            wanted.latest,
            self._clock.utc(),
            offer=wanted.offer,
        )
        self._asked_at[wanted.name] = self._write(None, record)
        return record

    async def _wish(self, _place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        now, zone, records = self._clock.utc(), self._settings.zone, self._records()
        wish = read_wish(arguments, self._known, now, zone)
        if isinstance(wish, Refusal):
            return CommandAnswer(Outcome.REFUSED, refusal=wish)
        before = records.get(wish if isinstance(wish, str) else wish.name)
        active = before is not None and before.active
        if isinstance(wish, str):
            if before is None or not active:
                refusal = Refusal(RefusalCode.CONFLICT, "a cycle that was asked for", wish[:64])
                return CommandAnswer(Outcome.REFUSED, refusal=refusal)
            self._write(before, _forgotten(before))
            return CommandAnswer(Outcome.DONE, f"{wish}: forgotten.")
        if before is not None and before.state is CycleState.RUNNING:
            refusal = Refusal(RefusalCode.CONFLICT, f"{wish.name} to be over", "it runs", "forget it first")
            return CommandAnswer(Outcome.REFUSED, refusal=refusal)
        if not active and sum(one.active for one in records.values()) >= MOST_CYCLES:
            refusal = Refusal(RefusalCode.TOO_LARGE, f"at most {MOST_CYCLES} cycles at a time", wish.name[:64])
            return CommandAnswer(Outcome.REFUSED, refusal=refusal)
        self._ask(wish)
        window = " to ".join(f"{one.astimezone(zone):%a %H:%M}" for one in (wish.earliest, wish.latest))
        return CommandAnswer(Outcome.DONE, f"{wish.name}: planned within {window}; heg cycle tells when.")


def _forgotten(record: CycleRecord) -> CycleRecord:
    return replace(record, state=CycleState.FORGOTTEN, planned_start=None, planned_end=None)
