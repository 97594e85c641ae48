"""A server that sends anything: every request ends in time with registers or a named failure, and nothing grows."""

import asyncio
import gc
import random
import tracemalloc

import pytest

from drivers.modbus.bus import Bus
from drivers.modbus.config import ModbusConfig, TemplatedEntry
from drivers.modbus.discovery import explore
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.link import Failure, tcp_link
from heg.data.interface import DataInterface
from heg.devices.manager import DeviceManager
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from tests.support.stepped import run_stepped, stepped


class Hostile(asyncio.Protocol):
    """Answers each request as its manner has it."""

    def __init__(self, noise: random.Random, manner: str) -> None:
        self.noise = noise
        self.manner = manner
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        noise, head = self.noise, data[:4]
        unit, function = data[6], data[7]
        match self.manner:
            case "noise":
                self.transport.write(noise.randbytes(noise.randint(1, 300)))
            case "flood":
                self.transport.write(noise.randbytes(200_000))
            case "short":
                body = bytes((unit, function, 4)) + noise.randbytes(2)
                self.transport.write(head + len(body).to_bytes(2, "big") + body)
            case "long":
                body = bytes((unit, function, 250)) + noise.randbytes(250)
                self.transport.write(head + len(body).to_bytes(2, "big") + body)
            case "length":
                self.transport.write(head + noise.randbytes(2) + bytes((unit, function)) + noise.randbytes(8))
            case "function":
                body = bytes((unit, noise.choice((0, 4, 16, 43, 99, 255)))) + noise.randbytes(noise.randint(0, 20))
                self.transport.write(head + len(body).to_bytes(2, "big") + body)
            case "slam":
                self.transport.abort()


MANNERS = ("noise", "flood", "short", "long", "length", "function", "slam")


@pytest.mark.parametrize("manner", MANNERS)
def test_every_request_ends_in_time(manner: str) -> None:
    async def scene(clock: Clock) -> None:
        noise = random.Random(manner)
        server = await asyncio.get_running_loop().create_server(lambda: Hostile(noise, manner), "127.0.0.1", 0)
        bus = Bus(tcp_link("127.0.0.1", server.sockets[0].getsockname()[1], 1.0), clock)
        try:
            for _ in range(40):
                began_s = clock.monotonic_s()
                answer = await bus.read(1, 40000, 10)
                assert isinstance(answer, Failure), "nothing sound was sent"
                assert clock.monotonic_s() - began_s <= 2.5
                await clock.sleep(12)
            assert isinstance(await explore(bus, 1), Failure)
        finally:
            bus.close()
            server.close()
            await clock.sleep(1)

    run_stepped(scene)


@pytest.mark.parametrize("manner", MANNERS)
def test_a_templated_device_is_never_made_of_noise(manner: str) -> None:
    """Whatever answers where the charger should be: nothing is attached, and nothing ends."""

    async def scene(clock: Clock) -> None:
        noise = random.Random(manner)
        server = await asyncio.get_running_loop().create_server(lambda: Hostile(noise, manner), "127.0.0.1", 0)
        host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        data = DataInterface(clock, "home")
        manager = DeviceManager(data.admit(CUSTOMER, "devices"), clock)
        config = ModbusConfig(device=(TemplatedEntry(template="keba-p30", host=host),))
        running = asyncio.ensure_future(ModbusDriver(config, manager).run())
        await clock.sleep(180)
        assert not running.done()
        assert manager.devices() == ()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await data.close()
        server.close()
        await clock.sleep(1)

    run_stepped(scene)


@stepped
async def test_a_flood_is_thrown_away(clock: Clock) -> None:
    noise = random.Random(1)
    server = await asyncio.get_running_loop().create_server(lambda: Hostile(noise, "flood"), "127.0.0.1", 0)
    bus = Bus(tcp_link("127.0.0.1", server.sockets[0].getsockname()[1], 1.0), clock)
    tracemalloc.start()
    try:
        held = []
        for _ in range(3):
            for _ in range(20):
                await bus.read(1, 0, 10)
                await clock.sleep(15)
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
        assert held[-1] < 3_000_000, "what pymodbus keeps of the last frames, and buffers of the sockets"
        assert held[-1] - held[0] < 100_000, "4 MB came in between"
    finally:
        tracemalloc.stop()
        bus.close()
        server.close()
        await clock.sleep(1)
