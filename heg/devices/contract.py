"""The driver contract: what a driver gets, what it owes (spec field-protocols.md, What every driver owes).

Up: `DriverContext.attach()` gives a `DeviceHandle`; every value goes through its `report()`. Down: a driver hands an
`Actuator` to `attach()`; only the control cycle calls it, under a lease, and finds it through `DeviceRegistry`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from heg.data.door import CommandAnswer as CommandAnswer  # noqa: PLC0414 - drivers see these two through the contract
from heg.data.door import Outcome as Outcome  # noqa: PLC0414
from heg.model.appliances import CycleOffer, PowerState, Registration
from heg.model.capabilities import Capability
from heg.model.edits import Edit
from heg.model.instance import Quality
from heg.model.leases import SetPoint
from heg.model.refusals import Refusal
from heg.model.slots import Profile
from heg.model.sockets import OpenSocket
from heg.model.tariff import Contract, TariffTerms
from heg.runtime.clock import Clock

FEED = "feed"
"""The protocol of devices that measure nothing: tariffs, forecasts (`drivers/feeds`)."""


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """Who a device is. `identity` stays when its address changes (maker, model and serial number, a UUID, an EUI-64).

    A physical device that plays two roles is attached twice; what tells the second from the first follows a `#`.
    """

    identity: str
    maker: str
    model: str
    serial: str
    version: str
    protocol: str
    address: str
    capabilities: tuple[Capability, ...]
    name: str = ""
    """What it calls itself: its name is made of that, where the owner gives it none; empty: made from its role."""
    hardware: str = ""
    """The address of its network card (`aa:bb:cc:dd:ee:ff`), where it can be woken by that."""


@dataclass(frozen=True, slots=True)
class OwnerSettings:
    """What the owner says of one device (`[device.NAME]` in heg.toml), found by serial number or identity.

    None and empty mean that the device's own word stands. `own_mode` is `none` or `self-consumption`: what the device
    does by itself while nobody commands it. `charging` is `at-once` or `surplus`: what a plugged vehicle does while
    nobody plans. Of an appliance: `importance` (a word of `Importance`), what it draws, and how long it stays on or off
    at least once it was switched.
    """

    name: str = ""
    serial: str = ""
    identity: str = ""
    role: str = ""
    capacity_kwh: float | None = None
    max_charge_kw: float | None = None
    max_discharge_kw: float | None = None
    round_trip_efficiency: float | None = None
    reserve_share: float | None = None
    volatile: bool | None = None
    writes_per_day: int | None = None
    own_mode: str | None = None
    charging: str | None = None
    importance: str | None = None
    rated_kw: float | None = None
    min_on_minutes: float | None = None
    min_off_minutes: float | None = None


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What a device says it has been told: power and limits as `SetPoint`, or nothing commanded (`active` False).

    An appliance cannot tell a command from its user's hand: its `set_point.power_state` is the state it is in.
    """

    active: bool
    set_point: SetPoint
    measured_kw: float | None = None


class Actuator(Protocol):
    """What control may do to a device. A call waits for the device's own answer, never longer than its time limit."""

    async def apply(self, set_point: SetPoint) -> Refusal | None:
        """Write a set-point; None when the device acknowledged it."""

    async def read_back(self) -> ReadBack | Refusal:
        """Read what the device is set to now."""

    async def release(self) -> Refusal | None:
        """Give the device back to its own default behaviour; None when acknowledged."""


@dataclass(frozen=True, slots=True)
class VoltVar:
    """Reactive power by voltage: (voltage as a share of the reference, reactive power as a share of the rating) points.

    `reference_share` is the voltage reference as a share of the nominal voltage.
    """

    points: tuple[tuple[float, float], ...]
    reference_share: float = 1.0


@dataclass(frozen=True, slots=True)
class GridSupport:
    """What an inverter is asked to do for the grid besides its active power; reactive power is + when injected.

    At most one of `power_factor` (its sign says which way: + injects, over-excited), `reactive_kvar` and `volt_var`.
    `connected` False opens its connection to the grid, None leaves that alone.
    """

    power_factor: float | None = None
    reactive_kvar: float | None = None
    volt_var: VoltVar | None = None
    connected: bool | None = None


class GridSupportActuator(Protocol):
    """The reactive side of an inverter, apart from its `Actuator`: voltage regulation has times of its own."""

    async def support(self, wanted: GridSupport, *, revert_s: float = 0.0) -> Refusal | None:
        """Put a kind of support in force, and the other kinds out of it; None when acknowledged."""

    async def support_read_back(self) -> GridSupport | Refusal:
        """What is in force now."""

    async def end_support(self) -> Refusal | None:
        """No support of ours; the connection to the grid is closed again."""


class ApplianceActuator(Protocol):
    """What an appliance does besides taking a power state, apart from its `Actuator`; one object may be both."""

    def inherit(self, before: PowerState) -> None:
        """An earlier process took it in hand when it was in this state: `release` goes back to that."""

    async def ask(self) -> Refusal | None:
        """Ask it how it is, which it says by itself only when that changes; reported, and None, when it answered."""

    async def standby_period(self, start: str, stop: str) -> int | Refusal:
        """Have it put itself to standby from one time of day to another (HH:MM:SS); returns its number for that."""

    async def withdraw(self, registration: int) -> Refusal | None:
        """It is not to do that any more; None when acknowledged."""


class DeviceHandle(Protocol):
    """A driver's end of one attached device."""

    @property
    def name(self) -> str:
        """The device's name in locations: the owner's, or one made from its role (`battery`, `meter`, `pv`)."""

    def report(
        self,
        variable: str,
        value: float | str | bool | Profile | TariffTerms | CycleOffer,
        *,
        part: str = "",
        device_time: datetime | None = None,
        quality: Quality = Quality.GOOD,
        interval_s: float | None = None,
        wraps_at: float | None = None,
    ) -> None:
        """Hand in a measured value, a profile or a tariff's terms; what is implausible is refused and counted.

        `interval_s` is how often this series comes where that differs from the device's (`math.inf`: only once). A
        profile holds until its end and does not grow stale before unless an interval is given.
        A counter is handed in as its register stands; `wraps_at` is the value at which that starts again at zero.
        """

    def refused(self, refusal: Refusal) -> None:
        """Count bad input from the device that never became a value."""

    def alive(self) -> None:
        """The device answered; ends `lost`."""

    def lost(self, why: str) -> None:
        """The driver knows the device to be gone (its own staleness limit does the same by itself)."""

    def moved(self, address: str) -> None:
        """The device answers under another address now."""

    def detach(self) -> None:
        """The device is removed for good."""

    async def ask(self, command: str, arguments: Mapping[str, object]) -> CommandAnswer:
        """Hand in what the device asks of the house, such as `command.register`; the command's place is its own."""


class DriverContext(Protocol):
    """What the unit gives a driver."""

    @property
    def clock(self) -> Clock:
        """The only clock."""

    @property
    def time_zone(self) -> str:
        """The house's time zone, such as `Europe/Rome`: what a contract's hours and days are meant in."""

    def attach(
        self,
        info: DeviceInfo,
        *,
        interval_s: float,
        actuator: Actuator | None = None,
        support: GridSupportActuator | None = None,
        appliance: ApplianceActuator | None = None,
    ) -> DeviceHandle:
        """Announce a device that reports about every `interval_s`; attaching a known identity again returns its handle.

        Raises `RefusedError` when the unit has no room for more devices.
        """

    def owner_settings(self, identity: str, serial: str) -> OwnerSettings:
        """What the owner says of this device; an empty `OwnerSettings` when nothing."""

    def on_scan(self, driver: str, scan: ScanHook) -> None:
        """Have `scan` called for `command.scan`; it returns a sentence that says what it found."""

    def on_refusals(self, driver: str, counts: RefusalCounts) -> None:
        """Have told what was refused of those who are no devices: how often since the start, by reason."""

    def on_removed(self, protocol: str, removed: RemovedHook) -> None:
        """Have `removed` called with the identity of each device of a protocol that its owner takes out."""

    def known(self, protocol: str) -> tuple[DeviceInfo, ...]:
        """Devices of a protocol as earlier runs left them, not removed: one that sleeps is not found by looking."""

    def last_word(self, identity: str, variable: str) -> object | None:
        """What a device said last of a variable, in this run or an earlier one; None when nothing is known."""

    def registrations(self) -> tuple[tuple[str, Registration], ...]:
        """What devices asked for and is still to be done, with the name of each device."""

    @property
    def unit(self) -> str:
        """The unit's name, `home` where its owner gave it none."""

    @property
    def page_port(self) -> int:
        """The port at which the home network finds the household's page (https); 0 where it is not let in."""


ScanHook = Callable[[], Awaitable[str]]
RemovedHook = Callable[[str], None]
RefusalCounts = Callable[[], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class AttachedActuator:
    """One device that can be commanded, as control sees it. `present` is False while the device is lost."""

    name: str
    capability: Capability
    actuator: Actuator
    info: DeviceInfo
    present: bool
    support: GridSupportActuator | None = None
    appliance: ApplianceActuator | None = None


class DeviceRegistry(Protocol):
    """What control gets."""

    def actuators(self) -> tuple[AttachedActuator, ...]:
        """Every device that can be commanded, in order of its name, lost ones included."""

    def devices(self) -> tuple[str, ...]:
        """Names of all attached devices."""


class Driver(Protocol):
    """A running driver: one supervised task."""

    async def run(self) -> None:
        """Find, read and keep devices until cancelled; a fault of one device never ends it."""


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device that somebody adds: where it is, in the driver's words, and what the driver must know besides."""

    address: str
    settings: Mapping[str, object] = field(default_factory=dict)


Raw = Mapping[str, Any]
"""A driver's section as the file says it, empty where there is none."""


@dataclass(frozen=True, slots=True)
class SectionEditor:
    """How devices are written into a driver's section and taken out again. Keys are those within the section.

    `add` raises ValueError that says what was expected. `remove` is told the address of the device's record, and gives
    nothing where the section does not name it alone (a network that is searched). `rename` is told old and new name.
    """

    add: Callable[[Raw, NewDevice], tuple[Edit, ...]]
    remove: Callable[[Raw, str], tuple[Edit, ...]]
    rename: Callable[[Raw, str, str], tuple[Edit, ...]] = lambda _section, _old, _new: ()


@dataclass(frozen=True, slots=True)
class DriverSpec:
    """What a driver package exports as `DRIVER` from an import-light module (entry point group `heg.drivers`).

    `config_type` is the frozen msgspec struct of its section in heg.toml (named as `name`); `build` imports the rest.
    `contract` tells what a section says of the supply contract (its second argument is the house's time zone), where
    the driver knows of such a thing: studies ask. `nodes` names the device nodes that a section opens, such as
    /dev/ttyUSB0: the service is let to no others. `editor` writes single devices into the section, where the driver has
    such. `sockets` are those of the one table that a section has the driver listen on.
    """

    name: str
    summary: str
    config_type: type[Any]
    build: Callable[[Any, DriverContext], Driver]
    contract: Callable[[Any, str], Contract | None] | None = None
    nodes: Callable[[Any], tuple[str, ...]] = lambda _section: ()
    editor: SectionEditor | None = None
    sockets: Callable[[Any], tuple[OpenSocket, ...]] = lambda _section: ()
