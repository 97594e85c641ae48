"""What the inverters of the rig share: AC measurements in every SunSpec form, ratings, reactive power controls.

SunSpec's sign: an inverter's W is positive when it feeds in, so a charging battery shows a negative W.
"""

from __future__ import annotations

from dataclasses import dataclass

from hil.devices.registers import ModelFields, ModelSpec, SunSpecImage, Values
from hil.house.grid import NOMINAL_V, Electrical, electrical
from hil.house.house import House
from hil.house.quantities import Phases, milliwatts, shares_in_ppm, split

THREE_PHASE_MODELS = (103, 113, 701)
INVERTER_MODELS = (101, 102, 103, 111, 112, 113, 701)
VAR_SHARE = 0.44
"""Reactive rating as a share of the apparent rating (IEEE 1547 category B)."""

_AC_SCALES: Values = {"A_SF": -2, "V_SF": -1, "W_SF": 0, "Hz_SF": -2, "VA_SF": 0, "VAr_SF": 0, "PF_SF": -2}
_TEMPERATURE_C = 34.0


@dataclass(frozen=True, slots=True)
class AcOutput:
    """AC side of an inverter in the inverter's sign: positive feeds in."""

    active: Phases
    reactive: Phases
    at: Electrical
    injected_wh: float
    absorbed_wh: float
    dc_w: float
    dc_v: float

    @property
    def power_w(self) -> float:
        """Active power of all phases."""
        return sum(self.active) / 1000

    @property
    def reactive_var(self) -> float:
        """Reactive power of all phases, positive when injecting."""
        return sum(self.reactive) / 1000

    @property
    def apparent_va(self) -> float:
        """Apparent power of all phases."""
        return sum(self.at.apparent_va)

    @property
    def power_factor(self) -> float:
        """Active over apparent power, 1 when nothing flows."""
        return 1.0 if self.apparent_va < 1 else self.power_w / self.apparent_va


def ac_output(
    house: House,
    *,
    feed_in_kw: float,
    reactive_kvar: float,
    shares: tuple[float, float, float],
    injected_wh: float,
    absorbed_wh: float,
    dc_w: float,
    dc_v: float,
) -> AcOutput:
    """The AC side of an inverter that feeds this power into the house now."""
    ppm = shares_in_ppm(shares)
    active = split(milliwatts(feed_in_kw), ppm)
    reactive = split(milliwatts(reactive_kvar), ppm)
    at = electrical(active, reactive, house.voltage_v(), house.at_us)
    return AcOutput(active, reactive, at, injected_wh, absorbed_wh, dc_w, dc_v)


def ac_model(model_id: int) -> ModelSpec:
    """An inverter measurement model at power-up."""
    if model_id == 701:
        return ModelSpec(
            701,
            {
                "A_SF": -2,
                "V_SF": -1,
                "Hz_SF": -3,
                "W_SF": 0,
                "PF_SF": -3,
                "VA_SF": 0,
                "Var_SF": 0,
                "TotWh_SF": 0,
                "TotVarh_SF": 0,
                "Tmp_SF": -1,
                "ACType": 2,
                "St": 1,
                "InvSt": 3,
                "ConnSt": 1,
                "Alrm": 0,
                "DERMode": 1,
            },
        )
    events: Values = {"Evt1": 0, "Evt2": 0}
    if model_id in (111, 112, 113):
        return ModelSpec(model_id, events)
    scales = {**_AC_SCALES, "WH_SF": 0, "DCA_SF": -2, "DCV_SF": -1, "DCW_SF": 0, "Tmp_SF": -1}
    return ModelSpec(model_id, {**scales, **events})


def put_ac(image: SunSpecImage, output: AcOutput, *, state: int, connected: bool) -> None:
    """Refresh whichever measurement models the device has; `state` counts as in models 101 to 113."""
    for model_id in INVERTER_MODELS:
        if model_id in image:
            put = _put_701 if model_id == 701 else _put_10x
            put(image[model_id], output, state, connected)


def _put_10x(fields: ModelFields, output: AcOutput, state: int, connected: bool) -> None:
    at, phases = output.at, 3 if fields.model_id in THREE_PHASE_MODELS else fields.model_id % 10
    letters = "ABC"[:phases]
    for index, letter in enumerate(letters):
        fields.put(**{f"Aph{letter}": at.current_a[index], f"PhVph{letter}": at.voltage_v[index]})
    if phases == 3:
        fields.put(**{f"PPVph{pair}": v for pair, v in zip(("AB", "BC", "CA"), at.line_to_line_v, strict=True)})
    fields.put(
        A=sum(at.current_a),
        W=output.power_w,
        Hz=at.frequency_hz,
        VA=output.apparent_va,
        VAr=output.reactive_var,
        PF=100 * output.power_factor,
        WH=output.injected_wh,
        DCW=output.dc_w,
        DCV=output.dc_v,
        DCA=abs(output.dc_w / output.dc_v) if output.dc_v else 0.0,
        TmpCab=_TEMPERATURE_C,
        St=state if connected else 1,
    )


def _put_701(fields: ModelFields, output: AcOutput, state: int, connected: bool) -> None:
    at = output.at
    fields.put(
        W=output.power_w,
        VA=output.apparent_va,
        Var=output.reactive_var,
        PF=output.power_factor,
        A=sum(at.current_a),
        LNV=sum(at.voltage_v) / 3,
        LLV=sum(at.line_to_line_v) / 3,
        Hz=at.frequency_hz,
        TotWhInj=output.injected_wh,
        TotWhAbs=output.absorbed_wh,
        TmpCab=_TEMPERATURE_C,
        InvSt=(state - 1) if connected else 0,
        St=1 if connected else 0,
        ConnSt=1 if connected else 0,
    )
    pairs = ("VL1L2", "VL2L3", "VL3L1")
    for index in range(3):
        phase = index + 1
        fields.put(
            **{
                f"WL{phase}": output.active[index] / 1000,
                f"VAL{phase}": at.apparent_va[index],
                f"VarL{phase}": output.reactive[index] / 1000,
                f"AL{phase}": at.current_a[index],
                f"VL{phase}": at.voltage_v[index],
                pairs[index]: at.line_to_line_v[index],
            }
        )


def capacity_702(rated_kw: float, apparent_kva: float, charge_kw: float, discharge_kw: float) -> ModelSpec:
    """Model 702: ratings and settings of a DER. `CtrlModes` names limit, fixed W, fixed var, fixed PF, volt-var."""
    rating: Values = {
        "WMaxRtg": rated_kw * 1000,
        "VAMaxRtg": apparent_kva * 1000,
        "VarMaxInjRtg": apparent_kva * 1000 * VAR_SHARE,
        "VarMaxAbsRtg": apparent_kva * 1000 * VAR_SHARE,
        "WChaRteMaxRtg": charge_kw * 1000,
        "WDisChaRteMaxRtg": discharge_kw * 1000,
        "VNomRtg": NOMINAL_V,
    }
    setting: Values = {
        "WMax": rated_kw * 1000,
        "VAMax": apparent_kva * 1000,
        "VarMaxInj": apparent_kva * 1000 * VAR_SHARE,
        "VarMaxAbs": apparent_kva * 1000 * VAR_SHARE,
        "WChaRteMax": charge_kw * 1000,
        "WDisChaRteMax": discharge_kw * 1000,
        "VNom": NOMINAL_V,
        "AMax": apparent_kva * 1000 / NOMINAL_V / 3,
    }
    scales: Values = {"W_SF": 0, "PF_SF": -3, "VA_SF": 0, "Var_SF": 0, "V_SF": -1, "A_SF": -1, "S_SF": 0}
    return ModelSpec(702, {**scales, **rating, **setting, "CtrlModes": 0b11111, "NorOpCatRtg": 1, "AbnOpCatRtg": 2})


def enter_service_703() -> ModelSpec:
    """Model 703: permission to enter service, given."""
    return ModelSpec(
        703,
        {
            "V_SF": -1,
            "Hz_SF": -2,
            "ES": 1,
            "ESVHi": 110.0,
            "ESVLo": 90.0,
            "ESHzHi": 50.2,
            "ESHzLo": 47.5,
            "ESDlyTms": 60,
            "ESRndTms": 0,
            "ESRmpTms": 60,
            "ESDlyRemTms": 0,
        },
    )


def controls_704() -> ModelSpec:
    """Model 704: AC controls, all off after power-up."""
    off = {f"{name}Ena": 0 for name in ("PFWInj", "PFWAbs", "WMaxLimPct", "WSet", "VarSet")}
    revert = {f"{name}RvrtTms": 0 for name in ("PFWInj", "PFWAbs", "WMaxLimPct", "WSet", "VarSet")}
    remaining = {f"{name}RvrtRem": 0 for name in ("PFWInj", "PFWAbs", "WMaxLimPct", "WSet", "VarSet")}
    back = {f"{name}EnaRvrt": 0 for name in ("PFWInj", "PFWAbs", "WMaxLimPct", "WSet", "VarSet")}
    unity: Values = {"PF": 1.0, "Ext": 0}
    groups: Values = {"PFWInj": unity, "PFWInjRvrt": unity, "PFWAbs": unity, "PFWAbsRvrt": unity}
    return ModelSpec(
        704,
        {
            "PF_SF": -3,
            "WMaxLimPct_SF": -1,
            "WSet_SF": 0,
            "WSetPct_SF": -1,
            "VarSet_SF": 0,
            "VarSetPct_SF": -1,
            **off,
            **revert,
            **remaining,
            **back,
            **groups,
            "WMaxLimPct": 100.0,
            "WMaxLimPctRvrt": 100.0,
            "WSetMod": 1,
            "WSet": 0,
            "WSetRvrt": 0,
            "WSetPct": 0.0,
            "WSetPctRvrt": 0.0,
            "VarSetMod": 4,
            "VarSetPri": 0,
            "VarSet": 0,
            "VarSetRvrt": 0,
            "VarSetPct": 0.0,
            "VarSetPctRvrt": 0.0,
            "WRmp": 100,
            "WRmpRef": 1,
            "AntiIslEna": 1,
        },
    )


def volt_var_705() -> ModelSpec:
    """Model 705: one curve in force and one to write, off after power-up."""
    points = [{"V": v, "Var": q} for v, q in ((92.0, 44.0), (98.0, 0.0), (102.0, 0.0), (108.0, -44.0))]
    curve: Values = {
        "ActPt": 4,
        "DeptRef": 1,
        "Pri": 0,
        "VRef": 100.0,
        "VRefAuto": 100.0,
        "VRefAutoEna": 0,
        "VRefAutoTms": 300,
        "RspTms": 5.0,
        "Pt": points,
    }
    return ModelSpec(
        705,
        {
            "V_SF": -1,
            "DeptRef_SF": -1,
            "RspTms_SF": -1,
            "Ena": 0,
            "AdptCrvReq": 0,
            "AdptCrvRslt": 1,
            "NPt": 4,
            "NCrv": 2,
            "RvrtTms": 0,
            "RvrtRem": 0,
            "RvrtCrv": 1,
            "Crv": [{**curve, "ReadOnly": 1}, {**curve, "ReadOnly": 0}],
        },
    )
