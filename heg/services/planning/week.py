"""Asks for the days ahead (EUMF-H) now and then, and says what was answered. In memory: they are soon others."""

from dataclasses import replace

from heg.data.door import Door
from heg.model.instance import Location
from heg.model.plan import Degradation, PlanReply, PlanRequest

EACH_S = 3600.0


class WeekKeeper:
    """One per slot loop. The week rides on a plan's question, at most once an hour."""

    def __init__(self, door: Door, here: Location) -> None:
        self._door, self._here = door, here
        self._told_s: float | None = None

    def asked(self, request: PlanRequest, now_s: float) -> PlanRequest:
        """Return the question, with the week asked for if the last one is old."""
        due = self._told_s is None or now_s - self._told_s >= EACH_S
        return replace(request, week=True) if due else request

    def took(self, reply: PlanReply | Degradation, now_s: float) -> None:
        """Say what was answered; where nothing was, the next plan asks again."""
        if isinstance(reply, PlanReply) and reply.week is not None:
            self._door.write("week", self._here, reply.week)
            self._told_s = now_s

    def forget(self) -> None:
        """The past or its labels are others now: what was said of the days ahead holds no more."""
        self._told_s = None
