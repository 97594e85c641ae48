"""An appliance, its user, and a gateway that is killed at any step: it ends as its user left it, and nobody fights.

The driver's memory of what was before goes with the process; the journal's does not.
"""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from heg.control.budget import WriteMeter
from heg.control.journal import JournalFile
from heg.control.journal_format import HeldLease, Released, Taken
from heg.control.lease_terms import Close, LeaseRules, Read, Release, Renew, Take, Wish, Write
from heg.control.leases import Lease, Phase
from heg.control.recovery import Found, Verdict, inherited_wish, let_go, recover
from heg.control.verdict import Tolerance
from heg.devices.contract import ReadBack
from heg.model.appliances import PowerState
from heg.model.capabilities import WriteBudget
from heg.model.leases import Claimant, Reason, ReasonCode, SetPoint
from heg.model.refusals import Refusal, RefusalCode
from heg.model.regimes import Regime

WHY = Reason(ReasonCode.AUTOMATION, "because")
DEVICE = "uuid:heater"
BUSY = Refusal(RefusalCode.DEVICE_REFUSED, "an action carried out", "802 a cycle is running")
RULES = LeaseRules(term_s=120.0, settle_s=90.0, refusals=3, user_first=True)
WAKES_S = 40.0

states = st.sampled_from(PowerState)
wishes = st.none() | st.builds(
    lambda state, owner: Wish(SetPoint(power_state=state), owner, WHY, Regime.HOLD, False, 0.0, 0.0),
    states,
    st.sampled_from([Claimant.ENVELOPE, Claimant.MANUAL, Claimant.AUTOMATION]),
)


class OneAppliance(RuleBasedStateMachine):
    """Its state, its user, the driver's record, a journal file, and a process that can end between any two steps."""

    @initialize(state=states)
    def begin(self, state: PowerState) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="heg-appliance-"))
        self.now_s, self.utc_s, self.boot = 0.0, 1_800_000_000.0, "a"
        self.state = state
        self.coming_on_s: float | None = None
        self.users = {state}
        self.busy = self.deaf = False
        self.kept_by_itself = False
        self.wish: Wish | None = None
        self.before: PowerState | None = None
        self.noted: PowerState | None = None
        self._start()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.file.close()
            shutil.rmtree(self.folder)

    def _start(self) -> None:
        self.file = JournalFile(self.folder / "leases.journal")
        self.held = dict(self.file.open().held)
        self.lease = Lease(RULES, WriteMeter(WriteBudget(volatile=True), now_s=self.now_s))
        self.recovered = False
        self.before = None  # the driver's record went with its process
        self.contradicts: Wish | None = None
        self.pressed_s = self.may_wake_until_s = 0.0

    @precondition(lambda self: not self.recovered)
    @rule(fresh=st.booleans(), doubt=st.booleans())
    def settle_inheritance(self, fresh: bool, doubt: bool) -> None:
        """What the hand does before anything else."""
        inherited, answer = self.held.get(DEVICE), self._read_back()
        self.noted = self.lease.returns_to = None if inherited is None else inherited.before
        if inherited is not None:
            self.before = inherited.before
            found = Found(answer, self.utc_s, self.boot, fresh)
            verdict = recover(inherited, found, Tolerance()).verdict
            if doubt:
                verdict = Verdict.NOTHING_HELD if let_go(inherited, answer) else Verdict.RELEASE
            if verdict is Verdict.ADOPT:
                self.lease.adopt(inherited_wish(inherited, answer), answer, self.now_s)
            elif verdict is Verdict.NOTHING_HELD:
                self.lease.close_first()
            else:
                self.lease.release_first(WHY)
        self.recovered = True

    @precondition(lambda self: self.recovered)
    @rule(wish=wishes, seconds=st.sampled_from([0.0, 1.0, 5.0, 70.0]), count=st.integers(1, 8))
    def want(self, wish: Wish | None, seconds: float, count: int) -> None:
        self.wish = wish
        self.contradicts = None
        self._steps(seconds, count)

    @precondition(lambda self: self.recovered)
    @rule(seconds=st.sampled_from([0.0, 1.0, 5.0, 70.0, 1000.0]), count=st.integers(1, 8))
    def let_pass(self, seconds: float, count: int) -> None:
        self._steps(seconds, count)

    @rule(state=states)
    def press(self, state: PowerState) -> None:
        """Its user's own hand. Once our command has shown it is left to them for an hour, but for the envelope."""
        shown = self.lease.held and self.lease.state == "confirmed" and self.now_s > self.may_wake_until_s
        if self.recovered and shown and state is not self.state:
            self.contradicts, self.pressed_s = self.wish, self.now_s
        self.state, self.coming_on_s = state, None
        self.users.add(state)

    @rule(busy=st.booleans(), deaf=st.booleans())
    def mind(self, busy: bool, deaf: bool) -> None:
        self.busy, self.deaf = busy, deaf

    @rule(reboot=st.booleans(), away_s=st.sampled_from([0.0, 3.0, 500.0, -4000.0]))
    def crash(self, reboot: bool, away_s: float) -> None:
        self.file.close()
        if self.coming_on_s is not None:
            self.users.add(PowerState.ON)  # a packet that went out is not called back
        self.boot += "x" if reboot else ""
        self.utc_s += away_s
        self._start()

    def _steps(self, seconds: float, count: int) -> None:
        for _ in range(count):
            self.now_s += seconds
            self.utc_s += seconds
            if self.coming_on_s is not None and self.now_s >= self.coming_on_s:
                self.state, self.coming_on_s = PowerState.ON, None
            self._step()

    def _step(self) -> None:
        self.lease.want(self.wish, self.now_s)
        match self.lease.next(self.now_s):
            case Take(wish) | Renew(wish):
                if self.noted is None:
                    self.noted = self.lease.returns_to = self.state
                elif self.lease.returning:
                    self.before = self.noted
                    self.may_wake_until_s = self.now_s + RULES.settle_s  # its own wake-up is nobody's hand
                self.held[DEVICE] = self._held(wish)
                self.file.append([Taken(self.held[DEVICE])])
                self.lease.journalled(self.now_s)
            case Write(set_point):
                self.lease.written(set_point, self._apply(set_point), self.now_s, 0)
            case Read():
                self.lease.read(self._read_back(), self.now_s)
            case Release():
                self.lease.released(self._release(), self.now_s, 0)
            case Close():
                self.file.append([Released(DEVICE)])
                self.held.pop(DEVICE, None)
                self.noted = self.lease.returns_to = None
                self.lease.closed()
            case None:
                pass
        if self.lease.phase is Phase.FREE:
            self._must_be_as_its_user_left_it()

    def _apply(self, set_point: SetPoint) -> Refusal | None:
        wanted = set_point.power_state
        assert wanted is not None
        journalled = self.held.get(DEVICE)
        assert journalled is not None, "a command without a journal entry"
        assert (journalled.power_state, journalled.before) == (wanted, self.noted)
        rests = self.now_s - self.pressed_s < RULES.user_rest_s
        if rests and (stood := self.contradicts) is not None and stood == self.wish:
            assert stood.owner is Claimant.ENVELOPE, "its user's hand was contradicted"
        if self.busy:
            return BUSY
        if self.before is None:
            self.before = self.state
        if not self.deaf:
            self._becomes(wanted)
        return None

    def _release(self) -> Refusal | None:
        if self.busy:
            self.kept_by_itself = True
            return BUSY
        if self.before is not None:
            self._becomes(self.before)
        self.before = None
        return None

    def _becomes(self, state: PowerState) -> None:
        if state is PowerState.ON and self.state is not PowerState.ON:
            self.coming_on_s = self.now_s + WAKES_S
        else:
            self.state, self.coming_on_s = state, None

    def _must_be_as_its_user_left_it(self) -> None:
        left = self._left()
        assert self.kept_by_itself or left in self.users
        self.kept_by_itself, self.users = False, {left, self.state}  # two where a killed process had begun to wake it
        self.before = None

    @invariant()
    def what_is_not_its_users_is_journalled(self) -> None:
        if hasattr(self, "folder") and self._left() not in self.users and not self.kept_by_itself:
            assert DEVICE in self.held, "switched, and a crash now would not know"

    def _left(self) -> PowerState:
        """The state it is in, or on its way to."""
        return PowerState.ON if self.coming_on_s is not None else self.state

    def _read_back(self) -> ReadBack:
        return ReadBack(True, SetPoint(power_state=self.state))

    def _held(self, wish: Wish) -> HeldLease:
        return HeldLease(
            DEVICE,
            "heater",
            None,
            wish.min_kw,
            wish.max_kw,
            wish.owner,
            wish.reason.code,
            self.utc_s,
            self.utc_s + RULES.term_s,
            wish.regime,
            self.boot,
            power_state=wish.set_point.power_state,
            before=self.noted,
            former=None if self.lease.set_point is None else self.lease.set_point.power_state,
        )


TestOneAppliance = OneAppliance.TestCase
TestOneAppliance.settings = settings(max_examples=120, stateful_step_count=40, deadline=None, derandomize=True)
