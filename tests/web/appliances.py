"""Appliances on paper: what the driver, control and automation would write of them."""

from dataclasses import replace
from datetime import timedelta

from heg.model.appliances import (
    CycleOffer,
    Importance,
    PowerState,
    Registration,
    RequestKind,
    RequestState,
    StandbyPeriod,
    WakeMethod,
)
from heg.model.capabilities import ApplianceCapability
from heg.model.cycles import CycleCurve
from heg.model.instance import Location
from heg.model.leases import Claimant, LeaseState, Reason, ReasonCode
from heg.model.records import DeviceStatus
from heg.runtime.clock import Clock
from tests.web.house import LEASE, METER, PaperHouse

HEATER = replace(
    METER,
    name="heater",
    maker="Warmwerk",
    model="H2",
    serial="",
    protocol="upnp",
    address="192.0.2.31",
    capabilities=(ApplianceCapability(2.0, importance=Importance.OPTIONAL, wake=WakeMethod.WOL),),
    actuator=True,
    identity="uuid:heater",
)
TOLD = replace(
    LEASE,
    owner=Claimant.AUTOMATION,
    set_kw=None,
    read_back_kw=None,
    state=LeaseState.CONFIRMED,
    power_state=PowerState.STANDBY,
    read_back_state=PowerState.STANDBY,
    reason=Reason(ReasonCode.AUTOMATION, "Energy is dear until 21:00; it waits."),
    outvoted=("plan asks for on: the cycle could run now.",),
)


def furnish(house: PaperHouse, clock: Clock, more: int = 0) -> None:
    """A heater that waits, a washer with a cycle and wishes, a lost one, and as many lamps as wanted."""
    now = clock.utc()
    door = house.door
    washer = replace(HEATER, name="washer", model="W7", capabilities=(ApplianceCapability(1.2),))
    radio = replace(HEATER, name="radio", status=DeviceStatus.LOST, detail="lost: no announcement within its max-age")
    lamps = [replace(HEATER, name=f"lamp-{number}", model="L1") for number in range(1, more + 1)]
    for record, state in ((HEATER, "standby"), (washer, "standby"), (radio, "on"), *((lamp, "on") for lamp in lamps)):
        door.write("device", Location("home", record.name), record)
        door.write("state.power", Location("home", record.name), state)
    door.write("lease", Location("home", "heater"), TOLD)
    curve = CycleCurve((2.0, 0.4, 0.4, 1.2))
    offer = CycleOffer("c-1", "Cotton 60", curve, None, now + timedelta(hours=9))
    door.write("cycle.offer", Location("home", "washer"), offer)
    stay = Registration(
        4, "uuid:washer", RequestKind.NO_STANDBY, now, now + timedelta(hours=1), now, RequestState.IN_FORCE
    )
    done = replace(stay, id=3, kind=RequestKind.WAKE_UP, stop=None, state=RequestState.DONE)
    night = StandbyPeriod(9, now + timedelta(hours=10), now + timedelta(hours=18), now)
    for one in (stay, done):
        door.write("registration", Location("home", "washer", str(one.id)), one)
    for period in (night, replace(night, id=8, active=False), replace(night, id=7, stop=now - timedelta(hours=1))):
        door.write("standby_period", Location("home", "washer", str(period.id)), period)
