"""The utility's requests to draw at most so much: told to the envelope, and what is left over is met by shedding.

Battery and car go first: the envelope holds them to the record (source `utility`). What the meter still shows above it
after a while is shed by `heg.model.shedding`, the least important first, and restored in order. What must run is never
shed for the utility.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from heg.data.door import CommandAnswer, Door, Outcome
from heg.model.appliances import Importance, LoadReduction, PowerState, still_asked
from heg.model.capabilities import StorageCapability, VehicleCapability
from heg.model.instance import ANY, Instance, Location, Quality
from heg.model.leases import Claim, Reason, ReasonCode
from heg.model.policy import Stakeholder
from heg.model.records import DeviceRecord, DeviceStatus, EvidenceRecord
from heg.model.refusals import Refusal, RefusalCode
from heg.model.shedding import ALWAYS_ROOM, ShedBook, Sheddable, SheddingRules, decide, reachable_kw
from heg.runtime.clock import Clock
from heg.services.automation.meter import Meter
from heg.services.automation.saying import CLAIM_S, Wanted, called
from heg.services.automation.settings import AutomationSettings, Strategy
from heg.services.automation.sight import Appliance
from heg.services.automation.utility_words import read_reduction

logger = logging.getLogger(__name__)

UTILITY = "utility"
"""The device of the utility's limits and requests; its parts are who asked."""
MOST_REQUESTS = 16
_ATTACHED_WITHIN_S = 180.0
"""After a start: so long whom the run before shed may take to be attached again."""
_RULES = SheddingRules()


@dataclass(frozen=True, slots=True)
class Reach:
    """What a request comes to, kW: drawn now, too much of it, and how much of that can be taken away."""

    drawn_kw: float | None
    needed_kw: float
    reachable_kw: float


class Reductions:
    """Of one unit; built anew it goes on with the requests and with those whom the run before shed."""

    def __init__(self, door: Door, clock: Clock, settings: AutomationSettings, meter: Meter) -> None:
        self._door, self._clock, self._settings, self._meter = door, clock, settings, meter
        self._patience_s = max(15.0, 5.0 * settings.timings.cycle_s)
        self._over_since_s: float | None = None
        self._shed_why: dict[str, Wanted] = {}
        self._end_unwanted()
        self._book = ShedBook.resumed(self._left_shed())
        self._begun_s = clock.monotonic_s()

    @property
    def shed(self) -> frozenset[str]:
        """Who is shed now."""
        return self._book.shed

    def active(self) -> tuple[LoadReduction, ...]:
        """Return the requests that hold now, the tightest first."""
        found = self._door.latest_all("reduction", Location(self._settings.unit, UTILITY, ANY))
        holding = (record for one in found if (record := self._holding(one)) is not None)
        return tuple(sorted(holding, key=lambda one: one.max_import_kw))

    def _holding(self, instance: Instance | None) -> LoadReduction | None:
        record = None if instance is None else instance.value
        if instance is None or not isinstance(record, LoadReduction):
            return None
        age_s = instance.age_s(self._clock.monotonic_s())
        return record if still_asked(record, self._clock.utc(), age_s) else None

    def _end_unwanted(self) -> None:
        """The owner's strategy may have changed since they were taken."""
        settings = self._settings
        for instance in self._door.latest_all("reduction", Location(settings.unit, UTILITY, ANY)):
            record = instance.value
            if isinstance(record, LoadReduction) and record.active and self._clock.utc() < record.until:
                if settings.strategy is Strategy.OFF or not settings.lets_named(record.who):
                    self._door.write("reduction", instance.location, replace(record, active=False))
                elif instance.sequence == 0:
                    # Control believes what this service of this run says.
                    self._door.write("reduction", instance.location, record)

    # What is asked.

    def ask(self, who: Stakeholder, arguments: Mapping[str, object], sheddable: Collection[Appliance]) -> CommandAnswer:
        """Take a request, or refuse it; the answer says how much of it can be reached."""
        now = self._clock.utc()
        request = read_reduction(arguments, now)
        if isinstance(request, Refusal):
            return CommandAnswer(Outcome.REFUSED, refusal=request)
        place = Location(self._settings.unit, UTILITY, str(who).replace(":", "."))
        if request is None:
            return self._release(place, who)
        holding = self.active()
        if len(holding) >= MOST_REQUESTS and not any(one.who == str(who) for one in holding):
            refusal = Refusal(RefusalCode.TOO_LARGE, f"at most {MOST_REQUESTS} requests at a time", str(who))
            return CommandAnswer(Outcome.REFUSED, refusal=refusal)
        reduction = LoadReduction(request[0], request[1], str(who), now)
        receipt = self._door.write("reduction", place, reduction)
        if receipt.refusal is not None:
            return CommandAnswer(Outcome.REFUSED, refusal=receipt.refusal)
        self._evidence(place, f"asks for at most {request[0]:g} kW until {self._clock_time(request[1])}", who)
        return self._answer(reduction, self._reach(reduction.max_import_kw, sheddable))

    def _release(self, place: Location, who: Stakeholder) -> CommandAnswer:
        record = self._holding(self._door.latest("reduction", place))
        if record is None:
            refusal = Refusal(RefusalCode.CONFLICT, "a request that holds", f"none of {who}")
            return CommandAnswer(Outcome.REFUSED, refusal=refusal)
        self._door.write("reduction", place, replace(record, active=False))
        self._evidence(place, "asks for no less any more", who)
        return CommandAnswer(Outcome.DONE, "The request is over; what was shed comes back in order.")

    def _answer(self, reduction: LoadReduction, reach: Reach) -> CommandAnswer:
        detail: dict[str, object] = {
            "import_kw": None if reach.drawn_kw is None else round(reach.drawn_kw, 3),
            "needed_kw": round(reach.needed_kw, 3),
            "reachable_kw": round(reach.reachable_kw, 3),
        }
        until = self._clock_time(reduction.until)
        held = f"At most {reduction.max_import_kw:g} kW until {until}."
        if reach.drawn_kw is None:
            text = f"{held} The grid meter does not answer: how much can be reached is not known."
            return CommandAnswer(Outcome.PARTLY, text, detail=detail)
        if reach.needed_kw > reach.reachable_kw + _RULES.tolerance_kw:
            least_kw = reach.drawn_kw - reach.reachable_kw
            text = f"{held} {reach.drawn_kw:.2f} kW are drawn now, and no less than {least_kw:.2f} kW can be reached."
            return CommandAnswer(Outcome.PARTLY, text, detail=detail)
        return CommandAnswer(Outcome.DONE, f"{held} {reach.drawn_kw:.2f} kW are drawn now.", detail=detail)

    def _reach(self, most_kw: float, sheddable: Collection[Appliance]) -> Reach:
        drawn_kw, now_s = self._meter.grid_kw(), self._clock.monotonic_s()
        needed_kw = 0.0 if drawn_kw is None else max(0.0, drawn_kw - most_kw)
        shed_kw = reachable_kw([_sheddable(one) for one in sheddable], self._book, now_s, _RULES)
        return Reach(drawn_kw, needed_kw, shed_kw + self._movable_kw())

    def _movable_kw(self) -> float:
        """What storages and cars can take off the grid now: they go before any appliance."""
        unit, found_kw = self._settings.unit, 0.0
        for instance in self._door.latest_all("device", Location(unit, ANY)):
            record = instance.value
            there = isinstance(record, DeviceRecord) and record.status is DeviceStatus.ATTACHED
            if not there or not isinstance(record, DeviceRecord) or not record.actuator:
                continue
            for one in record.capabilities:
                if isinstance(one, VehicleCapability | StorageCapability):
                    power_kw = self._number("power.active", record.name) or 0.0
                    found_kw += max(0.0, power_kw - self._lowest_kw(record.name, one))
        return found_kw

    def _lowest_kw(self, name: str, one: VehicleCapability | StorageCapability) -> float:
        if isinstance(one, VehicleCapability):
            return 0.0
        soc = self._number("soc", name)
        return one.min_rate_kw if soc is not None and soc > one.reserve_share else 0.0

    def _number(self, variable: str, name: str) -> float | None:
        instance = self._door.latest(variable, Location(self._settings.unit, name))
        good = instance is not None and instance.sequence > 0 and instance.quality is Quality.GOOD
        value = instance.value if good and instance is not None else None
        return value if isinstance(value, float) else None

    # What is done.

    def look(self, sheddable: Mapping[str, Appliance], rest: Mapping[str, PowerState]) -> dict[str, Wanted]:
        """Decide who is shed now, of those that may be; returns what is wanted of each that is."""
        holding = self.active()
        if not holding and not self._book.shed:
            self._over_since_s = None
            return {}
        over_kw = -ALWAYS_ROOM
        if holding:
            drawn_kw = self._meter.grid_kw()
            if drawn_kw is None:
                return self._wants(sheddable)  # who is shed stays shed; in the dark nobody else goes
            over_kw = self._patient(drawn_kw - holding[0].max_import_kw)
        now_s = self._clock.monotonic_s()
        fleet = [_sheddable(one) for one in sheddable.values()]
        if now_s - self._begun_s < _ATTACHED_WITHIN_S:
            fleet += [_awaited(name, self._begun_s) for name in self._book.shed if name not in sheddable]
        decision = decide(fleet, over_kw, now_s, self._book, _RULES)
        self._book = decision.book
        for name in decision.shed:
            self._shed_why[name] = self._want(holding[0], rest.get(name, PowerState.STANDBY))
        if decision.shed or decision.back:
            logger.info("shed %s; back %s", ", ".join(decision.shed) or "-", ", ".join(decision.back) or "-")
        return self._wants(sheddable)

    def rest(self) -> None:
        """Everything is given back by the owner's switch: who was shed is not, until there is cause again."""
        self._book, self._over_since_s = ShedBook(), None

    def _wants(self, sheddable: Mapping[str, Appliance]) -> dict[str, Wanted]:
        self._shed_why = {name: want for name, want in self._shed_why.items() if name in self._book.shed}
        return {name: want for name, want in self._shed_why.items() if name in sheddable}

    def _patient(self, over_kw: float) -> float:
        """What is too much counts when battery and car have had their time for it."""
        now_s = self._clock.monotonic_s()
        if over_kw <= _RULES.tolerance_kw:
            self._over_since_s = None
            return over_kw
        if self._over_since_s is None:
            self._over_since_s = now_s
        return over_kw if now_s - self._over_since_s >= self._patience_s else 0.0

    def _want(self, reduction: LoadReduction, rest: PowerState) -> Wanted:
        until = self._clock_time(reduction.until)
        text = f"Shed: {called(reduction.who)} asks for at most {reduction.max_import_kw:g} kW until {until}."
        return Wanted(Reason(ReasonCode.SHED, text), power_state=rest)

    def _left_shed(self) -> dict[str, float]:
        """Whom the run before had shed, since when: its claims say so. It may have been one of this process."""
        now_s = self._clock.monotonic_s()
        found: dict[str, float] = {}
        if not self.active():
            return found
        for instance in self._door.latest_all("claim", Location(self._settings.unit, ANY, UTILITY)):
            claim, name, age_s = instance.value, instance.location.device, self._age_s(instance)
            if not isinstance(claim, Claim) or claim.reason.code is not ReasonCode.SHED or claim.valid_s < CLAIM_S:
                continue
            if instance.sequence == 0 or age_s < claim.valid_s:
                found[name] = now_s - age_s
                self._shed_why[name] = Wanted(claim.reason, power_state=claim.power_state)
        return found

    def _age_s(self, instance: Instance) -> float:
        """Of what another process left, only its label tells how old it is."""
        if instance.sequence > 0:
            return instance.age_s(self._clock.monotonic_s())
        return max(0.0, (self._clock.utc() - instance.time).total_seconds())

    def _evidence(self, place: Location, what: str, who: Stakeholder) -> None:
        reason = Reason(ReasonCode.UTILITY, f"{who} {what}.")
        self._door.write("evidence", place, EvidenceRecord("reduction", reason, self._meter.grid_kw()))

    def _clock_time(self, moment: datetime) -> str:
        return f"{moment.astimezone(self._settings.zone):%a %H:%M}"


def _awaited(name: str, since_s: float) -> Sheddable:
    """One that was shed and is not attached yet: it stays shed until it is, or for good somebody else's."""
    return Sheddable(name, Importance.FLEXIBLE, on=False, since_s=since_s, kw=0.0, min_off_s=_ATTACHED_WITHIN_S)


def _sheddable(one: Appliance) -> Sheddable:
    terms = one.capability
    return Sheddable(
        one.name,
        terms.importance,
        one.on,
        one.since_s,
        one.kw,
        min_on_s=terms.min_on_s,
        min_off_s=terms.min_off_s,
        settle_s=terms.settle_s,
    )
