"""Killed after any step, started again, any number of times: what the journal, the device and we believe stays true.

Nothing is commanded without a journal entry; after a restart nothing stays held unless it was adopted.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from heg.control.journal_format import Doubt
from heg.control.lease_terms import LeaseRules, Wish
from heg.control.leases import Phase
from heg.control.recovery import Found, Verdict, recover
from heg.devices.contract import ReadBack
from heg.model.leases import Claimant, SetPoint
from heg.model.refusals import Refusal, RefusalCode
from heg.model.regimes import Regime
from tests.control.mortal_lease import WHY, MortalLease

REFUSED = Refusal(RefusalCode.DEVICE_REFUSED, "an acknowledgement", "exception 4")

wishes = st.one_of(
    st.none(),
    st.floats(-5, 5).map(
        lambda kw: Wish(SetPoint(power_kw=round(kw, 2)), Claimant.PLAN, WHY, Regime.BALANCE, False, -5.0, 5.0)
    ),
    st.sampled_from([Regime.HOLD, Regime.BALANCE]).map(
        lambda regime: Wish(SetPoint(regime=regime), Claimant.PLAN, WHY, regime, True, -5.0, 5.0)
    ),
)


class OneUnit(MortalLease):
    """A device with a register, a journal file, and a process that can be killed between any two steps."""

    device = "Acme|B1|7"
    rules_of = LeaseRules(term_s=120.0)

    @initialize()
    def begin(self) -> None:
        self.register: SetPoint | None = None
        self.refusing = False
        self.set_up()

    @precondition(lambda self: self.recovered)
    @rule(wish=wishes, seconds=st.sampled_from([0.0, 1.0, 5.0, 70.0]), count=st.integers(1, 6))
    def want(self, wish: Wish | None, seconds: float, count: int) -> None:
        self.wish = wish
        self.steps(seconds, count)

    @precondition(lambda self: not self.recovered)
    @rule(fresh=st.booleans(), says=st.booleans())
    def settle_inheritance(self, fresh: bool, says: bool) -> None:
        """What the hand does before anything else; the device may refuse to say."""
        inherited = None if self.said.doubt else self.said.held.get(self.device)
        answer = self.read_back() if says else REFUSED
        if inherited is not None:
            verdict = recover(inherited, Found(answer, self.utc_s, self.boot, fresh), self.rules_of).verdict
            if verdict is Verdict.ADOPT:
                assert self.boot == inherited.boot
                assert fresh
                assert self.utc_s < inherited.expires_utc_s
            self.go_on(verdict, inherited, answer)
        elif self.said.doubt:
            released = isinstance(answer, ReadBack) and not answer.active
            self.go_on(Verdict.NOTHING_HELD if released else Verdict.RELEASE, None, answer)
        self.recovered = True

    @precondition(lambda self: self.recovered)
    @rule(seconds=st.sampled_from([0.0, 1.0, 5.0, 70.0, 1000.0]), count=st.integers(1, 6))
    def let_pass(self, seconds: float, count: int) -> None:
        self.steps(seconds, count)

    @rule(
        damage=st.sampled_from([False, False, True]),
        reboot=st.booleans(),
        away_s=st.sampled_from([0.0, 3.0, 500.0, -4000.0]),
    )
    def crash(self, damage: bool, reboot: bool, away_s: float) -> None:
        self.file.close()
        if damage:
            image = bytearray(self.journal.read_bytes())
            for at in [index for index, byte in enumerate(image) if byte][::7]:
                image[at] ^= 0x11
            self.journal.write_bytes(bytes(image))
        self.begin_anew(reboot=reboot, away_s=away_s)
        assert self.said.doubt or not damage

    @precondition(lambda self: self.recovered and self.said.doubt)
    @rule()
    def settle_doubt(self) -> None:
        if self.lease.phase is Phase.FREE and self.register is None:
            self.file.append([Doubt(on=False)])

    @precondition(lambda self: self.recovered)
    @rule(on=st.booleans())
    def refuse(self, on: bool) -> None:
        self.refusing = on

    @invariant()
    def what_the_device_holds_is_journalled(self) -> None:
        if not self.begun:
            return
        said = self.on_disk()
        if self.register is not None:
            assert self.device in said.held or said.doubt, "held, and a crash now would not know"

    @invariant()
    def a_free_lease_holds_nothing(self) -> None:
        if self.begun and self.recovered and self.lease.phase is Phase.FREE:
            assert self.register is None

    def stepped(self) -> None:
        self.what_the_device_holds_is_journalled()

    def apply(self, set_point: SetPoint) -> Refusal | None:
        if self.refusing:
            return REFUSED
        self.register = set_point
        return None

    def release(self) -> Refusal | None:
        if self.refusing:
            return REFUSED
        self.register = None
        return None

    def read_back(self) -> ReadBack:
        return ReadBack(self.register is not None, self.register or SetPoint())


TestOneUnit = OneUnit.TestCase
TestOneUnit.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
