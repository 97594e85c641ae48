"""The control room: the one place that commands devices. Runs the control cycle and keeps a hand on each actuator.

The cycle is all in memory: it freezes a snapshot, decides, and hands each hand its wish. No disk and no device is
awaited between a measurement and a wish; the hands act beside each other, each with its own time limits. Between two
cycles the appliances alone are decided for anew where somebody claims them who is not to wait.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from heg.control.claims import ClaimBook
from heg.control.cycle import Cycle
from heg.control.deciding import Outcome
from heg.control.hand import Hand
from heg.control.hands import Hands
from heg.control.hurried import HurriedClaims
from heg.control.journal import LeaseJournal
from heg.control.journal_format import Condition, Journalled
from heg.control.leases import Phase
from heg.control.notices import Notices
from heg.control.orders import OrderDesk
from heg.control.pace import next_start_s
from heg.control.settings import ControlSettings
from heg.control.snapshot import Known, Snapshot, Unknown
from heg.data.door import Door
from heg.devices.contract import AttachedActuator, DeviceRegistry
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
        self._journal_due_s = clock.monotonic_s()
        self._opened_s = 0.0
        self._book = ClaimBook(door.service, settings.claimants)
        self._cycle = Cycle(door, settings, self._book, clock)
        self._hands = Hands(clock, supervisor, self._journal, settings, self._cycle.is_fresh, self._cycle.was_switched)
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
        return self._hands.on(device)

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
        if not self._closing:
            self._hands.meet(attached)
        self._hands.here(attached)
        told = self._hands.told()
        self._snapshot, envelope, outcomes = self._cycle.step(attached, told, now_s, hands_off=self.hands_off)
        self._take_in_hand(attached, outcomes)
        self._notices.envelope(envelope, self._snapshot.grid, now_s)
        self._notices.meter_age(self._cycle.meter_age_s)
        for hand in self._hands:
            if not self._hands.is_here(hand):
                hand.gone()
                continue
            self._tell(hand, outcomes.get(hand.name), self._snapshot, now_s)
        self._tell_of_the_others(outcomes, self._snapshot)

    def switch(self) -> None:
        """Between two cycles: what claims that do not wait make of appliances. Nothing else is decided or told."""
        if self._hands.said is None or self._closing or self.hands_off:
            return
        now_s = self._clock.monotonic_s()
        attached = self._registry.actuators()
        names = {one.info.identity: one.name for one in attached}
        self._hands.here(attached)
        decided = self._cycle.switch(attached, self._hands.told(), now_s)
        if decided is None:
            return
        self._snapshot, outcomes = decided
        self._take_in_hand(attached, outcomes)
        for hand in self._hands:
            # One that was renamed meanwhile is met under its new name by the next cycle.
            if hand.switches and names.get(hand.identity) == hand.name and hand.name in outcomes:
                self._tell(hand, outcomes[hand.name], self._snapshot, now_s)
        self._tell_of_the_others(outcomes, self._snapshot)

    def _take_in_hand(self, attached: tuple[AttachedActuator, ...], outcomes: Mapping[str, Outcome]) -> None:
        if not self._closing:
            self._hands.take(attached, {name for name, outcome in outcomes.items() if outcome.wish is not None})

    def _tell(self, hand: Hand, outcome: Outcome | None, snapshot: Snapshot, now_s: float) -> None:
        allowed = self._allowed(outcome)
        if self._hands.is_withheld(hand):
            allowed = Outcome(None, _RENEWED)
        hand.want(allowed.wish)
        self._notices.lease(hand, allowed, snapshot.grid.power_kw, now_s)
        self._notices.troubles(hand, allowed)

    def _tell_of_the_others(self, outcomes: Mapping[str, Outcome], snapshot: Snapshot) -> None:
        """Appliances that somebody asks something of, and that are not in hand."""
        in_hand = {hand.name for hand in self._hands}
        asked = snapshot.appliances.keys() - in_hand
        self._notices.left_alone({name: outcomes[name] for name in asked if name in outcomes})

    def _tell_of_the_parted(self, hands: Iterable[Hand], why: Reason) -> None:
        """Of those that went between two cycles the last word would be that they hold something."""
        grid = Unknown("lost") if self._snapshot is None else self._snapshot.grid.power_kw
        for hand in hands:
            self._notices.lease(hand, Outcome(None, why), grid, self._clock.monotonic_s())
            self._notices.over(hand)

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
        for hand in self._hands:
            hand.lease.try_again()

    def reconfigure(self, settings: ControlSettings) -> None:
        """Go by other limits from the next cycle on. Raises ValueError for another unit or other times: they stay."""
        if settings.timings != self._settings.timings or settings.unit != self._settings.unit:
            raise ValueError("the control cycle and the unit's name take effect at the next start")
        self._settings = self._hands.settings = settings
        self._cycle.reconfigure(settings)

    async def let_go(self, identities: frozenset[str]) -> bool:
        """Give devices back and leave them alone until `take_up`, before their driver ends; False when some did not."""
        hands = tuple(hand for hand in self._hands if hand.identity in identities)
        done = await self._hands.let_go(identities)
        still = tuple(self._hands)
        self._tell_of_the_parted([hand for hand in hands if hand not in still], _RENEWED)
        return done

    def take_up(self, identities: frozenset[str]) -> None:
        """Command these devices again, as they are attached now."""
        self._hands.take_up(identities)

    async def forget(self, identities: frozenset[str]) -> None:
        """Their owner took these devices out: what could not be given back is nobody's to give back any more."""
        self._tell_of_the_parted(await self._hands.forget(identities), _GONE)

    async def close(self) -> bool:
        """Give everything back, all devices at once, within the stated time; False when some did not answer.

        What could not be released stays journalled: the next start releases it first.
        """
        if self._closing:
            return True
        self._closing = True
        self._desk.close()
        self._hurried.close()
        done = await self._hands.close()
        await self._journal.close()
        return done

    def _allowed(self, outcome: Outcome | None) -> Outcome:
        if self._closing:
            return Outcome(None, _CLOSING)
        if self.hands_off and (outcome is None or not outcome.binding):
            return Outcome(None, _HANDS_OFF)
        return outcome if outcome is not None else Outcome(None, _GONE)

    async def _open_journal(self) -> None:
        """Without a journal the house is measured and nothing is commanded."""
        if self._hands.said is not None or self._closing or self._clock.monotonic_s() < self._journal_due_s:
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
        self._hands.said, self._opened_s = said, self._clock.monotonic_s()
        self._remember_switching(said)
        self.hands_off = self.hands_off or said.hands_off
        self._door.write("hands_off", Location(self._settings.unit), "on" if self.hands_off else "off")
        damaged = said.condition is Condition.DAMAGED
        text = f"The lease journal was damaged. {_JOURNAL_CORRUPT.in_force}" if damaged else None
        self._notices.alarm("", "lease-journal", text)

    def _remember_switching(self, said: Journalled) -> None:
        """When the process before switched which appliance; by a clock that was set back meanwhile: only now."""
        now_s, utc_s = self._clock.monotonic_s(), self._clock.utc().timestamp()
        switched = {**said.left, **{key: lease.switched_utc_s for key, lease in said.held.items()}}
        for key, switched_utc_s in switched.items():
            if switched_utc_s > 0.0:
                self._cycle.was_switched(key, now_s - max(0.0, utc_s - switched_utc_s))

    async def _settle_doubt(self) -> None:
        """After damage: once every device that came back has been released, the next start need not doubt again."""
        said = self._hands.said
        if said is None or not said.doubt or self._clock.monotonic_s() - self._opened_s < _DOUBT_S:
            return
        if any(hand.recovering or hand.lease.phase is Phase.RELEASING for hand in self._hands):
            return
        try:
            await self._journal.doubt_settled()
        except OSError as error:
            logger.error("the lease journal cannot be written: %s", error)
            self._opened_s = self._clock.monotonic_s()
            return
        self._hands.said = replace(said, doubt=False)
        self._notices.alarm("", "lease-journal", None)

    async def _part_from_the_idle(self) -> None:
        for hand in self._hands.idle():
            self._notices.over(hand)
            await self._hands.part_from(hand)
