"""What reading back proves: a write alone proves nothing (DESIGN.md, Two clocks 4). Pure; monotonic seconds.

Loss row `writes-ignored`.
"""

from dataclasses import dataclass

from heg.devices.contract import ReadBack
from heg.model.leases import LeaseState, SetPoint


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a set-point read back may lie from the one written and still be the same: registers have steps."""

    kw: float = 0.05

    def same(self, left: SetPoint, right: SetPoint) -> bool:
        """Tell whether two set-points command the same. A limit the device does not know (None) says nothing."""
        if left.regime is not right.regime or left.power_state is not right.power_state or left.turn != right.turn:
            return False
        return (
            self._same_power(left.power_kw, right.power_kw)
            and self._same_limit(left.min_kw, right.min_kw)
            and self._same_limit(left.max_kw, right.max_kw)
        )

    def _same_power(self, left: float | None, right: float | None) -> bool:
        if left is None or right is None:
            return left is right
        return abs(left - right) <= self.kw

    def _same_limit(self, left: float | None, right: float | None) -> bool:
        return left is None or right is None or abs(left - right) <= self.kw


@dataclass(frozen=True, slots=True)
class _Written:
    set_point: SetPoint
    at_s: float


class ReadBackJudge:
    """Compares what was written under one lease with what is read back, and names the state the owner sees.

    Until `settle_s` after the first unconfirmed write the state is *settling*: a device may echo an older write of
    ours for a while. Then: something else than before the write and than ours is *overridden*; what stood before the
    write, or nothing commanded, is *ignored*. Once a write is confirmed, anything else that follows is *overridden*.
    """

    def __init__(self, settle_s: float, tolerance: Tolerance) -> None:
        self._settle_s = settle_s
        self._tolerance = tolerance
        self._writes: list[_Written] = []
        self._open_since_s: float | None = None
        self._confirmed = False
        self._standing: ReadBack | None = None
        self.state = LeaseState.SETTLING

    def stood_before(self, before: ReadBack) -> None:
        """What the device was set to before our first write: a device that goes on saying so ignores us."""
        self._standing = before

    def wrote(self, set_point: SetPoint, now_s: float) -> None:
        """A write was acknowledged."""
        if self.state is LeaseState.OVERRIDDEN:
            # Our repetition gets the same time to take hold as the first write had.
            self._confirmed, self._open_since_s, self._writes = False, now_s, []
        elif not self._writes or not self._tolerance.same(self._writes[-1].set_point, set_point):
            self._confirmed = False
        if self._open_since_s is None:
            self._open_since_s = now_s
        recent = (sent for sent in self._writes if now_s - sent.at_s <= self._settle_s)
        self._writes = [*recent, _Written(set_point, now_s)]
        if not self._confirmed:
            self.state = LeaseState.SETTLING

    def read(self, read_back: ReadBack, now_s: float) -> LeaseState:
        """Judge one reading; returns the state, which also stands in `state`."""
        self.state = self._judge(read_back, now_s)
        if self.state is LeaseState.CONFIRMED:
            self._confirmed, self._open_since_s, self._standing = True, None, read_back
        return self.state

    def _judge(self, read_back: ReadBack, now_s: float) -> LeaseState:
        if not self._writes:
            return LeaseState.SETTLING
        if self.holds(read_back, self._writes[-1].set_point):
            return LeaseState.CONFIRMED
        if self._confirmed:
            return LeaseState.OVERRIDDEN
        if self._open_since_s is None or now_s - self._open_since_s < self._settle_s:
            return LeaseState.SETTLING
        if self._writes[-1].set_point.power_state is not None:
            return LeaseState.IGNORED  # it is in another state, whichever that was before
        if read_back.active and any(self._tolerance.same(sent.set_point, read_back.set_point) for sent in self._writes):
            # It follows, later than the writes come: an echo of one of the last few.
            return LeaseState.SETTLING
        return LeaseState.IGNORED if self._as_before(read_back) else LeaseState.OVERRIDDEN

    def holds(self, read_back: ReadBack, set_point: SetPoint) -> bool:
        """Tell whether a device does as this set-point says. An appliance does by being in its state."""
        if set_point.power_state is not None:
            return read_back.set_point.power_state is set_point.power_state
        return read_back.active and self._tolerance.same(set_point, read_back.set_point)

    def _as_before(self, read_back: ReadBack) -> bool:
        if not read_back.active or self._standing is None:
            return True
        return self._standing.active and self._tolerance.same(self._standing.set_point, read_back.set_point)
