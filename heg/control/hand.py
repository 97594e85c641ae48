"""The hand on one actuator: carries out what its lease says, each call with a time limit, beside all other hands.

One supervised task per actuator, so that a slow or dead device never delays another, nor the control cycle.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from heg.control.budget import DAY_S, BudgetView, WriteMeter
from heg.control.deciding import Told
from heg.control.journal import LeaseJournal
from heg.control.journal_format import HeldLease, key_of
from heg.control.lease_terms import Action, Close, LeaseRules, Read, Release, Renew, Take, Wish, Write
from heg.control.leases import Lease, Phase
from heg.control.recovery import Found, Verdict, inherited_wish, lapsed, let_go, recover
from heg.devices.contract import Actuator, ApplianceActuator, ReadBack
from heg.model.appliances import PowerState
from heg.model.leases import LeaseState, Reason, ReasonCode
from heg.model.losses import loss
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock

T = TypeVar("T")

logger = logging.getLogger(__name__)

_KILLED = loss("process-killed")
_ACTIONS_AT_ONCE = 8
"""More steps than any healthy turn has: a lease that never comes to rest waits for its next turn, it never spins."""


@dataclass(frozen=True, slots=True)
class HandSettings:
    """Time limit of one device call (s), how long an inherited lease may wait for fresh inputs (s), the boot's id."""

    call_limit_s: float = 3.0
    adopt_within_s: float = 5.0
    turn_s: float = 1.0
    boot: str = ""


class Hand:
    """Carries out one lease. `fresh` tells whether the cycle has fresh inputs for the actuator of a name.

    `gave_back` is told when an appliance was given back (monotonic seconds).
    """

    def __init__(
        self,
        identity: str,
        name: str,
        actuator: Actuator,
        budget: WriteMeter,
        *,
        rules: LeaseRules,
        settings: HandSettings,
        journal: LeaseJournal,
        clock: Clock,
        fresh: Callable[[str], bool],
        inherited: HeldLease | None = None,
        in_doubt: bool = False,
        appliance: ApplianceActuator | None = None,
        gave_back: Callable[[float], None],
    ) -> None:
        self.identity, self.name = identity, name
        self.switches = rules.user_first
        self.lease = Lease(rules, budget)
        self._actuator = actuator
        self._budget = budget
        self._rules, self._settings = rules, settings
        self._journal, self._clock, self._fresh = journal, clock, fresh
        self._inherited = inherited
        self._in_doubt = in_doubt
        self._appliance = appliance
        self._before: PowerState | None = None if inherited is None else inherited.before
        self.lease.returns_to = self._before
        self._switched_utc_s = 0.0 if inherited is None else inherited.switched_utc_s
        self._gave_back = gave_back
        self._wake = asyncio.Event()
        self._renewal: asyncio.Future[None] | None = None
        self._idle = asyncio.Event()
        if inherited is None and not in_doubt:
            self._idle.set()

    @property
    def recovering(self) -> bool:
        """True until it is settled what becomes of an inherited command."""
        return self._inherited is not None or self._in_doubt

    @property
    def at_rest(self) -> bool:
        """True while nothing is held, wished, waited for or to be told: the hand can go."""
        lease, now_s = self.lease, self._clock.monotonic_s()
        return not self.recovering and lease.phase is Phase.FREE and lease.wish is None and not lease.resting_s(now_s)

    def meet(self, actuator: Actuator, *, name: str, present: bool) -> None:
        """The device as it is attached now; while it is lost nothing is sent (loss row `storage-lost`)."""
        if present and not self.lease.present:
            self._wake.set()
        self.name = name
        self._actuator = actuator
        self.lease.seen(present=present)

    def gone(self) -> None:
        """The device is no longer attached: nothing is sent, what is journalled stays journalled."""
        self.lease.seen(present=False)
        self.want(None)

    def want(self, wish: Wish | None) -> None:
        """The cycle's wish for this second; returns at once."""
        same = self.switches and wish == self.lease.wish
        self.lease.want(wish, self._clock.monotonic_s())
        if not same:  # a power follows the load every second; a state is the same for hours
            self._wake.set()

    def told(self) -> Told:
        """What stands at the device under our lease, and how often its registers may be written."""
        set_point = self.lease.set_point
        power_kw = set_point.power_kw if set_point is not None else None
        return Told(power_kw, self._budget.period_s, self.lease.current if self.lease.held else None)

    def writes(self) -> BudgetView:
        """Writes today and what is left."""
        return self._budget.view(self._day())

    async def run(self) -> None:
        """Settle what was inherited, then serve the lease until cancelled."""
        try:
            if self.recovering:
                await self._recover()
            while True:
                await self._turn()
                await self._next_turn()
        finally:
            if self._renewal is not None:
                await asyncio.wait([self._renewal])

    async def let_go(self, limit_s: float) -> bool:
        """Want nothing more and wait until the device is released, at most so long; False when time ran out."""
        self.want(None)
        try:
            async with asyncio.timeout(limit_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    # One turn: whatever the lease wants done now.

    async def _turn(self) -> None:
        for _ in range(_ACTIONS_AT_ONCE):
            action = self.lease.next(self._clock.monotonic_s())
            if action is None:
                break
            self._idle.clear()
            await self._do(action)
        if self.lease.phase is Phase.FREE:
            self._idle.set()

    async def _next_turn(self) -> None:
        try:
            async with asyncio.timeout(self._turn_s()):
                await self._wake.wait()
        except TimeoutError:
            pass  # the lease has times of its own: expiry, retries
        self._wake.clear()

    def _turn_s(self) -> float:
        settled = self.lease.phase is Phase.HELD and self.lease.state is LeaseState.CONFIRMED
        return self._rules.read_back_every_s if self.switches and settled else self._settings.turn_s

    async def _do(self, action: Action) -> None:
        match action:
            case Take(wish):
                await self._note_before(wish)
                self.lease.returns_to = self._before
                self._note_switching(wish)
                await self._journalled(self._journal.take(self._as_held(wish)))
            case Renew(wish):
                self._renewal = asyncio.ensure_future(self._journalled(self._journal.take(self._as_held(wish))))
            case Write(set_point):
                refusal = await self._limited(self._actuator.apply(set_point))
                self.lease.written(set_point, refusal, self._clock.monotonic_s(), self._day())
            case Read():
                answer = await self._limited(self._actuator.read_back())
                self.lease.read(answer, self._clock.monotonic_s())
            case Release():
                refusal = await self._limited(self._actuator.release())
                if refusal is None and self.switches:
                    self._note_giving_back()
                self.lease.released(refusal, self._clock.monotonic_s(), self._day())
            case Close():
                await self._close()

    async def _note_before(self, wish: Wish) -> None:
        """What an appliance was like before us is journalled with the lease: a restart must not forget it."""
        if wish.set_point.lasting:
            self._before = wish.set_point.power_state  # that is what it goes back to: it stays so
        if self._before is not None:
            again = self.lease.returning or (self.lease.held and wish.set_point.lasting)
            if again and self._appliance is not None:
                self._appliance.inherit(self._before)  # no command may follow that would tell it
            return
        if wish.set_point.power_state is None:
            return
        answer = await self._limited(self._actuator.read_back())
        if isinstance(answer, ReadBack):
            self._before = answer.set_point.power_state

    def _note_switching(self, wish: Wish) -> None:
        """How long it stays as it is counts from here, also in the next process. A lasting order alone is none."""
        standing = self.lease.set_point
        if self.switches and (standing is None or standing.power_state is not wish.set_point.power_state):
            self._switched_utc_s = self._clock.utc().timestamp()

    def _note_giving_back(self) -> None:
        self._switched_utc_s = self._clock.utc().timestamp()
        self._gave_back(self._clock.monotonic_s())
        self.want(None)  # what is wished was decided before: the next cycle knows of this

    async def _journalled(self, writing: Awaitable[None]) -> None:
        try:
            await writing
        except (OSError, ValueError) as error:
            logger.error("%s: the lease journal cannot be written: %s", self.name, error)
            self.lease.journal_failed(str(error), self._clock.monotonic_s())
        else:
            self.lease.journalled(self._clock.monotonic_s())

    async def _close(self) -> None:
        await self._renewal_done()
        try:
            await self._journal.release(key_of(self.identity), self._switched_utc_s)
        except OSError as error:
            logger.error("%s: the end of its lease cannot be journalled: %s", self.name, error)
            self.lease.journal_failed(str(error), self._clock.monotonic_s())
        else:
            self._before = self.lease.returns_to = None
            self._switched_utc_s = 0.0
            self.lease.closed()

    async def _renewal_done(self) -> None:
        """A renewal on its way must not land behind the release in the journal."""
        if self._renewal is not None:
            await asyncio.wait([self._renewal])
            self._renewal = None

    async def _limited(self, call: Awaitable[T]) -> T | Refusal:
        try:
            async with asyncio.timeout(self._settings.call_limit_s):
                return await call
        except TimeoutError:
            limit = f"an answer of {self.name} within {self._settings.call_limit_s:g} s"
            return Refusal(RefusalCode.TIMEOUT, limit, "none", "check its network and power")

    def _as_held(self, wish: Wish) -> HeldLease:
        utc_s = self._clock.utc().timestamp()
        return HeldLease(
            device=key_of(self.identity),
            name=self.name,
            regime=wish.set_point.regime if wish.native else None,
            min_kw=wish.min_kw,
            max_kw=wish.max_kw,
            owner=wish.owner,
            code=wish.reason.code,
            taken_utc_s=utc_s,
            expires_utc_s=utc_s + self._rules.term_s,
            followed=wish.regime,
            boot=self._settings.boot,
            day=self._day(),
            writes_today=self.writes().today,
            power_state=wish.set_point.power_state,
            before=self._before,
            former=None if self.lease.set_point is None else self.lease.set_point.power_state,
            switched_utc_s=self._switched_utc_s,
        )

    def _day(self) -> int:
        return int(self._clock.utc().timestamp() // DAY_S)

    # What the process before left.

    async def _recover(self) -> None:
        if self._inherited is None or self._in_doubt:
            self._settle_doubt(self._inherited, await self._answer_of_device())
        else:
            await self._settle_inherited(self._inherited)
        self._inherited, self._in_doubt = None, False

    async def _answer_of_device(self) -> ReadBack | Refusal:
        """Ask until the device answers: until then nothing can be given back either. A refusal to say is an answer."""
        while True:
            answer = await self._limited(self._actuator.read_back())
            if isinstance(answer, ReadBack) or answer.code is RefusalCode.UNSUPPORTED:
                if self._appliance is not None and self._before is not None:
                    self._appliance.inherit(self._before)
                return answer
            await self._clock.sleep(self._settings.turn_s)

    def _settle_doubt(self, inherited: HeldLease | None, answer: ReadBack | Refusal) -> None:
        if isinstance(answer, ReadBack) and let_go(inherited, answer):
            self.lease.close_first()
            return
        why = "The lease journal was damaged, so whatever the device holds is given back first."
        self.lease.release_first(Reason(ReasonCode.RELEASED, why))

    async def _settle_inherited(self, lease: HeldLease) -> None:
        waited_from_s = self._clock.monotonic_s()
        while (
            lapsed(lease, self._clock.utc().timestamp(), self._settings.boot, self._rules) is None
            and not self._fresh(self.name)
            and self._clock.monotonic_s() - waited_from_s < self._settings.adopt_within_s
        ):
            await self._clock.sleep(self._settings.turn_s / 4)
        answer = await self._answer_of_device()
        found = Found(answer, self._clock.utc().timestamp(), self._settings.boot, self._fresh(self.name))
        recovery = recover(lease, found, self._rules)
        logger.info("%s: %s: its lease: %s, %s", self.name, _KILLED.lost, recovery.verdict, recovery.why)
        match recovery.verdict:
            case Verdict.ADOPT if isinstance(answer, ReadBack):
                self._adopt(lease, answer)
            case Verdict.NOTHING_HELD:
                if self.switches:  # it was switched at a time that nobody knows: by its user, or on its way back
                    self._note_giving_back()
                self.lease.close_first()
            case _:
                self.lease.release_first(Reason(ReasonCode.RELEASED, f"Given back after the restart: {recovery.why}."))

    def _adopt(self, lease: HeldLease, answer: ReadBack) -> None:
        wish = self.lease.wish
        self.lease.adopt(inherited_wish(lease, answer), answer, self._clock.monotonic_s())
        if wish is not None:
            self.lease.want(wish, self._clock.monotonic_s())
