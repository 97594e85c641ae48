"""The house: load, producers, storages, cars and appliances behind one connection point, moved on in fixed steps.

The step grid is fixed (`step_s`), so what happens does not depend on how often anyone looks: `advance_to` runs
the steps that are due. Devices read the state of the last step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from hil.house.appliance import Appliance, ApplianceConfig
from hil.house.battery import Battery, BatteryConfig
from hil.house.grid import REACTIVE_PER_ACTIVE_PPM, Books, GridState, voltages
from hil.house.producer import Producer, ProducerConfig
from hil.house.quantities import MICROSECONDS, MILLION, Phases, kilowatts, milliwatts, shares_in_ppm, split
from hil.house.vehicle import Vehicle, VehicleConfig


class Weather(Protocol):
    """What comes from outside: what people switch on and what the sun offers, by seconds since the start."""

    def demand_kw(self, at_s: float) -> float:
        """Uncontrolled load of the house."""

    def sun_kw(self, at_s: float) -> float:
        """What all producers together could produce."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A weather that never changes, for step responses."""

    demand: float = 0.5
    sun: float = 0.0

    def demand_kw(self, at_s: float) -> float:  # noqa: ARG002 - a constant needs no time
        """The same load at every time."""
        return self.demand

    def sun_kw(self, at_s: float) -> float:  # noqa: ARG002
        """The same sun at every time."""
        return self.sun


@dataclass(frozen=True, slots=True)
class HouseConfig:
    """How the house is built."""

    step_s: float = 0.25
    load_shares: tuple[float, float, float] = (0.45, 0.35, 0.20)
    batteries: Mapping[str, BatteryConfig] = field(default_factory=lambda: {"battery": BatteryConfig()})
    producers: Mapping[str, ProducerConfig] = field(default_factory=lambda: {"pv": ProducerConfig()})
    vehicles: Mapping[str, VehicleConfig] = field(default_factory=dict)
    appliances: Mapping[str, ApplianceConfig] = field(default_factory=dict)
    history_s: float = 12.0

    def __post_init__(self) -> None:
        if not 0.01 <= self.step_s <= 5.0:
            raise ValueError(f"house step_s = {self.step_s}: expected between 0.01 and 5 seconds")


class House:
    """The physical truth. Everything a device shows is read from here.

    `controllers` are called at the start of each step with the house's seconds: what runs inside the devices, such
    as revert timers.
    """

    def __init__(self, config: HouseConfig, weather: Weather) -> None:
        self.config = config
        self.weather = weather
        self.batteries = {name: Battery(built) for name, built in config.batteries.items()}
        self.producers = {name: Producer(built) for name, built in config.producers.items()}
        self.vehicles = {name: Vehicle(built) for name, built in config.vehicles.items()}
        self.appliances = {name: Appliance(built) for name, built in config.appliances.items()}
        self.consumed_nanojoule = 0
        self.load: Phases = (0, 0, 0)
        self.controllers: list[Callable[[float], None]] = []
        self._extra: dict[str, Phases] = {}
        self._dt_us = round(config.step_s * MICROSECONDS)
        self._load_ppm = shares_in_ppm(config.load_shares)
        self._battery_ppm = {name: shares_in_ppm(built.phase_shares) for name, built in config.batteries.items()}
        self._producer_ppm = {name: shares_in_ppm(built.phase_shares) for name, built in config.producers.items()}
        self._vehicle_ppm = {name: shares_in_ppm(built.phase_shares) for name, built in config.vehicles.items()}
        self._rated_kw = sum(built.rated_kw for built in config.producers.values()) or 1.0
        self.grid = GridState(0, (0, 0, 0), (0, 0, 0), Books())
        self._history: deque[GridState] = deque([self.grid], maxlen=max(2, round(config.history_s / config.step_s)))
        self.at_us = 0
        self._look()

    @property
    def at_s(self) -> float:
        """Seconds since the house began, at the last step."""
        return self.at_us / MICROSECONDS

    @property
    def grid_kw(self) -> float:
        """Power at the connection point, positive when importing: the truth, without any meter's age."""
        return kilowatts(self.grid.total_milliwatt)

    @property
    def load_kw(self) -> float:
        """Uncontrolled load now."""
        return kilowatts(sum(self.load))

    @property
    def producers_kw(self) -> float:
        """What all producers produce now."""
        return kilowatts(sum(producer.power_milliwatt for producer in self.producers.values()))

    @property
    def batteries_kw(self) -> float:
        """What all storages take now, positive when charging."""
        return kilowatts(sum(battery.power_milliwatt for battery in self.batteries.values()))

    @property
    def vehicles_kw(self) -> float:
        """What all cars take now."""
        return kilowatts(sum(vehicle.power_milliwatt for vehicle in self.vehicles.values()))

    @property
    def appliances_kw(self) -> float:
        """What all appliances draw now, those that simulate a program."""
        return kilowatts(sum(appliance.power_milliwatt for appliance in self.appliances.values()))

    def switch(self, name: str, power_kw: float, phase: int | None = None) -> None:
        """Switch a named load to this power (0 takes it away), on one phase (1 to 3) or spread over the three."""
        total = milliwatts(power_kw)
        if phase is None:
            spread = split(total, shares_in_ppm((1 / 3, 1 / 3, 1 / 3)))
        else:
            first, second, third = (total if here == phase else 0 for here in (1, 2, 3))
            spread = (first, second, third)
        self._extra[name] = spread
        if not total:
            del self._extra[name]

    def advance_to(self, at_s: float) -> bool:
        """Run the steps that are due by `at_s`; True when there was at least one."""
        due = int(at_s * MICROSECONDS) // self._dt_us - self.at_us // self._dt_us
        for _ in range(due):
            self.step()
        return due > 0

    def step(self) -> None:
        """One step of the fixed grid."""
        dt_us = self._dt_us
        self.at_us += dt_us
        for controller in self.controllers:
            controller(self.at_us / MICROSECONDS)
        self._look()
        seen = self.grid.total_milliwatt
        sun_kw = self.weather.sun_kw(self.at_us / MICROSECONDS)
        first, second, third = self.load
        self.consumed_nanojoule += (first + second + third) * dt_us
        reactive = [part * REACTIVE_PER_ACTIVE_PPM // MILLION for part in self.load]
        for name, producer in self.producers.items():
            part = split(
                producer.step(dt_us, sun_kw * producer.config.rated_kw / self._rated_kw), self._producer_ppm[name]
            )
            first, second, third = first - part[0], second - part[1], third - part[2]
            if producer.reactive_kvar:
                for index, var in enumerate(split(milliwatts(producer.reactive_kvar), self._producer_ppm[name])):
                    reactive[index] -= var
        for name, battery in self.batteries.items():
            part = split(battery.step(dt_us, seen, len(self.batteries)), self._battery_ppm[name])
            first, second, third = first + part[0], second + part[1], third + part[2]
            if battery.reactive_kvar:
                for index, var in enumerate(split(milliwatts(battery.reactive_kvar), self._battery_ppm[name])):
                    reactive[index] -= var
        active = self._run(dt_us, self._charge(dt_us, (first, second, third)))
        self.grid = GridState(
            self.at_us, active, (reactive[0], reactive[1], reactive[2]), self.grid.books.after(active, dt_us)
        )
        self._history.append(self.grid)

    def seen_before(self, age_s: float) -> GridState:
        """The newest state of the connection point that is at least `age_s` old: what a slow meter shows."""
        latest_us = self.at_us - round(age_s * MICROSECONDS)
        for state in reversed(self._history):
            if state.at_us <= latest_us:
                return state
        return self._history[0]

    def voltage_v(self) -> tuple[float, float, float]:
        """Phase voltages now."""
        return voltages(self.grid.active, self.at_us)

    def imbalance_nanojoule(self) -> int:
        """What the books lack: import + production - export - consumption - stored and lost. Always zero."""
        books = self.grid.books
        produced = sum(producer.produced_nanojoule for producer in self.producers.values())
        kept = sum(battery.charged_nanojoule - battery.discharged_nanojoule for battery in self.batteries.values())
        kept += sum(vehicle.charged_nanojoule for vehicle in self.vehicles.values())
        kept += sum(appliance.consumed_nanojoule for appliance in self.appliances.values())
        return books.imported - books.exported + produced - self.consumed_nanojoule - kept

    def _charge(self, dt_us: int, before: Phases) -> Phases:
        """What the connection point carries with the cars on top; they see the voltage of the step before."""
        if not self.vehicles:
            return before
        first, second, third = before
        mean_v = sum(self.voltage_v()) / 3
        for name, vehicle in self.vehicles.items():
            part = split(vehicle.step(dt_us, mean_v), self._vehicle_ppm[name])
            first, second, third = first + part[0], second + part[1], third + part[2]
        return first, second, third

    def _run(self, dt_us: int, before: Phases) -> Phases:
        """What the connection point carries with the appliances on top."""
        drawn = list(before)
        for appliance in self.appliances.values():
            drawn[appliance.config.phase - 1] += appliance.step(dt_us)
        return drawn[0], drawn[1], drawn[2]

    def _look(self) -> None:
        load = split(milliwatts(max(0.0, self.weather.demand_kw(self.at_us / MICROSECONDS))), self._load_ppm)
        for extra in self._extra.values():
            load = (load[0] + extra[0], load[1] + extra[1], load[2] + extra[2])
        self.load = load
