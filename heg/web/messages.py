"""The messages of the local API: typed values that become JSON. Units are in the names; times are UTC in ISO 8601.

A number that has no bound (an envelope without a limit) is null, never infinity: JSON has none.
"""

import math
from datetime import UTC, datetime
from typing import Any

import msgspec

Value = float | str | bool | dict[str, Any] | list[Any] | None
"""A value as JSON has it; records and profiles are objects."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every message we send."""


class Answer(Message, frozen=True):
    """The one answer to a command."""

    outcome: str
    text: str
    refusal: str | None = None
    detail: dict[str, Any] | None = None


class Problem(Message, frozen=True):
    """Why a request was refused: what was expected, what came, how to mend it."""

    reason: str
    expected: str
    came: str = ""
    mend: str = ""


class ProblemDetails(Message, frozen=True):
    """A `Problem` as it is sent (RFC 9457, application/problem+json); `detail` is the sentence of the other members."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
    expected: str
    came: str = ""
    mend: str = ""


def details(problem: Problem, status: int) -> ProblemDetails:
    """Make the details of a problem that ends a request with this status."""
    parts = (f"expected {problem.expected}", problem.came and f"came {problem.came}", problem.mend)
    return ProblemDetails(
        type=f"urn:heg:problem:{problem.reason}",
        title=problem.reason.replace("_", " "),
        status=status,
        detail="; ".join(part for part in parts if part),
        reason=problem.reason,
        expected=problem.expected,
        came=problem.came,
        mend=problem.mend,
    )


def encode(message: Message) -> bytes:
    """Return the message as JSON."""
    return msgspec.json.encode(message)


def bounded(number: float | None) -> float | None:
    """Return None for what has no bound or is no number, else the number rounded to a watt."""
    if number is None or not math.isfinite(number):
        return None
    return round(number, 3) + 0.0  # no minus zero: people read this


def iso(time: datetime) -> str:
    """Return UTC in ISO 8601 with a Z."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
