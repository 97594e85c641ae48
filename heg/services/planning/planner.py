"""Who plans, as the slot loop sees it."""

from typing import Protocol

from heg.model.plan import Degradation, PlanReply, PlanRequest


class Planner(Protocol):
    """Answers a request, or says why it could not. What it answers makes sense; it never raises for what may fail."""

    async def ask(self, request: PlanRequest, limit_s: float) -> PlanReply | Degradation:
        """Return the plan of this request within `limit_s` real seconds, or the lack that stands in its place."""

    async def close(self) -> None:
        """End what answers."""
