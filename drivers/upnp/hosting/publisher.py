"""Events of the gateway on their way: few at a time, each within its time, no more than one to a subscriber at once."""

import asyncio
import math
from contextlib import suppress

from drivers.upnp.exchange import PRODUCT, XML
from drivers.upnp.hosting.subscribers import Event, Place, Subscriptions
from heg.runtime.clock import Clock, real_span

MODERATION_S = 2.0
"""Least time between two events of one change to all: a burst of orders is one event to each of 160 subscribers."""
_AT_ONCE = 8
_WITHIN_S = 3.0
"""Real seconds until a subscriber has answered."""
_LOOK_S = 30.0
_LONGEST_STATUS = 512


class Publisher:
    """`run()` is one task of the driver."""

    def __init__(self, clock: Clock, subscriptions: Subscriptions, moderation_s: float = MODERATION_S) -> None:
        self._clock, self._subscriptions, self._moderation_s = clock, subscriptions, moderation_s
        self._wake = asyncio.Event()
        self._waiting: dict[str, None] = {}
        self._next_s = -math.inf

    def wake(self) -> None:
        """There is news, or somebody new waits for the first event."""
        self._wake.set()

    async def run(self) -> None:
        """Tell whoever has something to hear, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            running: set[asyncio.Task[None]] = set()
            while True:
                self._wake.clear()
                wait_s = self._look(self._clock.monotonic_s())
                while self._waiting and len(running) < _AT_ONCE:
                    sid = next(iter(self._waiting))
                    del self._waiting[sid]
                    if (event := self._subscriptions.take(sid)) is not None:
                        task = tasks.create_task(self._tell(event), name=f"upnp event {event.sequence}")
                        running.add(task)
                        task.add_done_callback(running.discard)
                        task.add_done_callback(lambda _: self._wake.set())
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()

    def _look(self, now_s: float) -> float:
        """Line up who is to be told now: whoever is new, and everybody when the last time is long enough ago.

        Returns when to look again (s).
        """
        self._subscriptions.forget_the_late(now_s)
        self._waiting |= dict.fromkeys(self._subscriptions.due(now_s, first=True))
        everybody = self._subscriptions.due(now_s, first=False)
        if everybody and now_s >= self._next_s:
            self._next_s = now_s + self._moderation_s
            self._waiting |= dict.fromkeys(everybody)
        moderated_s = self._next_s if everybody and self._next_s > now_s else math.inf
        return min(moderated_s, self._subscriptions.next_s(now_s), now_s + _LOOK_S) - now_s

    async def _tell(self, event: Event) -> None:
        status: int | None = None
        for place in event.places:
            status = await self._notify(place, event)
            if status is not None:
                break
        self._subscriptions.told(event, status, self._clock.monotonic_s())

    async def _notify(self, place: Place, event: Event) -> int | None:
        """Send one NOTIFY; the status of its answer, None without one."""
        head = (
            f"NOTIFY {place.target} HTTP/1.1\r\nHOST: {place.header}\r\nCONTENT-TYPE: {XML}\r\n"
            f"CONTENT-LENGTH: {len(event.body)}\r\nNT: upnp:event\r\nNTS: upnp:propchange\r\nSID: {event.sid}\r\n"
            f"SEQ: {event.sequence}\r\nSERVER: {PRODUCT}\r\nCONNECTION: close\r\n\r\n"
        )
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(real_span(self._clock, _WITHIN_S)):
                reader, writer = await asyncio.open_connection(place.host, place.port, limit=_LONGEST_STATUS)
                writer.write(head.encode("ascii") + event.body)
                await writer.drain()
                return _status(await reader.readline())
        except (OSError, ValueError, TimeoutError):  # nobody there, a line without end, nobody in time
            return None
        finally:
            if writer is not None:
                writer.close()


def _status(line: bytes) -> int | None:
    parts = line.split()
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit() or len(parts[1]) != 3:
        return None
    return int(parts[1])
