"""The handle a service holds: a `Door` that names stakeholder and service and passes every call on."""

from collections.abc import AsyncGenerator, Mapping
from datetime import datetime

from heg.data.access import Principal
from heg.data.commands import whoever
from heg.data.door import (
    ALWAYS,
    Answer,
    AskedHandler,
    CommandAnswer,
    CommandHandler,
    Condition,
    Function,
    HistoryPage,
    MailboxKind,
    Receipt,
    Resolution,
    Subscription,
)
from heg.data.requests import RequestProcessor
from heg.data.selection import Selection
from heg.model.instance import ANYWHERE, Instance, Location, Quality
from heg.model.policy import Policy, Stakeholder


class Handle:
    """Made by `DataInterface.admit()` only: one made elsewhere names a principal nobody admitted, and is refused."""

    __slots__ = ("_processor", "_who")

    def __init__(self, processor: RequestProcessor, who: Principal) -> None:
        self._processor = processor
        self._who = who

    def __repr__(self) -> str:
        return f"<door of {self._who}>"

    @property
    def stakeholder(self) -> Stakeholder:
        """On whose behalf."""
        return self._who.stakeholder

    @property
    def service(self) -> str:
        """Which of the stakeholder's services."""
        return self._who.service

    @property
    def ready(self) -> bool:
        """Whether what the last run left is known."""
        return self._processor.rights.ready

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
        """Write a new instance; acknowledged in memory, durable after the flush interval."""
        return self._processor.write(self._who, variable, location, value, time, quality, policy)

    def latest(self, variable: str, location: Location) -> Instance | None:
        """Return the newest instance, or None; raises `RefusedError` where reading is not granted."""
        return self._processor.latest(self._who, variable, location)

    def latest_all(self, variable: str, pattern: Location = ANYWHERE) -> tuple[Instance, ...]:
        """Return the newest instance of each readable series of the variable under a location pattern."""
        return self._processor.latest_all(self._who, variable, pattern)

    async def query(
        self, variable: str, location: Location, condition: Condition = ALWAYS, function: Function = Function.NEWEST
    ) -> Answer:
        """One value: the newest instance or an aggregate over the stored instances that satisfy the condition."""
        return await self._processor.query(self._who, variable, location, condition, function)

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
        return await self._processor.history(self._who, variable, location, start, end, resolution, cursor, limit)

    def event(
        self,
        variable: str,
        location: Location = ANYWHERE,
        condition: Condition = ALWAYS,
        *,
        mailbox: MailboxKind = MailboxKind.CONFLATING,
        size: int = 1024,
    ) -> Subscription:
        """Subscribe to every new instance that satisfies the condition."""
        return self._processor.event(self._who, variable, location, condition, mailbox, size)

    def periodic(self, variable: str, location: Location, period_s: float) -> Subscription:
        """Subscribe to the newest instances each period."""
        return self._processor.periodic(self._who, variable, location, period_s)

    def unsubscribe(self, request: int) -> Receipt:
        """End a subscription of this principal, or stop answering a command."""
        return self._processor.unsubscribe(self._who, request)

    async def command(
        self, variable: str, location: Location, arguments: Mapping[str, object], *, timeout_s: float = 30.0
    ) -> CommandAnswer:
        """Send a command and wait for its one answer."""
        return await self._processor.command(self._who, variable, location, arguments, timeout_s)

    def export(
        self, *, device: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Everything the asker owns as a zip, piece by piece."""
        return self._processor.export(self._who, Selection(self._who.stakeholder, device, since, until))

    def answer(self, variable: str, location: Location, handler: CommandHandler) -> Receipt:
        """Become the one who answers this command at this location."""
        return self._processor.answer(self._who, variable, location, whoever(handler))

    def answer_asker(self, variable: str, location: Location, handler: AskedHandler) -> Receipt:
        """Become the one who answers, and be told who asks."""
        return self._processor.answer(self._who, variable, location, handler)
