"""What appliances asked the gateway to do at a time: kept, carried out on time, once, and told how it went.

A wake-up is an order to be on, until the appliance says that it is; it stays on for its own reasons then. In a period
without standby nobody who comes later may switch the appliance off or to standby. Records are durable before anything
is claimed, so that nothing is done twice: one that is being carried out after a restart is gone on with, one that is
over is not begun again. A wake-up that was due while nobody was here is done while it is not later than `Limits.late`.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from heg.data.door import CommandAnswer, Door, Outcome
from heg.model.appliances import ApplianceFault, PowerState, Registration, RequestState
from heg.model.instance import ANY, Location
from heg.model.leases import LeaseRecord, Reason, ReasonCode
from heg.model.local_times import next_occurrence
from heg.model.records import AlarmRecord, Severity
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock
from heg.services.automation.requests import Request, read_id, read_request, refused
from heg.services.automation.saying import Wanted
from heg.services.automation.settings import AutomationSettings
from heg.services.automation.sight import Appliance

logger = logging.getLogger(__name__)

ALARM = "wake-up"
_LAST = "last"
"""The unit's own part of variable `registration`: the last number that was given."""
_PARTS_EACH = 16
_CONFIRM_MARGIN_S = 60.0
_READ_EVERY_S = 60.0
_ATTACHED_WITHIN_S = 120.0
"""So long, and the margin, one may take to be attached after a start of the gateway."""
_NOT_READY = Refusal(RefusalCode.NOT_READY, "what was asked before the start", "a disk that is slow", "ask again later")
_DAY = timedelta(hours=25)
"""A day of the longest kind: no time of day lies further ahead."""
_CLOCK_SET = timedelta(minutes=1)


@dataclass(slots=True)
class _Kept:
    """One registration as it stands, where its record lies, and what only this run knows (monotonic s)."""

    place: Location
    record: Registration
    due_s: float
    begun_s: float | None = None


class Registrations:
    """Of all appliances of one unit; built anew it goes on from its records."""

    def __init__(self, door: Door, clock: Clock, settings: AutomationSettings) -> None:
        self._door, self._clock, self._settings = door, clock, settings
        self._kept: dict[Location, _Kept] = {}
        self._last = 0
        self._read_due_s = float("-inf")
        self._ready = False
        """What earlier runs kept was read; a slow disk is opened behind the running gateway."""

    # What is asked.

    def register(self, appliance: Appliance | None, arguments: Mapping[str, object]) -> CommandAnswer:
        """Take a request of an appliance, or refuse it; exactly one answer."""
        self._read()
        if not self._ready:
            return refused(_NOT_READY)
        if appliance is None:
            refusal = Refusal(RefusalCode.DEVICE_LOST, "an appliance that is known here", "another device")
            return refused(refusal, ApplianceFault.NOT_REGISTERED)
        settings, now = self._settings, self._clock.utc()
        request = read_request(arguments, now, settings.zone, settings.limits.longest)
        if isinstance(request, Refusal):
            return refused(request)
        same = next((one for one in self._of(appliance) if _same(one.record, request)), None)
        if same is not None:
            return self._taken(same.record)
        place = self._place_for(appliance)
        if isinstance(place, Refusal):
            return refused(place, ApplianceFault.TOO_MANY)
        record = Registration(self._last + 1, appliance.identity, request.kind, request.start, request.stop, now)
        self._last = record.id
        self._door.write("registration", Location(settings.unit, "", _LAST), _numbering(record))
        self._write(_Kept(place, record, self._due_s(record)))
        return self._taken(record)

    def withdraw(self, appliance: Appliance | None, arguments: Mapping[str, object]) -> CommandAnswer:
        """End what an appliance registered; only its own."""
        self._read()
        if not self._ready:
            return refused(_NOT_READY)
        number = read_id(arguments)
        if isinstance(number, Refusal):
            return refused(number)
        kept = next((one for one in self._kept.values() if one.record.id == number and one.record.open), None)
        if appliance is None or kept is None:
            refusal = Refusal(RefusalCode.UNKNOWN_SUBSCRIPTION, "the number of something still to be done", str(number))
            return refused(refusal, ApplianceFault.NOT_REGISTERED)
        if kept.record.identity != appliance.identity:
            refusal = Refusal(RefusalCode.NOT_GRANTED, "a registration of its own", f"another's: {number}")
            return refused(refusal, ApplianceFault.NOT_YOURS)
        self._end(kept, RequestState.WITHDRAWN, "Withdrawn by the appliance.")
        return CommandAnswer(Outcome.DONE, f"{appliance.name}: registration {number} is withdrawn.")

    # What is done.

    def look(self, appliances: Mapping[str, Appliance]) -> dict[str, Wanted]:
        """Carry out what is due; returns what is wanted of which appliance now."""
        self._read()
        by_identity = {one.identity: one for one in appliances.values()}
        wanted: dict[str, Wanted] = {}
        for kept in list(self._kept.values()):
            if not kept.record.open:
                continue
            appliance = by_identity.get(kept.record.identity)
            self._follow_clock(kept)
            want = self._wake(kept, appliance) if kept.record.stop is None else self._guard(kept, appliance)
            if want is not None and appliance is not None:
                wanted[appliance.name] = _together(wanted.get(appliance.name), want)
        self._end_alarms(appliances)
        return wanted

    def _wake(self, kept: _Kept, appliance: Appliance | None) -> Wanted | None:
        record, now = kept.record, self._clock.utc()
        if record.state is RequestState.REGISTERED:
            if now < record.start:
                return None
            if now > record.start + self._settings.limits.late:
                self._fail(kept, appliance, "The time was over before anybody here could do it.")
                return None
            kept.record = replace(record, state=RequestState.IN_FORCE)
            self._write(kept)
        if kept.begun_s is None:
            kept.begun_s = self._clock.monotonic_s()
            if now > record.start + 2 * self._settings.limits.late:
                self._fail(kept, appliance, "It was being done when the gateway ended: how it went is not known.")
                return None
        if appliance is not None and appliance.on:
            self._end(kept, RequestState.DONE, "It is on.")
            return None
        settle_s = _ATTACHED_WITHIN_S if appliance is None else appliance.capability.settle_s
        if self._clock.monotonic_s() - kept.begun_s > settle_s + _CONFIRM_MARGIN_S:
            why = "it is not attached" if appliance is None else "it has not come on"
            self._fail(kept, appliance, f"Woken for {settle_s + _CONFIRM_MARGIN_S:.0f} s, but {why}.")
            return None
        text = f"It asked to be woken at {self._clock_time(record.start)} (number {record.id})."
        return Wanted(Reason(ReasonCode.APPLIANCE, text), power_state=PowerState.ON, lasting=True)

    def _guard(self, kept: _Kept, appliance: Appliance | None) -> Wanted | None:
        record, now = kept.record, self._clock.utc()
        stop = record.stop or record.start
        if kept.begun_s is None and now < record.start:
            return None
        if kept.begun_s is None:
            kept.begun_s = self._clock.monotonic_s()
        held_s = self._clock.monotonic_s() - kept.begun_s
        if now >= stop or held_s > (stop - record.start).total_seconds():
            self._end(kept, RequestState.DONE, "The period is over.")
            return None
        if record.state is RequestState.REGISTERED:
            kept.record = replace(record, state=RequestState.IN_FORCE)
            self._write(kept)
        if appliance is None:
            return None
        until = self._clock_time(stop)
        text = f"It asked not to be put to standby until {until} (number {record.id})."
        return Wanted(Reason(ReasonCode.APPLIANCE, text), states=frozenset({PowerState.ON}))

    def _follow_clock(self, kept: _Kept) -> None:
        """A time of day is meant: where the clock was set before it came, it comes when the clock shows it next."""
        record, now = kept.record, self._clock.utc()
        if record.state is not RequestState.REGISTERED:
            return
        not_yet = self._clock.monotonic_s() < kept.due_s - _CLOCK_SET.total_seconds()
        leapt_over = not_yet and now > record.start + _CLOCK_SET
        if not leapt_over and record.start - now <= _DAY:
            return
        zone = self._settings.zone
        start = next_occurrence(record.start.astimezone(zone).time(), now, zone)
        stop = None if record.stop is None else start + (record.stop - record.start)
        kept.record = replace(record, start=start, stop=stop)
        kept.due_s = self._due_s(kept.record)
        self._write(kept)

    # How it went.

    def _fail(self, kept: _Kept, appliance: Appliance | None, why: str) -> None:
        name = kept.place.device if appliance is None else appliance.name
        held = self._held_back(name)
        why = f"{why} {held}".rstrip()
        self._end(kept, RequestState.FAILED, why)
        text = f"{name} was not woken at {self._clock_time(kept.record.start)}. {why}"
        mend = "" if held else "See that it can be woken: its wake-up setting, its cable, the same network."
        alarm = AlarmRecord(active=True, severity=Severity.WARNING, text=text, mend=mend)
        self._door.write("alarm", Location(self._settings.unit, name, ALARM), alarm)

    def _held_back(self, name: str) -> str:
        """Say who went before what it asked for: then nothing is wrong with it."""
        switch = self._door.latest("hands_off", Location(self._settings.unit))
        if switch is not None and switch.value == "on":
            return "Hands off was on: nothing is commanded then."
        found = self._door.latest("lease", Location(self._settings.unit, name))
        lease = None if found is None or found.sequence == 0 else found.value
        if isinstance(lease, LeaseRecord) and lease.held and lease.power_state not in (None, PowerState.ON):
            return f"It was told otherwise: {lease.reason.text}"
        return ""

    def _end(self, kept: _Kept, state: RequestState, text: str) -> None:
        kept.record = replace(kept.record, state=state, text=text)
        self._write(kept)
        logger.info("%s: %s %s: %s", kept.place.device, kept.record.kind, state, text)

    def _end_alarms(self, appliances: Mapping[str, Appliance]) -> None:
        """It works again: how it was woken in vain need not be told any more."""
        for instance in self._door.latest_all("alarm", Location(self._settings.unit, ANY, ALARM)):
            alarm, name = instance.value, instance.location.device
            if isinstance(alarm, AlarmRecord) and alarm.active and name in appliances and appliances[name].on:
                self._door.write("alarm", instance.location, AlarmRecord(False, Severity.WARNING, f"{name} is on."))

    # What is kept.

    def _read(self) -> None:
        """Take in records of earlier runs, also of a store that was opened late."""
        unit, now_s = self._settings.unit, self._clock.monotonic_s()
        if now_s < self._read_due_s and self._ready == self._door.ready:
            return
        self._read_due_s = now_s + _READ_EVERY_S
        self._ready = self._door.ready
        for instance in self._door.latest_all("registration", Location(unit, ANY, ANY)):
            record, place = instance.value, instance.location
            if not isinstance(record, Registration):
                continue
            self._last = max(self._last, record.id)
            if place.device and place not in self._kept:
                self._kept[place] = _Kept(place, record, self._due_s(record))

    def _place_for(self, appliance: Appliance) -> Location | Refusal:
        """Return where a new record of an appliance lies: a part that is free, or that of the first that ended."""
        limits = self._settings.limits
        if sum(one.record.open for one in self._kept.values()) >= limits.open_all:
            return Refusal(RefusalCode.TOO_LARGE, f"at most {limits.open_all} requests of all appliances", "one more")
        mine = {place: one.record for place, one in self._kept.items() if place.device == appliance.name}
        if sum(record.open for record in mine.values()) >= min(limits.open_each, _PARTS_EACH):
            expected = f"at most {limits.open_each} requests of one appliance"
            return Refusal(RefusalCode.TOO_LARGE, expected, "one more", "withdraw one")
        parts = (Location(self._settings.unit, appliance.name, str(at)) for at in range(_PARTS_EACH))
        free = next((place for place in parts if place not in mine), None)
        ended = (place for place, record in mine.items() if not record.open)
        return free or min(ended, key=lambda place: mine[place].id)

    def _of(self, appliance: Appliance) -> list[_Kept]:
        return [one for one in self._kept.values() if one.record.identity == appliance.identity and one.record.open]

    def _write(self, kept: _Kept) -> None:
        self._kept[kept.place] = kept
        self._door.write("registration", kept.place, kept.record)

    def _due_s(self, record: Registration) -> float:
        return self._clock.monotonic_s() + (record.start - self._clock.utc()).total_seconds()

    def _taken(self, record: Registration) -> CommandAnswer:
        when = self._clock_time(record.start) + ("" if record.stop is None else f" to {self._clock_time(record.stop)}")
        text = f"Registered as {record.id}: {record.kind}, {when}."
        return CommandAnswer(Outcome.DONE, text, detail={"id": record.id})

    def _clock_time(self, moment: datetime) -> str:
        return f"{moment.astimezone(self._settings.zone):%a %H:%M:%S}"


def _same(record: Registration, request: Request) -> bool:
    return (record.kind, record.start, record.stop) == (request.kind, request.start, request.stop)


def _numbering(record: Registration) -> Registration:
    """What keeps the last number when all records of an appliance are erased: nothing else of it."""
    return replace(record, identity="", state=RequestState.WITHDRAWN, text="the last number that was given")


def _together(one: Wanted | None, other: Wanted) -> Wanted:
    if one is None:
        return other
    first = one if one.power_state is not None else other
    return replace(first, power_state=one.power_state or other.power_state, states=one.states or other.states)
