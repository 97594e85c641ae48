"""Appliances given back as they were found: at the end of what was asked, of the unit, and after a crash."""

from pathlib import Path

import pytest

from heg.control.journal_format import HeldLease, read_file
from heg.model.instance import Location
from heg.model.leases import Claim, Claimant, ReasonCode
from heg.runtime.clock import Clock
from tests.control.appliances import (
    OFF,
    ON,
    STANDBY,
    WHY,
    Machine,
    add_appliance,
    attach,
    manual,
    one_appliance,
    over,
    wish,
)
from tests.control.gateway import BOOT, Gateway, running, settings
from tests.control.house import House
from tests.support.stepped import stepped


def journalled(tmp_path: Path) -> dict[str, HeldLease]:
    """What the journal would say to the next process."""
    said, _ = read_file((tmp_path / "j").read_bytes())
    return dict(said.held)


@stepped
async def test_it_is_journalled_with_what_it_was_before_its_first_command(clock: Clock, tmp_path: Path) -> None:
    async with one_appliance(clock, tmp_path, state=STANDBY) as (gateway, heater):
        gateway.plan(wish(ON), "heater")
        await clock.sleep(5)
        assert heater.state is ON
        await gateway.crash()
        lease = journalled(tmp_path)["uuid:heater"]
        assert (lease.power_state, lease.before, lease.boot) == (ON, STANDBY, BOOT)


@stepped
async def test_one_taken_in_hand_on_its_way_back_goes_back_to_what_it_was_found_in(
    clock: Clock, tmp_path: Path
) -> None:
    async with one_appliance(clock, tmp_path, wakes_after_s=40.0) as (gateway, heater):
        await manual(gateway, power_state="standby", valid_s=3600.0)
        await clock.sleep(10)
        assert heater.state is STANDBY
        await manual(gateway, release=True)
        await clock.sleep(10)
        assert heater.state is STANDBY, "it wakes slowly"
        await manual(gateway, power_state="standby", valid_s=3600.0)
        await clock.sleep(300)
        assert heater.state is STANDBY
        assert heater.commands[:3] == ["standby", "release", "standby"]
        await manual(gateway, release=True)
        await clock.sleep(60)
        assert heater.state is ON
        assert gateway.room.hand_on("heater") is None


@stepped
async def test_one_that_does_not_come_back_is_reported(clock: Clock, tmp_path: Path) -> None:
    async with one_appliance(clock, tmp_path) as (gateway, heater):
        await manual(gateway, power_state="standby", valid_s=3600.0)
        await clock.sleep(5)
        heater.ignores = True
        await manual(gateway, release=True)
        await clock.sleep(120)
        assert any("has not gone to on within 90 s" in alarm for alarm in gateway.alarms())


@pytest.mark.parametrize("turn", [0, 1])
def test_a_lasting_order_over_one_that_is_carried_out_already_stays(turn: int, tmp_path: Path) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        async with one_appliance(clock, tmp_path, state=STANDBY, min_on_minutes=0, min_off_minutes=0) as (
            gateway,
            heater,
        ):
            gateway.plan(wish(ON), "heater")
            await clock.sleep(5)
            gateway.plan(wish(ON, Claimant.PLAN, lasting=True, turn=turn), "heater")
            await clock.sleep(5)
            assert journalled(tmp_path)["uuid:heater"].before is ON, "nor does a crash put it to sleep"
            gateway.plan(over(), "heater")
            gateway.plan(over(Claimant.PLAN), "heater")
            await clock.sleep(200)
            assert heater.state is ON
            assert gateway.alarms() == []

    told()


@stepped
async def test_hands_off_and_the_end_of_the_unit_give_them_back(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater, lamp = add_appliance(house, "heater", min_on_minutes=0, min_off_minutes=0), add_appliance(house, "lamp")
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(5)
        await gateway.owner.command("command.hands_off", Location("home"), {"on": True}, timeout_s=60.0)
        await clock.sleep(5)
        assert heater.state is ON
        await gateway.owner.command("command.hands_off", Location("home"), {"on": False}, timeout_s=60.0)
        gateway.plan(wish(OFF), "lamp")
        await clock.sleep(5)
        assert (heater.state, lamp.state) == (OFF, OFF)
    assert (heater.state, lamp.state) == (ON, ON)


@stepped
async def test_several_are_let_go_though_one_takes_its_time(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    quick = add_appliance(house, "quick", min_on_minutes=0, min_off_minutes=0)
    slow = add_appliance(house, "slow", wakes_after_s=4.0)
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        gateway.plan(wish(STANDBY), "quick")
        gateway.plan(wish(STANDBY), "slow")
        await clock.sleep(5)
        assert quick.state is slow.state is STANDBY
        assert await gateway.room.let_go(frozenset({"uuid:quick", "uuid:slow"}))
        assert quick.state is slow.state is ON
        gateway.room.take_up(frozenset({"uuid:quick"}))
        await clock.sleep(5)
        assert (quick.state, slow.state) == (STANDBY, ON)


@stepped
async def test_sixty_are_given_back_at_the_end_each_in_its_time(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    machines = [add_appliance(house, f"lamp-{number}", wakes_after_s=number % 7 / 2) for number in range(60)]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        for number in range(60):
            gateway.plan(wish(STANDBY), f"lamp-{number}")
        await clock.sleep(5)
        assert {one.state for one in machines} == {STANDBY}
    assert {one.state for one in machines} == {ON}
    assert journalled(tmp_path) == {}


@pytest.mark.parametrize("away", ["soon", "reboot"])
def test_after_a_crash_it_goes_on_or_is_given_back_as_it_was_before_the_first_process(
    away: str, tmp_path: Path
) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        async with one_appliance(clock, tmp_path, min_off_minutes=0) as (gateway, heater):
            gateway.plan(Claim(Claimant.AUTOMATION, WHY, 20.0, power_state=OFF), "heater")
            await clock.sleep(5)
            await gateway.crash()
            heater.forgets()
            await clock.sleep(15)
            written = len(heater.log)
            again = Gateway(gateway.house, tmp_path / "j", settings(boot=BOOT if away == "soon" else "boot-2"))
            await clock.sleep(30)
            if away == "soon":
                assert heater.log[written:] == [], "who claims is given a minute to speak again"
                assert again.lease("heater").reason.code is ReasonCode.RECOVERED
                await clock.sleep(60)
            assert heater.commands[written:] == ["release"]
            assert heater.state is ON
            await again.stop()

    told()


@stepped
async def test_after_a_crash_a_claim_that_comes_back_finds_it_as_it_was(clock: Clock, tmp_path: Path) -> None:
    async with one_appliance(clock, tmp_path) as (gateway, heater):
        gateway.plan(Claim(Claimant.AUTOMATION, WHY, 10.0, power_state=OFF), "heater")
        await clock.sleep(5)
        await gateway.crash()
        heater.forgets()
        written = len(heater.log)
        await clock.sleep(10)
        again = Gateway(gateway.house, tmp_path / "j")
        await clock.sleep(30)
        again.plan(wish(OFF), "heater")
        await clock.sleep(300)
        assert heater.log[written:] == []
        await again.stop()


@stepped
async def test_an_order_for_160_is_on_disk_and_carried_out_within_seconds(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    machines: list[Machine] = [add_appliance(house, f"lamp-{number}") for number in range(160)]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        for number in range(160):
            gateway.plan(wish(OFF), f"lamp-{number}")
        await clock.sleep(3)
        assert {one.state for one in machines} == {OFF}
        await gateway.crash()
        assert len(journalled(tmp_path)) == 160


async def _removed(gateway: Gateway, heater: Machine) -> None:
    """As the owner's command does."""
    identity = frozenset({"uuid:heater"})
    await gateway.room.let_go(identity)
    record = gateway.house.devices.record_of("heater")
    assert record is not None
    gateway.house.devices.remove(record)
    await gateway.room.forget(identity)
    gateway.room.take_up(identity)
    heater.handle = None


@pytest.mark.parametrize("there", [True, False])
def test_one_that_its_owner_takes_out_is_nobodys_to_give_back_any_more(there: bool, tmp_path: Path) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        async with one_appliance(clock, tmp_path) as (gateway, heater):
            gateway.plan(wish(OFF), "heater")
            await clock.sleep(5)
            assert heater.handle is not None
            if not there:
                heater.silent = True
                heater.handle.lost("silent")
            await clock.sleep(30)
            await _removed(gateway, heater)
            await clock.sleep(5)
            assert journalled(tmp_path) == {}
            assert not gateway.lease("heater").held
            assert gateway.alarms() == []
            told = len(heater.log)
            heater.silent = False
            attach(gateway.house, "heater", heater)
            gateway.plan(over(), "heater")
            await clock.sleep(60)
            assert len(heater.log) == told, "it is not commanded where it is found again"

    told()


@stepped
async def test_one_taken_out_that_never_came_back_after_a_crash_leaves_the_journal(
    clock: Clock, tmp_path: Path
) -> None:
    async with one_appliance(clock, tmp_path) as (gateway, heater):
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(5)
        await gateway.crash()
        assert heater.handle is not None
        heater.handle.detach()
        gateway.plan(over(), "heater")
        again = Gateway(gateway.house, tmp_path / "j")
        await clock.sleep(5)
        assert set(journalled(tmp_path)) == {"uuid:heater"}
        await again.room.forget(frozenset({"uuid:heater"}))
        assert journalled(tmp_path) == {}
        attach(gateway.house, "heater", heater)
        await clock.sleep(60)
        assert heater.commands == ["off"]
        await again.stop()
