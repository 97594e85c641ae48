"""Storage by model 704: a set-point in watts (or percent of WMax) that counts charging negative; it can revert."""

from drivers.modbus.roles import rated_kw
from drivers.modbus.sunspec.encode import towards_zero
from drivers.modbus.sunspec.image import ModelImage
from drivers.modbus.wire import Wire
from heg.devices.contract import ReadBack
from heg.model.capabilities import StorageCapability
from heg.model.leases import SetPoint
from heg.model.refusals import Refusal, RefusalCode
from heg.model.regimes import Regime

_MODEL = 704
_PERCENT_MODE, _WATT_MODE = 0, 1
_PERCENT = 100.0
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
            return self._own_read_back(self._cap_read_kw(image))
        power_kw = self._commanded_kw()
        if power_kw is None:
            return Refusal(RefusalCode.DEVICE_REFUSED, "a set-point in 704.WSet or 704.WSetPct", "not implemented")
        held = abs(power_kw) < _SAME_KW and Regime.HOLD in self._capability.native
        if held and (self._last is None or self._last.power_kw is None):
            return ReadBack(active=True, set_point=SetPoint(regime=Regime.HOLD))
        return ReadBack(active=True, set_point=SetPoint(power_kw=power_kw))

    async def release(self) -> Refusal | None:
        """Nothing commanded: the own mode, without a cap of ours."""
        refusal = await self._wire.write(_MODEL, {"WSetEna": 0})
        refusal = refusal or await self._uncap()
        if refusal is None:
            self._last = None
        return refusal

    async def _set(self, power_kw: float, revert_s: float) -> Refusal | None:
        image = self._wire.model(_MODEL)
        if image is None:
            return Refusal(RefusalCode.UNSUPPORTED, "model 704", "a device without it")
        rates = (self._capability.min_rate_kw, self._capability.max_rate_kw)
        power_kw = min(max(power_kw, rates[0]), rates[1])
        refusal = await self._uncap() or await self._time_to_live(revert_s)
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
        cap_kw = self._cap_kw(set_point)
        if refusal is not None:
            return refusal
        return await (self._uncap() if cap_kw is None else self._cap(cap_kw, set_point.revert_s))

    async def _cap(self, cap_kw: float, revert_s: float) -> Refusal | None:
        """Limit what it gives; the limit reverts as a set-point does."""
        image, whole_kw = self._wire.model(_MODEL), rated_kw(self._wire.images)
        if image is None or whole_kw <= 0:
            return Refusal(RefusalCode.UNSUPPORTED, "a rated power to cap", "a device that tells none")
        values: dict[str, float] = {"WMaxLimPct": min(cap_kw / whole_kw, 1.0) * _PERCENT}
        if image.has("WMaxLimPctRvrtTms"):
            values |= {"WMaxLimPctEnaRvrt": 0.0} if image.has("WMaxLimPctEnaRvrt") else {}
            values |= {"WMaxLimPctRvrtTms": max(round(revert_s), 0)}
        refusal = await self._wire.write(_MODEL, values, {"WMaxLimPct": towards_zero})
        return refusal or await self._wire.write(_MODEL, {"WMaxLimPctEna": 1})

    async def _uncap(self) -> Refusal | None:
        """Take away a cap of ours: the one we remember, or the one that a run before us left at nothing."""
        ours = self._last is not None and self._last.power_kw is None and self._cap_kw(self._last) is not None
        image = self._wire.model(_MODEL)
        left_over = image is not None and self._last is None and self._cap_read_kw(image) == 0
        return await self._wire.write(_MODEL, {"WMaxLimPctEna": 0}) if ours or left_over else None

    def _cap_kw(self, set_point: SetPoint) -> float | None:
        """The most it may give in its own mode, None where that is not capped."""
        if set_point.regime is Regime.ABSORB:
            return 0.0
        low_kw = self._capability.min_rate_kw
        if set_point.regime is not Regime.BALANCE or set_point.min_kw is None or set_point.min_kw <= low_kw + _SAME_KW:
            return None
        return max(-set_point.min_kw, 0.0)

    def _own_read_back(self, cap_kw: float | None) -> ReadBack:
        """The own mode is a command only if we commanded it: without a cap it looks like nothing in the registers."""
        balancing = self._last is not None and self._last.regime is Regime.BALANCE
        if cap_kw is None:
            return ReadBack(active=balancing, set_point=SetPoint(regime=Regime.BALANCE) if balancing else SetPoint())
        if cap_kw < _SAME_KW and not balancing:
            return ReadBack(active=True, set_point=SetPoint(regime=Regime.ABSORB))
        return ReadBack(active=True, set_point=SetPoint(regime=Regime.BALANCE, min_kw=-cap_kw))

    def _limits_refusal(self, set_point: SetPoint) -> Refusal | None:
        """704 can cap what the own mode gives, not what it takes."""
        most_kw = self._capability.max_rate_kw
        if set_point.max_kw is not None and set_point.max_kw < most_kw - _SAME_KW:
            came = f"max_kw {set_point.max_kw:g}"
            expected = f"no limit of charging below {most_kw:g} kW in its own mode"
            return Refusal(RefusalCode.UNSUPPORTED, expected, came, "command a power instead")
        if self._cap_kw(set_point) is not None and (Regime.ABSORB not in self._capability.native):
            return Refusal(RefusalCode.UNSUPPORTED, "704.WMaxLimPct to cap what it gives", "a device without it")
        return None

    def _cap_read_kw(self, image: ModelImage) -> float | None:
        percent = image.number("WMaxLimPct")
        if image.raw("WMaxLimPctEna") != 1 or percent is None:
            return None
        return percent / _PERCENT * rated_kw(self._wire.images)

    def _commanded_kw(self) -> float | None:
        image = self._wire.model(_MODEL)
        if image is None:
            return None
        if image.raw("WSetMod") == _WATT_MODE:
            watts = image.number("WSet")
            return None if watts is None else -watts / 1000
        percent, whole_kw = image.number("WSetPct"), rated_kw(self._wire.images)
        return None if percent is None else -percent / 100 * whole_kw
