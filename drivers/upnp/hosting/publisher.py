"""Events of the gateway on their way: few at a time, each within its time, no more than one to a subscriber at once.

Who takes long, or never answers, holds a connection and no longer a place among the few; and who was slow is told last.
"""

import asyncio
import math
from contextlib import suppress

from drivers.upnp.exchange import PRODUCT, XML
from drivers.upnp.hosting.subscribers import Event, Place, Subscriptions
from heg.runtime.clock import Clock, real_span

MODERATION_S = 2.0
"""Least time between two events of one change to all: a burst of orders is one event to each of 160 subscribers."""
_AT_ONCE, _PROMPT_S = 8, 0.25
"""So many are told at once, each counted for so long (real seconds)."""
_MOST_OPEN = 64
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
        self._running: dict[asyncio.Task[None], float] = {}
        self._prompt_s = real_span(clock, _PROMPT_S)
        self._next_s = -math.inf

    def wake(self) -> None:
        """There is news, or somebody new waits for the first event."""
        self._wake.set()

    async def run(self) -> None:
        """Tell whoever has something to hear, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                now_s = self._clock.monotonic_s()
                wait_s = self._look(now_s)
                while self._waiting and (place_s := self._place_s(now_s)) <= 0.0:
                    sid = next(iter(self._waiting))
                    del self._waiting[sid]
                    if (event := self._subscriptions.take(sid)) is not None:
                        task = tasks.create_task(self._tell(event, now_s), name=f"upnp event {event.sequence}")
                        self._running[task] = now_s
                        task.add_done_callback(self._ended)
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(wait_s, place_s) if self._waiting else wait_s):
                        await self._wake.wait()

    def _place_s(self, now_s: float) -> float:
        """In what time there is a place for one more (s): 0 at once, infinite when somebody has to end first."""
        if len(self._running) >= _MOST_OPEN:
            return math.inf
        left = sorted(begun_s + self._prompt_s - now_s for begun_s in self._running.values())
        return max(0.0, left[-_AT_ONCE]) if len(left) >= _AT_ONCE else 0.0

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._wake.set()

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

    async def _tell(self, event: Event, begun_s: float) -> None:
        status: int | None = None
        for place in event.places:
            status = await self._notify(place, event)
            if status is not None:
                break
        now_s = self._clock.monotonic_s()
        self._subscriptions.told(event, status, now_s, slow=now_s - begun_s >= self._prompt_s)

    async def _notify(self, place: Place, event: Event) -> int | None:
        """Send one NOTIFY; the status of its answer, None without one."""
        body = event.body
        head = (
            f"NOTIFY {place.target} HTTP/1.1\r\nHOST: {place.header}\r\nCONTENT-TYPE: {XML}\r\n"
            f"CONTENT-LENGTH: {len(body)}\r\nNT: upnp:event\r\nNTS: upnp:propchange\r\nSID: {event.sid}\r\n"
            f"SEQ: {event.sequence}\r\nSERVER: {PRODUCT}\r\nCONNECTION: close\r\n\r\n"
        )
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(real_span(self._clock, _WITHIN_S)):
                reader, writer = await asyncio.open_connection(place.host, place.port, limit=_LONGEST_STATUS)
                writer.write(head.encode("ascii") + body)
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
