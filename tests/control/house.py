"""A house in memory for control's tests: physics and devices, speaking the `Actuator` protocol. No network, no bus.

The devices are attached to a real `DeviceManager`, their values pass a real `DataInterface`. Powers in kW; of the house
positive importing, of a storage and a car positive charging, of PV positive producing.
"""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from heg.data.interface import DataInterface
from heg.devices.contract import DeviceHandle, DeviceInfo, OwnerSettings, ReadBack
from heg.devices.manager import DeviceManager
from heg.model.capabilities import (
    Capability,
    MeterCapability,
    ProducerCapability,
    StorageCapability,
    VehicleCapability,
    WriteBudget,
)
from heg.model.leases import SetPoint
from heg.model.policy import CUSTOMER
from heg.model.refusals import Refusal, RefusalCode
from heg.model.regimes import Regime
from heg.runtime.clock import Clock

TICK_S = 0.1
V = 230.0
NAMES = ("meter", "battery", "battery-2", "car", "pv")


@dataclass
class Faults:
    """What goes wrong with a device now."""

    hangs: bool = False
    refuses: bool = False
    ignores: bool = False
    refuses_release: bool = False
    ignores_release: bool = False
    latency_s: float = 0.02


@dataclass
class Port:
    """An actuator of a battery or a car: registers, a command lag, a revert timer, its own mode when not commanded."""

    clock: Clock
    capability: StorageCapability | VehicleCapability | ProducerCapability
    own_mode: Callable[[], float] = lambda: 0.0
    lag_s: float = 0.5
    dead_s: float = 0.0
    soc: float = 0.5
    capacity_kwh: float = 10.0
    inverted: bool = False
    scale: float = 1.0
    deaf: bool = False
    faults: Faults = field(default_factory=Faults)
    register: SetPoint | None = None
    register_at_s: float = -math.inf
    power_kw: float = 0.0
    log: list[tuple[float, str, SetPoint | None]] = field(default_factory=list)
    _pipe: deque[tuple[float, float]] = field(default_factory=deque)

    async def apply(self, set_point: SetPoint) -> Refusal | None:
        refusal = await self._answer()
        self.log.append((self.clock.monotonic_s(), "apply", set_point))
        if refusal is None and self.faults.refuses:
            refusal = Refusal(RefusalCode.DEVICE_REFUSED, "an acknowledgement", "exception 4")
        if refusal is None and not self.faults.ignores:
            self.register, self.register_at_s = set_point, self.clock.monotonic_s()
        return refusal

    async def read_back(self) -> ReadBack | Refusal:
        if (refusal := await self._answer()) is not None:
            return refusal
        if not self.active:
            return ReadBack(active=False, set_point=SetPoint(), measured_kw=self.power_kw)
        assert self.register is not None
        return ReadBack(active=True, set_point=self.register, measured_kw=self.power_kw)

    async def release(self) -> Refusal | None:
        refusal = await self._answer()
        self.log.append((self.clock.monotonic_s(), "release", None))
        if refusal is None and self.faults.refuses_release:
            refusal = Refusal(RefusalCode.DEVICE_REFUSED, "an acknowledgement", "exception 4")
        if refusal is None and not self.faults.ignores_release:
            self.register = None
        return refusal

    async def _answer(self) -> Refusal | None:
        if self.faults.hangs:
            await self.clock.sleep(60.0)
            return Refusal(RefusalCode.TIMEOUT, "an answer", "none")
        await self.clock.sleep(self.faults.latency_s)
        return None

    def somebody_else_writes(self, set_point: SetPoint) -> None:
        self.register, self.register_at_s = set_point, self.clock.monotonic_s()

    @property
    def active(self) -> bool:
        """Something is commanded and has not lapsed."""
        if self.register is None:
            return False
        revert_s = self.register.revert_s
        return revert_s <= 0 or self.clock.monotonic_s() - self.register_at_s < revert_s

    def commands(self, kind: str = "apply") -> int:
        return sum(1 for _, what, _ in self.log if what == kind)

    def tick(self, balance: Callable[[], float]) -> None:
        now_s = self.clock.monotonic_s()
        self._pipe.append((now_s, self._target(balance)))
        while len(self._pipe) > 1 and self._pipe[1][0] <= now_s - self.dead_s:
            self._pipe.popleft()
        target = self._pipe[0][1]
        share = 1.0 if self.lag_s <= 0 else 1.0 - math.exp(-TICK_S / self.lag_s)
        self.power_kw += (self._possible(target) - self.power_kw) * share
        self.soc = min(max(self.soc + self.power_kw * TICK_S / 3600.0 / self.capacity_kwh, 0.0), 1.0)

    def produce(self, sun_kw: float) -> None:
        """The same inverter as a producer: what the sun gives, up to its limit."""
        limit_kw = math.inf
        if self.active and self.register is not None and self.register.power_kw is not None:
            limit_kw = self.register.power_kw
        share = 1.0 if self.lag_s <= 0 else 1.0 - math.exp(-TICK_S / self.lag_s)
        self.power_kw += (min(sun_kw, limit_kw) - self.power_kw) * share

    def _target(self, balance: Callable[[], float]) -> float:
        if not self.active or self.deaf:
            return self.own_mode()
        assert self.register is not None
        wanted = {
            Regime.HOLD: lambda: 0.0,
            Regime.BALANCE: balance,
            Regime.COVER: lambda: min(balance(), 0.0),
            Regime.ABSORB: lambda: max(balance(), 0.0),
        }.get(self.register.regime or Regime.CHARGE, lambda: self.register.power_kw or 0.0)()  # type: ignore[union-attr]
        low = -math.inf if self.register.min_kw is None else self.register.min_kw
        high = math.inf if self.register.max_kw is None else self.register.max_kw
        return min(max(wanted, low), high) * (-1.0 if self.inverted else 1.0) * self.scale

    def _possible(self, power_kw: float) -> float:
        if not isinstance(self.capability, ProducerCapability):
            power_kw = min(max(power_kw, self.capability.min_rate_kw), self.capability.max_rate_kw)
        if self.soc >= 1.0:
            power_kw = min(power_kw, 0.0)
        return max(power_kw, 0.0) if self.soc <= 0.0 else power_kw


@dataclass
class Meter:
    """The grid meter: what it shows of the truth, how late, and what is wrong with it."""

    age_s: float = 0.0
    silent: bool = False
    frozen: bool = False
    inverted: bool = False
    scale: float = 1.0
    phases_seen: tuple[int, ...] = (0, 1, 2)
    every_s: float = 1.0


class House:
    """Physics of one house, its devices attached to a device manager, all values through the door."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.data = DataInterface(clock, "home")
        owners = [OwnerSettings(name=name, identity=f"test|{name}") for name in NAMES]
        self.devices = DeviceManager(self.data.admit(CUSTOMER, "devices"), clock, unit="home", owners=owners)
        self.meter = Meter()
        self.load_kw: list[float] = [0.0, 0.0, 0.0]
        self.pv_kw = 0.0
        self.pv: Port | None = None
        self.noise: Callable[[float], float] = lambda _now_s: 0.0
        self.ports: dict[str, Port] = {}
        self.handles: dict[str, DeviceHandle] = {}
        self.silent: set[str] = set()
        self.soc_shown: dict[str, float | None] = {}
        self.grid_log: list[tuple[float, float]] = []
        self._shown: deque[tuple[float, tuple[float, ...]]] = deque()
        self._meter_handle = self._attach("meter", MeterCapability(phases=3, at_connection_point=True))

    def add_battery(self, name: str = "battery", **changes: object) -> Port:
        port_fields = {key: changes.pop(key) for key in tuple(changes) if key in Port.__dataclass_fields__}
        base = StorageCapability(
            10.0, -5.0, 5.0, native=frozenset({Regime.HOLD}), writes=WriteBudget(volatile=True), response_lag_s=0.5
        )
        return self._add(name, replace(base, **changes), port_fields)  # type: ignore[arg-type]

    def add_car(self, name: str = "car", **changes: object) -> Port:
        port_fields = {key: changes.pop(key) for key in tuple(changes) if key in Port.__dataclass_fields__}
        base = VehicleCapability(0.0, 11.0, 1.4, writes=WriteBudget(volatile=True))
        return self._add(name, replace(base, **changes), {"capacity_kwh": 60.0} | port_fields)  # type: ignore[arg-type]

    def add_pv(self, rated_kw: float = 10.0) -> Port:
        """A PV inverter whose limit can be set; the sun is `pv_kw`."""
        capability = ProducerCapability(rated_kw, 3, curtailable=True)
        self.pv = Port(self.clock, capability, lag_s=0.5)
        self.handles["pv"] = self._attach("pv", capability, self.pv)
        return self.pv

    def grid_phases_kw(self) -> tuple[float, ...]:
        """Truth now, per phase, positive importing."""
        produced = self.pv_kw if self.pv is None else self.pv.power_kw
        controlled = sum(port.power_kw for port in self.ports.values()) - produced
        noise = self.noise(self.clock.monotonic_s())
        return tuple(load + (controlled + noise) / 3 for load in self.load_kw)

    @property
    def grid_kw(self) -> float:
        """Truth now."""
        return sum(self.grid_phases_kw())

    @contextlib.asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """Physics and meters run while the context is open."""
        tasks = [asyncio.ensure_future(self._physics()), asyncio.ensure_future(self.devices.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.data.close()

    def worst_kw(self, since_s: float = 0.0) -> float:
        """The largest grid power since then."""
        return max(power for at_s, power in self.grid_log if at_s >= since_s)

    async def _physics(self) -> None:
        next_report_s = at_s = self.clock.monotonic_s()
        while True:
            for port in self.ports.values():
                port.tick(lambda port=port: port.power_kw - self.grid_kw)  # type: ignore[misc]
            if self.pv is not None:
                self.pv.produce(self.pv_kw)
            now_s = self.clock.monotonic_s()
            phases = self.grid_phases_kw()
            self.grid_log.append((now_s, sum(phases)))
            self._shown.append((now_s, phases))
            while len(self._shown) > 1 and self._shown[1][0] <= now_s - self.meter.age_s + 1e-9:
                self._shown.popleft()
            if now_s >= next_report_s - 1e-9:
                next_report_s += self.meter.every_s
                self._report()
            at_s += TICK_S
            await self.clock.sleep_until(at_s)

    def _report(self) -> None:
        if not self.meter.silent:
            shown = [power for index, power in enumerate(self._shown[0][1]) if index in self.meter.phases_seen]
            factor = self.meter.scale * (-1.0 if self.meter.inverted else 1.0)
            self._meter_handle.report("power.active", sum(shown) * factor)
            for part, power in zip("abc", self._shown[0][1], strict=True):
                self._meter_handle.report("current", power * factor * 1000.0 / V, part=f"phase.{part}")
        if self.pv is not None:
            self.handles["pv"].report("power.active", self.pv.power_kw)
        for name, port in self.ports.items():
            if name in self.silent:
                continue
            self.handles[name].report("power.active", port.power_kw)
            soc = self.soc_shown.get(name, port.soc)
            if soc is not None:
                self.handles[name].report("soc", soc)

    def _add(self, name: str, capability: StorageCapability | VehicleCapability, fields: dict) -> Port:
        port = Port(self.clock, capability, **fields)
        self.ports[name] = port
        self.handles[name] = self._attach(name, capability, port)
        return port

    def _attach(self, name: str, capability: Capability, port: Port | None = None) -> DeviceHandle:
        info = DeviceInfo(f"test|{name}", "Test", name, name, "1", "memory", "here", (capability,))
        handle = self.devices.attach(info, interval_s=1.0, actuator=port)
        assert handle.name == name, f"{name}: expected one of {NAMES}"
        return handle
