"""Giving a device back: what it shows afterwards, and whether that is the end of it. Pure.

A device is back when it no longer shows our command. An appliance that has to wake or to fall asleep first is back when
it shows the state that it was found in; until then its lease stands, lest a crash forget it.
"""

from enum import Enum, auto

from heg.control.lease_terms import LeaseRules
from heg.devices.contract import ReadBack
from heg.model.appliances import PowerState
from heg.model.leases import SetPoint


class Shown(Enum):
    """What reading back says of a release."""

    BACK = auto()
    ON_ITS_WAY = auto()
    STILL_OURS = auto()
    NOT_GONE = auto()
    """It said yes, and has not gone where it was to go within its time."""


class GivingBack:
    """One release after the other; times are monotonic seconds."""

    def __init__(self, rules: LeaseRules) -> None:
        self._rules = rules
        self._refusals = 0
        self._acknowledged_s: float | None = None
        self.read_due = False
        """The device acknowledged; it is to be read back now."""

    @property
    def on_its_way(self) -> bool:
        """True while an appliance that acknowledged has not been seen back."""
        return self._acknowledged_s is not None

    def begin(self) -> None:
        """Begin a release, or end one."""
        self._refusals, self.read_due, self._acknowledged_s = 0, False, None

    def acknowledged(self, now_s: float) -> None:
        """The device said yes."""
        self.read_due = True
        if self._rules.user_first:
            self._acknowledged_s = now_s

    def failed(self) -> int:
        """It did not, or still shows our command; return how often so far."""
        self._refusals += 1
        self.read_due = False
        return self._refusals

    def shown(self, answer: ReadBack, last: SetPoint | None, returns_to: PowerState | None, now_s: float) -> Shown:
        """Judge what reading back brought; `last` is what was written last, `returns_to` what it was found in."""
        self.read_due = False
        if self._acknowledged_s is None:
            still_ours = last is None or self._rules.tolerance.same(last, answer.set_point)
            return Shown.STILL_OURS if answer.active and still_ours else Shown.BACK
        state = answer.set_point.power_state
        by_somebody_else = last is not None and last.power_state is not state
        if returns_to in (None, state) or by_somebody_else:
            return Shown.BACK
        self.read_due = now_s - self._acknowledged_s < self._rules.settle_s
        return Shown.ON_ITS_WAY if self.read_due else Shown.NOT_GONE
