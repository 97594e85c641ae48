"""A machine behind programs, and heg-appliance run on it as people do."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appliance.config_file import parse
from appliance.program import Program
from heg.runtime.clock import Clock
from heg.runtime.notify import ServiceManager
from hil.ports import free_port
from tests.appliance.asker import call
from tests.support.processes import wait_until

HEG_APPLIANCE = Path(sys.executable).parent / "heg-appliance"


class Machine:
    """A machine whose state is a file, with heg-appliance on it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.state = folder / "state"
        self.state.write_text("standby\n")
        self.port = free_port()
        for name in ("on", "standby", "off"):
            (folder / name).write_text(f"{name}\n")
        self.config = folder / "appliance.toml"
        ways = "".join(
            f'{name} = ["/bin/cp", "{folder}/{name}", "{self.state}"]\n' for name in ("on", "standby", "off")
        )
        self.config.write_text(
            f'state_dir = "{folder}/kept"\nsocket = "{folder}/run/socket"\n'
            f'[appliance]\nname = "Washer"\nrated_w = 2200\ntimezone = "Europe/Berlin"\nwake = "none"\n'
            f'[network]\naddress = "127.0.44.1"\nport = {self.port}\n'
            f'[command]\nstate = ["/bin/cat", "{self.state}"]\n{ways}poll_s = 0.2\n'
            "[cycle.cotton]\nwatts = [2000, 400]\n"
        )

    def started(self) -> subprocess.Popen[str]:
        """Begin to run it; whoever does sees to its end."""
        command = [str(HEG_APPLIANCE), "--config", str(self.config)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        process = self.started()
        try:
            wait_until(lambda: "http://127.0.44.1" in self.asked("status").stdout, "it is on the network", limit_s=15)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            assert process.stderr is not None
            self.log = process.stderr.read()
            process.stderr.close()

    def said_within(self, seconds: float = 10, **changes: str) -> str:
        """Run it with lines of its configuration exchanged, until it says something; return that."""
        good = self.config.read_text()
        try:
            self.change(**changes)
            with self.started() as process:
                assert process.stderr is not None
                late = threading.Timer(seconds, process.kill)
                late.start()
                said = process.stderr.readline()
                late.cancel()
                process.terminate()
                return said + process.stderr.read()
        finally:
            self.config.write_text(good)

    def change(self, **lines: str) -> None:
        """Exchange what keys say."""
        text = self.config.read_text()
        for key, value in lines.items():
            before, line, after = re.split(f"(?m)^({key} = .*)$", text, maxsplit=1)
            assert line
            text = f"{before}{key} = {value}{after}"
        self.config.write_text(text)

    def asked(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(HEG_APPLIANCE), "--config", str(self.config), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def said(self, *words: str) -> str:
        done = self.asked(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self) -> dict[str, Any]:
        answer = json.loads(self.said("--json", "status"))
        assert isinstance(answer, dict)
        return answer

    def ordered(self, action: str, **more: str) -> Any:
        return asyncio.run(call(f"http://127.0.44.1:{self.port}/description.xml", action, **more))


def a_program(folder: Path, clock: Clock, uuid: str, address: str) -> Program:
    """heg-appliance on a loop of the test's: a machine that is on, and can be switched off."""
    config = parse(
        {
            "state_dir": str(folder / "kept"),
            "socket": str(folder / "socket"),
            "appliance": {"name": "Washer", "uuid": uuid},
            "network": {"address": address},
            "command": {"state": ["/bin/echo", "on"], "off": ["/bin/true"]},
        }
    )
    return Program(config, clock, ServiceManager(None))
