"""What the owner orders of an appliance directly: a state by hand, and periods that it keeps by its own clock."""

from pathlib import Path

from heg.control.standby_orders import MOST_PERIODS
from heg.data.door import CommandAnswer, Outcome
from heg.model.appliances import StandbyPeriod
from heg.model.instance import ANY, Location
from heg.model.leases import Claimant
from heg.model.refusals import RefusalCode
from heg.runtime.clock import Clock
from tests.control.appliances import HEATER, ON, STANDBY, manual, one_appliance
from tests.control.gateway import Gateway
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


async def ask(gateway: Gateway, **arguments: object) -> CommandAnswer:
    return await gateway.owner.command("command.standby_period", HEATER, arguments, timeout_s=60.0)


def periods(gateway: Gateway) -> list[StandbyPeriod]:
    found = gateway.owner.latest_all("standby_period", Location("home", "heater", ANY))
    return [one.value for one in found if isinstance(one.value, StandbyPeriod)]


@stepped
async def test_a_standby_period_is_registered_at_the_appliance_listed_and_withdrawn(
    clock: Clock, tmp_path: Path
) -> None:
    async with one_appliance(clock, tmp_path) as (gateway, heater):
        answer = await ask(gateway, start="22:00:00", stop="06:00:00")
        assert answer.outcome is Outcome.DONE
        assert answer.detail is not None
        number = answer.detail["id"]
        assert heater.periods == {number: ("22:00:00", "06:00:00")}
        [listed] = periods(gateway)
        assert (listed.id, listed.active) == (number, True)
        assert (listed.stop - listed.start).total_seconds() == 8 * 3600
        assert (await ask(gateway, withdraw=number)).outcome is Outcome.DONE
        assert heater.periods == {}
        [listed] = periods(gateway)
        assert (listed.id, listed.active) == (number, False)
        for wrong in (
            {"start": "22:00", "stop": "06:00:00"},
            {"start": "22:00:00"},
            {"withdraw": "x"},
            {"withdraw": 99},
        ):
            assert (await ask(gateway, **wrong)).outcome is Outcome.REFUSED


@stepped
async def test_standby_periods_are_few_at_a_time_and_a_year_of_them_takes_no_more_room(
    clock: Clock, tmp_path: Path
) -> None:
    async with one_appliance(clock, tmp_path) as (gateway, heater):
        for _ in range(MOST_PERIODS):
            assert (await ask(gateway, start="22:00:00", stop="06:00:00")).outcome is Outcome.DONE
        asked = len(heater.periods)
        refused = await ask(gateway, start="22:00:00", stop="06:00:00")
        assert refused.refusal is not None
        assert refused.refusal.code is RefusalCode.TOO_LARGE
        assert len(heater.periods) == asked, "nothing is registered that would not be listed"
        assert (await ask(gateway, withdraw=9)).outcome is Outcome.DONE
        assert (await ask(gateway, start="23:00:00", stop="06:00:00")).outcome is Outcome.DONE
        assert len(periods(gateway)) == MOST_PERIODS
        for _ in range(30):
            clock.jump_utc(86400.0)
            assert (await ask(gateway, start="22:00:00", stop="06:00:00")).outcome is Outcome.DONE
        assert len(periods(gateway)) == MOST_PERIODS


@stepped
async def test_a_number_that_an_appliance_gives_again_means_the_new_period(clock: Clock, tmp_path: Path) -> None:
    async with one_appliance(clock, tmp_path) as (gateway, heater):
        await ask(gateway, start="22:00:00", stop="06:00:00")
        heater.periods.clear()  # it was reset, and counts anew
        await ask(gateway, start="23:00:00", stop="06:00:00")
        [listed] = periods(gateway)
        assert (listed.stop - listed.start).total_seconds() == 7 * 3600
