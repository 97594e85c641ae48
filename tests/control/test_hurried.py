"""Claims that do not wait for the next cycle: soon for appliances, bounded in number, and nothing to storages."""

import asyncio
from pathlib import Path

import pytest

from heg.control.hurried import LEAST_APART_S, HurriedClaims
from heg.control.journal import JournalFile
from heg.data.door import Outcome
from heg.model.appliances import PowerState
from heg.model.instance import Location
from heg.model.leases import Claim, Claimant, LeaseState, Reason, ReasonCode, SetPoint
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from tests.control.appliances import Machine, add_appliance
from tests.control.gateway import Gateway, running, settings
from tests.control.house import House
from tests.support.stepped import stepped

ON, STANDBY, OFF = PowerState.ON, PowerState.STANDBY, PowerState.OFF
WHY = Reason(ReasonCode.UTILITY, "Less is wanted.")
MANY = 160
SOON_S = 0.05
BETWEEN_CYCLES_S = 5.37


def wish(state: PowerState, claimant: Claimant = Claimant.UTILITY, text: str = WHY.text) -> Claim:
    return Claim(claimant, Reason(WHY.code, text), 3600.0, power_state=state)


async def between_cycles(gateway: Gateway) -> int:
    """Wait for the middle between two cycles; returns how many there have been."""
    await gateway.clock.sleep(BETWEEN_CYCLES_S)
    done = gateway.cycles
    await gateway.until(lambda: gateway.cycles > done)
    await gateway.clock.sleep(0.3)
    return gateway.cycles


@pytest.mark.parametrize("claimant", [Claimant.APPLIANCE, Claimant.UTILITY, Claimant.PLAN])
def test_a_claim_becomes_a_command_at_once(claimant: Claimant, tmp_path: Path) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        house = House(clock)
        heater = add_appliance(house, "heater")
        async with running(house, tmp_path / "j") as gateway:
            cycles = await between_cycles(gateway)
            claimed_s = clock.monotonic_s()
            gateway.plan(wish(OFF, claimant), "heater")
            await clock.sleep(SOON_S)
            assert [(at_s - claimed_s < SOON_S, what) for at_s, what in heater.log] == [(True, "off")]
            assert gateway.cycles == cycles, "it was no cycle that told it: the watchdog is fed by cycles alone"
            await clock.sleep(3)
            assert gateway.lease("heater").state is LeaseState.CONFIRMED
            assert heater.commands == ["off"]

    told()


@stepped
async def test_the_owners_button_does_not_wait_for_the_cycle(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater")
    async with running(house, tmp_path / "j") as gateway:
        cycles = await between_cycles(gateway)
        place = Location("home", "heater")
        for number, (state, command) in enumerate([(OFF, "off"), (ON, "on")], 1):
            answer = await gateway.owner.command("command.manual", place, {"power_state": str(state), "valid_s": 60.0})
            assert answer.outcome is Outcome.DONE
            await clock.sleep(LEAST_APART_S + SOON_S)
            assert (heater.state, heater.commands[-1], len(heater.commands)) == (state, command, number)
        assert gateway.cycles == cycles


@stepped
async def test_the_owners_rules_wait_for_the_cycle(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater")
    async with running(house, tmp_path / "j") as gateway:
        cycles = await between_cycles(gateway)
        gateway.plan(wish(OFF, Claimant.AUTOMATION), "heater")
        await clock.sleep(0.5)
        assert heater.log == []
        await gateway.until(lambda: gateway.cycles > cycles)
        await clock.sleep(SOON_S)
        assert heater.commands == ["off"]


@stepped
async def test_all_appliances_of_a_house_are_told_by_one_decision(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    machines = [add_appliance(house, f"m{number}") for number in range(MANY)]
    async with running(house, tmp_path / "j") as gateway:
        await between_cycles(gateway)
        claimed_s = clock.monotonic_s()
        for number in range(MANY):
            gateway.plan(wish(STANDBY), f"m{number}")
        await clock.sleep(0.5)
        assert max(machine.log[0][0] for machine in machines) - claimed_s < 0.5
        assert all(machine.commands == ["standby"] for machine in machines)
        assert gateway.lease("m0").state is LeaseState.SETTLING, "nobody is asked back while others are still told"
        await clock.sleep(2.5)
        assert all(gateway.lease(f"m{number}").state is LeaseState.CONFIRMED for number in range(MANY))


@stepped
async def test_a_flood_of_claims_costs_a_bounded_number_of_decisions(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    add_appliance(house, "heater")
    planner = house.data.admit(CUSTOMER, "planner")
    async with house.living():
        hurried = HurriedClaims(house.data.admit(CUSTOMER, "control"), "home", clock)

        async def flood() -> None:
            for number in range(1000):
                claimant = Claimant.UTILITY if number % 2 else Claimant.PLAN
                place = Location("home", "heater", claimant.name.lower())
                planner.write("claim", place, wish(OFF, claimant, f"{number}"))
                await clock.sleep(0.01)

        flooding = asyncio.ensure_future(flood())
        decisions, cycles, began_s = 0, 0, clock.monotonic_s()
        while cycles < 10:
            next_s = began_s + cycles + 1
            while await hurried.before(next_s):
                decisions += 1
            cycles += 1
            assert clock.monotonic_s() == pytest.approx(next_s), "no cycle is late, and none is early"
        await flooding
        assert 10 * 3 <= decisions <= 10 / LEAST_APART_S + 1
        hurried.close()
        began_s = clock.monotonic_s()
        assert not await hurried.before(began_s + 1.0)
        assert clock.monotonic_s() == pytest.approx(began_s + 1.0), "closed, it still keeps the pace of the cycles"


@stepped
async def test_only_what_concerns_appliances_hurries(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    house.add_battery()
    add_appliance(house, "heater")
    planner = house.data.admit(CUSTOMER, "planner")
    async with house.living():
        hurried = HurriedClaims(house.data.admit(CUSTOMER, "control"), "home", clock)
        planner.write("claim", Location("home", "battery", "plan"), wish(OFF, Claimant.PLAN))
        planner.write("claim", Location("home", "nobody", "plan"), wish(OFF, Claimant.PLAN))
        planner.write("claim", Location("home", "heater", "automation"), wish(OFF, Claimant.AUTOMATION))
        assert not await hurried.before(clock.monotonic_s() + 1.0)
        planner.write("claim", Location("home", "heater", "plan"), wish(OFF, Claimant.PLAN))
        assert await hurried.before(clock.monotonic_s() + 1.0)
        hurried.close()


Told = list[tuple[float, str, SetPoint | None]]


async def storages_log(clock: Clock, journal: Path, *, flooded: bool) -> tuple[Told, int, Machine]:
    """What a battery that follows the house was told in half a minute, and the cycles there were."""
    house = House(clock)
    battery, heater = house.add_battery(), add_appliance(house, "heater")
    began_s = clock.monotonic_s()
    async with running(house, journal) as gateway:
        for number in range(600):
            house.load_kw = [0.2 + 0.5 * (number // 40 % 5), 0.2, 0.2]
            if flooded:
                gateway.plan(wish(ON if number % 2 else OFF, text=f"{number}"), "heater")
            await clock.sleep(0.0537)  # never at the moment of a cycle or a reading
        log = [(round(at_s - began_s, 3), what, told) for at_s, what, told in battery.log]
        return log, gateway.cycles, heater


@stepped
async def test_storages_are_decided_for_as_ever_while_claims_on_appliances_flood(clock: Clock, tmp_path: Path) -> None:
    quiet, cycles, _ = await storages_log(clock, tmp_path / "quiet", flooded=False)
    flooded, also, heater = await storages_log(clock, tmp_path / "flooded", flooded=True)
    assert len(quiet) > 5
    assert flooded == quiet
    assert also == cycles
    assert heater.commands, "the flood was heard"


@stepped
async def test_under_hands_off_nobody_is_told_out_of_turn(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater")
    async with running(house, tmp_path / "j") as gateway:
        await between_cycles(gateway)
        await gateway.room.turn_hands_off(on=True)
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(10)
        assert heater.log == []
        await between_cycles(gateway)
        await gateway.room.turn_hands_off(on=False)
        gateway.plan(wish(STANDBY), "heater")
        await clock.sleep(SOON_S)
        assert heater.log == [], "what the limits hold back is known again after the next cycle"
        await clock.sleep(2)
        assert heater.commands == ["standby"]


@stepped
async def test_the_envelope_goes_before_what_hurries(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    heater = add_appliance(house, "heater")
    limits = settings(max_import_kw=5.0)
    house.load_kw = [2.5, 2.5, 2.5]
    async with running(house, tmp_path / "j", limits) as gateway:
        await gateway.until(lambda: heater.state is STANDBY)
        await between_cycles(gateway)
        gateway.plan(wish(ON, Claimant.PLAN), "heater")
        answer = await gateway.owner.command(
            "command.manual", Location("home", "heater"), {"power_state": "on", "valid_s": 60.0}
        )
        assert answer.outcome is Outcome.DONE
        await clock.sleep(0.5)
        assert heater.state is STANDBY
        assert heater.commands == ["standby"]


@stepped
async def test_what_hurries_is_journalled_before_its_first_command_too(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    held: list[str] = []

    def told() -> None:
        copy = tmp_path / "copy"
        copy.write_bytes((tmp_path / "j").read_bytes())
        file = JournalFile(copy)
        held.extend(file.open().held)
        file.close()

    heater = add_appliance(house, "heater", told=told)
    async with running(house, tmp_path / "j") as gateway:
        await between_cycles(gateway)
        gateway.plan(wish(OFF), "heater")
        await clock.sleep(SOON_S)
        assert heater.commands == ["off"]
        assert held == ["uuid:heater"]
