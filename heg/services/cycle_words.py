"""What a person says of an appliance's cycle, read from the arguments of `command.cycle`. Pure.

name            the cycle, as in [cycle.NAME] of heg.toml, or a new one with power_kw
earliest        not before this time by the house's clock ("10:00", the next one), or earliest_utc with its offset
latest          over by then, the same way (latest_utc)
power_kw        mean kW of each step, where heg.toml does not say; step_minutes and interruptible with it
forget          true: it is not wanted any more
offer           the id of the cycle that an appliance of this name offers, where it is that one
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from heg.model.cycles import LONGEST_STEPS, MOST_KW, CycleCurve
from heg.model.refusals import Refusal, RefusalCode
from heg.model.slots import SLOT_MINUTES
from heg.services.car_words import next_time

LONGEST_WAIT = timedelta(days=7)
_USUAL_WINDOW = timedelta(days=1)
_LONGEST_OFFER = 64
_ARGUMENTS = frozenset(
    {"name", "earliest", "earliest_utc", "latest", "latest_utc", "power_kw", "step_minutes", "interruptible"}
    | {"forget", "offer"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleSettings:
    """A cycle as configured: its curve, its usual window by the house's clock, and whether it is wanted every day."""

    name: str
    curve: CycleCurve
    earliest: time | None = None
    latest: time | None = None
    daily: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """One run that is asked for."""

    name: str
    curve: CycleCurve
    earliest: datetime
    latest: datetime
    offer: str = ""


def read_wish(
    arguments: Mapping[str, object], known: Mapping[str, CycleSettings], now: datetime, zone: ZoneInfo
) -> Wanted | str | Refusal:
    """Read the arguments at `now`: a run, the name of a cycle to forget, or why neither."""
    if unknown := sorted(set(arguments) - _ARGUMENTS):
        return Refusal(RefusalCode.UNSUPPORTED, f"arguments among {', '.join(sorted(_ARGUMENTS))}", unknown[0][:64])
    given = {name: value for name, value in arguments.items() if value is not None}
    name = given.get("name")
    if not isinstance(name, str) or not name:
        return Refusal(RefusalCode.WRONG_TYPE, "the name of a cycle", repr(name)[:64])
    if given.get("forget") is True:
        return name
    settings = known.get(name)
    offer = given.get("offer", "")
    if not isinstance(offer, str) or len(offer) > _LONGEST_OFFER:
        return Refusal(RefusalCode.WRONG_TYPE, f"offer of at most {_LONGEST_OFFER} characters", repr(offer)[:64])
    curve = _curve(given, name, settings)
    wanted = curve if isinstance(curve, Refusal) else _window(given, name, curve, settings, now, zone)
    return wanted if isinstance(wanted, Refusal) else replace(wanted, offer=offer)


def usual_window(settings: CycleSettings, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the next window of a cycle that has one."""
    earliest = now if settings.earliest is None else next_time(settings.earliest, now, zone)
    latest = earliest + _USUAL_WINDOW if settings.latest is None else next_time(settings.latest, earliest, zone)
    return earliest, latest


def _curve(given: Mapping[str, object], name: str, settings: CycleSettings | None) -> CycleCurve | Refusal:
    if "power_kw" not in given:
        if settings is not None:
            return settings.curve
        return Refusal(RefusalCode.UNSUPPORTED, "a cycle that heg.toml has, or power_kw", name[:64])
    power, step = given["power_kw"], given.get("step_minutes", 15)
    if not isinstance(power, list | tuple) or not 1 <= len(power) <= LONGEST_STEPS:
        return Refusal(RefusalCode.WRONG_TYPE, f"power_kw as a list of 1 to {LONGEST_STEPS} numbers", repr(power)[:64])
    for kw in power:
        if isinstance(kw, bool) or not isinstance(kw, int | float) or not 0.0 < kw <= MOST_KW or not math.isfinite(kw):
            return Refusal(RefusalCode.OUT_OF_RANGE, f"power_kw above 0 and at most {MOST_KW:g}", repr(kw)[:64])
    if step not in SLOT_MINUTES:
        expected = f"step_minutes among {', '.join(map(str, SLOT_MINUTES))}"
        return Refusal(RefusalCode.OUT_OF_RANGE, expected, repr(step)[:64])
    return CycleCurve(tuple(float(kw) for kw in power), int(str(step)), given.get("interruptible") is True)


def _window(
    given: Mapping[str, object],
    name: str,
    curve: CycleCurve,
    settings: CycleSettings | None,
    now: datetime,
    zone: ZoneInfo,
) -> Wanted | Refusal:
    usual = settings or CycleSettings(name=name, curve=curve)
    earliest = _moment(given, "earliest", now, zone)
    if isinstance(earliest, Refusal):
        return earliest
    begins = max(now, earliest or now)
    latest = _moment(given, "latest", begins, zone)
    if isinstance(latest, Refusal):
        return latest
    if latest is None:
        latest = begins + _USUAL_WINDOW if usual.latest is None else next_time(usual.latest, begins, zone)
    if earliest is None and usual.earliest is not None:
        opens = next_time(usual.earliest, now, zone)
        begins = opens if opens < latest else now  # the window is open
    earliest = begins
    if latest - earliest < curve.length or latest > now + LONGEST_WAIT:
        expected = f"a window of at least {curve.length} that is over within {LONGEST_WAIT.days} days"
        return Refusal(RefusalCode.OUT_OF_RANGE, expected, f"{earliest:%Y-%m-%dT%H:%MZ} to {latest:%Y-%m-%dT%H:%MZ}")
    return Wanted(name, curve, earliest, latest)


def _moment(given: Mapping[str, object], key: str, after: datetime, zone: ZoneInfo) -> datetime | Refusal | None:
    by_clock, in_utc = given.get(key), given.get(f"{key}_utc")
    if by_clock is not None and in_utc is not None:
        return Refusal(RefusalCode.CONFLICT, f"{key} or {key}_utc", "both")
    text = str(by_clock if by_clock is not None else in_utc)[:40]
    try:
        if by_clock is not None:
            return next_time(time.fromisoformat(text.rjust(5, "0")).replace(tzinfo=None), after, zone)
        if in_utc is None:
            return None
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    return Refusal(RefusalCode.BAD_TIME, f'{key} such as "10:00", {key}_utc such as 2026-06-02T05:30:00Z', repr(text))
