"""Reactive power as the control registers ask for it: 123 (PF, var), 704 (PF, var), 705 (volt-var curve).

Positive is injecting (over-excited). Active power has priority: what is asked is cut to what the apparent rating
leaves.
"""

from __future__ import annotations

import math
from itertools import pairwise

from hil.devices.inverter import VAR_SHARE
from hil.devices.registers import ModelFields, SunSpecImage
from hil.house.grid import NOMINAL_V
from hil.house.house import House

_SWITCHES = {705: ("Ena",), 704: ("VarSetEna", "PFWInjEna", "PFWAbsEna"), 123: ("VArPct_Ena", "OutPFSet_Ena")}


class ReactiveControl:
    """Follows the reactive controls of one device; costs nothing while none of them is switched on."""

    def __init__(self) -> None:
        self._asked = False

    def look(self, image: SunSpecImage) -> None:
        """Controls may have been written."""
        self._asked = any(
            image[model][name].get() for model, names in _SWITCHES.items() if model in image for name in names
        )

    def kvar(self, image: SunSpecImage, house: House, active_kw: float, apparent_kva: float) -> float:
        """Reactive power in kvar at this active power (feeding in positive) and the house's voltage now."""
        if not self._asked:
            return 0.0
        return reactive_kvar(image, active_kw, apparent_kva, sum(house.voltage_v()) / 3)


def reactive_kvar(image: SunSpecImage, active_kw: float, apparent_kva: float, voltage_v: float) -> float:
    """Reactive power in kvar an inverter gives at this active power (feeding in positive) and voltage."""
    most = apparent_kva * VAR_SHARE
    wanted = 0.0
    if 705 in image and image[705]["Ena"].get():
        wanted = _curve_share(image[705], 100 * voltage_v / NOMINAL_V) * most
    elif 704 in image:
        wanted = _asked_704(image[704], active_kw, most, apparent_kva)
    elif 123 in image:
        wanted = _asked_123(image[123], active_kw, most)
    left = math.sqrt(max(0.0, apparent_kva**2 - active_kw**2))
    return min(max(wanted, -most, -left), most, left)


def adopt_curve(fields: ModelFields, request: int) -> None:
    """Model 705, AdptCrvReq: copy the curve asked for over the one in force, and say how it went."""
    if request == 1:
        fields.put(AdptCrvRslt=1)
    elif f"Crv[{request}].ActPt" in fields:
        prefix = f"Crv[{request}]."
        for path, source in fields:
            if path.startswith(prefix) and not path.endswith("ReadOnly"):
                fields["Crv[1]." + path.removeprefix(prefix)].hold(source.held())
        fields.put(AdptCrvRslt=1)
    else:
        fields.put(AdptCrvRslt=2)


def _asked_704(fields: ModelFields, active_kw: float, most: float, apparent_kva: float) -> float:
    if fields["VarSetEna"].get():
        bases = {0: apparent_kva, 1: most, 2: most, 3: apparent_kva}
        mode = round(fields["VarSetMod"].get())
        if mode == 4:
            return fields["VarSet"].get() / 1000
        return fields["VarSetPct"].get() / 100 * bases.get(mode, 0.0)
    group = "PFWInj" if active_kw >= 0 else "PFWAbs"
    if fields[f"{group}Ena"].get():
        angle = math.acos(min(1.0, max(0.1, fields[f"{group}.PF"].get())))
        sign = 1 if fields[f"{group}.Ext"].get() == 0 else -1
        return sign * abs(active_kw) * math.tan(angle)
    return 0.0


def _asked_123(fields: ModelFields, active_kw: float, most: float) -> float:
    if fields["VArPct_Ena"].get():
        name = {1: "VArWMaxPct", 2: "VArMaxPct", 3: "VArAvalPct"}.get(round(fields["VArPct_Mod"].get()))
        return 0.0 if name is None else fields[name].get() / 100 * most
    if fields["OutPFSet_Ena"].get():
        factor = fields["OutPFSet"].get()
        angle = math.acos(min(1.0, max(0.1, abs(factor))))
        return math.copysign(abs(active_kw) * math.tan(angle), factor)
    return 0.0


def _curve_share(fields: ModelFields, voltage_pct: float) -> float:
    count = max(1, round(fields["Crv[1].ActPt"].get()))
    points = [(fields[f"Crv[1].Pt[{n}].V"].get(), fields[f"Crv[1].Pt[{n}].Var"].get()) for n in range(1, count + 1)]
    if voltage_pct <= points[0][0]:
        return points[0][1] / 100
    for (low_v, low_q), (high_v, high_q) in pairwise(points):
        if voltage_pct <= high_v:
            along = (voltage_pct - low_v) / (high_v - low_v) if high_v > low_v else 1.0
            return (low_q + (high_q - low_q) * along) / 100
    return points[-1][1] / 100
