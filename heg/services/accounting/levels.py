"""How far each counter has come at one moment, though counters tick in Wh or tens of them and arrive when they like.

Between two readings a counter is carried on by the measured power, so that all of them speak of the same moment. What
is booked is always a difference of levels that only rise: whatever a level was too high or too low in this span is
made up in the next, and over time exactly what the counter counted is booked. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from heg.model.books import Level

COARSEST_KWH = 0.01
"""Ten Wh: the coarsest step that a counter is carried on over before it has shown a finer one."""
_POWER_HOLDS_S = 600.0


class Role(StrEnum):
    """Whose counters they are."""

    METER = "meter"
    PRODUCER = "producer"
    STORAGE = "storage"
    CHARGER = "charger"


INTO, OUT, MADE = "energy.import", "energy.export", "energy.production"
COUNTERS: Mapping[Role, Mapping[str, float]] = {
    Role.METER: {INTO: 1.0, OUT: -1.0},
    Role.PRODUCER: {MADE: 1.0},
    Role.STORAGE: {INTO: 1.0, OUT: -1.0},
    Role.CHARGER: {INTO: 1.0, OUT: -1.0},
}
"""The counters of each role, and the sign of `power.active` with which each of them rises."""
NEEDED = {Role.METER: INTO, Role.PRODUCER: MADE, Role.STORAGE: INTO, Role.CHARGER: INTO}
"""The counter without which a device has none."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A counter as it stands in the image; `stamp` changes with each arrival."""

    kwh: float
    stamp: int


@dataclass(frozen=True, slots=True)
class DeviceSeen:
    """One device at one look: its power (None: not known) and its counters; `silent` when it does not answer."""

    name: str
    role: Role
    power_kw: float | None = None
    counters: Mapping[str, Reading] | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """Energy of a span by role and counter, kWh >= 0, and the devices whose power had to stand in for a counter."""

    kwh: Mapping[tuple[Role, str], float]
    integrated: tuple[str, ...] = ()

    def of(self, role: Role, counter: str) -> float:
        """Return one of them, 0 where nothing flowed."""
        return self.kwh.get((role, counter), 0.0)


class _Counter:
    """One counter: its value, what flowed since it stood there, and up to where it is booked."""

    __slots__ = ("_flowed", "_quantum", "_stamp", "_value", "booked")

    def __init__(self, value: float, stamp: int, booked: float | None) -> None:
        self._value, self._stamp = value, stamp
        self._flowed = 0.0
        self._quantum = COARSEST_KWH
        self.booked = value if booked is None else booked

    @property
    def level(self) -> float:
        return self._value + self._flowed

    def flow(self, kwh: float) -> None:
        self._flowed += kwh

    def read(self, reading: Reading) -> None:
        if reading.stamp == self._stamp:
            return
        self._stamp = reading.stamp
        rise = reading.kwh - self._value
        if rise > 0:
            self._quantum = min(self._quantum, rise)
            # What was reckoned beyond the new value is in the counter, but not yet a whole tick.
            self._flowed = max(0.0, self._flowed - rise)
            self._value = reading.kwh
        # It would have ticked if more had flowed.
        self._flowed = min(self._flowed, self._quantum)

    def take(self) -> float:
        flowed = max(0.0, self.level - self.booked)
        self.booked += flowed
        return flowed


class _Device:
    """The counters of one device, or what stands in for them."""

    def __init__(self, role: Role, since_s: float) -> None:
        self.role = role
        self.since_s = since_s
        self.counters: dict[str, _Counter] = {}
        self.integrated = False
        self.power: tuple[float, float] | None = None


class Levels:
    """All devices of the house. `see` at every look, `take` at the end of a span.

    A device whose counter has not come `counter_within_s` after it appeared is booked by its integrated power.
    """

    def __init__(self, counter_within_s: float, booked: Iterable[Level] = ()) -> None:
        self._within_s = counter_within_s
        self._devices: dict[str, _Device] = {}
        self._booked = {(one.device, one.variable): one.kwh for one in booked}

    @property
    def booked(self) -> tuple[Level, ...]:
        """Up to where each counter is booked: what a restart goes on from. Integrated power has no such place."""
        levels = dict(self._booked)
        for name, device in self._devices.items():
            if not device.integrated:
                levels.update({(name, variable): one.booked for variable, one in device.counters.items()})
        return tuple(Level(device, variable, round(kwh, 6)) for (device, variable), kwh in sorted(levels.items()))

    def see(self, now_s: float, seen: Iterable[DeviceSeen]) -> bool:
        """Take a look; True when every device has its counters, or something that stands in for them."""
        ready = True
        for one in seen:
            device = self._devices.get(one.name)
            if device is None or device.role is not one.role:
                device = self._devices[one.name] = _Device(one.role, now_s)
            self._flow(now_s, device, one)
            self._read(now_s, device, one)
            ready = ready and bool(device.counters)
        return ready

    def take(self) -> Taken:
        """Book what has flowed since the last time."""
        kwh: dict[tuple[Role, str], float] = {}
        for device in self._devices.values():
            for variable, counter in device.counters.items():
                key = device.role, variable
                kwh[key] = kwh.get(key, 0.0) + counter.take()
        return Taken(kwh, tuple(sorted(name for name, one in self._devices.items() if one.integrated)))

    def forget(self, names: Iterable[str]) -> None:
        """Leave devices out of the books: they are gone. One that comes back begins anew, from where it stands then."""
        gone = set(names)
        self._devices = {name: one for name, one in self._devices.items() if name not in gone}
        self._booked = {key: kwh for key, kwh in self._booked.items() if key[0] not in gone}

    def _flow(self, now_s: float, device: _Device, seen: DeviceSeen) -> None:
        if device.power is not None:
            since_s, kw = device.power
            hours = min(now_s - since_s, _POWER_HOLDS_S) / 3600.0
            for variable, counter in device.counters.items():
                counter.flow(max(0.0, COUNTERS[device.role][variable] * kw) * hours)
        device.power = None if seen.power_kw is None else (now_s, seen.power_kw)

    def _read(self, now_s: float, device: _Device, seen: DeviceSeen) -> None:
        counters = seen.counters or {}
        if NEEDED[device.role] in counters and (device.integrated or not device.counters):
            # From here on by its counters; until here was booked otherwise, or never.
            device.counters, device.integrated = {}, False
        if not device.integrated:
            for variable, reading in counters.items():
                known = device.counters.get(variable)
                if known is None:
                    booked = self._booked.pop((seen.name, variable), None)
                    device.counters[variable] = _Counter(reading.kwh, reading.stamp, booked)
                else:
                    known.read(reading)
        if not device.counters and seen.power_kw is not None and now_s - device.since_s >= self._within_s:
            device.integrated = True
            device.counters = {variable: _Integrated(0.0, 0, None) for variable in COUNTERS[device.role]}


class _Integrated(_Counter):
    """No counter at all: the level is nothing but the power that flowed."""

    __slots__ = ()

    def read(self, reading: Reading) -> None:
        """There is none."""
