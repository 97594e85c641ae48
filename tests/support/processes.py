"""The house and the gateway as two real processes in scaled time, as a person starts them, for what needs a real kill.

Nothing of the gateway is imported here: it is seen through its sockets, its files and its exit codes.
"""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from hil.ports import free_port

HOUSE_BEGINS = "2024-08-09T06:00:00Z"
_SCRIPTS = Path(sys.executable).parent


class TooSlowError(AssertionError):
    """Something did not come true in its time."""


def wait_until(true: Callable[[], Any], what: str, *, limit_s: float = 30.0) -> Any:
    """Ask again until the answer is true and return it; `TooSlowError` names what was waited for."""
    until_s = time.monotonic() + limit_s
    while time.monotonic() < until_s:
        if found := true():
            return found
        time.sleep(0.02)
    raise TooSlowError(f"waited {limit_s:g} s in vain until {what}")


@dataclass
class HouseProcess:
    """`hil house` in a process of its own, with its desk."""

    speed: float
    real_epoch_s: float
    log: Path
    weather: str = "generated"
    battery: str = "704"
    _process: subprocess.Popen[bytes] | None = None
    addresses: dict[str, str] = field(default_factory=dict)
    desk_port: int = 0

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "hil", "house", "--speed", str(self.speed), "--start", HOUSE_BEGINS]
        command += ["--real-epoch", repr(self.real_epoch_s), "--weather", self.weather, "--battery", self.battery]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            wait_until(self._announced, "the house has said where it is", limit_s=60.0)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            _end(self._process, signal.SIGTERM)

    def _announced(self) -> bool:
        for line in self.log.read_text(errors="replace").splitlines():
            name, _, rest = line.partition(": ")
            if rest.startswith("modbus tcp "):
                self.addresses[name] = rest.split()[2]
            if name == "desk":
                self.desk_port = int(rest.rpartition(":")[2])
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text(errors="replace")
        return self.desk_port != 0

    def ask(self, **order: Any) -> dict[str, Any]:
        """One order to the rig's desk, and its answer."""
        with socket.create_connection(("127.0.0.1", self.desk_port), timeout=10) as talk:
            talk.sendall(json.dumps(order).encode() + b"\n")
            with talk.makefile() as answers:
                answer = json.loads(answers.readline())
        assert isinstance(answer, dict)
        assert "error" not in answer, answer
        return answer

    def status(self) -> dict[str, Any]:
        """The house as it truly is."""
        return self.ask(ask="status")


@dataclass
class GatewayProcess:
    """`heg run` in a process of its own; it may be killed and started again on the same folder."""

    folder: Path
    config: Path
    port: int
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start and wait for the page; return the real seconds that took."""
        begun_s = time.monotonic()
        with self.log.open("ab") as log:
            command = [str(_SCRIPTS / "heg"), "run", "--config", str(self.config)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(self._answers, f"the page answers; see {self.log}", limit_s=60.0)
        return time.monotonic() - begun_s

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        assert self._process is not None
        _end(self._process, signal.SIGKILL)

    def terminate(self) -> int:
        """Ask it to stop, as a service manager does; the exit code."""
        assert self._process is not None
        return _end(self._process, signal.SIGTERM)

    def stop(self) -> None:
        """End it whatever it does, if it runs."""
        if self._process is not None and self._process.poll() is None:
            _end(self._process, signal.SIGTERM)

    @property
    def log(self) -> Path:
        """What the process printed, over all its lives."""
        return self.folder / "heg.log"

    @property
    def pid(self) -> int:
        """Number of the process."""
        assert self._process is not None
        return self._process.pid

    def read(self, path: str) -> Any:
        """GET of the local API as JSON; None while nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        except OSError:
            return None
        finally:
            connection.close()

    def state(self) -> dict[str, Any]:
        """The whole picture of now."""
        state = self.read("/api/v1/state")
        assert isinstance(state, dict), f"no answer; see {self.log}"
        return state

    def lease(self, device: str) -> dict[str, Any] | None:
        """What the actuator of that name does, if anything is known."""
        state = self.read("/api/v1/state") or {}
        return next((one for one in state.get("actuators", ()) if one["device"] == device), None)

    def controls(self, device: str = "battery") -> bool:
        """The actuator is under a lease that reading back confirms."""
        lease = self.lease(device)
        return bool(lease and lease["held"] and lease["state"] == "confirmed")

    def resident_mib(self) -> float:
        """Memory of the process as the kernel counts it."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"heg ended with {self._process.returncode}:\n{self.log.read_text()}"
        return self.read("/healthz") is not None


def world(
    stack: ExitStack, folder: Path, *, speed: float, flush_s: float = 60.0, battery: str = "704"
) -> tuple[HouseProcess, GatewayProcess]:
    """A running house and a gateway configured for it, not started yet; both end with the stack."""
    epoch_s = time.time()
    house = stack.enter_context(HouseProcess(speed, epoch_s, folder / "house.log", battery=battery))
    port = free_port()
    config = folder / "heg.toml"
    own_mode = "self-consumption" if battery == "124" else "none"
    hosts = ", ".join(f'"{address}"' for address in house.addresses.values())
    config.write_text(
        f'[unit]\nstate_dir = "{folder / "state"}"\n[contract]\nmax_import_kw = 17.0\nmax_export_kw = 17.0\n'
        f'[clock]\nspeed = {speed}\nhouse_utc = "{HOUSE_BEGINS}"\nreal_epoch_s = {epoch_s!r}\n'
        f"[store]\nflush_s = {flush_s}\n[web]\nport = {port}\n"
        f'[device.battery]\nserial = "RIG-BATTERY-1"\nrole = "storage"\nvolatile = true\nown_mode = "{own_mode}"\n'
        f"[modbus]\nhosts = [{hosts}]\n"
    )
    (folder / "state").mkdir(exist_ok=True)
    (folder / "state").chmod(0o700)
    gateway = GatewayProcess(folder, config, port)
    stack.callback(gateway.stop)
    return house, gateway


def _end(process: subprocess.Popen[bytes], number: signal.Signals) -> int:
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(20)
        raise
