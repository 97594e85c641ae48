"""The life of a lease, step by step with the time in hand, against a device with registers."""

from collections.abc import Callable

from heg.control.budget import WriteMeter
from heg.control.lease_terms import Close, LeaseRules, Read, Release, Renew, Take, Wish, Write
from heg.control.leases import Lease
from heg.devices.contract import ReadBack
from heg.model.capabilities import WriteBudget
from heg.model.leases import Claimant, Reason, ReasonCode, SetPoint
from heg.model.refusals import Refusal, RefusalCode
from heg.model.regimes import Regime

WHY = Reason(ReasonCode.SELF_CONSUMPTION, "stores surplus, covers load")
REFUSED = Refusal(RefusalCode.DEVICE_REFUSED, "an acknowledgement", "exception 4")
SILENT = Refusal(RefusalCode.TIMEOUT, "an answer", "none")


def power(kw: float, revert_s: float = 0.0) -> Wish:
    set_point = SetPoint(power_kw=kw, revert_s=revert_s)
    return Wish(set_point, Claimant.IDLE, WHY, Regime.BALANCE, native=False, min_kw=-5.0, max_kw=5.0)


def native(regime: Regime) -> Wish:
    return Wish(SetPoint(regime=regime), Claimant.IDLE, WHY, regime, native=True, min_kw=-5.0, max_kw=5.0)


class Bench:
    """A lease, a device and a journal in one hand; `second()` lets the lease do all it wants, then a second pass."""

    def __init__(self, budget: WriteBudget | None = None, **rules: object) -> None:
        self.meter = WriteMeter(budget or WriteBudget(volatile=True), now_s=0.0)
        self.lease = Lease(LeaseRules(**rules), self.meter)  # type: ignore[arg-type]
        self.now_s = 0.0
        self.register: SetPoint | None = None
        self.done: list[str] = []
        self.apply: Callable[[SetPoint], Refusal | None] = self._take
        self.release: Callable[[], Refusal | None] = self._free
        self.journal_broken = False
        self.wish: Wish | None = None

    @property
    def phase(self) -> str:
        return str(self.lease.phase)

    @property
    def state(self) -> str:
        return str(self.lease.state)

    def _take(self, set_point: SetPoint) -> Refusal | None:
        self.register = set_point
        return None

    def _free(self) -> Refusal | None:
        self.register = None
        return None

    def ignore(self, _set_point: SetPoint) -> Refusal | None:
        return None

    def seconds(self, count: int) -> list[str]:
        """Let time pass; returns what was done, in order."""
        self.done = []
        for _ in range(count):
            self.lease.want(self.wish, self.now_s)
            for _ in range(8):
                action = self.lease.next(self.now_s)
                if action is None:
                    break
                self.done.append(type(action).__name__)
                self._do(action)
            self.now_s += 1.0
        return self.done

    def _do(self, action: object) -> None:
        match action:
            case Take() | Renew():
                if self.journal_broken:
                    self.lease.journal_failed("disk gone", self.now_s)
                else:
                    self.lease.journalled(self.now_s)
            case Write(set_point):
                self.lease.written(set_point, self.apply(set_point), self.now_s, 0)
            case Read():
                active = self.register is not None
                self.lease.read(ReadBack(active, self.register or SetPoint()), self.now_s)
            case Release():
                self.lease.released(self.release(), self.now_s, 0)
            case Close():
                self.lease.closed()


def test_a_lease_is_journalled_before_the_first_write_and_read_back_after_it() -> None:
    bench = Bench()
    bench.wish = power(2.0)
    assert bench.seconds(1) == ["Take", "Read", "Write", "Read"]
    assert bench.state == "confirmed"


def test_small_changes_are_not_written_and_a_standing_value_is_only_read() -> None:
    bench = Bench()
    bench.wish = power(2.0)
    bench.seconds(1)
    bench.wish = power(2.008)
    assert bench.seconds(60).count("Write") == 0
    bench.wish = power(2.5)
    assert "Write" in bench.seconds(1)


def test_a_value_with_a_revert_time_is_written_again_well_before_it_lapses() -> None:
    bench = Bench()
    bench.wish = power(2.0, revert_s=30.0)
    bench.seconds(1)
    written = bench.seconds(120).count("Write")
    assert written == 10, "every 12 s, which is 0.4 of 30 s"


def test_without_a_wish_the_lease_dies_and_the_device_is_given_back() -> None:
    bench = Bench()
    bench.wish = power(2.0)
    bench.seconds(1)
    bench.lease.want(bench.wish, bench.now_s)
    bench.now_s += 9.9
    assert bench.lease.next(bench.now_s) != Release()
    bench.now_s += 0.2
    assert bench.lease.next(bench.now_s) == Release(), "the cycle has died: nobody repeats the wish"


def test_a_release_is_read_back_and_only_then_leaves_the_journal() -> None:
    bench = Bench()
    bench.wish = power(2.0)
    bench.seconds(1)
    bench.wish = None
    assert bench.seconds(1) == ["Release", "Read", "Close"]
    assert bench.phase == "free"


def test_a_release_that_fails_is_tried_on_and_told() -> None:
    bench = Bench()
    bench.wish = power(2.0)
    bench.seconds(1)
    bench.wish, bench.release = None, lambda: REFUSED
    bench.seconds(60)
    assert bench.phase == "releasing"
    assert bench.lease.trouble is not None
    assert "Giving the device back has failed" in bench.lease.trouble.text
    assert bench.seconds(120).count("Release") <= 3, "no hammering"
    bench.release = bench._free
    bench.seconds(61)
    assert bench.phase == "free"
    assert bench.lease.trouble is None


def test_a_device_that_acknowledges_and_does_nothing_is_ignoring_us_and_left_alone() -> None:
    bench = Bench()
    bench.apply = bench.ignore
    bench.wish = power(2.0)
    bench.seconds(9)
    assert bench.state == "settling"
    done = bench.seconds(10)
    assert bench.state == "ignored"
    assert "Release" in done
    assert bench.lease.trouble is not None
    assert bench.seconds(800) == [], "it rests"
    assert bench.seconds(120).count("Write") >= 1, "then it is tried once more"
    bench.seconds(60)
    assert bench.lease.resting_s(bench.now_s) > 1500, "and rests twice as long"


def test_tracking_values_that_are_not_taken_are_noticed_too() -> None:
    bench = Bench()
    bench.apply = bench.ignore
    for second in range(20):
        bench.wish = power(1.0 + second / 10)
        bench.seconds(1)
    assert bench.state == "ignored"


def test_a_device_that_follows_late_is_settling_not_ignoring() -> None:
    bench = Bench()
    pending: list[SetPoint] = []

    def late(set_point: SetPoint) -> Refusal | None:
        pending.append(set_point)
        if len(pending) > 3:
            bench.register = pending[-4]
        return None

    bench.apply = late
    for second in range(40):
        bench.wish = power(1.0 + second / 10)
        bench.seconds(1)
    assert bench.phase == "held"
    assert bench.state == "settling"


def test_somebody_else_is_answered_three_times_and_then_left_the_device() -> None:
    bench = Bench()
    bench.wish = power(2.0)
    bench.seconds(20)
    theirs = SetPoint(power_kw=-4.0)
    bench.register, bench.apply = theirs, bench.ignore
    done = bench.seconds(120)
    assert done.count("Write") == 3
    assert "Release" not in done, "what it holds is not ours to take back"
    assert bench.phase == "free"
    assert bench.lease.trouble is not None
    assert "Somebody else" in bench.lease.trouble.text


def test_an_override_that_gives_way_to_ours_is_forgotten() -> None:
    bench = Bench()
    bench.wish = power(2.0)
    bench.seconds(20)
    bench.register = SetPoint(power_kw=-4.0)
    bench.seconds(6)
    assert bench.register == SetPoint(power_kw=2.0)
    bench.seconds(700)
    assert bench.state == "confirmed"
    assert bench.lease.trouble is None


def test_refused_writes_are_spaced_and_end_the_lease() -> None:
    bench = Bench()
    bench.apply = lambda _set_point: REFUSED
    bench.wish = power(2.0)
    assert bench.seconds(120).count("Write") == 5
    assert bench.phase == "free"
    assert bench.lease.resting_s(bench.now_s) > 0


def test_a_device_that_does_not_answer_is_released_when_it_can_be_and_taken_again() -> None:
    bench = Bench()
    bench.wish = power(2.0)
    bench.seconds(5)
    bench.apply, bench.release = (lambda _set_point: SILENT), (lambda: SILENT)
    bench.wish = power(3.0)
    bench.seconds(300)
    assert bench.phase == "releasing"
    bench.apply, bench.release = bench._take, bench._free
    bench.seconds(62)
    assert bench.phase == "held"
    assert bench.register == SetPoint(power_kw=3.0)


def test_nothing_is_commanded_while_the_journal_cannot_be_written() -> None:
    bench = Bench()
    bench.journal_broken = True
    bench.wish = power(2.0)
    assert set(bench.seconds(120)) == {"Take"}
    bench.journal_broken = False
    assert "Write" in bench.seconds(61)


def test_a_change_the_journal_does_not_cover_is_journalled_first() -> None:
    bench = Bench()
    bench.wish = native(Regime.BALANCE)
    bench.seconds(5)
    bench.wish = native(Regime.HOLD)
    assert bench.seconds(1)[:2] == ["Take", "Write"]
    bench.wish = power(2.0)
    assert bench.seconds(1)[:2] == ["Take", "Write"]
    bench.wish = power(-3.0)
    assert bench.seconds(1)[:1] == ["Write"], "a value inside the journalled interval is not journalled"


def test_the_journal_is_renewed_at_half_term() -> None:
    bench = Bench(term_s=100.0)
    bench.wish = native(Regime.BALANCE)
    bench.seconds(1)
    assert bench.seconds(210).count("Renew") == 4


def test_a_register_that_wears_is_written_within_its_budget() -> None:
    bench = Bench(WriteBudget(per_day=40))
    written = 0
    for second in range(3600):
        bench.wish = power(1.0 + second % 3)
        written += bench.seconds(1).count("Write")
    assert written <= 12, "a quarter at once, then 30 a day"


def test_a_command_that_lapses_faster_than_it_may_be_written_is_never_given() -> None:
    bench = Bench(WriteBudget(per_day=200))
    bench.wish = power(2.0, revert_s=60.0)
    assert bench.seconds(60) == []
    assert bench.lease.trouble is not None
    assert bench.lease.trouble.code is ReasonCode.WRITE_BUDGET


def test_an_urgent_write_passes_the_budget() -> None:
    bench = Bench(WriteBudget(per_day=4))
    for kw in (1.0, 2.0, 3.0):
        bench.wish = power(kw)
        bench.seconds(1)
    assert bench.register == SetPoint(power_kw=1.0)
    calm = power(0.0)
    bench.wish = Wish(calm.set_point, Claimant.ENVELOPE, WHY, Regime.HOLD, False, -5.0, 5.0, urgent=True)
    bench.seconds(1)
    assert bench.register == SetPoint(power_kw=0.0)
