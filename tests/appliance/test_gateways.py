"""Which gateways an appliance believes in."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from appliance.gateway import MOST_KNOWN, Gateway, Gateways
from appliance.simulated import SimulatedAppliance
from appliance.upnp.description import Identity
from appliance.upnp.device import Place
from appliance.upnp.ground import Ground
from appliance.upnp.ssdp import Heard
from heg.model.appliances import APPLIANCE_DEVICE, GATEWAY_DEVICE, GATEWAY_SERVICE
from heg.runtime.clock import Clock
from tests.support.namespaces import WIRE, needs_networks, wired
from tests.support.stepped import run_stepped, stepped

UUID = "11111111-2222-3333-4444-{:012d}"
HOME, ELSEWHERE = "127.0.45.1", "127.0.45.2"


def announced(address: str, port: int, number: int = 0, *, alive: bool = True, type_: str = GATEWAY_DEVICE) -> Heard:
    usn = f"uuid:{UUID.format(number)}::{type_}"
    host = f"[{address}]" if ":" in address else address
    return Heard(type_, usn, f"http://{host}:{port}/device.xml", 1800, alive)


@contextlib.asynccontextmanager
async def described(address: str, uuid: str) -> AsyncIterator[int]:
    service = f"<serviceType>{GATEWAY_SERVICE}</serviceType><controlURL>/control</controlURL>"
    description = f"<root><device><UDN>uuid:{uuid}</UDN><service>{service}</service></device></root>"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = description if head.startswith(b"GET ") else "<Envelope><Body><RegID>5</RegID></Body></Envelope>"
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, address, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@stepped
async def test_one_that_speaks_for_itself_is_known_until_its_time_is_over(clock: Clock) -> None:
    gateways = Gateways(clock)
    assert gateways.heard(announced(HOME, 80, type_=APPLIANCE_DEVICE), (HOME, 1900)) is None
    assert gateways.heard(announced(HOME, 80), (ELSEWHERE, 1900)) is None
    found = gateways.heard(announced(HOME, 80), (HOME, 1900))
    assert found is not None
    assert gateways.there() == [found]
    gateways.heard(announced(HOME, 80, alive=False), (ELSEWHERE, 1900))
    assert gateways.there() == [found]
    await clock.sleep(1801)
    assert gateways.there() == []


@stepped
async def test_its_own_goodbye_is_believed(clock: Clock) -> None:
    gateways = Gateways(clock)
    gateways.heard(announced(HOME, 80), (HOME, 1900))
    gateways.heard(announced(HOME, 80, alive=False), (HOME, 1900))
    assert gateways.there() == []


@stepped
async def test_another_ones_claim_to_be_it_is_not_believed_while_it_answers(clock: Clock) -> None:
    moved: list[Gateway] = []
    gateways = Gateways(clock, moved.append)
    async with described(HOME, UUID.format(0)) as port:
        gateways.heard(announced(HOME, port), (HOME, 1900))
        for _ in range(20):
            assert gateways.heard(announced(ELSEWHERE, 80), (ELSEWHERE, 1900)) is None
        await clock.sleep(5)
        assert [one.address for one in gateways.there()] == [HOME]
    gateways.heard(announced(ELSEWHERE, 80), (ELSEWHERE, 1900))
    await clock.sleep(5)
    assert [one.address for one in gateways.there()] == [ELSEWHERE]
    assert [one.address for one in moved] == [ELSEWHERE]
    await gateways.close()


@pytest.mark.system
@needs_networks
def test_at_an_address_of_the_link_it_is_asked_over_that_link() -> None:
    async def main(clock: Clock) -> None:
        gateways = Gateways(clock)
        async with described(f"{here}%lan0", UUID.format(0)) as port:
            gateways.heard(announced(here, port), (f"{here}%lan0", 1900, 0, link))
            assert gateways.heard(announced("fe80::9", port), ("fe80::9%lan0", 1900, 0, link)) is None
            await clock.sleep(5)
            assert [one.address for one in gateways.there()] == [here]
        await gateways.close()

    with wired("asks", "farm", addresses=([], [])) as (_, far):
        far.carries(WIRE)
        with far.entered():
            here, link = far.link_local(), socket.if_nametoindex(WIRE)
            run_stepped(main)


@stepped
async def test_one_that_is_gone_is_forgotten_when_it_is_asked(clock: Clock) -> None:
    """As after a drive from one house to another: what was announced there holds still."""
    gateways, ground = Gateways(clock), Ground(port=19_045)
    one = SimulatedAppliance(Identity(UUID.format(9), "laptop"), ground, clock, Place("127.0.45.3"))
    await one.start()
    async with described(ELSEWHERE, UUID.format(1)) as port:
        gateways.heard(announced(HOME, 9, 0), (HOME, 1900))
        gateways.heard(announced(ELSEWHERE, port, 1), (ELSEWHERE, 1900))
        assert (await gateways.find(one.upnp)).address == HOME  # who comes later does not take its place
        assert await gateways.ask(one.upnp, "WakeUpTime", {"Time": "06:30:00"}) == {"RegID": "5"}
        assert [each.address for each in gateways.there()] == [ELSEWHERE]
    await one.stop()
    ground.close()


@stepped
async def test_few_are_remembered(clock: Clock) -> None:
    gateways = Gateways(clock)
    for number in range(MOST_KNOWN * 3):
        gateways.heard(announced(HOME, 80, number), (HOME, 1900))
    assert len(gateways.there()) == MOST_KNOWN
