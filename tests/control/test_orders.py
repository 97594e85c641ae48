"""The owner's orders: each has one answer, and hands off means off."""

from pathlib import Path

import pytest

from heg.data.door import CommandAnswer, Outcome
from heg.model.instance import Location
from heg.model.leases import Claimant, ReasonCode
from heg.model.refusals import RefusalCode
from heg.runtime.clock import Clock
from tests.control.gateway import Gateway, running
from tests.control.house import House
from tests.support.stepped import stepped

HERE = Location("home")
BATTERY = Location("home", "battery")


async def ask(gateway: Gateway, order: str, place: Location = BATTERY, **arguments: object) -> CommandAnswer:
    return await gateway.owner.command(f"command.{order}", place, arguments, timeout_s=300.0)


@stepped
async def test_hands_off_gives_everything_back_and_survives_a_restart(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery()
    house.load_kw = [1.0, 1.0, 1.0]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(20)
        answer = await ask(gateway, "hands_off", HERE, on=True)
        assert answer.outcome is Outcome.DONE
        await clock.sleep(3)
        assert battery.register is None
        assert gateway.lease().reason.code is ReasonCode.HANDS_OFF
        assert not gateway.lease().held
        await gateway.crash()
        again = Gateway(house, tmp_path / "j")
        written = battery.commands()
        await clock.sleep(30)
        assert again.room.hands_off
        assert battery.commands() == written
        assert (await ask(again, "hands_off", HERE, on=False)).outcome is Outcome.DONE
        await clock.sleep(10)
        assert battery.active
        await again.stop()


@stepped
async def test_an_order_by_hand_holds_for_its_time_and_can_be_taken_back(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery()
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        answer = await ask(gateway, "manual", regime="charge", power_kw=2.0, valid_s=60.0)
        assert answer.outcome is Outcome.DONE
        await clock.sleep(10)
        assert battery.power_kw == pytest.approx(2.0, abs=0.05)
        assert gateway.lease().owner is Claimant.MANUAL
        await clock.sleep(60)
        assert gateway.lease().owner is Claimant.IDLE
        await ask(gateway, "manual", regime="discharge", power_kw=2.0, valid_s=600.0)
        await clock.sleep(10)
        assert battery.power_kw == pytest.approx(-2.0, abs=0.05)
        await ask(gateway, "manual", release=True)
        await clock.sleep(10)
        assert battery.power_kw == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(
    ("order", "place", "arguments", "code"),
    [
        ("hands_off", HERE, {"on": "yes"}, RefusalCode.WRONG_TYPE),
        ("manual", BATTERY, {"regime": "explode", "valid_s": 60.0}, RefusalCode.OUT_OF_RANGE),
        ("manual", BATTERY, {"regime": "charge", "power_kw": -1.0, "valid_s": 60.0}, RefusalCode.OUT_OF_RANGE),
        ("manual", BATTERY, {"regime": "charge", "power_kw": 1.0}, RefusalCode.OUT_OF_RANGE),
        ("manual", BATTERY, {"regime": "charge", "power_kw": 1.0, "valid_s": 1e9}, RefusalCode.OUT_OF_RANGE),
        ("manual", Location("home", "toaster"), {"regime": "hold", "valid_s": 60.0}, RefusalCode.DEVICE_LOST),
        ("try", Location("home", "toaster"), {}, RefusalCode.DEVICE_LOST),
        ("try", BATTERY, {"power_kw": "much"}, RefusalCode.OUT_OF_RANGE),
    ],
)
def test_a_wrong_order_is_refused_with_what_was_expected(
    order: str, place: Location, arguments: dict[str, object], code: RefusalCode, tmp_path: Path
) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        house = House(clock)
        house.add_battery()
        async with running(house, tmp_path / "j") as gateway:
            await clock.sleep(5)
            answer = await ask(gateway, order, place, **arguments)
            assert answer.outcome is Outcome.REFUSED
            assert answer.refusal is not None
            assert answer.refusal.code is code

    told()
