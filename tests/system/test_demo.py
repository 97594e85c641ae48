"""`./dev run` as a person meets it: the page's address, a battery that does what is planned, Ctrl-C that ends both."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hil.ports import free_port

pytestmark = pytest.mark.system

LIMIT_S = 60.0


class Demo:
    """A running `python -m hil demo`."""

    def __init__(self, process: subprocess.Popen[bytes], said: Path, port: int) -> None:
        self.process = process
        self.said = said
        self.address = f"http://127.0.0.1:{port}"

    def lines(self) -> list[str]:
        return self.said.read_text().splitlines()

    def state(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.address}/api/v1/state", timeout=5) as answer:
            return json.load(answer)

    def wait(self, holds: Callable[[], object], what: str) -> None:
        deadline_s = time.monotonic() + LIMIT_S
        while not holds():
            assert self.process.poll() is None, f"it ended before {what}: {self.lines()}"
            assert time.monotonic() < deadline_s, f"{what}: not within {LIMIT_S:g} s: {self.lines()}"
            time.sleep(0.2)


@contextmanager
def demo(folder: Path, port: int, *more: str) -> Iterator[Demo]:
    said = folder / "said.txt"
    command = [sys.executable, "-m", "hil", "demo", "--port", str(port), "--weather", "generated"]
    with said.open("wb") as out:
        process = subprocess.Popen([*command, "--folder", str(folder / "work"), *more], stdout=out, stderr=out)
    try:
        yield Demo(process, said, port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=LIMIT_S)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_page_battery_and_end(tmp_path: Path) -> None:
    with demo(tmp_path, free_port()) as running:
        running.wait(lambda: running.address in running.lines(), "the page's address on a line of its own")
        assert any("generated home" in line for line in running.lines()), "it says whose load this is"

        def obeys() -> bool:
            actuators = {actuator["device"]: actuator for actuator in running.state()["actuators"]}
            battery = actuators.get("battery", {})
            read_back, measured = battery.get("read_back_kw"), battery.get("measured_kw", {}).get("value")
            confirmed = battery.get("state") == "confirmed" and battery.get("reason") == "plan"
            return confirmed and read_back and measured and abs(read_back - measured) < 0.2

        running.wait(obeys, "the battery does what is planned, read back")
        running.wait(
            lambda: (running.state()["appliances"] or {}).get("count") == 5,
            "its appliances are found, on the loopback alone",
        )
        gateway = children(running.process.pid)
        assert len(gateway) == 1
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(timeout=LIMIT_S) == 0
        assert running.lines()[-1] == "stopped"
        with pytest.raises(ProcessLookupError):
            os.kill(gateway[0], 0)


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with demo(tmp_path, port) as refused:
            assert refused.process.wait(timeout=LIMIT_S) == 1
            assert f"port {port}: Address already in use; choose another" in refused.said.read_text()


def test_a_gateway_that_ends_by_itself_ends_the_demo_with_its_reason(tmp_path: Path) -> None:
    with demo(tmp_path, free_port()) as running:
        running.wait(lambda: running.address in running.lines(), "the page")
        os.kill(children(running.process.pid)[0], signal.SIGKILL)
        assert running.process.wait(timeout=LIMIT_S) == 1
        assert "ended by itself with code -9" in running.lines()[-1]
