"""Whose hands are on the actuators: begun when there is something to do, parted from when there is nothing any more.

A storage or a car is in hand for as long as it is attached; of hundreds of appliances only those that are claimed.
"""

import asyncio
import logging
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import partial

from heg.control.budget import DAY_S, WriteMeter
from heg.control.deciding import Told
from heg.control.device_terms import budget_of, rules_for
from heg.control.hand import Hand
from heg.control.journal import LeaseJournal
from heg.control.journal_format import HeldLease, Journalled, key_of
from heg.control.settings import ControlSettings
from heg.devices.contract import AttachedActuator
from heg.model.capabilities import ApplianceCapability
from heg.runtime.clock import Clock
from heg.runtime.supervisor import Supervisor

logger = logging.getLogger(__name__)


class Hands:
    """Of one unit, each with a supervised task. `fresh` tells whether the cycle knows enough of a device by name.

    `gave_back` is told the journal's key of an appliance that was given back, and when (monotonic seconds).
    """

    def __init__(
        self,
        clock: Clock,
        supervisor: Supervisor,
        journal: LeaseJournal,
        settings: ControlSettings,
        fresh: Callable[[str], bool],
        gave_back: Callable[[str, float], None],
    ) -> None:
        self._clock, self._supervisor, self._journal, self._fresh = clock, supervisor, journal, fresh
        self._gave_back = gave_back
        self.settings = settings
        self.said: Journalled | None = None
        """What the journal said when it was opened, less the leases that ended since; nobody is in hand before."""
        self._hands: dict[str, Hand] = {}
        self._tasks: dict[str, str] = {}
        self._written: dict[str, tuple[int, int]] = {}
        self._withheld: frozenset[str] = frozenset()
        self._here: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[Hand]:
        return iter(self._hands.values())

    def here(self, attached: Iterable[AttachedActuator]) -> None:
        """These are attached now. Another device under a name is not told what the one before was told."""
        self._here = frozenset(one.info.identity for one in attached)

    def is_here(self, hand: Hand) -> bool:
        """Tell whether its device is attached."""
        return hand.identity in self._here

    def is_withheld(self, hand: Hand) -> bool:
        """Tell whether its device is left alone for a while."""
        return hand.identity in self._withheld

    def on(self, device: str) -> Hand | None:
        """Return the hand on this device, if there is one."""
        return next((hand for hand in self if hand.name == device and self.is_here(hand)), None)

    def told(self) -> dict[str, Told]:
        """What stands at each device that is in hand."""
        return {hand.name: hand.told() for hand in self if self.is_here(hand)}

    def meet(self, attached: Iterable[AttachedActuator]) -> None:
        """Take those in hand that always are, and have the others' hands see how their devices are attached now."""
        if self.said is None:
            return
        for one in attached:
            hand = self._hands.get(one.info.identity)
            if hand is None and one.present and _always_in_hand(one, self.said):
                hand = self._begin(one, self.said)
            if hand is not None:
                hand.meet(one.actuator, name=one.name, present=one.present)

    def take(self, attached: Iterable[AttachedActuator], wished: Collection[str]) -> None:
        """Take those in hand of which something is wished now, by their names."""
        if self.said is None:
            return
        for one in attached:
            if one.name in wished and one.info.identity not in self._hands:
                self._begin(one, self.said)

    def idle(self) -> tuple[Hand, ...]:
        """Return the hands on appliances that have nothing more to do."""
        return tuple(hand for hand in self if hand.switches and hand.at_rest)

    async def part_from(self, hand: Hand) -> None:
        """The next hand on the device begins with what is configured then, and with the day's writes so far.

        A cycle that finds it idle, and whoever had it let go, may both part from it: the first one does.
        """
        if (task := self._tasks.pop(hand.identity, None)) is None:
            return
        self._written[hand.identity] = (self._today(), hand.writes().today)
        await self._supervisor.stop(task)
        self._hands.pop(hand.identity, None)
        self._is_over(hand.identity)

    async def let_go(self, identities: frozenset[str]) -> bool:
        """Give devices back and leave them alone until `take_up`; False when some were not given back.

        What could not be given back stays journalled, and under its hand, which goes on when the device is there again.
        """
        self._withheld |= identities
        hands, done = await self._given_back(hand for hand in self if hand.identity in identities)
        for hand, good in zip(hands, done, strict=True):
            if good:
                await self.part_from(hand)
        return all(done)

    def take_up(self, identities: frozenset[str]) -> None:
        """Command these devices again, as they are attached now."""
        self._withheld -= identities

    async def forget(self, identities: frozenset[str]) -> tuple[Hand, ...]:
        """Part from these devices for good, also in the journal; return the hands that were on them."""
        hands = tuple(hand for hand in self if hand.identity in identities)
        for hand in hands:
            await self.part_from(hand)
            hand.lease.closed()
        for identity in identities:
            self._is_over(identity)
            try:
                await self._journal.release(key_of(identity))
            except OSError as error:
                logger.error("%s: that it was taken out cannot be journalled: %s", identity, error)
        return hands

    async def close(self) -> bool:
        """Give everything back, all devices at once, and end; False when some did not answer in time."""
        _, done = await self._given_back(self)
        for hand in tuple(self):
            await self.part_from(hand)
        return all(done)

    async def _given_back(self, hands: Iterable[Hand]) -> tuple[tuple[Hand, ...], list[bool]]:
        settled = tuple(hand for hand in hands if not hand.recovering)
        return settled, await asyncio.gather(*(hand.let_go(self.settings.shutdown_s) for hand in settled))

    def _is_over(self, identity: str) -> None:
        """What the journal said of it when it was opened says nothing of the next hand on it."""
        if self.said is not None:
            held = {key: lease for key, lease in self.said.held.items() if key != key_of(identity)}
            self.said = replace(self.said, held=held)

    def _begin(self, one: AttachedActuator, said: Journalled) -> Hand | None:
        if one.info.identity in self._withheld:
            return None
        hand = self._hands[one.info.identity] = self._new(one, said)
        self._tasks[hand.identity] = _task(hand)
        self._supervisor.start(_task(hand), hand.run)
        return hand

    def _new(self, one: AttachedActuator, said: Journalled) -> Hand:
        # What a damaged journal still says of a lease is no reason to go on with it.
        inherited = said.held.get(key_of(one.info.identity))
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
            rules=rules_for(one, self.settings.rules),
            settings=self.settings.hand,
            journal=self._journal,
            clock=self._clock,
            fresh=self._fresh,
            inherited=inherited,
            in_doubt=in_doubt,
            appliance=one.appliance,
            gave_back=partial(self._gave_back, key_of(one.info.identity)),
        )

    def _write_meter(self, one: AttachedActuator, inherited: HeldLease | None) -> WriteMeter:
        day, today = (inherited.day, inherited.writes_today) if inherited is not None else (0, 0)
        day, today = max((day, today), self._written.get(one.info.identity, (0, 0)))
        if day != self._today():
            day, today = 0, 0
        return WriteMeter(budget_of(one), now_s=self._clock.monotonic_s(), day=day, today=today)

    def _today(self) -> int:
        return int(self._clock.utc().timestamp() // DAY_S)


def _always_in_hand(one: AttachedActuator, said: Journalled) -> bool:
    return not isinstance(one.capability, ApplianceCapability) or key_of(one.info.identity) in said.held


def _task(hand: Hand) -> str:
    """Two devices may follow each other under one name: the identity tells their tasks apart."""
    return f"hand.{hand.name}.{zlib.crc32(hand.identity.encode()):08x}"
