"""The registers of one templated device: read fresh, decoded, written; never believed when somebody else answers.

Decoding and encoding are pure; what comes from the device is range-checked before it is a number.
"""

import math
import struct
from collections.abc import Awaitable, Callable, Iterable

from drivers.modbus.bus import Bus
from drivers.modbus.link import Failure, FailureKind
from drivers.modbus.plan import Span, merge
from drivers.modbus.template import Register, Template
from drivers.modbus.wire import refusal_of
from heg.model.refusals import Refusal, RefusalCode

_FORMATS = {"uint16": ">H", "int16": ">h", "uint32": ">I", "int32": ">i", "uint64": ">Q", "float32": ">f"}
_HAIR = 1e-9


def decode(register: Register, data: bytes) -> float | None:
    """Return the value in our unit, None when the bytes are not one that can be."""
    if len(data) != 2 * register.words:
        return None
    value = float(struct.unpack(_FORMATS[register.type], data)[0]) * register.factor
    if not math.isfinite(value) or value < register.low or (register.high is not None and value > register.high):
        return None
    return value


def encode(register: Register, value: float) -> bytes | None:
    """Return the registers of a value in our unit, rounded down; None when it does not fit."""
    raw = value / register.factor
    try:
        whole = raw if register.type == "float32" else math.floor(raw + _HAIR)
        return struct.pack(_FORMATS[register.type], whole)
    except (struct.error, OverflowError, ValueError):
        return None


class TemplateRegisters:
    """What a template's device shows and takes. `vouch` asks who answers, after silence or on a new connection."""

    def __init__(self, bus: Bus, unit: int, template: Template, vouch: Callable[[], Awaitable[Failure | None]]) -> None:
        self.bus = bus
        self.unit = unit
        self.template = template
        self._vouch = vouch
        self._known: dict[str, float] = {}
        self._doubted = True
        self._connections = bus.connections
        self._wrote_s = -math.inf

    @property
    def doubtful(self) -> bool:
        """True when somebody else might answer by now."""
        return self._doubted or self._connections != self.bus.connections

    @property
    def silent_s(self) -> float:
        """Seconds since anything was written."""
        return self.bus.now_s() - self._wrote_s

    def doubt(self) -> None:
        """Something went wrong: ask who answers before the next write."""
        self._doubted = True

    def vouched(self, connections: int) -> None:
        """It is the one it was, on the connection of that number."""
        self._doubted, self._connections = False, connections

    def value(self, name: str) -> float | None:
        """The last value that came and could be."""
        return self._known.get(name)

    async def read(self, names: Iterable[str], *, urgent: bool = False) -> tuple[dict[str, float], Failure | None]:
        """Read these now; returns what came and can be, and the failure that ended it or the garbage among it."""
        wanted = {name: self.template.registers[name] for name in names}
        values: dict[str, float] = {}
        garbage: list[str] = []
        for span in self._spans(wanted.values()):
            answer = await self.bus.read(self.unit, span.address, span.count, urgent=urgent)
            if isinstance(answer, Failure):
                return values, answer
            for name, register in wanted.items():
                if span.address <= register.address and register.address + register.words <= span.end:
                    start = 2 * (register.address - span.address)
                    value = decode(register, answer[start : start + 2 * register.words])
                    if value is None:
                        garbage.append(name)
                    else:
                        values[name] = value
        self._known |= values
        return values, Failure(
            FailureKind.GARBAGE, f"{', '.join(garbage)}: a value that cannot be"
        ) if garbage else None

    async def fresh(self, *names: str) -> dict[str, float] | Refusal:
        """Read these ahead of polling, all of them, from the device that is meant."""
        failure, values = await self._sure(), dict[str, float]()
        if failure is None:
            values, failure = await self.read(names, urgent=True)
        return values if failure is None else refusal_of(failure, self.bus.address)

    async def write(self, name: str, value: float) -> Refusal | None:
        """Write one value, rounded down to what the register holds."""
        register = self.template.registers[name]
        data = encode(register, value)
        if data is None:
            return Refusal(RefusalCode.OUT_OF_RANGE, f"a value that fits register {register.address}", f"{value:g}")
        failure = await self._sure()
        if failure is None:
            single = self.template.write_function == 6
            failure = await self.bus.write(self.unit, register.address, data, single=single)
        if failure is not None:
            return refusal_of(failure, self.bus.address)
        self._wrote_s = self.bus.now_s()
        return None

    def _spans(self, registers: Iterable[Register]) -> Iterable[Span]:
        spans = [Span(register.address, register.words) for register in registers]
        return sorted(set(spans)) if self.template.one_by_one else merge(spans)

    async def _sure(self) -> Failure | None:
        return await self._vouch() if self.doubtful or not self.bus.connected else None
