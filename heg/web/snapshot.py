"""What the page shows of now, taken from the process image through the door. Pure reading: it waits for nothing."""

from collections.abc import Iterable, Mapping, Sequence

from heg.data.door import Door
from heg.model.capabilities import ApplianceCapability
from heg.model.catalogue import CATALOGUE
from heg.model.envelope import Envelope, EnvelopeLimit
from heg.model.instance import ANY, Instance, Location, Quality
from heg.model.leases import LeaseRecord
from heg.model.records import AlarmRecord
from heg.runtime.clock import Clock
from heg.web.appliances import at_a_glance
from heg.web.health import reasons_to_worry
from heg.web.house import Home, Household, Member
from heg.web.messages import bounded, iso
from heg.web.plan_messages import PlanState
from heg.web.planning import PlanView
from heg.web.savings import savings_now
from heg.web.state_messages import (
    Actuator,
    Alarm,
    Device,
    DeviceReadings,
    EnvelopeNow,
    Figure,
    HouseTime,
    Limit,
    Power,
    Reading,
    State,
    Storage,
)
from heg.web.vehicles import vehicles_now

_UNKNOWN = Figure()
_WORST_FIRST = (Quality.BAD, Quality.STALE, Quality.GOOD)
_SEVERITIES = ("alarm", "warning", "info")


def envelope_now(held: Envelope) -> EnvelopeNow:
    """Make the message of an envelope."""
    return EnvelopeNow(
        min_kw=bounded(held.min_kw),
        max_kw=bounded(held.max_kw),
        max_a_per_phase=bounded(held.max_a_per_phase),
        min_source=held.min_source,
        max_source=held.max_source,
        limits=tuple(_limit(one) for one in held.limits),
    )


class Snapshot:
    """Reads the door as one principal and makes messages of what it finds."""

    def __init__(self, door: Door, clock: Clock, home: Home) -> None:
        self._door = door
        self._clock = clock
        self._home = home
        self._plan = PlanView(door, clock, home)

    def state(self) -> State:
        """All the page shows of now."""
        household = Household.of(self._door, self._home.unit)
        others = [member for member in household.members if not member.can(ApplianceCapability)]
        measured = self._measured()
        unwell = reasons_to_worry(self._door, self._clock, self._home)
        return State(
            unit=self._home.unit,
            version=self._home.version,
            time=self.house_time(),
            looking=not household.members,
            hands_off=self.hands_off(),
            power=self._power(household),
            storages=tuple(self._storage(member) for member in household.storages),
            actuators=self._actuators(others),
            devices=tuple(self._device(member, measured.get(member.place.device, ())) for member in others),
            alarms=self.alarms(),
            envelope=self.envelope(),
            healthy=not unwell,
            unwell=unwell,
            planning=self._home.planning,
            plan=self._plan.now(),
            vehicles=vehicles_now(self._door, self._clock, household),
            savings=savings_now(self._door, self._home.here),
            appliances=at_a_glance(self._door, household),
        )

    def plan(self) -> PlanState:
        """The plan in force, whole."""
        return self._plan.whole()

    def house_time(self) -> HouseTime:
        """House time to the second, and how fast it runs (None when it is stepped by a test)."""
        return HouseTime(
            utc=iso(self._clock.utc().replace(microsecond=0)),
            zone=self._home.zone,
            mode=self._clock.mode.value,
            speed=bounded(self._clock.speed),
        )

    def hands_off(self) -> bool:
        """Tell whether the owner has released everything."""
        switch = self._door.latest("hands_off", self._home.here)
        return switch is not None and switch.value in ("on", True)

    def actuators(self) -> tuple[Actuator, ...]:
        """What each actuator does and why, appliances among them."""
        return self._actuators(Household.of(self._door, self._home.unit).members)

    def devices(self) -> tuple[DeviceReadings, ...]:
        """Every attached device with all its newest values."""
        household = Household.of(self._door, self._home.unit)
        measured = self._measured()
        return tuple(
            DeviceReadings(
                device=self._device(member, measured.get(member.place.device, ())),
                readings=tuple(self._reading(one) for one in measured.get(member.place.device, ())),
            )
            for member in household.members
        )

    def alarms(self) -> tuple[Alarm, ...]:
        """Active alarms, the loudest and then the oldest first."""
        active = [
            Alarm(
                place=str(Location(one.location.unit, one.location.device)),
                id=one.location.part,
                severity=str(one.value.severity),
                text=one.value.text,
                mend=one.value.mend,
                since_utc=iso(one.time),
            )
            for one in self._door.latest_all("alarm", Location(self._home.unit, ANY, ANY))
            if isinstance(one.value, AlarmRecord) and one.value.active
        ]
        return tuple(sorted(active, key=lambda alarm: (_SEVERITIES.index(alarm.severity), alarm.since_utc, alarm.id)))

    def envelope(self) -> EnvelopeNow | None:
        """The interval left to the connection point, or None before there is one."""
        newest = self._door.latest("envelope", self._home.here)
        if newest is None or not isinstance(newest.value, Envelope):
            return None
        return envelope_now(newest.value)

    def _power(self, household: Household) -> Power:
        grid = self._figure_at("power.active", household.grid)
        pv = self._total(household.producers)
        battery = self._total(household.storages)
        return Power(house_kw=house_load(grid, pv, battery), pv_kw=pv, battery_kw=battery, grid_kw=grid)

    def _total(self, members: Sequence[Member]) -> Figure | None:
        return total([self._figure_at("power.active", member) for member in members]) if members else None

    def _storage(self, member: Member) -> Storage:
        capacity = self._figure_at("energy.capacity", member).value
        declared = (getattr(capability, "capacity_kwh", None) for capability in member.record.capabilities)
        return Storage(
            device=member.place.device,
            soc=self._figure_at("soc", member),
            capacity_kwh=capacity if capacity is not None else next((one for one in declared if one is not None), None),
        )

    def _actuators(self, members: Iterable[Member]) -> tuple[Actuator, ...]:
        leases = ((member.place, self._door.latest("lease", member.place)) for member in members)
        return tuple(
            self._actuator(place, one.value)
            for place, one in leases
            if one is not None and isinstance(one.value, LeaseRecord)
        )

    def _actuator(self, place: Location, lease: LeaseRecord) -> Actuator:
        return Actuator(
            device=place.device,
            held=lease.held,
            owner=lease.owner.name.lower(),
            regime=lease.regime,
            native=lease.native,
            set_kw=bounded(lease.set_kw),
            read_back_kw=bounded(lease.read_back_kw),
            measured_kw=self._figure(self._door.latest("power.active", Location(place.unit, place.device))),
            state=lease.state,
            reason=lease.reason.code,
            reason_text=lease.reason.text,
            expires_in_s=max(0, round(lease.expires_in_s)),
            writes_today=lease.writes_today,
            writes_left=lease.writes_left,
            power_state=lease.power_state,
            outvoted=lease.outvoted,
        )

    def _device(self, member: Member, newest: Sequence[Instance]) -> Device:
        ages = [self._age_s(one) for one in newest]
        record = member.record
        return Device(
            name=member.place.device,
            roles=member.roles,
            maker=record.maker,
            model=record.model,
            serial=record.serial,
            version=record.version,
            protocol=record.protocol,
            address=record.address,
            status=record.status,
            quality=worst(one.quality for one in newest),
            age_s=min(ages, default=None),
            actuator=record.actuator,
            detail=record.detail,
        )

    def _measured(self) -> Mapping[str, Sequence[Instance]]:
        """Newest values by device: one pass over the image, however many devices there are."""
        by_device: dict[str, list[Instance]] = {}
        for variable in _MEASURED:
            for one in self._door.latest_all(variable, Location(self._home.unit, ANY, ANY)):
                by_device.setdefault(one.location.device, []).append(one)
        return by_device

    def _reading(self, one: Instance) -> Reading:
        variable = CATALOGUE[one.variable]
        value = one.value
        return Reading(
            variable=one.variable,
            part=one.location.part,
            value=value if isinstance(value, str | bool) else _number(value),
            unit=variable.unit,
            kind=variable.kind,
            quality=one.quality,
            age_s=self._age_s(one),
        )

    def _figure_at(self, variable: str, member: Member | None) -> Figure:
        return _UNKNOWN if member is None else self._figure(self._door.latest(variable, member.place))

    def _figure(self, one: Instance | None) -> Figure:
        if one is None or _number(one.value) is None:
            return _UNKNOWN
        return Figure(value=_number(one.value), quality=one.quality, age_s=self._age_s(one))

    def _age_s(self, one: Instance) -> int:
        return max(0, int(one.age_s(self._clock.monotonic_s())))


def house_load(grid: Figure, pv: Figure | None, battery: Figure | None) -> Figure:
    """What the house itself uses: all that comes in less what the battery takes; unknown while any of it is.

    None stands for what the house does not have.
    """
    parts = [figure for figure in (grid, pv, battery) if figure is not None]
    if any(figure.value is None for figure in parts):
        return _UNKNOWN
    load = sum((figure.value or 0.0) * (-1.0 if figure is battery else 1.0) for figure in parts)
    return Figure(value=round(load, 3), quality=_worst_of(parts), age_s=_oldest(parts))


def total(figures: Sequence[Figure]) -> Figure:
    """Sum of several devices; unknown as soon as one of them is."""
    if any(figure.value is None for figure in figures):
        return _UNKNOWN
    value = sum(figure.value or 0.0 for figure in figures)
    return Figure(value=round(value, 3), quality=_worst_of(figures), age_s=_oldest(figures))


def worst(qualities: Iterable[Quality]) -> Quality | None:
    """Return the least believable of them, None of none."""
    found = set(qualities)
    return next((quality for quality in _WORST_FIRST if quality in found), None)


_MEASURED = tuple(
    variable.id
    for variable in CATALOGUE.values()
    if variable.kind in ("scalar", "counter", "state") and not variable.id.startswith(("self.", "hands_off", "regime"))
)


def _worst_of(figures: Iterable[Figure]) -> Quality | None:
    return worst(figure.quality for figure in figures if figure.quality is not None)


def _oldest(figures: Iterable[Figure]) -> int | None:
    return max((figure.age_s for figure in figures if figure.age_s is not None), default=None)


def _number(value: object) -> float | None:
    return None if isinstance(value, bool) or not isinstance(value, int | float) else bounded(value)


def _limit(limit: EnvelopeLimit) -> Limit:
    return Limit(
        source=limit.source,
        min_kw=bounded(limit.min_kw),
        max_kw=bounded(limit.max_kw),
        max_a_per_phase=bounded(limit.max_a_per_phase),
        text=limit.text,
    )
