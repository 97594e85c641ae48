"""The registers of one device as its controls see them: points read fresh, points written in few requests."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from drivers.modbus.bus import Bus
from drivers.modbus.discovery import read_spans
from drivers.modbus.link import Failure, FailureKind
from drivers.modbus.plan import Span, merge
from drivers.modbus.sunspec.encode import Rounding, encode, nearest
from drivers.modbus.sunspec.image import ModelImage
from heg.model.refusals import Refusal, RefusalCode

Vouch = Callable[[], Awaitable[Failure | None]]
_VOUCHED_FOR_S = 2.0


class Wire:
    """Where a device answers, and its models. `rebind` follows a device that moved.

    After silence or on a new connection somebody else may answer at the address: nothing is written before `vouch` has
    asked who it is. Without one nobody is in doubt.
    """

    def __init__(self, bus: Bus, unit: int, images: Mapping[int, ModelImage], vouch: Vouch | None = None) -> None:
        self.bus = bus
        self.unit = unit
        self.images = images
        self._vouch = vouch
        self._doubted = False
        self._connections = bus.connections
        self._vouched_s = bus.now_s()

    def rebind(self, bus: Bus, unit: int, images: Mapping[int, ModelImage]) -> None:
        """The device answers elsewhere, or its chain is another: who it is was asked just now."""
        self.bus, self.unit, self.images = bus, unit, images
        self.vouched(bus.connections)

    def doubt(self) -> None:
        """Something went wrong: ask who answers before the next write."""
        self._doubted = True

    def vouched(self, connections: int) -> None:
        """It is the one it was, on the connection of that number."""
        self._doubted, self._connections, self._vouched_s = False, connections, self.bus.now_s()

    @property
    def doubtful(self) -> bool:
        """True when somebody else might answer by now."""
        return self._doubted or self._connections != self.bus.connections

    def model(self, model_id: int) -> ModelImage | None:
        """A model of the device."""
        return self.images.get(model_id)

    async def refresh(self, model_id: int, *points: str) -> Refusal | None:
        """Read these points now, ahead of polling. Points that the device has no room for are passed over."""
        image = self.images.get(model_id)
        if image is None:
            return _no_model(model_id)
        if (refusal := await self._sure()) is not None:
            return refusal
        places = [image.places()[point] for point in points if point in image.places()]
        spans = [Span(image.address + place.offset, place.definition.registers) for place in places]
        failure = await read_spans(self.bus, self.unit, merge(spans), (image,), urgent=True)
        return None if failure is None else refusal_of(failure, self.bus.address)

    async def write(
        self, model_id: int, values: Mapping[str, float], rounding: Mapping[str, Rounding] | None = None
    ) -> Refusal | None:
        """Write points; those whose registers stand in a row go in one request, in register order."""
        image = self.images.get(model_id)
        if image is None:
            return _no_model(model_id)
        if (refusal := await self._sure()) is not None:
            return refusal
        pieces: list[tuple[int, bytes]] = []
        for point, value in values.items():
            data = encode(image, point, value, (rounding or {}).get(point, nearest))
            if isinstance(data, Refusal):
                return data
            pieces.append((image.places()[point].offset, data))
        for offset, data in _in_rows(sorted(pieces)):
            failure = await self.bus.write(self.unit, image.address + offset, data, urgent=True)
            if failure is not None:
                return refusal_of(failure, self.bus.address)
            image.overlay(offset, data)  # what was acknowledged stands until it is read again
        return None

    async def _sure(self) -> Refusal | None:
        """Some devices close the connection after each answer: theirs is believed for a moment."""
        just_now = not self._doubted and self.bus.now_s() - self._vouched_s <= _VOUCHED_FOR_S
        if self._vouch is None or just_now or (self.bus.connected and not self.doubtful):
            return None
        failure = await self._vouch()
        return None if failure is None else refusal_of(failure, self.bus.address)


def refusal_of(failure: Failure, address: str) -> Refusal:
    """A failure on the bus in the words of the rest of the house."""
    match failure.kind:
        case FailureKind.UNREACHABLE | FailureKind.BACKING_OFF:
            return Refusal(RefusalCode.DEVICE_LOST, f"a device at {address}", failure.text)
        case FailureKind.SILENT:
            return Refusal(RefusalCode.TIMEOUT, f"an answer from {address}", failure.text)
        case _:
            return Refusal(RefusalCode.DEVICE_REFUSED, f"a proper answer from {address}", failure.text)


def _no_model(model_id: int) -> Refusal:
    return Refusal(RefusalCode.UNSUPPORTED, f"model {model_id}", "a device without it")


def _in_rows(pieces: Sequence[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    rows: list[tuple[int, bytes]] = []
    for offset, data in pieces:
        if rows and rows[-1][0] + len(rows[-1][1]) // 2 == offset:
            rows[-1] = (rows[-1][0], rows[-1][1] + data)
        else:
            rows.append((offset, data))
    return rows
