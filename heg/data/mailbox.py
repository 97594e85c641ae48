"""Subscriptions: bounded mailboxes that a slow reader can neither block nor fill (DESIGN.md, The door)."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from heg.data.door import MailboxKind, Notification, Receipt
from heg.model.instance import Instance, Location

SIZE_LIMIT = 65_536
_SeriesKey = tuple[str, Location]


class Mailbox:
    """One subscriber's queue. The writer never waits: what does not fit is let go and counted."""

    def __init__(
        self, receipt: Receipt, kind: MailboxKind, size: int, on_close: Callable[["Mailbox"], None] | None = None
    ) -> None:
        self._receipt = receipt
        self._kind = kind
        self._size = max(1, min(size, SIZE_LIMIT))
        self._queue: deque[Notification] = deque()
        self._newest: dict[_SeriesKey, Notification] = {}
        self._wake = asyncio.Event()
        self._closed = not receipt.accepted
        self._on_close = on_close
        self._dropped = 0

    @property
    def receipt(self) -> Receipt:
        """Id of the request, or why it was refused."""
        return self._receipt

    @property
    def dropped(self) -> int:
        """How many notifications were let go."""
        return self._dropped

    @property
    def closed(self) -> bool:
        """True once nothing more will come."""
        return self._closed

    @property
    def conflating(self) -> bool:
        """True when only the newest of each series is kept."""
        return self._kind is MailboxKind.CONFLATING

    def put(self, notification: Notification) -> None:
        """Hand one in; drops the oldest when full."""
        if self._closed:
            return
        if self.conflating:
            self._put_conflating(notification)
        else:
            if len(self._queue) >= self._size:
                self._queue.popleft()
                self._dropped += 1
            self._queue.append(notification)
        self._wake.set()

    def keep(self, may_be_read: Callable[[Instance], bool]) -> None:
        """Let go, uncounted, what must not be read any more."""
        self._queue = deque(one for one in self._queue if may_be_read(one.instance))
        self._newest = {key: one for key, one in self._newest.items() if may_be_read(one.instance)}

    def close(self) -> None:
        """Unsubscribe: what still waits is read, then the iteration ends."""
        if self._closed:
            return
        self._closed = True
        self._wake.set()
        if self._on_close is not None:
            self._on_close(self)

    def __aiter__(self) -> AsyncIterator[Notification]:
        """Wait for notifications one after the other."""
        return self

    async def __anext__(self) -> Notification:
        # Not a generator: a reader may give up waiting (a timeout) and come back without losing the subscription.
        while (notification := self._take()) is None:
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return notification

    def _put_conflating(self, notification: Notification) -> None:
        key = (notification.instance.variable, notification.instance.location)
        if key in self._newest:
            self._dropped += 1
        elif len(self._newest) >= self._size:
            self._newest.pop(next(iter(self._newest)))
            self._dropped += 1
        # A series that waits keeps its turn, so that a fast one never starves a slow one.
        self._newest[key] = notification

    def _take(self) -> Notification | None:
        if self.conflating:
            if not self._newest:
                return None
            return self._newest.pop(next(iter(self._newest)))
        return self._queue.popleft() if self._queue else None


class PeriodicMailbox:
    """Gives the newest instances each period, as its reader waits for them: no timer runs while nobody reads."""

    def __init__(
        self,
        receipt: Receipt,
        period_s: float,
        now_s: Callable[[], float],
        read: Callable[[], tuple[Notification, ...]],
        on_close: Callable[["PeriodicMailbox"], None] | None = None,
    ) -> None:
        self._receipt = receipt
        self._period_s = period_s
        self._now_s = now_s
        self._read = read
        self._due_s = now_s() + period_s
        self._end = asyncio.Event()
        self._ready: deque[Notification] = deque()
        self._on_close = on_close
        self._dropped = 0
        if not receipt.accepted:
            self._end.set()

    @property
    def receipt(self) -> Receipt:
        """Id of the request, or why it was refused."""
        return self._receipt

    @property
    def dropped(self) -> int:
        """How many periods passed while the reader was busy."""
        return self._dropped

    @property
    def closed(self) -> bool:
        """True once nothing more will come."""
        return self._end.is_set()

    def keep(self, may_be_read: Callable[[Instance], bool]) -> None:
        """Let go what must not be read any more."""
        self._ready = deque(one for one in self._ready if may_be_read(one.instance))

    def close(self) -> None:
        """Unsubscribe; the iteration ends."""
        if self._end.is_set():
            return
        self._end.set()
        if self._on_close is not None:
            self._on_close(self)

    def __aiter__(self) -> AsyncIterator[Notification]:
        """Wait for the next period and give the newest instances, one after the other."""
        return self

    async def __anext__(self) -> Notification:
        while not self._ready:
            if not await self._period_has_come():
                raise StopAsyncIteration
            self._ready.extend(self._read())
        return self._ready.popleft()

    async def _period_has_come(self) -> bool:
        if self._end.is_set():
            return False
        late_s = self._now_s() - self._due_s
        if late_s >= self._period_s:
            missed = int(late_s // self._period_s)
            self._dropped += missed
            self._due_s += missed * self._period_s
        elif late_s < 0:
            try:
                await asyncio.wait_for(self._end.wait(), -late_s)
            except TimeoutError:
                pass
            else:
                return False
        self._due_s += self._period_s
        return True
