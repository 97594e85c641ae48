"""One device of a rig in a test's or a scenario's hands: what can be done to it, said as a person would."""

from __future__ import annotations

from heg.runtime.clock import Clock
from hil.devices.charger import Charger
from hil.devices.device import RigDevice, SunSpecDevice
from hil.devices.meter import GridMeter
from hil.devices.modbus import DEVICE_FAILURE
from hil.devices.pv import PvInverter
from hil.devices.server import TcpTransport, Transport
from hil.devices.storage import StorageInverter
from hil.house.grid import NOMINAL_V
from hil.house.vehicle import Vehicle


def handle_of(device: RigDevice, transport: Transport, clock: Clock) -> Handle:
    """The handle that fits a device."""
    return _KINDS[type(device)](device, transport, clock)


class Handle:
    """Any device: its link, its registers, its address."""

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


_KINDS: dict[type[RigDevice], type[Handle]] = {
    GridMeter: MeterHandle,
    PvInverter: ProducerHandle,
    StorageInverter: StorageHandle,
    Charger: ChargerHandle,
}
