"""What a row of the loss matrix is: what is lost, how old it may get, what then holds and who sees to it."""

from dataclasses import dataclass
from enum import StrEnum

from heg.model.timings import Timings


class LossKind(StrEnum):
    """What kind of thing is lost."""

    INPUT = "input"
    ACTUATOR = "actuator"
    LINK = "link"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Span:
    """A time bound: a field of `Timings` that follows the control cycle, and seconds that do not."""

    timing: str = ""
    seconds: float = 0.0
    cycles: float = 0.0

    def at(self, timings: Timings) -> float:
        """Return the bound in seconds for these timings."""
        named_s = float(getattr(timings, self.timing)) if self.timing else 0.0
        return named_s + self.cycles * max(timings.cycle_s, 1.0) + self.seconds


@dataclass(frozen=True, slots=True)
class LossRow:
    """One row. `max_age` is how old the thing may get (None: it has no age); `within` bounds the time from the loss
    (from reaching that age, where there is one) until `safe` holds. `left` says how the degraded mode ends.
    """

    id: str
    kind: LossKind
    lost: str
    max_age: Span | None
    mode: str
    within: Span
    safe: str
    left: str
    enforcer: str
    scenario: str

    @property
    def in_force(self) -> str:
        """The row as a sentence for an alarm: what holds now, and how it ends."""
        return f"In force: {self.safe}; left {self.left}."
