"""Every time that follows from the control cycle, by one rule (DESIGN.md, Time; used by gateway and rig alike)."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Timings:
    """Ages, expiries and limits in seconds for one control cycle.

    The rule: so many cycles, and never less than the same number of seconds, for buses and people get no faster when
    the cycle does. `Timings.for_cycle(1.0)` are the values of a house; a replay at 60 s has each of them 60 times.
    """

    cycle_s: float
    meter_max_age_s: float
    """Age of the grid meter after which control no longer acts on it."""
    storage_max_age_s: float
    """Age of a storage's measured power after which it is not counted as known."""
    soc_max_age_s: float
    """Age of a state of charge after which it is unknown; it moves slowly."""
    lost_after_s: float
    """Silence after which a device is lost."""
    found_within_s: float
    """How soon a device that answers again is used again."""
    wish_s: float
    """A lease's wish that is not repeated dies after this."""
    settle_s: float
    """How long a device may take to show what was written."""
    read_back_every_s: float
    lease_term_s: float
    """How far ahead the lease journal's expiry lies."""
    revert_s: float
    """The device's own dead-man time that we ask for."""
    adopt_within_s: float
    """After a crash: how long an inherited lease may wait for fresh inputs before it is released."""
    loop_late_s: float
    """Lateness of the event loop that is an alarm."""
    stalled_after_s: float
    """No completed control cycle for this long: the watchdog is fed no more."""
    step_test_s: float
    """The longest commissioning step test: seven lows and six highs of 18 cycles each, and a little."""

    @classmethod
    def for_cycle(cls, cycle_s: float) -> Self:
        """Return the times for a control cycle of `cycle_s`. Raises `ValueError` unless it is positive."""
        if not cycle_s > 0:
            raise ValueError(f"control cycle {cycle_s}: expected seconds above 0, such as 1.0")

        def cycles(number: float) -> float:
            return number * max(cycle_s, 1.0)

        return cls(
            cycle_s=cycle_s,
            meter_max_age_s=cycles(5),
            storage_max_age_s=cycles(5),
            soc_max_age_s=cycles(60),
            lost_after_s=cycles(10),
            found_within_s=cycles(30),
            wish_s=cycles(10),
            settle_s=cycles(10),
            read_back_every_s=cycles(5),
            lease_term_s=cycles(900),
            revert_s=cycles(60),
            adopt_within_s=cycles(5),
            loop_late_s=cycles(0.5),
            stalled_after_s=cycles(20),
            step_test_s=cycles(300),
        )
