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
from hil.devices.device import RigDevice, SunSpecDevice
from hil.devices.meter import GridMeter, MeterSettings
from hil.devices.modbus import DEVICE_FAILURE
from hil.devices.pv import PvInverter, PvSettings
from hil.devices.server import SerialTransport, TcpTransport, Transport
from hil.devices.storage import StorageInverter, StorageSettings
from hil.house.grid import NOMINAL_V
from hil.house.house import Constant, House, HouseConfig, Weather
from hil.house.vehicle import Vehicle

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


class Handle:
    """One device in a test's or a scenario's hands: what can be done to it, said as a person would."""

    def __init__(self, device: RigDevice, transport: Transport, clock: Clock) -> None:
        self.device = device
        self.transport = transport
        self._clock = clock

    @property
    def name(self) -> str:
        """The device's name in the rig."""
        return self.device.name

    @property
    def address(self) -> str:
        """host:port, or the path of the serial line."""
        return self.transport.address

    @property
    def unit_id(self) -> int:
        """Its unit id there."""
        return self.device.unit_id

    @property
    def requests(self) -> int:
        """How many requests have reached it."""
        return self.device.manner.requests

    def writes(self, point: str) -> int:
        """How often a point, such as `704.WSet`, has been written."""
        return self.device.writes(point)

    def changes(self, point: str) -> int:
        """How often a write has given a point, such as `704.WSetEna`, another value (a contactor that moved)."""
        return self.device.changes(point)

    def shown(self, point: str) -> float:
        """What a client would read now at a point, such as `203.W`."""
        return self.device.shown(point)

    def behaves(self) -> None:
        """End every fault of the link and of the registers; the address stays where it is."""
        self.device.manner.well()
        self.device.tell_the_truth()

    def stops_answering(self) -> None:
        """Connections stay open, nothing comes back."""
        self.device.manner.silent = True

    def answers_again(self) -> None:
        """The link is well again."""
        self.device.manner.well()

    def slows_down(self, seconds: float) -> None:
        """Every answer takes this long."""
        self.device.manner.delay_s = seconds

    def talks_garbage(self) -> None:
        """Answers are noise of the right length."""
        self.device.manner.garbage = True

    def answers_half(self) -> None:
        """Answers break off in the middle."""
        self.device.manner.half = True

    def mixes_up_transactions(self) -> None:
        """Answers carry another request's transaction id (TCP)."""
        self.device.manner.wrong_transaction = True

    def refuses(self, code: int = DEVICE_FAILURE) -> None:
        """Every request is refused with this exception code."""
        self.device.manner.exception = code

    def refuses_writes(self, code: int = DEVICE_FAILURE) -> None:
        """Reading works; every write is refused with this exception code."""
        self.device.manner.write_exception = code

    def lies(self, point: str, value: float | None) -> None:
        """A point, such as `713.SoC`, shows this value, or None for *not implemented*."""
        self.device.lie(point, value)

    def hangs_up(self) -> None:
        """The connection is closed after each answer."""
        self.device.manner.hang_up = True

    def freezes(self) -> None:
        """Measurements stand still while the link works."""
        self.device.freeze()

    def thaws(self) -> None:
        """Measurements move again."""
        self.device.frozen = False

    def ignores(self, point: str) -> None:
        """Writes to a point, such as `704.WSet`, are acknowledged and forgotten; KeyError when it has no such point."""
        self.device.ignore(point)

    async def goes_away(self) -> None:
        """Nothing listens at its address any more."""
        await self.transport.stop()

    async def comes_back(self) -> None:
        """It listens again where it was."""
        await self.transport.start()

    async def moves(self, port: int = 0, host: str | None = None) -> None:
        """It is found at another address afterwards (TCP only)."""
        if not isinstance(self.transport, TcpTransport):
            raise TypeError(f"{self.name} is on a serial line: only a device on TCP can move")
        await self.transport.stop()
        self.transport.port = port
        self.transport.host = host or self.transport.host
        await self.transport.start()

    async def reboots(self, down_s: float = 20.0) -> None:
        """Away for a while, then back with power-up defaults; counters are kept."""
        await self.transport.stop()
        await self._clock.sleep(down_s)
        self.device.reboot()
        await self.transport.start()


class SunSpecHandle(Handle):
    """A device that speaks SunSpec."""

    device: SunSpecDevice

    def is_overridden(self, model_id: int, **values: float) -> None:
        """Somebody else writes controls, without our link."""
        self.device.poke(model_id, **values)


class MeterHandle(SunSpecHandle):
    """The grid meter."""

    device: GridMeter

    def is_wired_backwards(self, *phases: int) -> None:
        """Current transformers are reversed: on these phases, or on all."""
        self.device.wiring.reversed_phases = frozenset(phases or (1, 2, 3))

    def has_phases_swapped(self, order: tuple[int, int, int] = (2, 1, 3)) -> None:
        """Current transformers sit on other phases than they say."""
        self.device.wiring.order = order

    def is_wired_right(self) -> None:
        """The electrician came back."""
        self.device.wiring.reversed_phases = frozenset()
        self.device.wiring.order = (1, 2, 3)

    def counters_jump(self, kwh: float) -> None:
        """Both energy counters leap."""
        self.device.import_offset_wh += kwh * 1000
        self.device.export_offset_wh += kwh * 1000

    def behaves(self) -> None:
        """Also wired right again."""
        super().behaves()
        self.is_wired_right()


class ProducerHandle(SunSpecHandle):
    """A PV inverter."""

    device: PvInverter

    @property
    def power_kw(self) -> float:
        """What it truly produces."""
        return self.device.producer.power_kw

    def is_limited_elsewhere(self, percent: float) -> None:
        """A grid unit or the maker's cloud limits it, in percent of its rating."""
        if 704 in self.device.image:
            self.device.poke(704, WMaxLimPct=percent, WMaxLimPctEna=1)
        else:
            self.device.poke(123, WMaxLimPct=percent, WMaxLim_Ena=1)

    def counters_jump(self, kwh: float) -> None:
        """Its energy counter leaps."""
        self.device.counter_offset_wh += kwh * 1000


class StorageHandle(SunSpecHandle):
    """A battery inverter."""

    device: StorageInverter

    @property
    def power_kw(self) -> float:
        """What it truly takes, positive when charging."""
        return self.device.battery.power_kw

    @property
    def soc(self) -> float:
        """Its true state of charge, 0 to 1."""
        return self.device.battery.soc

    def counters_jump(self, kwh: float) -> None:
        """Its energy counters leap."""
        self.device.counter_offset_wh += kwh * 1000

    def is_commanded_elsewhere(self, power_kw: float) -> None:
        """The maker's cloud or a grid unit sets a power (charging positive) over our head."""
        if 704 in self.device.image:
            self.device.poke(704, WSetMod=1, WSet=-power_kw * 1000, WSetEna=1, WSetRvrtTms=0)
            return
        share = 100 * power_kw * 1000 / self.device.image[124]["WChaMax"].get()
        self.device.poke(124, StorCtl_Mod=3, InWRte=share, OutWRte=-share, InOutWRte_RvrtTms=0)


class ChargerHandle(Handle):
    """A charge point and the car that may hang on it."""

    device: Charger

    @property
    def power_kw(self) -> float:
        """What the car truly takes."""
        return self._car().power_kw

    @property
    def soc(self) -> float:
        """The car's true state of charge, 0 to 1."""
        return self._car().soc

    @property
    def plugged(self) -> bool:
        """True while a car is plugged."""
        return self._car().plugged

    @property
    def contactor_moves(self) -> int:
        """How often its contactor has closed or opened."""
        self._car()
        return self.device.contactor_moves

    def plug_in(self, soc: float | None = None, capacity_kwh: float | None = None) -> None:
        """A car comes; with figures it is another one than before."""
        self._car().plug_in(soc, capacity_kwh)

    def unplug(self, used_kwh: float = 0.0) -> None:
        """The car goes; it will have used this much when it comes back."""
        self._car().unplug(used_kwh)

    def counters_jump(self, kwh: float) -> None:
        """Its energy counter leaps."""
        self.device.counter_offset_wh += kwh * 1000

    def is_commanded_elsewhere(self, power_kw: float) -> None:
        """The maker's app sets another current over our head."""
        amperes = power_kw * 1000 / (NOMINAL_V * self.device.vehicle.config.phases)
        self.device.poke(enable=1, set_current=round(amperes) * 1000)

    def _car(self) -> Vehicle:
        self.device.house.advance_to(self.device.now_s())
        return self.device.vehicle


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
            kind = _HANDLES[type(device)]
            self.handles[name] = kind(device, self._transports[plan.wiring.get(name, name)], clock)

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


_HANDLES: dict[type[RigDevice], type[Handle]] = {
    GridMeter: MeterHandle,
    PvInverter: ProducerHandle,
    StorageInverter: StorageHandle,
    Charger: ChargerHandle,
}


def _transport(bus: Bus, units: Mapping[int, RigDevice]) -> Transport:
    match bus:
        case TcpBus(host, port):
            return TcpTransport(units, host, port)
        case SerialBus(baudrate):
            return SerialTransport(units, baudrate)
