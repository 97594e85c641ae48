"""What can befall the gateway's planner, seen from outside: a process of its own that is found by its parent."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from hil.faults import FaultError

_MODULE = b"heg.planner.worker"
_PROC = Path("/proc")
_NOISE = bytes((index * 37 + 11) % 256 for index in range(64))


def planner_of(gateway: int) -> int:
    """The process in which the gateway of this number plans; FaultError while there is none."""
    for task in (_PROC / str(gateway) / "task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            if _MODULE in (_PROC / child / "cmdline").read_bytes():
                return int(child)
    raise FaultError("the planner: expected the gateway to have started it, and not to have let it rest")


def hurt(planner: int, what: str) -> None:
    """Freeze it, kill it, or put noise on the line between it and the gateway."""
    if what == "planner_garble":
        _garble(planner)
    else:
        os.kill(planner, signal.SIGSTOP if what == "planner_freeze" else signal.SIGKILL)


def _garble(planner: int) -> None:
    """Write into the pipe that its answers go through: the one it writes to that is not its standard error."""
    folder = _PROC / str(planner) / "fd"
    error = (folder / "2").readlink()
    for entry in folder.iterdir():
        name = entry.readlink()
        if str(name).startswith("pipe:") and name != error and _is_written(planner, entry.name):
            with entry.open("wb", buffering=0) as pipe:
                pipe.write(_NOISE)
            return
    raise FaultError("the planner: expected a pipe that its answers go through")


def _is_written(planner: int, descriptor: str) -> bool:
    lines = (_PROC / str(planner) / "fdinfo" / descriptor).read_text(encoding="ascii").splitlines()
    flags = next(int(line.split()[1], 8) for line in lines if line.startswith("flags:"))
    return flags & os.O_ACCMODE == os.O_WRONLY
