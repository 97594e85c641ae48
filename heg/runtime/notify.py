"""What the service manager is told: sd_notify(3) over its datagram socket, and the watchdog.

The watchdog is fed by completed control cycles and by nothing else: a unit whose cycle hangs is restarted, however
lively the rest is.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)


class ServiceManager:
    """systemd's end of the line. Without an address (not started by systemd) every message goes nowhere."""

    def __init__(self, address: str | None, watchdog_s: float | None = None) -> None:
        self._address = address
        self.watchdog_s = watchdog_s
        self._failed = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], pid: int | None = None) -> ServiceManager:
        """Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; `pid` is this process unless told otherwise."""
        ours = str(os.getpid() if pid is None else pid)
        usec = environment.get("WATCHDOG_USEC", "")
        meant_for_us = environment.get("WATCHDOG_PID", ours) == ours
        watchdog_s = int(usec) / 1e6 if usec.isdecimal() and int(usec) > 0 and meant_for_us else None
        return cls(environment.get("NOTIFY_SOCKET") or None, watchdog_s)

    def ready(self) -> None:
        """The unit does its work now."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send("STATUS=" + " ".join(text.split()))

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def allow(self, at_least_s: float) -> None:
        """Have the watchdog wait at least this long (real seconds): a slow control cycle is no hang."""
        if self.watchdog_s is not None and self.watchdog_s < at_least_s:
            self.watchdog_s = at_least_s
            self._send(f"WATCHDOG_USEC={round(at_least_s * 1e6)}")

    def stopping(self) -> None:
        """Shutdown has begun."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        # A leading @ is an abstract socket, which the kernel spells with a zero byte.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as line:
                line.sendto(message.encode(), address)
        except OSError as error:
            if not self._failed:
                logger.warning(
                    "NOTIFY_SOCKET = %s: the service manager cannot be told anything: %s", self._address, error
                )
            self._failed = True


class CycleHeartbeat:
    """Turns completed control cycles into readiness (the first) and watchdog messages (a third of the limit apart).

    `real_s` gives real monotonic seconds: the watchdog knows no simulated time.
    """

    def __init__(self, manager: ServiceManager, real_s: Callable[[], float]) -> None:
        self._manager = manager
        self._real_s = real_s
        self._last_sent_s = float("-inf")
        self._last_completed_s: float | None = None
        self.cycles = 0

    def completed(self) -> None:
        """A control cycle has run to its end."""
        now_s = self._real_s()
        if self.cycles == 0:
            self._manager.ready()
        self.cycles += 1
        self._last_completed_s = now_s
        limit_s = self._manager.watchdog_s
        if limit_s is not None and now_s - self._last_sent_s >= limit_s / 3:
            self._last_sent_s = now_s
            self._manager.alive()

    def age_s(self) -> float | None:
        """Real seconds since the last completed cycle; None before the first."""
        return None if self._last_completed_s is None else self._real_s() - self._last_completed_s
