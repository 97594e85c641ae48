"""A lease, the journal file it is kept in, and a process that can be killed between any two of their steps."""

import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

from hypothesis.stateful import RuleBasedStateMachine

from heg.control.budget import WriteMeter
from heg.control.journal import JournalFile
from heg.control.journal_format import Condition, HeldLease, Journalled, Released, Taken, read_file
from heg.control.lease_terms import Close, LeaseRules, Read, Release, Renew, Take, Wish, Write
from heg.control.leases import Lease
from heg.control.recovery import Verdict, inherited_wish
from heg.devices.contract import ReadBack
from heg.model.capabilities import WriteBudget
from heg.model.leases import Reason, ReasonCode, SetPoint
from heg.model.refusals import Refusal

WHY = Reason(ReasonCode.PLAN, "because")


class MortalLease(RuleBasedStateMachine):
    """What every actuator has in common; what the device does, and what must hold, its own machine says."""

    device: ClassVar[str]
    rules_of: ClassVar[LeaseRules]

    def set_up(self) -> None:
        """An empty journal and the first process."""
        self.folder = Path(tempfile.mkdtemp(prefix="heg-crash-"))
        self.now_s, self.utc_s, self.boot = 0.0, 1_800_000_000.0, "a"
        self.wish: Wish | None = None
        self.start()

    def teardown(self) -> None:
        if self.begun:
            self.file.close()
            shutil.rmtree(self.folder)

    @property
    def begun(self) -> bool:
        return hasattr(self, "folder")

    @property
    def journal(self) -> Path:
        return self.folder / "leases.journal"

    def start(self) -> None:
        """A process begins: what it knows is what the journal says."""
        self.file = JournalFile(self.journal)
        self.said: Journalled = self.file.open()
        self.lease = Lease(self.rules_of, WriteMeter(WriteBudget(volatile=True), now_s=self.now_s))
        self.recovered = False

    def go_on(self, verdict: Verdict, inherited: HeldLease | None, answer: ReadBack | Refusal) -> None:
        """Do by what was decided about what the process before held."""
        if verdict is Verdict.ADOPT:
            assert inherited is not None
            assert isinstance(answer, ReadBack)
            self.lease.adopt(inherited_wish(inherited, answer), answer, self.now_s)
        elif verdict is Verdict.NOTHING_HELD:
            self.lease.close_first()
        else:
            self.lease.release_first(WHY)

    def begin_anew(self, *, reboot: bool, away_s: float) -> None:
        """The next process, behind one that was killed; the clock may have been set."""
        self.boot += "x" if reboot else ""
        self.utc_s += away_s
        self.start()

    def steps(self, seconds: float, count: int) -> None:
        """So many steps of the lease: a crash can come after any of them."""
        for _ in range(count):
            self.now_s += seconds
            self.utc_s += seconds
            self.time_passed()
            self._step()
            self.stepped()

    def _step(self) -> None:
        self.lease.want(self.wish, self.now_s)
        match self.lease.next(self.now_s):
            case Take(wish) | Renew(wish):
                self.note_before(wish)
                self.file.append([Taken(self.entry(wish))])
                self.lease.journalled(self.now_s)
            case Write(set_point):
                assert self.device in self.on_disk().held, "a command without a journal entry"
                self.lease.written(set_point, self.apply(set_point), self.now_s, 0)
            case Read():
                self.lease.read(self.read_back(), self.now_s)
            case Release():
                self.lease.released(self.release(), self.now_s, 0)
            case Close():
                self.file.append([Released(self.device)])
                self.closed()
                self.lease.closed()
            case None:
                pass

    def on_disk(self) -> Journalled:
        """What a process that began now would read."""
        said, _ = read_file(self.journal.read_bytes())
        assert said.condition is Condition.CLEAN
        return said

    def entry(self, wish: Wish) -> HeldLease:
        """What is journalled of a wish."""
        return HeldLease(
            self.device,
            "device",
            wish.set_point.regime if wish.native else None,
            wish.min_kw,
            wish.max_kw,
            wish.owner,
            wish.reason.code,
            self.utc_s,
            self.utc_s + self.rules_of.term_s,
            wish.regime,
            self.boot,
        )

    # What a device does.

    def apply(self, set_point: SetPoint) -> Refusal | None:
        raise NotImplementedError

    def release(self) -> Refusal | None:
        raise NotImplementedError

    def read_back(self) -> ReadBack:
        raise NotImplementedError

    # Where a machine has something to see to.

    def time_passed(self) -> None:
        """Before a step."""

    def stepped(self) -> None:
        """After a step."""

    def note_before(self, wish: Wish) -> None:
        """Before a wish is journalled."""

    def closed(self) -> None:
        """The end of the lease is journalled."""
