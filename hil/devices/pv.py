"""The simulated PV inverter: classic models (101 to 113 with 120 to 123 and 160) or the DER models (701 onwards)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hil.devices.device import Now, RevertTimer, SunSpecDevice, common
from hil.devices.inverter import (
    VAR_SHARE,
    ac_model,
    ac_output,
    capacity_702,
    controls_704,
    enter_service_703,
    put_ac,
    volt_var_705,
)
from hil.devices.reactive import ReactiveControl, adopt_curve
from hil.devices.registers import BASE_ADDRESS, ModelFields, ModelSpec
from hil.house.grid import NOMINAL_V
from hil.house.house import House
from hil.house.quantities import watt_hours

SLEEPING, MPPT, THROTTLED = 2, 4, 5
VARIANTS = ("101", "102", "103", "111", "112", "113", "701")
_STRINGS = (0.55, 0.45)
_STRING_V = 380.0


@dataclass(frozen=True, slots=True)
class PvSettings:
    """Which inverter it is. `counter_start_wh` lets the lifetime counter stand just before its roll-over."""

    variant: str = "103"
    producer: str = "pv"
    serial: str = "RIG-PV-1"
    unit_id: int = 1
    base: int = BASE_ADDRESS
    counter_start_wh: float = 0.0
    strict_revert: bool = False

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ValueError(f"pv variant {self.variant!r}: expected one of {', '.join(VARIANTS)}")


class PvInverter(SunSpecDevice):
    """A PV inverter that produces what the sun offers, less what a limit takes."""

    def __init__(self, name: str, house: House, now: Now, settings: PvSettings = PvSettings()) -> None:
        self.settings = settings
        self.producer = house.producers[settings.producer]
        self.counter_offset_wh = settings.counter_start_wh
        self._reactive = ReactiveControl()
        super().__init__(name, house, now, unit_id=settings.unit_id, base=settings.base)

    def models(self) -> Sequence[ModelSpec]:
        """Common, measurements, ratings, controls, and the strings."""
        who = common("Rig", f"Sun {self.settings.variant}", self.settings.serial)
        built = self.producer.config
        if self.settings.variant == "701":
            ratings = capacity_702(built.rated_kw, built.apparent_kva, 0.0, 0.0)
            return [who, ac_model(701), ratings, enter_service_703(), controls_704(), volt_var_705(), _ports_714()]
        return [
            who,
            ac_model(int(self.settings.variant)),
            nameplate_120(built.rated_kw, built.apparent_kva, derived_type=4),
            settings_121(built.rated_kw, built.apparent_kva),
            status_122(pv=7, storage=0),
            _controls_123(),
            _strings_160(),
        ]

    def reverts(self) -> list[RevertTimer]:
        """The power limit reverts to *no limit*; with 704 to what the reversion registers say."""
        strict = self.settings.strict_revert
        if 704 in self.image:
            return reverts_704(self.image[704], strict=strict)
        fields = self.image[123]
        controls = (
            ("WMaxLim_Ena", "WMaxLimPct_RvrtTms", ["WMaxLimPct"], {"WMaxLim_Ena": 0.0}),
            ("OutPFSet_Ena", "OutPFSet_RvrtTms", ["OutPFSet"], {"OutPFSet_Ena": 0.0}),
            ("VArPct_Ena", "VArPct_RvrtTms", ["VArMaxPct", "VArWMaxPct", "VArAvalPct"], {"VArPct_Ena": 0.0}),
        )
        return [
            RevertTimer(fields, enable=ena, seconds=tms, watch=watch, restore=back, strict=strict)
            for ena, tms, watch, back in controls
        ]

    def written(self, model_id: int, points: Sequence[str]) -> None:
        """A curve may have been asked for."""
        if model_id == 705 and "AdptCrvReq" in points:
            adopt_curve(self.image[705], round(self.image[705]["AdptCrvReq"].get()))

    def obey(self) -> None:
        """Limit and connection."""
        if 704 in self.image:
            fields, enable = self.image[704], "WMaxLimPctEna"
            self.producer.connected = self.image[703]["ES"].get() == 1
        else:
            fields, enable = self.image[123], "WMaxLim_Ena"
            self.producer.connected = fields["Conn"].get() == 1
        self._reactive.look(self.image)
        self.producer.limit = min(1.0, fields["WMaxLimPct"].get() / 100) if fields[enable].get() == 1 else 1.0

    def tick(self, at_s: float) -> None:
        """Timers, and reactive power at this instant's voltage."""
        super().tick(at_s)
        producer = self.producer
        kvar = self._reactive.kvar(self.image, self.house, producer.power_kw, producer.config.apparent_kva)
        producer.reactive_kvar = kvar if producer.connected else 0.0

    def refresh(self) -> None:
        """Measurements of the last step."""
        producer = self.producer
        energy_wh = watt_hours(producer.produced_nanojoule) + self.counter_offset_wh
        dc_w = producer.power_kw * 1000 / 0.975
        output = ac_output(
            self.house,
            feed_in_kw=producer.power_kw,
            reactive_kvar=producer.reactive_kvar,
            shares=producer.config.phase_shares,
            injected_wh=energy_wh,
            absorbed_wh=0.0,
            dc_w=dc_w,
            dc_v=_STRING_V,
        )
        awake = producer.available_milliwatt > 0
        state = (THROTTLED if producer.throttled else MPPT) if awake else SLEEPING
        put_ac(self.image, output, state=state, connected=producer.connected)
        if 160 in self.image:
            self._put_strings(dc_w, energy_wh, state)
            self.image[122].put(ActWh=energy_wh, WAval=producer.available_milliwatt / 1000, PVConn=7 if awake else 3)
        if 714 in self.image:
            port = {"DCW": dc_w, "DCA": dc_w / _STRING_V, "DCWhInj": energy_wh / 0.975}
            self.image[714].put(**port, **{f"Prt[1].{k}": v for k, v in port.items()}, **{"Prt[1].DCV": _STRING_V})

    def _put_strings(self, dc_w: float, energy_wh: float, state: int) -> None:
        for index, share in enumerate(_STRINGS, start=1):
            part_w = dc_w * share
            values = {"DCW": part_w, "DCV": _STRING_V, "DCA": part_w / _STRING_V, "DCWH": energy_wh / 0.975 * share}
            self.image[160].put(**{f"module[{index}].{name}": value for name, value in values.items()})
            self.image[160].put(**{f"module[{index}].DCSt": state})


def reverts_704(fields: ModelFields, *, strict: bool) -> list[RevertTimer]:
    """The reversion timers of model 704: each control falls back to its reversion registers."""
    watched = {"WMaxLimPct": ["WMaxLimPct"], "WSet": ["WSet", "WSetPct", "WSetMod"], "VarSet": ["VarSet", "VarSetPct"]}
    timers = []
    for control, values in watched.items():
        kept = [value for value in values if value != "WSetMod"]
        timers.append(
            RevertTimer(
                fields,
                enable=f"{control}Ena",
                seconds=f"{control}RvrtTms",
                remaining=f"{control}RvrtRem",
                watch=values,
                restore={f"{control}Ena": f"{control}EnaRvrt", **{value: f"{value}Rvrt" for value in kept}},
                strict=strict,
            )
        )
    return timers


def nameplate_120(rated_kw: float, apparent_kva: float, *, derived_type: int, **extra: float) -> ModelSpec:
    """Model 120: nameplate ratings; `derived_type` 4 is PV, 82 PV with storage."""
    var = apparent_kva * 1000 * VAR_SHARE
    return ModelSpec(
        120,
        {
            "WRtg_SF": 0,
            "VARtg_SF": 0,
            "VArRtg_SF": 0,
            "ARtg_SF": -1,
            "PFRtg_SF": -2,
            "WHRtg_SF": 0,
            "AhrRtg_SF": 0,
            "MaxChaRte_SF": 0,
            "MaxDisChaRte_SF": 0,
            "DERTyp": derived_type,
            "WRtg": rated_kw * 1000,
            "VARtg": apparent_kva * 1000,
            "Pad": 0,
            "VArRtgQ1": var,
            "VArRtgQ2": var,
            "VArRtgQ3": -var,
            "VArRtgQ4": -var,
            "ARtg": apparent_kva * 1000 / NOMINAL_V,
            "PFRtgQ1": -0.8,
            "PFRtgQ2": 0.8,
            "PFRtgQ3": 0.8,
            "PFRtgQ4": -0.8,
            **extra,
        },
    )


def settings_121(rated_kw: float, apparent_kva: float) -> ModelSpec:
    """Model 121: basic settings."""
    return ModelSpec(
        121,
        {
            "WMax_SF": 0,
            "VRef_SF": -1,
            "VRefOfs_SF": -1,
            "VAMax_SF": 0,
            "WMax": rated_kw * 1000,
            "VRef": NOMINAL_V,
            "VRefOfs": 0.0,
            "VAMax": apparent_kva * 1000,
        },
    )


def status_122(*, pv: int, storage: int) -> ModelSpec:
    """Model 122: connection states as bits (1 connected, 2 available, 4 operating)."""
    return ModelSpec(122, {"VArAval_SF": 0, "WAval_SF": 0, "PVConn": pv, "StorConn": storage, "ECPConn": 1})


def _controls_123() -> ModelSpec:
    off: dict[str, float] = {"WMaxLim_Ena": 0, "OutPFSet_Ena": 0, "VArPct_Ena": 0, "VArPct_Mod": 2, "Conn": 1}
    timers = {
        f"{name}_{kind}Tms": 0 for name in ("WMaxLimPct", "OutPFSet", "VArPct") for kind in ("Win", "Rvrt", "Rmp")
    }
    return ModelSpec(
        123,
        {
            "WMaxLimPct_SF": -1,
            "OutPFSet_SF": -3,
            "VArPct_SF": -1,
            "Conn_WinTms": 0,
            "Conn_RvrtTms": 0,
            **off,
            **timers,
            "WMaxLimPct": 100.0,
            "OutPFSet": 1.0,
            "VArWMaxPct": 0.0,
            "VArMaxPct": 0.0,
            "VArAvalPct": 0.0,
        },
    )


def _strings_160() -> ModelSpec:
    modules = [{"ID": n, "IDStr": f"String {n}", "DCEvt": 0} for n in range(1, len(_STRINGS) + 1)]
    scales = {"DCA_SF": -2, "DCV_SF": -1, "DCW_SF": 0, "DCWH_SF": 0}
    return ModelSpec(160, {**scales, "Evt": 0, "N": len(modules), "TmsPer": 0, "module": modules})


def _ports_714() -> ModelSpec:
    port = {"PrtTyp": 0, "ID": 1, "IDStr": "Roof", "DCSta": 1, "DCAlrm": 0}
    scales = {"DCA_SF": -2, "DCV_SF": -1, "DCW_SF": 0, "DCWH_SF": 0, "Tmp_SF": -1}
    return ModelSpec(714, {**scales, "PrtAlrms": 0, "NPrt": 1, "Prt": [port]})
