"""What the utility asks, read from the arguments of its commands. Pure.

command.reduce      max_import_kw       at most so much from the grid, 0 or more
command.appliance   power_state         on, standby or off
both                minutes, or until_utc (2026-06-02T05:30:00Z): how long; release true: not any more
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from heg.model.appliances import PowerState
from heg.model.refusals import Refusal, RefusalCode

LONGEST = timedelta(hours=24)
MOST_KW = 1000.0
_MOST_MINUTES = LONGEST.total_seconds() / 60
_WHEN = frozenset({"minutes", "until_utc", "release"})


def read_reduction(arguments: Mapping[str, object], now: datetime) -> tuple[float, datetime] | Refusal | None:
    """Read how much may be drawn until when; None for a release."""
    refusal = _strange(arguments, "max_import_kw")
    if refusal is not None or arguments.get("release") is True:
        return refusal
    most_kw = _number(arguments.get("max_import_kw"))
    if most_kw is None or not 0.0 <= most_kw <= MOST_KW:
        came = repr(arguments.get("max_import_kw"))[:64]
        return Refusal(RefusalCode.OUT_OF_RANGE, f"max_import_kw from 0 to {MOST_KW:g}", came)
    until = _until(arguments, now)
    return until if isinstance(until, Refusal) else (most_kw, until)


def read_order(arguments: Mapping[str, object], now: datetime) -> tuple[PowerState, datetime] | Refusal | None:
    """Read which state is wanted until when; None for a release."""
    refusal = _strange(arguments, "power_state")
    if refusal is not None or arguments.get("release") is True:
        return refusal
    state = next((one for one in PowerState if one == arguments.get("power_state")), None)
    if state is None:
        came = repr(arguments.get("power_state"))[:64]
        return Refusal(RefusalCode.OUT_OF_RANGE, f"power_state one of {', '.join(PowerState)}", came)
    until = _until(arguments, now)
    return until if isinstance(until, Refusal) else (state, until)


def _strange(arguments: Mapping[str, object], own: str) -> Refusal | None:
    known = {own, *_WHEN}
    if unknown := sorted(set(arguments) - known):
        return Refusal(RefusalCode.UNSUPPORTED, f"arguments among {', '.join(sorted(known))}", unknown[0][:64])
    return None


def _until(arguments: Mapping[str, object], now: datetime) -> datetime | Refusal:
    said, text = arguments.get("minutes"), arguments.get("until_utc")
    if (said is None) == (text is None):
        return Refusal(RefusalCode.BAD_TIME, "either minutes or until_utc", "both" if text is not None else "neither")
    minutes = _number(said)
    until = now + timedelta(minutes=minutes) if minutes is not None and 0.0 < minutes <= _MOST_MINUTES else None
    if isinstance(text, str):
        try:
            moment = datetime.fromisoformat(text[:40])
            until = moment.astimezone(UTC) if moment.tzinfo is not None else None
        except (ValueError, OverflowError):
            until = None
    if until is None or not now < until <= now + LONGEST:
        hours = LONGEST.total_seconds() / 3600
        expected = f"an end within {hours:g} h: minutes, or until_utc such as 2026-06-02T05:30:00Z"
        return Refusal(RefusalCode.BAD_TIME, expected, repr(said if text is None else text)[:64])
    return until


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
