"""The five scenarios of spec ebr.md by what stands in heg.toml: from the file to the plan, the devices the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from heg.config.reader import LoadedConfig, load
from heg.devices.contract import DeviceInfo
from heg.devices.manager import DeviceManager
from heg.model.capabilities import Capability, MeterCapability, StorageCapability, VehicleCapability
from heg.model.instance import Location
from heg.model.plan import Block, Blocks, DegradationCode, Objective, Plan, PlanInputs
from heg.model.policy import CUSTOMER
from heg.model.records import VehicleRecord
from heg.model.slots import Profile
from heg.model.tariff import TariffTerms
from heg.planner.answering import Answerer
from heg.planner.forecast import forecast
from heg.planner.otherwise import otherwise
from heg.planner.plan import plan
from heg.runtime.clock import Clock
from heg.unit.settings import owners_in, planning_settings
from tests.services.planning.test_gather import HOUR, Scene, lacks
from tests.support.stepped import stepped

SPOT = (0.20, 0.12, 0.08, 0.10, 0.25, 0.35, 0.30, 0.15, 0.10, 0.22, 0.40, 0.30) * 4
LEFT_ALONE = "max_charge_kw = 0.0\nmax_discharge_kw = 0.0"
ONLY_CHARGED = "max_discharge_kw = 0.0"
SCENARIOS = {"BU": ("", LEFT_ALONE), "BC": ("", ONLY_CHARGED), "BD": ("", "")} | {
    "PC": (LEFT_ALONE, ONLY_CHARGED),
    "PD": (LEFT_ALONE, ""),
}


def configured(folder: Path, battery: str = "", car: str = "", planning: str = "") -> LoadedConfig:
    path = folder / "heg.toml"
    path.write_text(
        f"[unit]\ntime_zone = 'UTC'\n[planning]\nslot_minutes = 60\n{planning}\n"
        f"[device.battery]\nserial = 'B'\n{battery}\n[device.car]\nserial = 'C'\n{car}\n"
    )
    return load(path, {})


def scene_of(clock: Clock, config: LoadedConfig) -> Scene:
    """A house with a battery and a car that gives back, and what its owner made of them."""
    scene = Scene(clock, planning_settings(config.unit))
    manager = DeviceManager(scene.data.admit(CUSTOMER, "devices"), clock, owners=owners_in(config.unit))

    def attach(serial: str, capability: Capability) -> None:
        manager.attach(DeviceInfo(serial, "", "", serial, "", "rig", "", (capability,)), interval_s=5.0)

    attach("M", MeterCapability(3, at_connection_point=True))
    attach("B", StorageCapability(10.0, -5.0, 5.0))
    attach("C", VehicleCapability(-7.4, 7.4, capacity_kwh=50.0))
    scene.measure("meter", power_kw=0.5)
    scene.measure("battery", soc=0.5, power_kw=0.0)
    leaves = (scene.hour + 10 * HOUR).isoformat()
    said = VehicleRecord(plugged=True, soc=0.3, capacity_kwh=50.0, departure_utc=leaves, target_soc=0.5, stated=True)
    scene.door.write("vehicle", Location("home", "car"), said)
    scene.say("profile.price.import", *SPOT)
    scene.say("profile.price.export", *(0.05,) * 48)
    scene.say("profile.demand", *(1.0,) * 48)
    return scene


def planned(scene: Scene) -> tuple[PlanInputs, Plan]:
    request = scene.gather().request
    return request.problem, Answerer(forecast, plan, otherwise, scene.clock.real_s)(request).plan


@pytest.mark.parametrize("name", SCENARIOS)
@stepped
async def test_each_scenario_is_configuration_alone(clock: Clock, tmp_path: Path, name: str) -> None:
    scene = scene_of(clock, configured(tmp_path, *SCENARIOS[name]))
    problem, made = planned(scene)
    battery_kw = [decision.power_kw for decision in made.ess] or [0.0]
    car_kw = [decision.power_kw for decision in made.pev] or [0.0]
    assert (max(map(abs, battery_kw)) > 0.5) is name.startswith("B")
    assert (max(car_kw) > 0.5) is (name != "BU")
    assert (min(car_kw) < -0.5) is (name in ("BD", "PD"))
    if name != "BU":
        assert made.pev_soc_kwh[10] >= 25.0 - 1e-6
        assert problem.pev is not None
    await scene.close()


@stepped
async def test_the_retailer_plans_by_the_market_both_ways(clock: Clock, tmp_path: Path) -> None:
    scene = scene_of(clock, configured(tmp_path, planning='viewpoint = "retailer"'))
    terms = TariffTerms(blocks=(Block(from_kwh=0.0, eur_per_kwh=0.2),), peak_eur_per_kw=5.0)
    scene.door.write("tariff", Location("home", "tariff"), terms)
    assert DegradationCode.DAY_AHEAD_MISSING in lacks(scene.gather())
    spot = tuple(round(price - 0.18, 3) for price in SPOT)
    scene.say("profile.price.day_ahead", *spot)
    problem, made = planned(scene)
    assert problem.import_eur_per_kwh == problem.export_eur_per_kwh == spot[:24]
    assert (problem.blocks, problem.peak_eur_per_kw) == (None, 0.0)
    assert not problem.degradations
    assert min(made.grid_kw) < -1.0, "it sells"
    energy = sum(kw * eur for kw, eur in zip(made.grid_kw, spot, strict=False))
    assert made.cost.energy_eur == pytest.approx(energy)
    await scene.close()


@stepped
async def test_the_objective_is_with_distribution_while_a_tube_is_told(clock: Clock, tmp_path: Path) -> None:
    scene = scene_of(clock, configured(tmp_path))
    problem, without = planned(scene)
    assert problem.objective is Objective.ENERGY_CO2
    scene.say("profile.tube.high", *(2.0,) * 24)
    scene.say("profile.tube.low", *(-2.0,) * 24)
    problem, within = planned(scene)
    assert problem.objective is Objective.ENERGY_CO2_DISTRIBUTION
    assert problem.outside_tube_eur_per_kwh > 0.0
    outside = [sum(max(0.0, abs(kw) - 2.0) for kw in made.grid_kw) for made in (within, without)]
    assert outside[0] < outside[1] - 5.0
    assert within.cost.outside_tube_eur == pytest.approx(0.1 * outside[0])
    await scene.close()
    for said in Objective:
        scene = scene_of(clock, configured(tmp_path, planning=f'objective = "{said}"'))
        scene.say("profile.tube.high", *(2.0,) * 24)
        assert scene.gather().request.problem.objective is said
        await scene.close()


@stepped
async def test_a_peak_charge_flattens_what_prices_alone_would_heap_up(clock: Clock, tmp_path: Path) -> None:
    scene = scene_of(clock, configured(tmp_path))
    _, heaped = planned(scene)
    looked = scene.outlook.look(clock.monotonic_s(), clock.utc()).words
    scene.door.write("tariff", Location("home", "tariff"), TariffTerms(peak_eur_per_kw=5.0))
    problem, flat = planned(scene)
    assert scene.outlook.look(clock.monotonic_s(), clock.utc()).words == looked + 1, "new terms are news"
    assert problem.peak_eur_per_kw == 5.0
    assert max(flat.grid_kw) < max(heaped.grid_kw) - 3.0
    assert flat.cost.peak_eur == pytest.approx(5.0 * max(flat.grid_kw))
    await scene.close()


@stepped
async def test_the_dearer_block_is_what_the_plan_reckons_with(clock: Clock, tmp_path: Path) -> None:
    scene = scene_of(clock, configured(tmp_path, battery="reserve_share = 0.0"))
    scene.door.write("profile.price.import", Location("home", "spot"), Profile(scene.hour, 60, (0.2,) * 48))
    terms = TariffTerms(blocks=(Block(from_kwh=0.0, eur_per_kwh=0.1),))
    scene.door.write("tariff", Location("home", "tariff"), terms)
    problem, made = planned(scene)
    assert problem.blocks == Blocks(steps=terms.blocks)
    assert made.cost.blocks_eur == pytest.approx(0.1 * sum(max(kw, 0.0) for kw in made.grid_kw))
    await scene.close()


def test_slots_and_horizon_are_the_file_s(tmp_path: Path) -> None:
    settings = planning_settings(configured(tmp_path, planning="horizon_hours = 48").unit)
    assert (settings.slot, settings.slots) == (timedelta(hours=1), 48)
    assert replace(settings, objective=Objective.CO2).objective is Objective.CO2
