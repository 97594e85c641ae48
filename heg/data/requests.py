"""The request processor with data access control: the single door for every request.

Source: spec data-interface.md, Modules.
"""

import itertools
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from heg.data.access import Principal, owner_of_new
from heg.data.checks import Checks, variable_refusal
from heg.data.commands import CommandDesk, CommandRecord, Registration, checked_arguments, refused, whoever
from heg.data.door import (
    Answer,
    AskedHandler,
    Asker,
    CommandAnswer,
    CommandHandler,
    Condition,
    Function,
    HistoryPage,
    MailboxKind,
    Notification,
    Receipt,
    Resolution,
    Subscription,
)
from heg.data.encoding import encode
from heg.data.history import PAGE_LIMIT, SPAN, HistoryRequest, Store, bucket_start
from heg.data.image import Image, Series, is_newest
from heg.data.mailbox import Mailbox, PeriodicMailbox
from heg.data.refusals import RefusalBook
from heg.data.rights import RightsKeeper
from heg.data.selection import Selection, of_now
from heg.data.subscriptions import EventSubscription, PeriodicKey, Switchboard, deliver
from heg.data.validation import checked_value, location_refusal, time_refusal
from heg.model.catalogue import CATALOGUE, Durability, Variable
from heg.model.instance import ANYWHERE, Instance, Kind, Location, Quality
from heg.model.policy import CUSTOMER, Policy
from heg.model.records import DeviceRecord, DeviceStatus
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.model.renaming import renamed
from heg.runtime.clock import Clock

SHORTEST_PERIOD_S = 0.1
RESTORED_ARRIVAL_S = -1e9
"""Arrival of what the last run left: some thirty years ago, older than any limit on age."""
LASTING = frozenset({"configuration", "hands_off", "evidence", "policy", "contract.rights", "erasure"})
HAPPENINGS = frozenset({"evidence", "erasure"})
"""Records of what happened, not of how something is: saying the same twice is news twice."""
_WORSE = (Quality.GOOD, Quality.STALE, Quality.BAD)


class RequestProcessor:
    """Checks every request (who, what, right, delay, value), keeps the image, feeds subscribers and the store."""

    def __init__(self, clock: Clock, unit: str, store: Store) -> None:
        self.image = Image()
        self.refusals = RefusalBook(clock.monotonic_s, self._publish_refusals)
        self._clock = clock
        self._unit = unit
        self._store = store
        self._switchboard = Switchboard()
        self._desk = CommandDesk()
        self.rights = RightsKeeper(unit, clock.utc, self.write_itself)
        self._checks = Checks(clock.monotonic_s, self.image, self.rights, self._switchboard)
        self._itself = self.admit(Principal(CUSTOMER, "data"))
        self._requests = itertools.count(1)
        self._sequence = itertools.count(1)

    def admit(self, who: Principal) -> Principal:
        """Know this principal from now on."""
        return self._checks.admit(who)

    def close(self) -> None:
        """End all subscriptions."""
        self._switchboard.close_all()

    def write(
        self,
        who: Principal,
        variable: str,
        location: Location,
        value: object,
        time: datetime | None = None,
        quality: Quality = Quality.GOOD,
        policy: Policy | None = None,
    ) -> Receipt:
        """See `Door.write`."""
        request = next(self._requests)
        entry = CATALOGUE.get(variable)
        refusal = self._checks.principal(who) or variable_refusal(entry, variable)
        if refusal is None and entry is not None:
            if entry.kind is Kind.COMMAND:
                refusal = Refusal(RefusalCode.WRONG_KIND, f"command() for {variable}", "write()")
            else:
                refusal = self._checked_write(who, entry, location, value, time, quality, policy)
        return self._receipt(request, refusal)

    def latest(self, who: Principal, variable: str, location: Location) -> Instance | None:
        """See `Door.latest`."""
        if (refusal := self._checks.reading(who, variable, location)) is not None:
            raise RefusedError(self.refusals.count(refusal))
        series = self.image.find(variable, location)
        return None if series is None else series.newest

    def latest_all(self, who: Principal, variable: str, pattern: Location) -> tuple[Instance, ...]:
        """See `Door.latest_all`."""
        refusal = self._checks.principal(who) or variable_refusal(CATALOGUE.get(variable), variable)
        if refusal is not None:
            raise RefusedError(self.refusals.count(refusal))
        return tuple(self._readable_under(who, variable, pattern))

    async def query(
        self, who: Principal, variable: str, location: Location, condition: Condition, function: Function
    ) -> Answer:
        """See `Door.query`."""
        request = next(self._requests)
        if (refusal := self._checks.reading(who, variable, location)) is not None:
            return Answer(request, refusal=self.refusals.count(refusal))
        if function is Function.NEWEST:
            series = self.image.find(variable, location)
            newest = None if series is None else series.newest
            if newest is not None and condition.holds(newest):
                return Answer(request, newest.value, newest.time)
        answer = await self._store.query(request, variable, location, condition, function)
        if answer.refusal is not None:
            self.refusals.count(answer.refusal)
        return answer

    async def history(
        self,
        who: Principal,
        variable: str,
        location: Location,
        start: datetime,
        end: datetime,
        resolution: Resolution,
        cursor: str | None,
        limit: int,
    ) -> HistoryPage:
        """See `Door.history`."""
        refusal = self._checks.history(who, variable, location, start, end, resolution, following=cursor is not None)
        if refusal is not None:
            return HistoryPage((), refusal=self.refusals.count(refusal))
        bounded = max(1, min(limit, PAGE_LIMIT))
        utc_start, utc_end = start.astimezone(UTC), end.astimezone(UTC)
        if self._checks.delay_s(who, variable, location):
            # The running bucket changes with every value: page after page of it would give away what the delay hides.
            utc_end = max(utc_start, min(utc_end, bucket_start(self._clock.utc(), SPAN[resolution])))
        page = await self._store.history(
            HistoryRequest(variable, location, utc_start, utc_end, resolution, cursor, bounded)
        )
        if page.refusal is not None:
            self.refusals.count(page.refusal)
        return page

    def event(
        self,
        who: Principal,
        variable: str,
        pattern: Location,
        condition: Condition,
        kind: MailboxKind,
        size: int,
    ) -> Subscription:
        """See `Door.event`."""
        receipt = self._receipt(next(self._requests), self._checks.subscribing(who, variable, pattern))
        mailbox = Mailbox(receipt, kind, size, self._switchboard.forget)
        if receipt.accepted:
            self._switchboard.add_event(EventSubscription(who, variable, pattern, condition, mailbox))
        return mailbox

    def periodic(self, who: Principal, variable: str, pattern: Location, period_s: float) -> Subscription:
        """See `Door.periodic`."""
        refusal = self._checks.subscribing(who, variable, pattern)
        if refusal is None and not SHORTEST_PERIOD_S <= period_s < float("inf"):
            expected = f"a period of at least {SHORTEST_PERIOD_S:g} s"
            refusal = Refusal(RefusalCode.OUT_OF_RANGE, expected, f"{period_s:g}")
        receipt = self._receipt(next(self._requests), refusal)

        def newest() -> tuple[Notification, ...]:
            return tuple(Notification(receipt.request, i) for i in self._readable_under(who, variable, pattern))

        mailbox = PeriodicMailbox(
            receipt, max(period_s, SHORTEST_PERIOD_S), self._clock.monotonic_s, newest, self._switchboard.forget
        )
        if receipt.accepted:
            owner = self._checks.owner_of(who, variable, pattern)
            self._switchboard.add_periodic(PeriodicKey(who, variable, owner), mailbox)
        return mailbox

    def unsubscribe(self, who: Principal, request: int) -> Receipt:
        """See `Door.unsubscribe`; also ends the answering of a command."""
        refusal = self._checks.principal(who)
        if refusal is None and not (self._switchboard.close(request, who) or self._desk.withdraw(request, who)):
            refusal = Refusal(RefusalCode.UNKNOWN_SUBSCRIPTION, "an open subscription of this service", str(request))
        return self._receipt(next(self._requests), refusal)

    async def command(
        self, who: Principal, variable: str, location: Location, arguments: Mapping[str, object], timeout_s: float
    ) -> CommandAnswer:
        """See `Door.command`. Request and answer are instances of the command's variable, committed at once."""
        request = next(self._requests)
        text = checked_arguments(arguments)
        refusal = self._checks.commanding(who, variable, location) or (text if isinstance(text, Refusal) else None)
        if refusal is not None:
            return refused(self.refusals.count(refusal))
        record = CommandRecord(request, str(who.stakeholder), who.service, str(text))
        self._record_command(who, variable, location, record)
        asker = Asker(who.stakeholder, who.service)
        answer = await self._desk.ask(variable, location, arguments, asker, timeout_s)
        code = None
        if answer.refusal is not None:
            code = self.refusals.count(answer.refusal).code
        done = CommandRecord(
            request, record.stakeholder, record.service, record.arguments, answer.outcome, answer.text[:2000], code
        )
        self._record_command(who, variable, location, done)
        return answer

    def answer(self, who: Principal, variable: str, pattern: Location, handler: AskedHandler) -> Receipt:
        """See `Door.answer`."""
        request = next(self._requests)
        refusal = self._checks.commanding(who, variable, pattern, pattern=True)
        if refusal is None:
            refusal = self._desk.register(Registration(request, who, variable, pattern, handler))
        return self._receipt(request, refusal)

    def export(self, who: Principal, selection: Selection) -> AsyncGenerator[bytes, None]:
        """See `Door.export`."""
        refusal = self._checks.principal(who)
        if refusal is None and (selection.since or selection.until):
            refusal = _span_refusal(selection.since, selection.until)
        if refusal is not None:
            raise RefusedError(self.refusals.count(refusal))
        return self._store.export(selection)

    def restore(self, left: Instance) -> None:
        """Refill the image with what the last run left, unless the series has a newer instance already.

        What describes the present comes back as stale and as arrived long ago, so that nothing measured in another life
        passes for fresh; what stays true until changed (configuration, the owner's switch, evidence, profiles) keeps
        its quality.
        """
        entry = CATALOGUE.get(left.variable)
        if entry is None or location_refusal(left.location) is not None:
            return
        series = self.image.find(left.variable, left.location)
        if series is None:
            series = Series(entry, left.location, left.owner, left.policy)
            if not self.image.add(series):
                return
        # Several sources may have written a series, a device under its earlier name among them: the youngest counts.
        if series.newest is None or _is_later(left, series.newest):
            lasts = left.variable in LASTING or entry.kind in (Kind.PROFILE, Kind.COMMAND)
            quality = left.quality if lasts else max(left.quality, Quality.STALE, key=_WORSE.index)
            series.newest = replace(left, quality=quality, arrived_s=RESTORED_ARRIVAL_S, sequence=0)
            if left.location == Location(self._unit):
                self.rights.take(left.value)

    def forget(self, selection: Selection) -> None:
        """Drop from the image what its owner has erased; what tells how things are now stays till it is overwritten."""
        now, now_s = self._clock.utc(), self._clock.monotonic_s()
        attached = {
            one.location.device
            for one in self.image.under("device", ANYWHERE)
            if one.newest is not None
            and one.newest.sequence
            and isinstance(one.newest.value, DeviceRecord)
            and one.newest.value.status is not DeviceStatus.REMOVED
        }
        for series in list(self.image.everything()):
            newest = series.newest
            if newest is None or not selection.takes(newest):
                continue
            here = series.location.device in ("", *attached)
            if not (here and of_now(newest, now, now_s)):
                self.image.drop(series)

    def rename_devices(self, devices: Mapping[str, str]) -> None:
        """Give devices other names, all at once: their series with all history, and what names them.

        In memory at once, on disk in one transaction behind; when that is cut off nothing of it has happened there.
        """
        self.image.rename(self._unit, devices)
        now, now_s = self._clock.utc(), self._clock.monotonic_s()
        for series in tuple(self.image.everything()):
            before = series.newest
            if before is None or (value := renamed(before.value, devices)) is before.value:
                continue
            instance = replace(before, value=value, time=now, arrived_s=now_s, sequence=next(self._sequence))
            self._let_in(series, instance, encode(value), at_once=True, late=False)
        self._store.rename(self._unit, devices)

    def write_itself(self, variable: str, location: Location, value: object) -> Receipt:
        """Write on the unit's own behalf: refusal counts, alarms of the store."""
        return self.write(self._itself, variable, location, value)

    def answer_itself(self, variable: str, location: Location, handler: CommandHandler) -> Receipt:
        """Answer a command on the unit's own behalf."""
        return self.answer(self._itself, variable, location, whoever(handler))

    # -- the write itself

    def _checked_write(
        self,
        who: Principal,
        variable: Variable,
        location: Location,
        value: object,
        time: datetime | None,
        quality: Quality,
        policy: Policy | None,
    ) -> Refusal | None:
        now_s, now = self._clock.monotonic_s(), self._clock.utc()
        series = self.image.find(variable.id, location)
        if series is None:
            if (refusal := location_refusal(location)) is not None:
                return refusal
            series = Series(variable, location, owner_of_new(who.stakeholder, variable.id))
        if time is not None and (refusal := time_refusal(time, now)) is not None:
            return refusal
        if (refusal := self._checks.writing(who, series)) is not None:
            return refusal
        checked = checked_value(variable, value)
        if isinstance(checked, Refusal):
            return checked
        gives = policy if who.stakeholder == series.owner else None
        if (refusal := self._rights_refusal(series, value, gives)) is not None:
            return refusal
        if series.newest is None and self.image.find(*series.key) is None and not self.image.add(series):
            return Refusal(RefusalCode.TOO_LARGE, "fewer series in the process image", str(location))
        label = now if time is None else time.astimezone(UTC)
        self._accept(who, series, checked[0], checked[1], label, (now - label).total_seconds(), quality, now_s)
        return None

    def _rights_refusal(self, series: Series, value: object, gives: Policy | None) -> Refusal | None:
        refusal = self.rights.refusal(series.variable.id, series.location, value)
        if refusal is None and gives is not None:
            refusal = self.rights.give(series, gives)
        return refusal

    def _accept(
        self,
        who: Principal,
        series: Series,
        value: object,
        record: bytes | None,
        label: datetime,
        lag_s: float,
        quality: Quality,
        now_s: float,
    ) -> None:
        variable = series.variable
        instance = Instance(
            variable.id,
            series.location,
            value,
            # Labels keep milliseconds: finer ones cost flash and mean nothing over a field bus.
            label.replace(microsecond=label.microsecond // 1000 * 1000),
            quality,
            series.owner,
            who.service,
            self.rights.in_force(series),
            now_s,
            next(self._sequence),
        )
        late = not is_newest(series.newest, lag_s, instance)
        # Repeating what is on disk already waits for the flush: a claim renewed each second must not cost a commit.
        repeated = record is not None and record == series.last_record and variable.id not in HAPPENINGS
        at_once = variable.durability is Durability.AT_ONCE and not repeated
        self._let_in(series, instance, record, at_once=at_once, late=late)

    def _let_in(self, series: Series, instance: Instance, record: bytes | None, *, at_once: bool, late: bool) -> None:
        if not late:
            series.newest = instance
        if series.variable.durability is not Durability.MEMORY:
            self._store.append(instance, record, at_once=at_once)
            series.last_record = record
        if not late and self.rights.take(instance.value):
            # What waits to be read was allowed when it came; from now on the new rules hold.
            self._switchboard.purge(self._checks.still_may_read)
        for subscription in self._switchboard.waiting_for(instance, late=late):
            if self._checks.may_look(subscription.who, series):
                deliver(subscription, instance)

    def _readable_under(self, who: Principal, variable: str, pattern: Location) -> list[Instance]:
        chosen = []
        for series in self.image.under(variable, pattern):
            if series.newest is None:
                continue
            if self._checks.may_look(who, series):
                chosen.append(series.newest)
        return chosen

    def _record_command(self, who: Principal, variable: str, location: Location, record: CommandRecord) -> None:
        series = self.image.find(variable, location)
        if series is None:
            series = Series(CATALOGUE[variable], location, CUSTOMER)
            self.image.add(series)
        now = self._clock.utc()
        self._accept(who, series, record, encode(record), now, 0.0, Quality.GOOD, self._clock.monotonic_s())

    def _receipt(self, request: int, refusal: Refusal | None) -> Receipt:
        if refusal is not None:
            self.refusals.count(refusal)
        return Receipt(request, refusal)

    def _publish_refusals(self, code: RefusalCode, count: int) -> None:
        self.write_itself("self.refusals", Location(self._unit, part=str(code)), float(count))


def _span_refusal(since: datetime | None, until: datetime | None) -> Refusal | None:
    ends = [one for one in (since, until) if one is not None]
    if any(one.tzinfo is None for one in ends) or (since is not None and until is not None and until <= since):
        return Refusal(RefusalCode.BAD_TIME, "since before until, both with zone", f"{since} to {until}")
    return None


def _is_later(left: Instance, known: Instance) -> bool:
    """Tell which of two that the last run left is the newer: the same series may have been written by two services.

    A version tells it whatever the clock showed.
    """
    if known.sequence:
        return False  # this run's own
    versions = getattr(left.value, "version", None), getattr(known.value, "version", None)
    if isinstance(versions[0], int) and isinstance(versions[1], int):
        return versions[0] > versions[1]
    return left.time > known.time
