"""What one key's type cannot say: values that only mean something together, or only on this machine."""

import re
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime

from heg.config.faults import ConfigFault, shown
from heg.config.schema import (
    AutomationSection,
    ClockSection,
    CycleSection,
    DeviceSection,
    HegConfig,
    PlanningSection,
    SiteSection,
)
from heg.model.slots import SLOT_MINUTES

_DEVICE_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


def faults_in(config: HegConfig) -> Iterator[ConfigFault]:
    """Give every fault of a file whose keys are right one by one."""
    yield from _zone(config.unit.time_zone)
    if config.clock is not None:
        yield from _clock(config.clock)
    yield from _planning(config.planning)
    yield from _cycles(config.cycle)
    yield from _appliances(config.automation)
    yield from _site(config.site)
    yield from _devices(config.device)


def house_utc(clock: ClockSection) -> datetime | None:
    """Read `[clock] house_utc`; None when it is no UTC time."""
    try:
        moment = datetime.fromisoformat(clock.house_utc)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None


def _zone(name: str) -> Iterator[ConfigFault]:
    if name == "UTC":  # needs no table of zones, which a small machine may lack
        return
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        yield ConfigFault("[unit] time_zone", shown(name), 'a time zone this machine knows, such as "Europe/Rome"')


def _clock(clock: ClockSection) -> Iterator[ConfigFault]:
    if house_utc(clock) is None:
        expected = 'a UTC time such as "2024-07-29T05:00:00Z"; leave [clock] out for real time'
        yield ConfigFault("[clock] house_utc", shown(clock.house_utc), expected)


def _planning(planning: PlanningSection) -> Iterator[ConfigFault]:
    if planning.slot_minutes not in SLOT_MINUTES:
        yield ConfigFault("[planning] slot_minutes", shown(planning.slot_minutes), "5, 15, 30 or 60 minutes")


def _cycles(cycles: dict[str, CycleSection]) -> Iterator[ConfigFault]:
    for name, cycle in cycles.items():
        if not _DEVICE_NAME.fullmatch(name):
            yield ConfigFault(f"[cycle.{name}]", "", "a name of small letters, digits and '-'")
        if cycle.step_minutes not in SLOT_MINUTES:
            yield ConfigFault(f"[cycle.{name}] step_minutes", shown(cycle.step_minutes), "5, 15, 30 or 60 minutes")


def _appliances(automation: AutomationSection) -> Iterator[ConfigFault]:
    for name in automation.appliance:
        if not _DEVICE_NAME.fullmatch(name):
            expected = "the name of a device, of small letters, digits and '-'"
            yield ConfigFault(f"[automation.appliance.{name}]", "", expected)


def _site(site: SiteSection) -> Iterator[ConfigFault]:
    if (site.latitude is None) != (site.longitude is None):
        yield ConfigFault("[site]", "", "latitude and longitude together, or neither")


def _devices(devices: dict[str, DeviceSection]) -> Iterator[ConfigFault]:
    owners: dict[str, str] = {}
    for name, device in devices.items():
        where = f"[device.{name}]"
        if not _DEVICE_NAME.fullmatch(name):
            yield ConfigFault(where, "", "a name of small letters, digits and '-', such as [device.battery]")
        if not device.serial and not device.identity:
            yield ConfigFault(where, "", 'serial = "..." or identity = "...", by which the device is known')
        for key, value in (("serial", device.serial), ("identity", device.identity)):
            if not value:
                continue
            if (other := owners.setdefault(f"{key} {value}", name)) != name:
                yield ConfigFault(f"{where} {key}", shown(value), f"a device of its own; [device.{other}] has the same")
