"""Random and truncated registers: the decoder refuses by None, never by a crash, and never grows."""

import math
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.modbus.measures import measures_of
from drivers.modbus.roles import Role, capability_of, roles_of
from drivers.modbus.sunspec.definitions import definitions, parse_definitions
from drivers.modbus.sunspec.encode import encode, nearest, towards_zero
from drivers.modbus.sunspec.image import ModelImage, model_image
from heg.devices.contract import OwnerSettings
from heg.model.refusals import Refusal

_COUNTS = {"N", "NPt", "NCrv", "NPrt"}
"""Another count is another layout."""


def noisy_images(seed: int) -> dict[int, ModelImage]:
    """A device of random models with random lengths and registers."""
    noise = random.Random(seed)
    images = {}
    for model_id in noise.sample(sorted(definitions()), k=noise.randint(1, 8)):
        image = model_image(model_id, 40002, noise.choice((0, 1, 5, 50, 150, 1500)))
        assert image is not None
        image.overlay(noise.choice((-3, 0, 0, 0, 40)), noise.randbytes(noise.choice((0, 1, 3, 100, 3004))))
        images[model_id] = image
    return images


@given(st.integers(0, 2**32))
def test_noise_gives_finite_numbers_texts_or_nothing(seed: int) -> None:
    for image in noisy_images(seed).values():
        assert len(image.places()) < 64 * 64 * 12
        for name, value in image.values().items():
            assert value is None or isinstance(value, str) or math.isfinite(value), name
            assert image.number(name) is None or math.isfinite(image.number(name) or 0.0)
            assert len(image.events(name)) <= 32


@given(st.integers(0, 2**32))
def test_noise_has_roles_capabilities_and_measures_without_a_crash(seed: int) -> None:
    images = noisy_images(seed)
    roles_of(images, OwnerSettings())
    for role in Role:
        capability_of(role, images, OwnerSettings(own_mode="self-consumption"), at_connection_point=False)
        for measure in measures_of(role, images):
            value = measure.value()
            assert value is None or isinstance(value, str) or math.isfinite(value)
            assert all(span.address >= 0 and span.end <= 40002 + 1502 for span in measure.spans())


@given(st.integers(0, 2**32), st.floats(allow_nan=True, allow_infinity=True))
@example(1481145, 1.8e298)
def test_what_is_encoded_reads_back_within_a_step(seed: int, value: float) -> None:
    for image in noisy_images(seed).values():
        for name, place in image.places().items():
            data = encode(image, name, value)
            if isinstance(data, Refusal) or name in _COUNTS:
                continue
            image.overlay(place.offset, data)
            exponent = image.exponent(name)
            assert exponent is not None
            read = image.number(name)
            assert read is not None
            assert read == pytest.approx(value, abs=0.5001 * 10**exponent, rel=1e-9)


@pytest.mark.parametrize(
    ("value", "near", "limit"), [(1.5, 2, 1), (-1.5, -2, -1), (0.999999999999, 1, 1), (-0.2, 0, 0)]
)
def test_rounding(value: float, near: int, limit: int) -> None:
    assert nearest(value) == near
    assert towards_zero(value) == limit


@pytest.mark.parametrize("line", ["A u16", "A : v16", ": u16", "A : u16 B C"])
def test_a_malformed_definition_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_definitions({"model": [{"ids": [1], "points": line}]})
