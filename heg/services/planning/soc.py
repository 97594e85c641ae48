"""What is in a storage: its state of charge as it reports it, or as metered energy says where that cannot be believed.

Pure: readings and times come in, a judgement comes out.
"""

import math
from dataclasses import dataclass

from heg.model.capabilities import StorageCapability
from heg.model.losses import loss
from heg.model.plan import Degradation, DegradationCode

FROZEN = loss("soc-frozen")
FROZEN_SHARE = 0.05
"""Energy moved, as a share of the capacity, at which a state of charge that has not moved a digit is frozen."""
_ESTIMATED_AT_MOST_S = 6 * 3600.0
_GAP_S = 600.0
"""A power holds until the next one is known, but no longer than this: what flowed meanwhile nobody knows."""
_AT_AN_END = 0.011
"""A full or empty storage may rightly show the same figure for long."""


@dataclass(frozen=True, slots=True)
class SocJudged:
    """The state of charge to plan with (a share; None: nobody can say) and what had to be done without."""

    share: float | None
    degradation: Degradation | None = None


class SocKeeper:
    """Watches one storage. `see` at every look, `judge` when a plan is made."""

    def __init__(self, name: str, capability: StorageCapability) -> None:
        self._name = name
        self.capability = capability
        self._reading: float | None = None
        self._moved = 0.0
        self._heard_s = -math.inf
        self._silent = True
        self._power: tuple[float, float] | None = None

    def see(self, now_s: float, reading: float | None, power_kw: float | None) -> None:
        """Take a reading (a share) and the power at the terminals (kW, + charging); None where it is not known."""
        self._integrate(now_s)
        self._power = None if power_kw is None else (now_s, power_kw)
        self._silent = reading is None
        if reading is None:
            return
        self._heard_s = now_s
        if reading != self._reading:
            self._reading, self._moved = reading, 0.0

    @property
    def frozen(self) -> bool:
        """True while the reading stands still though more energy moved than it could hide."""
        if self._reading is None or abs(self._moved) < FROZEN_SHARE:
            return False
        if self._moved > 0:
            return self._reading < 1.0 - _AT_AN_END
        return self._reading > self.capability.reserve_share + _AT_AN_END

    def judge(self, now_s: float, *, impossible: bool) -> SocJudged:
        """Say what to plan with; `impossible`: the storage reports what cannot be, and is refused."""
        if self._reading is None:
            text = f"The state of charge of {self._name} is not known: the plan does without this storage."
            return SocJudged(None, Degradation(DegradationCode.SOC_UNKNOWN, text))
        silent_s = now_s - self._heard_s
        estimate = min(max(self._reading + self._moved, 0.0), 1.0)
        if self._silent and impossible:
            return self._estimated(estimate, silent_s, DegradationCode.SOC_OUT_OF_BOUNDS, "reports what cannot be")
        if self._silent:
            return self._estimated(estimate, silent_s, DegradationCode.SOC_UNKNOWN, "reports no state of charge")
        if self.frozen:
            moved_kwh = self._moved * self.capability.capacity_kwh
            text = (
                f"The state of charge of {self._name} stands at {100 * self._reading:g} % though {abs(moved_kwh):.1f} "
                f"kWh were {'charged' if moved_kwh > 0 else 'discharged'}: it is reckoned from metered energy, now "
                f"{100 * estimate:.0f} %."
            )
            return SocJudged(estimate, Degradation(DegradationCode.SOC_FROZEN, text))
        return SocJudged(self._reading)

    def _estimated(self, estimate: float, silent_s: float, code: DegradationCode, what: str) -> SocJudged:
        minutes = max(1, round(silent_s / 60))
        if silent_s > _ESTIMATED_AT_MOST_S:
            text = f"{self._name} {what}, for {minutes} min now: the plan does without this storage."
            return SocJudged(None, Degradation(code, text))
        text = f"{self._name} {what}, for {minutes} min now: reckoned from metered energy, {100 * estimate:.0f} %."
        return SocJudged(estimate, Degradation(code, text))

    def _integrate(self, now_s: float) -> None:
        if self._power is None or self._reading is None:
            return
        since_s, power_kw = self._power
        one_way = math.sqrt(self.capability.round_trip_efficiency)
        stored_kw = power_kw * one_way if power_kw > 0 else power_kw / one_way
        hours = min(now_s - since_s, _GAP_S) / 3600.0
        self._moved += stored_kw * hours / self.capability.capacity_kwh
