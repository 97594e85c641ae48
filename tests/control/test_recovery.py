"""After a crash: what is still held is taken on or given back first, and nothing is written without need."""

from dataclasses import replace
from pathlib import Path

import pytest

from heg.control.journal_format import read_file
from heg.model.leases import LeaseState, SetPoint
from heg.model.regimes import Regime
from heg.runtime.clock import Clock
from tests.control.gateway import Gateway, running, settings
from tests.control.house import House, Port
from tests.support.stepped import stepped


def commands_since(battery: Port, count: int) -> list[str]:
    return [what for _, what, _ in battery.log[count:]]


async def crashed(house: House, gateway: Gateway, away_s: float = 3.0) -> None:
    await gateway.crash()
    await house.clock.sleep(away_s)


@stepped
async def test_a_native_lease_is_taken_on_without_a_single_write(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery(native=frozenset({Regime.HOLD, Regime.BALANCE}))
    house.load_kw = [1.0, 1.0, 1.0]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(20)
        await crashed(house, gateway)
        before = len(battery.log)
        again = Gateway(house, tmp_path / "j")
        await clock.sleep(60)
        assert commands_since(battery, before) == [], "contactors are not flapped"
        assert again.lease().held
        assert again.lease().state is LeaseState.CONFIRMED
        await again.stop()


@stepped
async def test_a_steered_lease_goes_on_from_where_it_was(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery()
    house.load_kw = [1.0, 1.0, 1.0]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(20)
        await crashed(house, gateway)
        before = len(battery.log)
        again = Gateway(house, tmp_path / "j")
        await clock.sleep(20)
        assert "release" not in commands_since(battery, before)
        assert house.grid_kw == pytest.approx(0.0, abs=0.05)
        await again.stop()


@pytest.mark.parametrize("what", ["reboot", "meter", "someone", "expired"])
def test_in_every_other_case_it_is_given_back_first(what: str, tmp_path: Path) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        house = House(clock)
        battery = house.add_battery()
        house.load_kw = [1.0, 1.0, 1.0]
        async with running(house, tmp_path / "j") as gateway:
            await clock.sleep(20)
            house.meter.silent = what == "meter"
            await crashed(house, gateway, {"expired": 1000.0, "meter": 10.0}.get(what, 3.0))
            before = len(battery.log)
            wanted = settings()
            if what == "reboot":
                wanted = replace(wanted, boot="boot-2")
            if what == "someone":
                battery.somebody_else_writes(SetPoint(regime=Regime.ABSORB))
            again = Gateway(house, tmp_path / "j", wanted)
            await clock.sleep(20)
            assert commands_since(battery, before)[0] == "release"
            await again.stop()

    told()


@stepped
async def test_a_device_that_lapsed_by_itself_is_not_written_to(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery()
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(20)
        await gateway.owner.command("command.hands_off", gateway.room._notices._place(), {"on": True})
        await clock.sleep(5)
        await crashed(house, gateway)
        before = len(battery.log)
        again = Gateway(house, tmp_path / "j")
        await clock.sleep(20)
        assert commands_since(battery, before) == []
        await again.stop()


@stepped
async def test_a_damaged_journal_means_that_everything_is_given_back_first(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery()
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(20)
        await crashed(house, gateway)
        image = bytearray((tmp_path / "j").read_bytes())
        image[600:640] = b"x" * 40
        (tmp_path / "j").write_bytes(bytes(image))
        before = len(battery.log)
        again = Gateway(house, tmp_path / "j")
        await clock.sleep(20)
        assert commands_since(battery, before)[:1] == ["release"]
        assert battery.active, "and then taken again"
        assert any("lease-journal" in alarm for alarm in again.alarms())
        await clock.sleep(620)
        said, _ = read_file((tmp_path / "j").read_bytes())
        assert not said.doubt
        assert not any("lease-journal" in alarm for alarm in again.alarms())
        await again.stop()


@stepped
async def test_without_a_journal_nothing_is_commanded_and_the_house_is_still_measured(
    clock: Clock, tmp_path: Path
) -> None:
    house = House(clock)
    battery = house.add_battery()
    async with running(house, tmp_path / "no" / "such" / "folder" / "j") as gateway:
        await clock.sleep(20)
        assert battery.log == []
        assert gateway.cycles >= 20
        assert any("lease-journal" in alarm for alarm in gateway.alarms())
        (tmp_path / "no" / "such" / "folder").mkdir(parents=True)
        await clock.sleep(60)
        assert battery.active
