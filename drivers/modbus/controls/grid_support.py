"""Reactive power and connection of an inverter by models 123, 703, 704 and 705: power factor, kvar, volt-var curve."""

import math
from collections.abc import Mapping

from drivers.modbus.sunspec.image import ModelImage
from drivers.modbus.wire import Wire
from heg.devices.contract import GridSupport, VoltVar
from heg.model.refusals import Refusal, RefusalCode

_OVER_EXCITED, _UNDER_EXCITED = 0, 1
_VARS = 4
_PERCENT_OF_VAR_MAX_123 = 2
_PERCENT_OF_VAR_MAX_705 = 1
_IN_FORCE = 1
_FAILED = 2
_SMALLEST_FACTOR = 0.1
_MOST_CURVES, _MOST_POINTS = 8, 32
_LONGEST_REVERT_S = 0xFFFE


class InverterSupport:
    """The `GridSupportActuator` of an inverter. One kind of support at a time: the others are switched off first."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def support(self, wanted: GridSupport, *, revert_s: float = 0.0) -> Refusal | None:
        """Put a kind of support in force; a kind that the device lacks is refused before anything is written."""
        kinds = [kind for kind in (wanted.power_factor, wanted.reactive_kvar, wanted.volt_var) if kind is not None]
        if len(kinds) > 1:
            return Refusal(RefusalCode.CONFLICT, "one of power factor, kvar and volt-var", f"{len(kinds)} of them")
        refusal = self._unable(wanted)
        if refusal is None and wanted.connected is not None:
            refusal = await self._connect(connected=wanted.connected)
        if refusal is None and kinds:
            refusal = await self._end(besides=wanted)
        if refusal is not None or not kinds:
            return refusal
        if wanted.power_factor is not None:
            return await self._factor(wanted.power_factor, revert_s)
        if wanted.reactive_kvar is not None:
            return await self._vars(wanted.reactive_kvar, revert_s)
        return await self._curve(wanted.volt_var) if wanted.volt_var is not None else None

    async def support_read_back(self) -> GridSupport | Refusal:
        """What is in force now; volt-var goes before the rest, as in the devices."""
        for model, points in _READ.items():
            if model in self._wire.images:
                refusal = await self._wire.refresh(model, *points)
                if refusal is not None:
                    return refusal
        connected = self._connected()
        if (curve := await self._curve_in_force()) is not None:
            return curve if isinstance(curve, Refusal) else GridSupport(volt_var=curve, connected=connected)
        if 704 in self._wire.images:
            return _read_704(self._wire.images[704], connected)
        if 123 in self._wire.images:
            return _read_123(self._wire.images[123], self._var_max_kvar(), connected)
        return GridSupport(connected=connected)

    async def end_support(self) -> Refusal | None:
        """Every kind off, connected."""
        refusal = await self._end(besides=GridSupport())
        return refusal or (await self._connect(connected=True) if self._connected() is False else None)

    def _unable(self, wanted: GridSupport) -> Refusal | None:
        has_704, has_123 = 704 in self._wire.images, 123 in self._wire.images
        if wanted.power_factor is not None and not _SMALLEST_FACTOR <= abs(wanted.power_factor) <= 1.0:
            expected = f"a power factor of {_SMALLEST_FACTOR} to 1 (negative: absorbing reactive power)"
            return Refusal(RefusalCode.OUT_OF_RANGE, expected, f"{wanted.power_factor:g}")
        if wanted.reactive_kvar is not None and not has_704 and self._var_max_kvar() is None:
            return Refusal(RefusalCode.UNSUPPORTED, "model 704, or 123 with a reactive rating", "a device without them")
        if wanted.volt_var is not None:
            return self._unable_curve(wanted.volt_var)
        if not has_704 and not has_123:
            return Refusal(RefusalCode.UNSUPPORTED, "model 123 or 704", "a device without them")
        return None

    def _unable_curve(self, curve: VoltVar) -> Refusal | None:
        image = self._wire.model(705)
        room = image.raw("NPt") if image is not None else None
        if not isinstance(room, int) or self._free_curve() is None:
            return Refusal(RefusalCode.UNSUPPORTED, "model 705 with a curve that may be written", "a device without it")
        rising = all(left[0] < right[0] for left, right in zip(curve.points, curve.points[1:], strict=False))
        if not 1 <= len(curve.points) <= min(room, _MOST_POINTS) or not rising:
            return Refusal(RefusalCode.OUT_OF_RANGE, f"1 to {room} points of rising voltage", f"{curve.points}")
        return None

    async def _factor(self, factor: float, revert_s: float) -> Refusal | None:
        if 704 in self._wire.images:
            image, excitation = self._wire.images[704], _OVER_EXCITED if factor > 0 else _UNDER_EXCITED
            for group in ("PFWInj", "PFWAbs"):
                if not image.has(f"{group}Ena"):
                    continue
                refusal = await self._wire.write(
                    704,
                    {
                        f"{group}.PF": abs(factor),
                        f"{group}.Ext": excitation,
                        **_timer(image, f"{group}RvrtTms", revert_s),
                    },
                )
                refusal = refusal or await self._wire.write(704, {f"{group}Ena": 1})
                if refusal is not None:
                    return refusal
            return None
        image = self._wire.images[123]
        refusal = await self._wire.write(123, {"OutPFSet": factor, **_timer(image, "OutPFSet_RvrtTms", revert_s)})
        return refusal or await self._wire.write(123, {"OutPFSet_Ena": 1})

    async def _vars(self, kvar: float, revert_s: float) -> Refusal | None:
        if 704 in self._wire.images:
            timer = _timer(self._wire.images[704], "VarSetRvrtTms", revert_s)
            refusal = await self._wire.write(704, {"VarSetMod": _VARS, "VarSet": kvar * 1000, **timer})
            return refusal or await self._wire.write(704, {"VarSetEna": 1})
        most_kvar = self._var_max_kvar()
        if most_kvar is None:
            return Refusal(RefusalCode.UNSUPPORTED, "a reactive rating in 121 or 120", "none")
        timer = _timer(self._wire.images[123], "VArPct_RvrtTms", revert_s)
        refusal = await self._wire.write(123, {"VArMaxPct": kvar / most_kvar * 100, **timer})
        return refusal or await self._wire.write(123, {"VArPct_Mod": _PERCENT_OF_VAR_MAX_123, "VArPct_Ena": 1})

    async def _curve(self, curve: VoltVar) -> Refusal | None:
        """Write a curve that is not in force, have it adopted, switch the function on."""
        number = self._free_curve()
        if number is None:
            return Refusal(RefusalCode.UNSUPPORTED, "a curve of 705 that may be written", "none")
        values: dict[str, float] = {
            f"Crv.{number}.ActPt": len(curve.points),
            f"Crv.{number}.DeptRef": _PERCENT_OF_VAR_MAX_705,
            f"Crv.{number}.VRef": 100 * curve.reference_share,
        }
        for index, (voltage, reactive) in enumerate(curve.points, start=1):
            values |= {f"Crv.{number}.Pt.{index}.V": 100 * voltage, f"Crv.{number}.Pt.{index}.Var": 100 * reactive}
        refusal = await self._wire.write(705, values)
        refusal = refusal or await self._wire.write(705, {"AdptCrvReq": number})
        refusal = refusal or await self._wire.refresh(705, "AdptCrvRslt")
        if refusal is None and self._wire.images[705].raw("AdptCrvRslt") == _FAILED:
            refusal = Refusal(RefusalCode.DEVICE_REFUSED, "the device to adopt the curve", "adoption failed")
        return refusal or await self._wire.write(705, {"Ena": 1})

    async def _end(self, *, besides: GridSupport) -> Refusal | None:
        """Switch off what is on and not wanted; what is off costs no write."""
        keep = {
            "PFWInjEna": besides.power_factor is not None,
            "PFWAbsEna": besides.power_factor is not None,
            "VarSetEna": besides.reactive_kvar is not None,
            "OutPFSet_Ena": besides.power_factor is not None,
            "VArPct_Ena": besides.reactive_kvar is not None,
            "Ena": besides.volt_var is not None,
        }
        for model, points in _READ.items():
            image = self._wire.model(model)
            if image is None:
                continue
            refusal = await self._wire.refresh(model, *points)
            for point in (point for point in points if point in keep and not keep[point]):
                if refusal is None and image.raw(point) == 1:
                    refusal = await self._wire.write(model, {point: 0})
            if refusal is not None:
                return refusal
        return None

    async def _connect(self, *, connected: bool) -> Refusal | None:
        if 703 in self._wire.images:
            return await self._wire.write(703, {"ES": int(connected)})
        if 123 in self._wire.images:
            return await self._wire.write(123, {"Conn": int(connected)})
        return Refusal(RefusalCode.UNSUPPORTED, "model 123 or 703", "a device without them")

    def _connected(self) -> bool | None:
        for model, point in ((703, "ES"), (123, "Conn")):
            if model in self._wire.images and (raw := self._wire.images[model].raw(point)) is not None:
                return raw == 1
        return None

    def _var_max_kvar(self) -> float | None:
        for model, point in ((121, "VArMaxQ1"), (120, "VArRtgQ1")):
            image = self._wire.model(model)
            if 123 in self._wire.images and image is not None and (var := image.number(point)):
                return abs(var) / 1000
        return None

    def _free_curve(self) -> int | None:
        image = self._wire.model(705)
        if image is None:
            return None
        numbers = range(2, _MOST_CURVES + 1)
        return next((number for number in numbers if image.raw(f"Crv.{number}.ReadOnly") == 0), None)

    async def _curve_in_force(self) -> VoltVar | Refusal | None:
        image = self._wire.model(705)
        if image is None or image.raw("Ena") != 1:
            return None
        names = [name for name in image.places() if name.startswith(f"Crv.{_IN_FORCE}.")]
        refusal = await self._wire.refresh(705, *names)
        count = image.raw(f"Crv.{_IN_FORCE}.ActPt")
        if refusal is not None or not isinstance(count, int):
            return refusal
        points = [
            (image.number(f"Crv.{_IN_FORCE}.Pt.{index}.V"), image.number(f"Crv.{_IN_FORCE}.Pt.{index}.Var"))
            for index in range(1, min(count, _MOST_POINTS) + 1)
        ]
        known = tuple((volts / 100, var / 100) for volts, var in points if volts is not None and var is not None)
        return VoltVar(known, (image.number(f"Crv.{_IN_FORCE}.VRef") or 100.0) / 100)


_READ: Mapping[int, tuple[str, ...]] = {
    123: ("Conn", "OutPFSet", "OutPFSet_Ena", "VArMaxPct", "VArPct_Mod", "VArPct_Ena"),
    703: ("ES",),
    704: ("PFWInjEna", "PFWAbsEna", "VarSetEna", "VarSetMod", "VarSet", "PFWInj.PF", "PFWInj.Ext"),
    705: ("Ena",),
}


def _read_704(image: ModelImage, connected: bool | None) -> GridSupport:
    var, factor = image.number("VarSet"), image.number("PFWInj.PF")
    if image.raw("VarSetEna") == 1 and image.raw("VarSetMod") == _VARS and var is not None:
        return GridSupport(reactive_kvar=var / 1000, connected=connected)
    if image.raw("PFWInjEna") == 1 and factor is not None:
        sign = 1.0 if image.raw("PFWInj.Ext") == _OVER_EXCITED else -1.0
        return GridSupport(power_factor=math.copysign(factor, sign), connected=connected)
    return GridSupport(connected=connected)


def _read_123(image: ModelImage, most_kvar: float | None, connected: bool | None) -> GridSupport:
    percent, factor = image.number("VArMaxPct"), image.number("OutPFSet")
    by_percent = image.raw("VArPct_Ena") == 1 and image.raw("VArPct_Mod") == _PERCENT_OF_VAR_MAX_123
    if by_percent and percent is not None and most_kvar is not None:
        return GridSupport(reactive_kvar=percent / 100 * most_kvar, connected=connected)
    if image.raw("OutPFSet_Ena") == 1 and factor is not None:
        return GridSupport(power_factor=factor, connected=connected)
    return GridSupport(connected=connected)


def _timer(image: ModelImage, point: str, revert_s: float) -> dict[str, float]:
    return {point: float(min(max(round(revert_s), 0), _LONGEST_REVERT_S))} if image.has(point) else {}
