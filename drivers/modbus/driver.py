"""The Modbus driver: looks for SunSpec devices where the owner says, polls each of them, finds lost ones again."""

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from contextlib import suppress

from drivers.modbus.bus import Bus
from drivers.modbus.config import ModbusConfig, SerialBus, targets
from drivers.modbus.device import SunSpecDevice
from drivers.modbus.discovery import Found, explore, longest_search_pause_s
from drivers.modbus.link import Failure, FailureKind, rtu_link, tcp_link
from drivers.modbus.roles import meter_model, roles_of
from drivers.modbus.templated import TemplatedDevice
from heg.devices.contract import DriverContext
from heg.model.refusals import RefusedError
from heg.runtime.clock import ClockMode

logger = logging.getLogger(__name__)

_AT_ONCE = 16
_EAGER_ROUNDS = 6
_SCALED_REAL_TIMEOUT_S = 0.1
_RESTART_PAUSE_S = 5.0


class ModbusDriver:
    """One supervised task with a poller per device inside; a fault of one device never ends it."""

    def __init__(self, config: ModbusConfig, context: DriverContext) -> None:
        self._config = config
        self._context = context
        self._clock = context.clock
        self._targets = targets(config.hosts)
        # What the owner named one by one; of a whole network most addresses are nobody's.
        self._named = {f"{host}:{port}" for entry in config.hosts for host, port in _only(targets((entry,)))}
        self._named |= {line.port for line in config.serial}
        self._buses: dict[str, Bus] = {}
        self._devices: dict[str, SunSpecDevice] = {}
        self._templated: list[TemplatedDevice] = []
        self._pollers: asyncio.TaskGroup | None = None
        self._wake = asyncio.Event()
        self._scanning = asyncio.Lock()
        self._has_connection_point = False
        self._told: set[str] = set()

    async def run(self) -> None:
        """Find, read and keep devices until cancelled."""
        self._context.on_scan("modbus", self.scan)
        try:
            async with asyncio.TaskGroup() as pollers:
                self._pollers = pollers
                self._take_up_templated(pollers)
                await self._look_for_ever()
        finally:
            self._pollers = None
            for bus in self._buses.values():
                bus.close()

    async def scan(self) -> str:
        """Look everywhere now; returns what there is, for `command.scan`."""
        before = set(self._devices)
        await self._round()
        new = [device.address for identity, device in self._devices.items() if identity not in before]
        everybody: tuple[SunSpecDevice | TemplatedDevice, ...] = (*self._devices.values(), *self._templated)
        missing = [device.address for device in everybody if device.missing]
        return f"{len(everybody)} devices, new: {', '.join(new) or 'none'}, missing: {', '.join(missing) or 'none'}"

    # Looking for devices

    async def _look_for_ever(self) -> None:
        quiet_rounds = 0
        while True:
            self._wake.clear()
            news = await self._round()
            quiet_rounds = 0 if news else quiet_rounds + 1
            eager = self._anything_missing() or quiet_rounds < _EAGER_ROUNDS
            pause_s = min(2.0 ** min(quiet_rounds, 8), longest_search_pause_s()) if eager else self._config.rescan_s
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
                    quiet_rounds = 0

    def _anything_missing(self) -> bool:
        return (not self._devices and bool(self._targets or self._config.serial)) or any(
            device.missing for device in self._devices.values()
        )

    async def _round(self) -> bool:
        """Ask everywhere where no device answers; True when something was found."""
        async with self._scanning:
            limit = asyncio.Semaphore(_AT_ONCE)
            hosts = (self._look_at_host(host, port, limit) for host, port in self._targets)
            lines = (self._look_at_line(line) for line in self._config.serial)
            later: list[Found] = []
            async with asyncio.TaskGroup() as lookers:
                tasks = [lookers.create_task(self._take_in(look, later)) for look in (*hosts, *lines)]
            news = any(task.result() for task in tasks)
            for found in self._in_order(later):
                news = self._welcome(found) or news
            return news

    async def _take_in(self, look: Awaitable[list[Found]], later: list[Found]) -> bool:
        """Devices are welcome as soon as they are found; meters wait for each other where the first one matters."""
        news = False
        for found in await look:
            if meter_model(found.images) is not None and not self._connection_point_known():
                later.append(found)
            else:
                news = self._welcome(found) or news
        return news

    def _connection_point_known(self) -> bool:
        return bool(self._config.connection_point) or self._has_connection_point

    def _in_order(self, found: Iterable[Found]) -> list[Found]:
        """In the order of the owner's lists, so that the first meter is the same one each time."""
        order = {f"{host}:{port}": index for index, (host, port) in enumerate(self._targets)}
        order |= {line.port: len(order) + index for index, line in enumerate(self._config.serial)}
        return sorted(found, key=lambda item: (order.get(item.bus.address, len(order)), item.unit, item.common.address))

    async def _look_at_host(self, host: str, port: int, limit: asyncio.Semaphore) -> list[Found]:
        async with limit:
            address = f"{host}:{port}"
            bus = self._buses.get(address)
            if bus is None:
                timeout_s = self._timeout_s(self._config.timeout_s)
                bus = Bus(tcp_link(host, port, timeout_s), self._clock, gap_s=self._config.gap_s)
            found = await self._look_at_bus(bus, self._config.units)
            if found:
                self._buses[address] = bus
            elif address not in self._buses:
                bus.close()
            return found

    async def _look_at_line(self, line: SerialBus) -> list[Found]:
        bus = self._buses.get(line.port)
        if bus is None:
            link = rtu_link(
                line.port,
                baudrate=line.baudrate,
                parity=line.parity,
                stopbits=line.stopbits,
                timeout_s=self._timeout_s(line.timeout_s),
            )
            bus = self._buses[line.port] = Bus(link, self._clock, gap_s=line.gap_s)
        return await self._look_at_bus(bus, line.units)

    async def _look_at_bus(self, bus: Bus, units: Iterable[int]) -> list[Found]:
        found: list[Found] = []
        why = ""
        for unit in units:
            if self._answering_at(f"{bus.address}/{unit}"):
                continue
            explored = await explore(bus, unit)
            if isinstance(explored, Failure):
                why = why or explored.text
                if explored.kind is FailureKind.UNREACHABLE:
                    break
                continue
            if explored.fault:
                self._tell_once(f"{bus.address}/{unit}: {explored.fault}")
            found += explored.devices
        if why and bus.address in self._named and not self._known_on(bus) and not found:
            self._tell_once(f"{bus.address}: no SunSpec device found ({why}); it is asked again")
        return found

    def _known_on(self, bus: Bus) -> bool:
        return any(device.address.rpartition("/")[0] == bus.address for device in self._devices.values())

    def _answering_at(self, address: str) -> bool:
        return any(device.address == address and not device.missing for device in self._devices.values())

    def _timeout_s(self, configured_s: float) -> float:
        """In scaled time a process needs real milliseconds to answer, which are simulated seconds."""
        if self._clock.mode is ClockMode.SCALED:
            return max(configured_s, _SCALED_REAL_TIMEOUT_S * self._clock.speed)
        return configured_s

    # Keeping them

    def _welcome(self, found: Found) -> bool:
        """Take up a device that was found; True when it is new or elsewhere than before."""
        known = self._devices.get(found.identity)
        if known is not None:
            if not known.missing and known.address != found.address:
                self._tell_once(f"{found.address} calls itself {found.identity} as {known.address} does: left alone")
                return False
            known.move_to(found)
            return known.address != found.address
        serial = found.common.text("SN")
        if not roles_of(found.images, self._context.owner_settings(found.identity, serial)):
            self._tell_once(f"{found.address}: {found.identity} has no model that heg knows a use for")
            return False
        is_meter = meter_model(found.images) is not None
        first_meter = is_meter and not self._has_connection_point
        try:
            device = SunSpecDevice(
                found, self._config, self._context, first_meter=first_meter, on_missing=self._wake.set
            )
        except RefusedError as error:
            self._tell_once(f"{found.address}: {error}")
            return False
        if is_meter and self._has_connection_point and not self._config.connection_point:
            self._tell_once(
                f"{found.address}: a second meter ({found.identity}); say in [modbus] connection_point which "
                "serial number is at the connection point"
            )
        self._has_connection_point = self._has_connection_point or is_meter
        self._devices[found.identity] = device
        if self._pollers is not None:
            self._pollers.create_task(self._keep(device), name=f"modbus {device.address}")
        return True

    def _take_up_templated(self, pollers: asyncio.TaskGroup) -> None:
        """Devices that the owner named are asked where they are said to be; nobody has to find them."""
        self._templated = []
        for entry in self._config.device:
            host, port = entry.target
            address = f"{host}:{port}"
            if address not in self._buses:
                link = tcp_link(host, port, self._timeout_s(self._config.timeout_s))
                self._buses[address] = Bus(link, self._clock, gap_s=self._config.gap_s)
            device = TemplatedDevice(entry, self._buses[address], self._config, self._context, self._tell_once)
            self._templated.append(device)
            pollers.create_task(self._keep(device), name=f"modbus {device.address}")

    async def _keep(self, device: SunSpecDevice | TemplatedDevice) -> None:
        """Whatever one device makes go wrong stays with it."""
        while True:
            try:
                await device.run()
            except Exception:
                logger.exception("poller of %s failed; it starts again in %g s", device.address, _RESTART_PAUSE_S)
                await self._clock.sleep(_RESTART_PAUSE_S)

    def _tell_once(self, text: str) -> None:
        if text not in self._told and len(self._told) < 256:
            self._told.add(text)
            logger.warning("%s", text)


def _only(found: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    return found if len(found) == 1 else ()
