"""A time of day on the house's clock as a moment, on the two nights of the year too (spec upnp-appliances.md).

The rule: the next moment at which the clock shows it. In the night that skips an hour a time within the gap means the
moment of the change, when the clock leaps over it. In the night that has an hour twice such a time means the first.
"""

import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])", re.ASCII)


def time_of_day(text: str) -> time | None:
    """Return the time that HH:MM:SS says; None for anything else."""
    if (found := _CLOCK.fullmatch(text)) is None:
        return None
    hours, minutes, seconds = map(int, found.groups())
    return time(hours, minutes, seconds)


def next_occurrence(clock: time, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment (UTC) later than `after` (aware) at which the house's clock shows `clock`."""
    day = after.astimezone(zone).date() - timedelta(days=1)
    while True:
        moment = _moment(datetime.combine(day, clock), zone)
        if moment > after:
            return moment
        day += timedelta(days=1)


def _moment(naive: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clock shows this, for the first time; the moment of the change where it never does."""
    moment = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == naive:
        return moment
    return _change(moment, zone)


def _change(after: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment of the clock change that lies at most a day before `after`; they lie on whole seconds."""
    offset = after.astimezone(zone).utcoffset()
    low, high = int(after.timestamp()) - 86400, int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, UTC).astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return datetime.fromtimestamp(high, UTC)
