"""What an appliance asks in `command.register`, read at a moment of the house's clock. Pure.

kind            wake_up or no_standby
start, stop     HH:MM:SS by the house's clock, the next time that it shows this; stop for no_standby only

A refusal says which error of UPnP becomes of it: `detail["fault"]`, or, without one, what its code stands for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from heg.data.door import CommandAnswer, Outcome
from heg.model.appliances import ApplianceFault, RequestKind
from heg.model.local_times import next_occurrence, time_of_day
from heg.model.refusals import Refusal, RefusalCode

_ARGUMENTS = frozenset({"kind", "start", "stop"})


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be done, and when (UTC); `stop` is None for what has no duration."""

    kind: RequestKind
    start: datetime
    stop: datetime | None = None


def read_request(
    arguments: Mapping[str, object], now: datetime, zone: ZoneInfo, longest: timedelta
) -> Request | Refusal:
    """Read the arguments at `now`: what is asked, or why it cannot be taken."""
    if unknown := sorted(set(arguments) - _ARGUMENTS):
        return Refusal(RefusalCode.UNSUPPORTED, f"arguments among {', '.join(sorted(_ARGUMENTS))}", unknown[0][:64])
    kind = next((one for one in RequestKind if one == arguments.get("kind")), None)
    if kind is None:
        return Refusal(RefusalCode.WRONG_TYPE, "kind wake_up or no_standby", repr(arguments.get("kind"))[:64])
    start = _clock(arguments, "start")
    if isinstance(start, Refusal):
        return start
    begins = next_occurrence(start, now, zone)
    if kind is RequestKind.WAKE_UP:
        if arguments.get("stop") is not None:
            return Refusal(RefusalCode.UNSUPPORTED, "no stop with wake_up", repr(arguments["stop"])[:64])
        return Request(kind, begins)
    stop = _clock(arguments, "stop")
    if isinstance(stop, Refusal):
        return stop
    ends = next_occurrence(stop, begins, zone)
    if ends - begins > longest:
        # In the night that skips an hour a period within that hour is none: the next night's is meant.
        begins = next_occurrence(start, begins, zone)
        ends = next_occurrence(stop, begins, zone)
    if ends - begins > longest:
        expected = f"a period of at most {longest.total_seconds() / 3600:g} h"
        return Refusal(RefusalCode.OUT_OF_RANGE, expected, f"{arguments['start']} to {arguments['stop']}")
    return Request(kind, begins, ends)


def read_id(arguments: Mapping[str, object]) -> int | Refusal:
    """Read which registration is meant."""
    number = arguments.get("id")
    if isinstance(number, bool) or not isinstance(number, int) or number <= 0 or set(arguments) != {"id"}:
        return Refusal(RefusalCode.WRONG_TYPE, "id: the number of a registration, above 0", repr(number)[:64])
    return number


def refused(refusal: Refusal, fault: ApplianceFault | None = None) -> CommandAnswer:
    """Return the answer that refuses, with the fault that the appliance is told."""
    return CommandAnswer(Outcome.REFUSED, refusal=refusal, detail=None if fault is None else {"fault": int(fault)})


def _clock(arguments: Mapping[str, object], name: str) -> time | Refusal:
    said = arguments.get(name)
    clock = time_of_day(said) if isinstance(said, str) else None
    if clock is None:
        return Refusal(RefusalCode.BAD_TIME, f"{name} as HH:MM:SS, such as 06:30:00", repr(said)[:64])
    return clock
