"""The appliances as the page and the API show them, read from the image. Hundreds may be there: one pass a variable."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime

from heg.data.door import Door
from heg.model.appliances import CycleOffer, Registration, StandbyPeriod
from heg.model.capabilities import ApplianceCapability
from heg.model.instance import ANY, Instance, Location
from heg.model.leases import Claimant, LeaseRecord, LeaseState, Reason, ReasonCode
from heg.model.policy import CUSTOMER
from heg.model.records import DeviceStatus
from heg.model.regimes import Regime
from heg.runtime.clock import Clock
from heg.web.accounts.roles import Permission
from heg.web.appliance_messages import (
    ApplianceNow,
    ApplianceRequest,
    AppliancesAtAGlance,
    AppliancesNow,
    StandbySpan,
    WaitingCycle,
)
from heg.web.endpoint import Answered, Call, Endpoint, Nothing, Nowhere, reading
from heg.web.house import Home, Household, Member
from heg.web.messages import iso

_UNASKED = LeaseRecord(
    held=False,
    owner=Claimant.IDLE,
    regime=Regime.HOLD,
    set_kw=None,
    reason=Reason(ReasonCode.RELEASED, "Nobody asks anything of it."),
    expires_in_s=0.0,
    state=LeaseState.SETTLING,
)
_TOLD = ("state.power", "lease", "registration", "standby_period", "cycle.offer")


class AppliancesApi:
    """Handlers of the appliances."""

    def __init__(self, clock: Clock, home: Home) -> None:
        self._clock, self._home = clock, home

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the rows."""
        tells = "appliances: how each is, what it is told and why, what it asked for"
        return (reading("/api/v1/appliances", Permission.READ, tells, self._all, AppliancesNow, Nowhere),)

    async def _all(self, call: Call[Nowhere, Nothing]) -> Answered:
        return AppliancesNow(appliances=appliances_now(call.door, self._clock, self._home.unit))


def appliances_now(door: Door, clock: Clock, unit: str) -> tuple[ApplianceNow, ...]:
    """Return one message for each appliance, in the order of their names."""
    members = Household.of(door, unit).appliances
    if not members:
        return ()
    told = {variable: _by_device(door, unit, variable) for variable in _TOLD}
    # Whose house it is sees each lease: one that is not there is none. To others it may be one that they are not shown.
    unseen = _UNASKED if door.stakeholder == CUSTOMER else None
    return tuple(_appliance(member, told, unseen, clock) for member in members)


def at_a_glance(door: Door, household: Household) -> AppliancesAtAGlance | None:
    """Return the counts, None where there is no appliance at all."""
    members = {member.place.device: member for member in household.appliances}
    if not members:
        return None
    unit = household.appliances[0].place.unit
    every = {
        variable: [one for one in door.latest_all(variable, Location(unit, ANY, ANY)) if one.location.device in members]
        for variable in _TOLD
    }
    lost = {name for name, member in members.items() if member.record.status is DeviceStatus.LOST}
    states = [one.value for one in every["state.power"] if one.location.device not in lost]
    changes = (one.sequence for instances in every.values() for one in instances)  # a record tells of who is gone
    return AppliancesAtAGlance(
        count=len(members),
        on=states.count("on"),
        standby=states.count("standby"),
        off=states.count("off"),
        lost=len(lost),
        in_hand=sum(isinstance(one.value, LeaseRecord) and one.value.held for one in every["lease"]),
        changed=max([household.changed, *changes]),
    )


def _by_device(door: Door, unit: str, variable: str) -> Mapping[str, list[Instance]]:
    found: dict[str, list[Instance]] = {}
    for one in door.latest_all(variable, Location(unit, ANY, ANY)):
        found.setdefault(one.location.device, []).append(one)
    return found


def _appliance(
    member: Member, told: Mapping[str, Mapping[str, list[Instance]]], unseen: LeaseRecord | None, clock: Clock
) -> ApplianceNow:
    name, record = member.place.device, member.record
    one = next(item for item in record.capabilities if isinstance(item, ApplianceCapability))

    def values(variable: str) -> Iterable[object]:
        return (instance.value for instance in told[variable].get(name, ()))

    lease = next((value for value in values("lease") if isinstance(value, LeaseRecord)), unseen)
    state = next((value for value in values("state.power") if isinstance(value, str)), None)
    return ApplianceNow(
        device=name,
        called=record.called,
        maker=record.maker,
        model=record.model,
        address=record.address,
        status=record.status,
        power_state=state,
        importance=one.importance,
        draws_kw=one.rated_kw,
        min_on_minutes=one.min_on_s / 60.0,
        min_off_minutes=one.min_off_s / 60.0,
        wake=one.wake,
        held=lease is not None and lease.held,
        given=None if lease is None else lease.power_state,
        owner="" if lease is None else lease.owner.name.lower(),
        lease_state="" if lease is None else lease.state,
        reason="" if lease is None else lease.reason.code,
        reason_text="" if lease is None else lease.reason.text,
        outvoted=() if lease is None else lease.outvoted,
        expires_in_s=0 if lease is None else max(0, round(lease.expires_in_s)),
        requests=_requests(values("registration")),
        standby_periods=_standby_periods(values("standby_period"), clock.utc()),
        cycle=_cycle(values("cycle.offer")),
    )


def _requests(values: Iterable[object]) -> tuple[ApplianceRequest, ...]:
    """What it asked for and what became of the last of it, soonest first."""
    made = (
        ApplianceRequest(
            id=one.id,
            kind=one.kind,
            start_utc=iso(one.start),
            stop_utc=None if one.stop is None else iso(one.stop),
            state=one.state,
            text=one.text,
        )
        for one in values
        if isinstance(one, Registration) and one.open
    )
    return tuple(sorted(made, key=lambda one: (one.start_utc, one.id)))


def _standby_periods(values: Iterable[object], now: datetime) -> tuple[StandbySpan, ...]:
    """Those that are not over, soonest first."""
    made = (
        StandbySpan(id=one.id, start_utc=iso(one.start), stop_utc=iso(one.stop))
        for one in values
        if isinstance(one, StandbyPeriod) and one.active and one.stop > now
    )
    return tuple(sorted(made, key=lambda one: (one.start_utc, one.id)))


def _cycle(values: Iterable[object]) -> WaitingCycle | None:
    offer = next((one for one in values if isinstance(one, CycleOffer) and one.id), None)
    if offer is None:
        return None
    curve = offer.curve
    hours = 0.0 if curve is None else curve.step_minutes / 60.0
    return WaitingCycle(
        id=offer.id,
        name=offer.name,
        kwh=None if curve is None else round(math.fsum(curve.power_kw) * hours, 3),
        minutes=None if curve is None else round(curve.length.total_seconds() / 60.0),
        earliest_utc=None if offer.earliest is None else iso(offer.earliest),
        latest_utc=None if offer.latest is None else iso(offer.latest),
    )
