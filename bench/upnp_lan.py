"""Two network namespaces for measuring: the real gateway in one, hundreds of appliances and a meter in the other."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.upnp_farm import name_of
from hil.appliances.settings import ApplianceSettings
from tests.support.namespaces import WIRE, Network, Traffic, cable, wired
from tests.support.processes import GatewayProcess, wait_until

GATEWAY, FIRST = "10.77.0.1", "10.77.1.0"
METER, METER_SEES, BUS = "10.88.0.2", "10.88.0.1", "bus0"
"""The meter hangs on a cable of its own: what passes the other one is the appliances' alone."""
METER_PORT = 1502
PAGE_PORT = 8462


@dataclass
class Farm:
    """The process of the appliances."""

    process: subprocess.Popen[str]
    count: int

    def tell(self, do: str, **order: Any) -> Any:
        """Give an order and wait for what came of it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **order}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the farm has ended; see what it printed"
        return json.loads(line)


@dataclass
class Lan:
    """Both sides. The gateway is started and stopped by whoever measures."""

    near: Network
    far: Network
    farm: Farm
    gateway: GatewayProcess

    def start(self) -> float:
        """Start the gateway; when it was begun, UTC seconds."""
        begun_s = time.time()
        with self.near.entered():
            self.gateway.start()
        return begun_s

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The gateway's own API."""
        connection = http.client.HTTPConnection("127.0.0.1", PAGE_PORT, timeout=30)
        headers = {"X-Heg-Request": "1", "Content-Type": "application/json"} if body is not None else {}
        try:
            with self.near.entered():
                connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        assert answer.status < 300, f"{method} {path}: {answer.status} {said[:300]!r}"
        return json.loads(said)

    def states(self) -> dict[str, tuple[str, float]]:
        """The newest power state of each appliance, and when it came to the door, UTC seconds."""
        values = self.ask("GET", "/api/v1/latest?variable=state.power")["values"]
        return {one["device"]: (one["value"], datetime.fromisoformat(one["time"]).timestamp()) for one in values}

    def known(self, count: int) -> dict[str, tuple[str, float]]:
        """Wait until the states of so many are at the door, and return all."""
        wait_until(lambda: len(self.states()) >= count, f"{count} states are known", limit_s=60.0)
        return self.states()

    def traffic(self) -> Traffic:
        """What has passed the cable, both ways."""
        return self.near.traffic()

    def cpu_s(self) -> float:
        """Processor time of the gateway so far."""
        fields = Path(f"/proc/{self.gateway.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_kib(self) -> float:
        """Memory of the gateway's process."""
        return self.gateway.resident_mib() * 1024


@contextmanager
def lan(folder: Path, count: int) -> Iterator[Lan]:
    """Appliances that run, and a gateway that is configured and not started."""
    farther = ["10.77.0.2/16"] + [f"10.77.{1 + number // 256}.{number % 256}/16" for number in range(count)]
    with ExitStack() as stack:
        near, far = stack.enter_context(wired("gateway", "street", addresses=([f"{GATEWAY}/16"], farther)))
        cable(near, far, BUS)
        near.addresses(f"{METER_SEES}/24", on=BUS)
        far.addresses(f"{METER}/24", on=BUS)
        command = [sys.executable, "-m", "bench.upnp_farm", count, METER, METER_PORT, FIRST]
        farm = far.start(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stack.enter_context(farm)
        stack.callback(farm.kill)
        assert farm.stdout is not None
        assert farm.stdout.readline().strip() == '"ready"', "the farm did not start; see what it printed"
        gateway = GatewayProcess(folder, _configured(folder, count), PAGE_PORT)
        stack.callback(gateway.stop)
        yield Lan(near, far, Farm(farm, count), gateway)


def _configured(folder: Path, count: int) -> Path:
    state = folder / "state"
    state.mkdir(mode=0o700)
    named = "".join(
        f'[device.{name_of(number)}]\nidentity = "uuid:{ApplianceSettings.uuid_of(name_of(number))}"\n'
        f'importance = "optional"\nmin_on_minutes = 0.0\nmin_off_minutes = 0.0\n'
        for number in range(count)
    )
    config = folder / "heg.toml"
    config.write_text(
        f'[unit]\nstate_dir = "{state}"\n[contract]\nmax_import_kw = 17.0\nmax_export_kw = 17.0\n'
        f'[web]\nport = {PAGE_PORT}\n[modbus]\nhosts = ["{METER}:{METER_PORT}"]\n[planning]\nenabled = false\n'
        f'[automation]\nutility = "full"\n[upnp]\ninterfaces = ["{WIRE}"]\n{named}'
    )
    return config
