"""What a rig's appliance is: what it draws, how it is woken, what it offers, and what its owner says of it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from appliance.cycles import Cycle
from heg.model.appliances import Importance, WakeMethod
from heg.model.cycles import LONGEST_STEPS, CycleCurve
from hil.house.appliance import ApplianceConfig

_NAMES = uuid.UUID("6b0c6f0e-1f5d-4c1e-9d43-5a3f6f1d7c55")


@dataclass(frozen=True, slots=True)
class CycleSettings:
    """A programme that somebody loads: mean kW of each step; it may begin now and is over within `within_h` hours."""

    power_kw: tuple[float, ...]
    step_minutes: int = 15
    within_h: float = 12.0
    name: str = "eco"
    interruptible: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.power_kw) <= LONGEST_STEPS or not all(0.0 <= kw <= 50.0 for kw in self.power_kw):
            raise ValueError(f"cycle power_kw: expected 1 to {LONGEST_STEPS} powers from 0 to 50 kW")
        if not 1 <= self.step_minutes <= 60 or self.within_h * 60 < len(self.power_kw) * self.step_minutes:
            raise ValueError(
                f"cycle step_minutes = {self.step_minutes}, within_h = {self.within_h:g}: expected 1 to 60 minutes, "
                "and a window that the cycle fits into"
            )

    def loaded(self, number: int, now: datetime) -> Cycle:
        """The cycle as it waits in the appliance from now on; each has an id of its own."""
        curve = CycleCurve(self.power_kw, self.step_minutes, self.interruptible)
        return Cycle(f"{self.name}-{number}", self.name, curve, now, now + timedelta(hours=self.within_h))


@dataclass(frozen=True, slots=True)
class ApplianceSettings:
    """One appliance. `host` empty takes a loopback address of the rig's own, `port` 0 a free one.

    `importance` and the minutes are its owner's word, for the gateway's configuration. `sleeps`: in standby or off its
    network is off too, until the network card with the address `mac` hears the magic packet (`secure_on` with it).
    """

    draws: ApplianceConfig = field(default_factory=ApplianceConfig)
    importance: str = Importance.FLEXIBLE
    min_on_minutes: float | None = None
    min_off_minutes: float | None = None
    host: str = ""
    port: int = 0
    max_age_s: int = 1800
    wake: str = WakeMethod.NONE
    mac: str = ""
    secure_on: str = field(default="", repr=False)
    sleeps: bool = False
    boots_s: float = 5.0
    cycle: CycleSettings | None = None

    def __post_init__(self) -> None:
        if self.importance not in list(Importance):
            raise ValueError(f"appliance importance = {self.importance!r}: expected {', '.join(Importance)}")
        if self.wake not in list(WakeMethod):
            raise ValueError(f"appliance wake = {self.wake!r}: expected {', '.join(WakeMethod)}")
        if self.sleeps and self.wake == WakeMethod.NONE:
            raise ValueError("appliance sleeps = true: expected wake = wol or wowlan, or nothing could ever wake it")

    @staticmethod
    def uuid_of(name: str) -> str:
        """The UUID of the appliance of that name: the same in each run, so that a restarted rig is the same house."""
        return str(uuid.uuid5(_NAMES, name))
