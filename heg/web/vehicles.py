"""The chargers and what is known of the cars at them, read from the image."""

from heg.data.door import Door
from heg.model.records import VehicleRecord
from heg.runtime.clock import Clock
from heg.web.house import Household, Member
from heg.web.messages import bounded
from heg.web.state_messages import Figure, VehicleNow


def vehicles_now(door: Door, clock: Clock, household: Household) -> tuple[VehicleNow, ...]:
    """Return one message for each charger of the house, in the order of their names."""
    return tuple(_vehicle(door, clock, member) for member in household.chargers)


def _vehicle(door: Door, clock: Clock, member: Member) -> VehicleNow:
    newest = door.latest("vehicle", member.place)
    known = None if newest is None else newest.value
    record = known if isinstance(known, VehicleRecord) else VehicleRecord(plugged=False)
    return VehicleNow(
        charger=member.place.device,
        known=isinstance(known, VehicleRecord),
        plugged=record.plugged,
        power_kw=_power(door, clock, member),
        soc=bounded(record.soc),
        soc_uncertainty=bounded(record.soc_uncertainty) or 0.0,
        capacity_kwh=bounded(record.capacity_kwh),
        charged_kwh=bounded(record.charged_kwh) or 0.0,
        departure_utc=record.departure_utc,
        target_soc=bounded(record.target_soc),
        stated=record.stated,
    )


def _power(door: Door, clock: Clock, member: Member) -> Figure:
    newest = door.latest("power.active", member.place)
    if newest is None or isinstance(newest.value, bool) or not isinstance(newest.value, int | float):
        return Figure()
    age_s = max(0, int(newest.age_s(clock.monotonic_s())))
    return Figure(value=bounded(float(newest.value)), quality=newest.quality, age_s=age_s)
