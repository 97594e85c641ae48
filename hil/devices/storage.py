"""The simulated battery inverter, in two breeds.

"704": DER models. WSet is positive when discharging, so charging is a negative set-point; 702 holds the rates.
"124": basic storage. There is no set-point, only two signed limits in percent of WChaMax with a mode field: the
power stays between -OutWRte and +InWRte, whatever the inverter's own self-consumption would like.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hil.devices.device import Now, RevertTimer, SunSpecDevice, common
from hil.devices.inverter import (
    ac_model,
    ac_output,
    capacity_702,
    controls_704,
    enter_service_703,
    put_ac,
    volt_var_705,
)
from hil.devices.pv import nameplate_120, reverts_704, settings_121, status_122
from hil.devices.reactive import ReactiveControl, adopt_curve
from hil.devices.registers import BASE_ADDRESS, ModelSpec
from hil.house.battery import Order
from hil.house.house import House
from hil.house.quantities import watt_hours

VARIANTS = ("704", "124")
STANDBY, RUNNING = 8, 4
OFF, EMPTY, DISCHARGING, CHARGING, FULL, HOLDING = 1, 2, 3, 4, 5, 6
CHARGE_LIMIT, DISCHARGE_LIMIT = 1, 2
_PACK_V = 410.0
_IDLE_KW = 0.02


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Which battery inverter it is. `measurement` is its AC model: 103, 113 or 701."""

    variant: str = "704"
    measurement: int = 701
    battery: str = "battery"
    serial: str = "RIG-BATTERY-1"
    unit_id: int = 1
    base: int = BASE_ADDRESS
    apparent_kva: float = 6.0
    strict_revert: bool = False

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ValueError(f"battery variant {self.variant!r}: expected one of {', '.join(VARIANTS)}")
        if self.measurement not in (103, 113, 701):
            raise ValueError(f"battery measurement {self.measurement}: expected 103, 113 or 701")


class StorageInverter(SunSpecDevice):
    """A battery inverter that obeys its registers and otherwise does what it does by itself."""

    def __init__(self, name: str, house: House, now: Now, settings: StorageSettings = StorageSettings()) -> None:
        self.settings = settings
        self.battery = house.batteries[settings.battery]
        self.counter_offset_wh = 0.0
        self._heartbeat = 0
        self._from_pv_only = False
        self._reactive = ReactiveControl()
        super().__init__(name, house, now, unit_id=settings.unit_id, base=settings.base)

    def models(self) -> Sequence[ModelSpec]:
        """Common, measurements, controls and the battery."""
        built, kva = self.battery.config, self.settings.apparent_kva
        measured = ac_model(self.settings.measurement)
        rated_kw = built.max_discharge_kw
        if self.settings.variant == "704":
            who = common("Rig", "Store 704", self.settings.serial, options="volatile")
            ratings = capacity_702(rated_kw, kva, built.max_charge_kw, built.max_discharge_kw)
            return [
                *(who, measured, ratings, enter_service_703(), controls_704(), volt_var_705()),
                *(self._capacity_713(), _ports_714(), self._battery_802()),
            ]
        charging = {"WHRtg": built.capacity_kwh * 1000, "AhrRtg": built.capacity_kwh * 1000 / _PACK_V}
        rates = {"MaxChaRte": built.max_charge_kw * 1000, "MaxDisChaRte": built.max_discharge_kw * 1000}
        return [
            common("Rig", "Store 124", self.settings.serial),
            measured,
            nameplate_120(rated_kw, kva, derived_type=82, **charging, **rates),
            settings_121(rated_kw, kva),
            status_122(pv=0, storage=7),
            self._storage_124(),
            self._battery_802(),
        ]

    def reverts(self) -> list[RevertTimer]:
        """Without refresh, 704 falls back to its reversion registers, 124 to its own mode."""
        if 704 in self.image:
            return reverts_704(self.image[704], strict=self.settings.strict_revert)
        return [
            RevertTimer(
                self.image[124],
                enable="StorCtl_Mod",
                seconds="InOutWRte_RvrtTms",
                watch=["InWRte", "OutWRte"],
                restore={"StorCtl_Mod": 0.0},
                strict=self.settings.strict_revert,
            )
        ]

    def written(self, model_id: int, points: Sequence[str]) -> None:
        """A curve may have been asked for."""
        if model_id == 705 and "AdptCrvReq" in points:
            adopt_curve(self.image[705], round(self.image[705]["AdptCrvReq"].get()))

    def obey(self) -> None:
        """Turn the control registers into an order and a reserve."""
        reserve = self.image[802]["SoCRsvMin"].get() / 100
        if 124 in self.image:
            reserve = max(reserve, self.image[124]["MinRsvPct"].get() / 100)
        self.battery.reserve = min(max(reserve, 0.0), 1.0)
        self._reactive.look(self.image)
        self._from_pv_only = 124 in self.image and self.image[124]["ChaGriSet"].get() == 0
        self.battery.command(self._order_704() if 704 in self.image else self._order_124())

    def tick(self, at_s: float) -> None:
        """Timers, a PV-only charging rule, and reactive power."""
        super().tick(at_s)
        if self._from_pv_only:
            self.obey()
        self.battery.reactive_kvar = self._reactive.kvar(
            self.image, self.house, -self.battery.power_kw, self.settings.apparent_kva
        )

    def refresh(self) -> None:
        """Measurements of the last step."""
        battery = self.battery
        injected, absorbed = watt_hours(battery.discharged_nanojoule), watt_hours(battery.charged_nanojoule)
        one_way = math.sqrt(battery.config.round_trip_efficiency)
        feed_in_w = -battery.power_kw * 1000
        dc_w = feed_in_w / one_way if feed_in_w > 0 else feed_in_w * one_way
        output = ac_output(
            self.house,
            feed_in_kw=-battery.power_kw,
            reactive_kvar=battery.reactive_kvar,
            shares=battery.config.phase_shares,
            injected_wh=injected + self.counter_offset_wh,
            absorbed_wh=absorbed + self.counter_offset_wh,
            dc_w=dc_w,
            dc_v=_PACK_V,
        )
        idle = abs(battery.power_kw) < _IDLE_KW
        put_ac(self.image, output, state=STANDBY if idle else RUNNING, connected=battery.order.connected)
        self._put_battery(dc_w)
        if 713 in self.image:
            self.image[713].put(WHAvail=battery.stored_kwh * 1000, SoC=100 * battery.soc, Sta=0)
            port = {
                "DCW": dc_w,
                "DCA": dc_w / _PACK_V,
                "DCWhInj": injected / one_way,
                "DCWhAbs": absorbed * one_way,
            }
            self.image[714].put(**port, **{f"Prt[1].{k}": v for k, v in port.items()}, **{"Prt[1].DCV": _PACK_V})
        if 124 in self.image:
            self.image[124].put(ChaState=100 * battery.soc, ChaSt=self._charge_state(), InBatV=_PACK_V)
            self.image[122].put(StorConn=3 if idle else 7)

    def _put_battery(self, dc_w: float) -> None:
        """Model 802; W and A positive when discharging, as in 701 and 714."""
        battery = self.battery
        self._heartbeat = (self._heartbeat + 1) & 0x7FFF
        cycles = battery.discharged_nanojoule / (battery.config.capacity_kwh * 3.6e15)
        self.image[802].put(
            SoC=100 * battery.soc,
            DoD=100 * (1 - battery.soc),
            NCyc=cycles,
            ChaSt=self._charge_state(),
            Hb=self._heartbeat,
            V=_PACK_V,
            A=dc_w / _PACK_V,
            W=dc_w,
        )

    def _charge_state(self) -> int:
        battery = self.battery
        if battery.power_kw > _IDLE_KW:
            return CHARGING
        if battery.power_kw < -_IDLE_KW:
            return DISCHARGING
        low_kw, high_kw = battery.limits_kw
        if high_kw == 0.0:
            return FULL
        return EMPTY if low_kw == 0.0 else HOLDING

    def _order_704(self) -> Order:
        fields, ratings = self.image[704], self.image[702]
        high = ratings["WChaRteMax"].get() / 1000
        low = -ratings["WDisChaRteMax"].get() / 1000
        if fields["WMaxLimPctEna"].get() == 1:
            low = max(low, -ratings["WMax"].get() / 1000 * fields["WMaxLimPct"].get() / 100)
        connected = self.image[703]["ES"].get() == 1
        if fields["WSetEna"].get() != 1:
            return Order(None, low, high, connected)
        if fields["WSetMod"].get() == 1:
            feed_in_kw = fields["WSet"].get() / 1000
        else:
            feed_in_kw = ratings["WMax"].get() / 1000 * fields["WSetPct"].get() / 100
        return Order(-feed_in_kw, low, high, connected)

    def _order_124(self) -> Order:
        fields = self.image[124]
        mode = round(fields["StorCtl_Mod"].get())
        most = fields["WChaMax"].get() / 1000
        high = most * fields["InWRte"].get() / 100 if mode & CHARGE_LIMIT else most
        low = -most * fields["OutWRte"].get() / 100 if mode & DISCHARGE_LIMIT else -most
        if fields["ChaGriSet"].get() == 0:
            high = min(high, max(0.0, self.house.producers_kw))
        return Order(None, min(low, high), high)

    def _capacity_713(self) -> ModelSpec:
        whole = self.battery.config.capacity_kwh * 1000
        return ModelSpec(713, {"WH_SF": 0, "Pct_SF": -1, "WHRtg": whole, "SoH": 99.0, "Sta": 0})

    def _storage_124(self) -> ModelSpec:
        built = self.battery.config
        return ModelSpec(
            124,
            {
                "WChaMax_SF": 0,
                "WChaDisChaGra_SF": 0,
                "MinRsvPct_SF": 0,
                "ChaState_SF": -1,
                "InBatV_SF": -1,
                "InOutWRte_SF": -2,
                "WChaMax": max(built.max_charge_kw, built.max_discharge_kw) * 1000,
                "WChaGra": 100,
                "WDisChaGra": 100,
                "StorCtl_Mod": 0,
                "MinRsvPct": 0,
                "ChaGriSet": 1,
                "InWRte": 100.0,
                "OutWRte": 100.0,
                "InOutWRte_WinTms": 0,
                "InOutWRte_RvrtTms": 0,
                "InOutWRte_RmpTms": 0,
            },
        )

    def _battery_802(self) -> ModelSpec:
        built = self.battery.config
        scales = {"AHRtg_SF": 0, "WHRtg_SF": 0, "WChaDisChaMax_SF": 0, "DisChaRte_SF": 0, "SoC_SF": -1, "DoD_SF": -1}
        scales |= {"SoH_SF": -1, "V_SF": -1, "CellV_SF": -3, "A_SF": -1, "AMax_SF": -1, "W_SF": 0}
        return ModelSpec(
            802,
            {
                **scales,
                "AHRtg": built.capacity_kwh * 1000 / _PACK_V,
                "WHRtg": built.capacity_kwh * 1000,
                "WChaRteMax": built.max_charge_kw * 1000,
                "WDisChaRteMax": built.max_discharge_kw * 1000,
                "SoCMax": 100.0,
                "SoCMin": 0.0,
                "SocRsvMax": 100.0,
                "SoCRsvMin": built.reserve * 100,
                "SoH": 99.0,
                "LocRemCtl": 0,
                "Typ": 4,
                "State": 3,
                "Evt1": 0,
                "Evt2": 0,
                "EvtVnd1": 0,
                "EvtVnd2": 0,
                "AlmRst": 0,
                "SetOp": 1,
                "SetInvState": 3,
                "CtrlHb": 0,
            },
        )


def _ports_714() -> ModelSpec:
    port = {"PrtTyp": 1, "ID": 1, "IDStr": "Pack", "DCSta": 1, "DCAlrm": 0}
    scales = {"DCA_SF": -1, "DCV_SF": -1, "DCW_SF": 0, "DCWH_SF": 0, "Tmp_SF": -1}
    return ModelSpec(714, {**scales, "PrtAlrms": 0, "NPrt": 1, "Prt": [port]})
