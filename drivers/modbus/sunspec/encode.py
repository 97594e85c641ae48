"""Values into registers: scale, rounding and range, with the patterns that mean *not implemented* kept out. Pure."""

import math
from collections.abc import Callable

from drivers.modbus.sunspec.image import ModelImage
from heg.model.refusals import Refusal, RefusalCode

Rounding = Callable[[float], int]

_RANGES = {
    "u16": (0, 0xFFFE),
    "e16": (0, 0xFFFE),
    "b16": (0, 0xFFFE),
    "i16": (-0x7FFF, 0x7FFF),
    "u32": (0, 0xFFFFFFFE),
    "b32": (0, 0xFFFFFFFE),
    "i32": (-0x7FFFFFFF, 0x7FFFFFFF),
}
_ALMOST = 1e-9


def nearest(value: float) -> int:
    """The nearest step, halves away from zero."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def towards_zero(value: float) -> int:
    """The next step that is not larger: a limit must never be exceeded by rounding."""
    return int(math.copysign(math.floor(abs(value) + _ALMOST), value))


def encode(image: ModelImage, point: str, value: float, rounding: Rounding = nearest) -> bytes | Refusal:
    """The registers that say `value` (in the point's own unit, unscaled by us) at a point of this device."""
    place = image.places().get(point)
    if place is None or place.definition.type not in _RANGES:
        return Refusal(RefusalCode.UNSUPPORTED, f"a writable point {image.id}.{point}", "a device without it")
    exponent = image.exponent(point)
    if exponent is None:
        scale = place.definition.scale
        return Refusal(RefusalCode.UNSUPPORTED, f"a scale factor {scale} for {image.id}.{point}", "none that is valid")
    scaled = value / 10**exponent if exponent >= 0 else value * 10**-exponent
    if not math.isfinite(scaled):  # no number, or too large for one once it is scaled
        return Refusal(RefusalCode.OUT_OF_RANGE, f"a finite number for {image.id}.{point}", str(value))
    steps = rounding(scaled)
    low, high = _RANGES[place.definition.type]
    if not low <= steps <= high:
        expected = f"{image.id}.{point} between {low} and {high} steps of 1e{exponent}"
        return Refusal(RefusalCode.OUT_OF_RANGE, expected, str(steps))
    return steps.to_bytes(place.definition.registers * 2, "big", signed=low < 0)
