"""When a device that follows its regime by itself is told powers for a while: it sees no limit of the house. Pure.

Resting (`hold`) helps nobody: what the envelope asks for counts at once. A regime that moves grid power towards zero
(`balance`, `cover`, `absorb`) mostly keeps the envelope by itself, in its own time: it gives way where the connection
point stays outside. Who gave way goes back to itself when it was not needed for a minute: each turn is a write.
"""

import math

from heg.control.intents import Intent
from heg.control.snapshot import GridImage, value_or
from heg.model.capabilities import StorageCapability
from heg.model.envelope import Envelope
from heg.model.regimes import Regime

_HELD_BACK_KW = 0.05
_IN_ITS_OWN_TIME_S = 5.0
_UNNEEDED_S = 60.0


class Yielding:
    """What is remembered of one device between cycles."""

    def __init__(self) -> None:
        self._until_s = -math.inf
        self._outside_since_s: float | None = None

    def by_power(self, now_s: float) -> bool:
        """Tell whether it is told powers, whatever it could do by itself."""
        return now_s < self._until_s

    def see(self, intent: Intent, held_back_kw: float, *, outside: bool, now_s: float) -> bool:
        """Take in what the envelope changes of its wish, and whether the connection point is outside: as `by_power`."""
        if not outside:
            self._outside_since_s = None
        elif self._outside_since_s is None:
            self._outside_since_s = now_s
        needed = held_back_kw > _HELD_BACK_KW
        if needed and (self.by_power(now_s) or (intent.native and _can(intent) and self._lasts(intent, now_s))):
            self._until_s = now_s + _UNNEEDED_S
        return self.by_power(now_s)

    def _lasts(self, intent: Intent, now_s: float) -> bool:
        if intent.order.regime is Regime.HOLD:
            return True
        return self._outside_since_s is not None and now_s - self._outside_since_s >= _IN_ITS_OWN_TIME_S


def is_outside(grid: GridImage, envelope: Envelope) -> bool:
    """Tell whether the connection point is measured outside the envelope, in kW or on a phase."""
    grid_kw = value_or(grid.power_kw, math.nan)
    amperes = (abs(value_or(reading, 0.0)) for reading in grid.phase_a)
    return (
        grid_kw > envelope.max_kw + _HELD_BACK_KW
        or grid_kw < envelope.min_kw - _HELD_BACK_KW
        or any(a > envelope.max_a_per_phase for a in amperes)
    )


def _can(intent: Intent) -> bool:
    return isinstance(intent.image.capability, StorageCapability) and intent.image.capability.set_power
