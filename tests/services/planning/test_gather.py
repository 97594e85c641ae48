"""Whatever is missing, a problem comes of it, and every gap has its name and a sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.data.door import Door
from heg.data.interface import DataInterface
from heg.model.capabilities import MeterCapability, ProducerCapability, StorageCapability, VehicleCapability
from heg.model.envelope import Envelope
from heg.model.instance import Location, Quality
from heg.model.plan import DegradationCode as Lack
from heg.model.plan import Objective, PlanInputs
from heg.model.policy import CUSTOMER
from heg.model.records import AlarmRecord, DeviceRecord, DeviceStatus, Severity, VehicleRecord
from heg.model.slots import Profile, slot_start
from heg.model.timings import Timings
from heg.runtime.clock import Clock
from heg.services.planning.gather import ASSUMED_IMPORT_EUR_PER_KWH, Gathered, gather
from heg.services.planning.outlook import Outlook
from heg.services.planning.settings import PlanningSettings
from heg.services.planning.vehicle import moment_of
from tests.support.stepped import stepped

HOUR = timedelta(hours=1)
SETTINGS = PlanningSettings(unit="home", timings=Timings.for_cycle(1.0), slots=96)
BATTERY = StorageCapability(10.0, -5.0, 5.0, reserve_share=0.1)


class Scene:
    """A house of records, as a driver and a feed would have written it."""

    def __init__(self, clock: Clock, settings_: PlanningSettings = SETTINGS) -> None:
        self.clock, self.settings = clock, settings_
        self.data = DataInterface(clock, "home")
        self.door: Door = self.data.admit(CUSTOMER, "test")
        self.outlook = Outlook(self.data.admit(CUSTOMER, "planning"), settings_)

    @property
    def hour(self) -> datetime:
        return slot_start(self.clock.utc(), HOUR)

    def device(self, name: str, *capabilities: object, status: DeviceStatus = DeviceStatus.ATTACHED) -> None:
        record = DeviceRecord(name, "", "", "", "", "rig", "", status, capabilities)  # type: ignore[arg-type]
        assert self.door.write("device", Location("home", name), record).accepted

    def battery(self, name: str = "battery", soc: float | None = 0.5, power_kw: float | None = 0.0) -> None:
        self.device(name, BATTERY)
        self.measure(name, soc=soc, power_kw=power_kw)

    def measure(self, name: str, *, soc: float | None = None, power_kw: float | None = None) -> None:
        for variable, value in (("soc", soc), ("power.active", power_kw)):
            if value is not None:
                assert self.door.write(variable, Location("home", name), value).accepted

    def say(self, variable: str, *values: float, hours_ago: int = 0, feed: str = "spot") -> None:
        profile = Profile(self.hour - hours_ago * HOUR, 60, values)
        assert self.door.write(variable, Location("home", feed), profile).accepted

    def gather(self) -> Gathered:
        now_s, now = self.clock.monotonic_s(), self.clock.utc()
        self.outlook.look(now_s, now)
        return gather(self.outlook, self.settings, 1, now_s, now)

    async def close(self) -> None:
        await self.data.close()


def lacks(gathered: Gathered) -> set[Lack]:
    return {one.code for one in gathered.lacks}


@stepped
async def test_a_house_that_lacks_nothing(clock: Clock) -> None:
    scene = Scene(clock)
    scene.device("meter", MeterCapability(3, at_connection_point=True))
    scene.device("pv", ProducerCapability(5.0, curtailable=True))
    scene.battery()
    scene.measure("meter", power_kw=0.5)
    scene.measure("pv", power_kw=2.0)
    scene.say("profile.price.import", *(0.3,) * 48)
    scene.say("profile.price.export", *(0.08,) * 48)
    scene.say("profile.price.co2", *(0.02,) * 48)
    scene.say("profile.tube.high", *(4.0,) * 2)
    scene.door.write("envelope", Location("home"), Envelope(-10.0, 17.0, 20.0))
    scene.door.write("limit.charge", Location("home", "battery"), 2.0)
    await clock.sleep(1.0)
    gathered = scene.gather()
    problem, forecast = gathered.request.problem, gathered.request.forecast
    assert gathered.lacks == ()
    assert problem.import_eur_per_kwh == (0.3,) * 96
    assert problem.ess is not None
    assert (problem.ess.soc_kwh, problem.ess.reserve_kwh, problem.ess.max_rate_kw) == (5.0, 1.0, 2.0)
    assert (problem.contract_min_kw, problem.contract_max_kw) == (-10.0, 13.8)  # 20 A on three phases
    assert problem.tube_high_kw[:9] == (4.0,) * 8 + (None,)
    assert problem.tube_low_kw == ()
    assert problem.production_curtailable
    assert problem.demand_kw == ()  # forecast where it is planned
    assert forecast is not None
    assert forecast.demand is not None
    assert forecast.demand.running_kw is None  # the first sample has held for no time yet
    await clock.sleep(2.0)
    again = scene.gather().request.forecast
    assert again is not None
    assert again.demand is not None
    assert again.production is not None
    assert again.demand.running_kw == 2.5
    assert again.production.running_kw == 2.0
    await scene.close()


@stepped
async def test_a_told_weather_goes_to_the_forecaster_by_the_hour_with_its_age(clock: Clock) -> None:
    scene = Scene(clock)
    scene.device("pv", ProducerCapability(5.0))
    assert scene.gather().request.forecast.weather is None, "nobody is expected to tell it"  # type: ignore[union-attr]
    record = DeviceRecord("sky", "heg", "weather", "", "", "feed", "open-meteo", DeviceStatus.LOST)
    scene.door.write("device", Location("home", "sky"), record)
    silent = scene.gather().request.forecast
    assert silent is not None
    assert silent.weather is not None
    assert silent.weather.ghi_w_per_m2 == (), "configured and silent: the forecaster names it"
    told = Profile(scene.hour - 24 * HOUR, 60, tuple(float(hour) for hour in range(60)))
    made = clock.utc() - 2 * HOUR
    assert scene.door.write("profile.weather.ghi", Location("home", "sky"), told, time=made).accepted
    forecast = scene.gather().request.forecast
    assert forecast is not None
    weather = forecast.weather
    assert weather is not None
    assert weather.slot_minutes == 60
    assert weather.age_hours == pytest.approx(2.0, abs=0.3)
    at = (scene.hour - weather.start) // HOUR
    assert weather.ghi_w_per_m2[at - 25 : at + 2] == (None, *(float(hour) for hour in range(26)))
    assert weather.ghi_w_per_m2[-1] == float(24 + len(weather.ghi_w_per_m2) - 1 - at)
    assert weather.temperature_c == ()
    await scene.close()


@stepped
async def test_without_any_price_a_flat_one_is_assumed_and_said(clock: Clock) -> None:
    scene = Scene(clock)
    gathered = scene.gather()
    assert gathered.request.problem.import_eur_per_kwh == (ASSUMED_IMPORT_EUR_PER_KWH,) * 96
    assert lacks(gathered) == {Lack.PRICES_MISSING, Lack.EXPORT_PRICES_MISSING}
    await scene.close()


@stepped
async def test_prices_that_stay_away_for_a_day_are_those_of_the_day_before(clock: Clock) -> None:
    scene = Scene(clock)
    day = tuple(0.1 + hour / 100 for hour in range(24))
    scene.say("profile.price.import", *day)
    scene.say("profile.price.export", *(0.08,) * 24)
    assert lacks(scene.gather()) <= {Lack.PRICES_ESTIMATED, Lack.EXPORT_PRICES_MISSING}
    await clock.sleep(24 * 3600.0)
    gathered = scene.gather()
    first = gathered.request.problem.import_eur_per_kwh
    assert Lack.PRICES_ESTIMATED in lacks(gathered)
    assert first[::4] == day
    assert "96 of 96 slots" in next(one.text for one in gathered.lacks if one.code is Lack.PRICES_ESTIMATED)
    await scene.close()


@stepped
async def test_a_provider_s_forecast_comes_before_the_own(clock: Clock) -> None:
    scene = Scene(clock)
    scene.say("profile.production", *(1.5,) * 24, feed="solar")
    scene.door.write("profile.production", Location("home"), Profile(scene.hour, 60, (9.0,) * 48))  # our own, published
    gathered = scene.gather()
    assert set(gathered.request.problem.production_kw) == {1.5}
    assert Lack.PRODUCTION_FORECAST_MISSING not in lacks(gathered)
    await clock.sleep(12 * 3600.0)
    gathered = scene.gather()
    assert len(gathered.request.problem.production_kw) == 96
    assert Lack.PRODUCTION_FORECAST_MISSING in lacks(gathered)
    await clock.sleep(13 * 3600.0)
    gathered = scene.gather()
    assert gathered.request.problem.production_kw == ()
    assert Lack.PRODUCTION_FORECAST_MISSING in lacks(gathered)
    await scene.close()


@stepped
async def test_two_storages_are_one_and_a_lost_one_is_left_out(clock: Clock) -> None:
    scene = Scene(clock)
    scene.battery("a", 0.2)
    scene.battery("b", 0.8)
    gathered = scene.gather()
    assert gathered.request.problem.ess is not None
    assert gathered.request.problem.ess.soc_kwh == 10.0
    assert [one.name for one in gathered.members] == ["a", "b"]
    scene.device("b", BATTERY, status=DeviceStatus.LOST)
    gathered = scene.gather()
    assert [one.name for one in gathered.members] == ["a"]
    assert Lack.SOC_UNKNOWN in lacks(gathered)
    await scene.close()


@stepped
async def test_a_refused_state_of_charge_has_the_name_of_its_refusal(clock: Clock) -> None:
    scene = Scene(clock)
    scene.battery()
    scene.gather()
    place = Location("home", "battery", "soc-out-of-range")
    scene.door.write("alarm", place, AlarmRecord(True, Severity.WARNING, "250 %"))
    await clock.sleep(61.0)
    scene.measure("battery", power_kw=0.0)
    gathered = scene.gather()
    assert Lack.SOC_OUT_OF_BOUNDS in lacks(gathered)
    assert gathered.request.problem.ess is not None
    assert not gathered.members[0].trusted
    await scene.close()


@stepped
async def test_the_rest_of_the_running_slot_is_what_is_planned(clock: Clock) -> None:
    scene = Scene(clock)
    start = slot_start(clock.utc(), SETTINGS.slot)
    await clock.sleep((start + SETTINGS.slot - clock.utc()).total_seconds() + 225.0)
    problem = scene.gather().request.problem
    assert problem.start == start + SETTINGS.slot
    assert math.isclose(problem.first_slot_share, 0.75)
    await scene.close()


@stepped
async def test_what_was_said_before_the_clock_was_set_is_heard_again(clock: Clock) -> None:
    scene = Scene(clock)
    scene.say("profile.price.import", *(0.2,) * 48)
    clock.jump_utc(-20 * 365 * 86_400.0)  # a gateway without NTP yet
    assert Lack.PRICES_MISSING in lacks(scene.gather())
    clock.jump_utc(20 * 365 * 86_400.0)
    scene.outlook.clock_stepped()
    assert not lacks(scene.gather()) & {Lack.PRICES_MISSING, Lack.PRICES_ESTIMATED}
    await scene.close()


@dataclass(frozen=True)
class Gaps:
    """What a random house has of everything."""

    minutes: int
    bought: int | None
    sold: int | None
    co2: int | None
    hours_ago: int
    produced: int | None
    socs: tuple[float | None, ...]
    silent_s: float
    lost: int
    envelope: tuple[float, float] | None
    car: VehicleRecord | None
    objective: Objective


_HOURS = st.none() | st.integers(0, 60)
_CARS = st.builds(
    VehicleRecord,
    plugged=st.booleans(),
    soc=st.none() | st.floats(0, 1),
    capacity_kwh=st.none() | st.floats(1, 100),
    departure_utc=st.sampled_from(["", "2024-08-09T18:00:00Z", "2031-01-01T00:00:00Z", "soon"]),
    target_soc=st.none() | st.floats(0, 1),
)
_GAPS = st.builds(
    Gaps,
    minutes=st.sampled_from([5, 15, 30, 60]),
    bought=_HOURS,
    sold=_HOURS,
    co2=_HOURS,
    hours_ago=st.integers(0, 30),
    produced=_HOURS,
    socs=st.lists(st.none() | st.floats(0, 1), max_size=3).map(tuple),
    silent_s=st.sampled_from([1.0, 30.0, 90.0, 3600.0]),
    lost=st.integers(0, 3),
    envelope=st.none() | st.tuples(st.floats(-50, 0), st.floats(0, 50)) | st.just((-math.inf, math.inf)),
    car=st.none() | _CARS,
    objective=st.sampled_from(list(Objective)),
)


@settings(max_examples=150)
@given(gaps=_GAPS)
@stepped
async def test_random_gaps_always_give_a_problem_and_every_gap_a_name(clock: Clock, gaps: Gaps) -> None:
    slots = 24 * 60 // gaps.minutes
    scene = Scene(
        clock,
        PlanningSettings(
            unit="home",
            timings=Timings.for_cycle(1.0),
            slot_minutes=gaps.minutes,
            slots=slots,
            objective=gaps.objective,
        ),
    )
    furnish(scene, gaps)
    scene.gather()
    await clock.sleep(gaps.silent_s)
    gathered = scene.gather()
    sound(gathered.request.problem, slots)
    assert all(one.text.endswith(".") for one in gathered.lacks)
    now = slot_start(clock.utc(), scene.settings.slot)
    covered = {
        name: hours is not None and scene.outlook.books[f"profile.{name}"].known(now, slots).count(None) == 0
        for name, hours in (("price.import", gaps.bought), ("price.export", gaps.sold), ("price.co2", gaps.co2))
    }
    found = lacks(gathered)
    assert covered["price.import"] == (not found & {Lack.PRICES_MISSING, Lack.PRICES_ESTIMATED})
    assert covered["price.export"] == (Lack.EXPORT_PRICES_MISSING not in found)
    co2_counts = not scene.outlook.books["profile.price.co2"].empty or gaps.objective is Objective.CO2
    assert (co2_counts and not covered["price.co2"]) == (Lack.CO2_MISSING in found)
    doubtful = any(soc is None or gaps.silent_s > 60 or index < gaps.lost for index, soc in enumerate(gaps.socs))
    assert doubtful == (Lack.SOC_UNKNOWN in found)
    car = gaps.car if gaps.car is not None and gaps.car.plugged else None
    spoken = car is not None and moment_of(car.departure_utc) is not None and bool(car.target_soc)
    assert (gathered.request.problem.pev is not None) == (spoken and Lack.TARGET_PAST not in found)
    unsaid = spoken and car is not None and (car.soc is None or car.capacity_kwh is None)
    assert unsaid == (Lack.VEHICLE_SOC_ASSUMED in found)
    await scene.close()


def furnish(scene: Scene, gaps: Gaps) -> None:
    for name, hours in (("import", gaps.bought), ("export", gaps.sold), ("co2", gaps.co2)):
        if hours is not None:
            scene.say(f"profile.price.{name}", *(0.1,) * hours, hours_ago=gaps.hours_ago)
    if gaps.produced is not None:
        scene.say("profile.production", *(1.0,) * gaps.produced, hours_ago=gaps.hours_ago, feed="solar")
    for index, soc in enumerate(gaps.socs):
        scene.battery(f"battery-{index}", soc, None if index == 2 else 1.0)
        if index < gaps.lost:
            scene.device(f"battery-{index}", BATTERY, status=DeviceStatus.LOST)
    if gaps.envelope is not None:
        scene.door.write("envelope", Location("home"), Envelope(*gaps.envelope))
    if gaps.car is not None:
        scene.device("charger", VehicleCapability(0.0, 11.0, smallest_charge_kw=4.1))
        scene.door.write("vehicle", Location("home", "charger"), gaps.car)
    scene.door.write("profile.price.import", Location("home", "broken"), Profile(scene.hour, 60, (99.0,)))
    scene.door.write(
        "profile.price.import", Location("home", "bad"), Profile(scene.hour, 60, (0.9,) * 48), quality=Quality.BAD
    )


def sound(problem: PlanInputs, slots: int) -> None:
    assert len(problem.import_eur_per_kwh) == len(problem.export_eur_per_kwh) == len(problem.co2_eur_per_kwh) == slots
    assert len(problem.demand_kw) in (0, slots)
    assert len(problem.production_kw) in (0, slots)
    assert 0.0 < problem.first_slot_share <= 1.0
    for limit in (problem.contract_min_kw, problem.contract_max_kw):
        assert limit is None or math.isfinite(limit)
    for series in (problem.import_eur_per_kwh, problem.export_eur_per_kwh, problem.co2_eur_per_kwh):
        assert all(math.isfinite(value) and abs(value) <= 20 for value in series)
    for storage in (problem.ess, problem.pev):
        if storage is not None:
            assert 0.0 <= storage.soc_kwh <= storage.capacity_kwh + 1e-9
            assert storage.min_rate_kw <= 0.0 <= storage.max_rate_kw
