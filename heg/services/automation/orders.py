"""The utility's orders for appliances, where the owner's strategy is `full`: one of them, or all that need not run."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from heg.data.door import CommandAnswer, Door, Outcome
from heg.model.appliances import Importance, UtilityOrder, still_asked
from heg.model.instance import ANY, Location
from heg.model.leases import Reason, ReasonCode
from heg.model.policy import Role, Stakeholder
from heg.model.records import EvidenceRecord
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock
from heg.services.automation.meter import Meter
from heg.services.automation.saying import Wanted, called
from heg.services.automation.settings import AutomationSettings, Strategy
from heg.services.automation.sight import Appliance
from heg.services.automation.utility_words import read_order

PART = "utility"
EVERYBODY = "utility"
"""The device at which an order for all appliances lies; its part is who gave it."""
_NAMED = 8
_FIRST = (Role.DSO, Role.CUSTOMER)
"""Whom no other stakeholder overrules."""


class UtilityOrders:
    """Of one unit; kept as records, so that they hold after a restart."""

    def __init__(self, door: Door, clock: Clock, settings: AutomationSettings, meter: Meter) -> None:
        self._door, self._clock, self._settings, self._meter = door, clock, settings, meter
        for one in door.latest_all("utility.order", Location(settings.unit, ANY, ANY)):
            order = one.value
            if not isinstance(order, UtilityOrder) or not order.active or clock.utc() >= order.until:
                continue
            if settings.strategy is not Strategy.FULL or not settings.lets_named(order.who):
                door.write("utility.order", one.location, replace(order, active=False))
            elif one.sequence == 0:
                door.write("utility.order", one.location, order)  # its age is counted from here on

    def active(self, appliances: Mapping[str, Appliance]) -> dict[str, UtilityOrder]:
        """Return the orders that hold now, by appliance; one that is lost is told again when it is back.

        Over one for all goes one for a single one, over both what the network operator or the owner said.
        """
        found: dict[str, UtilityOrder] = {}
        for place, order in sorted(self._holding().items(), key=_rank):
            named = appliances.keys() if place.device == EVERYBODY else appliances.keys() & {place.device}
            found |= {name: order for name in named if _why_never(name, appliances[name]) is None}
        return found

    def _holding(self) -> dict[Location, UtilityOrder]:
        now, now_s = self._clock.utc(), self._clock.monotonic_s()
        found = self._door.latest_all("utility.order", Location(self._settings.unit, ANY, ANY))
        return {
            one.location: one.value
            for one in found
            if isinstance(one.value, UtilityOrder) and still_asked(one.value, now, one.age_s(now_s))
        }

    def ask(
        self,
        who: Stakeholder,
        device: str,
        arguments: Mapping[str, object],
        appliances: Mapping[str, Appliance],
        held: Mapping[str, str],
    ) -> CommandAnswer:
        """Take an order for one appliance, or (no device named) for all that need not run; exactly one answer.

        `held` are those that somebody holds who goes before the utility, and why.
        """
        now = self._clock.utc()
        order = read_order(arguments, now)
        if isinstance(order, Refusal):
            return CommandAnswer(Outcome.REFUSED, refusal=order)
        if order is None:
            return self._release(who, device)
        named = [device] if device else sorted(appliances)
        taken_by_dso = self._held_by_dso(who, appliances)
        held = {**taken_by_dso, **held}
        whys = {name: _why_not(name, appliances.get(name), held.get(name)) for name in named}
        taken = [name for name, why in whys.items() if why is None]
        refusals = [why for why in whys.values() if why is not None]
        if not taken:
            nobody = Refusal(RefusalCode.DEVICE_LOST, "an appliance", "none is attached")
            return CommandAnswer(Outcome.REFUSED, refusal=refusals[0] if refusals else nobody)
        record = UtilityOrder(order[0], order[1], str(who), now)
        unit = self._settings.unit
        self._door.write("utility.order", Location(unit, *((device, PART) if device else _everybody(who))), record)
        what = f"{who} wants {_listed(taken)} {order[0]} until {self._clock_time(order[1])}."
        evidence = EvidenceRecord("order", Reason(ReasonCode.UTILITY, what), self._meter.grid_kw())
        self._door.write("evidence", Location(unit, *_everybody(who)), evidence)
        text = f"{_listed(taken)}: {order[0]} until {self._clock_time(order[1])}."
        detail = {"taken": len(taken), "refused": len(refusals)}
        if not refusals:
            return CommandAnswer(Outcome.DONE, text, detail=detail)
        text += f" Not switched: {_listed([why.came for why in refusals])}."
        return CommandAnswer(Outcome.PARTLY, text, refusals[0], detail)

    def wanted(self, appliances: Mapping[str, Appliance], held: Mapping[str, str]) -> dict[str, Wanted]:
        """Return what is wanted of each appliance that an order holds and nobody who goes before."""
        wants: dict[int, Wanted] = {}
        found: dict[str, Wanted] = {}
        for name, order in self.active(appliances).items():
            if name not in held:
                found[name] = wants.setdefault(id(order), self._want(order))
        return found

    def _held_by_dso(self, who: Stakeholder, appliances: Mapping[str, Appliance]) -> dict[str, str]:
        """What the network operator ordered nobody else overrules."""
        if who.role in _FIRST:
            return {}
        orders = self.active(appliances)
        return {name: f"{one.who} has ordered {name}" for name, one in orders.items() if one.who.startswith(Role.DSO)}

    def _want(self, order: UtilityOrder) -> Wanted:
        text = f"Ordered {order.power_state} until {self._clock_time(order.until)} by {called(order.who)}."
        return Wanted(Reason(ReasonCode.UTILITY, text), power_state=order.power_state)

    def _release(self, who: Stakeholder, device: str) -> CommandAnswer:
        theirs = {place: one for place, one in self._holding().items() if one.who == str(who)}
        mine = [place for place in theirs if device in ("", place.device)]
        for place in mine:
            self._door.write("utility.order", place, replace(theirs[place], active=False))
        if not mine:
            refusal = Refusal(RefusalCode.CONFLICT, "an order that holds", f"none of {who}")
            return CommandAnswer(Outcome.REFUSED, refusal=refusal)
        names = ["all" if place.device == EVERYBODY else place.device for place in mine]
        return CommandAnswer(Outcome.DONE, f"{_listed(names)}: no order of the utility any more.")

    def _clock_time(self, moment: datetime) -> str:
        return f"{moment.astimezone(self._settings.zone):%a %H:%M}"


def _everybody(who: Stakeholder) -> tuple[str, str]:
    return EVERYBODY, str(who).replace(":", ".")


def _rank(said: tuple[Location, UtilityOrder]) -> tuple[bool, bool, datetime]:
    place, order = said
    return order.who.partition(":")[0] in _FIRST, place.device != EVERYBODY, order.asked


def _why_never(name: str, one: Appliance | None) -> Refusal | None:
    """Say why no utility may switch this appliance, as its owner describes it now."""
    if one is None or not one.actuator:
        mend = "`heg appliances` lists them"
        return Refusal(RefusalCode.DEVICE_LOST, "an appliance that can be switched", name, mend)
    if one.capability.importance is Importance.MUST_RUN:
        return Refusal(RefusalCode.NOT_GRANTED, "an appliance that need not run", f"{one.name} must run")
    return None


def _why_not(name: str, one: Appliance | None, held: str | None) -> Refusal | None:
    """Say why the utility may not switch this appliance now."""
    never = _why_never(name, one)
    if never is not None or one is None:
        return never
    if not one.present:
        return Refusal(RefusalCode.DEVICE_LOST, "an appliance that answers", f"{one.name} is lost")
    if held is not None:
        return Refusal(RefusalCode.CONFLICT, "an appliance that nobody else holds", held)
    return None


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
