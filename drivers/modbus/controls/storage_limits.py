"""Storage by model 124: no set-point, but a pair of signed limits in percent of WChaMax with a mode field.

The power stays between -OutWRte and +InWRte, whatever the inverter's own mode would like: a negative limit on one side
forces the other. The revert timer gives the device back to its own mode when nobody writes any more.
"""

from drivers.modbus.sunspec.encode import Rounding, nearest, towards_zero
from drivers.modbus.sunspec.image import ModelImage
from drivers.modbus.wire import Wire
from heg.devices.contract import ReadBack
from heg.model.capabilities import StorageCapability
from heg.model.leases import SetPoint
from heg.model.refusals import Refusal, RefusalCode
from heg.model.regimes import Regime

_MODEL = 124
_BOTH = 3
_PERCENT = 100.0
_SAME_KW = 0.005
_LONGEST_REVERT_S = 0xFFFE
_PV, _GRID = 0, 1


class StorageLimits:
    """The actuator of a storage with model 124."""

    def __init__(self, wire: Wire, capability: StorageCapability, *, grid_charging: bool) -> None:
        self._wire = wire
        self._capability = capability
        self._grid_charging = grid_charging
        self._last: SetPoint | None = None

    async def apply(self, set_point: SetPoint) -> Refusal | None:
        """Write the two limits in one request, then the mode field (some devices restart the timer only by it)."""
        image, most_kw = self._wire.model(_MODEL), self._most_kw()
        if image is None or most_kw is None:
            return _no_scale()
        interval = self._interval(set_point)
        if isinstance(interval, Refusal):
            return interval
        low_kw, high_kw = interval
        refusal = await self._allow_grid(image, forced=low_kw > 0)
        if refusal is None:
            refusal = await self._wire.write(
                _MODEL,
                {
                    "OutWRte": -low_kw / most_kw * _PERCENT,
                    "InWRte": high_kw / most_kw * _PERCENT,
                    **_timers(image, set_point.revert_s),
                },
                {"OutWRte": _step(-low_kw, set_point), "InWRte": _step(high_kw, set_point)},
            )
        if refusal is None and (set_point.revert_s > 0 or image.raw("StorCtl_Mod") != _BOTH):
            refusal = await self._wire.write(_MODEL, {"StorCtl_Mod": _BOTH})
        if refusal is None:
            self._last = set_point
        return refusal

    async def read_back(self) -> ReadBack | Refusal:
        """Read mode and limits; they are told in the words in which they were commanded, where those fit."""
        refusal = await self._wire.refresh(_MODEL, "StorCtl_Mod", "OutWRte", "InWRte", "InOutWRte_RvrtTms")
        if refusal is not None:
            return refusal
        image, most_kw = self._wire.model(_MODEL), self._most_kw()
        mode = image.raw("StorCtl_Mod") if image is not None else None
        if image is None or most_kw is None or not isinstance(mode, int):
            return _no_scale()
        out, into = image.number("OutWRte"), image.number("InWRte")
        low_kw = -most_kw * out / _PERCENT if mode & 2 and out is not None else self._capability.min_rate_kw
        high_kw = most_kw * into / _PERCENT if mode & 1 and into is not None else self._capability.max_rate_kw
        if mode & _BOTH == 0:
            return ReadBack(active=False, set_point=SetPoint())
        return ReadBack(active=True, set_point=self._told(low_kw, high_kw))

    async def release(self) -> Refusal | None:
        """Both limits out of force: the device's own mode."""
        self._last = None
        return await self._wire.write(_MODEL, {"StorCtl_Mod": 0})

    def _most_kw(self) -> float | None:
        image = self._wire.model(_MODEL)
        watts = image.number("WChaMax") if image is not None else None
        return watts / 1000 if watts else None

    def _interval(self, set_point: SetPoint) -> tuple[float, float] | Refusal:
        """The interval of charging-positive power that says what is asked."""
        low_kw = self._capability.min_rate_kw if set_point.min_kw is None else set_point.min_kw
        high_kw = self._capability.max_rate_kw if set_point.max_kw is None else set_point.max_kw
        if set_point.power_kw is not None:
            low_kw = high_kw = set_point.power_kw
        elif set_point.regime is not None:
            if set_point.regime not in self._capability.native:
                return Refusal(
                    RefusalCode.UNSUPPORTED,
                    f"one of {', '.join(sorted(self._capability.native))}",
                    set_point.regime,
                    'say own_mode = "self-consumption" if the device follows that by itself',
                )
            low_kw, high_kw = _shaped(set_point.regime, low_kw, high_kw)
        rates = (self._capability.min_rate_kw, self._capability.max_rate_kw)
        low_kw, high_kw = (min(max(limit, rates[0]), rates[1]) for limit in (low_kw, high_kw))
        if low_kw > high_kw:
            return Refusal(RefusalCode.OUT_OF_RANGE, "min_kw not above max_kw", f"{low_kw:g} and {high_kw:g}")
        return low_kw, high_kw

    def _told(self, low_kw: float, high_kw: float) -> SetPoint:
        native = self._capability.native
        by_power = self._last is not None and self._last.power_kw is not None
        if abs(high_kw - low_kw) < _SAME_KW:
            if abs(low_kw) < _SAME_KW and Regime.HOLD in native and not by_power:
                return SetPoint(regime=Regime.HOLD)
            return SetPoint(power_kw=low_kw)
        if Regime.BALANCE not in native:
            return SetPoint(min_kw=low_kw, max_kw=high_kw)
        if self._last is not None and self._last.regime is not None:
            shaped = _shaped(self._last.regime, low_kw, high_kw)
            if abs(shaped[0] - low_kw) < _SAME_KW and abs(shaped[1] - high_kw) < _SAME_KW:
                return _in_words(self._last.regime, low_kw, high_kw)
        if abs(high_kw) < _SAME_KW:
            return _in_words(Regime.COVER, low_kw, high_kw)
        if abs(low_kw) < _SAME_KW:
            return _in_words(Regime.ABSORB, low_kw, high_kw)
        return _in_words(Regime.BALANCE, low_kw, high_kw)

    async def _allow_grid(self, image: ModelImage, *, forced: bool) -> Refusal | None:
        """Forced charging does nothing on a device that may charge from PV only."""
        if not forced or image.raw("ChaGriSet") != _PV:
            return None
        if not self._grid_charging:
            return Refusal(
                RefusalCode.UNSUPPORTED,
                "charging from the grid to be allowed",
                "a storage that may charge from PV only",
                "set [modbus] grid_charging = true, or allow it at the inverter",
            )
        return await self._wire.write(_MODEL, {"ChaGriSet": _GRID})


def _shaped(regime: Regime, low_kw: float, high_kw: float) -> tuple[float, float]:
    match regime:
        case Regime.HOLD:
            return 0.0, 0.0
        case Regime.COVER:
            return min(low_kw, 0.0), 0.0
        case Regime.ABSORB:
            return 0.0, max(high_kw, 0.0)
        case _:
            return low_kw, high_kw


def _in_words(regime: Regime, low_kw: float, high_kw: float) -> SetPoint:
    """A limit that the regime itself sets is not a limit that was commanded."""
    min_kw = None if regime in (Regime.HOLD, Regime.ABSORB) else low_kw
    max_kw = None if regime in (Regime.HOLD, Regime.COVER) else high_kw
    return SetPoint(regime=regime, min_kw=min_kw, max_kw=max_kw)


def _step(limit_kw: float, set_point: SetPoint) -> Rounding:
    """A power is met as nearly as may be; a limit is never exceeded."""
    return nearest if set_point.power_kw is not None or limit_kw < 0 else towards_zero


def _timers(image: ModelImage, revert_s: float) -> dict[str, float]:
    """At once, and for `revert_s` at most; in the request with the limits where the device has both timers."""
    timers: dict[str, float] = {}
    if image.has("InOutWRte_WinTms"):
        timers["InOutWRte_WinTms"] = 0.0
    if image.has("InOutWRte_RvrtTms"):
        timers["InOutWRte_RvrtTms"] = float(min(max(round(revert_s), 0), _LONGEST_REVERT_S))
    return timers


def _no_scale() -> Refusal:
    return Refusal(RefusalCode.UNSUPPORTED, "model 124 with WChaMax and StorCtl_Mod", "a device without them")
