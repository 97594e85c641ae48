"""Shows the page with the house on paper: `python -m tests.web.preview [PORT] [SPEED] [WHAT]`.

WHAT: `house` (with a plan), `car`, `degraded`, `unplanned` (no slot loop), `young` (no past, no plan yet), `trouble`,
`empty`.
"""

import asyncio
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from heg.data.interface import DataInterface
from heg.model.policy import CUSTOMER
from heg.model.records import Severity
from heg.model.regimes import RegimeOrder
from heg.model.slots import slot_start
from heg.runtime.clock import Clock
from heg.runtime.loops import ScaledTiming, run
from heg.web.listen import open_listener, page_address
from heg.web.server import WebServer
from heg.web.settings import WebSettings
from tests.web import paper_plan
from tests.web.house import HOME, PV, PaperHouse


class _Planner:
    """A new plan at each slot, yesterday's of before, and the books; the house follows."""

    def __init__(self, house: PaperHouse, what: str, now: datetime) -> None:
        self._house, self._what = house, what
        self._slot: datetime | None = None
        begins = slot_start(now, paper_plan.QUARTER) - timedelta(hours=48)
        self._plan = paper_plan.plan_from(begins, slots=48 * 4 + 1, soc=0.35)
        house.follow = self._order
        if what == "car":
            house.install_charger()

    def _order(self, time: datetime) -> tuple[RegimeOrder, str] | None:
        at = self._plan.index(time)
        return None if at is None else (self._plan.ess[at].order, self._plan.ess[at].reason.text)

    def tick(self, now: datetime) -> None:
        slot = slot_start(now, paper_plan.QUARTER)
        if slot == self._slot:
            return
        door = self._house.door
        if self._slot is None:
            paper_plan.remember(door, now)
            if self._what == "car":
                self._house.plug(now)
        self._slot = slot
        self._plan = paper_plan.plan_from(slot, soc=self._house.soc, car=self._what == "car")
        degraded = self._what == "degraded"
        paper_plan.publish(door, paper_plan.degraded(self._plan) if degraded else self._plan)
        paper_plan.book(door, slot, priced=not degraded)


async def show(clock: Clock, port: int, what: str) -> None:
    data = DataInterface(clock, HOME.unit)
    with open_listener(WebSettings(port=port)) as listener:
        home = replace(HOME, planning=what != "unplanned")
        web = WebServer(data.admit(CUSTOMER, "web"), clock, home, WebSettings(port=port), listener)
        sys.stdout.write(f"{page_address(listener)}\n")
        sys.stdout.flush()
        serving = asyncio.create_task(web.run())
        house = PaperHouse(data, clock)
        if what != "empty":
            house.attach()
        planner = _Planner(house, what, clock.utc()) if what in ("house", "car", "degraded") else None
        if what not in ("empty", "young"):
            house.remember()
        if what == "trouble":
            house.alarm(
                "silent",
                Severity.WARNING,
                "The PV inverter does not answer.",
                "See that it has power and network, then scan for devices.",
            )
        while not serving.done():
            if what != "empty":
                house.tick()
            if planner is not None:
                planner.tick(clock.utc())
            if what == "trouble":
                house.lose(PV)
            await clock.sleep(1.0)
        await serving


def main() -> None:
    port, speed = int(sys.argv[1] if len(sys.argv) > 1 else 8463), float(sys.argv[2] if len(sys.argv) > 2 else 60)
    what = sys.argv[3] if len(sys.argv) > 3 else "house"
    timing = ScaledTiming(speed, datetime(2026, 6, 3, 10, 20, tzinfo=UTC), time.time())
    run(lambda clock: show(clock, port, what), timing=timing)


if __name__ == "__main__":
    main()
