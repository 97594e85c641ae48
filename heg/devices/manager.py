"""The communication manager: attaches devices for the drivers, keeps their names, watches ages, lists the actuators.

It is the `DriverContext` of every driver and the `DeviceRegistry` of control (DESIGN.md, Rooms: heg/devices).
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from heg.data.door import CommandAnswer, Door, Outcome
from heg.devices.contract import (
    Actuator,
    ApplianceActuator,
    AttachedActuator,
    DeviceHandle,
    DeviceInfo,
    DriverContext,
    GridSupportActuator,
    OwnerSettings,
    RefusalCounts,
    RemovedHook,
    ScanHook,
)
from heg.devices.device import ManagedDevice, write_lost_alarm
from heg.devices.doubts import Surroundings
from heg.devices.limits import AgeLimits
from heg.devices.memory import DeviceMemory
from heg.devices.names import check_names, choose_name, renames, settings_for
from heg.devices.narrowing import narrowed
from heg.devices.side import DriverSide
from heg.devices.strangers import Strangers
from heg.model.appliances import Registration
from heg.model.capabilities import ApplianceCapability
from heg.model.instance import ANY, Location
from heg.model.losses import loss
from heg.model.records import AlarmRecord, DeviceRecord, DeviceStatus, Severity
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.model.timings import Timings
from heg.runtime.clock import Clock

logger = logging.getLogger(__name__)

_CHECK_EVERY_CYCLES = 0.5
_LOST = loss("grid-meter-lost")
"""The stated time for every device that is no producer: control has its own rows for what follows."""
_LONGEST_TEXT = 64
MOST_DEVICES = 512


class DeviceManager:
    """One per unit. `run` is its supervised task; everything else is called by drivers and control on the same loop.

    `rename` gives devices other names in the data interface, old names to new ones, with all their history.
    """

    def __init__(
        self,
        door: Door,
        clock: Clock,
        *,
        unit: str = "home",
        owners: Iterable[OwnerSettings] = (),
        limits: AgeLimits | None = None,
        timings: Timings | None = None,
        most_devices: int = MOST_DEVICES,
        time_zone: str = "UTC",
        rename: Callable[[Mapping[str, str]], None] | None = None,
        page_port: int = 0,
    ) -> None:
        self._rename = rename
        self._page_port = page_port
        self._owners = tuple(owners)
        check_names(self._owners)
        timings = timings or Timings.for_cycle(1.0)
        self._around = Surroundings(door, clock, unit, limits or AgeLimits.by(clock), timings)
        self._most_devices = most_devices
        self._time_zone = time_zone
        self._devices: dict[str, ManagedDevice] = {}
        self._memory = DeviceMemory(self._around, _LOST)
        self._scans: dict[str, ScanHook] = {}
        self._removals: dict[str, RemovedHook] = {}
        self._strangers = Strangers(self._around)

    @property
    def clock(self) -> Clock:
        """The only clock."""
        return self._around.clock

    @property
    def time_zone(self) -> str:
        """The house's time zone."""
        return self._time_zone

    @property
    def unit(self) -> str:
        """The unit's name."""
        return self._around.unit

    @property
    def page_port(self) -> int:
        """Where the home network finds the page; 0: nowhere."""
        return self._page_port

    def attach(
        self,
        info: DeviceInfo,
        *,
        interval_s: float,
        actuator: Actuator | None = None,
        support: GridSupportActuator | None = None,
        appliance: ApplianceActuator | None = None,
        driver: str = "",
    ) -> DeviceHandle:
        """Announce a device; attaching a known identity again returns its handle with what is new taken over."""
        info = narrowed(_tidy(info), self.owner_settings(info.identity, info.serial))
        self._remember()
        if (known := self._devices.get(info.identity)) is not None:
            known.driver = driver
            known.renew(info, interval_s=interval_s, actuator=actuator, support=support, appliance=appliance)
            return known
        if len(self._devices) >= self._most_devices:
            raise RefusedError(
                Refusal(RefusalCode.TOO_LARGE, f"at most {self._most_devices} devices", info.identity, "remove some")
            )
        device = ManagedDevice(
            self._name_for(info),
            info,
            driver=driver,
            interval_s=interval_s,
            actuator=actuator,
            support=support,
            appliance=appliance,
            around=self._around,
            lost_row=_LOST,
            on_detach=self._detached,
        )
        self._devices[info.identity] = device
        self._welcome(device)
        return device

    def owner_settings(self, identity: str, serial: str) -> OwnerSettings:
        """What the owner says of this device; empty when nothing."""
        return settings_for(identity, serial, self._owners)

    def on_scan(self, driver: str, scan: ScanHook) -> None:
        """Have `scan` called for `command.scan`; a driver that starts again replaces its own."""
        self._scans[driver] = scan

    def on_refusals(self, driver: str, counts: RefusalCounts) -> None:
        """Have what a driver refused of strangers told as instances."""
        self._strangers.ask(driver, counts)

    def on_removed(self, protocol: str, removed: RemovedHook) -> None:
        """Have told what the owner takes out; a driver that starts again replaces its own."""
        self._removals[protocol] = removed

    def known(self, protocol: str) -> tuple[DeviceInfo, ...]:
        """Devices of a protocol as earlier runs left them, those not removed."""
        self._remember()
        return tuple(
            _as_announced(one)
            for one in self._memory.records()
            if one.protocol == protocol and one.identity and one.status is not DeviceStatus.REMOVED
        )

    def last_word(self, identity: str, variable: str) -> object | None:
        """What a device said last of a variable, in this run or an earlier one; None when nothing is known."""
        self._remember()
        name = self._memory.names().get(identity)
        found = None if name is None else self._around.door.latest(variable, Location(self._around.unit, name))
        return None if found is None else found.value

    def registrations(self) -> tuple[tuple[str, Registration], ...]:
        """What devices asked for and is still to be done, with the name of each device."""
        pattern = Location(self._around.unit, ANY, ANY)
        found = ((one.location.device, one.value) for one in self._around.door.latest_all("registration", pattern))
        return tuple((name, one) for name, one in found if isinstance(one, Registration) and one.open)

    def side_of(self, driver: str) -> DriverContext:
        """What this driver gets."""
        return DriverSide(self, driver)

    def driven_by(self, drivers: Iterable[str]) -> frozenset[str]:
        """Identities of the devices that these drivers attached."""
        wanted = frozenset(drivers)
        return frozenset(identity for identity, device in self._devices.items() if device.driver in wanted)

    def drivers_of(self, entry: OwnerSettings) -> frozenset[str] | None:
        """The drivers of the devices that an owner's entry means; None where no such device is attached."""
        return (
            frozenset(
                device.driver
                for identity, device in self._devices.items()
                if settings_for(identity, device.info.serial, (entry,)) is entry
            )
            or None
        )

    def searching(self) -> frozenset[str]:
        """The drivers that look for devices: one not attached yet may be any of theirs."""
        return frozenset(self._scans)

    def reconfigure(self, owners: Iterable[OwnerSettings], time_zone: str, page_port: int = 0) -> None:
        """Go by what the owner says now; a device's own figures follow when its driver attaches it again.

        How much an appliance matters and how often it may be switched is nobody's word but the owner's: that is now.
        """
        self._page_port = page_port
        entries = tuple(owners)
        check_names(entries)
        self._owners, self._time_zone = entries, time_zone
        self._call_as_owners_do()
        for device in self._devices.values():
            if any(isinstance(one, ApplianceCapability) for one in device.info.capabilities):
                device.described(narrowed(device.info, self.owner_settings(device.info.identity, device.info.serial)))

    def renames(self, owners: Iterable[OwnerSettings]) -> dict[str, str]:
        """Old and new names of the devices that these entries call otherwise than they are called."""
        if self._rename is None:
            return {}
        known = [(one.identity, one.serial, one.name) for one in self._memory.records()]
        attached = {device.name: identity for identity, device in self._devices.items()}
        return renames(known, owners, attached)

    def record_of(self, name: str) -> DeviceRecord | None:
        """What is known of a device, attached now or ever."""
        return self._memory.record_of(name)

    def entry_of(self, record: DeviceRecord) -> OwnerSettings:
        """The owner's entry that means a device; empty when there is none."""
        return settings_for(record.identity, record.serial, self._owners)

    def is_attached(self, identity: str) -> bool:
        """True while a driver has the device."""
        return identity in self._devices

    def remove(self, record: DeviceRecord) -> None:
        """The owner takes a device out: nothing is asked of it or waited for any more, its history and name stay."""
        if (device := self._devices.get(record.identity)) is not None:
            device.detach("removed by its owner")
            if (tell := self._removals.get(device.info.protocol)) is not None:
                tell(record.identity)
        else:
            self._memory.removed(record)

    def _call_as_owners_do(self) -> None:
        """A device that its owner calls otherwise takes its history along, whoever changed the file and when.

        The file says it, the store follows: cut off in between, the next start finds the same difference and goes on.
        """
        wished = self.renames(self._owners)
        if not wished or self._rename is None:
            return
        self._rename(wished)
        for device in self._devices.values():
            if device.name in wished:
                device.rename(wished[device.name])
        self._memory.renamed(wished)

    def driver_ended(self, driver: str) -> None:
        """A driver is not configured any more: its devices are let go, their names stay kept for them."""
        self._scans.pop(driver, None)
        for identity in self.driven_by((driver,)):
            self._devices[identity].detach("its driver is not configured any more")

    def actuators(self) -> tuple[AttachedActuator, ...]:
        """Every device that can be commanded, in order of its name, lost ones included."""
        found = (device.as_actuator() for device in self._devices.values())
        return tuple(sorted((item for item in found if item is not None), key=lambda item: item.name))

    def devices(self) -> tuple[str, ...]:
        """Names of all attached devices."""
        return tuple(sorted(device.name for device in self._devices.values()))

    async def run(self) -> None:
        """Answer `command.scan` and let ages tell, until cancelled."""
        self._around.door.answer("command.scan", Location(self._around.unit, ANY, ANY), self._scan)
        every_s = _CHECK_EVERY_CYCLES * max(self._around.timings.cycle_s, 1.0)
        while True:
            self.check()
            await self.clock.sleep(every_s)

    def check(self) -> None:
        """Look once at every device's ages."""
        self._remember()
        now_s = self.clock.monotonic_s()
        for device in tuple(self._devices.values()):
            device.check(now_s)
        self._strangers.tell()
        self._memory.give_up_waiting(now_s)

    def _name_for(self, info: DeviceInfo) -> str:
        in_use = {device.name for device in self._devices.values()}
        return choose_name(info, self._owners, self._memory.names(), in_use)

    def _welcome(self, device: ManagedDevice) -> None:
        before = self._memory.met(device.info.identity, device.name)
        logger.info(
            "%s is attached: %s %s at %s", device.name, device.info.maker, device.info.model, device.info.address
        )
        if before is not None and before.address and before.address != device.info.address:
            now_at = device.info.address
            device.info = replace(device.info, address=before.address)
            device.moved(now_at)
        else:
            device.announce()
        if before is not None and before.status is DeviceStatus.LOST:
            text = f"{device.name} is back"
            write_lost_alarm(self._around, device.name, AlarmRecord(active=False, severity=Severity.INFO, text=text))

    def _detached(self, identity: str) -> None:
        self._devices.pop(identity, None)

    def _remember(self) -> None:
        if self._memory.due():
            self._call_as_owners_do()
            self._memory.recall()

    async def _scan(self, _location: Location, _arguments: Mapping[str, object]) -> CommandAnswer:
        if not self._scans:
            refusal = Refusal(RefusalCode.NOT_READY, "a driver that can look for devices", "none", "configure a driver")
            return CommandAnswer(Outcome.REFUSED, refusal=refusal)
        said: dict[str, object] = {}
        failed = False
        for driver, scan in tuple(self._scans.items()):
            try:
                said[driver] = await scan()
            except Exception as error:  # one driver's fault must not hide what the others found
                logger.exception("scan of driver %s failed", driver)
                said[driver] = f"failed: {error}"
                failed = True
        return CommandAnswer(
            Outcome.PARTLY if failed else Outcome.DONE, "; ".join(map(str, said.values())), detail=said
        )


def _as_announced(record: DeviceRecord) -> DeviceInfo:
    return DeviceInfo(
        identity=record.identity,
        maker=record.maker,
        model=record.model,
        serial=record.serial,
        version=record.version,
        protocol=record.protocol,
        address=record.address,
        capabilities=record.capabilities,
        name=record.called,
        hardware=record.hardware,
    )


def _tidy(info: DeviceInfo) -> DeviceInfo:
    """A device says anything of itself: printable and short it is kept."""

    def short(text: str, limit: int = _LONGEST_TEXT) -> str:
        return "".join(letter for letter in text if letter.isprintable())[:limit].strip()

    return replace(
        info,
        identity=short(info.identity, 4 * _LONGEST_TEXT),
        maker=short(info.maker),
        name=short(info.name),
        model=short(info.model),
        serial=short(info.serial),
        version=short(info.version),
        address=short(info.address, 2 * _LONGEST_TEXT),
        hardware=short(info.hardware),
    )
