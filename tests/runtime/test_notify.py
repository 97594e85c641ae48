"""What reaches the service manager's real datagram socket, and when."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from heg.runtime.notify import CycleHeartbeat, ServiceManager


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(name if request.param == "file" else "\0" + name)
        line.settimeout(1.0)
        yield (name if request.param == "file" else "@" + name), line


def received(line: socket.socket) -> list[str]:
    messages: list[str] = []
    line.setblocking(False)
    while True:
        try:
            messages.append(line.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_every_message_arrives(manager: tuple[str, socket.socket]) -> None:
    address, line = manager
    service = ServiceManager.from_environment({"NOTIFY_SOCKET": address})
    service.status("2 devices\n1 lease")
    service.ready()
    service.alive()
    service.stopping()
    assert received(line) == ["STATUS=2 devices 1 lease", "READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_the_first_cycle_is_readiness_and_the_watchdog_is_fed_a_third_apart(manager: tuple[str, socket.socket]) -> None:
    address, line = manager
    real_s = 100.0
    service = ServiceManager.from_environment({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"})
    heartbeat = CycleHeartbeat(service, lambda: real_s)
    assert received(line) == []
    assert heartbeat.age_s() is None
    for _ in range(25):
        heartbeat.completed()
        real_s += 1.0
    assert received(line) == ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]
    assert (heartbeat.cycles, heartbeat.age_s()) == (25, 1.0)


def test_a_slow_cycle_has_the_watchdog_wait_and_a_quick_one_leaves_it(manager: tuple[str, socket.socket]) -> None:
    address, line = manager
    service = ServiceManager.from_environment({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"})
    service.allow(3.0)
    assert (received(line), service.watchdog_s) == ([], 30.0)
    service.allow(90.5)
    assert (received(line), service.watchdog_s) == (["WATCHDOG_USEC=90500000"], 90.5)


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "20000000"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "7"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_a_watchdog_meant_for_us(environment: dict[str, str], watchdog_s: float | None) -> None:
    assert ServiceManager.from_environment(environment, pid=7).watchdog_s == watchdog_s


def test_without_a_service_manager_nothing_happens() -> None:
    heartbeat = CycleHeartbeat(ServiceManager.from_environment({}), lambda: 0.0)
    heartbeat.completed()


def test_a_dead_socket_is_said_once_and_harms_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    service = ServiceManager(str(tmp_path / "nobody"))
    service.ready()
    service.alive()
    assert len(caplog.records) == 1
    assert "NOTIFY_SOCKET" in caplog.text
