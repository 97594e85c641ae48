"""Cycles that wait in appliances: asked for, so that they are planned, and begun when the plan says so.

`heg.services.cycles` keeps what is asked for and follows the plan; here an appliance's offer becomes such a request,
and a planned start an order to be on, which begins the cycle. What runs is not interrupted, except where the appliance
says that it can pause. A cycle that finds no room or does not begin is told.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from heg.data.door import Door, Outcome
from heg.model.appliances import CycleOffer, PowerState
from heg.model.cycles import CycleRecord, CycleState
from heg.model.instance import ANY, Location
from heg.model.leases import Reason, ReasonCode
from heg.model.records import AlarmRecord, Severity
from heg.model.slots import slot_start
from heg.runtime.clock import Clock
from heg.services.automation.saying import Wanted
from heg.services.automation.settings import AutomationSettings
from heg.services.automation.sight import Appliance
from heg.services.cycles import PLACE

logger = logging.getLogger(__name__)

ALARM = "cycle"
_AGAIN_S = 20.0
_MARGIN_S = 60.0
_ASK_AGAIN_S = 300.0
_MEND = "Start it by hand, or let it offer the cycle with another window."


def _is_news(offer: CycleOffer, record: CycleRecord) -> bool:
    """Tell whether a cycle is still to be asked for; one without an end of its own again when a day had no room."""
    if record.offer == offer.id:
        return record.state is CycleState.MISSED and offer.latest is None
    return record.state is not CycleState.RUNNING


@dataclass(slots=True)
class _Start:
    """One cycle on its way to begin (monotonic s): since when, how often it was told to, and when last."""

    offer: str
    since_s: float
    told_s: float
    turn: int = 1


class OfferedCycles:
    """Of all appliances of one unit."""

    def __init__(self, door: Door, clock: Clock, settings: AutomationSettings) -> None:
        self._door, self._clock, self._settings = door, clock, settings
        self._starts: dict[str, _Start] = {}
        self._refused: dict[str, tuple[str, float]] = {}
        self._alarms: dict[str, str] = {}
        self._seen_on: dict[str, datetime] = {}

    async def ask(self, appliances: Mapping[str, Appliance]) -> None:
        """Ask for each cycle that is offered anew, and no more for one that its appliance took back."""
        offers, records = self._offers(), self._records()
        for name in appliances:
            if (offer := offers.get(name)) is None:
                continue
            record = records.get(name)
            if not offer.id:
                if record is not None and record.offer and record.state is CycleState.WAITING:
                    await self._command({"name": name, "forget": True})
            elif record is None or _is_news(offer, record):
                await self._request(name, offer)
        await self._forget_former_names(appliances, offers, records)

    async def _forget_former_names(
        self, appliances: Mapping[str, Appliance], offers: Mapping[str, CycleOffer], records: Mapping[str, CycleRecord]
    ) -> None:
        """A cycle is called as its appliance: where that was renamed, the one of the former name is not wanted."""
        offered = {offer.id for name, offer in offers.items() if name in appliances and offer.id}
        for name, record in records.items():
            if name not in appliances and record.state is CycleState.WAITING and record.offer in offered:
                await self._command({"name": name, "forget": True})

    def look(self, appliances: Mapping[str, Appliance]) -> dict[str, Wanted]:
        """Return what is wanted of each appliance whose cycle is to begin or runs; tell what became of others."""
        offers, wanted = self._offers(), {}
        for name, record in self._records().items():
            appliance = appliances.get(name)
            if appliance is None:
                continue
            self._tell(name, record, offers.get(name))
            if record.state is not CycleState.RUNNING:
                self._starts.pop(name, None)
                continue
            want = self._run(appliance, record, offers.get(name))
            if want is not None:
                wanted[name] = want
        return wanted

    def running(self, appliances: Mapping[str, Appliance]) -> frozenset[str]:
        """Return the appliances in which a cycle runs that nobody may cut short; one that is only due is none."""
        offers = self._offers()
        return frozenset(
            name
            for name, record in self._records().items()
            if record.state is CycleState.RUNNING
            and not record.curve.interruptible
            and (appliance := appliances.get(name)) is not None
            and self._has_begun(appliance, record, offers.get(name))
        )

    async def give_up(self, appliances: Mapping[str, Appliance], ordered: Collection[str]) -> None:
        """Plan no longer with a cycle that did not begin; anew where it could not, being `ordered` by the utility."""
        now_s = self._clock.monotonic_s()
        for name, start in list(self._starts.items()):
            appliance = appliances.get(name)
            settle_s = 90.0 if appliance is None else appliance.capability.settle_s
            if now_s - start.since_s < 2 * settle_s + _MARGIN_S:
                continue
            del self._starts[name]
            await self._command({"name": name, "forget": True})
            if name in ordered and (offer := self._offers().get(name)) is not None and offer.id:
                await self._request(name, offer)
                continue
            self._alarm(name, f"{name}: its cycle did not begin when it was planned to, and is not planned any more.")

    # Asking.

    async def _request(self, name: str, offer: CycleOffer) -> None:
        before = self._refused.get(name)
        now_s = self._clock.monotonic_s()
        if offer.curve is None or (before is not None and before[0] == offer.id and now_s < before[1]):
            return
        arguments: dict[str, object] = {
            "name": name,
            "offer": offer.id,
            "power_kw": list(offer.curve.power_kw),
            "step_minutes": offer.curve.step_minutes,
            "interruptible": offer.curve.interruptible,
        }
        if offer.earliest is not None:
            arguments["earliest_utc"] = offer.earliest.isoformat()
        if offer.latest is not None:
            arguments["latest_utc"] = offer.latest.isoformat()
        if (why := await self._command(arguments)) is None:
            self._refused.pop(name, None)
            self._alarm(name, "")
        else:
            self._refused[name] = (offer.id, now_s + _ASK_AGAIN_S)
            self._alarm(name, f"{name}: the cycle that it offers cannot be planned: {why}.")

    async def _command(self, arguments: Mapping[str, object]) -> str | None:
        answer = await self._door.command("command.cycle", Location(self._settings.unit), arguments)
        return None if answer.outcome is not Outcome.REFUSED else str(answer.refusal or answer.text)

    # Running.

    def _run(self, appliance: Appliance, record: CycleRecord, offer: CycleOffer | None) -> Wanted | None:
        if not self._has_begun(appliance, record, offer):
            return self._begin(appliance, record)
        self._starts.pop(appliance.name, None)
        if record.curve.interruptible and not self._has_this_slot(record):
            text = f"Its cycle pauses: the plan goes on with it later, and until {self._clock_time(record)} at most."
            return Wanted(Reason(ReasonCode.PLAN, text), power_state=PowerState.STANDBY, lasting=True)
        reason = Reason(ReasonCode.PLAN, f"Its cycle runs until {self._clock_time(record)}.")
        if appliance.on:
            return Wanted(reason, states=frozenset({PowerState.ON}))
        if record.curve.interruptible:
            return Wanted(reason, power_state=PowerState.ON, lasting=True)
        return None  # it has ended early, or its user ended it

    def _begin(self, appliance: Appliance, record: CycleRecord) -> Wanted | None:
        """Order it on. One that was woken, or on already, has not heard the order that begins: it is said anew."""
        now_s = self._clock.monotonic_s()
        start = self._starts.get(appliance.name)
        if start is None or start.offer != record.offer:
            start = self._starts[appliance.name] = _Start(record.offer, now_s, now_s)
        if appliance.on and now_s - max(start.told_s, appliance.since_s) >= start.turn * _AGAIN_S:
            start.told_s, start.turn = now_s, start.turn + 1
        what = f"cycle {record.offer}" if record.offer else "cycle"
        text = f"Its {what} begins as planned; over by {self._clock_time(record)}."
        return Wanted(Reason(ReasonCode.PLAN, text), power_state=PowerState.ON, lasting=True, turn=start.turn)

    def _has_begun(self, appliance: Appliance, record: CycleRecord, offer: CycleOffer | None) -> bool:
        """What an appliance offers it has not begun."""
        if record.offer:
            return offer is None or offer.id != record.offer
        return self._on_once(appliance, record)

    def _on_once(self, appliance: Appliance, record: CycleRecord) -> bool:
        """Without an offer only its state tells that it has begun: once on, it is not switched on again."""
        began = record.ran[0] if record.ran else self._clock.utc()
        if appliance.on or self._clock.utc() - began > self._settings.slot:
            self._seen_on[appliance.name] = began
        return self._seen_on.get(appliance.name) == began

    def _has_this_slot(self, record: CycleRecord) -> bool:
        return slot_start(self._clock.utc(), self._settings.slot) in record.ran

    # Telling.

    def _tell(self, name: str, record: CycleRecord, offer: CycleOffer | None) -> None:
        """A cycle that found no room waits in its appliance until somebody does something about it."""
        if record.state is CycleState.MISSED and record.offer and offer is not None and offer.id == record.offer:
            self._alarm(name, f"{name}: its cycle found no room in its window, and waits.")
        elif record.state is CycleState.DONE or (record.offer and (offer is None or offer.id != record.offer)):
            self._alarm(name, "")

    def _alarm(self, name: str, text: str) -> None:
        if self._alarms.get(name, "") == text:
            return
        self._alarms[name] = text
        if text:
            logger.warning("%s", text)
        record = AlarmRecord(bool(text), Severity.INFO, text or f"{name}: its cycle is planned.", _MEND if text else "")
        self._door.write("alarm", Location(self._settings.unit, name, ALARM), record)

    def _clock_time(self, record: CycleRecord) -> str:
        end = record.planned_end or record.latest
        return f"{end.astimezone(self._settings.zone):%a %H:%M}"

    # Reading.

    def _offers(self) -> dict[str, CycleOffer]:
        """What this run's driver has said; what an earlier one left may be over."""
        found = self._door.latest_all("cycle.offer", Location(self._settings.unit, ANY))
        return {
            one.location.device: one.value for one in found if isinstance(one.value, CycleOffer) and one.sequence > 0
        }

    def _records(self) -> dict[str, CycleRecord]:
        found = self._door.latest_all("cycle", Location(self._settings.unit, PLACE, ANY))
        return {one.value.name: one.value for one in found if isinstance(one.value, CycleRecord)}
