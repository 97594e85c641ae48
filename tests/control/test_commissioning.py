"""The step test finds each wiring and sign error by name, in a house that lives meanwhile."""

import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from heg.control.step_findings import Finding, StepSeen, diagnose
from heg.data.door import CommandAnswer, Outcome
from heg.model.instance import Location
from heg.model.leases import ReasonCode
from heg.model.refusals import RefusalCode
from heg.runtime.clock import Clock
from tests.control.gateway import Gateway, running, settings
from tests.control.house import House, Port
from tests.support.stepped import stepped

Fault = Callable[[House, Port], None]


def living_noise(seed: int, kw: float) -> Callable[[float], float]:
    """A fridge that switches and a load that wanders, within about `kw`."""
    random_ = random.Random(seed)
    shift = random_.uniform(0, 100)
    return lambda now_s: kw * (0.6 * math.sin((now_s + shift) / 37) + 0.4 * math.sin((now_s + shift) / 11))


async def try_battery(gateway: Gateway, power_kw: float = 1.0) -> CommandAnswer:
    place = Location("home", "battery")
    return await gateway.owner.command("command.try", place, {"power_kw": power_kw}, timeout_s=300.0)


def nothing(_house: House, _battery: Port) -> None:
    pass


def storage_inverted(_house: House, battery: Port) -> None:
    battery.inverted = True


def meter_inverted(house: House, _battery: Port) -> None:
    house.meter.inverted = True


def deaf(_house: House, battery: Port) -> None:
    battery.deaf = True


def one_phase(house: House, _battery: Port) -> None:
    house.meter.phases_seen = (0,)


def not_seen(house: House, _battery: Port) -> None:
    house.meter.phases_seen = ()


def three_times(house: House, _battery: Port) -> None:
    house.meter.scale = 3.0


def half_a_battery(_house: House, battery: Port) -> None:
    battery.scale = 0.5


@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        (nothing, "good"),
        (storage_inverted, "storage_inverted"),
        (meter_inverted, "meter_inverted"),
        (deaf, "no_response"),
        (one_phase, "one_phase"),
        (not_seen, "not_seen"),
        (three_times, "wrong_scale"),
        (half_a_battery, "storage_scale"),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_each_error_is_found_by_name(fault: Fault, finding: str, seed: int, tmp_path: Path) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        house = House(clock)
        battery = house.add_battery()
        house.load_kw = [0.3, 0.2, 0.4]
        house.noise = living_noise(seed, 0.15)
        fault(house, battery)
        async with running(house, tmp_path / "j") as gateway:
            await clock.sleep(20)
            answer = await try_battery(gateway)
            assert answer.detail is not None, answer
            assert answer.detail["finding"] == finding, answer
            assert answer.outcome is (Outcome.DONE if finding == "good" else Outcome.PARTLY)
            if finding != "good":
                assert "To mend it" in answer.text
            await clock.sleep(10)
            assert gateway.lease().reason.code is not ReasonCode.COMMISSIONING, "everything is as it was"

    told()


@stepped
async def test_a_slow_answer_is_measured_and_said(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    house.add_battery(dead_s=5.0, lag_s=2.0)
    house.meter.age_s = 2.0
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(20)
        answer = await try_battery(gateway)
        assert answer.detail is not None
        assert answer.detail["finding"] == "good"
        assert answer.detail["slow"] is True
        lag_s = answer.detail["lag_s"]
        assert isinstance(lag_s, float)
        assert 7.0 <= lag_s <= 11.0


@stepped
async def test_the_test_stays_inside_the_contract(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery()
    house.load_kw = [1.5, 1.5, 1.5]
    async with running(house, tmp_path / "j", settings(max_import_kw=4.6)) as gateway:
        await clock.sleep(20)
        answer = await try_battery(gateway)
        assert answer.outcome is Outcome.REFUSED
        assert answer.refusal is not None
        assert answer.refusal.code is RefusalCode.CONFLICT
        assert house.worst_kw(since_s=clock.monotonic_s() - 60) <= 4.65
        await clock.sleep(15)
        assert battery.power_kw == pytest.approx(-4.5, abs=0.1)


@stepped
async def test_a_full_battery_is_tried_by_discharging(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    house.add_battery(soc=1.0)
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(10)
        answer = await try_battery(gateway)
        assert answer.detail is not None
        assert answer.detail["finding"] == "good"


@stepped
async def test_hands_off_ends_a_running_test(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery()
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(10)

        async def interrupt() -> None:
            await clock.sleep(10)
            await gateway.owner.command("command.hands_off", Location("home"), {"on": True})

        import asyncio

        other = asyncio.ensure_future(interrupt())
        answer = await try_battery(gateway)
        await other
        assert answer.outcome is Outcome.REFUSED
        await clock.sleep(3)
        assert battery.register is None


def test_too_much_noise_is_said_not_guessed() -> None:
    random_ = random.Random(3)
    seen = [StepSeen(1.0, 1.0, random_.uniform(-3, 3)) for _ in range(6)]
    assert diagnose(seen, "battery", "meter", 3).finding is Finding.NOISY
