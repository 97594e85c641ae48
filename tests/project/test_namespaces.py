"""Networks that tests make: alone, joined by a cable, several addresses, multicast, nothing left behind."""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
import sys
import threading

import pytest

from heg.runtime.clock import Clock
from tests.support.namespaces import WIRE, Network, needs_networks, network, wired
from tests.support.processes import wait_until
from tests.support.stepped import stepped

pytestmark = needs_networks


def _interfaces() -> set[str]:
    return {name for _, name in socket.if_nameindex()}


def test_a_network_has_nothing_but_its_loopback_and_one_is_back_where_one_was() -> None:
    before = _interfaces()
    with network("alone") as net:
        with net.entered():
            assert _interfaces() == {"lo"}
            assert "LOOPBACK,UP" in subprocess.check_output(["ip", "link", "show", "lo"], text=True)
            assert "MULTICAST" not in subprocess.check_output(["ip", "link", "show", "lo"], text=True)
        assert _interfaces() == before
        with pytest.raises(KeyError), net.entered():
            raise KeyError
        assert _interfaces() == before
        assert "state" in net.says("ip", "link", "show", "lo")
        inside = subprocess.run(net.inside("ip", "-o", "link"), capture_output=True, text=True, check=True)
        assert inside.stdout.count("\n") == 1


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_cable_carries_tcp_and_counts_it(family: socket.AddressFamily) -> None:
    there = {socket.AF_INET: "10.77.0.2", socket.AF_INET6: "fd77::2"}[family]
    with wired("near", "far") as (near, far):
        before = near.traffic()
        with far.entered():
            server = socket.create_server((there, 0), family=family)
        with near.entered():
            client = socket.create_connection(server.getsockname()[:2], timeout=5)
        with server, client, server.accept()[0] as talk:
            client.sendall(b"x" * 10_000)
            assert len(talk.recv(20_000)) > 0
        passed = near.traffic().since(before)
        assert passed.bytes_out > 10_000
        assert passed.packets_in > 0


def test_hundreds_of_addresses_on_one_side() -> None:
    many = [f"10.77.{number // 250}.{number % 250 + 1}/16" for number in range(1, 321)]
    with wired("near", "far", addresses=(["10.77.250.1/16"], many)) as (near, far):
        with far.entered():
            server = socket.create_server(("10.77.1.71", 0))
        with server, near.entered():
            socket.create_connection(server.getsockname(), timeout=5).close()


@pytest.mark.parametrize("looped", [False, True])
def test_multicast_goes_over_the_cable_and_over_a_loopback_that_lets_it(*, looped: bool) -> None:
    with wired("near", "far") as (near, far), network("own", multicast_on_loopback=True) as own:
        listens, speaks = (own, own) if looped else (far, near)
        here, from_where = ("127.0.0.1", "127.0.0.1") if looped else ("10.77.0.2", "10.77.0.1")
        with listens.entered():
            ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            ear.bind(("", 1900))
            group = struct.pack("4s4s", socket.inet_aton("239.255.255.250"), socket.inet_aton(here))
            ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        with speaks.entered():
            mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(from_where))
        with ear, mouth:
            ear.settimeout(5)
            mouth.sendto(b"M-SEARCH", ("239.255.255.250", 1900))
            assert ear.recvfrom(100)[0] == b"M-SEARCH"


def test_a_coroutine_lives_beside_the_test_and_its_failure_is_told() -> None:
    with wired("near", "far") as (near, far):
        port: list[int] = []

        async def echo(clock: Clock, stop: asyncio.Event) -> None:
            async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.write(await reader.readline())
                writer.close()

            server = await asyncio.start_server(talk, "10.77.0.2", 0)
            port.append(server.sockets[0].getsockname()[1])
            await stop.wait()
            server.close()

        async def ask(clock: Clock) -> bytes:
            reader, writer = await asyncio.open_connection("10.77.0.2", port[0])
            writer.write(b"hello\n")
            answer = await reader.readline()
            writer.close()
            return answer

        with far.beside(echo):
            wait_until(lambda: port, "it listens")
            assert near.loop(ask) == b"hello\n"

        async def breaks(clock: Clock, stop: asyncio.Event) -> None:
            raise ValueError("broken")

        with pytest.raises(ValueError, match="broken"), far.beside(breaks):
            pass


def test_a_process_begins_where_it_is_started() -> None:
    with network("alone") as net:
        ask = "import socket; print([name for _, name in socket.if_nameindex()])"
        with net.start(sys.executable, "-c", ask, stdout=subprocess.PIPE, text=True) as process:
            assert process.communicate(timeout=20)[0].strip() == "['lo']"
        thread_sees: list[set[str]] = []
        with net.entered():
            thread = threading.Thread(target=lambda: thread_sees.append(_interfaces()))
            thread.start()
            thread.join()
        assert thread_sees == [{"lo"}]


@stepped
async def test_a_stepped_loop_may_hold_sockets_of_both_sides(clock: Clock) -> None:
    with wired("near", "far") as (near, far):
        with far.entered():
            server = await asyncio.start_server(_answer, "10.77.0.2", 8000)
        begun_s = clock.monotonic_s()
        async with server:
            for _ in range(20):
                assert await _asked(near) == b"answer"
        assert clock.monotonic_s() == begun_s, "nobody waited for time"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b"answer")
    writer.close()


async def _asked(near: Network) -> bytes:
    with near.entered():
        connection = socket.socket()
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("10.77.0.2", 8000))
    reader, writer = await asyncio.open_connection(sock=connection)
    writer.write(b"question\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_an_interface_that_is_not_there_is_named() -> None:
    with network("alone") as net, pytest.raises(KeyError, match=WIRE):
        net.traffic()
