"""A gateway in a process of its own, beside a rig: its configuration, its start, its end."""

from __future__ import annotations

import asyncio
import resource
import shutil
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from heg.runtime.clock import Clock
from hil.faults import FaultError
from hil.gateway import GatewayView
from hil.gateway_config import gateway_config, write_prices_of
from hil.planner_process import hurt, planner_of
from hil.ports import free_port
from hil.rig import Rig

_MARK = ".made-by-hil"
_START_LIMIT_S = 90.0
_STOP_LIMIT_S = 20.0
_NO_ROOM_BYTES = 4096


class StartError(RuntimeError):
    """The gateway or its surroundings cannot be started; says why and how to mend it."""


@dataclass(frozen=True, slots=True)
class ProcessPlan:
    """How to run a gateway beside a rig; its time follows `house_utc` + (real time - `real_epoch_s`) x `speed`."""

    folder: Path
    port: int
    speed: float
    house_utc: datetime
    real_epoch_s: float
    sections: Mapping[str, Any] = field(default_factory=dict)
    """Further sections of the configuration, over what the rig's devices need."""
    past: Path | None = None
    """The house's own slots of the weeks before, in the backtest format: brought by `heg import` before the start."""


def fresh_folder(folder: Path) -> Path:
    """An empty work folder. Only a folder that was made here before is emptied."""
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise StartError(f"{folder}: expected an empty folder or one of an earlier run; name another or empty it")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()
    return folder


def port_of_the_page(wanted: int, *, insist: bool) -> int:
    """The port wanted; when it is taken another free one, or with `insist` a StartError."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            if insist:
                raise StartError(
                    f"port {wanted}: {error.strerror or error}; choose another, such as --port {wanted + 1}"
                ) from error
            return free_port()
    return wanted


def damage(path: Path) -> None:
    """Spoil a file as a failing card does: a stretch in its middle is noise, its length stays."""
    if not path.is_file():
        raise FaultError(f"{path.name}: expected a file of the gateway's in {path.parent}")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 3)
        file.write(bytes((index * 37 + 11) % 256 for index in range(max(1, size // 3))))


class GatewayProcess:
    """`heg run` as a child. It is told to stop by SIGTERM, so that it releases what it holds."""

    def __init__(self, rig: Rig, clock: Clock, plan: ProcessPlan) -> None:
        self.plan = plan
        self.view = GatewayView(plan.port, limit_s=10.0 * plan.speed)
        self._rig = rig
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None
        self._blocker: socket.socket | None = None

    @property
    def config(self) -> Path:
        """Its configuration file."""
        return self.plan.folder / "heg.toml"

    @property
    def log(self) -> Path:
        """What it writes to its standard output and error."""
        return self.plan.folder / "gateway.log"

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return None if self._process is None else self._process.returncode

    async def start(self) -> None:
        """Write its configuration, launch it and wait for its page; StartError when it does not come."""
        await self._bring_past()
        await self.launch()
        began_s = self._clock.real_s()
        while not await self.view.answers():
            if self.exit_code is not None:
                raise StartError(f"the gateway ended with code {self.exit_code}:\n{self._last_words()}")
            if self._clock.real_s() - began_s > _START_LIMIT_S:
                raise StartError(f"the gateway's page did not come within {_START_LIMIT_S:g} s:\n{self._last_words()}")
            await self._clock.sleep(0.1 * self.plan.speed)

    async def launch(self) -> None:
        """Write its configuration and start the process."""
        self._configure()
        await self._spawn()

    async def _spawn(self) -> None:
        with self.log.open("ab") as log:
            # In a session of its own: Ctrl-C reaches us alone, and we end it in order while the house still answers.
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "heg", "run", "--config", str(self.config)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def _bring_past(self) -> None:
        if self.plan.past is None:
            return
        self._configure()
        with self.log.open("ab") as log:
            bringing = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "heg", "import", str(self.plan.past), "--config", str(self.config)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            if await bringing.wait() != 0:
                raise StartError(f"the house's past could not be brought:\n{self._last_words()}")

    def _configure(self) -> None:
        if not (prices := self.plan.folder / "prices.csv").exists():
            write_prices_of(self._rig, prices)
        clock = {
            "speed": float(self.plan.speed),
            "house_utc": self.plan.house_utc.isoformat().replace("+00:00", "Z"),
            "real_epoch_s": self.plan.real_epoch_s,
        }
        text = gateway_config(
            self._rig,
            state_dir=self.plan.folder / "state",
            port=self.plan.port,
            sections={"clock": clock, **self.plan.sections},
            # A house second is short: an answer may still take a tenth of a real one on a busy machine.
            timeout_s=max(1.0, 0.1 * self.plan.speed),
            prices=prices,
        )
        self.config.write_text(text, encoding="utf-8")

    async def stop(self) -> int | None:
        """End it in order, by force after a while; its exit code."""
        if self._blocker is not None:
            self._blocker.close()
        process = self._process
        if process is None:
            return None
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)  # it may have been frozen
            try:
                async with asyncio.timeout(_STOP_LIMIT_S * self.plan.speed):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        return process.returncode

    async def kill(self) -> None:
        """`kill -9`: no farewell."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def suffer(self, what: str, arguments: Mapping[str, Any]) -> None:
        """Do one of `GATEWAY_FAULTS` to the process, its files or its port."""
        match what:
            case "kill":
                await self.kill()
            case "stop":
                await self.stop()
            case "start" | "start_as_it_is" | "damage_config" | "mend_config":
                await self._suffer_in_its_file(what)
            case "freeze" | "thaw":
                self._signal(signal.SIGSTOP if what == "freeze" else signal.SIGCONT)
            case "damage":
                damage(self.plan.folder / "state" / arguments["file"])
            case "fill_disk" | "free_disk":
                self._limit_files(_NO_ROOM_BYTES if what == "fill_disk" else resource.RLIM_INFINITY)
            case "take_port":
                self._blocker = socket.create_server(("127.0.0.1", self.plan.port))
            case "free_port" if self._blocker is not None:
                self._blocker.close()
            case "planner_freeze" | "planner_kill" | "planner_garble" if self._process is not None:
                hurt(planner_of(self._process.pid), what)
            case _:
                raise FaultError(f"fault {what!r}: a gateway in a process of its own cannot suffer it")

    async def _suffer_in_its_file(self, what: str) -> None:
        match what:
            case "start":
                await self.launch()
            case "start_as_it_is":
                await self._spawn()
            case "damage_config":
                damage(self.config)
            case _:
                self._configure()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    def _limit_files(self, most_bytes: int) -> None:
        """No file may grow beyond this: to the gateway it is what a full disk is."""
        if self._process is not None and self._process.returncode is None:
            _, hard = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (most_bytes, hard))

    async def ended(self) -> int:
        """Wait until it ends by itself."""
        assert self._process is not None, "start() comes first"
        return await self._process.wait()

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-15:]) or "(it said nothing)"
