"""A car on the rig's charger beside a running gateway: over real Modbus, in whole amperes, inside the contract."""

from pathlib import Path
from typing import Any

import pytest

from heg.runtime.clock import Clock
from tests.support.house import LED, House, a_house
from tests.support.stepped import stepped

AMPERE_KW = 0.69


def tables(*, demand_kw: float = 1.0, sun_kw: float = 0.0, battery: bool = False, **car: Any) -> dict[str, Any]:
    """A house with a meter, the sun if there is any, a car on three phases, a battery if wanted."""
    devices: dict[str, Any] = {"meter": {"kind": "meter"}, "charger": {"kind": "charger"}}
    if sun_kw:
        devices["pv"] = {"kind": "pv"}
    if battery:
        devices["battery"] = {"kind": "storage"}
    built = {"plugged": True, "initial_soc": 0.4, **car}
    return {
        "weather": {"kind": "constant", "demand_kw": demand_kw, "sun_kw": sun_kw},
        "house": {
            "vehicles": {"car": built},
            "batteries": LED if battery else {},
            "producers": {"pv": {"rated_kw": 20.0, "apparent_kva": 22.0}} if sun_kw else {},
        },
        "devices": devices,
    }


UNPLANNED: dict[str, Any] = {"planning": {"enabled": False}}
SURPLUS = {**UNPLANNED, "device": {"charger": {"charging": "surplus"}}}


def amperes(house: House) -> float:
    return house.rig.charger.device.allowed_a


@stepped
async def test_a_plugged_car_that_nobody_plans_for_charges_at_once(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path, tables=tables(plugged=False), sections=UNPLANNED) as house:
        await house.until(lambda: house.reason_for("charger") == "not_plugged")
        house.rig.charger.plug_in()
        await house.until(lambda: house.reason_for("charger") == "unplanned", within_s=5)
        await house.until(lambda: house.actuator("charger").state == "confirmed" and amperes(house) == 16)
        await house.after(30)
        assert house.rig.charger.power_kw == pytest.approx(11.04, rel=0.03)
        house.rig.charger.unplug()
        await house.until(lambda: house.reason_for("charger") == "not_plugged", within_s=10)
        assert house.rig.house.imbalance_nanojoule() == 0


@stepped
async def test_the_contract_holds_the_car_back_by_whole_amperes(clock: Clock, tmp_path: Path) -> None:
    contract = {**UNPLANNED, "contract": {"max_import_kw": 9.0, "max_a_per_phase": 100.0}}
    async with a_house(clock, tmp_path, tables=tables(demand_kw=1.0), sections=contract) as house:
        await house.until(lambda: house.actuator("charger").state == "confirmed")
        await house.after(60)
        assert amperes(house) == 11
        assert house.reason_for("charger") == "envelope"
        house.rig.house.switch("oven", 3.0)
        await house.after(20)
        assert amperes(house) == 7
        assert house.rig.house.grid_kw <= 9.05
        house.rig.house.switch("hob", 2.5)
        await house.after(20)
        assert amperes(house) == 0, "less than 6 A is left"
        assert house.rig.house.grid_kw == pytest.approx(6.5, abs=0.1)
        house.rig.house.switch("hob", 0.0)
        await house.after(100)
        assert amperes(house) == 0, "its contactor rests"
        await house.after(220)
        assert amperes(house) == 7
        assert house.rig.house.grid_kw <= 9.05


@stepped
async def test_amperes_of_one_phase_are_held(clock: Clock, tmp_path: Path) -> None:
    """The house's own load lies unevenly: 45 % on the first phase."""
    contract = {**UNPLANNED, "contract": {"max_import_kw": 30.0, "max_a_per_phase": 20.0}}
    async with a_house(clock, tmp_path, tables=tables(demand_kw=4.0), sections=contract) as house:
        await house.until(lambda: house.actuator("charger").state == "confirmed")
        await house.after(60)
        worst_a = max(house.rig.meter.shown(f"203.Aph{letter}") for letter in "ABC")
        assert 18.5 < worst_a <= 20.2
        assert amperes(house) == 11


@stepped
async def test_surplus_only_starts_with_the_sun_and_does_not_flap_with_clouds(clock: Clock, tmp_path: Path) -> None:
    sunny = tables(demand_kw=1.0, sun_kw=8.2)
    async with a_house(clock, tmp_path, tables=sunny, sections=SURPLUS) as house:
        await house.until(lambda: house.actuator("charger").state == "confirmed")
        await house.after(60)
        assert house.rig.charger.power_kw == pytest.approx(10 * AMPERE_KW, rel=0.03), "7.2 kW of surplus, a little less"
        assert -0.8 < house.rig.house.grid_kw <= 0.02
        for _ in range(6):
            house.rig.house.switch("cloud", 6.0)
            await house.after(40)
            house.rig.house.switch("cloud", 0.0)
            await house.after(40)
        assert house.rig.charger.contactor_moves <= 4
        house.rig.house.switch("evening", 6.5)
        await house.after(320)
        assert house.rig.charger.power_kw == 0.0


@stepped
async def test_a_battery_does_not_empty_itself_into_the_car(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path, tables=tables(battery=True), sections=UNPLANNED) as house:
        await house.until(lambda: house.actuator("charger").state == "confirmed")
        await house.after(60)
        assert house.rig.battery.power_kw == pytest.approx(-1.0, abs=0.1), "the house's own need only"
        assert house.rig.charger.power_kw == pytest.approx(11.04, rel=0.03)


@stepped
async def test_by_hand_it_pauses_and_goes_on(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path, tables=tables(), sections=UNPLANNED) as house:
        await house.until(lambda: house.actuator("charger").state == "confirmed")
        await house.view.command("manual", device="charger", regime="hold", minutes=10)
        await house.after(15)
        assert house.rig.charger.power_kw == 0.0
        assert house.reason_for("charger") == "manual"
        await house.view.command("manual", device="charger", regime="charge", power_kw=5.0, minutes=10)
        await house.after(25)
        assert amperes(house) == 7
