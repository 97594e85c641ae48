"""What accounting is configured with, and the times that follow from the control cycle."""

from dataclasses import dataclass
from datetime import timedelta

from heg.model.tariff import Viewpoint
from heg.model.timings import Timings


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountingSettings:
    """One unit's books. `time_zone` is where its days begin.

    `vehicle_at_once` says what the vehicle of the two other houses does: charge when it is plugged, or (False) exactly
    as the real one did. `viewpoint` says whose money is counted.
    """

    unit: str
    timings: Timings
    slot_minutes: int = 15
    time_zone: str = "UTC"
    span_s: float = 60.0
    keep_every_s: float = 300.0
    vehicle_at_once: bool = True
    viewpoint: Viewpoint = Viewpoint.HOUSEHOLD

    @property
    def slot(self) -> timedelta:
        """Length of a slot."""
        return timedelta(minutes=self.slot_minutes)

    @property
    def look_s(self) -> float:
        """How often power is looked at: it gives the shape of what flows, the counters give the amount."""
        return max(5.0, self.timings.cycle_s)

    @property
    def power_max_age_s(self) -> float:
        """Age of a measured power from which on it is not known."""
        return 2.0 * self.timings.storage_max_age_s
