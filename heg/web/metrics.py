"""What Prometheus reads: its text exposition format 0.0.4, from the process image and a little history."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeGuard

from heg.data.door import Door, Resolution
from heg.model.instance import ANY, Instance, Location
from heg.model.leases import LeaseRecord
from heg.model.records import AlarmRecord, DeviceRecord, HealthRecord
from heg.runtime.clock import Clock
from heg.web.house import Home

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_WINDOW = timedelta(minutes=10)
_QUANTILES = (0.5, 0.99)


@dataclass(frozen=True, slots=True)
class Source:
    """Which variable a metric is made of."""

    variable: str
    name: str
    type: str
    help: str


_CYCLE_TIME = Source("self.cycle_time", "heg_cycle_seconds", "gauge", "duration of a control cycle")
_LOOP_LAG = Source("self.loop_lag", "heg_loop_lag_seconds", "gauge", "how late the event loop wakes, real seconds")
_BYTES_WRITTEN = Source("self.bytes_written", "heg_bytes_written_total", "counter", "bytes written to disk")
_MEMORY = Source("self.memory", "heg_memory_bytes", "gauge", "resident memory")
_OF_DEVICES = (
    Source(
        "power.active",
        "heg_power_kilowatts",
        "gauge",
        "active power: meter + importing, storage + charging, producer + producing",
    ),
    Source("soc", "heg_state_of_charge_ratio", "gauge", "state of charge, 0 to 1"),
)

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with its samples."""

    name: str
    type: str
    help: str
    samples: Sequence[tuple[Labels, float]]


@dataclass(frozen=True, slots=True)
class WebFigures:
    """What the web server knows of itself."""

    uptime_s: float
    refused: Mapping[str, int]
    viewers: int
    dropped: int


async def exposition(door: Door, clock: Clock, home: Home, web: WebFigures) -> str:
    """All metrics as text."""
    anywhere = Location(home.unit, ANY, ANY)
    families = [
        Family("heg_info", "gauge", "the running version", [({"version": home.version, "unit": home.unit}, 1.0)]),
        Family("heg_uptime_seconds", "gauge", "real seconds since start", [({}, web.uptime_s)]),
        Family("heg_clock_speed_ratio", "gauge", "house seconds per real second", [({}, clock.speed)]),
        await _quantiles(door, clock, home, _CYCLE_TIME),
        _newest(door, anywhere, _LOOP_LAG),
        _refusals(door, anywhere, web),
        _newest(door, anywhere, _BYTES_WRITTEN),
        _newest(door, anywhere, _MEMORY, factor=2.0**20),
        *_records(door, anywhere),
        *(_newest(door, anywhere, source) for source in _OF_DEVICES),
        Family("heg_web_viewers", "gauge", "open live pages", [({}, float(web.viewers))]),
        Family("heg_web_frames_dropped_total", "counter", "pictures slow pages missed", [({}, float(web.dropped))]),
    ]
    return "".join(render(family) for family in families if family.samples)


def render(family: Family) -> str:
    """Return one family in the text format."""
    head = f"# HELP {family.name} {_escaped(family.help)}\n# TYPE {family.name} {family.type}\n"
    return head + "".join(f"{family.name}{_labels(labels)} {_figure(value)}\n" for labels, value in family.samples)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank quantile; NaN of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


async def _quantiles(door: Door, clock: Clock, home: Home, source: Source) -> Family:
    samples: list[tuple[Labels, float]] = []
    until = clock.utc() + timedelta(seconds=1)  # the end is exclusive, and the newest value is of now
    for one in door.latest_all(source.variable, Location(home.unit, ANY, ANY)):
        page = await door.history(source.variable, one.location, until - _WINDOW, until, Resolution.RAW, limit=1000)
        values = [row.value for row in page.rows if _is_number(row.value)] or _numbers([one])
        where = _place_labels(one)
        samples.extend(({**where, "quantile": str(share)}, quantile(values, share)) for share in _QUANTILES)
    return Family(source.name, source.type, f"{source.help}, real seconds over the last 10 house minutes", samples)


def _refusals(door: Door, place: Location, web: WebFigures) -> Family:
    counted: list[tuple[Labels, float]] = [
        ({"at": one.location.device or "door", "reason": one.location.part or "unnamed"}, value)
        for one in door.latest_all("self.refusals", place)
        for value in _numbers([one])
    ]
    counted.extend(({"at": "web", "reason": reason}, float(count)) for reason, count in sorted(web.refused.items()))
    return Family("heg_refusals_total", "counter", "inputs refused, by reason", counted)


def _records(door: Door, place: Location) -> Iterable[Family]:
    devices = [one.value for one in door.latest_all("device", place) if isinstance(one.value, DeviceRecord)]
    leases = [one for one in door.latest_all("lease", place) if isinstance(one.value, LeaseRecord)]
    alarms = [one.value for one in door.latest_all("alarm", place) if isinstance(one.value, AlarmRecord)]
    tasks = [one.value for one in door.latest_all("health", place) if isinstance(one.value, HealthRecord)]
    by_status = Counter(str(device.status) for device in devices)
    by_severity = Counter(str(alarm.severity) for alarm in alarms if alarm.active)
    yield Family(
        "heg_devices",
        "gauge",
        "devices by status",
        [({"status": key}, float(n)) for key, n in sorted(by_status.items())],
    )
    yield Family(
        "heg_lease_state", "gauge", "1 for the state each actuator is in", [_lease_sample(one) for one in leases]
    )
    yield Family(
        "heg_alarms",
        "gauge",
        "active alarms",
        [({"severity": key}, float(n)) for key, n in sorted(by_severity.items())],
    )
    yield Family(
        "heg_task_up", "gauge", "1 while a task runs", [({"task": task.task}, float(task.running)) for task in tasks]
    )
    yield Family(
        "heg_task_restarts_total",
        "counter",
        "restarts of a task",
        [({"task": task.task}, float(task.restarts)) for task in tasks],
    )


def _lease_sample(one: Instance) -> tuple[Labels, float]:
    lease = one.value
    assert isinstance(lease, LeaseRecord)
    state = str(lease.state) if lease.held else "released"
    labels = {
        "device": one.location.device,
        "state": state,
        "regime": str(lease.regime),
        "owner": lease.owner.name.lower(),
    }
    return labels, 1.0


def _newest(door: Door, place: Location, source: Source, *, factor: float = 1.0) -> Family:
    samples = [
        (_place_labels(one), value * factor)
        for one in door.latest_all(source.variable, place)
        for value in _numbers([one])
    ]
    return Family(source.name, source.type, source.help, samples)


def _place_labels(one: Instance) -> Labels:
    """Labels of a series; what is measured at a device also says how far it may be believed."""
    labels = {"device": one.location.device, "part": one.location.part}
    if one.location.device:
        labels["quality"] = str(one.quality)
    return {name: value for name, value in labels.items() if value}


def _numbers(instances: Iterable[Instance]) -> list[float]:
    return [one.value for one in instances if _is_number(one.value)]


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _figure(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))
