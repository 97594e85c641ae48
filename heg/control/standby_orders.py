"""`command.standby_period`: an appliance is asked to put itself to standby for a while, or not to any more.

It is registered at the appliance, which carries it out by its own clock, whatever becomes of us. What stands here is
the list of what was asked.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from heg.control.settings import ControlSettings
from heg.data.door import CommandAnswer, Door, Outcome
from heg.devices.contract import ApplianceActuator, AttachedActuator
from heg.model.appliances import StandbyPeriod
from heg.model.instance import ANY, Location
from heg.model.local_times import next_occurrence, time_of_day
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock

T = TypeVar("T")

MOST_PERIODS = 16
"""At a time, of one appliance."""


class Standing(Protocol):
    """What is needed of the control room."""

    @property
    def settings(self) -> ControlSettings:
        """Its configuration."""

    def attached(self, device: str) -> AttachedActuator | None:
        """What can be commanded under a name."""


class StandbyDesk:
    """Answers for all appliances of one unit."""

    def __init__(self, room: Standing, door: Door, clock: Clock) -> None:
        self._room, self._door, self._clock = room, door, clock

    async def answer(self, place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        """Carry one order out; exactly one answer."""
        one = self._room.attached(place.device)
        if one is None or one.appliance is None:
            mend = "`heg appliances` lists them"
            return _refused(RefusalCode.DEVICE_LOST, "an appliance", place.device or "none", mend)
        if not one.present:
            return _refused(RefusalCode.DEVICE_LOST, "an appliance that answers", f"{one.name} is lost")
        if "withdraw" in arguments:
            return await self._withdraw(one.name, one.appliance, arguments["withdraw"])
        span = self._span(arguments)
        if isinstance(span, Refusal):
            return CommandAnswer(Outcome.REFUSED, refusal=span)
        if self._free(one.name) is None:
            expected = f"at most {MOST_PERIODS} standby periods of one appliance at a time"
            return _refused(RefusalCode.TOO_LARGE, expected, "one more", "withdraw one")
        number = await self._limited(one.appliance.standby_period(str(arguments["start"]), str(arguments["stop"])))
        if isinstance(number, Refusal):
            return CommandAnswer(Outcome.REFUSED, refusal=number)
        start, stop = span
        self._note(one.name, StandbyPeriod(number, start, stop, self._clock.utc()))
        text = f"{one.name} goes to standby from {arguments['start']} to {arguments['stop']} (its number: {number})."
        return CommandAnswer(Outcome.DONE, text, detail={"id": number})

    async def _withdraw(self, name: str, appliance: ApplianceActuator, named: object) -> CommandAnswer:
        if not isinstance(named, int) or isinstance(named, bool):
            return _refused(RefusalCode.WRONG_TYPE, "withdraw = the number of a standby period", repr(named))
        refusal = await self._limited(appliance.withdraw(named))
        if refusal is not None:
            return CommandAnswer(Outcome.REFUSED, refusal=refusal)
        for place, said in self._kept(name).items():
            if said.id == named:
                self._door.write("standby_period", place, replace(said, active=False))
        return CommandAnswer(Outcome.DONE, f"{name}: standby period {named} is withdrawn.")

    def _span(self, arguments: Mapping[str, object]) -> tuple[datetime, datetime] | Refusal:
        """When that will be, by the house's clock: for the list only."""
        clocks = [time_of_day(str(arguments.get(name, ""))) for name in ("start", "stop")]
        start, stop = clocks
        if start is None or stop is None or start == stop:
            came = f"start {arguments.get('start')!r}, stop {arguments.get('stop')!r}"[:100]
            return Refusal(RefusalCode.OUT_OF_RANGE, "start and stop as two different times of day, HH:MM:SS", came)
        zone = ZoneInfo(self._room.settings.time_zone)
        begins = next_occurrence(start, self._clock.utc(), zone)
        return begins, next_occurrence(stop, begins, zone)

    def _note(self, name: str, said: StandbyPeriod) -> None:
        """An appliance that gives a number again means another period by it."""
        again = next((place for place, one in self._kept(name).items() if one.id == said.id), None)
        self._door.write("standby_period", again or self._free(name) or self._part(name, 0), said)

    def _free(self, name: str) -> Location | None:
        """Return the first part where nothing is still to come."""
        kept, now = self._kept(name), self._clock.utc()
        parts = (self._part(name, number) for number in range(MOST_PERIODS))
        return next((part for part in parts if (one := kept.get(part)) is None or not _lies_ahead(one, now)), None)

    def _kept(self, name: str) -> dict[Location, StandbyPeriod]:
        found = self._door.latest_all("standby_period", Location(self._room.settings.unit, name, ANY))
        return {one.location: one.value for one in found if isinstance(one.value, StandbyPeriod)}

    def _part(self, name: str, number: int) -> Location:
        return Location(self._room.settings.unit, name, str(number))

    async def _limited(self, call: Awaitable[T]) -> T | Refusal:
        limit_s = self._room.settings.hand.call_limit_s
        try:
            async with asyncio.timeout(limit_s):
                return await call
        except TimeoutError:
            return Refusal(RefusalCode.TIMEOUT, f"the appliance's answer within {limit_s:g} s", "none")


def _lies_ahead(said: StandbyPeriod, now: datetime) -> bool:
    return said.active and now < said.stop


def _refused(code: RefusalCode, expected: str, came: str, mend: str = "") -> CommandAnswer:
    return CommandAnswer(Outcome.REFUSED, refusal=Refusal(code, expected, came[:100], mend))
