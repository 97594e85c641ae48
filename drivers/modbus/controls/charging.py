"""A charge point by whole amperes: kW down to the step below, less than the smallest is a pause, and a dead-man time.

Between kW and amperes stand the phases and 230 V, in both directions, so that what was commanded reads back as what it
was. What really flows depends on the voltage; control holds the connection point by what is measured.
"""

import math
from collections.abc import Callable

from drivers.modbus.registers import TemplateRegisters
from heg.devices.contract import ReadBack
from heg.model.capabilities import VehicleCapability
from heg.model.headroom import NOMINAL_V
from heg.model.leases import SetPoint
from heg.model.refusals import Refusal, RefusalCode

_HAIR_A = 1e-6
_KEPT_ALIVE_SHARE = 1 / 3


def amperes(power_kw: float, capability: VehicleCapability, smallest_a: float) -> float:
    """The current a phase for this power: the step below it, 0 where that is less than the charger can give."""
    current = power_kw * 1000.0 / (NOMINAL_V * capability.phases)
    step = capability.step_a
    if step > 0:
        current = math.floor(current / step + _HAIR_A) * step
    return current if current >= smallest_a - _HAIR_A else 0.0


def kilowatts(current_a: float, capability: VehicleCapability) -> float:
    """The power that this current stands for."""
    return current_a * NOMINAL_V * capability.phases / 1000.0


class ChargingCurrent:
    """The actuator of a templated charge point. `rated_a` is what it gives when nobody commands it."""

    def __init__(
        self,
        registers: TemplateRegisters,
        capability: VehicleCapability,
        rated_a: float,
        now_s: Callable[[], float],
    ) -> None:
        self._registers = registers
        self._table = registers.template.charger
        self._capability = capability
        self._rated_a = rated_a
        self._now_s = now_s
        self._alive_until_s = -math.inf
        self._timeout_s = 0.0

    async def apply(self, set_point: SetPoint) -> Refusal | None:
        """Write dead-man time and current, or pause."""
        if set_point.power_kw is None:
            return Refusal(RefusalCode.UNSUPPORTED, "a power in kW", set_point.regime or "limits alone")
        wanted = min(max(set_point.power_kw, 0.0), self._capability.max_rate_kw)
        current_a = amperes(wanted, self._capability, self._table.smallest_a)
        refusal = await self._arm(set_point.revert_s)
        pause = self._table.pause
        if refusal is None and current_a > 0:
            refusal = await self._registers.write(self._table.current.set, current_a)
        if refusal is None:
            refusal = await self._registers.write(pause.set, pause.on if current_a > 0 else pause.off)
        if refusal is None:
            self._alive_until_s = self._now_s() + set_point.revert_s
        return refusal

    async def read_back(self) -> ReadBack | Refusal:
        """The current it allows, in kW; under our dead-man time it is commanded, without one it is left to itself."""
        failsafe, pause = self._table.failsafe, self._table.pause
        names = [pause.shown, self._table.current.shown, *([failsafe.shown_timeout] if failsafe else [])]
        shown = await self._registers.fresh(*names)
        if isinstance(shown, Refusal):
            return shown
        current_a, paused = shown[self._table.current.shown], round(shown[pause.shown]) in pause.paused
        commanded = shown[failsafe.shown_timeout] > 0 if failsafe else current_a < self._rated_a
        if not commanded and not paused:
            return ReadBack(active=False, set_point=SetPoint())
        power_kw = 0.0 if paused else kilowatts(current_a, self._capability)
        return ReadBack(active=True, set_point=SetPoint(power_kw=power_kw))

    async def release(self) -> Refusal | None:
        """Charging at its rated current, without a dead-man time: what it does when nobody commands it."""
        self._alive_until_s = -math.inf
        refusal = await self._registers.write(self._table.current.set, self._rated_a)
        if refusal is None:
            refusal = await self._registers.write(self._table.pause.set, self._table.pause.on)
        if refusal is None and self._table.failsafe is not None:
            refusal = await self._registers.write(self._table.failsafe.set_timeout, 0.0)
        return refusal

    async def keep_alive(self) -> None:
        """Repeat the dead-man time while the command stands: some devices know no time as long as our cycles."""
        failsafe = self._table.failsafe
        if failsafe is None or self._now_s() >= self._alive_until_s:
            return
        if self._registers.silent_s >= self._timeout_s * _KEPT_ALIVE_SHARE:
            await self._registers.write(failsafe.set_timeout, self._timeout_s)

    async def _arm(self, revert_s: float) -> Refusal | None:
        failsafe = self._table.failsafe
        if failsafe is None or revert_s <= 0:
            return None
        self._timeout_s = float(min(max(math.ceil(revert_s), failsafe.least_s), failsafe.most_s))
        if self._registers.value(failsafe.shown_current) != failsafe.amperes:
            refusal = await self._registers.write(failsafe.set_current, failsafe.amperes)
            if refusal is not None:
                return refusal
        return await self._registers.write(failsafe.set_timeout, self._timeout_s)
