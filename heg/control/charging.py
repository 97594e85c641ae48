"""A car's charger between wish and command: whole steps, a contactor that is not worn out, what the grid really sees.

Pure; one per charger. Spec ebr.md, How a command is followed: the PEV has the same regimes while plugged. What is its
own is that it draws nothing or at least its smallest power, in steps, and that each start and stop moves a contactor:

- between a stop and the next start lie at least `rest_s`; so do a start and a stop that only follows the house's load
  (it goes on at its smallest power meanwhile, whatever that draws from the grid). A limit of the connection point, the
  owner's hand and safety stop it at once;
- while it follows the load, a step up waits until a quarter of a step more is there, so that noise moves nothing.
"""

import math

from heg.model.capabilities import VehicleCapability
from heg.model.leases import Claimant
from heg.model.regimes import Regime, RegimeOrder

REST_S = 300.0
"""A contactor gets no younger when the control cycle is longer: these are seconds, whatever the cycle."""
_FOLLOWS_LOAD = frozenset({Regime.BALANCE, Regime.COVER, Regime.ABSORB, Regime.LIMIT})
_UP_SHARE = 0.25
_MOST_STRETCH = 1.15
_SETTLED_S = 15.0
_HAIR = 1e-6


class Charging:
    """What one charger was told, and how it answered. Powers are kW at 230 V, as the charger is commanded."""

    def __init__(self, rest_s: float = REST_S) -> None:
        self._rest_s = rest_s
        self._told_kw = 0.0
        self._told_at_s = -math.inf
        self._switched_at_s = -math.inf
        self.stretch = 1.0
        """How much more than it was told flows, where the voltage is above 230 V; at least 1."""

    def asked(
        self, charger: VehicleCapability, wanted_kw: float, order: RegimeOrder, claimant: Claimant, now_s: float
    ) -> float:
        """Return the whole steps to ask for, when the regime wants `wanted_kw`."""
        follows = order.regime in _FOLLOWS_LOAD or (
            order.regime is Regime.CHARGE and wanted_kw > abs(order.power_kw) + _HAIR
        )
        steps_kw = self._following(charger, wanted_kw) if follows else nearest(charger, wanted_kw)
        if claimant <= Claimant.MANUAL or now_s - self._switched_at_s >= self._rest_s:
            return steps_kw
        if self._told_kw <= 0.0:
            return 0.0
        return max(steps_kw, charger.smallest_charge_kw) if follows else steps_kw

    def placed(self, charger: VehicleCapability, flowing_kw: float) -> float:
        """Return the whole steps that draw no more than this from the grid."""
        return whole(charger, flowing_kw / self.stretch)

    def told(self, power_kw: float, now_s: float) -> None:
        """Take note of what is commanded now."""
        if (power_kw > 0.0) != (self._told_kw > 0.0):
            self._switched_at_s = now_s
        if power_kw != self._told_kw:
            self._told_kw, self._told_at_s = power_kw, now_s

    def left(self, now_s: float) -> None:
        """It is left to itself: no car is plugged, or nobody asks anything of it."""
        self.told(0.0, now_s)
        self._switched_at_s = -math.inf

    def measured(self, power_kw: float, now_s: float) -> None:
        """Learn what really flows, once it has settled; a car that takes less than it may says nothing."""
        if self._told_kw > 0.0 and now_s - self._told_at_s >= _SETTLED_S:
            self.stretch = min(max(power_kw / self._told_kw, 1.0), _MOST_STRETCH)

    def _following(self, charger: VehicleCapability, wanted_kw: float) -> float:
        steps_kw = whole(charger, wanted_kw)
        if steps_kw <= self._told_kw or charger.step_kw <= 0.0:
            return steps_kw
        return max(whole(charger, wanted_kw - _UP_SHARE * charger.step_kw), min(self._told_kw, steps_kw))


def whole(charger: VehicleCapability, power_kw: float) -> float:
    """The step below, 0 where that is less than the charger can give."""
    if charger.step_kw > 0.0:
        power_kw = math.floor(power_kw / charger.step_kw + _HAIR) * charger.step_kw
    return power_kw if power_kw >= charger.smallest_charge_kw - _HAIR and power_kw > 0.0 else 0.0


def nearest(charger: VehicleCapability, power_kw: float) -> float:
    """The nearest step to a planned power: neither a plan's need nor its end may be missed by rounding always down."""
    if power_kw <= 0.0:
        return 0.0
    if charger.step_kw > 0.0:
        power_kw = round(power_kw / charger.step_kw) * charger.step_kw
    return whole(charger, min(power_kw, charger.max_rate_kw))
