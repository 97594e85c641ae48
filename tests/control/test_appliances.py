"""Appliances in hand: only while somebody asks something of them, by their claims, and never against their users."""

from pathlib import Path

from heg.data.door import Outcome
from heg.model.leases import Claim, Claimant, LeaseState, Reason, ReasonCode
from heg.runtime.clock import Clock
from tests.control.appliances import HEATER, OFF, ON, STANDBY, WHY, manual, one_appliance, over, wish
from tests.control.gateway import settings
from tests.support.stepped import stepped


@stepped
async def test_an_appliance_nobody_asks_anything_of_is_left_alone(clock: Clock, tmp_path: Path) -> None:
    async with one_appliance(clock, tmp_path) as (gateway, heater):
        await clock.sleep(60)
        assert heater.log == []
        assert gateway.room.hand_on("heater") is None
        assert gateway.owner.latest("lease", HEATER) is None


@stepped
async def test_a_claim_becomes_a_lease_and_its_end_restores_what_was(clock: Clock, tmp_path: Path) -> None:
    async with one_appliance(clock, tmp_path, min_on_minutes=0, min_off_minutes=0) as (gateway, heater):
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
async def test_one_that_is_as_wished_is_not_commanded(clock: Clock, tmp_path: Path) -> None:
    async with one_appliance(clock, tmp_path, state=OFF) as (gateway, heater):
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(20)
        assert gateway.lease("heater").state is LeaseState.CONFIRMED
        gateway.plan(over(), "heater")
        await clock.sleep(700)
        assert heater.log == []


@stepped
async def test_its_user_is_not_contradicted(clock: Clock, tmp_path: Path) -> None:
    async with one_appliance(clock, tmp_path) as (gateway, heater):
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
    async with one_appliance(clock, tmp_path, state=STANDBY, ignores=True) as (gateway, heater):
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
async def test_one_that_refuses_keeps_its_state(clock: Clock, tmp_path: Path) -> None:
    async with one_appliance(clock, tmp_path, refuses="802 a cycle is running") as (gateway, heater):
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(60)
        assert heater.commands == ["off", "off", "off", "release"]
        assert heater.state is ON
        assert any("refused 3 commands" in alarm for alarm in gateway.alarms())


@stepped
async def test_switching_limits_hold_for_automation_and_not_for_the_owner(clock: Clock, tmp_path: Path) -> None:
    async with one_appliance(clock, tmp_path, min_on_minutes=5, min_off_minutes=10) as (gateway, heater):
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
    async with one_appliance(clock, tmp_path, min_off_minutes=0) as (gateway, heater):
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


@stepped
async def test_without_a_contract_and_without_a_meter_appliances_are_switched(clock: Clock, tmp_path: Path) -> None:
    async with one_appliance(clock, tmp_path, settings(limits=())) as (gateway, heater):
        gateway.house.meter.silent = True
        await clock.sleep(15)
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(5)
        assert heater.state is OFF


@stepped
async def test_a_lost_one_is_waited_for_and_taken_in_hand_again(clock: Clock, tmp_path: Path) -> None:
    async with one_appliance(clock, tmp_path) as (gateway, heater):
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
