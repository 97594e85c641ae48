"""Every point we decode, compared with pysunspec2's own decoding of the same registers."""

import math
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sunspec2.device import Group, Model, Point

from drivers.modbus.sunspec.definitions import definitions
from drivers.modbus.sunspec.image import ModelImage

MODELS = sorted(definitions())
_COUNTS = {160: {"N": 2}, 705: {"NPt": 4, "NCrv": 3}, 714: {"NPrt": 3}}
# pysunspec2 names these otherwise than the other models of their family, or than the members beside them.
_OTHER_NAMES = {
    201: {"PhVphAB": "PPVphAB", "PhVphBC": "PPVphBC", "PhVphCA": "PPVphCA"},
    **{
        model: {
            "PhVphAB": "PPVphAB",
            "PhVphBC": "PPVphBC",
            "PhVphCA": "PPVphCA",
            **{
                f"TotVArh{quadrant}Ph{phase}": f"TotVArh{quadrant}ph{phase}"
                for quadrant in ("ImpQ1", "ImpQ2", "ExpQ3", "ExpQ4")
                for phase in "ABC"
            },
        }
        for model in (211, 212, 213, 214)
    },
}


def layout(model_id: int) -> ModelImage:
    """An empty image with room for the repeating groups of `_COUNTS`."""
    definition = definitions()[model_id]
    registers = definition.registers
    counts = _COUNTS.get(model_id, {})
    if (group := definition.group) is not None:
        inner = group.inner.registers * counts[group.inner.count] if group.inner else 0
        registers += (group.registers + inner) * counts[group.count]
    return ModelImage(definition, 40002, registers - 2)


def registers_of(model_id: int, seed: int) -> bytes:
    """Random registers of a model with a true header, true counts and scale factors that scale."""
    noise = random.Random(seed)
    image = layout(model_id)
    data = bytearray(noise.randbytes(image.registers * 2))
    absent = noise.random() < 0.2
    data[0:4] = model_id.to_bytes(2, "big") + (image.registers - 2).to_bytes(2, "big")
    for point in definitions()[model_id].points:
        if point.name in _COUNTS.get(model_id, {}):
            data[point.offset * 2 : point.offset * 2 + 2] = _COUNTS[model_id][point.name].to_bytes(2, "big")
    image.overlay(0, bytes(data))
    for name, place in image.places().items():
        type_ = place.definition.type
        start, end = place.offset * 2, (place.offset + place.definition.registers) * 2
        if name in _COUNTS.get(model_id, {}):
            continue
        if type_ == "sf":
            data[start:end] = noise.randint(-6, 4).to_bytes(2, "big", signed=True)
        elif type_.startswith("str"):
            data[start:end] = bytes(noise.choice(b"ABCxyz 0189-._\0") for _ in range(end - start))
        elif absent and type_[0] in "ueb":
            data[start:end] = b"\xff" * (end - start)
        elif absent and type_[0] == "i":
            data[start:end] = b"\x80" + b"\0" * (end - start - 1)
        elif absent and type_.startswith("acc"):
            data[start:end] = bytes(end - start)
    return bytes(data)


def oracle_points(group: Group, prefix: str = "") -> dict[str, Point]:
    """Name to point of a pysunspec2 model, named as ours are."""
    found = {prefix + name: point for name, point in group.points.items()}
    for name, inner in group.groups.items():
        if isinstance(inner, list):
            for index, member in enumerate(inner, start=1):
                found |= oracle_points(member, f"{prefix}{name}.{index}.")
        else:
            found |= oracle_points(inner, f"{prefix}{name}.")
    return found


def absent(point: Point) -> bool:
    return point.value is None or not point.info.is_impl(point.value) or point.pdef["type"] == "pad"


@pytest.mark.parametrize("model_id", MODELS)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_point_decodes_as_pysunspec2_decodes_it(model_id: int, seed: int) -> None:
    data = registers_of(model_id, seed)
    ours = layout(model_id)
    ours.overlay(0, data)
    theirs = oracle_points(Model(model_id, model_len=ours.registers - 2, data=data))
    renamed = _OTHER_NAMES.get(model_id, {})
    assert set(theirs) - {"ID", "L"} == {renamed.get(name, name) for name in ours.places()}
    for name, place in ours.places().items():
        point = theirs[renamed.get(name, name)]
        assert point.offset == place.offset, name
        value = ours.value(name)
        if place.definition.type == "f32":
            expected = point.value
            same = (
                value is None if expected is None or not math.isfinite(expected) else value == pytest.approx(expected)
            )
            assert same, name
        elif absent(point):
            assert value is None, name
        elif isinstance(value, str):
            assert value == re.sub(r"\s+$", "", str(point.value).split("\0")[0]).strip(), name
        elif place.definition.type.startswith("str"):
            assert not str(point.value).split("\0")[0].strip(), name
        elif place.definition.type == "pad":
            assert value is None, name
        else:
            assert value == pytest.approx(point.cvalue, rel=1e-12), name


def test_all_models_of_the_issue_are_known() -> None:
    wanted = {1, 101, 102, 103, 111, 112, 113, 120, 121, 122, 123, 124, 160, 201, 202, 203, 204, 211, 212, 213, 214}
    assert wanted | {701, 702, 703, 704, 705, 713, 714, 802} == set(MODELS)
