"""The driver's two halves, discovery and talking, on a network of a test's own, in real time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from drivers.upnp.appliances import Appliances, Gateway
from drivers.upnp.config import UpnpConfig
from drivers.upnp.discovery import Discovery
from drivers.upnp.fetching import Fetcher, new_session
from drivers.upnp.orders import Place
from drivers.upnp.parts import Caller, Described, Link
from drivers.upnp.server import HttpServer, events_to
from drivers.upnp.ssdp.packet import Kind
from drivers.upnp.wake import SecureOn, Waker
from heg.data.interface import DataInterface
from heg.devices.manager import DeviceManager
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from tests.support.attached import Attached
from tests.support.namespaces import WIRE, Network

OURS = "0a0a0a0a-0000-4000-8000-000000000001"
PORT = 8465


class Lan(Attached):
    """What a test sees of the gateway's side."""

    def __init__(self, clock: Clock, session: Any, *, secure_on: SecureOn | None = None, **config: Any) -> None:
        self.clock = clock
        self.data = DataInterface(clock, "home")
        self.manager = DeviceManager(self.data.admit(CUSTOMER, "devices"), clock)
        self.door = self.data.admit(CUSTOMER, "test")
        waker = Waker(lambda: tuple(self.discovery.network.links()))
        self.appliances = Appliances(self.manager, Gateway(OURS, PORT), waker, secure_on, besides=self._besides)
        wanted = UpnpConfig(**{"interfaces": (WIRE,), "search_mx_s": 1, **config})
        self.discovery = Discovery(wanted, clock, Fetcher(session, clock), self.appliances)
        self.heard: list[Kind] = []
        self.discovery.network.on_announcement(lambda packet, _link, _host: self.heard.append(packet.kind))
        self.refused: Counter[str] = Counter()
        self.server = HttpServer(clock, PORT, [events_to(self.appliances.hearing)], self.refused)

    def is_discovered(self, name: str) -> bool:
        """Whether one is there, wherever."""
        uuid = self.record(name).identity.removeprefix("uuid:")
        return self.appliances.is_at(uuid, Caller("")) is not None

    def _besides(self, uuid: str) -> tuple[Place, ...]:
        return self.discovery.table.places(uuid)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for part in (self.manager, self.server, self.discovery, self.appliances):
                tasks.create_task(part.run())
            while True:
                self.server.listen(self.discovery.network.links())
                await self.clock.sleep(0.05)


@contextlib.asynccontextmanager
async def a_lan(clock: Clock, **more: Any) -> AsyncIterator[Lan]:
    """The gateway's side, up; on the running loop's network."""
    async with new_session() as session:
        lan = Lan(clock, session, **more)
        running = asyncio.create_task(lan.run())
        try:
            await lan.until(lambda: lan.server.places or running.done())
            yield lan
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            await lan.data.close()


class Program:
    """A peer that runs in a network of a test's own, told by lines and heard by lines."""

    def __init__(self, running: subprocess.Popen[str]) -> None:
        self._running = running

    def says(self, wanted: str) -> None:
        """Wait for a line."""
        assert self._running.stdout is not None
        said = ""
        for line in self._running.stdout:
            if re.search(wanted, line):
                return
            said += line
        code = self._running.wait(5)
        raise AssertionError(f"{self._running.args!r} ended without saying {wanted!r}: {code}, {said[-1000:]}")

    def tell(self, line: str) -> None:
        """Tell it something."""
        assert self._running.stdin is not None
        self._running.stdin.write(line + "\n")
        self._running.stdin.flush()

    def ends(self) -> None:
        """Tell it nothing more."""
        assert self._running.stdin is not None
        self._running.stdin.close()


@contextlib.contextmanager
def running(net: Network, *command: object, ready: str, **how: Any) -> Iterator[Program]:
    """A program of somebody else in a network, until the test is over."""
    process = net.start(
        *command,
        **{
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "text": True,
            "start_new_session": True,
            **how,
        },
    )
    try:
        program = Program(process)
        program.says(ready)
        yield program
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def described(net: Network, service: str, *, host: str, port: int, path: str, link: Link) -> Described:
    """An appliance made of a service of any device: where its description says that it is asked and heard."""
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    with net.entered(), urllib.request.urlopen(f"http://{authority}{path}", timeout=5) as answer:
        page = answer.read().decode()
    found = re.search(
        rf"<serviceType>{re.escape(service)}</serviceType>.*?<controlURL>([^<]*)</controlURL>\s*"
        r"<eventSubURL>([^<]*)</eventSubURL>",
        page,
        re.DOTALL,
    )
    assert found is not None, page
    base = f"http://{authority}"
    return Described("of-a-peer", link, host, base + path, "", "", "", "", base + found[1], base + found[2])


def sources(name: str) -> Path:
    """A file of the tests' own peers."""
    return Path(__file__).parents[2] / "peers" / name
