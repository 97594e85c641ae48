"""The slot loop: at every slot's start, and when something happens in between, gather, have it planned, publish.

Receding horizon (spec ebr.md): of each plan only the running slot is claimed. The loop looks every few seconds; a look
reads the process image and waits for nothing. Slots are told by the wall clock, everything else is monotonic: where
the clock jumps, the slot that runs now is planned anew, whether it was planned before or not.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from heg.data.door import CommandAnswer, Door, Outcome
from heg.model.instance import Location
from heg.model.plan import Degradation, DegradationCode, PlanStatus
from heg.model.slots import slot_start
from heg.runtime.clock import Clock
from heg.services.planning.comparing import compared
from heg.services.planning.gather import gather
from heg.services.planning.outlook import Looked, Outlook
from heg.services.planning.past import read_past
from heg.services.planning.planner import Planner
from heg.services.planning.publish import Publisher
from heg.services.planning.settings import PlanningSettings
from heg.services.planning.standing import Standing, asked_near, standing
from heg.services.planning.triggers import Band, BandWatch, Cause, Seen, Triggers, bounds_of
from heg.services.planning.week import WeekKeeper

logger = logging.getLogger(__name__)

_STEP_S = 30.0
"""A label that lies so far from where it should be was set by somebody; what moves it less harms nothing."""
_SERIES = ("slot.demand", "slot.production")


class SlotLoop:
    """One per unit; `run` is its supervised task. Built anew it begins with nothing but what the door knows."""

    def __init__(self, door: Door, clock: Clock, planner: Planner, settings: PlanningSettings) -> None:
        self._door, self._clock, self._planner, self._settings = door, clock, planner, settings
        self._here = Location(settings.unit)
        self._outlook = Outlook(door, settings)
        self._publisher = Publisher(door, settings)
        self._week = WeekKeeper(door, self._here)
        self._triggers = Triggers()
        self._watch = _Watch(clock)
        self._bands = {name: BandWatch(settings.slot.total_seconds()) for name in _SERIES}
        self._made: Standing | None = None
        self._asked = 0
        self._wake = asyncio.Event()
        self._waiting: list[asyncio.Future[Standing]] = []
        self._curious: list[asyncio.Future[CommandAnswer]] = []
        self._requests = 0
        self._said: tuple[PlanStatus, tuple[DegradationCode, ...]] | None = None
        self._read_at_step = 0

    async def run(self) -> None:
        """Plan until cancelled; what was claimed is then taken back."""
        answering = (
            self._door.answer("command.plan", self._here, self._plan_now),
            self._door.answer("command.otherwise", self._here, self._compare_now),
        )
        try:
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(self._read_past(), name="planning.past")
                await self._ready()
                while True:
                    seen = self._see()
                    if seen.steps != self._read_at_step:
                        # By other labels it is another past.
                        reading.cancel()
                        self._read_at_step = seen.steps
                        reading = group.create_task(self._read_past(), name="planning.past")
                    if (cause := self._triggers.due(seen, self._clock.monotonic_s())) is not None:
                        await self._plan(seen, cause)
                    await self._compare()
                    await self._pause()
        finally:
            for each in answering:
                self._door.unsubscribe(each.request)
            self._publisher.withdraw()

    # -- waiting

    async def _ready(self) -> None:
        """The first plan waits for the devices to speak, but not for ever: a house may have none, or a silent one."""
        until_s = self._clock.monotonic_s() + self._settings.ready_within_s
        while self._clock.monotonic_s() < until_s:
            looked = self._look()
            judged = self._outlook.judged(self._clock.monotonic_s()).values()
            all_here = not looked.members.awaited and looked.members.meter != ""
            if all_here and judged and all(one.share is not None for one in judged):
                return
            await self._clock.sleep(0.5)

    async def _pause(self) -> None:
        """Until the next look: soon, at the next slot's start, or when somebody asks."""
        now = self._clock.utc()
        left_s = (slot_start(now, self._settings.slot) + self._settings.slot - now).total_seconds()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(self._settings.look_s, max(left_s, 0.001))):
                await self._wake.wait()
        self._wake.clear()

    async def _read_past(self) -> None:
        found = 0
        for variable in _SERIES:
            found += await read_past(self._door, self._clock, self._here, variable, self._outlook.past[variable])
        logger.info("planning: %d slots of the past read from the store", found)
        if found:
            self._outlook.past_is_read()
            self._week.forget()

    async def _plan_now(self, _place: Location, _arguments: Mapping[str, object]) -> CommandAnswer:
        made: asyncio.Future[Standing] = asyncio.get_running_loop().create_future()
        self._waiting.append(made)
        self._asked += 1
        self._wake.set()
        stands = await made
        lacks = " ".join(one.text for one in stands.plan.degradations)
        outcome = Outcome.DONE if stands.good else Outcome.PARTLY
        return CommandAnswer(outcome, f"Planned: {stands.plan.status}. {lacks}".strip())

    async def _compare_now(self, _place: Location, _arguments: Mapping[str, object]) -> CommandAnswer:
        told: asyncio.Future[CommandAnswer] = asyncio.get_running_loop().create_future()
        self._curious.append(told)
        self._wake.set()
        return await told

    # -- looking

    def _look(self) -> Looked:
        if self._watch.stepped():
            logger.warning("planning: the clock was set; the slot that runs now is planned anew")
            self._outlook.clock_stepped()
            self._week.forget()
        return self._outlook.look(self._clock.monotonic_s(), self._clock.utc())

    def _see(self) -> Seen:
        looked = self._look()
        vehicles = tuple(
            (car.charger, car.record.since, car.record.said_utc, car.record.departure_utc, car.record.target_soc)
            for car in self._outlook.cars()
        )
        return Seen(
            slot=slot_start(self._clock.utc(), self._settings.slot),
            words=looked.words,
            asked=self._asked,
            steps=self._watch.steps,
            devices=frozenset(self._stored()),
            vehicles=vehicles,
            envelope=bounds_of(self._outlook.envelope()),
            hands_off=self._outlook.hands_off(),
            outside=self._outside(),
        )

    def _stored(self) -> Iterator[tuple[str, str]]:
        """Which storages can be planned with, and whether their word was found wrong: then what was planned is, too.

        One that is silent for a while is reckoned on from where it was: that is no news.
        """
        for name, one in self._outlook.judged(self._clock.monotonic_s()).items():
            if one.share is not None:
                frozen = one.degradation is not None and one.degradation.code is DegradationCode.SOC_FROZEN
                yield name, "frozen" if frozen else ""

    def _outside(self) -> bool:
        now_s, found = self._clock.monotonic_s(), False
        for name in _SERIES:
            mean = self._outlook.means[name]
            found |= self._bands[name].see(now_s, mean.kw, mean.seconds, self._band(name))
        return found

    def _band(self, name: str) -> Band | None:
        """What was expected of the slot that runs: the plan's value, with the own forecast's width on each side."""
        made = self._made
        if made is None or made.forecast is None:
            return None
        demand = name == "slot.demand"
        series = made.forecast.demand if demand else made.forecast.production
        planned = made.plan.demand_kw if demand else made.plan.production_kw
        at = made.plan.index(self._clock.utc())
        if series is None or at is None or at >= min(len(series.values_kw), len(planned)):
            return None
        shift_kw = planned[at] - series.values_kw[at]
        return Band(series.low_kw[at] + shift_kw, series.high_kw[at] + shift_kw)

    # -- planning

    async def _plan(self, seen: Seen, cause: Cause) -> None:
        now_s, now = self._clock.monotonic_s(), self._clock.utc()
        noticed: tuple[Degradation, ...] = ()
        if cause is Cause.CLOCK:
            text = "The gateway's clock was set: the slot that runs by the new time is planned anew."
            noticed = (Degradation(DegradationCode.CLOCK_STEPPED, text),)
        self._requests += 1
        gathered = gather(self._outlook, self._settings, self._requests, now_s, now, noticed)
        gathered = asked_near(gathered, self._made)
        question = self._week.asked(gathered.request, now_s)
        reply = await self._planner.ask(question, self._settings.ask_limit_s)
        made_s, made = self._clock.monotonic_s(), self._clock.utc()
        self._week.took(reply, made_s)
        stands = standing(reply, gathered, self._made, made_s, made)
        self._publisher.publish(stands, made_s, made)
        if stands.good:
            self._made = stands
        for band in self._bands.values():
            band.restart()
        self._triggers.planned(seen, made_s, good=stands.good)
        self._tell(stands, cause)

    async def _compare(self) -> None:
        """Answer those who ask what else could be done. Between two plans: one planner, one question at a time."""
        curious, self._curious = [one for one in self._curious if not one.done()], []
        if not curious:
            return
        self._requests += 1
        answer = await compared(self._planner, self._in_force(), self._requests, self._settings.ask_limit_s)
        for one in curious:
            if not one.done():
                one.set_result(answer)

    def _in_force(self) -> Standing | None:
        made = self._made
        return None if made is None or made.plan.index(self._clock.utc()) is None else made

    def _tell(self, stands: Standing, cause: Cause) -> None:
        plan = stands.plan
        said = plan.status, tuple(one.code for one in plan.degradations)
        # What is as it was is not said again each quarter of an hour: a log is read for what changes.
        news, self._said = said != self._said, said
        level = logging.WARNING if plan.status is PlanStatus.FALLBACK else logging.INFO
        lacks = "; ".join(one.text or str(one.code) for one in plan.degradations)
        text = f" ({lacks})" if lacks else ""
        logger.log(level if news else logging.DEBUG, "planning: %s: plan %s%s", cause, plan.status, text)
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(stands)


@dataclass(slots=True)
class _Watch:
    """Whether the labels still go with monotonic time."""

    clock: Clock
    steps: int = 0
    _anchor: tuple[float, float] | None = None

    def stepped(self) -> bool:
        """Look; True when the label is not where it should be."""
        now = (self.clock.monotonic_s(), self.clock.utc().timestamp())
        before, self._anchor = self._anchor, now
        if before is None:
            return False
        moved_s = (now[1] - before[1]) - (now[0] - before[0])
        if abs(moved_s) < _STEP_S:
            return False
        self.steps += 1
        return True
