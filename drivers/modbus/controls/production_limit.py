"""A producer's limit by model 123 or 704: percent of WMax, rounded down, with a reversion time where there is one."""

from dataclasses import dataclass

from drivers.modbus.roles import rated_kw
from drivers.modbus.sunspec.encode import towards_zero
from drivers.modbus.wire import Wire
from heg.devices.contract import ReadBack
from heg.model.leases import SetPoint
from heg.model.refusals import Refusal, RefusalCode

_LONGEST_REVERT_S = 0xFFFE


@dataclass(frozen=True, slots=True)
class _Points:
    model: int
    percent: str
    enable: str
    revert: str
    window: str = ""
    revert_enable: str = ""


_123 = _Points(123, "WMaxLimPct", "WMaxLim_Ena", "WMaxLimPct_RvrtTms", window="WMaxLimPct_WinTms")
_704 = _Points(704, "WMaxLimPct", "WMaxLimPctEna", "WMaxLimPctRvrtTms", revert_enable="WMaxLimPctEnaRvrt")


class ProductionLimit:
    """The actuator of a curtailable producer: `power_kw` (or `max_kw`) is the most it may produce."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def apply(self, set_point: SetPoint) -> Refusal | None:
        """Write the limit and its timer, then enable it."""
        asked = [limit for limit in (set_point.power_kw, set_point.max_kw) if limit is not None]
        points, whole_kw = self._points(), rated_kw(self._wire.images)
        if points is None or whole_kw <= 0:
            return Refusal(RefusalCode.UNSUPPORTED, "model 123 or 704 and a rated power", "a device without them")
        if not asked:
            return Refusal(RefusalCode.UNSUPPORTED, "a limit in kW", "none")
        percent = min(max(min(asked) / whole_kw * 100, 0.0), 100.0)
        image = self._wire.images[points.model]
        values: dict[str, float] = {points.percent: percent}
        for point in (points.window, points.revert_enable):
            if point and image.has(point):
                values[point] = 0.0
        if image.has(points.revert):
            values[points.revert] = min(max(round(set_point.revert_s), 0), _LONGEST_REVERT_S)
        refusal = await self._wire.write(points.model, values, {points.percent: towards_zero})
        return refusal or await self._wire.write(points.model, {points.enable: 1})

    async def read_back(self) -> ReadBack | Refusal:
        """The limit in kW, or nothing commanded."""
        points, whole_kw = self._points(), rated_kw(self._wire.images)
        if points is None:
            return Refusal(RefusalCode.UNSUPPORTED, "model 123 or 704", "a device without them")
        refusal = await self._wire.refresh(points.model, points.percent, points.enable)
        if refusal is not None:
            return refusal
        image = self._wire.images[points.model]
        percent = image.number(points.percent)
        if image.raw(points.enable) != 1 or percent is None:
            return ReadBack(active=False, set_point=SetPoint())
        return ReadBack(active=True, set_point=SetPoint(power_kw=percent / 100 * whole_kw))

    async def release(self) -> Refusal | None:
        """Limited by its source only."""
        points = self._points()
        if points is None:
            return Refusal(RefusalCode.UNSUPPORTED, "model 123 or 704", "a device without them")
        return await self._wire.write(points.model, {points.enable: 0})

    def _points(self) -> _Points | None:
        return next((points for points in (_704, _123) if points.model in self._wire.images), None)
