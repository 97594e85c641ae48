"""The data interface of one unit: makes doors, owns image and store (spec data-interface.md; DESIGN.md, The door)."""

from heg.data.access import Principal
from heg.data.door import Door
from heg.data.handle import Handle
from heg.data.history import MemoryStore, Store
from heg.data.requests import RequestProcessor
from heg.model.instance import Location
from heg.model.policy import Policy, Stakeholder
from heg.model.refusals import RefusalCode
from heg.runtime.clock import Clock

PUBLISH_EVERY_S = 10.0


class DataInterface:
    """Held by the composition root only; services and drivers get a `Door` from `admit()`.

    Without a `store` the past is kept in memory, bounded. The image works from the first moment on.
    """

    def __init__(self, clock: Clock, unit: str, store: Store | None = None) -> None:
        self._clock = clock
        self._processor = RequestProcessor(clock, unit, store if store is not None else MemoryStore())

    def admit(self, stakeholder: Stakeholder, service: str) -> Door:
        """Authenticate a service once, when the unit starts it: the handle names it on every call."""
        return Handle(self._processor, self._processor.admit(Principal(stakeholder, service)))

    def set_policy(self, variable: str, pattern: Location, policy: Policy) -> None:
        """Put the customer's policy in force for a variable (or `*`) under a pattern, for its series now and later."""
        self._processor.set_policy(variable, pattern, policy)

    def refusals(self) -> dict[RefusalCode, int]:
        """Return how often each code was refused since the start."""
        return self._processor.refusals.counts()

    async def run(self) -> None:
        """Keep the books until cancelled (a supervised task)."""
        while True:
            await self._clock.sleep(PUBLISH_EVERY_S)
            self._processor.refusals.catch_up()

    async def close(self) -> None:
        """End all subscriptions; nothing is written afterwards."""
        self._processor.close()
