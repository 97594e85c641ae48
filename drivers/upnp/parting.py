"""Appliances that said goodbye while they worked: not asked any more, told to be lost when they stay away.

Many begin by saying goodbye, in case they fell silent before, and are announced within half a second (libgssdp): nobody
is alarmed by those.
"""

import asyncio
from collections.abc import Callable

from heg.runtime.clock import Clock, real_span

GRACE_S = 1.5
"""Real seconds between a goodbye and its being told."""


class Parting:
    """`told` is called with the UUID of one that stayed away."""

    def __init__(self, clock: Clock, told: Callable[[str], None]) -> None:
        self._grace_s = real_span(clock, GRACE_S)
        self._told = told
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def begin(self, uuid: str) -> None:
        """One said goodbye."""
        if uuid not in self._timers:
            self._timers[uuid] = asyncio.get_running_loop().call_later(self._grace_s, self._over, uuid)

    def back(self, uuid: str) -> None:
        """One is there."""
        if (timer := self._timers.pop(uuid, None)) is not None:
            timer.cancel()

    def close(self) -> None:
        """Tell nothing more."""
        for uuid in tuple(self._timers):
            self.back(uuid)

    def _over(self, uuid: str) -> None:
        del self._timers[uuid]
        self._told(uuid)
