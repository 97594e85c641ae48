"""What one driver gets of the communication manager, by which that knows whose a device is: a `DriverContext`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heg.devices.contract import (
    Actuator,
    ApplianceActuator,
    DeviceHandle,
    DeviceInfo,
    GridSupportActuator,
    OwnerSettings,
    RefusalCounts,
    RemovedHook,
    ScanHook,
)
from heg.model.appliances import Registration
from heg.runtime.clock import Clock

if TYPE_CHECKING:
    from heg.devices.manager import DeviceManager  # which makes these


class DriverSide:
    """The `DriverContext` of one driver."""

    def __init__(self, manager: DeviceManager, driver: str) -> None:
        self._manager, self._driver = manager, driver

    @property
    def clock(self) -> Clock:
        """The only clock."""
        return self._manager.clock

    @property
    def time_zone(self) -> str:
        """The house's time zone."""
        return self._manager.time_zone

    def attach(
        self,
        info: DeviceInfo,
        *,
        interval_s: float,
        actuator: Actuator | None = None,
        support: GridSupportActuator | None = None,
        appliance: ApplianceActuator | None = None,
    ) -> DeviceHandle:
        """Announce a device."""
        return self._manager.attach(
            info, interval_s=interval_s, actuator=actuator, support=support, appliance=appliance, driver=self._driver
        )

    def owner_settings(self, identity: str, serial: str) -> OwnerSettings:
        """What the owner says of this device."""
        return self._manager.owner_settings(identity, serial)

    def on_scan(self, driver: str, scan: ScanHook) -> None:
        """Have `scan` called for `command.scan`."""
        self._manager.on_scan(driver, scan)

    def on_refusals(self, driver: str, counts: RefusalCounts) -> None:
        """Have told what was refused of those who are no devices."""
        self._manager.on_refusals(driver, counts)

    def on_removed(self, protocol: str, removed: RemovedHook) -> None:
        """Have told what the owner takes out."""
        self._manager.on_removed(protocol, removed)

    def known(self, protocol: str) -> tuple[DeviceInfo, ...]:
        """Devices of a protocol as earlier runs left them."""
        return self._manager.known(protocol)

    def last_word(self, identity: str, variable: str) -> object | None:
        """What a device said last of a variable."""
        return self._manager.last_word(identity, variable)

    def registrations(self) -> tuple[tuple[str, Registration], ...]:
        """What devices asked for and is still to be done, with the name of each."""
        return self._manager.registrations()

    @property
    def unit(self) -> str:
        """The unit's name."""
        return self._manager.unit

    @property
    def page_port(self) -> int:
        """Where the home network finds the page; 0: nowhere."""
        return self._manager.page_port
