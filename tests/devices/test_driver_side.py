"""What a driver learns of the unit: its name, where its page is, and what devices asked for."""

import math
from dataclasses import replace
from datetime import UTC, datetime

from heg.devices.contract import DeviceInfo
from heg.model.appliances import Registration, RequestKind, RequestState
from heg.model.capabilities import ApplianceCapability
from heg.model.instance import Location
from heg.runtime.clock import Clock
from tests.devices.test_manager import Unit
from tests.support.stepped import stepped

AT_SEVEN = datetime(2026, 3, 2, 7, tzinfo=UTC)


@stepped
async def test_a_driver_sees_what_is_still_to_be_done_for_its_devices(clock: Clock) -> None:
    unit = Unit(clock)
    side = unit.manager.side_of("upnp")
    assert side.registrations() == ()
    wake_up = Registration(1, "uuid:1", RequestKind.WAKE_UP, AT_SEVEN, None, AT_SEVEN)
    in_force = replace(wake_up, id=2, kind=RequestKind.NO_STANDBY, state=RequestState.IN_FORCE)
    over = replace(wake_up, id=3, state=RequestState.DONE)
    for one in (wake_up, in_force, over):
        unit.door.write("registration", Location("home", "washer", str(one.id)), one)
    assert side.registrations() == (("washer", wake_up), ("washer", in_force))


@stepped
async def test_what_a_driver_refused_of_strangers_is_told_as_it_grows(clock: Clock) -> None:
    unit = Unit(clock)
    counts = {"conflict": 1}
    unit.manager.side_of("upnp").on_refusals("upnp", lambda: counts)

    def told() -> dict[str, object]:
        found = unit.door.latest_all("self.refusals", Location("home", "", "*"))
        return {one.location.part: one.value for one in found}

    unit.manager.check()
    assert told() == {"upnp.conflict": 1.0}
    counts |= {"conflict": 5, "too_large": 2}
    unit.manager.check()
    assert told() == {"upnp.conflict": 5.0, "upnp.too_large": 2.0}


@stepped
async def test_a_driver_knows_the_unit_and_where_its_page_is(clock: Clock) -> None:
    unit = Unit(clock)
    side = unit.manager.side_of("upnp")
    assert (side.unit, side.page_port) == ("home", 0)
    unit.manager.reconfigure((), "UTC", 8463)
    assert side.page_port == 8463


@stepped
async def test_what_a_device_said_last_is_known_in_the_next_run_too(clock: Clock) -> None:
    unit = Unit(clock)
    side = unit.manager.side_of("upnp")
    assert side.last_word("uuid:1", "state.power") is None
    info = DeviceInfo("uuid:1", "Peer", "Kettle", "K1", "", "upnp", "10.0.0.9", (ApplianceCapability(2.0),))
    side.attach(info, interval_s=math.inf).report("state.power", "standby")
    again = unit.again().manager.side_of("upnp")
    assert again.last_word("uuid:1", "state.power") == "standby"
    assert again.last_word("uuid:1", "soc") is None
    assert again.last_word("uuid:2", "state.power") is None
