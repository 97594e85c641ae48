"""What a lease is made of: its rules, the wish it serves, and the steps it asks for (DESIGN.md, Two clocks 4)."""

from dataclasses import dataclass, field

from heg.control.verdict import Tolerance
from heg.model.appliances import PowerState
from heg.model.leases import Claimant, Reason, SetPoint
from heg.model.regimes import Regime


@dataclass(frozen=True, slots=True)
class Wish:
    """What the control cycle wants of an actuator now; repeated every cycle, dead `wish_s` after the last repetition.

    `regime` is the one followed, natively or by power; `min_kw` to `max_kw` is where powers under this lease may lie.
    `urgent` writes pass the write budget (a bound of the envelope, the owner's own command).
    """

    set_point: SetPoint
    owner: Claimant
    reason: Reason
    regime: Regime
    native: bool
    min_kw: float
    max_kw: float
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class LeaseRules:
    """The stated times of a lease, in seconds, and its counts.

    `deadband_kw`: new values closer than this to the last written one are not written. `reassert_share`: the part of
    the device's revert time after which a standing value is written again. `term_s`: how far ahead the journal's
    expiry lies; it is prolonged at half. A wish dies `wish_s` after it was last repeated. `read_back_after_s`: so long
    a device that tells its changes by itself may do so before it is asked.

    An appliance has a user beside it: `user_first`. Whoever switches it by hand is not contradicted (but for wires in
    danger), for `user_rest_s`; one that refuses to be given back stays as it is; what it does then is its own matter.
    Put on it stays so for `min_on_s` at least, put to rest for `min_off_s`.
    """

    settle_s: float = 10.0
    read_back_after_s: float = 0.0
    read_back_every_s: float = 5.0
    deadband_kw: float = 0.01
    tolerance: Tolerance = field(default_factory=Tolerance)
    reassert_share: float = 0.4
    term_s: float = 900.0
    wish_s: float = 10.0
    reasserts: int = 3
    override_memory_s: float = 600.0
    refusals: int = 5
    cool_down_s: float = 900.0
    cool_down_most_s: float = 4 * 3600.0
    retry_s: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
    release_alarm_after: int = 3
    user_first: bool = False
    user_rest_s: float = 3600.0
    min_on_s: float = 0.0
    min_off_s: float = 0.0

    def stays_s(self, state: PowerState) -> float:
        """So long an appliance stays as it was put, at least."""
        return self.min_on_s if state is PowerState.ON else self.min_off_s

    def covers(self, taken: Wish, wish: Wish) -> bool:
        """Tell whether a crash would find what was journalled: this native regime, or a power inside the interval.

        Of an appliance: its state, and where it goes back to, which a lasting order changes.
        """
        if taken.native is not wish.native:
            return False
        if wish.set_point.power_state is not None:
            ends_as_taken = taken.set_point.lasting or not wish.set_point.lasting
            return taken.set_point.power_state is wish.set_point.power_state and ends_as_taken
        if wish.native:
            return taken.set_point.regime is wish.set_point.regime
        power = wish.set_point.power_kw
        return power is None or taken.min_kw - self.deadband_kw <= power <= taken.max_kw + self.deadband_kw


@dataclass(frozen=True, slots=True)
class Take:
    """Journal that the lease begins or now covers more, then report `journalled()` or `journal_failed()`."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class Renew:
    """Journal a later expiry, beside everything else: nobody waits for it. Then report as for `Take`."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class Write:
    """Write this set-point, then report `written()`."""

    set_point: SetPoint


@dataclass(frozen=True, slots=True)
class Read:
    """Read back, then report `read()`."""


@dataclass(frozen=True, slots=True)
class Release:
    """Give the device back, then report `released()`."""


@dataclass(frozen=True, slots=True)
class Close:
    """Journal that the lease has ended, then report `closed()` or `journal_failed()`."""


Action = Take | Renew | Write | Read | Release | Close
