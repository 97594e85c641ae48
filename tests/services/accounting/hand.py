"""A house by hand for the ledger: flows that a person sets, counters that tick and arrive as real ones do."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from heg.data.encoding import decode, encode
from heg.model.books import OpenBooks
from heg.services.accounting.ledger import Closed, Ledger, Look
from heg.services.accounting.levels import INTO, MADE, OUT, DeviceSeen, Reading, Role
from heg.services.accounting.shadow import Battery, Car
from heg.services.accounting.spans import Calendar

START = datetime(2026, 3, 1, tzinfo=UTC)
BATTERY = Battery(capacity_kwh=10.0, charge_kw=5.0, discharge_kw=5.0, round_trip_efficiency=0.81, reserve_share=0.1)


@dataclass
class Register:
    """A counter: what flowed, what it shows (whole ticks), and when the gateway last read it."""

    every_s: float = 10.0
    phase_s: float = 0.0
    tick_kwh: float = 0.001
    true_kwh: float = 100.0
    read_kwh: float = 100.0
    stamp: int = 1

    def flow(self, kwh: float, now_s: float, before_s: float) -> None:
        self.true_kwh += kwh
        if math.floor((now_s - self.phase_s) / self.every_s) > math.floor((before_s - self.phase_s) / self.every_s):
            self.read()

    def read(self) -> None:
        self.read_kwh = math.floor(self.true_kwh / self.tick_kwh + 1e-9) * self.tick_kwh
        self.stamp += 1


@dataclass
class HandHouse:
    """Set the kW, let time pass, look. Signs as everywhere; `battery_kw` + charging."""

    demand_kw: float = 1.0
    sun_kw: float = 0.0
    battery_kw: float = 0.0
    car_kw: float = 0.0
    stored_kwh: float = 5.0
    car: Car | None = None
    at_s: float = 1000.0
    utc: datetime = START
    silent: set[str] = field(default_factory=set)
    powerless: set[str] = field(default_factory=set)
    counterless: set[str] = field(default_factory=set)
    registers: dict[tuple[str, str], Register] = field(default_factory=dict)
    battery: Battery | None = BATTERY
    with_car: bool = False
    misread: float = 1.0
    offset_kw: float = 0.0
    _stale: set[tuple[str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        for name, variable in self._pairs():
            self.registers.setdefault((name, variable), Register())

    @property
    def grid_kw(self) -> float:
        return self.demand_kw - self.sun_kw + self.battery_kw + self.car_kw

    def tick(self, **how: float) -> None:
        """Make all counters like this."""
        for register in self.registers.values():
            for name, value in how.items():
                setattr(register, name, value)

    def true(self, name: str, variable: str) -> float:
        return self.registers[name, variable].true_kwh - 100.0

    def read_all(self) -> None:
        for register in self.registers.values():
            register.read()

    def passes(self, seconds: float) -> None:
        before_s, self.at_s = self.at_s, self.at_s + seconds
        self.utc += timedelta(seconds=seconds)
        hours = seconds / 3600.0
        for (name, variable), register in self.registers.items():
            power_kw = self._power(name) * (-1.0 if variable == OUT else 1.0)
            if name in self.silent:
                register.true_kwh += max(0.0, power_kw) * hours
            else:
                register.flow(max(0.0, power_kw) * hours, self.at_s, before_s)
        if self.battery is not None:
            self.stored_kwh += self.battery.gained_kwh(max(self.battery_kw, 0), max(-self.battery_kw, 0)) * hours

    def look(self) -> Look:
        roles = {"meter": Role.METER, "pv": Role.PRODUCER, "battery": Role.STORAGE, "car": Role.CHARGER}
        devices = []
        # What a silent device said last is stale until it is read again.
        self._stale |= {(device, one.stamp) for (device, _), one in self.registers.items() if device in self.silent}
        for name, role in roles.items():
            if name == "car" and not self.with_car:
                continue
            if name == "battery" and self.battery is None:
                continue
            counters = {
                variable: Reading(register.read_kwh, register.stamp)
                for (device, variable), register in self.registers.items()
                if device == name and name not in self.counterless and (device, register.stamp) not in self._stale
            }
            hidden = name in self.silent or name in self.powerless
            power_kw = None if hidden else self.misread * self._power(name) + self.offset_kw
            devices.append(DeviceSeen(name, role, power_kw, counters, silent=name in self.silent))
        stored_kwh = self.stored_kwh if self.battery is not None else None
        return Look(self.at_s, self.utc, tuple(devices), stored_kwh, self.battery, self.car)

    def _power(self, name: str) -> float:
        powers = {"meter": self.grid_kw, "pv": self.sun_kw, "battery": self.battery_kw, "car": self.car_kw}
        return powers[name]

    def _pairs(self) -> list[tuple[str, str]]:
        pairs = [("meter", INTO), ("meter", OUT), ("pv", MADE), ("battery", INTO), ("battery", OUT)]
        return pairs + ([("car", INTO), ("car", OUT)] if self.with_car else [])


class Kept:
    """A ledger that is looked at every few seconds, and what came out of it."""

    def __init__(self, house: HandHouse, *, slot_minutes: int = 15, zone: str = "UTC", span_s: float = 60.0) -> None:
        self.house = house
        self._slot_minutes, self._span_s = slot_minutes, span_s
        self.calendar = Calendar(zone, slot_minutes)
        self.ledger = self._new(None)
        self.closed: list[Closed] = []
        self.closed += self.ledger.look(house.look())

    def lives(self, seconds: float, *, every_s: float = 5.0) -> Kept:
        """Let time pass and look, at slot ends too, as the service does."""
        end_s = self.house.at_s + seconds
        while self.house.at_s < end_s - 1e-6:
            slot_s = (self.calendar.slot_of(self.house.utc) + self.calendar.slot - self.house.utc).total_seconds()
            self.house.passes(min(every_s, end_s - self.house.at_s, slot_s))
            self.closed += self.ledger.look(self.house.look())
        return self

    def restarts(self, down_s: float = 0.0, *, killed: OpenBooks | None = None) -> None:
        """End and begin again, from what was written: at the end, or (killed) some time before it."""
        left = killed or self.ledger.left()
        assert left is not None
        self.house.passes(down_s)
        self.house.read_all()
        self.house.at_s = 50.0  # another boot
        self.ledger = self._new(decode(encode(left), OpenBooks))
        self.closed += self.ledger.look(self.house.look())

    def everything(self) -> list[Closed]:
        """What is closed, and what is open."""
        running = self.ledger.running
        return [*self.closed, *([running] if running is not None else [])]

    def sum(self, name: str) -> float:
        return float(sum(getattr(one.sums, name) for one in self.everything()))

    def _new(self, left: OpenBooks | None) -> Ledger:
        return Ledger(self.calendar, span_s=self._span_s, ready_within_s=30.0, left=left)
