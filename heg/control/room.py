"""The control room: the one place that commands devices. Runs the control cycle and keeps a hand on each actuator.

The cycle is all in memory: it freezes a snapshot, decides, and hands each hand its wish. No disk and no device is
awaited between a measurement and a wish; the hands act beside each other, each with its own time limits. Between two
cycles the appliances alone are decided for anew where somebody claims them who is not to wait.
"""

import asyncio
import logging
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from heg.control.budget import DAY_S, WriteMeter
from heg.control.claims import ClaimBook
from heg.control.cycle import Cycle
from heg.control.deciding import Outcome, Told
from heg.control.device_terms import budget_of, rules_for
from heg.control.hand import Hand
from heg.control.hurried import HurriedClaims
from heg.control.journal import LeaseJournal
from heg.control.journal_format import Condition, HeldLease, Journalled
from heg.control.leases import Phase
from heg.control.notices import Notices
from heg.control.orders import OrderDesk
from heg.control.pace import next_start_s
from heg.control.settings import ControlSettings
from heg.control.snapshot import Known, Snapshot
from heg.data.door import Door
from heg.devices.contract import AttachedActuator, DeviceRegistry
from heg.model.capabilities import ApplianceCapability
from heg.model.instance import Location
from heg.model.leases import Reason, ReasonCode
from heg.model.losses import loss
from heg.runtime.clock import Clock
from heg.runtime.supervisor import Supervisor

logger = logging.getLogger(__name__)

_JOURNAL_AGAIN_S = 60.0
_DOUBT_S = 600.0
_JOURNAL_CORRUPT = loss("journal-corrupt")
_HANDS_OFF = Reason(ReasonCode.HANDS_OFF, "The owner has taken the hands off: the device is left to itself.")
_GONE = Reason(ReasonCode.RELEASED, "The device is no longer attached.")
_RENEWED = Reason(ReasonCode.RELEASED, "The device's configuration changes: it is given back while that lasts.")
_CLOSING = Reason(ReasonCode.SHUTDOWN, "The unit shuts down: the device is given back.")


class ControlRoom:
    """One per unit. `run` is its supervised task; `close` gives everything back before the unit ends.

    `completed` is called after each completed cycle (it feeds the watchdog).
    """

    def __init__(
        self,
        door: Door,
        registry: DeviceRegistry,
        clock: Clock,
        supervisor: Supervisor,
        journal: Path,
        settings: ControlSettings,
        completed: Callable[[], None],
    ) -> None:
        self._door, self._registry, self._clock, self._supervisor = door, registry, clock, supervisor
        self._settings, self._completed = settings, completed
        self._journal = LeaseJournal(journal)
        self._said: Journalled | None = None
        self._journal_due_s = clock.monotonic_s()
        self._opened_s = 0.0
        self._hands: dict[str, Hand] = {}
        self._tasks: dict[str, str] = {}
        self._written: dict[str, tuple[int, int]] = {}
        self._withheld: frozenset[str] = frozenset()
        self._here: frozenset[str] = frozenset()
        self._book = ClaimBook(door.service, settings.claimants)
        self._cycle = Cycle(door, settings, self._book, clock)
        self._notices = Notices(door, settings.unit)
        self._desk = OrderDesk(self, door, clock)
        self._hurried = HurriedClaims(door, settings.unit, clock)
        self._closing = False
        self._snapshot: Snapshot | None = None
        self.hands_off = False

    @property
    def snapshot(self) -> Snapshot | None:
        """What the last cycle saw."""
        return self._snapshot

    @property
    def settings(self) -> ControlSettings:
        """What the room is configured with."""
        return self._settings

    @property
    def closing(self) -> bool:
        """True once the unit shuts down."""
        return self._closing

    def hand_on(self, device: str) -> Hand | None:
        """Return the hand on this device, if there is one."""
        hands = (hand for hand in self._hands.values() if hand.identity in self._here)
        return next((hand for hand in hands if hand.name == device), None)

    def attached(self, device: str) -> AttachedActuator | None:
        """Return what can be commanded under this name."""
        return next((one for one in self._registry.actuators() if one.name == device), None)

    async def run(self) -> None:
        """Run the cycle until cancelled."""
        next_s = self._clock.monotonic_s()
        while True:
            await self._open_journal()
            if not self._closing:
                self._desk.open()  # no order is taken before it can be kept
            began_s = self._clock.real_s()
            self.step()
            self._door.write("self.cycle_time", Location(self._settings.unit), self._clock.real_s() - began_s)
            self._completed()
            await self._settle_doubt()
            await self._part_from_the_idle()
            next_s = next_start_s(next_s, self._settings.timings.cycle_s, self._meter_spoke_s())
            # Cycles that were missed (a suspended machine, a blocked loop) are not made up for.
            next_s = max(next_s, self._clock.monotonic_s())
            while await self._hurried.before(next_s):
                self.switch()

    def step(self) -> None:
        """One control cycle."""
        now_s = self._clock.monotonic_s()
        attached = self._registry.actuators()
        self._meet(attached)
        self._here = frozenset(one.info.identity for one in attached)
        self._snapshot, envelope, outcomes = self._cycle.step(attached, self._told(), now_s, hands_off=self.hands_off)
        self._take_in_hand(attached, outcomes)
        self._notices.envelope(envelope, self._snapshot.grid, now_s)
        self._notices.meter_age(self._cycle.meter_age_s)
        for hand in self._hands.values():
            if hand.identity not in self._here:
                # Removed for good, perhaps with another device under its name: it is not told what that one is told.
                hand.gone()
                continue
            self._tell(hand, outcomes.get(hand.name), self._snapshot, now_s)
        self._tell_of_the_others(outcomes, self._snapshot)

    def switch(self) -> None:
        """Between two cycles: what claims that do not wait make of appliances. Nothing else is decided or told."""
        if self._said is None or self._closing or self.hands_off:
            return
        now_s = self._clock.monotonic_s()
        attached = self._registry.actuators()
        names = {one.info.identity: one.name for one in attached}
        self._here = frozenset(names)
        decided = self._cycle.switch(attached, self._told(), now_s)
        if decided is None:
            return
        self._snapshot, outcomes = decided
        self._take_in_hand(attached, outcomes)
        for hand in self._hands.values():
            # One that was renamed meanwhile is met under its new name by the next cycle.
            if hand.switches and names.get(hand.identity) == hand.name and hand.name in outcomes:
                self._tell(hand, outcomes[hand.name], self._snapshot, now_s)
        self._tell_of_the_others(outcomes, self._snapshot)

    def _told(self) -> dict[str, Told]:
        return {hand.name: hand.told() for hand in self._hands.values() if hand.identity in self._here}

    def _tell(self, hand: Hand, outcome: Outcome | None, snapshot: Snapshot, now_s: float) -> None:
        allowed = self._allowed(outcome)
        if hand.identity in self._withheld:
            allowed = Outcome(None, _RENEWED)
        hand.want(allowed.wish)
        self._notices.lease(hand, allowed, snapshot.grid.power_kw, now_s)
        self._notices.troubles(hand, allowed)

    def _tell_of_the_others(self, outcomes: Mapping[str, Outcome], snapshot: Snapshot) -> None:
        """Appliances that somebody asks something of, and that are not in hand."""
        in_hand = {hand.name for hand in self._hands.values()}
        asked = snapshot.appliances.keys() - in_hand
        self._notices.left_alone({name: outcomes[name] for name in asked if name in outcomes})

    def _meter_spoke_s(self) -> float | None:
        power = self._snapshot.grid.power_kw if self._snapshot is not None else None
        return power.arrived_s if isinstance(power, Known) else None

    async def turn_hands_off(self, *, on: bool) -> None:
        """The owner's switch, durable before it is acknowledged; raises OSError when it cannot be journalled."""
        if on:
            self.hands_off = True  # letting go never waits for the disk
        await self._journal.hands_off(on=on)
        self.hands_off = on
        self._door.write("hands_off", Location(self._settings.unit), "on" if on else "off")
        for hand in self._hands.values():
            hand.lease.try_again()

    def reconfigure(self, settings: ControlSettings) -> None:
        """Go by other limits from the next cycle on. Raises ValueError for another unit or other times: they stay."""
        if settings.timings != self._settings.timings or settings.unit != self._settings.unit:
            raise ValueError("the control cycle and the unit's name take effect at the next start")
        self._settings = settings
        self._cycle.reconfigure(settings)

    async def let_go(self, identities: frozenset[str]) -> bool:
        """Give devices back and leave them alone until `take_up`, before their driver ends; False when some did not.

        What could not be given back stays journalled, and under its hand, which goes on when the device is there again.
        """
        self._withheld |= identities
        hands = [hand for hand in self._hands.values() if hand.identity in identities and not hand.recovering]
        done = await asyncio.gather(*(hand.let_go(self._settings.shutdown_s) for hand in hands))
        for hand, good in zip(hands, done, strict=True):
            if good:
                await self._part_from(hand)
        return all(done)

    def take_up(self, identities: frozenset[str]) -> None:
        """Command these devices again, as they are attached now."""
        self._withheld -= identities

    async def _part_from(self, hand: Hand) -> None:
        """The next hand on the device begins with what is configured then, and with the day's writes so far.

        A cycle that finds it idle, and whoever had it let go, may both part from it: the first one does.
        """
        if (task := self._tasks.pop(hand.identity, None)) is None:
            return
        self._written[hand.identity] = (int(self._clock.utc().timestamp() // DAY_S), hand.writes().today)
        await self._supervisor.stop(task)
        self._hands.pop(hand.identity, None)
        if self._said is not None:
            held = {key: lease for key, lease in self._said.held.items() if key != Hand.key_of(hand.identity)}
            self._said = replace(self._said, held=held)

    async def close(self) -> bool:
        """Give everything back, all devices at once, within the stated time; False when some did not answer.

        What could not be released stays journalled: the next start releases it first.
        """
        if self._closing:
            return True
        self._closing = True
        self._desk.close()
        self._hurried.close()
        held = [hand for hand in self._hands.values() if not hand.recovering]
        done = await asyncio.gather(*(hand.let_go(self._settings.shutdown_s) for hand in held))
        for hand in tuple(self._hands.values()):
            await self._part_from(hand)
        await self._journal.close()
        return all(done)

    def _allowed(self, outcome: Outcome | None) -> Outcome:
        if self._closing:
            return Outcome(None, _CLOSING)
        if self.hands_off and (outcome is None or not outcome.binding):
            return Outcome(None, _HANDS_OFF)
        return outcome if outcome is not None else Outcome(None, _GONE)

    async def _open_journal(self) -> None:
        """Without a journal the house is measured and nothing is commanded."""
        if self._said is not None or self._closing or self._clock.monotonic_s() < self._journal_due_s:
            return
        try:
            said = await self._journal.open()
            if self.hands_off and not said.hands_off:
                await self._journal.hands_off(on=True)  # ordered while there was no journal
        except OSError as error:
            logger.error("the lease journal cannot be opened, so nothing is commanded: %s", error)
            self._notices.alarm("", "lease-journal", f"The lease journal cannot be opened: {error}.", "check the disk")
            self._journal_due_s = self._clock.monotonic_s() + _JOURNAL_AGAIN_S
            return
        self._said, self._opened_s = said, self._clock.monotonic_s()
        self.hands_off = self.hands_off or said.hands_off
        self._door.write("hands_off", Location(self._settings.unit), "on" if self.hands_off else "off")
        damaged = said.condition is Condition.DAMAGED
        text = f"The lease journal was damaged. {_JOURNAL_CORRUPT.in_force}" if damaged else None
        self._notices.alarm("", "lease-journal", text)

    async def _settle_doubt(self) -> None:
        """After damage: once every device that came back has been released, the next start need not doubt again."""
        if self._said is None or not self._said.doubt or self._clock.monotonic_s() - self._opened_s < _DOUBT_S:
            return
        if any(hand.recovering or hand.lease.phase is Phase.RELEASING for hand in self._hands.values()):
            return
        try:
            await self._journal.doubt_settled()
        except OSError as error:
            logger.error("the lease journal cannot be written: %s", error)
            self._opened_s = self._clock.monotonic_s()
            return
        self._said = replace(self._said, doubt=False)
        self._notices.alarm("", "lease-journal", None)

    def _meet(self, attached: tuple[AttachedActuator, ...]) -> None:
        if self._said is None or self._closing:
            return
        for one in attached:
            hand = self._hands.get(one.info.identity)
            if hand is None and one.present and self._always_in_hand(one, self._said):
                hand = self._begin(one, self._said)
            if hand is not None:
                hand.meet(one.actuator, name=one.name, present=one.present)

    def _always_in_hand(self, one: AttachedActuator, said: Journalled) -> bool:
        """Hundreds of appliances may be attached: a hand is on one only while there is something to do."""
        return not isinstance(one.capability, ApplianceCapability) or Hand.key_of(one.info.identity) in said.held

    def _take_in_hand(self, attached: tuple[AttachedActuator, ...], outcomes: Mapping[str, Outcome]) -> None:
        """Appliances that something is wished of now."""
        if self._said is None or self._closing:
            return
        wished = {name for name, outcome in outcomes.items() if outcome.wish is not None}
        for one in attached:
            if one.name in wished and one.info.identity not in self._hands:
                self._begin(one, self._said)

    def _begin(self, one: AttachedActuator, said: Journalled) -> Hand | None:
        if one.info.identity in self._withheld:
            return None
        hand = self._hands[one.info.identity] = self._new_hand(one, said)
        self._tasks[hand.identity] = _task(hand)
        self._supervisor.start(_task(hand), hand.run)
        return hand

    async def _part_from_the_idle(self) -> None:
        idle = [hand for hand in self._hands.values() if hand.switches and hand.at_rest]
        for hand in idle:
            self._notices.over(hand)
            await self._part_from(hand)

    def _new_hand(self, one: AttachedActuator, said: Journalled) -> Hand:
        # What a damaged journal still says of a lease is no reason to go on with it.
        inherited = said.held.get(Hand.key_of(one.info.identity))
        in_doubt = said.doubt
        if isinstance(one.capability, ApplianceCapability):
            in_doubt = said.doubt and inherited is not None  # what it was before is known of those that are named
        elif said.doubt:
            inherited = None
        return Hand(
            one.info.identity,
            one.name,
            one.actuator,
            self._write_meter(one, inherited),
            rules=rules_for(one, self._settings.rules),
            settings=self._settings.hand,
            journal=self._journal,
            clock=self._clock,
            fresh=self._cycle.is_fresh,
            inherited=inherited,
            in_doubt=in_doubt,
            appliance=one.appliance,
        )

    def _write_meter(self, one: AttachedActuator, inherited: HeldLease | None) -> WriteMeter:
        day, today = (inherited.day, inherited.writes_today) if inherited is not None else (0, 0)
        day, today = max((day, today), self._written.get(one.info.identity, (0, 0)))
        if day != int(self._clock.utc().timestamp() // DAY_S):
            day, today = 0, 0
        return WriteMeter(budget_of(one), now_s=self._clock.monotonic_s(), day=day, today=today)


def _task(hand: Hand) -> str:
    """Two devices may follow each other under one name: the identity tells their tasks apart."""
    return f"hand.{hand.name}.{zlib.crc32(hand.identity.encode()):08x}"
