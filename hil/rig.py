"""The rig: a house, its devices and their buses on one injected clock.

    async with Rig(plan, clock) as rig:
        rig.meter.stops_answering()
        await rig.after(seconds=15)
        assert rig.house.batteries_kw == pytest.approx(0.0, abs=0.05)

Only the injected clock is read, so the same rig runs stepped (in a test, beside the gateway on one loop), scaled
(the demo, a process of its own) and in real time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self, TypeVar

from heg.runtime.clock import Clock
from hil.appliances.farm import Farm
from hil.appliances.handle import ApplianceHandle
from hil.appliances.settings import ApplianceSettings
from hil.devices.charger import Charger, ChargerSettings
from hil.devices.device import RigDevice
from hil.devices.meter import GridMeter, MeterSettings
from hil.devices.pv import PvInverter, PvSettings
from hil.devices.server import SerialTransport, TcpTransport, Transport
from hil.devices.storage import StorageInverter, StorageSettings
from hil.handles import ChargerHandle, Handle, MeterHandle, ProducerHandle, StorageHandle, handle_of
from hil.house.house import Constant, House, HouseConfig, Weather

DeviceSettings = PvSettings | StorageSettings | MeterSettings | ChargerSettings


@dataclass(frozen=True, slots=True)
class TcpBus:
    """A Modbus/TCP address; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 0


@dataclass(frozen=True, slots=True)
class SerialBus:
    """A serial line (a pseudo-terminal)."""

    baudrate: int = 19_200


Bus = TcpBus | SerialBus


@dataclass(frozen=True, slots=True)
class RigPlan:
    """What to build. A device without an entry in `wiring` gets a TCP bus of its own; a bus may carry several."""

    house: HouseConfig = field(default_factory=HouseConfig)
    weather: Weather = field(default_factory=Constant)
    devices: Mapping[str, DeviceSettings] = field(
        default_factory=lambda: {"meter": MeterSettings(), "pv": PvSettings(), "battery": StorageSettings()}
    )
    buses: Mapping[str, Bus] = field(default_factory=dict)
    wiring: Mapping[str, str] = field(default_factory=dict)
    appliances: Mapping[str, ApplianceSettings] = field(default_factory=dict)
    source: str = "a house with constant load"
    """Where load and sun come from, in words a person reads."""


H = TypeVar("H", bound=Handle)


class Rig:
    """A house that can be talked to. Start it with `async with`."""

    def __init__(self, plan: RigPlan, clock: Clock) -> None:
        self.plan = plan
        self.clock = clock
        self._began_s = clock.monotonic_s()
        draws = {name: settings.draws for name, settings in plan.appliances.items()}
        self.truth = House(replace(plan.house, appliances={**plan.house.appliances, **draws}), plan.weather)
        self.farm = Farm(plan.appliances, self.truth, self.now_s, clock)
        self.handles: dict[str, Handle] = {}
        self._transports: dict[str, Transport] = {}
        devices = {name: self._device(name, settings) for name, settings in plan.devices.items()}
        on_bus: dict[str, dict[int, RigDevice]] = {}
        for name, device in devices.items():
            units = on_bus.setdefault(plan.wiring.get(name, name), {})
            if device.unit_id in units:
                raise ValueError(
                    f"bus {plan.wiring[name]!r}: {name} and {units[device.unit_id].name} share unit id "
                    f"{device.unit_id}: expected one device per unit id"
                )
            units[device.unit_id] = device
        for bus_name, units in on_bus.items():
            self._transports[bus_name] = _transport(plan.buses.get(bus_name, TcpBus()), units)
        for name, device in devices.items():
            self.handles[name] = handle_of(device, self._transports[plan.wiring.get(name, name)], clock)

    async def __aenter__(self) -> Self:
        try:
            for transport in self._transports.values():
                await transport.start()
            await self.farm.start()
        except OSError:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Take every device off its bus, and every appliance off its network."""
        await self.farm.stop()
        for transport in self._transports.values():
            await transport.stop()

    @property
    def house(self) -> House:
        """The physical truth, moved on to now."""
        self.truth.advance_to(self.now_s())
        return self.truth

    @property
    def appliances(self) -> Mapping[str, ApplianceHandle]:
        """The appliances by name."""
        return self.farm.handles

    @property
    def meter(self) -> MeterHandle:
        """The grid meter."""
        return self._only(MeterHandle)

    @property
    def pv(self) -> ProducerHandle:
        """The first PV inverter."""
        return self._only(ProducerHandle)

    @property
    def battery(self) -> StorageHandle:
        """The first battery inverter."""
        return self._only(StorageHandle)

    @property
    def charger(self) -> ChargerHandle:
        """The first charge point."""
        return self._only(ChargerHandle)

    def now_s(self) -> float:
        """Seconds since the house began."""
        return self.clock.monotonic_s() - self._began_s

    async def after(self, seconds: float) -> None:
        """Let house time pass."""
        await self.clock.sleep(seconds)

    async def until(self, holds: Callable[[House], bool], *, within_s: float = 600.0, every_s: float = 0.5) -> float:
        """Wait until something is true of the house; the seconds it took. TimeoutError when it does not come."""
        start_s = self.now_s()
        while not holds(self.house):
            if self.now_s() - start_s > within_s:
                raise TimeoutError(
                    f"not within {within_s:g} s of house time: the house stands at grid {self.house.grid_kw:.3f} kW, "
                    f"storages {self.house.batteries_kw:.3f} kW, cars {self.house.vehicles_kw:.3f} kW, "
                    f"appliances {self.house.appliances_kw:.3f} kW, "
                    f"production {self.house.producers_kw:.3f} kW"
                )
            await self.clock.sleep(every_s)
        return self.now_s() - start_s

    def _only(self, kind: type[H]) -> H:
        return next(handle for handle in self.handles.values() if isinstance(handle, kind))

    def _device(self, name: str, settings: DeviceSettings) -> RigDevice:
        match settings:
            case PvSettings():
                return PvInverter(name, self.truth, self.now_s, settings)
            case StorageSettings():
                return StorageInverter(name, self.truth, self.now_s, settings)
            case MeterSettings():
                return GridMeter(name, self.truth, self.now_s, settings)
            case ChargerSettings():
                return Charger(name, self.truth, self.now_s, settings)


def _transport(bus: Bus, units: Mapping[int, RigDevice]) -> Transport:
    match bus:
        case TcpBus(host, port):
            return TcpTransport(units, host, port)
        case SerialBus(baudrate):
            return SerialTransport(units, baudrate)
