"""Asking a unit what it is: the walk along its chain, its models read once, split into the devices it speaks for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from drivers.modbus.bus import Bus
from drivers.modbus.link import Failure, FailureKind
from drivers.modbus.plan import Span, merge
from drivers.modbus.sunspec.chain import ChainWalk
from drivers.modbus.sunspec.image import ModelImage, model_image
from heg.model.losses import loss
from heg.model.timings import Timings

COMMON = 1
_LONGEST_MODEL = 1500
_MOST_DEVICES = 8


@dataclass(frozen=True, slots=True)
class Found:
    """One device behind a unit: its common model and what follows it until the next common model."""

    bus: Bus
    unit: int
    common: ModelImage
    images: dict[int, ModelImage] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """What stays when the address changes; without a serial number the address has to do."""
        who = f"sunspec:{self.common.text('Mn')}:{self.common.text('Md')}"
        serial = self.common.text("SN")
        return f"{who}:{serial}" if serial else f"{who}@{self.address}"

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"{self.bus.address}/{self.unit}"


@dataclass(frozen=True, slots=True)
class Exploration:
    """What a unit was found to be; `fault` names nonsense that ended the walk early."""

    devices: tuple[Found, ...]
    fault: str = ""


def longest_search_pause_s() -> float:
    """The longest pause between two searches for a device that is missing: three fit into the time stated for it."""
    return loss("device-moved").within.at(Timings.for_cycle(1.0)) / 3


async def explore(bus: Bus, unit: int) -> Exploration | Failure:
    """Walk the chain of one unit and read each known model once.

    A `Failure` when nobody answers; an `Exploration` without devices when somebody does who does not speak SunSpec.
    """
    walk = ChainWalk()
    while (span := walk.next) is not None:
        answer = await bus.read(unit, span.address, span.count)
        if isinstance(answer, bytes):
            walk.take(answer)
        elif answer.kind is FailureKind.EXCEPTION:
            walk.missing()
        else:
            return answer
    devices: list[Found] = []
    for place in walk.models:
        image = model_image(place.id, place.address, place.length)
        if image is None or place.length > _LONGEST_MODEL:
            continue
        if place.id == COMMON and len(devices) < _MOST_DEVICES:
            devices.append(Found(bus, unit, image))
        elif devices and place.id not in devices[-1].images:
            devices[-1].images[place.id] = image
    for device in devices:
        failure = await read_models(bus, unit, (device.common, *device.images.values()))
        if failure is not None:
            return failure
    return Exploration(tuple(devices), walk.fault)


async def read_models(bus: Bus, unit: int, images: Sequence[ModelImage]) -> Failure | None:
    """Read whole models, headers included; a header that is not the model's own is garbage: the chain has changed."""
    spans = [Span(image.address, image.registers) for image in images]
    failure = await read_spans(bus, unit, merge(spans), images)
    if failure is not None and failure.kind is FailureKind.EXCEPTION:
        # Some devices refuse a request that crosses models.
        for span in spans:
            failure = await read_spans(bus, unit, merge([span]), images)
            if failure is not None:
                break
    if failure is not None:
        return failure
    return next((wrong for image in images if (wrong := _header_fault(image)) is not None), None)


async def read_spans(
    bus: Bus, unit: int, spans: Iterable[Span], images: Iterable[ModelImage], *, urgent: bool = False
) -> Failure | None:
    """Read the spans and lay what came over the images they touch; the first failure ends it."""
    touched = tuple(images)
    for span in spans:
        answer = await bus.read(unit, span.address, span.count, urgent=urgent)
        if isinstance(answer, Failure):
            return answer
        for image in touched:
            if span.address < image.address + image.registers and image.address < span.end:
                start = max(span.address, image.address)
                image.overlay(start - image.address, answer[(start - span.address) * 2 :])
    return None


def _header_fault(image: ModelImage) -> Failure | None:
    expected = image.id.to_bytes(2, "big") + (image.registers - 2).to_bytes(2, "big")
    if image.header() == expected:
        return None
    return Failure(FailureKind.GARBAGE, f"expected model {image.id} at register {image.address}, came another header")
