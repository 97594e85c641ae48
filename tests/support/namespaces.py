"""Networks of a test's own: network namespaces, joined by virtual cables, that nobody else can hear.

    with wired("gateway", "street") as (gateway, street):
        with street.entered():                      # this thread's sockets are made there from here on
            server = socket.create_server(("10.77.0.2", 8080))
        said = gateway.says("curl", "http://10.77.0.2:8080/")

A namespace lives as long as its descriptor: nothing is left when a test, or its whole process, is killed. Sockets stay
in the namespace in which they were made; threads and processes begin in that of the thread which starts them, so
`with net.entered(): run(main, timing=RealTiming())` is a whole event loop inside. Veth delivers while the sender sends,
as loopback does: a stepped loop may hold sockets of several networks.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest

from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming, run

_CLONE_NEWNET = 0x40000000
_HERE = "/proc/thread-self/ns/net"
_libc = ctypes.CDLL(None, use_errno=True)

WIRE = "lan0"
"""The interface of a cable on either side, where a test gives it no other name."""


def why_not() -> str | None:
    """What is missing to make networks here; None when nothing is."""
    if shutil.which("ip") is None:
        return "needs ip: ./dev test brings it where it can (packages of Debian: as root)"
    try:
        with network("probe"):
            return None
    except (OSError, subprocess.CalledProcessError) as error:
        return f"needs namespaces of its own, which is root's (or CAP_SYS_ADMIN and CAP_NET_ADMIN): {error}"


@dataclass(frozen=True)
class Network:
    """One namespace. Made by `network` or `wired`."""

    name: str
    descriptor: int

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Put the running thread into the namespace, and back."""
        back = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(self.descriptor)
            try:
                yield
            finally:
                _enter(back)
        finally:
            os.close(back)

    def inside(self, *command: object) -> list[str]:
        """The command line that runs a command inside, from anywhere in this process's life."""
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self.descriptor}", "--", *map(str, command)]

    def run(self, *command: object, limit_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a command inside and return what it said, whatever its exit code."""
        with self.entered():
            return subprocess.run(
                list(map(str, command)),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=limit_s,
                check=False,
            )

    def says(self, *command: object, limit_s: float = 60.0) -> str:
        """What a command says that must succeed."""
        said = self.run(*command, limit_s=limit_s)
        assert said.returncode == 0, f"{command} in {self.name}: {said.returncode}\n{said.stdout}\n{said.stderr}"
        return said.stdout.strip()

    def card(self, interface: str = WIRE) -> str:
        """The address of an interface's network card."""
        found = re.search(r"link/ether (\S+)", self.says("ip", "link", "show", interface))
        assert found is not None
        return found[1]

    def link_local(self, interface: str = WIRE) -> str:
        """Its link-local address, IPv6."""
        found = re.search(r"inet6 (fe80:\S+)/", self.says("ip", "-6", "addr", "show", "dev", interface))
        assert found is not None
        return found[1]

    def start(self, *command: object, **how: Any) -> subprocess.Popen[Any]:
        """Start a process inside; the test ends it. `how` goes to `subprocess.Popen`."""
        with self.entered():
            return subprocess.Popen(list(map(str, command)), **{"stdin": subprocess.DEVNULL, **how})

    def loop(self, main: Callable[[Clock], Coroutine[Any, Any, Any]]) -> Any:
        """Run a coroutine to its end on a real-time loop inside, in this thread."""
        with self.entered():
            return run(main, timing=RealTiming())

    @contextmanager
    def beside(self, main: Callable[[Clock, asyncio.Event], Coroutine[Any, Any, None]]) -> Iterator[None]:
        """Run a coroutine inside on a real-time loop and thread of its own; at the end its event is set.

        It is awaited then, and what it raised is raised here.
        """
        stops: Future[Callable[[], object]] = Future()
        ended: Future[None] = Future()

        async def whole(clock: Clock) -> None:
            stop, loop = asyncio.Event(), asyncio.get_running_loop()
            stops.set_result(lambda: loop.call_soon_threadsafe(stop.set))
            await main(clock, stop)

        def thread() -> None:
            try:
                self.loop(whole)
                ended.set_result(None)
            except BaseException as error:  # noqa: BLE001 - carried to the thread that waits
                ended.set_exception(error)

        running = threading.Thread(target=thread, name=f"beside-{self.name}")
        running.start()
        try:
            yield
        finally:
            if not ended.done():
                with contextlib.suppress(RuntimeError):  # its loop has closed meanwhile: it needs no telling
                    stops.result(10)()
            running.join(30)
        ended.result(0)

    def ip(self, *lines: str) -> None:
        """Run lines of the command `ip` inside, such as `addr add 10.0.0.1/24 dev lan0`."""
        with self.entered():
            subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True, capture_output=True)

    def carries(self, interface: str, within_s: float = 10.0) -> None:
        """Wait until a cable carries: a busy kernel says so, and gives IPv6's address of the link, up to 1 s later."""
        until_s = time.monotonic() + within_s
        with self.entered():
            path = Path("/proc/thread-self/net/if_inet6")
            while path.exists() and not any(
                line.startswith("fe80") and line.split()[-1] == interface for line in path.read_text().splitlines()
            ):
                assert time.monotonic() < until_s, f"{interface} of {self.name} has no address of its link"
                time.sleep(0.005)

    def addresses(self, *addresses: str, on: str = WIRE) -> None:
        """Give an interface more addresses, each with its prefix length."""
        self.ip(*(f"addr add {one} dev {on}{' nodad' if ip_interface(one).version == 6 else ''}" for one in addresses))

    def traffic(self, interface: str = WIRE) -> Traffic:
        """What has passed an interface so far."""
        with self.entered():
            lines = Path("/proc/thread-self/net/dev").read_text().splitlines()
        counts = {line.partition(":")[0].strip(): line.partition(":")[2].split() for line in lines}[interface]
        return Traffic(int(counts[0]), int(counts[1]), int(counts[8]), int(counts[9]))


@dataclass(frozen=True)
class Traffic:
    """Bytes and packets of an interface, its frames' headers of Ethernet included."""

    bytes_in: int
    packets_in: int
    bytes_out: int
    packets_out: int

    def since(self, before: Traffic) -> Traffic:
        """What came and went since then."""
        return Traffic(
            self.bytes_in - before.bytes_in,
            self.packets_in - before.packets_in,
            self.bytes_out - before.bytes_out,
            self.packets_out - before.packets_out,
        )


@contextmanager
def network(name: str, *, multicast_on_loopback: bool = False) -> Iterator[Network]:
    """Make a namespace whose loopback is up; IPv6 addresses are there at once (nobody else could have them)."""
    descriptor = _made()
    try:
        net = Network(name, descriptor)
        with net.entered():
            for scope in ("all", "default"):
                path = Path(f"/proc/sys/net/ipv6/conf/{scope}/accept_dad")
                if path.exists():  # not where IPv6 is switched off
                    path.write_text("0")
        net.ip(f"link set lo up multicast {'on' if multicast_on_loopback else 'off'}")
        if multicast_on_loopback:
            net.ip("route add 224.0.0.0/4 dev lo")
            net.run(
                "ip", "-6", "route", "add", "multicast", "ff00::/8", "dev", "lo", "table", "local"
            )  # if it knows v6
        yield net
    finally:
        os.close(descriptor)


@contextmanager
def wired(
    one: str = "near",
    other: str = "far",
    *,
    addresses: tuple[Sequence[str], Sequence[str]] = (("10.77.0.1/16", "fd77::1/64"), ("10.77.0.2/16", "fd77::2/64")),
) -> Iterator[tuple[Network, Network]]:
    """Make two namespaces joined by a cable, its interface `lan0` on either side; multicast goes over it.

    `addresses` are those of each side, with prefix lengths; the first is the one that is spoken from.
    """
    with network(one) as near, network(other) as far:
        cable(near, far)
        near.addresses(*addresses[0])
        far.addresses(*addresses[1])
        yield near, far


def cable(one: Network, other: Network, interface: str = WIRE, other_interface: str = "") -> None:
    """Join two namespaces by a cable, up on both sides and without addresses but IPv6's own of the link."""
    theirs = other_interface or interface
    there = f"/proc/{os.getpid()}/fd/{other.descriptor}"
    one.ip(f"link add {interface} type veth peer name {theirs} netns {there}")
    for net, end in ((one, interface), (other, theirs)):
        net.ip(f"link set {end} up")
    for net, end in ((one, interface), (other, theirs)):
        net.carries(end)


def _made() -> int:
    """A descriptor of a namespace that a thread of its own has made; the running thread stays where it is."""
    made: Future[int] = Future()

    def make() -> None:
        try:
            _call("unshare", _CLONE_NEWNET)
            made.set_result(os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            made.set_exception(error)

    thread = threading.Thread(target=make, name="makes-a-network")
    thread.start()
    thread.join()
    return made.result()


def _enter(descriptor: int) -> None:
    _call("setns", descriptor, _CLONE_NEWNET)


def _call(name: str, *arguments: int) -> None:
    if getattr(_libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


_LACKS = why_not()
needs_networks = pytest.mark.skipif(_LACKS is not None, reason=str(_LACKS))
"""Marks a test that makes networks; it is skipped, with the reason, where that is not allowed."""
