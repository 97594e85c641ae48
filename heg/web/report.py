"""What the gateway tells of itself: whether it lives and works, figures, and what its API is."""

from collections.abc import Callable

import msgspec

from heg.data.door import Door
from heg.runtime.clock import Clock
from heg.web.accounts.roles import Permission
from heg.web.endpoint import Answered, Call, Endpoint, Nothing, Nowhere, Open, Reply, Table, Text, reading
from heg.web.health import health
from heg.web.house import Home
from heg.web.metrics import CONTENT_TYPE, WebFigures, exposition
from heg.web.openapi import document
from heg.web.state_messages import Alive, Health


class ReportApi:
    """Handlers about the gateway itself. `login`: strangers are told only that it lives."""

    def __init__(self, door: Door, clock: Clock, home: Home, figures: Callable[[], WebFigures], *, login: bool) -> None:
        self._door = door
        self._clock = clock
        self._home = home
        self._figures = figures
        self._login = login

    def endpoints(self, table: Callable[[], Table]) -> tuple[Endpoint, ...]:
        """Return the rows; `table` gives all of the gateway's, once they are known."""

        async def openapi(_call: Call[Nowhere, Nothing]) -> Answered:
            return Text(msgspec.json.encode(document(table(), self._home.version)), "application/json")

        anybody, read = Open.TO_ANYBODY, Permission.READ
        alive = Alive if self._login else Health
        return (
            reading("/healthz", anybody, "200 while the gateway does its work, else 503", self._alive, alive, Nowhere),
            reading("/metrics", read, "figures for Prometheus", self._metrics, CONTENT_TYPE, Nowhere, household=True),
            reading("/api/v1/health", read, "whether it does its work", self._health, Health, Nowhere, household=True),
            reading("/api/v1/openapi.json", read, "this API, as OpenAPI 3.1", openapi, "application/json", Nowhere),
        )

    async def _alive(self, _call: Call[Nowhere, Nothing]) -> Answered:
        judged = self._judged()
        # To strangers only that it lives: reasons and version are for those who are let in.
        return Reply(Alive(healthy=judged.healthy) if self._login else judged, 200 if judged.healthy else 503)

    async def _health(self, _call: Call[Nowhere, Nothing]) -> Answered:
        return self._judged()

    async def _metrics(self, _call: Call[Nowhere, Nothing]) -> Answered:
        text = await exposition(self._door, self._clock, self._home, self._figures())
        return Text(text.encode(), CONTENT_TYPE)

    def _judged(self) -> Health:
        return health(self._door, self._clock, self._home, uptime_s=self._figures().uptime_s)
