"""Killed at each of its writes and begun anew: what was asked for is done once, and nothing is done that was not."""

from __future__ import annotations

from pathlib import Path

import pytest

from heg.data.door import Outcome
from heg.model.appliances import PowerState
from heg.model.leases import Claimant
from heg.runtime.clock import Clock
from heg.services.automation.settings import Strategy
from tests.services.automation.scene import ON, STANDBY, UNIT, Scene, scene
from tests.support.stepped import stepped

WRITES = 8
"""More than a wake-up from asking to its end has: number, record, being done, claim, done, end of the claim."""


async def obeys(house: Scene, seconds: int, claimant: Claimant, **claimed: list[PowerState]) -> None:
    """Let time pass: appliances follow what is claimed, a process that was killed is begun anew after ten seconds."""
    for _ in range(seconds):
        if house.dead:
            house.dies_at = None
            await house.restart(10)
        for name, turns in claimed.items():
            claim = house.claim(name, claimant)
            wanted = None if claim is None else claim.power_state
            if wanted is not None and wanted is not house.known[name][1]:
                turns.append(wanted)
                house.is_in(name, wanted)
        await house.clock.sleep(1)


@pytest.mark.parametrize("dies_at", range(WRITES))
def test_a_wake_up_is_done_once_wherever_the_process_is_killed(dies_at: int, tmp_path: Path) -> None:
    @stepped
    async def story(clock: Clock) -> None:
        async with scene(clock, tmp_path / "store.sqlite") as house:
            house.appliance("pc", STANDBY)
            house.dies_at = dies_at
            await house.restart()
            answer = await house.asks("pc", "wake_up", "01:05:00")
            turns: list[PowerState] = []
            await obeys(house, 400, Claimant.APPLIANCE, pc=turns)
            house.is_in("pc", STANDBY)
            await obeys(house, 1500, Claimant.APPLIANCE, pc=turns)
            if answer.outcome is Outcome.DONE:
                assert turns == [ON], "once"
                assert house.states("pc") == ["done"]
            else:
                assert dies_at < 2, "only one that was never taken is refused"
                assert turns == []
            numbers = [one.id for one in house.registrations("pc")]
            house.dies_at = None
            await house.restart()
            again = await house.asks("pc", "wake_up", "12:00:00")
            assert again.detail is not None
            assert again.detail["id"] not in numbers

    story()


@pytest.mark.parametrize("dies_at", range(WRITES))
def test_a_period_without_standby_holds_and_ends_wherever_the_process_is_killed(dies_at: int, tmp_path: Path) -> None:
    @stepped
    async def story(clock: Clock) -> None:
        async with scene(clock, tmp_path / "store.sqlite") as house:
            house.appliance("pc")
            assert (await house.asks("pc", "no_standby", "01:05:00", "01:15:00")).outcome is Outcome.DONE
            house.dies_at = dies_at
            await house.restart()
            await obeys(house, 500, Claimant.APPLIANCE)
            claim = house.claim("pc", Claimant.APPLIANCE)
            assert claim is not None
            assert claim.states == frozenset({ON})
            await obeys(house, 500, Claimant.APPLIANCE)
            assert house.claim("pc", Claimant.APPLIANCE) is None
            assert house.states("pc") == ["done"]

    story()


@pytest.mark.parametrize("dies_at", range(WRITES))
def test_a_request_for_less_is_met_and_ended_wherever_the_process_is_killed(dies_at: int, tmp_path: Path) -> None:
    @stepped
    async def story(clock: Clock) -> None:
        async with scene(clock, tmp_path / "store.sqlite", strategy=Strategy.REDUCE) as house:
            house.appliance("tank", rated_kw=2.0, min_on_s=0.0, min_off_s=30.0, settle_s=5.0)
            house.meter(3.0)
            house.dies_at = dies_at
            await house.restart()
            house.meter(3.0)
            answer = await house.owner.command("command.reduce", UNIT, {"max_import_kw": 1.5, "minutes": 10})
            for second in range(900):
                if house.dead:
                    house.dies_at = None
                    await house.restart(10)
                claim = house.claim("tank", Claimant.UTILITY)
                wanted = ON if claim is None or claim.power_state is None else claim.power_state
                if wanted is not house.known["tank"][1]:
                    house.is_in("tank", wanted)
                house.meter(3.0 if wanted is ON else 1.0)
                await clock.sleep(1)
                if second == 200 and answer.outcome is not Outcome.REFUSED:
                    assert house.known["tank"][1] is STANDBY
            assert house.known["tank"][1] is ON
            assert answer.outcome is not Outcome.REFUSED or dies_at < 2

    story()
