"""The door as its users see it: what a service, a driver, the web or the upstream link may ask.

Source: spec data-interface.md.

A `Door` is an unforgeable handle that names a stakeholder and a service; the composition root has it made by
`DataInterface.admit()`. Policies and minimum delays hold on every call.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from heg.model.instance import ANYWHERE, Instance, Location, Quality
from heg.model.policy import Policy, Stakeholder
from heg.model.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a request returns at once: its id, and the refusal if it was refused."""

    request: int
    refusal: Refusal | None = None

    @property
    def accepted(self) -> bool:
        """True when the request was taken."""
        return self.refusal is None


class Function(StrEnum):
    """What a query makes of the instances that satisfy its condition."""

    NEWEST = "newest"
    FIRST = "first"
    LAST = "last"
    AVERAGE = "avg"
    MINIMUM = "min"
    MAXIMUM = "max"
    SUM = "sum"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Condition:
    """Like SQL's WHERE: on time (from, inclusive; until, exclusive), value and quality. An empty one is always true."""

    time_from: datetime | None = None
    time_until: datetime | None = None
    value_min: float | None = None
    value_max: float | None = None
    value_is: str | bool | None = None
    quality: Quality | None = None

    def holds(self, instance: Instance) -> bool:
        """Tell whether this instance satisfies the condition."""
        if self.time_from is not None and instance.time < self.time_from:
            return False
        if self.time_until is not None and instance.time >= self.time_until:
            return False
        if self.quality is not None and instance.quality is not self.quality:
            return False
        if self.value_is is not None and instance.value != self.value_is:
            return False
        return self._value_in_range(instance.value)

    def _value_in_range(self, value: object) -> bool:
        if self.value_min is None and self.value_max is None:
            return True
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (self.value_min is None or value >= self.value_min) and (
            self.value_max is None or value <= self.value_max
        )


ALWAYS = Condition()


@dataclass(frozen=True, slots=True)
class Answer:
    """The one value a query comes to; `value` is None when no instance satisfied the condition."""

    request: int
    value: object = None
    time: datetime | None = None
    refusal: Refusal | None = None


class Resolution(StrEnum):
    """How fine a history is: raw values or a roll-up."""

    RAW = "raw"
    MINUTE = "1min"
    QUARTER = "15min"
    HOUR = "1h"
    DAY = "1d"


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One raw value (`count` 1) or one roll-up: mean, extremes, first and last of the good values from `time` on.

    For values that are no numbers `value` holds the value and the figures are None.
    """

    time: datetime
    value: object
    low: float | None = None
    high: float | None = None
    first: float | None = None
    last: float | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Rows in time order, and the cursor of the next page (None at the end)."""

    rows: tuple[HistoryRow, ...]
    next_cursor: str | None = None
    refusal: Refusal | None = None


class MailboxKind(StrEnum):
    """What a full mailbox does: `CONFLATING` keeps the newest of each series, `LATEST` drops the oldest; counted."""

    CONFLATING = "conflating"
    LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Notification:
    """How an answer to a subscription arrives."""

    request: int
    instance: Instance


class Subscription(Protocol):
    """A bounded mailbox. Iterate it; it ends when it is unsubscribed or the interface closes."""

    @property
    def receipt(self) -> Receipt:
        """Id of the request, or why it was refused (a refused subscription ends at once)."""

    @property
    def dropped(self) -> int:
        """How many notifications the bounded mailbox has let go."""

    def __aiter__(self) -> AsyncIterator[Notification]:
        """Wait for notifications one after the other."""

    def close(self) -> None:
        """Unsubscribe."""


class Outcome(StrEnum):
    """A command has exactly one answer."""

    DONE = "done"
    REFUSED = "refused"
    PARTLY = "partly"


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """The one answer to a command. `detail` holds plain JSON values."""

    outcome: Outcome
    text: str = ""
    refusal: Refusal | None = None
    detail: Mapping[str, object] | None = None


CommandHandler = Callable[[Location, Mapping[str, object]], Awaitable[CommandAnswer]]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who gave a command: on whose behalf, and which of their services."""

    stakeholder: Stakeholder
    service: str


AskedHandler = Callable[[Location, Mapping[str, object], Asker], Awaitable[CommandAnswer]]
"""One that must know who asks: the owner's strategy may say yes to one and no to another."""


class Door(Protocol):
    """The requests of spec data-interface.md, Operations, for one authenticated principal."""

    @property
    def stakeholder(self) -> Stakeholder:
        """On whose behalf."""

    @property
    def service(self) -> str:
        """Which of the stakeholder's services."""

    @property
    def ready(self) -> bool:
        """Whether what the last run left is known; before that, records that are kept would be overwritten unseen."""

    def write(
        self,
        variable: str,
        location: Location,
        value: object,
        *,
        time: datetime | None = None,
        quality: Quality = Quality.GOOD,
        policy: Policy | None = None,
    ) -> Receipt:
        """Write a new instance; acknowledged in memory, durable after the flush interval. `time` None means now."""

    def latest(self, variable: str, location: Location) -> Instance | None:
        """Return the newest instance, or None; raises `RefusedError` where reading is not granted."""

    def latest_all(self, variable: str, pattern: Location = ANYWHERE) -> tuple[Instance, ...]:
        """Return the newest instance of each readable series of the variable under a location pattern."""

    async def query(
        self, variable: str, location: Location, condition: Condition = ALWAYS, function: Function = Function.NEWEST
    ) -> Answer:
        """One value: the newest instance or an aggregate over the stored instances that satisfy the condition."""

    async def history(
        self,
        variable: str,
        location: Location,
        start: datetime,
        end: datetime,
        resolution: Resolution = Resolution.RAW,
        *,
        cursor: str | None = None,
        limit: int = 1000,
    ) -> HistoryPage:
        """Stored rows from `start` (inclusive) until `end` (exclusive), paged; the tail not yet flushed included."""

    def event(
        self,
        variable: str,
        location: Location = ANYWHERE,
        condition: Condition = ALWAYS,
        *,
        mailbox: MailboxKind = MailboxKind.CONFLATING,
        size: int = 1024,
    ) -> Subscription:
        """Subscribe to every new instance that satisfies the condition; `*` as variable or place stands for all."""

    def periodic(self, variable: str, location: Location, period_s: float) -> Subscription:
        """Subscribe to the newest instance each period; one per (source, variable, owner), a second replaces it."""

    def unsubscribe(self, request: int) -> Receipt:
        """End a subscription of this principal."""

    async def command(
        self, variable: str, location: Location, arguments: Mapping[str, object], *, timeout_s: float = 30.0
    ) -> CommandAnswer:
        """Send a command and wait for its one answer."""

    def export(
        self, *, device: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Everything the asker owns (of one device, of a span) as a zip, piece by piece; raises `RefusedError`."""

    def answer(self, variable: str, location: Location, handler: CommandHandler) -> Receipt:
        """Become the one who answers this command at this location (a pattern is allowed)."""

    def answer_asker(self, variable: str, location: Location, handler: AskedHandler) -> Receipt:
        """Become the one who answers, and be told who asks."""
