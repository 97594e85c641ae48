"""An appliance, its user, and a gateway that is killed at any step: it ends as its user left it, and nobody fights.

The driver's memory of what was before goes with the process; the journal's does not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from heg.control.journal_format import HeldLease
from heg.control.lease_terms import LeaseRules, Wish
from heg.control.leases import Phase
from heg.control.recovery import Found, Verdict, let_go, recover
from heg.devices.contract import ReadBack
from heg.model.appliances import PowerState
from heg.model.leases import Claimant, LeaseState, SetPoint
from heg.model.refusals import Refusal, RefusalCode
from heg.model.regimes import Regime
from tests.control.mortal_lease import WHY, MortalLease

ON, STANDBY, OFF = PowerState.ON, PowerState.STANDBY, PowerState.OFF
BUSY = Refusal(RefusalCode.DEVICE_REFUSED, "an action carried out", "802 a cycle is running")
WAKES_S = 40.0


def wish(state: PowerState, owner: Claimant, lasting: bool = False) -> Wish:
    return Wish(SetPoint(power_state=state, lasting=lasting), owner, WHY, Regime.HOLD, False, 0.0, 0.0)


states = st.sampled_from(PowerState)
wishes = st.none() | st.builds(
    wish, states, st.sampled_from([Claimant.ENVELOPE, Claimant.MANUAL, Claimant.AUTOMATION]), st.booleans()
)


class OneAppliance(MortalLease):
    """Its state, its user, the driver's record, a journal file, and a process that can end between any two steps."""

    device = "uuid:heater"
    rules_of = LeaseRules(term_s=120.0, settle_s=90.0, refusals=3, user_first=True, min_on_s=200.0, min_off_s=300.0)

    @initialize(state=states)
    def begin(self, state: PowerState) -> None:
        self.state = state
        self.coming_on_s: float | None = None
        self.users = {state}
        """How its user left it, or what is to last."""
        self.busy = self.deaf = False
        self.kept_by_itself = False
        self.noted: PowerState | None = None
        self.set_up()

    def start(self) -> None:
        super().start()
        self.before: PowerState | None = None  # the driver's record went with its process
        self.switched_utc_s = 0.0
        self.contradicts: Wish | None = None
        self.pressed_s = self.may_wake_until_s = 0.0

    @precondition(lambda self: not self.recovered)
    @rule(fresh=st.booleans(), doubt=st.booleans())
    def settle_inheritance(self, fresh: bool, doubt: bool) -> None:
        """What the hand does before anything else."""
        inherited, answer = self.said.held.get(self.device), self.read_back()
        self.noted = self.lease.returns_to = None if inherited is None else inherited.before
        if inherited is not None:
            self.before = inherited.before
            self.switched_utc_s = inherited.switched_utc_s
            verdict = recover(inherited, Found(answer, self.utc_s, self.boot, fresh), self.rules_of).verdict
            if doubt:
                verdict = Verdict.NOTHING_HELD if let_go(inherited, answer) else Verdict.RELEASE
            self.go_on(verdict, inherited, answer)
        self.recovered = True

    @precondition(lambda self: self.recovered)
    @rule(wish=wishes, seconds=st.sampled_from([0.0, 1.0, 5.0, 70.0]), count=st.integers(1, 8))
    def want(self, wish: Wish | None, seconds: float, count: int) -> None:
        self.wish = wish
        self.contradicts = None
        self.steps(seconds, count)

    @precondition(lambda self: self.recovered)
    @rule(seconds=st.sampled_from([0.0, 1.0, 5.0, 70.0, 1000.0]), count=st.integers(1, 8))
    def let_pass(self, seconds: float, count: int) -> None:
        self.steps(seconds, count)

    @rule(state=states)
    def press(self, state: PowerState) -> None:
        """Its user's own hand. Once what is wished has shown it is left to them for an hour, but for the envelope."""
        if self.recovered and self._shows_what_is_wished() and state is not self.state:
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
            self.users.add(ON)  # a packet that went out is not called back
        self.begin_anew(reboot=reboot, away_s=away_s)

    @invariant()
    def what_is_not_its_users_is_journalled(self) -> None:
        if self.begun and self._left() not in self.users and not self.kept_by_itself:
            assert self.device in self.on_disk().held, "switched, and a crash now would not know"

    def time_passed(self) -> None:
        if self.coming_on_s is not None and self.now_s >= self.coming_on_s:
            self.state, self.coming_on_s = ON, None

    def stepped(self) -> None:
        if self.lease.phase is Phase.FREE:
            self._must_be_as_its_user_left_it()

    def note_before(self, wish: Wish) -> None:
        if wish.set_point.lasting:
            self.noted = self.lease.returns_to = wish.set_point.power_state
            self.users.add(_state_of(wish))
        if self.noted is None:
            self.noted = self.lease.returns_to = self.state
        elif self.lease.returning:
            self.before = self.noted
            self.may_wake_until_s = self.now_s + self.rules_of.settle_s  # its own wake-up is nobody's hand
        elif self.lease.held and wish.set_point.lasting:
            self.before = self.noted

    def closed(self) -> None:
        self.noted = self.lease.returns_to = None

    def apply(self, set_point: SetPoint) -> Refusal | None:
        wanted = set_point.power_state
        assert wanted is not None
        journalled = self.on_disk().held[self.device]
        assert (journalled.power_state, journalled.before) == (wanted, self.noted)
        rests = self.now_s - self.pressed_s < self.rules_of.user_rest_s
        if rests and (stood := self.contradicts) is not None and stood == self.wish:
            assert stood.owner is Claimant.ENVELOPE, "its user's hand was contradicted"
        if self.busy:
            return BUSY
        if set_point.lasting:
            self.before = wanted
        if self.before is None:
            self.before = self.state
        if not self.deaf:
            self._becomes(wanted)
        return None

    def release(self) -> Refusal | None:
        if self.busy:
            self.kept_by_itself = True
            return BUSY
        if self.before is not None:
            self._becomes(self.before)
        self.before = None
        return None

    def read_back(self) -> ReadBack:
        return ReadBack(True, SetPoint(power_state=self.state))

    def entry(self, wish: Wish) -> HeldLease:
        former = None if self.lease.set_point is None else self.lease.set_point.power_state
        said = super().entry(wish)
        if former is not wish.set_point.power_state:
            self.switched_utc_s = self.utc_s
        return replace(
            said,
            power_state=wish.set_point.power_state,
            before=self.noted,
            former=former,
            switched_utc_s=self.switched_utc_s,
        )

    def _shows_what_is_wished(self) -> bool:
        """An order that is on its way to be carried out is younger than any hand it finds."""
        if self.wish is None or not self.lease.held or self.now_s <= self.may_wake_until_s:
            return False
        told = self.lease.set_point
        return (
            self.lease.state is LeaseState.CONFIRMED and told is not None and told.power_state is _state_of(self.wish)
        )

    def _becomes(self, state: PowerState) -> None:
        if state is ON and self.state is not ON:
            self.coming_on_s = self.now_s + WAKES_S
        else:
            self.state, self.coming_on_s = state, None

    def _must_be_as_its_user_left_it(self) -> None:
        left = self._left()
        assert self.kept_by_itself or left in self.users
        self.kept_by_itself, self.users = False, {left, self.state}  # two where a killed process had begun to wake it
        self.before = None

    def _left(self) -> PowerState:
        """The state it is in, or on its way to."""
        return ON if self.coming_on_s is not None else self.state


def _state_of(wish: Wish) -> PowerState:
    assert wish.set_point.power_state is not None
    return wish.set_point.power_state


TestOneAppliance = OneAppliance.TestCase
TestOneAppliance.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)


# What was found, step by step.


@contextmanager
def found(state: PowerState) -> Iterator[OneAppliance]:
    machine = OneAppliance()
    machine.begin(state=state)
    machine.settle_inheritance(fresh=True, doubt=False)
    try:
        yield machine
        machine.what_is_not_its_users_is_journalled()
    finally:
        machine.teardown()


def test_an_order_given_before_its_user_pressed_is_carried_out() -> None:
    with found(OFF) as one:
        one.want(wish=wish(ON, Claimant.ENVELOPE), seconds=0.0, count=1)
        one.want(wish=wish(OFF, Claimant.ENVELOPE), seconds=1.0, count=1)
        one.want(wish=wish(STANDBY, Claimant.MANUAL), seconds=0.0, count=1)
        one.press(state=ON)
        one.let_pass(seconds=0.0, count=1)
        assert one.state is STANDBY


def test_a_lasting_order_over_one_that_stands_is_not_taken_back() -> None:
    with found(STANDBY) as one:
        one.want(wish=wish(ON, Claimant.AUTOMATION), seconds=5.0, count=8)
        one.let_pass(seconds=70.0, count=1)
        one.want(wish=wish(ON, Claimant.MANUAL, lasting=True), seconds=1.0, count=4)
        one.crash(reboot=True, away_s=0.0)
        one.settle_inheritance(fresh=True, doubt=False)
        one.want(wish=None, seconds=70.0, count=8)
        assert (one.state, one.lease.phase) == (ON, Phase.FREE)
