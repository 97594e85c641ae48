"""What a device is, from its models: inverters with and without battery, hybrids, meters, empty storage models."""

from typing import Any

import pytest
from sunspec2.device import Model

from drivers.modbus.measures import measures_of
from drivers.modbus.roles import Role, capability_of, roles_of, uses_124
from drivers.modbus.sunspec.image import ModelImage, model_image
from heg.devices.contract import OwnerSettings
from heg.model.capabilities import MeterCapability, ProducerCapability, StorageCapability
from heg.model.regimes import Regime

NOBODY = OwnerSettings()
OWN_MODE = OwnerSettings(own_mode="self-consumption")
AC: dict[str, Any] = {"W": 3000, "W_SF": 0, "A": 130, "AphA": 44, "AphB": 43, "AphC": 43, "A_SF": -1}
AC |= {"PhVphA": 2300, "V_SF": -1, "VAr": 200, "VAr_SF": 0, "WH": 1000, "WH_SF": 0}


def images(**models: dict[str, Any]) -> dict[int, ModelImage]:
    """Model images from `m103={...}`: values go through pysunspec2's encoder."""
    found = {}
    for name, values in models.items():
        model_id = int(name[1:])
        data = Model(model_id, data=values).get_mb()
        image = model_image(model_id, 40070, len(data) // 2 - 2)
        assert image is not None
        image.overlay(0, data)
        found[model_id] = image
    return found


def values(role: Role, of: dict[int, ModelImage]) -> dict[str, Any]:
    return {
        measure.variable + (f"/{measure.part}" if measure.part else ""): measure.value()
        for measure in measures_of(role, of)
    }


def strings(*names: str, watts: tuple[int, ...]) -> dict[str, Any]:
    modules = [{"ID": n, "IDStr": name, "DCW": w} for n, (name, w) in enumerate(zip(names, watts, strict=True), 1)]
    return {"DCW_SF": 0, "DCA_SF": 0, "DCV_SF": 0, "N": len(names), "module": modules}


def test_a_pv_inverter_is_a_producer_though_it_carries_an_empty_storage_model() -> None:
    of = images(m103=AC, m120={"DERTyp": 4, "WRtg": 5000, "WRtg_SF": 0}, m124={"WChaMax": 0, "WChaMax_SF": 0})
    assert roles_of(of, NOBODY) == (Role.PV,)
    capability = capability_of(Role.PV, of, NOBODY, at_connection_point=False)
    assert capability == ProducerCapability(5.0, 3, curtailable=False)
    told = values(Role.PV, of)
    assert told["power.active"] == 3.0
    assert told["power.reactive"] == pytest.approx(0.2)
    assert told["current/phase.a"] == pytest.approx(4.4)
    assert told["energy.production"] == 1.0


def test_a_battery_inverter_turns_every_sign_round() -> None:
    of = images(m103=AC, m124={"WChaMax": 4000, "WChaMax_SF": 0, "ChaState": 55, "ChaState_SF": 0, "ChaSt": 3})
    assert roles_of(of, NOBODY) == (Role.STORAGE,)
    told = values(Role.STORAGE, of)
    assert told["power.active"] == -3.0
    assert told["current/phase.a"] == pytest.approx(-4.4)
    assert told["power.reactive"] == pytest.approx(-0.2)
    assert told["energy.export"] == 1.0
    assert told["soc"] == pytest.approx(0.55)
    assert told["state.storage"] == "discharging"


def test_a_hybrid_with_named_charging_modules_is_battery_and_pv_and_their_sum_is_the_ac_side() -> None:
    of = images(
        m103=AC,
        m124={"WChaMax": 5000, "WChaMax_SF": 0},
        m160=strings("MPPT 1", "MPPT 2", "StCha 3", "StDisCha 4", watts=(2500, 1500, 900, 0)),
    )
    assert roles_of(of, NOBODY) == (Role.STORAGE, Role.PV)
    storage, pv = values(Role.STORAGE, of), values(Role.PV, of)
    assert storage["power.active"] == pytest.approx(0.9)
    assert pv["power.active"] == pytest.approx(3.9)
    assert pv["power.active"] - storage["power.active"] == pytest.approx(3.0)
    assert pv["power.dc/string.1"] == pytest.approx(2.5)
    assert "power.dc/string.3" not in pv


def test_a_hybrid_with_typed_ports() -> None:
    ports = [{"PrtTyp": 0, "ID": 1, "DCW": 4000}, {"PrtTyp": 1, "ID": 2, "DCW": -800}]
    of = images(
        m701={"W": 3100, "W_SF": 0, "TotWhInj": 5000, "TotWh_SF": 0, "ACType": 2},
        m713={"WHRtg": 10000, "WH_SF": 0, "SoC": 42, "Pct_SF": 0},
        m714={"DCW_SF": 0, "NPrt": 2, "Prt": ports},
    )
    assert roles_of(of, NOBODY) == (Role.STORAGE, Role.PV)
    assert values(Role.STORAGE, of)["power.active"] == pytest.approx(0.8)
    assert values(Role.PV, of)["power.active"] == pytest.approx(3.9)


def test_a_hybrid_whose_battery_nobody_measures_takes_the_rest() -> None:
    of = images(
        m103=AC, m124={"WChaMax": 5000, "WChaMax_SF": 0}, m160=strings("String 1", "String 2", watts=(2500, 1500))
    )
    assert values(Role.STORAGE, of)["power.active"] == pytest.approx(1.0)
    assert values(Role.PV, of)["power.active"] == pytest.approx(4.0)


def test_a_battery_management_system_alone_is_a_storage() -> None:
    of = images(m802={"WHRtg": 10000, "WHRtg_SF": 0, "SoC": 70, "SoC_SF": 0, "W": 1500, "W_SF": 0, "Evt1": 0b10010})
    assert roles_of(of, NOBODY) == (Role.STORAGE,)
    told = values(Role.STORAGE, of)
    assert told["power.active"] == -1.5
    assert told["state.events"] == "over_temperature_alarm,under_temperature_warning"


def test_an_inverter_with_its_meter_in_one_chain_segment_is_both() -> None:
    of = images(m103=AC, m203={"W": -500, "W_SF": 0, "TotWhImp": 0, "TotWhExp": 7000, "TotWh_SF": 0})
    assert roles_of(of, NOBODY) == (Role.PV, Role.METER)
    told = values(Role.METER, of)
    assert (told["power.active"], told["energy.import"], told["energy.export"]) == (-0.5, 0.0, 7.0)
    assert capability_of(Role.METER, of, NOBODY, at_connection_point=True) == MeterCapability(3, True)


def test_the_owners_word_wins() -> None:
    of = images(m103=AC, m124={"WChaMax": 4000, "WChaMax_SF": 0, "MinRsvPct": 8, "MinRsvPct_SF": 0})
    assert roles_of(of, OwnerSettings(role="producer")) == (Role.PV,)
    owner = OwnerSettings(capacity_kwh=7.7, max_charge_kw=2.0, volatile=True, reserve_share=0.2, writes_per_day=50)
    capability = capability_of(Role.STORAGE, of, owner, at_connection_point=False)
    assert isinstance(capability, StorageCapability)
    assert (capability.capacity_kwh, capability.max_rate_kw, capability.min_rate_kw) == (7.7, 2.0, -4.0)
    assert (capability.reserve_share, capability.writes.volatile, capability.writes.per_day) == (0.2, True, 50)
    unsaid = capability_of(Role.STORAGE, of, NOBODY, at_connection_point=False)
    assert isinstance(unsaid, StorageCapability)
    assert unsaid.reserve_share == pytest.approx(0.08)
    assert not unsaid.writes.volatile


def test_native_regimes_need_an_own_mode() -> None:
    of = images(m103=AC, m124={"WChaMax": 4000, "WChaMax_SF": 0})
    both = {**of, **images(m704={"WSetEna": 0, "WMaxLimPctEna": 0, "WMaxLimPct": 100, "WMaxLimPct_SF": 0})}
    native = {
        (name, mode): capability_of(Role.STORAGE, chosen, owner, at_connection_point=False).native  # type: ignore[union-attr]
        for name, chosen in (("124", of), ("both", both))
        for mode, owner in (("none", NOBODY), ("own", OWN_MODE))
    }
    all_of_124 = {Regime.HOLD, Regime.BALANCE, Regime.COVER, Regime.ABSORB}
    assert native[("124", "none")] == native[("both", "none")] == {Regime.HOLD}
    assert native[("124", "own")] == native[("both", "own")] == all_of_124
    assert not uses_124(both, own_mode=False), (
        "a set-point is better than a pair of limits where nobody follows by itself"
    )


def test_a_sleeping_inverter_keeps_its_totals_in_the_plan() -> None:
    of = images(m103={"W_SF": 0, "WH": 1000, "WH_SF": 0, "St": 2})
    told = values(Role.PV, of)
    assert told["power.active"] is None
    assert told["state.operating"] == "sleeping"
    assert not any(name.startswith("current/") for name in told)
