"""The slot loop in a house with real sockets: prices move the battery, reasons are said, every lack has its name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from heg.data.door import CommandAnswer, Door, Function, Outcome
from heg.data.interface import DataInterface
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.model.capabilities import VehicleCapability
from heg.model.instance import Location
from heg.model.leases import Claim, Claimant, Reason, ReasonCode
from heg.model.plan import Degradation, DegradationCode, Plan
from heg.model.policy import CUSTOMER
from heg.model.records import DeviceRecord, DeviceStatus, PlannedSlot, VehicleRecord
from heg.model.regimes import Regime, RegimeOrder
from heg.model.slots import Profile, slot_start
from heg.runtime.clock import Clock
from heg.services.past import Past, bring_past
from heg.services.planning.triggers import GAP_S, Cause
from tests.services.planning.plain import PlainPlanner
from tests.support.house import LED, House, a_house
from tests.support.stepped import stepped

HERE = Location("demo")


class Planned:
    """A house with a slot loop, and a door of the test's own."""

    def __init__(self, house: House, planner: PlainPlanner, clock: Clock) -> None:
        self.house, self.planner, self.clock = house, planner, clock
        self.door: Door = house.data.admit(CUSTOMER, "test")

    def prices(self, *values: float, variable: str = "profile.price.import", start: datetime | None = None) -> None:
        hour = slot_start(start or self.clock.utc(), timedelta(hours=1))
        self.door.write(variable, Location("demo", "spot"), Profile(hour, 60, values))

    @property
    def plan(self) -> Plan:
        found = self.door.latest("plan", HERE)
        assert found is not None
        assert isinstance(found.value, Plan)
        return found.value

    @property
    def lacks(self) -> set[DegradationCode]:
        return {one.code for one in self.plan.degradations}

    async def cycles(self) -> float:
        """How many control cycles have completed."""
        answer = await self.door.query("self.cycle_time", HERE, function=Function.COUNT)
        assert isinstance(answer.value, float)
        return answer.value

    async def ask(self) -> CommandAnswer:
        return await self.door.command("command.plan", HERE, {})

    def has_plan(self) -> bool:
        return self.door.latest("plan", HERE) is not None


@asynccontextmanager
async def a_planned_house(clock: Clock, folder: Path, **more: Any) -> AsyncIterator[Planned]:
    planner = more.pop("planner", None) or PlainPlanner()
    async with a_house(clock, folder, planner=lambda: planner, **more) as house:
        yield Planned(house, planner, clock)


def paced(cycle_s: float) -> dict[str, Any]:
    """A house whose control cycle is slower, and every reading, age and expiry with it: hours pass quickly."""
    return {
        "tables": {"house": {"batteries": LED, "step_s": 5.0}},
        "sections": {
            "control": {"cycle_s": cycle_s},
            "modbus": {"interval_s": cycle_s, "slow_interval_s": 5 * cycle_s},
        },
    }


@stepped
async def test_the_first_plan_comes_within_five_seconds_and_is_obeyed(clock: Clock, tmp_path: Path) -> None:
    async with a_planned_house(clock, tmp_path) as planned:
        house = planned.house
        took_s = await house.until(planned.has_plan, within_s=30, every_s=0.1)
        assert took_s < 5
        await house.until(lambda: house.battery.owner == "plan" and house.battery.regime == "balance")
        assert DegradationCode.PRICES_MISSING in planned.lacks
        assert planned.planner.last.ess is not None
        assert planned.planner.last.contract_max_kw == 17.0


@stepped
async def test_the_battery_charges_while_it_is_cheap_and_covers_the_house_while_it_is_dear(
    clock: Clock, tmp_path: Path
) -> None:
    async with a_planned_house(clock, tmp_path, **paced(30.0)) as planned:
        house = planned.house
        planned.prices(0.10, 0.10, 0.30, 0.60, *(0.10,) * 4, *(0.30,) * 8, *(0.60,) * 8)
        planned.prices(*(0.08,) * 48, variable="profile.price.export")
        await house.until(lambda: house.battery.owner == "plan" and house.battery.regime == "charge", within_s=300)
        assert house.battery.reason_text.startswith("Charges: 0.10 EUR/kWh now is cheap.")
        await house.until(lambda: house.rig.battery.power_kw > 1.0)
        assert planned.lacks <= {DegradationCode.PRICES_ESTIMATED, DegradationCode.EXPORT_PRICES_MISSING}
        await house.until(lambda: house.battery.regime == "hold", within_s=2.2 * 3600, every_s=60)
        assert house.battery.reason_text.startswith("Waits for dearer hours.")
        await house.until(lambda: house.battery.regime == "cover", within_s=1.2 * 3600, every_s=60)
        assert house.battery.reason_text.startswith("Covers the house: 0.60 EUR/kWh now is dear.")
        await house.after(seconds=120)
        assert house.rig.battery.power_kw < -0.9
        slots = await planned.door.history("plan.slot", HERE, clock.utc() - timedelta(hours=6), clock.utc())
        regimes = [row.value.ess_regime for row in slots.rows if isinstance(row.value, PlannedSlot)]
        assert len(regimes) == len({row.time for row in slots.rows})
        assert {"charge", "hold", "cover"} <= set(regimes)


@stepped
async def test_prices_that_come_are_planned_with_at_once(clock: Clock, tmp_path: Path) -> None:
    async with a_planned_house(clock, tmp_path) as planned:
        house = planned.house
        await house.until(lambda: house.battery.owner == "plan" and house.battery.regime == "balance")
        planned.prices(*(0.10,) * 12, *(0.60,) * 24, *(0.30,) * 12)
        took_s = await house.until(lambda: house.battery.regime == "charge", within_s=60)
        assert took_s <= GAP_S[Cause.PRICES] + 5
        assert planned.lacks == {DegradationCode.EXPORT_PRICES_MISSING}


@stepped
async def test_prices_missing_for_a_day_name_what_stands_in(clock: Clock, tmp_path: Path) -> None:
    async with a_planned_house(clock, tmp_path, **paced(180.0)) as planned:
        house = planned.house
        day = (*(0.10,) * 6, *(0.30,) * 12, *(0.60,) * 6)
        midnight = clock.utc().replace(hour=0, minute=0)
        for variable, prices in (("profile.price.import", day * 2), ("profile.price.export", (0.08,) * 48)):
            planned.prices(*prices, variable=variable, start=midnight - timedelta(hours=24))
        await house.until(planned.has_plan, within_s=3600, every_s=60)
        before = await planned.cycles()
        await clock.sleep((midnight + timedelta(hours=28) - clock.utc()).total_seconds())
        assert planned.lacks == {DegradationCode.PRICES_ESTIMATED, DegradationCode.EXPORT_PRICES_MISSING}
        assert planned.plan.import_eur_per_kwh[:4] == (0.10,) * 4
        assert {one.order.regime for one in planned.plan.ess} == {Regime.CHARGE, Regime.HOLD, Regime.COVER}
        await house.look()
        assert house.battery.owner == "plan"
        for variable, prices in (("profile.price.import", day * 2), ("profile.price.export", (0.08,) * 48)):
            planned.prices(*prices, variable=variable, start=midnight + timedelta(hours=24))
        await house.until(lambda: not planned.lacks, within_s=600, every_s=60)
        assert await planned.cycles() - before >= 27 * 20


@stepped
async def test_a_state_of_charge_that_stands_still_is_reckoned(clock: Clock, tmp_path: Path) -> None:
    async with a_planned_house(clock, tmp_path, **paced(10.0)) as planned:
        house = planned.house
        house.rig.battery.lies("713.SoC", 50.0)
        house.rig.battery.lies("802.SoC", 50.0)
        await house.until(planned.has_plan, within_s=300)
        before = await planned.cycles()
        await house.until(lambda: DegradationCode.SOC_FROZEN in planned.lacks, within_s=3600, every_s=60)
        told = planned.planner.last.ess
        assert told is not None
        assert told.soc_kwh / told.capacity_kwh == pytest.approx(house.rig.battery.soc, abs=0.02)
        await house.look()
        assert house.battery.owner == "plan"
        house.rig.battery.behaves()
        await house.until(lambda: DegradationCode.SOC_FROZEN not in planned.lacks, within_s=1200, every_s=60)
        assert await planned.cycles() - before >= 180


@stepped
async def test_a_state_of_charge_that_cannot_be_is_named_and_reckoned(clock: Clock, tmp_path: Path) -> None:
    async with a_planned_house(clock, tmp_path) as planned:
        house = planned.house
        await house.until(lambda: house.battery.owner == "plan" and house.battery.held)
        house.rig.battery.lies("713.SoC", 250.0)
        house.rig.battery.lies("802.SoC", 250.0)
        before = await planned.cycles()
        plans = len(planned.planner.asked)
        await house.after(seconds=90)
        assert len(planned.planner.asked) == plans, "that it is silent for a minute calls for no other plan"
        answer = await planned.ask()
        assert answer.outcome is Outcome.DONE
        assert DegradationCode.SOC_OUT_OF_BOUNDS in planned.lacks
        assert planned.planner.last.ess is not None
        assert "reckoned from metered energy" in answer.text
        assert await planned.cycles() - before >= 88
        house.rig.battery.behaves()
        await house.after(seconds=30)
        await planned.ask()
        assert DegradationCode.SOC_OUT_OF_BOUNDS not in planned.lacks


@stepped
async def test_a_house_that_exceeds_its_contract_by_itself_is_planned_for(clock: Clock, tmp_path: Path) -> None:
    contract = {"max_import_kw": 4.0, "max_export_kw": 4.0}
    async with a_planned_house(clock, tmp_path, sections={"contract": contract}) as planned:
        house = planned.house
        await house.until(lambda: house.battery.owner == "plan" and house.battery.held)
        before = await planned.cycles()
        house.rig.truth.switch("oven", 12.0)
        await house.after(seconds=30)
        await planned.ask()
        assert DegradationCode.DEMAND_ABOVE_CONTRACT in planned.lacks
        assert house.rig.battery.power_kw < -4.5, "it gives what it can"
        assert await planned.cycles() - before >= 28


@stepped
async def test_a_step_of_the_clock_plans_the_slot_that_runs_now(clock: Clock, tmp_path: Path) -> None:
    async with a_planned_house(clock, tmp_path) as planned:
        house = planned.house
        planned.prices(*(0.30,) * 48)
        await house.until(lambda: house.battery.owner == "plan" and house.battery.held)
        before = await planned.cycles()
        for seconds in (3 * 3600.0, -5 * 3600.0):
            clock.jump_utc(seconds)
            await house.after(seconds=5)
            assert DegradationCode.CLOCK_STEPPED in planned.lacks
            assert planned.plan.index(clock.utc()) == 0
            assert house.battery.owner == "plan"
            assert house.battery.held
        assert await planned.cycles() - before >= 9
        await house.after(seconds=1000)
        assert DegradationCode.CLOCK_STEPPED not in planned.lacks
        assert planned.plan.index(clock.utc()) == 0


@stepped
async def test_the_past_of_five_weeks_is_planned_with_as_soon_as_it_is_read(clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    before = DataInterface(clock, "demo", SqliteStore(clock, StoreSettings(tmp_path / "state" / "store.sqlite")))
    await before.open()
    newest = slot_start(clock.utc(), timedelta(minutes=15)) - timedelta(minutes=15)
    slots = {newest - back * timedelta(minutes=15): 0.5 for back in range(34 * 96)}
    await bring_past(before.admit(CUSTOMER, "import"), "demo", Past({"slot.demand": slots}), 15)
    await before.close()
    async with a_planned_house(clock, tmp_path) as planned:
        house = planned.house

        def known() -> int:
            asked = planned.planner.asked[-1].forecast
            return 0 if asked is None or asked.demand is None else len(asked.demand.values_kw)

        assert await house.until(planned.has_plan) < 5
        await house.until(lambda: known() >= 33 * 96, within_s=60)
        assert await planned.cycles() >= 10


@stepped
async def test_a_person_can_have_it_planned_again(clock: Clock, tmp_path: Path) -> None:
    async with a_planned_house(clock, tmp_path) as planned:
        house = planned.house
        await house.until(planned.has_plan)
        await house.after(seconds=60)
        before = len(planned.planner.asked)
        answer = await house.view.command("plan")
        assert answer["outcome"] == "done"
        assert "No prices are known" in answer["text"]
        assert len(planned.planner.asked) == before + 1
        planned.planner.fails = LOST
        await house.after(seconds=5)
        assert (await house.view.command("plan"))["outcome"] == "partly"


LOST = Degradation(DegradationCode.WORKER_LOST, "The planner's process has ended.")


@stepped
async def test_without_a_planner_the_old_plan_holds_then_the_rule_then_it_plans_again(
    clock: Clock, tmp_path: Path
) -> None:
    async with a_planned_house(clock, tmp_path, **paced(30.0)) as planned:
        house = planned.house
        planned.prices(*(0.10,) * 12, *(0.60,) * 24, *(0.30,) * 12)
        await house.until(lambda: house.battery.regime == "charge", within_s=1200, every_s=30)
        planned.planner.fails = LOST
        await house.after(seconds=3600)
        assert planned.lacks >= {DegradationCode.WORKER_LOST, DegradationCode.OLD_PLAN}
        assert str(planned.plan.status) == "degraded"
        assert house.battery.regime == "charge"
        await house.after(seconds=4800)
        assert str(planned.plan.status) == "fallback"
        assert planned.lacks >= {DegradationCode.WORKER_LOST}
        assert (house.battery.owner, house.battery.regime) == ("idle", "balance")
        planned.planner.fails = None
        await house.until(lambda: house.battery.owner == "plan", within_s=300, every_s=30)
        assert str(planned.plan.status) != "fallback"


@stepped
async def test_a_loop_that_never_comes_back_leaves_no_claim_behind(clock: Clock, tmp_path: Path) -> None:
    async with a_planned_house(clock, tmp_path, **paced(10.0)) as planned:
        house = planned.house
        planned.prices(*(0.10,) * 12, *(0.60,) * 24, *(0.30,) * 12)
        await house.until(lambda: house.battery.regime == "charge", within_s=300, every_s=10)
        before = await planned.cycles()
        planned.planner.hangs = True
        await house.after(seconds=900 + 60 + 30)
        assert (house.battery.owner, house.battery.regime) == ("idle", "balance")
        assert await planned.cycles() - before >= 95


@stepped
async def test_the_car_is_planned_for_as_soon_as_it_is_plugged(clock: Clock, tmp_path: Path) -> None:
    async with a_planned_house(clock, tmp_path) as planned:
        house = planned.house
        await house.until(planned.has_plan)
        charger = DeviceRecord(
            *("charger", "", "", "", "", "rig", ""),
            DeviceStatus.ATTACHED,
            (VehicleCapability(0.0, 11.0),),
            actuator=True,
        )
        place = Location("demo", "charger")
        planned.door.write("device", place, charger)
        planned.door.write("power.active", place, 0.0)
        leaves = (clock.utc() + timedelta(hours=12)).isoformat()
        said = VehicleRecord(True, "now", soc=0.4, capacity_kwh=60.0, departure_utc=leaves, target_soc=0.8)
        planned.door.write("vehicle", place, said)
        took_s = await house.until(lambda: planned.planner.last.pev is not None, within_s=30)
        assert took_s <= GAP_S[Cause.VEHICLE] + 4
        claim = planned.door.latest("claim", Location("demo", "charger", "plan"))
        assert claim is not None
        assert isinstance(claim.value, Claim)
        assert claim.value.order is not None
        assert claim.value.order.power_kw == 11.0
        planned.door.write("vehicle", place, VehicleRecord(False))
        await house.until(lambda: planned.planner.last.pev is None, within_s=30)
        claim = planned.door.latest("claim", Location("demo", "charger", "plan"))
        assert claim is not None
        assert isinstance(claim.value, Claim)
        assert claim.value.valid_s < 1.0


@stepped
async def test_a_house_that_leaves_its_forecast_is_planned_anew(clock: Clock, tmp_path: Path) -> None:
    planner = PlainPlanner(demand_kw=1.0, band_kw=0.3)
    async with a_planned_house(clock, tmp_path, planner=planner, **paced(5.0)) as planned:
        house = planned.house
        await house.until(planned.has_plan)
        await clock.sleep((planned.plan.start + timedelta(minutes=15, seconds=5) - clock.utc()).total_seconds())
        asked = len(planner.asked)
        await house.after(seconds=400)
        assert len(planner.asked) == asked
        house.rig.truth.switch("oven", 3.0)
        await house.until(lambda: len(planner.asked) > asked, within_s=500)
        assert planner.asked[-1].forecast is not None
        assert planner.asked[-1].forecast.demand is not None
        assert (planner.asked[-1].forecast.demand.running_kw or 0.0) > 1.3


@stepped
async def test_the_end_takes_the_claims_back_and_closes_the_planner(clock: Clock, tmp_path: Path) -> None:
    planner = PlainPlanner()
    async with a_planned_house(clock, tmp_path, planner=planner) as planned:
        await planned.house.until(lambda: planned.house.battery.owner == "plan")
        data = planned.house.data
    assert planner.closed == 1
    claim = data.admit(CUSTOMER, "test").latest("claim", Location("demo", "battery", "plan"))
    assert claim is not None
    assert isinstance(claim.value, Claim)
    assert claim.value.valid_s < 1.0


@stepped
async def test_planning_that_is_switched_off_leaves_self_consumption(clock: Clock, tmp_path: Path) -> None:
    async with a_planned_house(clock, tmp_path, sections={"planning": {"enabled": False}}) as planned:
        house = planned.house
        await house.until(lambda: house.battery.regime == "balance" and house.battery.owner == "idle")
        await house.after(seconds=60)
        assert not planned.has_plan()
        assert (await planned.ask()).outcome is Outcome.REFUSED


@stepped
async def test_only_the_slot_loop_speaks_for_the_plan(clock: Clock, tmp_path: Path) -> None:
    async with a_planned_house(clock, tmp_path, sections={"planning": {"enabled": False}}) as planned:
        house = planned.house
        await house.until(lambda: house.battery.owner == "idle" and house.battery.held)
        forged = Claim(Claimant.PLAN, Reason(ReasonCode.PLAN, "?"), 600.0, order=RegimeOrder(Regime.CHARGE, 5.0))
        planned.door.write("claim", Location("demo", "battery", "plan"), forged)
        await house.after(seconds=5)
        assert house.battery.owner == "idle"
