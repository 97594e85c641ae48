"""An appliance's own cycle from its offer to its start, with the service that keeps cycles and the planner itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from heg.model.appliances import CycleOffer
from heg.model.capabilities import ApplianceCapability
from heg.model.cycles import CycleCurve, CycleState
from heg.model.instance import Location
from heg.model.leases import Claim, Claimant
from heg.model.policy import CUSTOMER
from heg.model.records import AlarmRecord, DeviceRecord, DeviceStatus
from heg.runtime.clock import Clock
from heg.services.automation.service import Automation
from tests.services.automation.scene import ON, STANDBY, settings
from tests.services.planning.test_gather import HOUR
from tests.services.test_cycles import Kitchen, kitchen
from tests.support.stepped import stepped

DISHES = Location("home", "dishes")
CURVE = CycleCurve((1.5, 0.2, 1.0, 0.3), 30)


def attach(house: Kitchen) -> None:
    capability = ApplianceCapability(1.5)
    record = DeviceRecord(
        "dishes", "", "", "", "", "upnp", "", DeviceStatus.ATTACHED, (capability,), actuator=True, identity="uuid:d"
    )
    assert house.scene.door.write("device", DISHES, record).accepted
    assert house.scene.door.write("state.power", DISHES, str(STANDBY)).accepted


def offers(house: Kitchen, offer: CycleOffer) -> None:
    assert house.scene.door.write("cycle.offer", DISHES, offer).accepted


def claim(house: Kitchen) -> Claim | None:
    found = house.scene.door.latest("claim", Location("home", "dishes", Claimant.PLAN.name.lower()))
    if found is None or not isinstance(found.value, Claim):
        return None
    return found.value if found.age_s(house.clock.monotonic_s()) < found.value.valid_s else None


def told(house: Kitchen) -> str:
    found = house.scene.door.latest("alarm", Location("home", "dishes", "cycle"))
    alarm = None if found is None else found.value
    return alarm.text if isinstance(alarm, AlarmRecord) and alarm.active else ""


@stepped
async def test_from_offer_to_start_and_end(clock: Clock) -> None:
    async with kitchen(clock) as house:
        attach(house)
        service = Automation(house.scene.data.admit(CUSTOMER, "automation"), clock, settings(slot=timedelta(hours=1)))
        running = asyncio.create_task(service.run())
        offers(house, CycleOffer("wash-7", "Eco", CURVE, None, house.begun + 16 * HOUR))
        await clock.sleep(5)
        assert (house.record.state, house.record.offer, house.record.curve) == (CycleState.WAITING, "wash-7", CURVE)
        record = await house.plans(1)
        assert house.hour(record.planned_start) == 9, "where energy is cheap"
        assert claim(house) is None
        record = await house.plans(9.003)
        assert record.state is CycleState.RUNNING
        order = claim(house)
        assert order is not None
        assert (order.power_state, order.lasting, order.turn) == (ON, True, 1)
        assert order.reason.text.startswith("Its cycle wash-7 begins as planned; over by ")
        assert house.scene.door.write("state.power", DISHES, str(ON)).accepted
        offers(house, CycleOffer(""))
        await clock.sleep(5)
        begun = claim(house)
        assert begun is not None
        assert begun.states == frozenset({ON})
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        again = Automation(house.scene.data.admit(CUSTOMER, "automation"), clock, settings(slot=timedelta(hours=1)))
        running = asyncio.create_task(again.run())
        await clock.sleep(5)
        begun = claim(house)
        assert begun is not None
        assert (begun.states, begun.power_state) == (frozenset({ON}), None), "what has begun is not begun again"
        await house.plans(11.1)
        assert house.state == "done"
        assert claim(house) is None
        assert told(house) == ""
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@stepped
async def test_one_that_cannot_be_planned_is_told(clock: Clock) -> None:
    async with kitchen(clock) as house:
        attach(house)
        service = Automation(house.scene.data.admit(CUSTOMER, "automation"), clock, settings())
        running = asyncio.create_task(service.run())
        offers(house, CycleOffer("wash-7", "Eco", CURVE, None, house.begun + HOUR))
        await clock.sleep(5)
        assert "cannot be planned: out_of_range: expected a window of at least 2:00:00" in told(house)
        offers(house, CycleOffer("wash-8", "Eco", CURVE, None, house.begun + 9 * HOUR))
        await clock.sleep(5)
        assert house.record.offer == "wash-8"
        assert told(house) == ""
        clock.jump_utc(10 * 3600.0)
        await clock.sleep(5)
        assert house.state == "missed"
        assert "found no room in its window" in told(house)
        offers(house, CycleOffer("wash-9", "Eco", CURVE))
        await clock.sleep(5)
        clock.jump_utc(25 * 3600.0)
        await clock.sleep(10)
        assert house.state == "waiting", "it waits for as long as it takes"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
