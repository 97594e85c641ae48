"""The simulated charge point: the Modbus/TCP register map of a KEBA KeContact P30, over a car of the house.

After the maker's *Modbus TCP Programmers Guide* 1.07: every readable value is an unsigned 32-bit number in two
registers, high word first, read one at a time; what is written is one 16-bit register by function 6. Nothing else
works. Energies are in 0.1 Wh (the guide's correction of version 1.06).

Dead-man: with a failsafe time set, `failsafe_current` is in force once nothing was written for so long; the next write
ends it. Only writes count here, which is the strictest reading of the guide. Settings that were not persisted are
forgotten by a reboot.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from hil.devices.device import Now
from hil.devices.modbus import Manner
from hil.house.grid import electrical
from hil.house.house import House
from hil.house.quantities import watt_hours
from hil.house.vehicle import SMALLEST_A, Vehicle

UNIT_ID = 255
NOT_READY, READY, CHARGING, SUSPENDED = 1, 2, 3, 5
CABLE_IN_STATION, CABLE_IN_CAR = 3, 7
_MILLI = 1000
_DRAWS_MILLIWATT = 100_000
_PRODUCT_CURRENT = {13: 1, 16: 2, 20: 3, 32: 4}

READABLE = {
    "charging_state": 1000,
    "cable_state": 1004,
    "error_code": 1006,
    "current_1": 1008,
    "current_2": 1010,
    "current_3": 1012,
    "serial": 1014,
    "product": 1016,
    "firmware": 1018,
    "active_power": 1020,
    "total_energy": 1036,
    "voltage_1": 1040,
    "voltage_2": 1042,
    "voltage_3": 1044,
    "power_factor": 1046,
    "max_current": 1100,
    "max_supported_current": 1110,
    "session_energy": 1502,
    "failsafe_current": 1600,
    "failsafe_timeout": 1602,
}
WRITABLE = {
    "set_current": 5004,
    "enable": 5014,
    "set_failsafe_current": 5016,
    "set_failsafe_timeout": 5018,
    "persist_failsafe": 5020,
}


@dataclass(frozen=True, slots=True)
class ChargerSettings:
    """Which charge point it is. `contactor_s` is how long it takes to close; opening is at once.

    `step_a`: what is set is rounded down to such steps. `most_failsafe_s` is the longest dead-man time it takes.
    """

    vehicle: str = "car"
    serial: int = 18416854
    unit_id: int = UNIT_ID
    max_a: float = 16.0
    step_a: float = 1.0
    contactor_s: float = 2.0
    least_failsafe_s: int = 10
    most_failsafe_s: int = 600
    counter_start_wh: float = 0.0

    def __post_init__(self) -> None:
        if self.max_a not in _PRODUCT_CURRENT:
            raise ValueError(f"charger max_a = {self.max_a}: expected one of {', '.join(map(str, _PRODUCT_CURRENT))}")


@dataclass(slots=True)
class _Orders:
    """What was written, with the values after power-up."""

    current_ma: int
    enabled: bool = True
    failsafe_ma: int = 0
    failsafe_s: int = 0


class Charger:
    """A charge point that obeys its registers and otherwise lets the car charge at its rated current."""

    def __init__(self, name: str, house: House, now: Now, settings: ChargerSettings = ChargerSettings()) -> None:
        self.name = name
        self.house = house
        self.settings = settings
        self.unit_id = settings.unit_id
        self.manner = Manner(functions=frozenset({3, 6}))
        self.frozen = False
        self.ignored: set[str] = set()
        self.reboots = 0
        self.counter_offset_wh = settings.counter_start_wh
        self.contactor_moves = 0
        self.vehicle: Vehicle = house.vehicles[settings.vehicle]
        self.now_s = now
        self._persisted = (0, 0)
        self._orders = _Orders(self._rated_ma)
        self._written_s = 0.0
        self.lies: dict[str, float | None] = {}
        self._ice: dict[str, int] = {}
        self._writes: Counter[str] = Counter()
        self._changes: Counter[str] = Counter()
        self._closed = False
        self._close_due_s: float | None = None
        self._session_from = self.vehicle.charged_nanojoule
        self._arrivals = self.vehicle.arrivals
        house.controllers.append(self.tick)

    @property
    def serial(self) -> str:
        """What makes it the same charge point at another address."""
        return str(self.settings.serial)

    @property
    def title(self) -> str:
        """What it is."""
        return "KeContact P30"

    @property
    def failed_safe(self) -> bool:
        """True while the dead-man time has run out."""
        return self._failed_safe(self.house.at_s)

    @property
    def allowed_a(self) -> float:
        """What the car may draw now, per phase; 0 while suspended."""
        orders = self._orders
        if self.failed_safe:
            return self._stepped(orders.failsafe_ma)
        return self._stepped(orders.current_ma) if orders.enabled else 0.0

    # What the server asks

    def read(self, address: int, count: int) -> bytes | None:
        """One value of two registers; anything else does not exist."""
        name = next((name for name, place in READABLE.items() if place == address), None)
        if name is None or count != 2:
            return None
        self.house.advance_to(self.now_s())
        return struct.pack(">I", self._shown(name))

    def write(self, address: int, words: bytes) -> bool:
        """Carry a write of one register out; False where that may not be written, or not with this value."""
        name = next((name for name, place in WRITABLE.items() if place == address), None)
        if name is None or len(words) != 2:
            return False
        self.house.advance_to(self.now_s())
        value = struct.unpack(">H", words)[0]
        if not self._takes(name, value):
            return False
        self._written_s = self.house.at_s
        self._writes[name] += 1
        if name not in self.ignored:
            self._obey(name, value)
        return True

    def tick(self, at_s: float) -> None:
        """The contactor and the pilot, once per step of the house."""
        vehicle = self.vehicle
        if vehicle.arrivals != self._arrivals:
            self._arrivals, self._session_from = vehicle.arrivals, vehicle.charged_nanojoule
        allowed_a = self.allowed_a
        if not vehicle.wants or allowed_a < SMALLEST_A:
            self._close_due_s = None
            self._move(closed=False)
        elif not self._closed:
            if self._close_due_s is None:
                self._close_due_s = at_s + self.settings.contactor_s
            if at_s >= self._close_due_s:
                self._move(closed=True)
        vehicle.offered_a = allowed_a if self._closed else 0.0

    # What a test or a scenario does

    def poke(self, **values: int) -> None:
        """Write as somebody else would, by the names of `WRITABLE`."""
        self.house.advance_to(self.now_s())
        for name, value in values.items():
            self._obey(name, value)
        self._written_s = self.house.at_s

    def writes(self, path: str) -> int:
        """How often a register, by its name, was written."""
        return self._writes[_known(path)]

    def changes(self, path: str) -> int:
        """How often a write has given a register another value."""
        return self._changes[_known(path)]

    def shown(self, path: str) -> float:
        """The value a client would read now at a register, by its name; NaN where it says nothing sensible."""
        if path not in READABLE:
            raise KeyError(f"{self.name} shows no {path!r}; expected one of {', '.join(READABLE)}")
        self.house.advance_to(self.now_s())
        return math.nan if self.lies.get(path, 0.0) is None else float(self._shown(path))

    def ignore(self, path: str) -> None:
        """Forget writes to a register from now on."""
        if path not in WRITABLE:
            raise KeyError(f"{self.name} takes no {path!r}; expected one of {', '.join(WRITABLE)}")
        self.ignored.add(path)

    def lie(self, path: str, value: float | None) -> None:
        """Show this at a register from now on, None for all bits set."""
        if path not in READABLE:
            raise KeyError(f"{self.name} shows no {path!r}; expected one of {', '.join(READABLE)}")
        self.lies[path] = value

    def tell_the_truth(self) -> None:
        """Every register shows what is."""
        self.lies.clear()
        self._ice.clear()
        self.ignored.clear()
        self.frozen = False

    def freeze(self) -> None:
        """What it shows stands still from now on."""
        self.house.advance_to(self.now_s())
        self._ice = {name: self._truth(name) for name in READABLE}
        self.frozen = True

    def reboot(self) -> None:
        """Power-up defaults; counters, and a failsafe that was persisted, are kept."""
        current_ma, seconds = self._persisted
        self._orders = _Orders(self._rated_ma, failsafe_ma=current_ma, failsafe_s=seconds)
        self._written_s = self.house.at_s
        self.reboots += 1

    # Inside

    @property
    def _rated_ma(self) -> int:
        return round(self.settings.max_a * _MILLI)

    def _failed_safe(self, at_s: float) -> bool:
        return self._orders.failsafe_s > 0 and at_s - self._written_s > self._orders.failsafe_s

    def _stepped(self, current_ma: int) -> float:
        amperes = min(current_ma / _MILLI, self.settings.max_a)
        amperes = math.floor(amperes / self.settings.step_a + 1e-9) * self.settings.step_a
        return amperes if amperes >= SMALLEST_A else 0.0

    def _move(self, *, closed: bool) -> None:
        self.contactor_moves += closed is not self._closed
        self._closed = closed

    def _takes(self, name: str, value: int) -> bool:
        settings = self.settings
        match name:
            case "set_current":
                return SMALLEST_A * _MILLI <= value <= 63_000
            case "set_failsafe_current":
                return value == 0 or SMALLEST_A * _MILLI <= value <= 63_000
            case "set_failsafe_timeout":
                return value == 0 or settings.least_failsafe_s <= value <= settings.most_failsafe_s
            case _:
                return value in (0, 1)

    def _obey(self, name: str, value: int) -> None:
        orders = self._orders
        before = (orders.current_ma, orders.enabled, orders.failsafe_ma, orders.failsafe_s)
        match name:
            case "set_current":
                orders.current_ma = value
            case "enable":
                orders.enabled = value == 1
            case "set_failsafe_current":
                orders.failsafe_ma = value
            case "set_failsafe_timeout":
                orders.failsafe_s = value
            case "persist_failsafe" if value == 1:
                self._persisted = (orders.failsafe_ma, orders.failsafe_s)
        self._changes[name] += before != (orders.current_ma, orders.enabled, orders.failsafe_ma, orders.failsafe_s)

    def _shown(self, name: str) -> int:
        if name in self.lies:
            lie = self.lies[name]
            return 0xFFFFFFFF if lie is None else round(lie) & 0xFFFFFFFF
        return self._ice[name] if self.frozen else self._truth(name)

    def _truth(self, name: str) -> int:
        return max(0, round(self._truths()[name]())) & 0xFFFFFFFF

    def _truths(self) -> dict[str, Callable[[], float]]:
        vehicle, settings = self.vehicle, self.settings
        currents_ma = self._currents_ma()
        volts = self.house.voltage_v()
        session = vehicle.charged_nanojoule - self._session_from
        charged_wh = watt_hours(vehicle.charged_nanojoule) + self.counter_offset_wh
        return {
            "charging_state": self._state,
            "cable_state": lambda: CABLE_IN_CAR if vehicle.plugged else CABLE_IN_STATION,
            "error_code": lambda: 0,
            "current_1": lambda: currents_ma[0],
            "current_2": lambda: currents_ma[1],
            "current_3": lambda: currents_ma[2],
            "serial": lambda: settings.serial,
            "product": lambda: 310_000 + _PRODUCT_CURRENT[round(settings.max_a)] * 1000 + 11,
            "firmware": lambda: 0x030A2A00,
            "active_power": lambda: vehicle.power_milliwatt,
            "total_energy": lambda: charged_wh * 10,
            "voltage_1": lambda: volts[0],
            "voltage_2": lambda: volts[1],
            "voltage_3": lambda: volts[2],
            "power_factor": lambda: 1000 if vehicle.power_milliwatt else 0,
            "max_current": lambda: self.allowed_a * _MILLI,
            "max_supported_current": lambda: settings.max_a * _MILLI,
            "session_energy": lambda: watt_hours(session) * 10,
            "failsafe_current": lambda: self._orders.failsafe_ma,
            "failsafe_timeout": lambda: self._orders.failsafe_s,
        }

    def _state(self) -> int:
        if self.vehicle.power_milliwatt > _DRAWS_MILLIWATT:
            return CHARGING
        if not self.vehicle.plugged:
            return NOT_READY
        return SUSPENDED if self.allowed_a < SMALLEST_A else READY

    def _currents_ma(self) -> tuple[float, float, float]:
        shares = self.vehicle.config.phase_shares
        first, second, third = (round(self.vehicle.power_milliwatt * share) for share in shares)
        told = electrical((first, second, third), (0, 0, 0), self.house.voltage_v(), self.house.at_us)
        return told.current_a[0] * _MILLI, told.current_a[1] * _MILLI, told.current_a[2] * _MILLI


def _known(path: str) -> str:
    if path not in WRITABLE:
        raise KeyError(f"{path!r} is never written; expected one of {', '.join(WRITABLE)}")
    return path
