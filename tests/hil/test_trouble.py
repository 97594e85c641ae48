"""What a broken appliance says: each corruption is what its name says, seen by a client without any library."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from heg.runtime.clock import Clock
from hil.appliances.trouble import Corruption, Trouble, Whose
from hil.ports import free_port
from tests.support.stepped import stepped

UUID = "11111111-2222-4333-8444-555555555555"
ENDS = [how for how in Corruption if how not in (Corruption.FROZEN, Corruption.HUGE)]


@contextlib.asynccontextmanager
async def in_trouble(port: int, how: Corruption, clock: Clock) -> AsyncIterator[Trouble]:
    trouble = Trouble(Whose(UUID, "127.0.0.1", port), how, clock)
    await trouble.start()
    try:
        yield trouble
    finally:
        await trouble.stop()


async def asked(port: int, most: int = 1 << 20) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    try:
        writer.write(b"GET /description.xml HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while len(said) < most and (part := await reader.read(1 << 16)):
                said += part
    finally:
        writer.transport.abort()
    return said


@stepped
@pytest.mark.parametrize("how", ENDS)
async def test_each_says_what_its_name_says(clock: Clock, how: Corruption) -> None:
    port = free_port()
    async with in_trouble(port, how, clock) as trouble:
        said = await asked(port)
        assert trouble.asked == 1
    expected = {
        Corruption.SLOW: f"<UDN>uuid:{UUID}</UDN>",
        Corruption.MALFORMED: "<unclosed & <<>",
        Corruption.BOMB: "&l9;",
        Corruption.FOREIGN: "http://192.0.2.1:",
        Corruption.OTHER: "00000000-dead",
        Corruption.HALF: "<friendlyName>Broken",
        Corruption.ERROR: "500 Internal",
    }
    text = said.decode("latin-1")
    assert expected.get(how, "") in text
    assert (f"uuid:{UUID}" in text) is (
        how in (Corruption.SLOW, Corruption.MALFORMED, Corruption.BOMB, Corruption.FOREIGN, Corruption.HALF)
    )
    if how is Corruption.HALF:
        assert "</root>" not in text


@stepped
async def test_slow_is_a_byte_a_second_and_frozen_is_never(clock: Clock) -> None:
    port = free_port()
    begun_s = clock.monotonic_s()
    async with in_trouble(port, Corruption.SLOW, clock):
        assert clock.monotonic_s() - begun_s < len(await asked(port))
    assert clock.monotonic_s() - begun_s > 500
    async with in_trouble(port, Corruption.FROZEN, clock):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(600):
                await asked(port)


@stepped
async def test_huge_does_not_end_and_ends_when_the_trouble_does(clock: Clock) -> None:
    port = free_port()
    async with in_trouble(port, Corruption.HUGE, clock):
        assert len(await asked(port, 4 << 20)) >= 4 << 20
