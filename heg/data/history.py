"""The past: what the interface asks of a store, and a bounded store in memory for units and tests without a disk."""

from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from heg.data.door import Answer, Condition, Function, HistoryPage, HistoryRow, Resolution
from heg.data.selection import STAYS, Estimate, Selection
from heg.model.instance import Instance, Location, Quality
from heg.model.refusals import Refusal, RefusalCode, RefusedError

SPAN: dict[Resolution, timedelta] = {
    Resolution.MINUTE: timedelta(minutes=1),
    Resolution.QUARTER: timedelta(minutes=15),
    Resolution.HOUR: timedelta(hours=1),
    Resolution.DAY: timedelta(days=1),
}
"""Length of a roll-up's buckets. They are UTC buckets: local days exist only where a person reads them."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PAGE_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """A checked history request: from `start` inclusive to `end` exclusive, `after` as the last page's cursor says."""

    variable: str
    location: Location
    start: datetime
    end: datetime
    resolution: Resolution
    cursor: str | None = None
    limit: int = 1000


class Store(Protocol):
    """What keeps instances beyond the newest. `append` never blocks and never raises; the rest may wait for a disk."""

    def append(self, instance: Instance, record: bytes | None, *, at_once: bool) -> None:
        """Take an instance in arrival order; `record` is its JSON where it is a record, `at_once` commits it now."""

    def rename(self, unit: str, devices: Mapping[str, str]) -> None:
        """Give devices other names, with all that was kept of them. Never waits, never raises."""

    async def query(
        self, request: int, variable: str, location: Location, condition: Condition, function: Function
    ) -> Answer:
        """One value over the stored instances that satisfy the condition."""

    async def history(self, request: HistoryRequest) -> HistoryPage:
        """One page of rows in time order."""

    def export(self, selection: Selection) -> AsyncGenerator[bytes, None]:
        """Everything of a selection as a zip, piece by piece."""


class MemoryStore:
    """Keeps the last `limit` instances in memory and nothing on disk."""

    def __init__(self, limit: int = 100_000) -> None:
        self._instances: deque[Instance] = deque(maxlen=limit)

    def append(self, instance: Instance, record: bytes | None, *, at_once: bool) -> None:
        """Take an instance in; the oldest goes when there are too many. There is no disk to be quick or compact for."""
        del record, at_once
        self._instances.append(instance)

    def rename(self, unit: str, devices: Mapping[str, str]) -> None:
        """Give devices other names."""
        kept = [under_new_name(instance, unit, devices) for instance in self._instances]
        self._instances.clear()
        self._instances.extend(kept)

    async def export(self, selection: Selection) -> AsyncGenerator[bytes, None]:
        """There is no disk to hand out: what is in memory only is gone with the process."""
        raise RefusedError(Refusal(RefusalCode.NOT_READY, "a store", f"none to export {selection.owner}'s data from"))
        yield b""

    async def estimate(self, selection: Selection) -> Estimate:
        """What a selection comes to."""
        found = [one for one in self._instances if selection.takes(one)]
        times = [one.time for one in found]
        series = {(one.variable, one.location) for one in found}
        return Estimate(len(found), 0, len(series), min(times, default=None), max(times, default=None))

    async def erase(self, selection: Selection) -> int:
        """Drop a selection: its owner had it erased; how many instances."""
        left = [one for one in self._instances if not selection.takes(one) or one.variable in STAYS]
        gone = len(self._instances) - len(left)
        self._instances.clear()
        self._instances.extend(left)
        return gone

    async def query(
        self, request: int, variable: str, location: Location, condition: Condition, function: Function
    ) -> Answer:
        """One value over the kept instances that satisfy the condition."""
        return aggregate(request, filter(condition.holds, self._of(variable, location)), function)

    async def history(self, request: HistoryRequest) -> HistoryPage:
        """One page of rows in time order; the cursor is the number of rows already given."""
        rows = rows_between(self._of(request.variable, request.location), request)
        skip = int(request.cursor) if request.cursor and request.cursor.isdecimal() else 0
        until = skip + request.limit
        return HistoryPage(tuple(rows[skip:until]), str(until) if until < len(rows) else None)

    def _of(self, variable: str, location: Location) -> Iterable[Instance]:
        return (i for i in self._instances if i.variable == variable and i.location == location)


def under_new_name(instance: Instance, unit: str, devices: Mapping[str, str]) -> Instance:
    """Return an instance at the place that its device has when it is renamed."""
    place = instance.location
    if place.unit != unit or place.device not in devices:
        return instance
    return replace(instance, location=replace(place, device=devices[place.device]))


def rows_between(instances: Iterable[Instance], request: HistoryRequest) -> list[HistoryRow]:
    """Return raw rows or roll-ups of instances (in arrival order) between start and end, sorted by time."""
    if request.resolution is Resolution.RAW:
        chosen = sorted((i for i in instances if request.start <= i.time < request.end), key=lambda i: i.time)
        return [raw_row(i.time, i.value) for i in chosen]
    span = SPAN[request.resolution]
    buckets: dict[datetime, list[Instance]] = {}
    for instance in instances:
        if instance.quality is Quality.GOOD and is_number(instance.value):
            buckets.setdefault(bucket_start(instance.time, span), []).append(instance)
    return [_rolled(start, buckets[start]) for start in sorted(buckets) if request.start <= start < request.end]


def bucket_start(time: datetime, span: timedelta) -> datetime:
    """Return the start of the UTC bucket in which a time lies."""
    return EPOCH + (time - EPOCH) // span * span


def is_number(value: object) -> bool:
    """Tell whether figures can be made of this value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def raw_row(time: datetime, value: object) -> HistoryRow:
    """Return a history row of one raw value."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        return HistoryRow(time, number, number, number, number, number)
    return HistoryRow(time, value)


def aggregate(request: int, instances: Iterable[Instance], function: Function) -> Answer:
    """Reduce instances (in arrival order) to one value; first and last are by time, the later arrival wins a tie."""
    chosen = list(instances)
    if function is Function.COUNT:
        return Answer(request, float(len(chosen)))
    if not chosen:
        return Answer(request)
    if function in (Function.NEWEST, Function.LAST, Function.FIRST):
        return _one(request, chosen, function)
    numbers = [float(i.value) for i in chosen if isinstance(i.value, int | float) and not isinstance(i.value, bool)]
    if not numbers:
        return Answer(request, refusal=_no_figures(function, chosen[0].variable))
    reduce: dict[Function, Callable[[Sequence[float]], float]] = {
        Function.AVERAGE: lambda values: sum(values) / len(values),
        Function.MINIMUM: min,
        Function.MAXIMUM: max,
        Function.SUM: sum,
    }
    return Answer(request, reduce[function](numbers))


def _one(request: int, chosen: Sequence[Instance], function: Function) -> Answer:
    ordered = sorted(chosen, key=lambda i: i.time)
    found = ordered[0] if function is Function.FIRST else ordered[-1]
    return Answer(request, found.value, found.time)


def _no_figures(function: Function, variable: str) -> Refusal:
    return Refusal(RefusalCode.UNSUPPORTED, f"numbers for {function}", f"{variable}, which is not a number")


def _rolled(start: datetime, instances: Sequence[Instance]) -> HistoryRow:
    ordered = sorted(instances, key=lambda i: i.time)
    numbers = [float(i.value) for i in ordered if isinstance(i.value, int | float)]
    mean = sum(numbers) / len(numbers)
    return HistoryRow(start, mean, min(numbers), max(numbers), numbers[0], numbers[-1], len(numbers))
