"""Appliances in hand: only while somebody asks something of them, and given back as they were found."""

from pathlib import Path

import pytest

from heg.control.journal import JournalFile
from heg.data.door import CommandAnswer, Outcome
from heg.model.appliances import PowerState, StandbyPeriod
from heg.model.instance import Location
from heg.model.leases import Claim, Claimant, LeaseState, Reason, ReasonCode
from heg.model.refusals import RefusalCode
from heg.runtime.clock import Clock
from tests.control.appliances import Machine, add_appliance
from tests.control.gateway import BOOT, Gateway, running, settings
from tests.control.house import House
from tests.support.stepped import stepped

ON, STANDBY, OFF = PowerState.ON, PowerState.STANDBY, PowerState.OFF
HEATER = Location("home", "heater")
WHY = Reason(ReasonCode.AUTOMATION, "Energy is dear now.")


def wish(state: PowerState | None = None, claimant: Claimant = Claimant.AUTOMATION, **more: object) -> Claim:
    return Claim(claimant, WHY, 3600.0, power_state=state, **more)  # type: ignore[arg-type]


def over(claimant: Claimant = Claimant.AUTOMATION) -> Claim:
    return Claim(claimant, WHY, 1e-6)


async def manual(gateway: Gateway, **arguments: object) -> CommandAnswer:
    return await gateway.owner.command("command.manual", HEATER, arguments, timeout_s=300.0)


@stepped
async def test_an_appliance_nobody_asks_anything_of_is_left_alone(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater")
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(60)
        assert heater.log == []
        assert gateway.room.hand_on("heater") is None
        assert gateway.owner.latest("lease", HEATER) is None


@stepped
async def test_a_claim_becomes_a_lease_and_its_end_restores_what_was(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater", min_on_minutes=0, min_off_minutes=0)
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(5)
        assert heater.state is OFF
        lease = gateway.lease("heater")
        assert (lease.held, lease.power_state, lease.state) == (True, OFF, LeaseState.CONFIRMED)
        assert (lease.owner, lease.reason) == (Claimant.AUTOMATION, WHY)
        gateway.plan(over(), "heater")
        await clock.sleep(5)
        assert heater.state is ON
        assert heater.commands == ["off", "release"]
        assert not gateway.lease("heater").held
        assert gateway.room.hand_on("heater") is None, "a hand is there only while there is something to do"
        assert gateway.alarms() == []


@stepped
async def test_it_is_journalled_with_what_it_was_before_its_first_command(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater", state=STANDBY)
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        gateway.plan(wish(ON), "heater")
        await clock.sleep(5)
        assert heater.state is ON
        await gateway.crash()
        file = JournalFile(tmp_path / "j")
        said = file.open()
        file.close()
        lease = said.held["uuid:heater"]
        assert (lease.power_state, lease.before, lease.boot) == (ON, STANDBY, BOOT)


@stepped
async def test_one_that_is_as_wished_is_not_commanded(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater", state=OFF)
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(20)
        assert gateway.lease("heater").state is LeaseState.CONFIRMED
        gateway.plan(over(), "heater")
        await clock.sleep(700)
        assert heater.log == []


@stepped
async def test_its_user_is_not_contradicted(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater")
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(10)
        heater.pressed(ON)
        await clock.sleep(600)
        assert heater.state is ON
        assert heater.commands == ["off"], "neither repeated nor given back: what it does now is its user's"
        assert gateway.lease("heater").reason.code is ReasonCode.BY_USER
        assert gateway.alarms() == []
        assert (await manual(gateway, power_state="off", valid_s=600.0)).outcome is Outcome.DONE
        await clock.sleep(5)
        assert heater.state is OFF, "the owner's own order does not wait for the rest to end"


@stepped
async def test_one_that_does_not_wake_is_reported_given_back_and_tried_again(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater", state=STANDBY, ignores=True)
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        gateway.plan(wish(ON), "heater")
        await clock.sleep(60)
        assert gateway.lease("heater").state is LeaseState.SETTLING
        await clock.sleep(60)
        assert any("not come on within 90 s" in alarm for alarm in gateway.alarms())
        assert heater.commands == ["on", "release"]
        heater.ignores, heater.wakes_after_s = False, 40.0
        await clock.sleep(950)
        assert heater.state is ON
        await clock.sleep(700)
        assert gateway.alarms() == []


@stepped
async def test_one_taken_in_hand_on_its_way_back_goes_back_to_what_it_was_found_in(
    clock: Clock, tmp_path: Path
) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater", wakes_after_s=40.0)
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
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
    house = House(clock)
    heater = add_appliance(house, "heater")
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        await manual(gateway, power_state="standby", valid_s=3600.0)
        await clock.sleep(5)
        heater.ignores = True
        await manual(gateway, release=True)
        await clock.sleep(120)
        assert any("has not gone to on within 90 s" in alarm for alarm in gateway.alarms())


@stepped
async def test_one_that_refuses_keeps_its_state(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater", refuses="802 a cycle is running")
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(60)
        assert heater.commands == ["off", "off", "off", "release"]
        assert heater.state is ON
        assert any("refused 3 commands" in alarm for alarm in gateway.alarms())


@stepped
async def test_switching_limits_hold_for_automation_and_not_for_the_owner(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater", min_on_minutes=5, min_off_minutes=10)
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(30)
        gateway.plan(over(), "heater")
        await clock.sleep(300)
        assert heater.state is OFF
        assert gateway.lease("heater").reason.code is ReasonCode.SWITCHED_LATELY
        await clock.sleep(300)
        assert heater.state is ON
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(200)
        assert heater.state is ON, "going back was a switching, too"
        await manual(gateway, power_state="off", valid_s=60.0)
        await clock.sleep(3)
        assert heater.state is OFF


@stepped
async def test_what_it_asked_for_keeps_others_from_putting_it_to_sleep(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater", min_off_minutes=0)
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        gateway.plan(wish(STANDBY), "heater")
        await clock.sleep(5)
        assert heater.state is STANDBY
        stay = Claim(
            Claimant.APPLIANCE,
            Reason(ReasonCode.APPLIANCE, "It asked not to be put to sleep."),
            900.0,
            states=frozenset({ON}),
        )
        gateway.plan(stay, "heater")
        await clock.sleep(5)
        assert heater.state is ON
        said = gateway.lease("heater")
        assert (said.held, said.reason) == (False, stay.reason)
        assert said.outvoted == ("automation asks for standby: Energy is dear now.",)
        gateway.plan(over(), "heater")
        gateway.plan(over(Claimant.APPLIANCE), "heater")
        await clock.sleep(5)
        assert gateway.lease("heater").outvoted == ()


@pytest.mark.parametrize("away", ["soon", "reboot"])
def test_after_a_crash_it_goes_on_or_is_given_back_as_it_was_before_the_first_process(
    away: str, tmp_path: Path
) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        house = House(clock)
        heater = add_appliance(house, "heater", min_off_minutes=0)
        async with running(house, tmp_path / "j") as gateway:
            await clock.sleep(5)
            gateway.plan(Claim(Claimant.AUTOMATION, WHY, 20.0, power_state=OFF), "heater")
            await clock.sleep(5)
            await gateway.crash()
            heater.forgets()
            await clock.sleep(15)
            written = len(heater.log)
            again = Gateway(house, tmp_path / "j", settings(boot=BOOT if away == "soon" else "boot-2"))
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
    house = House(clock)
    heater = add_appliance(house, "heater")
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        gateway.plan(Claim(Claimant.AUTOMATION, WHY, 10.0, power_state=OFF), "heater")
        await clock.sleep(5)
        await gateway.crash()
        heater.forgets()
        written = len(heater.log)
        await clock.sleep(10)
        again = Gateway(house, tmp_path / "j")
        await clock.sleep(30)
        again.plan(wish(OFF), "heater")
        await clock.sleep(300)
        assert heater.log[written:] == []
        await again.stop()


@stepped
async def test_without_a_contract_and_without_a_meter_appliances_are_switched(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater")
    house.meter.silent = True
    async with running(house, tmp_path / "j", settings(limits=())) as gateway:
        await clock.sleep(5)
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(5)
        assert heater.state is OFF


@stepped
async def test_hands_off_and_the_end_of_the_unit_give_them_back(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater, lamp = add_appliance(house, "heater"), add_appliance(house, "lamp")
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
async def test_an_order_by_hand_holds_and_is_let_go_at_once(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater")
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        assert (await manual(gateway, power_state="standby", valid_s=600.0)).outcome is Outcome.DONE
        await clock.sleep(5)
        assert (heater.state, gateway.lease("heater").owner) == (STANDBY, Claimant.MANUAL)
        assert (await manual(gateway, release=True)).outcome is Outcome.DONE
        await clock.sleep(5)
        assert heater.state is ON
        for wrong in (
            {"power_state": "asleep", "valid_s": 60.0},
            {"regime": "hold", "valid_s": 60.0},
            {"valid_s": 1.0},
        ):
            answer = await manual(gateway, **wrong)
            assert answer.refusal is not None
            assert answer.refusal.code is RefusalCode.OUT_OF_RANGE
        tried = await gateway.owner.command("command.try", HEATER, {}, timeout_s=60.0)
        assert tried.refusal is not None
        assert tried.refusal.code is RefusalCode.UNSUPPORTED


@stepped
async def test_a_standby_period_is_registered_at_the_appliance_listed_and_withdrawn(
    clock: Clock, tmp_path: Path
) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater")
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)

        async def ask(**arguments: object) -> CommandAnswer:
            return await gateway.owner.command("command.standby_period", HEATER, arguments, timeout_s=60.0)

        answer = await ask(start="22:00:00", stop="06:00:00")
        assert answer.outcome is Outcome.DONE
        assert answer.detail is not None
        number = answer.detail["id"]
        assert heater.periods == {number: ("22:00:00", "06:00:00")}
        listed = gateway.owner.latest("standby_period", Location("home", "heater", str(number)))
        assert listed is not None
        assert isinstance(listed.value, StandbyPeriod)
        assert (listed.value.stop - listed.value.start).total_seconds() == 8 * 3600
        assert (await ask(withdraw=number)).outcome is Outcome.DONE
        assert heater.periods == {}
        again = gateway.owner.latest("standby_period", Location("home", "heater", str(number)))
        assert again is not None
        assert isinstance(again.value, StandbyPeriod)
        assert not again.value.active
        for wrong in (
            {"start": "22:00", "stop": "06:00:00"},
            {"start": "22:00:00"},
            {"withdraw": "x"},
            {"withdraw": 99},
        ):
            assert (await ask(**wrong)).outcome is Outcome.REFUSED


@stepped
async def test_a_lost_one_is_waited_for_and_taken_in_hand_again(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater")
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(5)
        assert heater.handle is not None
        heater.handle.lost("no announcement within its max-age")
        await clock.sleep(30)
        assert gateway.lease("heater").reason.code is ReasonCode.APPLIANCE_LOST
        heater.pressed(ON)
        await clock.sleep(10)
        assert heater.state is OFF
        assert heater.commands == ["off", "off"]


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
        file = JournalFile(tmp_path / "j")
        assert len(file.open().held) == 160
        file.close()
