"""What a sleeping network card does: it looks for its own address sixteen times, and wakes the machine behind it.

One ear hears for all machines of a network. It knows the packet from AMD's white paper 20213 and nothing of who sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

WAKE_PORT = 9
_SYNC = b"\xff" * 6
_LARGEST = 1024


@dataclass(frozen=True, slots=True)
class Sleeper:
    """A card that waits: its address (6 bytes), what wakes its machine, and the SecureOn password it demands."""

    mac: bytes
    wake: Callable[[], None]
    password: bytes = field(default=b"", repr=False)


def called(packet: bytes, sleeper: Sleeper) -> bool:
    """Tell whether a packet is the one that wakes this card, wherever in the packet it stands."""
    magic = _SYNC + sleeper.mac * 16 + sleeper.password
    return magic in packet


def mac_bytes(text: str) -> bytes:
    """Read `aa:bb:cc:dd:ee:ff`; ValueError for anything else."""
    mac = bytes.fromhex(text.replace(":", ""))
    if len(mac) != 6:
        raise ValueError(f"hardware address {text!r}: expected six bytes such as 02:00:00:00:00:07")
    return mac


class MagicEar:
    """Hears UDP/9 of all addresses of this network, broadcasts too. Made on the running loop."""

    def __init__(self, port: int = WAKE_PORT) -> None:
        self.heard = 0
        self.woken = 0
        self._sleepers: dict[str, Sleeper] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(("", port))
        except OSError:
            self._socket.close()
            raise
        asyncio.get_running_loop().add_reader(self._socket, self._hear)

    def close(self) -> None:
        """Hear nothing any more."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def waits(self, name: str, sleeper: Sleeper) -> None:
        """Let a machine be woken, once."""
        self._sleepers[name] = sleeper

    def forget(self, name: str) -> None:
        """It sleeps no more, or for good."""
        self._sleepers.pop(name, None)

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while packet := self._socket.recv(_LARGEST):
                self.heard += 1
                for name, sleeper in tuple(self._sleepers.items()):
                    if called(packet, sleeper):
                        self.forget(name)
                        self.woken += 1
                        sleeper.wake()
