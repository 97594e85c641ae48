"""The walk along a chain of models against devices that mean well, count from one, or mean harm."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.sunspec.chain import BASES, ChainWalk


def walk(memory: dict[int, int]) -> tuple[ChainWalk, int]:
    """Walk through registers; what is not in memory is refused. Returns the walk and the number of requests."""
    chain, requests = ChainWalk(), 0
    while (span := chain.next) is not None:
        requests += 1
        wanted = range(span.address, span.end)
        assert span.address >= 0
        assert span.end <= 0x10000
        if all(address in memory for address in wanted):
            chain.take(b"".join(memory[address].to_bytes(2, "big") for address in wanted))
        else:
            chain.missing()
    return chain, requests


def device(base: int, *models: tuple[int, int], end: bool = True) -> dict[int, int]:
    memory = {base: 0x5375, base + 1: 0x6E53}
    address = base + 2
    for model_id, length in models:
        memory |= {address: model_id, address + 1: length}
        memory |= dict.fromkeys(range(address + 2, address + 2 + length), 7)
        address += 2 + length
    if end:
        memory |= {address: 0xFFFF, address + 1: 0}
    return memory


@pytest.mark.parametrize("base", BASES)
def test_a_chain_is_found_at_each_base(base: int) -> None:
    chain, _ = walk(device(base, (1, 66), (103, 50), (63001, 10)))
    assert chain.base == base
    assert [(model.id, model.length) for model in chain.models] == [(1, 66), (103, 50), (63001, 10)]
    assert chain.models[1].address == base + 2 + 68
    assert not chain.fault


def test_a_device_that_does_not_speak_sunspec_has_no_models() -> None:
    chain, requests = walk(dict.fromkeys(range(0x10000), 0))
    assert chain.base is None
    assert not chain.models
    assert requests == len(BASES)


def test_a_missing_end_keeps_what_was_found() -> None:
    chain, _ = walk(device(40000, (1, 66), (103, 50), end=False))
    assert [model.id for model in chain.models] == [1, 103]
    assert "refusal" in chain.fault


@pytest.mark.parametrize(
    ("models", "found", "fault"),
    [
        ([(1, 66), (103, 65000)], [1], "expected a length that fits"),
        ([(1, 66), (0, 4)], [1], "expected a model id"),
        ([(1, 66), *[(64000, 0)] * 80], None, "at most 64 models"),
    ],
)
def test_hostile_chains_end(models: list[tuple[int, int]], found: list[int] | None, fault: str) -> None:
    memory = device(40000, models[0])
    address = 40070
    for model_id, length in models[1:]:
        memory |= {address: model_id, address + 1: length}
        address += 2 + length
    chain, requests = walk(memory)
    assert fault in chain.fault
    assert requests <= 70
    if found is not None:
        assert [model.id for model in chain.models] == found


@given(st.integers(0, 2**32))
def test_whatever_the_registers_say_the_walk_ends_inside_the_address_space(seed: int) -> None:
    noise = random.Random(seed)
    memory = {
        address: noise.choice((0, 1, 2, 103, 0xFFFF, noise.randrange(0x10000))) for address in range(39990, 60000)
    }
    memory |= {40000: 0x5375, 40001: 0x6E53}
    chain, requests = walk(memory)
    assert requests <= 80
    assert all(model.address + 2 + model.length <= 0x10000 for model in chain.models)
