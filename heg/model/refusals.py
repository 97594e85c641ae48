"""A refusal stands where bad input would otherwise become a traceback (DESIGN.md, Rules of the house)."""

from dataclasses import dataclass
from enum import StrEnum


class RefusalCode(StrEnum):
    """Why something was refused; each is counted under this name."""

    UNKNOWN_VARIABLE = "unknown_variable"
    WRONG_KIND = "wrong_kind"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    BAD_TIME = "bad_time"
    TOO_LARGE = "too_large"
    NOT_GRANTED = "not_granted"
    TOO_SOON = "too_soon"
    UNKNOWN_PRINCIPAL = "unknown_principal"
    UNKNOWN_SUBSCRIPTION = "unknown_subscription"
    NO_ONE_ANSWERS = "no_one_answers"
    TIMEOUT = "timeout"
    UNSUPPORTED = "unsupported"
    NOT_READY = "not_ready"
    DEVICE_LOST = "device_lost"
    DEVICE_REFUSED = "device_refused"
    WRITE_BUDGET = "write_budget"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was expected, what came, and how to mend it."""

    code: RefusalCode
    expected: str
    came: str = ""
    mend: str = ""

    def __str__(self) -> str:
        parts = [f"{self.code}: expected {self.expected}"]
        if self.came:
            parts.append(f"came {self.came}")
        if self.mend:
            parts.append(self.mend)
        return "; ".join(parts)


class RefusedError(Exception):
    """Raised inside the process where a refusal is the caller's mistake: reading what was never granted."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal
