"""Automation and control together: appliances attached in process, claims narrowed, leases taken and given back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from heg.data.door import CommandAnswer, Outcome
from heg.model.appliances import CycleOffer, PowerState
from heg.model.cycles import CycleCurve, CycleRecord, CycleState
from heg.model.instance import ANY, Location
from heg.model.leases import Claim, Claimant
from heg.model.policy import CUSTOMER
from heg.model.records import AlarmRecord
from heg.model.refusals import Refusal
from heg.model.slots import slot_start
from heg.model.timings import Timings
from heg.runtime.clock import Clock
from heg.services.automation.service import Automation
from heg.services.automation.settings import ApplianceRule, AutomationSettings, Strategy
from heg.unit.settings import AUTOMATION
from tests.control.appliances import Machine, add_appliance
from tests.control.gateway import Gateway, running, settings
from tests.control.house import House
from tests.services.automation.scene import ROME
from tests.support.stepped import stepped

ON, STANDBY = PowerState.ON, PowerState.STANDBY
SLOT = timedelta(minutes=15)


@asynccontextmanager
async def automated(house: House, folder: Path, **changes: Any) -> AsyncIterator[Gateway]:
    """A control room that lets automation speak as the unit does, and automation."""
    speaks = frozenset({AUTOMATION})
    claimants = dict.fromkeys((Claimant.APPLIANCE, Claimant.UTILITY, Claimant.PLAN, Claimant.AUTOMATION), speaks)
    wanted = AutomationSettings(unit="home", timings=Timings.for_cycle(1.0), zone=ROME)
    async with running(house, folder / "journal", settings(claimants=claimants)) as gateway:
        door = house.data.admit(CUSTOMER, AUTOMATION)
        task = asyncio.create_task(Automation(door, house.clock, replace(wanted, **changes)).run())
        await house.clock.sleep(2)
        try:
            yield gateway
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def furnished(clock: Clock, **machines: tuple[str, float]) -> tuple[House, dict[str, Machine]]:
    house = House(clock)
    found = {
        name: add_appliance(house, name, draws_kw=kw, importance=importance, min_on_minutes=0.0, min_off_minutes=1.0)
        for name, (importance, kw) in machines.items()
    }
    house.noise = lambda _now_s: sum(one.draws_kw for one in found.values() if one.state is ON)
    house.load_kw = [1.0 / 3] * 3
    return house, found


async def asks(gateway: Gateway, device: str, command: str, **said: object) -> CommandAnswer:
    return await gateway.owner.command(f"command.{command}", Location("home", device), said)


@stepped
async def test_it_is_woken_and_not_put_to_sleep_again_for_having_been_woken(clock: Clock, tmp_path: Path) -> None:
    house, machines = furnished(clock, pc=("flexible", 0.1))
    pc = machines["pc"]
    pc.pressed(STANDBY)
    pc.wakes_after_s = 20.0
    async with automated(house, tmp_path) as gateway:
        assert (await asks(gateway, "pc", "register", kind="wake_up", start="01:05:00")).outcome is Outcome.DONE
        await clock.sleep(301)
        assert gateway.lease("pc").owner is Claimant.APPLIANCE
        await clock.sleep(30)
        assert pc.state is ON
        await clock.sleep(1200)
        assert pc.state is ON
        assert not gateway.lease("pc").held
        assert pc.commands.count("on") == 1


@stepped
async def test_what_it_asked_for_itself_goes_before_what_its_user_pressed(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    pc = add_appliance(house, "pc", draws_kw=0.1)
    async with automated(house, tmp_path, strategy=Strategy.FULL) as gateway:
        await asks(gateway, "pc", "appliance", power_state="off", minutes=60)
        await clock.sleep(10)
        pc.pressed(STANDBY)
        await asks(gateway, "pc", "register", kind="wake_up", start="01:05:00")
        await clock.sleep(330)
        assert pc.state is ON, "its user pressed standby, and had it ask to be woken"
        await clock.sleep(240)
        assert pc.state is ON, "for its least time; who needs longer asks for a period"


@stepped
async def test_who_was_not_woken_because_its_owner_had_it_off_is_not_called_broken(
    clock: Clock, tmp_path: Path
) -> None:
    house, machines = furnished(clock, pc=("flexible", 0.1), dead=("flexible", 0.1))
    for machine in machines.values():
        machine.pressed(STANDBY)
    machines["dead"].ignores = True
    async with automated(house, tmp_path) as gateway:
        await asks(gateway, "pc", "manual", power_state="off", valid_s=3600.0)
        for name in machines:
            await asks(gateway, name, "register", kind="wake_up", start="01:05:00")
        await clock.sleep(600)
        assert machines["pc"].state is PowerState.OFF
        told = {
            str(one.location): one.value
            for one in gateway.owner.latest_all("alarm", Location("home", ANY, "wake-up"))
            if isinstance(one.value, AlarmRecord)
        }
        pc, dead = told["home/pc/wake-up"], told["home/dead/wake-up"]
        assert pc.text.endswith("but it has not come on. It was told otherwise: By hand: off.")
        assert pc.mend == ""
        assert dead.text.endswith("but it has not come on.")
        assert "its cable" in dead.mend


@stepped
async def test_in_a_period_without_standby_it_is_not_given_back_to_standby_either(clock: Clock, tmp_path: Path) -> None:
    rules = (ApplianceRule(name="recorder", max_price=0.2, runs=True),)
    house, machines = furnished(clock, recorder=("optional", 0.1), lamp=("optional", 0.1), radio=("optional", 0.1))
    for machine in machines.values():
        machine.pressed(STANDBY)
    async with automated(house, tmp_path, strategy=Strategy.FULL, rules=rules) as gateway:
        gateway.owner.write("price.import", Location("home", "spot"), 0.1)
        for name in ("lamp", "radio"):
            await asks(gateway, name, "appliance", power_state="on", minutes=5)
        await clock.sleep(30)
        for name in machines:
            await asks(gateway, name, "register", kind="no_standby", start="01:01:00", stop="01:30:00")
        await clock.sleep(30)
        gateway.owner.write("price.import", Location("home", "spot"), 0.5)
        await clock.sleep(400)
        assert {name: one.commands for name, one in machines.items()} == {name: ["on"] for name in machines}
        assert "It asked not to be put to standby" in gateway.lease("recorder").reason.text
        assert gateway.lease("lamp").owner is Claimant.APPLIANCE
        machines["radio"].pressed(STANDBY)
        await clock.sleep(60)
        assert machines["radio"].state is STANDBY, "by its user, who may"
        assert not gateway.lease("radio").held
        await clock.sleep(1800)
        assert {one.state for one in machines.values()} == {STANDBY}, "back to what they were, when they no longer mind"
        assert "on" not in machines["radio"].commands[1:]


@stepped
async def test_a_period_without_standby_outranks_the_utility_and_the_rules(clock: Clock, tmp_path: Path) -> None:
    house, machines = furnished(clock, recorder=("optional", 2.0), lamp=("optional", 2.0))
    rules = (ApplianceRule(name="recorder", max_price=0.1), ApplianceRule(name="lamp", max_price=0.1))
    async with automated(house, tmp_path, strategy=Strategy.FULL, rules=rules) as gateway:
        await asks(gateway, "recorder", "register", kind="no_standby", start="01:00:05", stop="01:30:00")
        gateway.owner.write("price.import", Location("home", "spot"), 0.5)
        await clock.sleep(30)
        assert machines["lamp"].state is STANDBY
        assert machines["recorder"].state is ON
        assert (await asks(gateway, "recorder", "appliance", power_state="off", minutes=10)).outcome is Outcome.REFUSED
        await gateway.owner.command(
            "command.manual", Location("home", "recorder"), {"power_state": "off", "valid_s": 60.0}
        )
        await clock.sleep(10)
        assert machines["recorder"].state is PowerState.OFF, "its owner's hand goes before"


@stepped
async def test_a_reduction_is_met_by_the_battery_first_then_by_shedding(clock: Clock, tmp_path: Path) -> None:
    house, machines = furnished(clock, sauna=("optional", 3.0), tank=("flexible", 2.0))
    battery = house.add_battery(soc=0.5)
    async with automated(house, tmp_path, strategy=Strategy.REDUCE) as gateway:
        await clock.sleep(30)
        answer = await gateway.owner.command("command.reduce", Location("home"), {"max_import_kw": 1.0, "minutes": 60})
        assert answer.outcome is Outcome.DONE
        await clock.sleep(60)
        assert {name for name, one in machines.items() if one.state is ON} == {"sauna", "tank"}
        assert battery.power_kw < -4.5
        battery.soc = 0.0
        await clock.sleep(10)
        await gateway.until(lambda: house.grid_kw <= 1.1, 90)
        assert machines["sauna"].state is STANDBY
        lease = gateway.lease("sauna")
        assert lease.owner is Claimant.UTILITY
        assert "asks for at most 1 kW until" in lease.reason.text
        await clock.sleep(3600)
        await gateway.until(lambda: all(one.state is ON for one in machines.values()), 300)


@stepped
async def test_a_utility_order_for_many_is_decided_and_carried_out(clock: Clock, tmp_path: Path) -> None:
    house, machines = furnished(clock, **{f"a{at}": ("flexible", 0.01) for at in range(40)})
    async with automated(house, tmp_path, strategy=Strategy.FULL) as gateway:
        answer = await asks(gateway, "", "appliance", power_state="standby", minutes=10)
        assert (answer.outcome, answer.detail) == (Outcome.DONE, {"taken": 40, "refused": 0})
        await clock.sleep(3)
        assert {one.state for one in machines.values()} == {STANDBY}
        await clock.sleep(700)
        assert {one.state for one in machines.values()} == {ON}


class Washer(Machine):
    """An appliance in which a cycle waits: an order to be on begins it, also while it is on already."""

    offer: CycleOffer | None = None
    begun: int = 0

    def offers(self, offer: CycleOffer) -> None:
        self.offer = offer
        assert self.handle is not None
        self.handle.report("cycle.offer", offer)

    async def apply(self, set_point: Any) -> Refusal | None:
        asleep = self.state is not ON and self.wakes_after_s > 0
        refusal = await super().apply(set_point)
        if set_point.power_state is ON and not asleep and self.offer is not None and self.offer.id and refusal is None:
            self.begun += 1
            self.offers(CycleOffer(""))
        return refusal


def washer(house: House) -> Washer:
    machine = add_appliance(house, "washer", draws_kw=2.0, min_on_minutes=0.0, min_off_minutes=0.0)
    machine.__class__ = Washer
    assert isinstance(machine, Washer)
    return machine


class Book:
    """The cycles as their own service keeps them, planned by the test."""

    def __init__(self, gateway: Gateway, house: House) -> None:
        self.door, self.clock = gateway.planner, house.clock
        self.asked: list[dict[str, object]] = []
        self.door.answer("command.cycle", Location("home"), self._answer)

    async def _answer(self, _place: Location, arguments: Any) -> CommandAnswer:
        self.asked.append(dict(arguments))
        state = CycleState.FORGOTTEN if arguments.get("forget") else CycleState.WAITING
        now = self.clock.utc()
        curve = CycleCurve(tuple(arguments.get("power_kw", (1.0,))), 15, bool(arguments.get("interruptible")))
        if state is CycleState.FORGOTTEN:
            self.write(replace(self.record, state=state))
        else:
            offer = str(arguments.get("offer", ""))
            self.write(CycleRecord("washer", state, curve, now, now + timedelta(hours=8), now, offer=offer))
        return CommandAnswer(Outcome.DONE)

    def write(self, record: CycleRecord) -> None:
        assert self.door.write("cycle", Location("home", "cycle", "washer"), record).accepted

    @property
    def record(self) -> CycleRecord:
        found = self.door.latest("cycle", Location("home", "cycle", "washer"))
        assert found is not None
        assert isinstance(found.value, CycleRecord)
        return found.value

    def runs(self, *slots_from_now: int) -> None:
        here = slot_start(self.clock.utc(), SLOT)
        ran = tuple(here + at * SLOT for at in slots_from_now)
        self.write(replace(self.record, state=CycleState.RUNNING, ran=(*self.record.ran, *ran)))


CURVE = CycleCurve((2.0, 0.5, 1.5))


@stepped
async def test_an_offered_cycle_is_asked_for_and_begins_when_planned(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    machine = washer(house)
    async with automated(house, tmp_path) as gateway:
        book = Book(gateway, house)
        machine.offers(CycleOffer("wash-7", "Cotton", CURVE, None, clock.utc() + timedelta(hours=6)))
        await clock.sleep(5)
        [asked] = book.asked
        assert (asked["name"], asked["offer"], asked["power_kw"]) == ("washer", "wash-7", [2.0, 0.5, 1.5])
        assert asked["latest_utc"] == "2026-03-01T06:00:02+00:00"
        assert machine.commands == []
        book.runs(0)
        await clock.sleep(5)
        assert machine.begun == 1, "although it was on already"
        claim = gateway.owner.latest("claim", Location("home", "washer", "plan"))
        assert claim is not None
        assert isinstance(claim.value, Claim)
        assert claim.value.states == frozenset({ON}), "what runs is not cut short"
        await clock.sleep(900)
        assert machine.begun == 1
        book.write(replace(book.record, state=CycleState.DONE))
        await clock.sleep(5)
        assert machine.state is ON, "what it does afterwards is its own matter"
        assert book.asked == [asked]


@stepped
async def test_one_that_sleeps_is_woken_and_then_told_to_begin(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    machine = washer(house)
    machine.pressed(STANDBY)
    machine.wakes_after_s = 30.0
    async with automated(house, tmp_path) as gateway:
        book = Book(gateway, house)
        machine.offers(CycleOffer("wash-7", "Cotton", CURVE))
        await clock.sleep(5)
        book.runs(0)
        await gateway.until(lambda: machine.begun == 1, 90)
        await clock.sleep(300)
        assert machine.begun == 1


@stepped
async def test_one_that_does_not_begin_is_told_and_given_up(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    machine = washer(house)
    machine.refuses = "the door is open"
    async with automated(house, tmp_path) as gateway:
        book = Book(gateway, house)
        machine.offers(CycleOffer("wash-7", "Cotton", CURVE))
        await clock.sleep(5)
        book.runs(0)
        await clock.sleep(300)
        assert book.record.state is CycleState.FORGOTTEN
        assert any("did not begin" in text for text in gateway.alarms())


@stepped
async def test_a_planned_start_waits_for_the_end_of_what_the_utility_ordered(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    machine = washer(house)
    async with automated(house, tmp_path, strategy=Strategy.FULL) as gateway:
        book = Book(gateway, house)
        machine.offers(CycleOffer("wash-7", "Cotton", CURVE))
        await clock.sleep(5)
        assert (await asks(gateway, "washer", "appliance", power_state="standby", minutes=7)).outcome is Outcome.DONE
        book.runs(0)
        await clock.sleep(60)
        assert machine.state is STANDBY, "a cycle that has not begun is not cut short by waiting"
        assert gateway.lease("washer").owner is Claimant.UTILITY
        await clock.sleep(240)
        assert (book.record.state, book.record.offer) == (CycleState.WAITING, "wash-7"), "it is planned anew"
        assert not any("did not begin" in text for text in gateway.alarms())
        book.runs(0)
        await clock.sleep(130)
        assert machine.state is ON


@stepped
async def test_an_offer_taken_back_is_forgotten_and_another_asked_for(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    machine = washer(house)
    async with automated(house, tmp_path) as gateway:
        book = Book(gateway, house)
        machine.offers(CycleOffer("wash-7", "Cotton", CURVE))
        await clock.sleep(5)
        machine.offers(CycleOffer(""))
        await clock.sleep(5)
        assert book.record.state is CycleState.FORGOTTEN
        # One without an end of its own would be asked for again.
        machine.offers(CycleOffer("wash-8", "Wool", CURVE, latest=clock.utc() + timedelta(hours=12)))
        await clock.sleep(5)
        assert book.record.offer == "wash-8"
        book.write(replace(book.record, state=CycleState.MISSED))
        await clock.sleep(5)
        assert any("found no room" in text for text in gateway.alarms())


@stepped
async def test_one_that_may_pause_pauses_between_its_slots_and_no_other_is_cut_short(
    clock: Clock, tmp_path: Path
) -> None:
    house = House(clock)
    machine = washer(house)
    async with automated(house, tmp_path, strategy=Strategy.FULL) as gateway:
        book = Book(gateway, house)
        machine.offers(CycleOffer("wash-7", "Cotton", CycleCurve((2.0, 0.5, 1.5), 15, interruptible=True)))
        await clock.sleep(5)
        book.runs(0)
        await clock.sleep(905)
        assert machine.state is STANDBY, "the plan goes on with it later"
        book.runs(0)
        await clock.sleep(10)
        assert machine.state is ON
        book.write(replace(book.record, curve=CURVE))
        await clock.sleep(3)
        refused = await asks(gateway, "washer", "appliance", power_state="off", minutes=10)
        assert refused.outcome is Outcome.REFUSED
        assert "runs a cycle" in str(refused.refusal)
