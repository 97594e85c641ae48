"""What a person says of a plugged car, read from the arguments of `command.plug_in`. Pure.

soc or soc_kwh      how full it is now, as a share (0.4) or in kWh
departure_utc       when it leaves, with its offset from UTC ("2026-06-02T05:30:00Z")
departure           or by the house's clock: the next "07:30"
target              how full it is to be then, as a share
capacity_kwh        what its battery holds, where heg.toml does not say
forget              true: nothing of what was said holds any more
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from heg.model.refusals import Refusal, RefusalCode

LONGEST_STAY = timedelta(days=7)
LEAST_CAPACITY_KWH, MOST_CAPACITY_KWH = 1.0, 1000.0
_ARGUMENTS = frozenset({"soc", "soc_kwh", "departure_utc", "departure", "target", "capacity_kwh", "forget"})


@dataclass(frozen=True, slots=True)
class Said:
    """What was said; None means that nothing was said of it. States of charge are shares."""

    soc: float | None = None
    capacity_kwh: float | None = None
    departure: datetime | None = None
    target: float | None = None
    forget: bool = False


def read_words(
    arguments: Mapping[str, object], now: datetime, zone: ZoneInfo, capacity_kwh: float | None
) -> Said | Refusal:
    """Read the arguments at `now`; `capacity_kwh` is what is known of the car already."""
    if unknown := sorted(set(arguments) - _ARGUMENTS):
        return Refusal(RefusalCode.UNSUPPORTED, f"arguments among {', '.join(sorted(_ARGUMENTS))}", unknown[0][:64])
    given = {name: value for name, value in arguments.items() if value is not None}
    if not given:
        return Refusal(RefusalCode.WRONG_TYPE, "a departure, a target or a state of charge", "nothing")
    if given.get("forget") is True:
        return Said(forget=True)
    capacity = _number(given, "capacity_kwh", LEAST_CAPACITY_KWH, MOST_CAPACITY_KWH)
    if isinstance(capacity, Refusal):
        return capacity
    soc = _soc(given, capacity_kwh if capacity is None else capacity)
    if isinstance(soc, Refusal):
        return soc
    target = _number(given, "target", 0.0, 1.0)
    if isinstance(target, Refusal):
        return target
    departure = _departure(given, now, zone)
    return departure if isinstance(departure, Refusal) else Said(soc, capacity, departure, target)


def next_time(clock: time, now: datetime, zone: ZoneInfo) -> datetime:
    """The next moment at which the house's clock shows this, in UTC; one that a change of the clocks skips is moved."""
    local = now.astimezone(zone)
    for day in range(3):
        moment = datetime.combine(local.date() + timedelta(days=day), clock, tzinfo=zone).astimezone(UTC)
        if moment > now:
            return moment
    raise AssertionError("a clock shows every time once in three days")


def _soc(given: Mapping[str, object], capacity_kwh: float | None) -> float | Refusal | None:
    if "soc" in given and "soc_kwh" in given:
        return Refusal(RefusalCode.CONFLICT, "soc or soc_kwh", "both")
    if "soc" not in given and "soc_kwh" not in given:
        return None
    if capacity_kwh is None:
        mend = "say capacity_kwh, or write it once into [device.NAME] of heg.toml"
        return Refusal(RefusalCode.NOT_READY, "a known capacity of the car", "none", mend)
    if "soc" in given:
        return _number(given, "soc", 0.0, 1.0)
    energy = _number(given, "soc_kwh", 0.0, capacity_kwh)
    return energy / capacity_kwh if isinstance(energy, float) else energy


def _departure(given: Mapping[str, object], now: datetime, zone: ZoneInfo) -> datetime | Refusal | None:
    if "departure_utc" in given and "departure" in given:
        return Refusal(RefusalCode.CONFLICT, "departure or departure_utc", "both")
    if "departure" in given:
        return _by_the_clock(str(given["departure"])[:32], now, zone)
    return _in_utc(str(given["departure_utc"])[:40], now) if "departure_utc" in given else None


def _by_the_clock(text: str, now: datetime, zone: ZoneInfo) -> datetime | Refusal:
    clock: time | None
    try:
        clock = time.fromisoformat(text.rjust(5, "0") if ":" in text else "")
    except ValueError:
        clock = None
    if clock is None or clock.tzinfo is not None:
        return Refusal(RefusalCode.BAD_TIME, 'a departure by the clock such as "07:30"', repr(text))
    return next_time(clock, now, zone)


def _in_utc(text: str, now: datetime) -> datetime | Refusal:
    try:
        local = datetime.fromisoformat(text)
        moment = local.astimezone(UTC) if local.tzinfo is not None else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        return Refusal(RefusalCode.BAD_TIME, "a departure such as 2026-06-02T05:30:00Z", repr(text))
    if not now < moment <= now + LONGEST_STAY:
        expected = f"a departure within {LONGEST_STAY.days} days from {now:%Y-%m-%dT%H:%MZ} on"
        return Refusal(RefusalCode.OUT_OF_RANGE, expected, f"{moment:%Y-%m-%dT%H:%MZ}")
    return moment


def _number(given: Mapping[str, object], name: str, low: float, high: float) -> float | Refusal | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return Refusal(RefusalCode.WRONG_TYPE, f"{name} as a number", repr(value)[:64])
    if not low <= value <= high:
        percent = " (80 % is 0.8)" if high == 1.0 else ""
        return Refusal(RefusalCode.OUT_OF_RANGE, f"{name} from {low:g} to {high:g}{percent}", f"{value:g}")
    return float(value)
