"""The live stream: one picture of the house, made once and shown to every open page; the newest wins.

A page that reads slowly misses pictures in between, never the newest. Server-sent events as in the WHATWG HTML
standard, section 9.2.
"""

import asyncio
from collections.abc import Callable

from heg.runtime.clock import Clock, real_span

HEARTBEAT = b"event: beat\ndata: -\n\n"


class Viewer:
    """One open page's mailbox: it holds one frame, the newest."""

    def __init__(self, first: bytes) -> None:
        self._frame: bytes | None = first
        self._wake = asyncio.Event()
        self._wake.set()
        self._closed = False
        self.dropped = 0

    async def next(self) -> bytes | None:
        """Wait for the next frame; None when the stream has ended."""
        await self._wake.wait()
        self._wake.clear()
        frame, self._frame = self._frame, None
        return None if self._closed else frame

    def put(self, frame: bytes) -> None:
        """Leave a frame in place of one that was not fetched."""
        self.dropped += self._frame is not None
        self._frame = frame
        self._wake.set()

    def close(self) -> None:
        """End the stream for this page."""
        self._closed = True
        self._wake.set()


class Stream:
    """Makes pictures while anybody looks. `run()` is the only loop."""

    def __init__(
        self, clock: Clock, picture: Callable[[], bytes], *, period_s: float, heartbeat_s: float, room: int
    ) -> None:
        self._clock = clock
        self._picture = picture
        self._period_s = period_s
        self._heartbeat_s = heartbeat_s
        self._room = room
        self._viewers: set[Viewer] = set()
        self._somebody = asyncio.Event()
        self._closed = False
        self._dropped = 0
        self.refused = 0

    @property
    def viewers(self) -> int:
        """How many pages are open."""
        return len(self._viewers)

    @property
    def dropped(self) -> int:
        """How many pictures slow pages have missed."""
        return self._dropped + sum(viewer.dropped for viewer in self._viewers)

    def join(self) -> Viewer | None:
        """Open a mailbox that begins with a fresh picture; None when there is no room."""
        if self._closed or len(self._viewers) >= self._room:
            self.refused += 1
            return None
        viewer = Viewer(_event(self._picture()))
        self._viewers.add(viewer)
        self._somebody.set()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Close a mailbox."""
        self._viewers.discard(viewer)
        self._dropped += viewer.dropped
        if not self._viewers:
            self._somebody.clear()

    async def run(self) -> None:
        """Show a picture to everybody, no more often than the period and only when it has changed, until cancelled."""
        last = b""
        silent_s = 0.0
        while True:
            await self._somebody.wait()
            await self._clock.sleep(real_span(self._clock, self._period_s))
            picture = self._picture()
            silent_s += self._period_s
            if picture != last:
                self._show(_event(picture))
            elif silent_s >= self._heartbeat_s:
                self._show(HEARTBEAT)
            else:
                continue
            last, silent_s = picture, 0.0

    def close(self) -> None:
        """End every open page's stream; nobody may join any more."""
        self._closed = True
        for viewer in self._viewers:
            viewer.close()

    def _show(self, frame: bytes) -> None:
        for viewer in self._viewers:
            viewer.put(frame)


def _event(picture: bytes) -> bytes:
    return b"event: state\ndata: " + picture + b"\n\n"
