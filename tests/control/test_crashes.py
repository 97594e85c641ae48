"""Killed after any step, started again, any number of times: what the journal, the device and we believe stays true.

Nothing is commanded without a journal entry; after a restart nothing stays held unless it was adopted.
"""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from heg.control.budget import WriteMeter
from heg.control.journal import JournalFile
from heg.control.journal_format import Condition, Doubt, HeldLease, Journalled, Released, Taken, read_file
from heg.control.lease_terms import Close, LeaseRules, Read, Release, Renew, Take, Wish, Write
from heg.control.leases import Lease, Phase
from heg.control.recovery import Found, Verdict, inherited_wish, recover
from heg.control.verdict import Tolerance
from heg.devices.contract import ReadBack
from heg.model.capabilities import WriteBudget
from heg.model.leases import Claimant, Reason, ReasonCode, SetPoint
from heg.model.refusals import Refusal, RefusalCode
from heg.model.regimes import Regime

WHY = Reason(ReasonCode.PLAN, "because")
DEVICE = "Acme|B1|7"
REFUSED = Refusal(RefusalCode.DEVICE_REFUSED, "an acknowledgement", "exception 4")
RULES = LeaseRules(term_s=120.0)

wishes = st.one_of(
    st.none(),
    st.floats(-5, 5).map(
        lambda kw: Wish(SetPoint(power_kw=round(kw, 2)), Claimant.PLAN, WHY, Regime.BALANCE, False, -5.0, 5.0)
    ),
    st.sampled_from([Regime.HOLD, Regime.BALANCE]).map(
        lambda regime: Wish(SetPoint(regime=regime), Claimant.PLAN, WHY, regime, True, -5.0, 5.0)
    ),
)


class OneUnit(RuleBasedStateMachine):
    """A device with a register, a journal file, and a process that can be killed between any two steps."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="heg-crash-"))
        self.now_s, self.utc_s, self.boot = 0.0, 1_800_000_000.0, "a"
        self.register: SetPoint | None = None
        self.ours_since_journal = True
        self.refusing = False
        self.wish: Wish | None = None
        self.damaged = False
        self._start()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.file.close()
            shutil.rmtree(self.folder)

    def _start(self) -> None:
        self.file = JournalFile(self.folder / "leases.journal")
        self.said: Journalled = self.file.open()
        self.lease = Lease(RULES, WriteMeter(WriteBudget(volatile=True), now_s=self.now_s))
        self.recovered = False

    @precondition(lambda self: self.recovered)
    @rule(wish=wishes, seconds=st.sampled_from([0.0, 1.0, 5.0, 70.0]), count=st.integers(1, 6))
    def want(self, wish: Wish | None, seconds: float, count: int) -> None:
        self.wish = wish
        self.steps(seconds, count)

    @precondition(lambda self: not self.recovered)
    @rule(fresh=st.booleans(), says=st.booleans())
    def settle_inheritance(self, fresh: bool, says: bool) -> None:
        """What the hand does before anything else; the device may refuse to say."""
        inherited = None if self.said.doubt else self.said.held.get(DEVICE)
        answer = self._read_back() if says else REFUSED
        if inherited is not None:
            found = Found(answer, self.utc_s, self.boot, fresh)
            verdict = recover(inherited, found, Tolerance()).verdict
            if verdict is Verdict.ADOPT:
                assert isinstance(answer, ReadBack)
                assert self.boot == inherited.boot
                assert fresh
                assert self.utc_s < inherited.expires_utc_s
                self.lease.adopt(inherited_wish(inherited, answer), answer, self.now_s)
            elif verdict is Verdict.NOTHING_HELD:
                self.lease.close_first()
            else:
                self.lease.release_first(WHY)
        elif self.said.doubt and isinstance(answer, ReadBack) and not answer.active:
            self.lease.close_first()
        elif self.said.doubt:
            self.lease.release_first(WHY)
        self.recovered = True

    @precondition(lambda self: self.recovered)
    @rule(seconds=st.sampled_from([0.0, 1.0, 5.0, 70.0, 1000.0]), count=st.integers(1, 6))
    def let_pass(self, seconds: float, count: int) -> None:
        self.steps(seconds, count)

    def steps(self, seconds: float, count: int) -> None:
        """So many steps of the lease: a crash can come after any of them."""
        for _ in range(count):
            self.now_s += seconds
            self.utc_s += seconds
            self._step()
            self.what_the_device_holds_is_journalled()

    def _step(self) -> None:
        self.lease.want(self.wish, self.now_s)
        match self.lease.next(self.now_s):
            case Take(wish) | Renew(wish):
                self.file.append([Taken(self._held(wish))])
                self.lease.journalled(self.now_s)
            case Write(set_point):
                assert DEVICE in self._on_disk().held, "a command without a journal entry"
                refusal = REFUSED if self.refusing else None
                if refusal is None:
                    self.register = set_point
                self.lease.written(set_point, refusal, self.now_s, 0)
            case Read():
                self.lease.read(self._read_back(), self.now_s)
            case Release():
                refusal = REFUSED if self.refusing else None
                if refusal is None:
                    self.register = None
                self.lease.released(refusal, self.now_s, 0)
            case Close():
                self.file.append([Released(DEVICE)])
                self.lease.closed()
            case None:
                pass

    @rule(
        damage=st.sampled_from([False, False, True]),
        reboot=st.booleans(),
        away_s=st.sampled_from([0.0, 3.0, 500.0, -4000.0]),
    )
    def crash(self, damage: bool, reboot: bool, away_s: float) -> None:
        self.file.close()
        path = self.folder / "leases.journal"
        if damage:
            image = bytearray(path.read_bytes())
            for at in [index for index, byte in enumerate(image) if byte][::7]:
                image[at] ^= 0x11
            path.write_bytes(bytes(image))
        if reboot:
            self.boot += "x"
        self.utc_s += away_s
        self._start()
        assert self.said.doubt or not damage

    @precondition(lambda self: self.recovered and self.said.doubt)
    @rule()
    def settle_doubt(self) -> None:
        if self.recovered and self.said.doubt and self.lease.phase is Phase.FREE and self.register is None:
            self.file.append([Doubt(on=False)])

    @precondition(lambda self: self.recovered)
    @rule(on=st.booleans())
    def refuse(self, on: bool) -> None:
        self.refusing = on

    @invariant()
    def what_the_device_holds_is_journalled(self) -> None:
        if not hasattr(self, "folder"):
            return
        said = self._on_disk()
        if self.register is not None:
            assert DEVICE in said.held or said.doubt, "held, and a crash now would not know"

    @invariant()
    def a_free_lease_holds_nothing(self) -> None:
        if hasattr(self, "folder") and self.recovered and self.lease.phase is Phase.FREE:
            assert self.register is None

    def _on_disk(self) -> Journalled:
        said, _ = read_file((self.folder / "leases.journal").read_bytes())
        assert said.condition is Condition.CLEAN
        return said

    def _read_back(self) -> ReadBack:
        return ReadBack(self.register is not None, self.register or SetPoint())

    def _held(self, wish: Wish) -> HeldLease:
        return HeldLease(
            DEVICE,
            "battery",
            wish.set_point.regime if wish.native else None,
            wish.min_kw,
            wish.max_kw,
            wish.owner,
            wish.reason.code,
            self.utc_s,
            self.utc_s + RULES.term_s,
            wish.regime,
            self.boot,
        )


TestOneUnit = OneUnit.TestCase
TestOneUnit.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
