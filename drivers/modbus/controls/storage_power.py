"""Storage by model 704: a set-point in watts (or percent of WMax) that counts charging negative; it can revert."""

from drivers.modbus.roles import rated_kw
from drivers.modbus.sunspec.encode import towards_zero
from drivers.modbus.wire import Wire
from heg.devices.contract import ReadBack
from heg.model.capabilities import StorageCapability
from heg.model.leases import SetPoint
from heg.model.refusals import Refusal, RefusalCode
from heg.model.regimes import Regime

_MODEL = 704
_PERCENT_MODE, _WATT_MODE = 0, 1
_SAME_KW = 0.005
_POINTS = ("WMaxLimPctEna", "WMaxLimPct", "WSetEna", "WSetMod", "WSet", "WSetPct", "WSetEnaRvrt", "WSetRvrtTms")


class StoragePower:
    """The actuator of a storage with model 704. Native regimes: its own mode let go, or with injection capped at 0."""

    def __init__(self, wire: Wire, capability: StorageCapability) -> None:
        self._wire = wire
        self._capability = capability
        self._last: SetPoint | None = None

    async def apply(self, set_point: SetPoint) -> Refusal | None:
        """Write the set-point with its enabling point in one request, or let the own mode run."""
        if set_point.power_kw is not None:
            refusal = await self._set(set_point.power_kw, set_point.revert_s)
        elif set_point.regime is None:
            return Refusal(RefusalCode.UNSUPPORTED, "a power or a native regime", "limits alone")
        elif set_point.regime not in self._capability.native:
            return Refusal(
                RefusalCode.UNSUPPORTED,
                f"one of {', '.join(sorted(self._capability.native))}",
                set_point.regime,
                'say own_mode = "self-consumption" if the device follows that by itself',
            )
        elif set_point.regime is Regime.HOLD:
            refusal = await self._set(0.0, set_point.revert_s)
        else:
            refusal = self._limits_refusal(set_point) or await self._own(set_point)
        if refusal is None:
            self._last = set_point
        return refusal

    async def read_back(self) -> ReadBack | Refusal:
        """What the registers command now, in the words in which it was commanded where those fit."""
        refusal = await self._wire.refresh(_MODEL, *_POINTS)
        if refusal is not None:
            return refusal
        image = self._wire.model(_MODEL)
        if image is None or image.raw("WSetEna") is None:
            return Refusal(RefusalCode.UNSUPPORTED, "model 704 with WSetEna", "a device without it")
        if image.raw("WSetEna") != 1:
            return self._own_read_back(capped=image.raw("WMaxLimPctEna") == 1 and image.number("WMaxLimPct") == 0)
        power_kw = self._commanded_kw()
        if power_kw is None:
            return Refusal(RefusalCode.DEVICE_REFUSED, "a set-point in 704.WSet or 704.WSetPct", "not implemented")
        held = abs(power_kw) < _SAME_KW and Regime.HOLD in self._capability.native
        if held and (self._last is None or self._last.power_kw is None):
            return ReadBack(active=True, set_point=SetPoint(regime=Regime.HOLD))
        return ReadBack(active=True, set_point=SetPoint(power_kw=power_kw))

    async def release(self) -> Refusal | None:
        """Nothing commanded: the own mode, without a cap of ours."""
        capped = self._last is not None and self._last.regime is Regime.ABSORB
        self._last = None
        refusal = await self._wire.write(_MODEL, {"WSetEna": 0})
        if refusal is None and capped:
            refusal = await self._wire.write(_MODEL, {"WMaxLimPctEna": 0})
        return refusal

    async def _set(self, power_kw: float, revert_s: float) -> Refusal | None:
        image = self._wire.model(_MODEL)
        if image is None:
            return Refusal(RefusalCode.UNSUPPORTED, "model 704", "a device without it")
        rates = (self._capability.min_rate_kw, self._capability.max_rate_kw)
        power_kw = min(max(power_kw, rates[0]), rates[1])
        refusal = await self._time_to_live(revert_s)
        if refusal is not None:
            return refusal
        if image.has("WSet"):
            return await self._wire.write(_MODEL, {"WSetEna": 1, "WSetMod": _WATT_MODE, "WSet": -power_kw * 1000})
        whole_kw = rated_kw(self._wire.images)
        if whole_kw <= 0:
            return Refusal(RefusalCode.UNSUPPORTED, "704.WSet, or a rated power for 704.WSetPct", "neither")
        refusal = await self._wire.write(_MODEL, {"WSetPct": -power_kw / whole_kw * 100})
        return refusal or await self._wire.write(_MODEL, {"WSetEna": 1, "WSetMod": _PERCENT_MODE})

    async def _time_to_live(self, revert_s: float) -> Refusal | None:
        """Reversion disables the set-point; written only when it changes, since the device keeps it."""
        image = self._wire.model(_MODEL)
        seconds = max(round(revert_s), 0)
        if image is None or not image.has("WSetRvrtTms"):
            return None
        if image.raw("WSetRvrtTms") == seconds and image.raw("WSetEnaRvrt") in (0, None):
            return None
        values = {"WSetEnaRvrt": 0} if image.has("WSetEnaRvrt") else {}
        return await self._wire.write(_MODEL, {**values, "WSetRvrtTms": seconds})

    async def _own(self, set_point: SetPoint) -> Refusal | None:
        refusal = await self._wire.write(_MODEL, {"WSetEna": 0})
        if refusal is not None:
            return refusal
        if set_point.regime is Regime.ABSORB:
            return await self._wire.write(_MODEL, {"WMaxLimPct": 0.0, "WMaxLimPctEna": 1}, {"WMaxLimPct": towards_zero})
        if self._last is not None and self._last.regime is Regime.ABSORB:
            return await self._wire.write(_MODEL, {"WMaxLimPctEna": 0})
        return None

    def _own_read_back(self, *, capped: bool) -> ReadBack:
        """The own mode is a command only if we commanded it: in the registers it looks like nothing."""
        if capped:
            return ReadBack(active=True, set_point=SetPoint(regime=Regime.ABSORB))
        if self._last is not None and self._last.regime is Regime.BALANCE:
            return ReadBack(active=True, set_point=SetPoint(regime=Regime.BALANCE))
        return ReadBack(active=False, set_point=SetPoint())

    def _limits_refusal(self, set_point: SetPoint) -> Refusal | None:
        """704 cannot hold the own mode inside limits narrower than the device's own."""
        low_kw, high_kw = self._capability.min_rate_kw, self._capability.max_rate_kw
        narrow_low = set_point.min_kw is not None and set_point.min_kw > low_kw + _SAME_KW
        narrow_high = set_point.max_kw is not None and set_point.max_kw < high_kw - _SAME_KW
        if narrow_high or (narrow_low and set_point.regime is not Regime.ABSORB):
            return Refusal(
                RefusalCode.UNSUPPORTED,
                f"limits no narrower than {low_kw:g} to {high_kw:g} kW in its own mode",
                f"{set_point.min_kw} to {set_point.max_kw}",
                "command a power instead",
            )
        return None

    def _commanded_kw(self) -> float | None:
        image = self._wire.model(_MODEL)
        if image is None:
            return None
        if image.raw("WSetMod") == _WATT_MODE:
            watts = image.number("WSet")
            return None if watts is None else -watts / 1000
        percent, whole_kw = image.number("WSetPct"), rated_kw(self._wire.images)
        return None if percent is None else -percent / 100 * whole_kw
