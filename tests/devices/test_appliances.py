"""Appliances among the devices: many at once, silent without being lost, and as their owner describes them."""

import math

import pytest

from heg.devices.contract import OwnerSettings
from heg.devices.manager import MOST_DEVICES
from heg.model.appliances import Importance
from heg.model.capabilities import ApplianceCapability
from heg.model.records import Severity
from heg.model.refusals import RefusedError
from heg.runtime.clock import Clock
from tests.devices.test_manager import Obedient, Unit, info
from tests.support.stepped import stepped

APPLIANCE = ApplianceCapability(2.0)


@stepped
async def test_what_the_owner_says_of_an_appliance_is_so_at_once_and_gone_at_once(clock: Clock) -> None:
    unit = Unit(clock)
    unit.manager.attach(info("A1", APPLIANCE), interval_s=math.inf, actuator=Obedient())
    said = OwnerSettings(serial="A1", importance="must-run", min_on_minutes=3.0, rated_kw=1.5)
    for owners, expected in (
        ((said,), ApplianceCapability(1.5, importance=Importance.MUST_RUN, min_on_s=180.0)),
        ((), ApplianceCapability(1.5)),
    ):
        unit.manager.reconfigure(owners, "UTC")
        (one,) = unit.manager.actuators()
        assert one.capability == expected
        assert unit.record("appliance").capabilities == (expected,)
    unit.manager.attach(info("A1", APPLIANCE), interval_s=math.inf, actuator=Obedient())
    assert unit.record("appliance").capabilities == (APPLIANCE,), "what it draws by its own word comes with the driver"


@stepped
async def test_a_sleeping_one_is_silent_for_days_and_not_lost(clock: Clock) -> None:
    unit = Unit(clock)
    handle = unit.manager.attach(info("A1", APPLIANCE), interval_s=math.inf, actuator=Obedient())
    handle.report("state.power", "standby")
    await clock.sleep(3 * 86400)
    unit.manager.check()
    assert unit.record("appliance").status == "attached"
    assert unit.newest("state.power", "appliance").quality == "good"
    handle.lost("said goodbye")
    assert unit.alarm("appliance").severity is Severity.WARNING, "it may come and go as its user likes"


@stepped
async def test_there_is_room_for_hundreds_and_an_end_of_it(clock: Clock) -> None:
    unit = Unit(clock)
    for number in range(MOST_DEVICES):
        unit.manager.attach(info(f"A{number}", APPLIANCE), interval_s=math.inf, actuator=Obedient())
    with pytest.raises(RefusedError, match="at most 512 devices"):
        unit.manager.attach(info("one more", APPLIANCE), interval_s=math.inf, actuator=Obedient())
    assert len(unit.manager.actuators()) == MOST_DEVICES
    assert all(one is again for one, again in zip(unit.manager.actuators(), unit.manager.actuators(), strict=True))
