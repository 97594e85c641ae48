"""The life of one actuator's lease (DESIGN.md, Two clocks 4). Sans-IO: told what happened, it says what to do next.

take -> journal durably -> first write -> re-assert and read back -> expiry or release -> journal.

    free --wish--> taking --journalled--> held --no wish, expiry, ignored--> releasing --released--> closing --> free
                                          held --overridden too often--> closing (what the device holds is not ours)

Loss rows `overridden`, `write-refused`; of appliances `appliance-not-woken`, `appliance-refuses`. What it says of them
stands in `lease_words`, how long it rests in `resting`, when a device counts as given back in `giving_back`.

A command is never named by `next()` unless the lease is journalled; a lease leaves the journal only after the device
acknowledged its release and reading back agreed.
"""

from enum import StrEnum

from heg.control import lease_words as words
from heg.control.budget import WriteMeter
from heg.control.giving_back import GivingBack, Shown
from heg.control.lease_terms import Action, Close, LeaseRules, Read, Release, Renew, Take, Wish, Write
from heg.control.resting import Rest
from heg.control.verdict import ReadBackJudge, Tolerance
from heg.devices.contract import ReadBack
from heg.model.appliances import PowerState
from heg.model.leases import Claimant, LeaseState, Reason, SetPoint
from heg.model.loss_types import LossRow
from heg.model.losses import loss
from heg.model.refusals import Refusal, RefusalCode

_IGNORED = loss("writes-ignored")
_OVERRIDDEN = loss("overridden")
_REFUSED = loss("write-refused")
_NOT_WOKEN = loss("appliance-not-woken")
_REFUSES = loss("appliance-refuses")
_SILENT = frozenset({RefusalCode.DEVICE_LOST, RefusalCode.TIMEOUT, RefusalCode.NOT_READY})
"""Refusals that say that nobody answered, not that the device would not."""


class Phase(StrEnum):
    """Where the lease stands."""

    FREE = "free"
    TAKING = "taking"
    HELD = "held"
    RELEASING = "releasing"
    CLOSING = "closing"


class Lease:
    """One actuator's lease. `budget` counts its writes; all times are monotonic seconds handed in."""

    def __init__(self, rules: LeaseRules, budget: WriteMeter) -> None:
        self._rules = rules
        self._budget = budget
        self._judge = ReadBackJudge(rules.settle_s, rules.tolerance)
        self._wish: Wish | None = None
        self._wished_at_s = 0.0
        self._taken: Wish | None = None
        self._journalled_at_s = 0.0
        self._last: SetPoint | None = None
        self._written_at_s = 0.0
        self._read_due_s = 0.0
        self._read_before_first_write = False
        self._commanded = False
        self._present = True
        self._before_loss: SetPoint | None = None
        self._not_before_s = 0.0
        self._refusals = 0
        self._giving_back = GivingBack(rules)
        self._rest = Rest(rules)
        self._reasserts = 0
        self._overridden_at_s = 0.0
        self._renewing = False
        self._returning = False
        self._may_wake_until_s = 0.0
        self.returns_to: PowerState | None = None
        """The state that an appliance was found in and goes back to; the hand knows it, also after a restart."""
        self.phase = Phase.FREE
        self.read_back: ReadBack | None = None
        self.trouble: Reason | None = None
        """Why the lease is not what was wished, in words; None while all is well. The room makes an alarm of it."""

    @property
    def held(self) -> bool:
        """True from the first command until the release is acknowledged."""
        return self.phase in (Phase.HELD, Phase.RELEASING)

    @property
    def present(self) -> bool:
        """Whether the device answered when last seen."""
        return self._present

    @property
    def returning(self) -> bool:
        """True while an appliance is on its way back to how it was found, and is taken in hand once more."""
        return self._returning

    @property
    def wish(self) -> Wish | None:
        """What is wanted now."""
        return self._wish

    @property
    def current(self) -> Wish | None:
        """What the lease was last taken or prolonged for."""
        return self._taken

    @property
    def state(self) -> LeaseState:
        """What reading back says."""
        return self._judge.state

    @property
    def set_point(self) -> SetPoint | None:
        """What was last written under this lease."""
        return self._last if self.held else None

    def expires_in_s(self, now_s: float) -> float:
        """Seconds until the lease ends unless the wish is repeated."""
        return max(0.0, self._wished_at_s + self._rules.wish_s - now_s) if self.held and self._wish else 0.0

    def resting_s(self, now_s: float) -> float:
        """Seconds until an actuator that ignored or overrode us is tried again."""
        return self._rest.left_s(now_s)

    def want(self, wish: Wish | None, now_s: float) -> None:
        """The cycle's wish, or None: let go."""
        self._wish, self._wished_at_s = wish, now_s

    def seen(self, *, present: bool) -> None:
        """Whether the device answers. A held lease rests while it is lost; when it is back it is read back first."""
        if present and not self._present and self.phase is Phase.HELD:
            self._judge = ReadBackJudge(self._rules.settle_s, self._rules.tolerance)
            self._before_loss, self._last, self._read_before_first_write = self._last, None, True
        self._present = present

    def try_again(self) -> None:
        """Forget a rest: the owner asked, or the device came back."""
        self._rest.forget()
        self._not_before_s = 0.0

    def adopt(self, wish: Wish, read_back: ReadBack, now_s: float) -> None:
        """Go on with a lease of the process before: the device reads back what was journalled, nothing is written."""
        self.phase, self._taken, self._last, self._commanded = Phase.HELD, wish, read_back.set_point, True
        self.want(wish, now_s)
        self._journalled_at_s = self._written_at_s = now_s
        self._judge.wrote(read_back.set_point, now_s)
        self._heard(read_back, now_s)

    def release_first(self, why: Reason) -> None:
        """Whatever the process before held is given back before anything else."""
        self._commanded = True
        self._begin_release()
        self.trouble = why

    def close_first(self) -> None:
        """The journal names a lease that the device no longer holds: only the journal is to be mended."""
        self.phase, self._not_before_s = Phase.CLOSING, 0.0

    def next(self, now_s: float) -> Action | None:
        """Return what to do now, or None when there is nothing until the next wish or second."""
        if not self._present and self.phase in (Phase.FREE, Phase.TAKING, Phase.HELD):
            return None
        match self.phase:
            case Phase.FREE:
                return self._next_free(now_s)
            case Phase.TAKING:
                return Take(self._taken) if self._taken and now_s >= self._not_before_s else None
            case Phase.HELD:
                return self._next_held(now_s)
            case Phase.RELEASING:
                return self._next_releasing(now_s)
            case Phase.CLOSING:
                return Close() if now_s >= self._not_before_s else None

    def journalled(self, now_s: float) -> None:
        """The take or renewal is durable."""
        self._journalled_at_s, self._renewing = now_s, False
        if self.phase is Phase.TAKING:
            self.phase = Phase.HELD
            self._judge = ReadBackJudge(self._rules.settle_s, self._rules.tolerance)
            self._last, self._read_before_first_write, self._commanded = None, True, False
            if self._returning:  # what it shows now is not where it is going: it is told again
                self._read_before_first_write, self._commanded, self._returning = False, True, False
            self._refusals = self._reasserts = 0
            self._not_before_s = 0.0

    def journal_failed(self, why: str, now_s: float) -> None:
        """The disk did not take the record: nothing new is commanded; tried again."""
        again_s = now_s + self._rules.retry_s[-1]
        self.trouble = words.not_journalled(why)
        if self._renewing:
            # The command stands; on disk its lease lapses, so that after a crash the device is released first.
            self._renewing, self._journalled_at_s = False, again_s - self._rules.term_s / 2
        elif self.phase is Phase.TAKING:
            self.phase = Phase.FREE
            self._rest.last_until(again_s)
        elif self.phase is Phase.HELD:
            self._rest.last_until(again_s)
            self._begin_release()
        else:
            self._not_before_s = again_s

    def written(self, set_point: SetPoint, refusal: Refusal | None, now_s: float, day: int) -> None:
        """The device acknowledged or refused a write."""
        self._budget.count(now_s, day)
        if refusal is None:
            self._refusals, self._not_before_s = 0, 0.0
            if self._judge.state is LeaseState.OVERRIDDEN:
                self._reasserts += 1
            self._last, self._written_at_s = set_point, now_s
            self._judge.wrote(set_point, now_s)
            self._read_due_s = now_s + self._rules.read_back_after_s
            return
        self._refusals += 1
        self._not_before_s = now_s + self._retry_s(self._refusals)
        if self._refusals < self._rules.refusals:
            return
        if refusal.code in _SILENT:
            self.trouble = words.silent(refusal, appliance=self._rules.user_first)
            self._begin_release()
        else:
            row = _REFUSES if self._rules.user_first else _REFUSED
            self._give_up(words.refused(self._refusals, refusal), row, now_s)

    def read(self, answer: ReadBack | Refusal, now_s: float) -> None:
        """What reading back brought; a refusal says nothing about what the device does."""
        self._read_due_s = now_s + self._rules.read_back_every_s
        if isinstance(answer, Refusal):
            self._read_before_first_write = False
            if self._giving_back.read_due and answer.code is RefusalCode.UNSUPPORTED:
                self.phase, self._giving_back.read_due = Phase.CLOSING, False
            elif self._giving_back.read_due:
                self._release_failed(str(answer), now_s)
            return
        self.read_back = answer
        if self.phase is Phase.RELEASING:
            self._read_after_release(answer, now_s)
        elif self._read_before_first_write:
            self._read_before_first_write = False
            self._judge.stood_before(answer)
            self._readopt(answer, now_s)
        elif self.phase is Phase.HELD:
            self._heard(answer, now_s)

    def released(self, refusal: Refusal | None, now_s: float, day: int) -> None:
        """The device acknowledged or refused its release."""
        self._budget.count(now_s, day)
        if refusal is None:
            self._giving_back.acknowledged(now_s)
            self._not_before_s = 0.0 if self._rules.user_first else self._not_before_s
        elif self._rules.user_first and refusal.code not in _SILENT:
            self._end_release(now_s)  # it stays as it judges
        else:
            self._release_failed(str(refusal), now_s)

    def closed(self) -> None:
        """The end is durable."""
        self.phase, self._taken, self._last = Phase.FREE, None, None
        self._not_before_s = 0.0

    # What to do in each phase.

    def _next_free(self, now_s: float) -> Action | None:
        wish = self._live_wish(now_s)
        if wish is None or self._rest.keeps_from(wish, now_s):
            return None
        if self._unaffordable():
            return None
        self.phase, self._taken = Phase.TAKING, self._wish
        self._not_before_s = 0.0
        return self.next(now_s)

    def _next_held(self, now_s: float) -> Action | None:
        wish = self._live_wish(now_s)
        if wish is None or self._unaffordable():
            self._begin_release()
            return self.next(now_s)
        if self._read_before_first_write:
            return Read()
        if now_s < self._not_before_s:
            return None
        if self._judge.state is LeaseState.OVERRIDDEN and self._reasserts >= self._repetitions(wish, now_s):
            self._yield(wish, now_s)
            return self.next(now_s)
        if self._taken is None or not self._rules.covers(self._taken, wish):
            self._taken = wish
            return Take(wish)
        if self._write_due(wish, now_s):
            self._commanded = True
            return Write(wish.set_point)
        if now_s >= self._read_due_s:
            return Read()
        if not self._renewing and now_s - self._journalled_at_s > self._rules.term_s / 2:
            self._renewing = True
            return Renew(self._taken)
        return None

    def _next_releasing(self, now_s: float) -> Action | None:
        wish = self._live_wish(now_s)
        if self._giving_back.on_its_way and wish is not None and self._rest.left_s(now_s) == 0.0:
            # Taken in hand again before it was back: what it was found in still holds.
            self._giving_back.begin()
            self._returning = True
            self._may_wake_until_s = now_s + self._rules.settle_s
            self.phase, self._taken, self._not_before_s = Phase.TAKING, wish, 0.0
            return Take(wish)
        if now_s < self._not_before_s:
            return None
        return Read() if self._giving_back.read_due else Release()

    def _live_wish(self, now_s: float) -> Wish | None:
        return self._wish if self._wish and now_s - self._wished_at_s < self._rules.wish_s else None

    def _write_due(self, wish: Wish, now_s: float) -> bool:
        if self._last is None or self._judge.state is LeaseState.OVERRIDDEN:
            return True
        revert_s = wish.set_point.revert_s
        if revert_s > 0 and now_s - self._written_at_s >= revert_s * self._rules.reassert_share:
            return True
        return self._changed(wish.set_point) and (wish.urgent or self._budget.allows(now_s))

    def _changed(self, wanted: SetPoint) -> bool:
        return self._last is None or not Tolerance(self._rules.deadband_kw).same(self._last, wanted)

    def _repetitions(self, wish: Wish, now_s: float) -> int:
        """How often a command that somebody else undid is repeated: against a user's own hand only for the envelope.

        One that was on its way back may still wake by our own packet: that is nobody's hand.
        """
        by_user = self._rules.user_first and now_s >= self._may_wake_until_s
        return 0 if by_user and wish.owner > Claimant.ENVELOPE else self._rules.reasserts

    def _unaffordable(self) -> bool:
        """A device that must be told again more often than its registers may be written cannot be held at all."""
        revert_s = self._wish.set_point.revert_s if self._wish else 0.0
        if revert_s <= 0 or self._budget.sustains(revert_s * self._rules.reassert_share):
            return False
        self.trouble = words.unaffordable(revert_s, self._budget.period_s)
        return True

    # What reading back and refusals lead to.

    def _heard(self, answer: ReadBack, now_s: float) -> None:
        self.read_back = answer
        match self._judge.read(answer, now_s):
            case LeaseState.CONFIRMED:
                self._rest.confirmed()
                if now_s - self._overridden_at_s >= self._rules.override_memory_s or not self._reasserts:
                    self._reasserts, self.trouble = 0, None
            case LeaseState.OVERRIDDEN:
                self._overridden_at_s = now_s
                self.trouble = words.OVERRIDDEN
            case LeaseState.IGNORED:
                wanted = self._last.power_state if self._last is not None else None
                of_appliance = _NOT_WOKEN if wanted is PowerState.ON else _REFUSES
                row = _IGNORED if wanted is None else of_appliance
                self._give_up(words.ignored(wanted, self._rules.settle_s), row, now_s)
            case LeaseState.SETTLING:
                pass

    def _readopt(self, answer: ReadBack, now_s: float) -> None:
        """A device that is as we want it is not commanded: after a loss, and an appliance that is so already."""
        before, self._before_loss = self._before_loss, None
        if self._wish is not None and self._wish.set_point.power_state is not None:
            before = self._wish.set_point if not self._wish.set_point.turn else None
        if before is not None and self._judge.holds(answer, before):
            self._last, self._written_at_s = before, now_s
            self._judge.wrote(before, now_s)
            self._heard(answer, now_s)

    def _yield(self, wish: Wish, now_s: float) -> None:
        """What the device holds now is not ours to take back: the lease ends without touching it."""
        self._rest.begin(wish, now_s)
        if self._rules.user_first:
            self._rest.last_until(now_s + self._rules.user_rest_s)
        self.phase, self._not_before_s = Phase.CLOSING, 0.0
        by_hand, rest_s = self._repetitions(wish, now_s) == 0, self._rest.left_s(now_s)
        others = words.left_to_others(self._rules.reasserts, _OVERRIDDEN, rest_s)
        self.trouble = words.left_to_user(rest_s) if by_hand else others

    def _give_up(self, why: str, row: LossRow, now_s: float) -> None:
        self._rest.begin(self._wish, now_s)
        self.trouble = words.given_up(why, row, self._rest.left_s(now_s))
        self._begin_release()

    def _begin_release(self) -> None:
        """Also a write never acknowledged may have taken hold; only where none was sent is nothing given back."""
        self.phase = Phase.RELEASING if self._commanded else Phase.CLOSING
        self._giving_back.begin()
        self._not_before_s = 0.0

    def _read_after_release(self, answer: ReadBack, now_s: float) -> None:
        match self._giving_back.shown(answer, self._last, self.returns_to, now_s):
            case Shown.BACK:
                self._end_release(now_s)
            case Shown.ON_ITS_WAY:
                self._not_before_s = now_s + self._rules.retry_s[0]
            case Shown.STILL_OURS:
                self._release_failed("reading back still shows our command", now_s)
            case Shown.NOT_GONE:
                self._rest.begin(self._taken, now_s)
                self._end_release(now_s)
                self.trouble = words.not_gone_back(self.returns_to, self._rules.settle_s)

    def _end_release(self, now_s: float) -> None:
        self._giving_back.begin()
        self.phase, self._not_before_s = Phase.CLOSING, 0.0
        if self.trouble is not None and self._rest.left_s(now_s) == 0.0:
            self.trouble = None

    def _release_failed(self, why: str, now_s: float) -> None:
        times = self._giving_back.failed()
        self._not_before_s = now_s + self._retry_s(times)
        if times >= self._rules.release_alarm_after:
            self.trouble = words.not_given_back(times, why)

    def _retry_s(self, count: int) -> float:
        return self._rules.retry_s[min(count, len(self._rules.retry_s)) - 1]
