"""What a configuration says to automation: limits on what appliances ask, the owner's strategy, the owner's rules."""

from dataclasses import dataclass, field
from datetime import time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from heg.model.appliances import PowerState
from heg.model.policy import CUSTOMER, Stakeholder
from heg.model.timings import Timings


class Strategy(StrEnum):
    """What the utility may ask for: nothing, less load, or any order for an appliance."""

    OFF = "off"
    REDUCE = "reduce"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much appliances may ask for.

    `open_each` and `open_all` count what is still to be done. A wake-up that was due is still done `late` after its
    time, not later. `longest` is the longest period without standby.
    """

    open_each: int = 8
    open_all: int = 512
    longest: timedelta = timedelta(hours=12)
    late: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Window:
    """From one time of day to another by the house's clock, over midnight too; all day where both are the same."""

    start: time
    stop: time

    def holds(self, clock: time) -> bool:
        """Tell whether it is open when the house's clock shows this."""
        if self.start < self.stop:
            return self.start <= clock < self.stop
        return clock >= self.start or clock < self.stop

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.stop:%H:%M}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplianceRule:
    """The owner's rule for one appliance. None and empty say nothing.

    Outside its windows, or above a price (EUR/kWh) or CO2 (kg/kWh) threshold, it rests in state `rest`; it may work
    again when the value is `hysteresis` (a share of the threshold) below. With `runs` it is switched on when it may.
    """

    name: str
    windows: tuple[Window, ...] = ()
    rest: PowerState = PowerState.STANDBY
    runs: bool = False
    max_price: float | None = None
    max_co2: float | None = None
    hysteresis: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationSettings:
    """One unit's automation. `who` are the stakeholders that may ask (empty: all whom the owner's policies let)."""

    unit: str
    timings: Timings
    zone: ZoneInfo
    strategy: Strategy = Strategy.OFF
    who: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    slot: timedelta = timedelta(minutes=15)
    rules: tuple[ApplianceRule, ...] = ()

    def lets(self, stakeholder: Stakeholder) -> bool:
        """Tell whether the owner's strategy names this one; the owner needs no leave."""
        return stakeholder == CUSTOMER or self.lets_named(str(stakeholder))

    def lets_named(self, who: str) -> bool:
        """Tell the same of one whom a record names."""
        return who == str(CUSTOMER) or not self.who or not self.who.isdisjoint((who, who.partition(":")[0]))
