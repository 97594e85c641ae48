"""What the owner orders of an appliance directly: a state by hand, and periods that it keeps by its own clock."""

from pathlib import Path

from heg.data.door import CommandAnswer, Outcome
from heg.model.appliances import StandbyPeriod
from heg.model.instance import Location
from heg.model.leases import Claimant
from heg.model.refusals import RefusalCode
from heg.runtime.clock import Clock
from tests.control.appliances import HEATER, ON, STANDBY, manual, one_appliance
from tests.support.stepped import stepped


@stepped
async def test_an_order_by_hand_holds_and_is_let_go_at_once(clock: Clock, tmp_path: Path) -> None:
    async with one_appliance(clock, tmp_path) as (gateway, heater):
        assert (await manual(gateway, power_state="standby", valid_s=600.0)).outcome is Outcome.DONE
        await clock.sleep(5)
        assert (heater.state, gateway.lease("heater").owner) == (STANDBY, Claimant.MANUAL)
        assert (await manual(gateway, release=True)).outcome is Outcome.DONE
        await clock.sleep(5)
        assert heater.state is ON
        for wrong, came in (
            ({"power_state": "asleep", "valid_s": 60.0}, "'asleep'"),
            ({"regime": "hold", "valid_s": 60.0}, "regime 'hold'"),
            ({"valid_s": 1.0}, "none"),
        ):
            answer = await manual(gateway, **wrong)
            assert answer.refusal is not None
            assert (answer.refusal.code, answer.refusal.came) == (RefusalCode.OUT_OF_RANGE, came)
        tried = await gateway.owner.command("command.try", HEATER, {}, timeout_s=60.0)
        assert tried.refusal is not None
        assert tried.refusal.code is RefusalCode.UNSUPPORTED


@stepped
async def test_a_standby_period_is_registered_at_the_appliance_listed_and_withdrawn(
    clock: Clock, tmp_path: Path
) -> None:
    async with one_appliance(clock, tmp_path) as (gateway, heater):

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
