"""Debian's python3-dbusmock with its logind template, in a process of its own with the system's Python."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Self

from tests.support.peers import SYSTEM_PYTHON
from tests.support.processes import wait_until

_CALL = """
import dbus, dbus.lowlevel, sys
bus = dbus.bus.BusConnection(sys.argv[1])
mock = bus.get_object("org.freedesktop.login1", "/org/freedesktop/login1")
manager = "org.freedesktop.login1.Manager"
control = dbus.Interface(mock, "org.freedesktop.DBus.Mock")
match sys.argv[2:]:
    case ["signal", name, value]:
        control.EmitSignal(manager, name, "b", [value == "true"])
    case ["returns", method, signature, code]:
        control.AddMethod(manager, method, signature, "s" if method.startswith("Can") else "", code)
    case ["pretends", name, value]:
        for other in bus.list_names():
            if other.startswith(":") and other != bus.get_unique_name():
                signal = dbus.lowlevel.SignalMessage("/org/freedesktop/login1", manager, name)
                signal.set_destination(other)
                signal.append(value == "true", signature="b")
                bus.send_message(signal)
        bus.flush()
    case ["blocked", how, what]:
        control.AddProperty(manager, how, what)
    case ["inhibitors"]:
        for one in dbus.Interface(mock, manager).ListInhibitors():
            print(one[0], one[1], one[3])
"""


class MockedLogind:
    """logind as far as it is asked here. `calls` are the methods it was called with."""

    def __init__(self, address: str, log: Path) -> None:
        self.address = address
        self._log = log

    def __enter__(self) -> Self:
        command = [SYSTEM_PYTHON, "-m", "dbusmock", "--system", "--template", "logind", "--logfile", str(self._log)]
        environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address}
        self._process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            wait_until(self._there, "logind is on the bus")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Be gone, as a logind that crashed."""
        self._process.kill()
        self._process.wait(10)

    def says(self, signal: str, *, begins: bool) -> None:
        """Tell everybody that sleep or shutdown begins, or is over."""
        self._run("signal", signal, "true" if begins else "false")

    def is_pretended_to_say(self, signal: str, *, begins: bool) -> None:
        """Have somebody else of this machine tell each by itself, as anybody may on a bus."""
        self._run("pretends", signal, "true" if begins else "false")

    def answers(self, method: str, signature: str, code: str) -> None:
        """Answer a method in another way; `code` as dbusmock runs it."""
        self._run("returns", method, signature, code)

    def blocked(self, what: str, how: str = "BlockInhibited") -> None:
        """Have a program forbid something."""
        self._run("blocked", how, what)

    @property
    def inhibitors(self) -> list[str]:
        """Who holds a lock: what, who, mode."""
        return self._run("inhibitors").splitlines()

    @property
    def calls(self) -> list[str]:
        """What was called that changes the computer, with its arguments."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [line.split(" ", 1)[1] for line in lines if any(one in line for one in (" Suspend ", " PowerOff "))]

    def _there(self) -> bool:
        assert self._process.poll() is None, "dbusmock ended"
        return self._ran("inhibitors").returncode == 0

    def _run(self, *words: str) -> str:
        done = self._ran(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _ran(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [SYSTEM_PYTHON, "-c", _CALL, self.address, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)
