"""One SunSpec device while it is attached: read fast and slow, reported in each of its roles, never mistaken."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from drivers.modbus.config import ModbusConfig
from drivers.modbus.controls.grid_support import InverterSupport
from drivers.modbus.controls.production_limit import ProductionLimit
from drivers.modbus.controls.storage_limits import StorageLimits
from drivers.modbus.controls.storage_power import StoragePower
from drivers.modbus.discovery import Found, read_models, read_spans
from drivers.modbus.link import Failure, FailureKind
from drivers.modbus.measures import Measure, Pace, measures_of
from drivers.modbus.plan import merge
from drivers.modbus.roles import Role, capability_of, own_mode, roles_of, uses_124
from drivers.modbus.wire import Wire
from heg.devices.contract import Actuator, DeviceHandle, DeviceInfo, DriverContext
from heg.model.capabilities import Capability, ProducerCapability, StorageCapability
from heg.model.refusals import Refusal, RefusalCode

_MISSING_AFTER_S = 5.0


@dataclass(slots=True)
class _Attached:
    role: Role
    handle: DeviceHandle
    measures: tuple[Measure, ...]


class SunSpecDevice:
    """Polls one device until it is told to stop. It keeps its handles when it moves."""

    def __init__(
        self,
        found: Found,
        config: ModbusConfig,
        context: DriverContext,
        *,
        first_meter: bool,
        on_missing: Callable[[], None],
    ) -> None:
        self._found = found
        self._config = config
        self._context = context
        self._clock = context.clock
        self._first_meter = first_meter
        self._on_missing = on_missing
        self._wire = Wire(found.bus, found.unit, found.images, self._verify)
        self._attached: list[_Attached] = []
        self._actuators: dict[Role, Actuator] = {}
        self._supporter: InverterSupport | None = None
        self._moved_to: Found | None = None
        self._displaced = False
        self._answered_s = self._clock.monotonic_s()
        self._slow_due_s = -math.inf
        self.missing = False
        self._settle()

    @property
    def identity(self) -> str:
        """Identity of the physical device."""
        return self._identity

    @property
    def address(self) -> str:
        """Where it is asked."""
        return self._found.address

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles it is attached in."""
        return tuple(attached.role for attached in self._attached)

    def move_to(self, found: Found) -> None:
        """It was found elsewhere (or in another shape): taken up with the next cycle."""
        self._moved_to = found

    async def run(self) -> None:
        """Poll until cancelled."""
        due_s = self._clock.monotonic_s()
        while True:
            await self.cycle()
            due_s += self._config.interval_s
            due_s = max(due_s, self._clock.monotonic_s())  # late: go on from here rather than hurry after what is past
            await self._clock.sleep_until(due_s)

    async def cycle(self) -> None:
        """Read what is due and report it."""
        self._take_move()
        if self._displaced:
            return  # somebody else answers there: only the next search can tell where this one is
        failure = await self._read_due()
        if failure is None:
            return
        for attached in self._attached:
            self._tell_failure(attached.handle, failure)
        self._wire.doubt()
        if self._clock.monotonic_s() - self._answered_s > _MISSING_AFTER_S:
            self._miss()

    async def _read_due(self) -> Failure | None:
        if self._wire.doubtful:
            failure = await self._verify()
            if failure is not None:
                return failure
        failure = await self._read(Pace.FAST)
        if failure is not None:
            return failure
        now_s = self._clock.monotonic_s()
        if now_s >= self._slow_due_s:
            self._slow_due_s = now_s + self._config.slow_interval_s
            return await self._read_slow()
        return None

    async def _read(self, pace: Pace) -> Failure | None:
        measures = [measure for attached in self._attached for measure in attached.measures if measure.pace is pace]
        images = {id(image): image for measure in measures for image, _ in measure.needs}
        spans = merge(span for measure in measures for span in measure.spans())
        failure = await read_spans(self._wire.bus, self._wire.unit, spans, images.values())
        if failure is None:
            self._answered()
            self._report(pace)
        return failure

    async def _read_slow(self) -> Failure | None:
        """Whole models, so that headers are checked, and all fixed scale factors are known."""
        measures = [measure for attached in self._attached for measure in attached.measures]
        images = {
            id(image): image for measure in measures if measure.pace is not Pace.FAST for image, _ in measure.needs
        }
        failure = await read_models(self._wire.bus, self._wire.unit, tuple(images.values()))
        if failure is None:
            self._answered()
            self._report(Pace.SLOW)
        return failure

    async def _verify(self) -> Failure | None:
        """After silence or on a new connection somebody else may answer: ask who, before believing a number."""
        common = self._found.common
        connections = self._wire.bus.connections
        failure = await read_models(self._wire.bus, self._wire.unit, (common,))
        if failure is not None:
            return failure
        if self._found.identity != self._identity:
            return self._displace(self._found.identity)
        self._wire.vouched(connections)
        for attached in self._attached:
            attached.handle.alive()
        return None

    def _displace(self, stranger: str) -> Failure:
        """Somebody else answers here: this device is lost until it is found; nothing more is asked or written here."""
        failure = Failure(FailureKind.GARBAGE, f"expected {self._identity}, another device answers: {stranger}")
        self._answered_s = -math.inf
        self._displaced = True
        self._wire.doubt()
        for attached in self._attached:
            attached.handle.lost(failure.text)
        self._miss()
        return failure

    def _take_move(self) -> None:
        if self._moved_to is None:
            return
        self._found, self._moved_to = self._moved_to, None
        self._wire.rebind(self._found.bus, self._found.unit, self._found.images)
        self._settle()
        self._displaced = False
        self._slow_due_s = -math.inf

    def _settle(self) -> None:
        """Attach in every role, by what the device's models say now."""
        found = self._found
        self._identity = found.identity
        serial = found.common.text("SN")
        roles = roles_of(found.images, self._context.owner_settings(found.identity, serial))
        self._attached = []
        for index, role in enumerate(roles):
            identity = found.identity if index == 0 else f"{found.identity}#{role}"
            owner = self._context.owner_settings(identity, serial)
            capability = capability_of(
                role, found.images, owner, at_connection_point=self._is_connection_point(serial, owner.name)
            )
            common = found.common
            info = DeviceInfo(
                identity=identity,
                maker=common.text("Mn"),
                model=common.text("Md"),
                serial=serial,
                version=common.text("Vr"),
                protocol="modbus",
                address=found.address,
                capabilities=(capability,),
            )
            actuator = self._actuator(role, capability, own=own_mode(owner))
            handle = self._context.attach(
                info, interval_s=self._config.interval_s, actuator=actuator, support=self._support(index)
            )
            self._attached.append(_Attached(role, handle, measures_of(role, found.images)))
        self._report(Pace.ONCE)

    def _is_connection_point(self, serial: str, name: str) -> bool:
        said = self._config.connection_point
        return said in (serial, name) if said else self._first_meter

    def _actuator(self, role: Role, capability: Capability, *, own: bool) -> Actuator | None:
        """One actuator for the life of a role: control keeps hold of it while the device moves."""
        if role not in self._actuators and (made := self._make_actuator(capability, own=own)) is not None:
            self._actuators[role] = made
        return self._actuators.get(role)

    def _support(self, index: int) -> InverterSupport | None:
        """An inverter supports the grid once, in its first role."""
        if index > 0 or not any(model in self._found.images for model in (123, 704)):
            return None
        self._supporter = self._supporter or InverterSupport(self._wire)
        return self._supporter

    def _make_actuator(self, capability: Capability, *, own: bool) -> Actuator | None:
        match capability:
            case StorageCapability() if uses_124(self._found.images, own_mode=own):
                return StorageLimits(self._wire, capability, grid_charging=self._config.grid_charging)
            case StorageCapability() if 704 in self._found.images:
                return StoragePower(self._wire, capability)
            case ProducerCapability(curtailable=True):
                return ProductionLimit(self._wire)
            case _:
                return None

    def _report(self, pace: Pace) -> None:
        interval_s = {
            Pace.FAST: self._config.interval_s,
            Pace.SLOW: max(self._config.slow_interval_s, self._config.interval_s),
            Pace.ONCE: math.inf,
        }[pace]
        for attached in self._attached:
            for measure in attached.measures:
                if measure.pace is pace and (value := measure.value()) is not None:
                    attached.handle.report(
                        measure.variable,
                        value,
                        part=measure.part,
                        interval_s=interval_s,
                        wraps_at=measure.wraps_at,
                    )

    def _answered(self) -> None:
        self._answered_s = self._clock.monotonic_s()
        self.missing = False
        for attached in self._attached:
            attached.handle.alive()

    def _miss(self) -> None:
        if not self.missing:
            self.missing = True
            self._on_missing()

    def _tell_failure(self, handle: DeviceHandle, failure: Failure) -> None:
        match failure.kind:
            case FailureKind.EXCEPTION:
                handle.refused(Refusal(RefusalCode.DEVICE_REFUSED, f"registers of {self.address}", failure.text))
            case FailureKind.GARBAGE:
                handle.refused(Refusal(RefusalCode.WRONG_TYPE, f"a proper answer from {self.address}", failure.text))
            case _:
                pass
