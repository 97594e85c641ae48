"""One device of a template, where the owner says it is: met, read fast and slow, reported, never mistaken."""

import math
from collections.abc import Callable, Mapping

from drivers.modbus.bus import Bus
from drivers.modbus.config import ModbusConfig, TemplatedEntry
from drivers.modbus.controls.charging import ChargingCurrent, kilowatts
from drivers.modbus.link import Failure, FailureKind
from drivers.modbus.registers import TemplateRegisters
from drivers.modbus.template import Template, template
from heg.devices.contract import DeviceHandle, DeviceInfo, DriverContext, OwnerSettings
from heg.model.capabilities import VehicleCapability, WriteBudget
from heg.model.headroom import NOMINAL_V
from heg.model.refusals import Refusal, RefusalCode, RefusedError

_REVERT_S = 60.0
_UNPLUGGED = "unplugged"


class TemplatedDevice:
    """Polls one entry of `[[modbus.device]]` until it is told to stop; attached once it has said who it is."""

    def __init__(
        self, entry: TemplatedEntry, bus: Bus, config: ModbusConfig, context: DriverContext, tell: Callable[[str], None]
    ) -> None:
        self._template: Template = template(entry.template)
        self._entry = entry
        self._config = config
        self._context = context
        self._clock = context.clock
        self._tell = tell
        unit = self._template.unit if entry.unit is None else entry.unit
        self._registers = TemplateRegisters(bus, unit, self._template, self._verify)
        self._handle: DeviceHandle | None = None
        self._actuator: ChargingCurrent | None = None
        self._serial: float | None = None
        self._slow_due_s = -math.inf
        self.missing = True

    @property
    def address(self) -> str:
        """Where it is asked."""
        return f"{self._registers.bus.address}/{self._registers.unit}"

    async def run(self) -> None:
        """Poll until cancelled."""
        due_s = self._clock.monotonic_s()
        while True:
            await self.cycle()
            due_s = max(due_s + self._config.interval_s, self._clock.monotonic_s())
            await self._clock.sleep_until(due_s)

    async def cycle(self) -> None:
        """Meet it, or read what is due and report it."""
        failure = await (self._meet() if self._handle is None else self._poll())
        if failure is None:
            self.missing = False
            return
        self.missing = failure.silent or self._handle is None
        self._registers.doubt()
        if self._handle is None:
            who = f"{self._template.maker} {self._template.model}"
            self._tell(f"{self.address}: no {who} found ({failure.text}); it is asked again")
        elif failure.kind in (FailureKind.EXCEPTION, FailureKind.GARBAGE):
            code = RefusalCode.DEVICE_REFUSED if failure.kind is FailureKind.EXCEPTION else RefusalCode.WRONG_TYPE
            self._handle.refused(Refusal(code, f"proper registers from {self.address}", failure.text))

    # Getting to know it

    async def _meet(self) -> Failure | None:
        identity, charger = self._template.identity, self._template.charger
        names = [identity.serial, charger.rated, *([identity.version] if identity.version else [])]
        _, failure = await self._registers.read([*names, *self._slow_only()])
        if failure is not None:
            return failure
        self._serial = self._registers.value(identity.serial)
        serial = self._text(identity.serial)
        if self._entry.serial and self._entry.serial != serial:
            return Failure(FailureKind.GARBAGE, f"expected serial number {self._entry.serial}, came {serial}")
        return self._attach(serial)

    def _attach(self, serial: str) -> Failure | None:
        who = f"modbus:{self._template.maker}:{self._template.model}:{serial}"
        owner = self._context.owner_settings(who, serial)
        rated_a = self._rated_a()
        capability = _capability(self._template, self._entry, owner, rated_a)
        self._actuator = self._actuator or ChargingCurrent(
            self._registers, capability, rated_a, self._clock.monotonic_s
        )
        info = DeviceInfo(
            identity=who,
            maker=self._template.maker,
            model=self._template.model,
            serial=serial,
            version=self._version(),
            protocol="modbus",
            address=self.address,
            capabilities=(capability,),
        )
        try:
            self._handle = self._context.attach(info, interval_s=self._config.interval_s, actuator=self._actuator)
        except RefusedError as error:
            return Failure(FailureKind.GARBAGE, str(error))
        return None

    async def _verify(self) -> Failure | None:
        """After silence or on a new connection somebody else may answer: ask who, before believing a number."""
        serial = self._template.identity.serial
        connections = self._registers.bus.connections
        values, failure = await self._registers.read([serial], urgent=True)
        if failure is not None:
            return failure
        if values[serial] != self._serial:
            text = f"expected serial number {self._serial:.0f}, another device answers: {values[serial]:.0f}"
            if self._handle is not None:
                self._handle.lost(text)
            return Failure(FailureKind.GARBAGE, text)
        self._registers.vouched(connections)
        return None

    # Reading it

    async def _poll(self) -> Failure | None:
        assert self._handle is not None
        if self._registers.doubtful and (failure := await self._verify()) is not None:
            return failure
        fast = [measure.register for measure in self._template.measures if measure.pace == "fast"]
        fast += [line.register for line in self._template.charger.connection]
        values, failure = await self._registers.read(dict.fromkeys(fast))
        self._report("fast", self._config.interval_s, values)
        if failure is not None:
            return failure
        self._handle.report("state.connection", self._connection(values))
        self._handle.alive()
        if self._actuator is not None:
            await self._actuator.keep_alive()
        if self._clock.monotonic_s() < self._slow_due_s:
            return None
        self._slow_due_s = self._clock.monotonic_s() + self._config.slow_interval_s
        slow = [measure.register for measure in self._template.measures if measure.pace == "slow"]
        values, failure = await self._registers.read([*slow, *self._slow_only()])
        self._report("slow", max(self._config.slow_interval_s, self._config.interval_s), values)
        return failure

    def _slow_only(self) -> tuple[str, ...]:
        """What is read but not reported: what the actuator has to know."""
        failsafe = self._template.charger.failsafe
        return () if failsafe is None else (failsafe.shown_current,)

    def _report(self, pace: str, interval_s: float, values: Mapping[str, float]) -> None:
        """Hand in what came and can be."""
        assert self._handle is not None
        for measure in self._template.measures:
            if measure.pace != pace or measure.register not in values:
                continue
            register = self._template.registers[measure.register]
            value = values[measure.register]
            self._handle.report(
                measure.variable, value, part=measure.part, interval_s=interval_s, wraps_at=register.wraps_at
            )

    def _connection(self, values: Mapping[str, float]) -> str:
        lines = self._template.charger.connection
        return next((line.state for line in lines if line.holds(values[line.register])), _UNPLUGGED)

    def _rated_a(self) -> float:
        shown = self._registers.value(self._template.charger.rated) or self._template.charger.smallest_a
        return shown if self._entry.max_a is None else min(shown, self._entry.max_a)

    def _version(self) -> str:
        identity = self._template.identity
        value = None if identity.version is None else self._registers.value(identity.version)
        if value is None or not identity.version_bytes:
            return self._text(identity.version)
        return ".".join(str(part) for part in (round(value) & 0xFFFFFFFF).to_bytes(4, "big")[:3])

    def _text(self, name: str | None) -> str:
        value = None if name is None else self._registers.value(name)
        return "" if value is None else f"{value:.0f}"


def _capability(one: Template, entry: TemplatedEntry, owner: OwnerSettings, rated_a: float) -> VehicleCapability:
    """What the charger can do on its circuit; the owner's figures win."""
    charger = one.charger
    phases_kv = entry.phases * NOMINAL_V / 1000.0
    whole_a = math.floor(rated_a / charger.step_a + 1e-6) * charger.step_a
    if owner.max_charge_kw is not None:
        whole_a = min(whole_a, math.floor(owner.max_charge_kw / phases_kv / charger.step_a + 1e-6) * charger.step_a)
    plain = VehicleCapability(
        0.0,
        0.0,
        step_a=charger.step_a,
        phases=entry.phases,
        writes=_writes(one, owner),
        capacity_kwh=owner.capacity_kwh,
    )
    return VehicleCapability(
        min_rate_kw=0.0,
        max_rate_kw=kilowatts(whole_a, plain),
        smallest_charge_kw=kilowatts(charger.smallest_a, plain),
        step_a=charger.step_a,
        phases=entry.phases,
        writes=plain.writes,
        revert_s=_REVERT_S if charger.failsafe is not None else 0.0,
        capacity_kwh=owner.capacity_kwh,
        round_trip_efficiency=owner.round_trip_efficiency or VehicleCapability(0.0, 0.0).round_trip_efficiency,
        surplus_only=owner.charging == "surplus",
    )


def _writes(one: Template, owner: OwnerSettings) -> WriteBudget:
    """Charging currents are set in memory; how often is the maker's word."""
    if owner.volatile is False:
        return WriteBudget(per_day=owner.writes_per_day or WriteBudget().per_day)
    return WriteBudget(volatile=True, every_s=one.write_every_s)
