"""Shows the page with the house on paper: `python -m tests.web.preview [PORT] [SPEED] [WHAT] [login]`.

WHAT: `house` (with a plan), `car`, `appliances`, `degraded`, `unplanned` (no slot loop), `young` (no past, no plan
yet), `trouble`, `empty`. With `login` there is one, and the code that claims the house is printed.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from heg.data.interface import DataInterface
from heg.model.policy import CUSTOMER
from heg.model.records import Severity
from heg.model.regimes import RegimeOrder
from heg.model.slots import slot_start
from heg.runtime.clock import Clock
from heg.runtime.loops import ScaledTiming, run
from heg.runtime.secrets import Secret
from heg.web.accounts.accounts import Accounts
from heg.web.accounts.desk import AccountsDesk
from heg.web.accounts.ledger import Ledger
from heg.web.accounts.principals import Doors
from heg.web.accounts.records import Now
from heg.web.accounts.rules import Rules
from heg.web.gate import Gate
from heg.web.listen import open_listener, page_address
from heg.web.server import WebServer
from heg.web.settings import WebSettings
from tests.web import paper_plan
from tests.web.appliances import furnish
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
        door.write("week", paper_plan.HERE, paper_plan.week_from(now, known_days=1.4 if degraded else 35.0))
        paper_plan.book(door, slot, priced=not degraded)


@dataclass(frozen=True, slots=True)
class Preview:
    """The house that is shown, and where."""

    house: PaperHouse
    address: str
    serving: asyncio.Task[None]


@contextlib.asynccontextmanager
async def previewing(clock: Clock, port: int, what: str, desk: AccountsDesk | None = None) -> AsyncIterator[Preview]:
    """Show a house that lives, behind a login where there is a `desk`; everything is gone afterwards."""
    data = DataInterface(clock, HOME.unit)
    settings = WebSettings(port=port)
    home = replace(HOME, planning=what != "unplanned")
    house = PaperHouse(data, clock)
    planner = _prepare(house, clock, what)
    with open_listener(settings) as listener:
        gate = None if desk is None else Gate(desk, Doors(data.admit))
        web = WebServer(data.admit(CUSTOMER, "web"), clock, home, settings, listener, gate)
        serving = asyncio.create_task(web.run(), name="web")
        living = asyncio.create_task(_live(house, clock, what, planner), name="house")
        try:
            yield Preview(house, page_address(listener), serving)
        finally:
            for task in (living, serving):
                task.cancel()
            await asyncio.gather(living, serving, return_exceptions=True)
            await data.close()


def _prepare(house: PaperHouse, clock: Clock, what: str) -> _Planner | None:
    if what != "empty":
        house.attach()
    if what == "appliances":
        furnish(house, clock, more=40)
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
    return planner


async def _live(house: PaperHouse, clock: Clock, what: str, planner: _Planner | None) -> None:
    while True:
        if what != "empty":
            house.tick()
        if planner is not None:
            planner.tick(clock.utc())
        if what == "trouble":
            house.lose(PV)
        await clock.sleep(1.0)


@contextlib.asynccontextmanager
async def keeping(clock: Clock, folder: Path, rules: Rules | None = None) -> AsyncIterator[AccountsDesk]:
    """Accounts in a folder, with the hashes that a gateway makes."""
    desk = AccountsDesk(clock, folder, rules)
    await desk.open()
    running = asyncio.create_task(desk.run(), name="accounts")
    try:
        yield desk
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await desk.close()


def console_code(clock: Clock, folder: Path, *, recovery: bool = False) -> str:
    """The code that a command at the console prints, beside the running gateway."""
    ledger = Ledger.open(folder, Rules())
    try:
        accounts, now = Accounts(ledger, ""), Now(round(clock.utc().timestamp() * 1000), clock.monotonic_s())
        code = accounts.recovery_code(now) if recovery else accounts.claim_code(now)
        assert isinstance(code, Secret), code
        return code.reveal()
    finally:
        ledger.close()


async def show(clock: Clock, port: int, what: str, *, login: bool) -> None:
    async with contextlib.AsyncExitStack() as stack:
        desk, words = None, ""
        if login:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            desk = await stack.enter_async_context(keeping(clock, folder))
            words = f"\nclaim code {console_code(clock, folder)}"
        preview = await stack.enter_async_context(previewing(clock, port, what, desk))
        sys.stdout.write(f"{preview.address}{words}\n")
        sys.stdout.flush()
        await preview.serving


def timing(utc: datetime, speed: float) -> ScaledTiming:
    """House time that begins at `utc` now."""
    return ScaledTiming(speed, utc, time.time())


def main() -> None:
    port, speed = int(sys.argv[1] if len(sys.argv) > 1 else 8463), float(sys.argv[2] if len(sys.argv) > 2 else 60)
    what = sys.argv[3] if len(sys.argv) > 3 else "house"
    login = "login" in sys.argv[4:]
    run(
        lambda clock: show(clock, port, what, login=login),
        timing=timing(datetime(2026, 6, 3, 10, 20, tzinfo=UTC), speed),
    )


if __name__ == "__main__":
    main()
