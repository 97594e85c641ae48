"""How long an appliance stays as it was put, whatever becomes of the process that put it so."""

import itertools
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from heg.control.journal_format import HeldLease
from heg.control.lease_terms import LeaseRules
from heg.control.recovery import lapsed
from heg.data.door import Outcome
from heg.model.appliances import PowerState
from heg.model.instance import Location
from heg.model.leases import Claimant, LeaseRecord, ReasonCode
from heg.runtime.clock import Clock
from tests.control.appliances import OFF, ON, Machine, add_appliance, manual, one_appliance, over, wish
from tests.control.gateway import Gateway, settings
from tests.control.house import House
from tests.control.test_journal import lease
from tests.support.stepped import stepped

LEAST_MINUTES = 30
LEAST_S = 60.0 * LEAST_MINUTES
ENDS = ("killed", "restarted", "stopped")
"""A process is killed; the machine is restarted under it; it ends in order, and gives back what it holds."""


async def next_process(gateway: Gateway, heater: Machine, end: str, away_s: float = 20.0) -> Gateway:
    """End this one, and begin another after a while."""
    if end == "stopped":
        await gateway.stop()
        gateway.crashed = True
    else:
        await gateway.crash()
    heater.forgets()
    await gateway.clock.sleep(away_s)
    boot = gateway.room.settings.boot + ("x" if end == "restarted" else "")
    return Gateway(gateway.house, gateway.journal, settings(boot=boot))


@pytest.mark.parametrize("end", ["killed", "restarted"])
@pytest.mark.parametrize("away_s", [20.0, 1200.0])
@pytest.mark.parametrize("other", [True, False])
def test_one_put_to_rest_stays_so_over_a_crash(end: str, away_s: float, other: bool, tmp_path: Path) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        async with one_appliance(clock, tmp_path, min_off_minutes=LEAST_MINUTES) as (gateway, heater):
            gateway.plan(wish(OFF), "heater")
            await clock.sleep(60)
            again = await next_process(gateway, heater, end, away_s)
            if other:
                again.plan(wish(ON, Claimant.UTILITY), "heater")
            else:
                again.plan(over(), "heater")
            await clock.sleep(10)
            assert again.lease("heater").held
            await clock.sleep(LEAST_S - away_s - 90)
            assert heater.commands == ["off"]
            assert "It stays off for 1 min" in again.lease("heater").reason.text
            await clock.sleep(60)
            assert heater.state is ON
            assert len(heater.commands) == 2
            await again.stop()

    told()


@pytest.mark.parametrize("end", ENDS)
def test_one_given_back_stays_so_over_the_end_of_the_process(end: str, tmp_path: Path) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        async with one_appliance(clock, tmp_path, min_on_minutes=LEAST_MINUTES, min_off_minutes=0) as (gateway, heater):
            gateway.plan(wish(OFF), "heater")
            await clock.sleep(60)
            if end != "stopped":
                gateway.plan(over(), "heater")
            await clock.sleep(5)
            again = await next_process(gateway, heater, end)
            again.plan(wish(OFF), "heater")
            await clock.sleep(LEAST_S - 60)
            assert heater.commands == ["off", "release"]
            record = again.owner.latest("lease", Location("home", "heater"))
            assert record is not None
            assert isinstance(record.value, LeaseRecord)
            assert record.value.reason.code is ReasonCode.SWITCHED_LATELY
            await clock.sleep(120)
            assert heater.commands == ["off", "release", "off"]
            await again.stop()

    told()


@stepped
async def test_one_that_woke_only_after_the_process_had_ended_stays_on_too(clock: Clock, tmp_path: Path) -> None:
    async with one_appliance(clock, tmp_path, min_on_minutes=LEAST_MINUTES, min_off_minutes=0, wakes_after_s=15.0) as (
        gateway,
        heater,
    ):
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(60)
        again = await next_process(gateway, heater, "stopped")
        assert heater.commands == ["off", "release"]
        assert heater.state is ON
        again.plan(wish(OFF), "heater")
        await clock.sleep(LEAST_S - 60)
        assert heater.commands == ["off", "release"]
        await clock.sleep(120)
        assert heater.commands == ["off", "release", "off"]
        await again.stop()
        await clock.sleep(20)


@pytest.mark.parametrize("why", ["driver", "hands off"])
def test_one_given_back_while_its_driver_is_renewed_or_hands_are_off_is_not_taken_at_once(
    why: str, tmp_path: Path
) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        async with one_appliance(clock, tmp_path, min_on_minutes=LEAST_MINUTES, min_off_minutes=0) as (gateway, heater):
            gateway.plan(wish(OFF), "heater")
            await clock.sleep(60)
            if why == "driver":
                assert await gateway.room.let_go(frozenset({"uuid:heater"}))
                gateway.room.take_up(frozenset({"uuid:heater"}))
            else:
                for on in (True, False):
                    await gateway.owner.command("command.hands_off", Location("home"), {"on": on}, timeout_s=60.0)
                    await clock.sleep(5)
            await clock.sleep(LEAST_S - 60)
            assert heater.commands == ["off", "release"]
            await clock.sleep(120)
            assert heater.commands == ["off", "release", "off"]

    told()


@stepped
async def test_its_owners_hand_counts_at_once_after_a_crash_too(clock: Clock, tmp_path: Path) -> None:
    async with one_appliance(clock, tmp_path) as (gateway, heater):
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(60)
        again = await next_process(gateway, heater, "restarted")
        await clock.sleep(5)
        answer = await manual(again, power_state="on", valid_s=3600.0)
        assert answer.outcome is Outcome.DONE, answer
        await clock.sleep(5)
        assert heater.state is ON
        await again.stop()


@stepped
async def test_an_order_by_hand_that_ended_with_its_process_does_not_cut_the_time_short(
    clock: Clock, tmp_path: Path
) -> None:
    async with one_appliance(clock, tmp_path) as (gateway, heater):
        await manual(gateway, power_state="off", valid_s=90.0)
        await clock.sleep(60)
        again = await next_process(gateway, heater, "killed", 60.0)
        await clock.sleep(300)
        assert heater.commands == ["off"]
        await clock.sleep(300)
        assert heater.commands == ["off", "release"]
        await again.stop()


@stepped
async def test_what_its_user_did_meanwhile_is_not_undone(clock: Clock, tmp_path: Path) -> None:
    async with one_appliance(clock, tmp_path) as (gateway, heater):
        gateway.plan(wish(PowerState.STANDBY), "heater")
        await clock.sleep(60)
        await gateway.crash()
        heater.forgets()
        heater.pressed(OFF)
        gateway.plan(over(), "heater")
        again = Gateway(gateway.house, tmp_path / "j")
        await clock.sleep(1000)
        assert (heater.commands, heater.state) == (["standby"], OFF)
        await again.stop()


@pytest.mark.parametrize(("passed_s", "over"), [(-1e6, False), (0.0, False), (599.0, False), (601.0, True)])
def test_a_clock_that_was_set_back_lets_it_stay_its_whole_time(passed_s: float, over: bool) -> None:
    rules = LeaseRules(min_off_s=600.0, min_on_s=10.0)
    held: HeldLease = replace(lease(), power_state=OFF, switched_utc_s=1_790_000_000.0)
    assert bool(lapsed(held, 1_790_000_000.0 + passed_s, "another boot", rules)) is over


_wanted = st.sampled_from([*PowerState, None])
_spans = st.lists(
    st.tuples(_wanted, st.sampled_from([1, 30, 70, 200]), st.sampled_from(["", "", *ENDS])), min_size=2, max_size=8
)


@example_settings(max_examples=15, deadline=None)
@example([(PowerState.STANDBY, 30, ""), (ON, 70, ""), (ON, 70, "restarted"), (PowerState.STANDBY, 1, "")])
@example(
    [
        *((ON, seconds, "restarted") for seconds in (70, 200, 200)),
        *((PowerState.STANDBY, seconds, "restarted") for seconds in (200, 30)),
    ]
)
@given(_spans)
def test_whatever_ends_when_nobody_but_an_orderly_end_switches_it_too_soon(
    spans: list[tuple[PowerState | None, int, str]],
) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        ended: list[float] = []
        with tempfile.TemporaryDirectory() as folder:
            house = House(clock)
            heater = add_appliance(house, "heater", min_on_minutes=2, min_off_minutes=3)
            async with house.living():
                gateway = Gateway(house, Path(folder) / "j")
                for state, seconds, end in spans:
                    gateway.plan(over() if state is None else wish(state), "heater")
                    await clock.sleep(seconds)
                    if end == "stopped":
                        ended.append(clock.monotonic_s())
                    if end:
                        gateway = await next_process(gateway, heater, end)
                await gateway.crash()
        changes = heater.changes
        for (since_s, put), (until_s, _) in itertools.pairwise(changes):
            by_end = any(abs(until_s - at_s) < 5.0 for at_s in ended)
            assert by_end or until_s - since_s >= (120.0 if put is ON else 180.0) - 2.0, changes

    told()
