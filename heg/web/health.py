"""Whether the unit does its work: a control cycle completed lately, and every supervised task runs."""

from heg.data.door import Door
from heg.model.instance import ANY, Location
from heg.model.records import HealthRecord
from heg.runtime.clock import Clock
from heg.web.house import Home
from heg.web.messages import bounded
from heg.web.state_messages import Health

CYCLE_LIMIT_S = 10.0
"""A control cycle is due every second; ten missed ones are no hiccup."""
_REAL_LIMIT_S = 2.0
"""The same in real time: at 60 times real time ten house seconds pass within one stall that harms nobody."""


def health(door: Door, clock: Clock, home: Home, *, uptime_s: float) -> Health:
    """Judge the unit now; every reason is a sentence that names what is wrong."""
    reasons = reasons_to_worry(door, clock, home)
    return Health(
        healthy=not reasons,
        reasons=reasons,
        cycle_age_s=bounded(_cycle_age_s(door, clock, home)),
        uptime_s=round(uptime_s, 1),
        version=home.version,
    )


def reasons_to_worry(door: Door, clock: Clock, home: Home) -> tuple[str, ...]:
    """Tell why the unit does not do its work; nothing when it does."""
    age_s = _cycle_age_s(door, clock, home)
    return (*_cycle_reasons(age_s, _limit_s(clock)), *_task_reasons(door, home))


def _limit_s(clock: Clock) -> float:
    speed = clock.speed if clock.speed != float("inf") else 1.0
    return max(CYCLE_LIMIT_S, _REAL_LIMIT_S * speed)


def _cycle_age_s(door: Door, clock: Clock, home: Home) -> float | None:
    now_s = clock.monotonic_s()
    ages = [one.age_s(now_s) for one in door.latest_all("self.cycle_time", Location(home.unit, ANY, ANY))]
    return min(ages, default=None)


def _cycle_reasons(age_s: float | None, limit_s: float) -> tuple[str, ...]:
    if age_s is None:
        return ("no control cycle has completed yet",)
    if age_s > limit_s:
        return (f"the last control cycle completed {age_s:.0f} s ago; expected one within {limit_s:.0f} s",)
    return ()


def _task_reasons(door: Door, home: Home) -> tuple[str, ...]:
    records = [one.value for one in door.latest_all("health", Location(home.unit, ANY, ANY))]
    return tuple(
        f"task {record.task} is not running" + (f": {record.last_error}" if record.last_error else "")
        for record in records
        if isinstance(record, HealthRecord) and not record.running
    )
