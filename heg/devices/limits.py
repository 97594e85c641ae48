"""How old a value may get and when a device is lost: the one place where these times are made (spec field-protocols.md,
What every driver owes).
"""

from dataclasses import dataclass

from heg.runtime.clock import Clock, ClockMode

_SCALED_STALE_REAL_S = 0.15
_SCALED_LOST_REAL_S = 0.5


@dataclass(frozen=True, slots=True)
class AgeLimits:
    """Times as multiples of the interval at which a device reports, with a floor in seconds for fast ones.

    A single late answer must change nothing; a device that is gone must be known before control acts on its last word.
    """

    stale_intervals: float = 3.0
    stale_floor_s: float = 3.0
    lost_intervals: float = 10.0
    lost_floor_s: float = 10.0

    @classmethod
    def by(cls, clock: Clock) -> "AgeLimits":
        """The limits for a clock. In scaled time a process needs real milliseconds, which are simulated seconds."""
        if clock.mode is not ClockMode.SCALED:
            return cls()
        plain = cls()
        return cls(
            stale_floor_s=max(plain.stale_floor_s, _SCALED_STALE_REAL_S * clock.speed),
            lost_floor_s=max(plain.lost_floor_s, _SCALED_LOST_REAL_S * clock.speed),
        )

    def stale_after_s(self, interval_s: float) -> float:
        """Age at which a value that comes every `interval_s` is no longer good."""
        return max(self.stale_intervals * interval_s, self.stale_floor_s)

    def lost_after_s(self, interval_s: float) -> float:
        """Silence after which a device that reports every `interval_s` is lost."""
        return max(self.lost_intervals * interval_s, self.lost_floor_s)
