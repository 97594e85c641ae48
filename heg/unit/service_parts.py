"""The services' parts: what watches, plans and counts, each built anew at each start."""

from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

from heg.config.schema import HegConfig
from heg.data.door import Door
from heg.model.instance import Location
from heg.model.timings import Timings
from heg.runtime.clock import Clock
from heg.services.accounting.service import Accounting
from heg.services.accounting.settings import AccountingSettings
from heg.services.automation.service import Automation
from heg.services.automation.settings import AutomationSettings
from heg.services.cycles import CycleService, CyclesSettings
from heg.services.forgetting import anew_after_erasures
from heg.services.planning.loop import SlotLoop
from heg.services.planning.planner import Planner
from heg.services.planning.settings import PlanningSettings
from heg.services.planning.worker_link import WorkerLink
from heg.services.vehicle import VehicleService
from heg.unit.parts import Part
from heg.unit.settings import (
    AUTOMATION,
    PLANNING,
    VEHICLE,
    accounting_settings,
    automation_settings,
    cycles_settings,
    planning_settings,
    timings_of,
)

Admit = Callable[[str], Door]


class ServiceParts:
    """Makes the parts. `planner` makes what answers the slot loop in place of the planner's own process."""

    def __init__(self, admit: Admit, clock: Clock, planner: Callable[[], Planner] | None) -> None:
        self._admit, self._clock, self._planner = admit, clock, planner

    def of(self, unit: HegConfig) -> Iterator[Part]:
        """Give the parts that a configuration wants, those that others stand on first."""
        automation = automation_settings(unit)
        yield Part(AUTOMATION, automation, lambda: self._automate(automation), remembers=True)
        vehicle = (unit.unit.id, timings_of(unit), ZoneInfo(unit.unit.time_zone))
        yield Part(VEHICLE, vehicle, lambda: self._keep_vehicles(*vehicle), remembers=True)
        if unit.planning.enabled:
            planning, cycles = planning_settings(unit), cycles_settings(unit)
            yield Part(PLANNING, planning, lambda: self._plan_slots(planning), remembers=True)
            yield Part("cycles", cycles, lambda: self._wait_with_cycles(cycles))
        accounting = accounting_settings(unit)
        # It goes on from what it wrote last.
        yield Part("accounting", accounting, lambda: self._keep_books(accounting), remembers=True)

    async def _automate(self, settings: AutomationSettings) -> None:
        door = self._admit(AUTOMATION)

        async def automate() -> None:
            await Automation(door, self._clock, settings).run()

        await anew_after_erasures(door, Location(settings.unit), automate)

    async def _keep_vehicles(self, unit: str, timings: Timings, zone: ZoneInfo) -> None:
        await VehicleService(self._admit(VEHICLE), self._clock, unit, timings, zone).run()

    async def _plan_slots(self, settings: PlanningSettings) -> None:
        door = self._admit(PLANNING)

        async def plan() -> None:
            # What answers it ends with it.
            answering = WorkerLink(self._clock) if self._planner is None else self._planner()
            try:
                await SlotLoop(door, self._clock, answering, settings).run()
            finally:
                await answering.close()

        await anew_after_erasures(door, Location(settings.unit), plan)

    async def _wait_with_cycles(self, settings: CyclesSettings) -> None:
        await CycleService(self._admit("cycles"), self._clock, settings).run()

    async def _keep_books(self, settings: AccountingSettings) -> None:
        await Accounting(self._admit("accounting"), self._clock, settings).run()
