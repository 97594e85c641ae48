"""The utility's orders for one appliance, or for all that need not run: by rank, by the owner's word, to their end."""

from __future__ import annotations

from pathlib import Path

import pytest

from heg.data.door import Outcome
from heg.model.appliances import Importance
from heg.model.instance import Location
from heg.model.records import DeviceStatus, EvidenceRecord
from heg.runtime.clock import Clock
from heg.services.automation.settings import Strategy
from tests.services.automation.scene import OFF, ON, STANDBY, scene
from tests.services.automation.utility import NORTH, SUN, UTILITY, furnish, let_in, lives, on, order, reduce
from tests.support.stepped import stepped


@stepped
async def test_an_order_holds_until_its_end_and_through_a_restart(clock: Clock, tmp_path: Path) -> None:
    async with scene(clock, tmp_path / "store.sqlite", strategy=Strategy.FULL) as house:
        furnish(house)
        [north] = let_in(house, NORTH)
        answer = await order(north, "tank", power_state="standby", minutes=30)
        assert (answer.outcome, answer.text) == (Outcome.DONE, "tank: standby until Sun 01:30.")
        await clock.sleep(1)
        claim = house.claim("tank", UTILITY)
        assert claim is not None
        assert (claim.power_state, claim.reason.text) == (STANDBY, "Ordered standby until Sun 01:30 by dso:north.")
        evidence = house.owner.latest("evidence", Location("home", "utility", "dso.north"))
        assert evidence is not None
        assert isinstance(evidence.value, EvidenceRecord)
        assert evidence.value.reason.text == "dso:north wants tank standby until Sun 01:30."
        await house.restart(300)
        assert house.claim("tank", UTILITY) is not None
        await clock.sleep(1500)
        assert house.claim("tank", UTILITY) is None


@stepped
async def test_all_that_need_not_run_are_told_with_one_order(clock: Clock) -> None:
    async with scene(clock, strategy=Strategy.FULL) as house:
        furnish(house)
        answer = await order(house.owner, "", power_state="standby", minutes=30)
        assert answer.outcome is Outcome.PARTLY
        assert answer.detail == {"taken": 2, "refused": 1}
        assert "sauna, tank: standby until Sun 01:30. Not switched: freezer must run." in answer.text
        await clock.sleep(1)
        assert house.claim("freezer", UTILITY) is None
        assert (await order(house.owner, "", release=True)).outcome is Outcome.DONE
        await clock.sleep(1)
        assert house.claim("tank", UTILITY) is None
        assert (await order(house.owner, "tank", release=True)).outcome is Outcome.REFUSED


@stepped
async def test_what_the_network_operator_ordered_no_supplier_overrules(clock: Clock) -> None:
    async with scene(clock, strategy=Strategy.FULL) as house:
        furnish(house)
        north, sun = let_in(house, NORTH, SUN)
        assert (await order(sun, "tank", power_state="on", minutes=30)).outcome is Outcome.DONE
        assert (await order(north, "tank", power_state="off", minutes=30)).outcome is Outcome.DONE
        refused = await order(sun, "tank", power_state="on", minutes=30)
        assert "dso:north has ordered tank" in str(refused.refusal)


@pytest.mark.parametrize("before", ["", "tank"])
def test_what_the_network_operator_orders_of_all_goes_over_what_suppliers_ordered_before(before: str) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        async with scene(clock, strategy=Strategy.FULL) as house:
            furnish(house)
            north, sun = let_in(house, NORTH, SUN)
            assert (await order(sun, before, power_state="on", minutes=30)).outcome is not Outcome.REFUSED
            assert (await order(north, "", power_state="off", minutes=10)).outcome is Outcome.PARTLY
            await clock.sleep(1)
            claim = house.claim("tank", UTILITY)
            assert claim is not None
            assert claim.power_state is OFF
            await clock.sleep(600)
            claim = house.claim("tank", UTILITY)
            assert claim is not None
            assert claim.power_state is ON, "what the supplier ordered holds longer"

    told()


@stepped
async def test_one_that_must_run_from_now_on_is_ordered_no_more(clock: Clock) -> None:
    async with scene(clock, strategy=Strategy.FULL) as house:
        furnish(house)
        await order(house.owner, "tank", power_state="off", minutes=30)
        await clock.sleep(1)
        assert house.claim("tank", UTILITY) is not None
        house.appliance("tank", OFF, importance=Importance.MUST_RUN)
        await clock.sleep(1)
        assert house.claim("tank", UTILITY) is None


@pytest.mark.parametrize("device", ["", "tank"])
def test_an_order_waits_for_one_that_is_lost(device: str) -> None:
    """Its claim stands meanwhile: one that comes back is not let go first."""

    @stepped
    async def told(clock: Clock) -> None:
        async with scene(clock, strategy=Strategy.FULL) as house:
            furnish(house)
            await order(house.owner, device, power_state="off", minutes=30)
            await clock.sleep(1)
            house.present("tank", DeviceStatus.LOST)
            await clock.sleep(5)
            assert house.claim("tank", UTILITY) is not None

    told()


@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_is_set_back_prolongs_nothing(restarted: bool, tmp_path: Path) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        async with scene(clock, tmp_path / "store.sqlite", strategy=Strategy.FULL) as house:
            furnish(house)
            await order(house.owner, "tank", power_state="off", minutes=30)
            await reduce(house.owner, 4.5, minutes=30)
            await lives(house, 1.0, 30)
            assert on(house) == {"freezer"} or on(house) == {"freezer", "sauna"}
            clock.jump_utc(-10 * 86400.0)
            if restarted:
                await house.restart()
            await lives(house, 1.0, 600)
            assert house.claim("tank", UTILITY) is not None
            await lives(house, 1.0, 1500)
            assert on(house) == {"freezer", "sauna", "tank"}
            assert (await reduce(house.owner, release=True)).outcome is Outcome.REFUSED, "it is over"

    told()
