"""One attached device: its record, its series with their ages, and what it was refused. The driver's end of it.

Pure but for the door: time comes in as an argument of `check` or from the clock at a report.
"""

import logging
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from heg.data.door import CommandAnswer
from heg.devices.contract import Actuator, ApplianceActuator, AttachedActuator, DeviceInfo, GridSupportActuator
from heg.devices.counting import Books
from heg.devices.doubts import Doubts, Surroundings
from heg.model.appliances import CycleOffer
from heg.model.capabilities import ApplianceCapability, Capability, MeterCapability, ProducerCapability
from heg.model.catalogue import CATALOGUE
from heg.model.counters import CounterEvent
from heg.model.instance import Kind, Location, Quality
from heg.model.loss_types import LossRow
from heg.model.losses import loss
from heg.model.records import AlarmRecord, DeviceRecord, DeviceStatus, Severity
from heg.model.refusals import Refusal, RefusalCode
from heg.model.slots import Profile
from heg.model.tariff import TariffTerms

logger = logging.getLogger(__name__)

_MOST_SERIES = 512
_SOC = "soc"


@dataclass(slots=True)
class _Series:
    value: float | str | bool | Profile | TariffTerms | CycleOffer
    reported_s: float
    stale_after_s: float
    stale: bool = False


class ManagedDevice:
    """The `DeviceHandle` of one device: attached from the start; lost, back, moved, removed as its driver sees it."""

    __slots__ = (
        "_around",
        "_as_actuator",
        "_books",
        "_doubts",
        "_interval_s",
        "_lost_row",
        "_lost_since_s",
        "_name",
        "_on_detach",
        "_removed",
        "_seen_s",
        "_series",
        "actuator",
        "appliance",
        "driver",
        "info",
        "support",
    )

    def __init__(
        self,
        name: str,
        info: DeviceInfo,
        *,
        driver: str,
        interval_s: float,
        actuator: Actuator | None,
        support: GridSupportActuator | None,
        appliance: ApplianceActuator | None,
        around: Surroundings,
        lost_row: LossRow,
        on_detach: Callable[[str], None],
    ) -> None:
        self._name = name
        self.info = info
        self.driver = driver
        self.actuator = actuator
        self.support = support
        self.appliance = appliance
        self._interval_s = interval_s
        self._around = around
        self._lost_row = lost_row
        self._on_detach = on_detach
        self._series: dict[tuple[str, str], _Series] = {}
        self._seen_s = around.clock.monotonic_s()
        self._lost_since_s: float | None = None
        self._removed = False
        self._doubts: Doubts | None = None
        self._books: Books | None = None
        self._as_actuator: AttachedActuator | None = None

    @property
    def name(self) -> str:
        """The device's name in locations."""
        return self._name

    def rename(self, name: str) -> None:
        """Go by another name from now on; its series are under that already."""
        logger.info("%s is called %s now", self._name, name)
        self._name = name

    @property
    def present(self) -> bool:
        """False while it is lost or after it was removed."""
        return self._lost_since_s is None and not self._removed

    @property
    def refusals(self) -> Counter[RefusalCode]:
        """How often something of this device was refused, by reason."""
        return Counter() if self._doubts is None else Counter(self._doubts.refusals)

    def as_actuator(self) -> AttachedActuator | None:
        """How control sees it; None for one that cannot be commanded. The same object while nothing changed."""
        if self.actuator is None or (capability := _controllable(self.info.capabilities)) is None:
            return None
        one = self._as_actuator
        if one is None or one.info is not self.info or one.name != self._name or one.present is not self.present:
            self._as_actuator = AttachedActuator(
                self._name, capability, self.actuator, self.info, self.present, self.support, self.appliance
            )
        return self._as_actuator

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
        """Hand in one value or profile; implausible ones are refused and counted, never raised."""
        if self._removed:
            return
        key = (variable, part)
        if _is_counter(variable) and isinstance(value, int | float):
            counted_kwh = self._counted_kwh(key, value, wraps_at)
            if counted_kwh is None:
                return
            value = counted_kwh
        if key not in self._series and len(self._series) >= _MOST_SERIES:
            self._refuse(variable, Refusal(RefusalCode.TOO_LARGE, f"at most {_MOST_SERIES} series a device", variable))
            return
        place = self._place(part)
        receipt = self._around.door.write(variable, place, value, time=device_time, quality=quality)
        if receipt.refusal is not None:
            self._refuse(variable, receipt.refusal)
            if variable == _SOC:
                self._doubting.state_of_charge(key, receipt.refusal)
            return
        if variable == _SOC and self._doubts is not None:
            self._doubts.state_of_charge(key, None)
        now_s = self._around.clock.monotonic_s()
        if interval_s is None:
            interval_s = math.inf if isinstance(value, Profile | TariffTerms | CycleOffer) else self._interval_s
        stale_after_s = self._around.limits.stale_after_s(interval_s)
        self._series[key] = _Series(value, now_s, stale_after_s, stale=quality is not Quality.GOOD)
        self._answered(now_s)

    def refused(self, refusal: Refusal) -> None:
        """Count bad input from the device that never became a value."""
        self._refuse("", refusal)

    def alive(self) -> None:
        """The device answered; ends `lost`."""
        if not self._removed:
            self._answered(self._around.clock.monotonic_s())

    def lost(self, why: str) -> None:
        """The device is gone: its values turn stale, its record and an alarm say so."""
        if not self.present:
            return
        self._lost_since_s = self._around.clock.monotonic_s()
        for key, series in self._series.items():
            if math.isfinite(series.stale_after_s):
                self._turn_stale(key, series)
        logger.warning("%s is lost: %s", self._name, why)
        self._write_record(DeviceStatus.LOST, f"lost: {why}")
        self._write_alarm(active=True, text=f"{self._name} is lost: {why}")

    def moved(self, address: str) -> None:
        """The device answers under another address now."""
        if self._removed or address == self.info.address:
            return
        before = self.info.address
        self.info = replace(self.info, address=address)
        logger.info("%s moved from %s to %s", self._name, before, address)
        self._write_record(self._status(), f"moved from {before} to {address}")

    def detach(self, why: str = "removed") -> None:
        """The device is removed for good; its name stays kept for it."""
        if self._removed:
            return
        if self._lost_since_s is not None:
            self._write_alarm(active=False, text=f"{self._name} was removed")
        for key, series in self._series.items():
            self._turn_stale(key, series)
        self._removed = True
        self._write_record(DeviceStatus.REMOVED, why)
        self._on_detach(self.info.identity)

    async def ask(self, command: str, arguments: Mapping[str, object]) -> CommandAnswer:
        """Hand in what the device asks of the house."""
        return await self._around.door.command(command, self._place(), arguments)

    def announce(self) -> None:
        """Write the device's record as it stands."""
        self._write_record(self._status(), "")

    def renew(
        self,
        info: DeviceInfo,
        *,
        interval_s: float,
        actuator: Actuator | None,
        support: GridSupportActuator | None,
        appliance: ApplianceActuator | None,
    ) -> None:
        """Its driver attached it again: take what is new, keep name and series."""
        before, self.info = self.info, info
        self.actuator, self.support, self.appliance = actuator, support, appliance
        self._as_actuator = None
        self._interval_s = interval_s
        self._answered(self._around.clock.monotonic_s())
        if before.address != info.address:
            self._write_record(self._status(), f"moved from {before.address} to {info.address}")
        elif before != info:
            self._write_record(self._status(), "")

    def described(self, info: DeviceInfo) -> None:
        """Its owner says something else of it."""
        if info != self.info:
            self.info = info
            self._write_record(self._status(), "")

    def check(self, now_s: float) -> None:
        """Let time tell: values past their age turn stale, a silent device is lost, new refusals are published."""
        if self._lost_since_s is None:
            for key, series in self._series.items():
                if not series.stale and now_s - series.reported_s > series.stale_after_s:
                    self._turn_stale(key, series)
            if math.isfinite(self._interval_s) and now_s - self._seen_s > (limit_s := self._lost_after_s()):
                self.lost(f"no answer for {limit_s:g} s")
        if self._doubts is not None:
            self._doubts.tell()

    def _answered(self, now_s: float) -> None:
        self._seen_s = now_s
        if self._lost_since_s is None:
            return
        away_s = now_s - self._lost_since_s
        self._lost_since_s = None
        logger.info("%s is back after %.0f s", self._name, away_s)
        self._write_record(DeviceStatus.ATTACHED, f"back after {away_s:.0f} s")
        self._write_alarm(active=False, text=f"{self._name} is back after {away_s:.0f} s")

    def _turn_stale(self, key: tuple[str, str], series: _Series) -> None:
        if series.stale:
            return
        series.stale = True
        variable, part = key
        self._around.door.write(variable, self._place(part), series.value, quality=Quality.STALE)

    @property
    def _doubting(self) -> Doubts:
        if self._doubts is None:
            self._doubts = Doubts(self._around, lambda: self._name)
        return self._doubts

    def _refuse(self, variable: str, refusal: Refusal) -> None:
        self._doubting.refuse(variable, refusal)

    def _lost_after_s(self) -> float:
        producer = any(isinstance(item, ProducerCapability) for item in self.info.capabilities)
        row = loss("producer-lost") if producer else self._lost_row
        stated_s = row.max_age.at(self._around.timings) if row.max_age is not None else 0.0
        return max(stated_s, self._around.limits.lost_after_s(self._interval_s))

    def _written_before(self, key: tuple[str, str]) -> float | None:
        instance = self._around.door.latest(key[0], self._place(key[1]))
        return instance.value if instance is not None and isinstance(instance.value, float) else None

    def _counted_kwh(self, key: tuple[str, str], register: float, wraps_at: float | None) -> float | None:
        if self._books is None:
            self._books = Books(self.info.capabilities, self._written_before)
        counted = self._books.take(key, register, self._around.clock.monotonic_s(), wraps_at_kwh=wraps_at)
        if counted.event is CounterEvent.REFUSED or self._doubts is not None:
            self._doubting.counter(key, register, counted)
        return counted.kwh

    def _status(self) -> DeviceStatus:
        return DeviceStatus.ATTACHED if self._lost_since_s is None else DeviceStatus.LOST

    def _write_record(self, status: DeviceStatus, detail: str) -> None:
        record = record_of(self._name, self.info, status, detail, actuator=self.actuator is not None)
        receipt = self._around.door.write("device", self._place(), record)
        if receipt.refusal is not None:
            logger.error("the record of %s was refused: %s", self._name, receipt.refusal)

    def _write_alarm(self, *, active: bool, text: str) -> None:
        needed = any(map(self._is_needed, self.info.capabilities))
        severity = Severity.ALARM if needed else Severity.WARNING
        write_lost_alarm(self._around, self._name, AlarmRecord(active, severity, text, _MEND_LOST if active else ""))

    def _is_needed(self, one: Capability) -> bool:
        """An appliance comes and goes as its user likes."""
        if isinstance(one, MeterCapability) and one.at_connection_point:
            return True
        return self.actuator is not None and not isinstance(one, ApplianceCapability)

    def _place(self, part: str = "") -> Location:
        return Location(self._around.unit, self._name, part)


def _is_counter(variable: str) -> bool:
    known = CATALOGUE.get(variable)
    return known is not None and known.kind is Kind.COUNTER


_MEND_LOST = "check its power supply and network cable; it is looked for by itself"


def write_lost_alarm(around: Surroundings, name: str, alarm: AlarmRecord) -> None:
    """Write the alarm that says whether a device is lost."""
    around.door.write("alarm", Location(around.unit, name, "lost"), alarm)


def record_of(name: str, info: DeviceInfo, status: DeviceStatus, detail: str, *, actuator: bool) -> DeviceRecord:
    """The `device` record of what a driver announced."""
    return DeviceRecord(
        name=name,
        maker=info.maker,
        model=info.model,
        serial=info.serial,
        version=info.version,
        protocol=info.protocol,
        address=info.address,
        status=status,
        capabilities=info.capabilities,
        actuator=actuator,
        detail=detail,
        identity=info.identity,
        hardware=info.hardware,
        called=info.name,
    )


def _controllable(capabilities: tuple[Capability, ...]) -> Capability | None:
    for capability in capabilities:
        if isinstance(capability, MeterCapability):
            continue
        if isinstance(capability, ProducerCapability) and not capability.curtailable:
            continue
        return capability
    return None
