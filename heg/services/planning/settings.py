"""What the slot loop is configured with, and the times that follow from the control cycle."""

from dataclasses import dataclass, field
from datetime import timedelta

from heg.model.losses import loss
from heg.model.plan import Objective, Site
from heg.model.tariff import Viewpoint
from heg.model.timings import Timings

HISTORY_DAYS = 35
"""How far back the forecasts look."""
OLD_PLAN_S = 2 * 3600.0
"""While no new plan can be had, the decisions of one that is no older than this are followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningSettings:
    """One unit's slot loop. `slots` is the horizon; prices are EUR/kWh; `phases` those of the connection point.

    `objective` None: with distribution while somebody tells a tube, else energy and CO2 (spec ebr.md, Objectives).
    `ask_limit_s` is what the planner's process may take, in real seconds.
    """

    unit: str
    timings: Timings
    slot_minutes: int = 15
    slots: int = 96
    objective: Objective | None = None
    viewpoint: Viewpoint = Viewpoint.HOUSEHOLD
    wear_eur_per_kwh: float = 0.0
    end_value_eur_per_kwh: float | None = None
    outside_tube_eur_per_kwh: float = 0.0
    site: Site = field(default_factory=Site)
    phases: int = 3
    ask_limit_s: float = loss("planner-stalled").within.seconds

    @property
    def slot(self) -> timedelta:
        """Length of a slot."""
        return timedelta(minutes=self.slot_minutes)

    @property
    def look_s(self) -> float:
        """How often the loop looks at what happens between two plans."""
        return max(2.0, self.timings.cycle_s)

    @property
    def margin_s(self) -> float:
        """How long a claim outlives its slot: the next plan is made in less, and a dead loop is forgotten soon."""
        return max(60.0, 2.0 * self.timings.cycle_s)

    @property
    def ready_within_s(self) -> float:
        """How long the first plan waits for devices that have not spoken yet."""
        return self.timings.found_within_s

    @property
    def soc_max_age_s(self) -> float:
        """Age of a state of charge from which on it is estimated."""
        return self.timings.soc_max_age_s

    @property
    def power_max_age_s(self) -> float:
        """Age of a measured power from which on it is not known."""
        return 2.0 * self.timings.storage_max_age_s
